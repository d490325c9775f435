"""The operator's side of the box: time, prices, coins from outside, faults."""

import datetime as dt
import time
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import ccxt
import pytest

from bot.exchange.box.client import BoxControl
from bot.exchange.box.config import BoxConfig
from bot.exchange.box.server import RunningBox, start_box
from bot.kernel.errors import ExchangeRefusedError, ExchangeUnavailableError, SettingsError
from tests.fakes.box_client import ccxt_client

SOL = "SOL/USDT"
START = dt.datetime(2026, 5, 3, 12, 34, 56, tzinfo=dt.UTC)


@pytest.fixture
def box() -> Iterator[RunningBox]:
    with start_box(BoxConfig(start=START, speed=0)) as running:
        yield running


@pytest.fixture
def client(box: RunningBox) -> Iterator[Any]:
    with ccxt_client(box) as exchange:
        exchange.load_markets()
        yield exchange


def test_the_token_is_needed(box: RunningBox) -> None:
    with BoxControl(box.control_url, "guess") as stranger, pytest.raises(ExchangeRefusedError, match="token"):
        stranger.state()


def test_market_time_moves_by_steps_or_runs(box: RunningBox) -> None:
    assert box.control.advance(90) == "2026-05-03T12:36:26Z"
    assert box.control.state()["market_time"] == "2026-05-03T12:36:26Z"
    box.control.set_speed(1_000)
    time.sleep(0.1)  # noqa: TID251  # real time is what makes this clock run
    box.control.set_speed(0)
    assert box.control.state()["market_ms"] >= int(START.timestamp() * 1_000) + 90_000 + 100_000


def test_a_forced_price_is_what_everybody_sees(box: RunningBox, client: Any) -> None:
    box.control.set_price(SOL, "120")
    assert client.fetch_ticker(SOL)["last"] == 120
    assert client.fetch_order_book(SOL)["bids"][0][0] < 120
    assert box.control.price(SOL) == 120
    box.control.advance(60)
    assert abs(box.control.price(SOL) - 120) < 3


def test_a_stop_fires_while_nobody_asks(box: RunningBox, client: Any) -> None:
    order = client.create_order(SOL, "limit", "sell", 3, 129, {"stopLossPrice": 130, "clientOrderId": "stop"})
    assert client.fetch_balance()["SOL"]["used"] == 3
    box.control.set_price(SOL, "129.5")
    box.control.advance(1)
    assert client.fetch_order(order["id"], SOL)["status"] == "closed"
    assert client.fetch_balance()["SOL"] == {"free": 117, "used": 0, "total": 117}


def test_coins_come_and_go_from_outside(box: RunningBox, client: Any) -> None:
    box.control.deposit("SOL", "5.5")
    box.control.withdraw("ETH", "1")
    balance = client.fetch_balance()["total"]
    assert (balance["SOL"], balance["ETH"]) == (125.5, 3.5)
    with pytest.raises(ExchangeRefusedError, match="insufficient balance"):
        box.control.withdraw("ETH", "100")
    assert box.control.state()["balances_conserved"] is True


def test_a_trade_by_hand_has_a_foreign_client_id(box: RunningBox, client: Any) -> None:
    box.control.external_trade(SOL, "sell", "10")
    (order,) = client.fetch_orders(SOL)
    assert order["clientOrderId"].startswith("web_")
    assert client.fetch_balance()["SOL"]["total"] == 110


@pytest.mark.parametrize(
    ("call", "arguments"),
    [
        ("set_price", (SOL, "120.001")),
        ("set_price", (SOL, "0")),
        ("set_price", ("NOPE/USDT", "1")),
        ("deposit", ("SOL", "0.000000001")),
        ("deposit", ("SOL", "-1")),
        ("advance", (-1,)),
        ("set_speed", (-1,)),
        ("external_trade", (SOL, "hold", "1")),
        ("add_fault", ("explode",)),
    ],
)
def test_nonsense_is_refused_and_changes_nothing(
    box: RunningBox, call: str, arguments: tuple[Any, ...]
) -> None:
    before = box.control.state()
    with pytest.raises(ExchangeRefusedError):
        getattr(box.control, call)(*arguments)
    assert box.control.state() == before


