import msgspec
import pytest

from bot.exchange.box.faults import Faults, Match, Scenario


def test_without_scenarios_nothing_is_struck() -> None:
    assert Faults().strike("GET", "/api/v3/time") is None


def test_a_scenario_strikes_the_nth_request_that_matches_once() -> None:
    faults = Faults()
    scenario = Scenario(action="drop_after", match=Match(path="order", method="POST", nth=2))
    faults.add(scenario)
    requests = [("POST", "/api/v3/order"), ("GET", "/api/v3/order"), ("POST", "/api/v3/order/test")]
    assert [faults.strike(*request) for request in requests] == [None, None, None]
    assert faults.strike("POST", "/api/v3/order") is scenario
    assert faults.strike("POST", "/api/v3/order") is None
    assert not faults.waiting


def test_a_scenario_may_strike_several_times() -> None:
    faults = Faults()
    faults.add(Scenario(action="delay", times=2))
    assert [bool(faults.strike("GET", "/x")) for _ in range(3)] == [True, True, False]


def test_the_oldest_scenario_strikes_first() -> None:
    faults = Faults()
    faults.add(Scenario(action="status_before", status=500))
    faults.add(Scenario(action="status_before", status=502))
    struck = [faults.strike("GET", "/x") for _ in range(2)]
    assert [scenario.status for scenario in struck if scenario] == [500, 502]


@pytest.mark.parametrize(
    "body",
    [b'{"action":"explode"}', b'{"action":"delay","unknown":1}', b'{"action":"delay","match":{"a":1}}'],
)
def test_an_unknown_scenario_is_refused(body: bytes) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(body, type=Scenario)


def test_the_body_is_json_with_a_code_or_the_bytes_of_choice() -> None:
    assert Scenario(action="status_before").answer() == b""
    assert Scenario(action="status_before", code=-1003, message="x").answer() == b'{"code":-1003,"msg":"x"}'
    assert Scenario(action="status_before", code=-1, body="<html>").answer() == b"<html>"


def test_faults_of_events_and_of_requests_do_not_meet() -> None:
    faults = Faults()
    faults.add(Scenario(action="event_missing", match=Match(event="executionReport", nth=2)))
    faults.add(Scenario(action="delay", match=Match(method="WS", path="order.place")))
    assert faults.strike("POST", "/api/v3/order") is None
    assert faults.strike_event("trade", "solusdt@trade") is None
    assert faults.strike_event("executionReport", "user") is None
    assert faults.strike_event("executionReport", "user") is not None
    assert faults.strike("WS", "order.place") is not None
    assert not faults.waiting