def test_an_executed_order_whose_answer_is_lost_can_be_found(box: RunningBox, client: Any) -> None:
    box.control.add_fault("drop_after", path="order", method="POST")
    with pytest.raises(ccxt.NetworkError):
        client.create_order(SOL, "market", "sell", 1, params={"clientOrderId": "ghost"})
    found = client.fetch_order(None, SOL, {"origClientOrderId": "ghost"})
    assert (found["status"], found["filled"]) == ("closed", 1)
    assert [row["status"] for row in box.control.requests() if row["method"] == "POST"] == [0]


def test_a_request_dropped_before_has_not_happened(box: RunningBox, client: Any) -> None:
    box.control.add_fault("drop_before", path="order", method="POST")
    with pytest.raises(ccxt.NetworkError):
        client.create_order(SOL, "market", "sell", 1, params={"clientOrderId": "lost"})
    with pytest.raises(ccxt.OrderNotFound):
        client.fetch_order(None, SOL, {"origClientOrderId": "lost"})
    assert client.create_order(SOL, "market", "sell", 1)["status"] == "closed"


@pytest.mark.parametrize(
    ("action", "details", "error", "is_executed"),
    [
        ("status_after", {"status": 504}, ccxt.RequestTimeout, True),
        ("status_before", {"status": 503}, ccxt.ExchangeNotAvailable, False),
        ("status_before", {"status": 429, "headers": {"Retry-After": "7"}}, ccxt.DDoSProtection, False),
        ("status_before", {"status": 418, "code": -1003, "message": "banned"}, ccxt.DDoSProtection, False),
        ("status_after", {"status": 400, "code": -1007, "message": "Timeout"}, ccxt.RequestTimeout, True),
    ],
)
def test_any_answer_can_be_given_before_or_after_the_execution(
    box: RunningBox,
    client: Any,
    action: str,
    details: dict[str, Any],
    error: type[Exception],
    *,
    is_executed: bool,
) -> None:
    box.control.add_fault(action, path="order", method="POST", **details)
    with pytest.raises(error):
        client.create_order(SOL, "market", "sell", 1)
    assert client.fetch_balance()["SOL"]["total"] == (119 if is_executed else 120)


def test_an_answer_may_be_no_json_at_all(box: RunningBox, client: Any) -> None:
    """The client takes this for an order without any fields; who uses it must look."""
    box.control.add_fault("status_after", path="order", method="POST", status=200, body="<html>")
    assert client.create_order(SOL, "market", "sell", 1)["id"] is None
    assert client.fetch_balance()["SOL"]["total"] == 119


def test_a_slow_answer_ends_in_the_clients_timeout_and_the_order_lives(box: RunningBox) -> None:
    with ccxt_client(box) as client:
        client.load_markets()
        box.control.add_fault("delay", path="order", method="POST", seconds=0.8)
        client.timeout = 300
        with pytest.raises(ccxt.RequestTimeout):
            client.create_order(SOL, "market", "sell", 1, params={"clientOrderId": "slow"})
        time.sleep(0.8)  # noqa: TID251  # the exchange is slow in real time
        client.timeout = 10_000
        assert client.fetch_order(None, SOL, {"origClientOrderId": "slow"})["status"] == "closed"


def test_faults_can_be_taken_back(box: RunningBox, client: Any) -> None:
    box.control.add_fault("drop_before")
    assert box.control.state()["faults"] == 1
    box.control.clear_faults()
    assert client.fetch_time()


def test_a_stopped_box_is_unavailable_and_stopping_twice_is_fine() -> None:
    box = start_box(BoxConfig(speed=0))
    box.control.shutdown()
    box.stop()
    box.stop()
    late = BoxControl(box.control_url, box.control_token)
    with late, pytest.raises(ExchangeUnavailableError):
        late.state()


def test_a_taken_port_is_named(box: RunningBox) -> None:
    port = int(box.rest_url.split(":")[2].split("/")[0])
    with pytest.raises(SettingsError, match=str(port)):
        start_box(BoxConfig(port=port))


def test_prices_and_amounts_stay_exact(box: RunningBox) -> None:
    box.control.deposit("BTC", Decimal("0.00000001"))
    assert box.control.state()["balances"]["BTC"]["free"] == "0.35000001"
