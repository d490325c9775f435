"""What else the operator may do: partial fills, wipes, bans, and scripts of it all."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import ccxt
import pytest

from bot.exchange.box.config import BoxConfig
from bot.exchange.box.limits import REAL_LIMITS, Limits
from bot.exchange.box.server import RunningBox, start_box
from bot.kernel.errors import ExchangeRefusedError, SettingsError
from tests.fakes.box_client import ccxt_client
from tests.fakes.box_exchange import START

SOL = "SOL/USDT"
OCO = {
    "symbol": "SOLUSDT", "side": "SELL", "quantity": "1", "aboveType": "LIMIT_MAKER", "abovePrice": "190",
    "belowType": "STOP_LOSS", "belowStopPrice": "100", "listClientOrderId": "both",
}  # fmt: skip


@pytest.fixture
def box() -> Iterator[RunningBox]:
    with start_box(BoxConfig(start=START, speed=0)) as running:
        yield running


@pytest.fixture
def client(box: RunningBox) -> Iterator[Any]:
    with ccxt_client(box) as exchange:
        exchange.load_markets()
        yield exchange


def test_a_resting_order_is_filled_in_parts_by_hand(box: RunningBox, client: Any) -> None:
    client.create_order(SOL, "limit", "sell", 3, 200, {"clientOrderId": "mine"})
    assert box.control.fill(SOL, "mine", "1")["executedQty"] == "1.00000000"
    assert client.fetch_balance()["SOL"]["used"] == 2
    assert box.control.fill(SOL, "mine", "50")["status"] == "FILLED"
    for name, quantity in (("mine", "1"), ("nobody", "1")):
        with pytest.raises(ExchangeRefusedError, match="no order"):
            box.control.fill(SOL, name, quantity)


def test_an_order_may_find_others_for_a_part_only(box: RunningBox, client: Any) -> None:
    box.control.add_fault("partial_fill", path="order", method="POST", share="0.25", times=2)
    sold = client.create_order(SOL, "market", "sell", 4)
    assert (sold["status"], sold["filled"]) == ("expired", 1)
    rests = client.create_order(SOL, "limit", "sell", 4, 120)
    assert (rests["status"], rests["filled"], rests["remaining"]) == ("open", 1, 3)
    assert client.create_order(SOL, "market", "sell", 4)["filled"] == 4


def test_a_wipe_forgets_all_but_the_keys(box: RunningBox, client: Any) -> None:
    old = client.create_order(SOL, "limit", "sell", 3, 200)
    client.create_order(SOL, "market", "sell", 3)
    box.control.wipe()
    assert client.fetch_balance()["SOL"] == {"free": 120, "used": 0, "total": 120}
    assert client.fetch_open_orders(SOL) == client.fetch_my_trades(SOL) == []
    with pytest.raises(ccxt.OrderNotFound):
        client.fetch_order(old["id"], SOL)
    new = client.create_order(SOL, "market", "sell", 1)
    assert int(new["id"]) > int(old["id"])


def test_a_banned_client_is_told_when_to_come_back(box: RunningBox, client: Any) -> None:
    box.control.ban(90)
    with pytest.raises(ccxt.DDoSProtection, match="IP banned until"):
        client.fetch_ticker(SOL)
    assert 85 <= int(client.last_response_headers["Retry-After"]) <= 90
    box.control.ban(0)
    assert client.fetch_ticker(SOL)["last"] > 0


def test_too_many_orders_are_refused_before_they_happen() -> None:
    limits = Limits(orders_per_day=3)
    with start_box(BoxConfig(speed=0, limits=limits)) as box, ccxt_client(box) as client:
        client.create_order(SOL, "market", "sell", 1)
        assert client.last_response_headers["X-MBX-ORDER-COUNT-1D"] == "1"
        client.private_post_orderlist_oco(OCO)
        assert client.last_response_headers["X-MBX-ORDER-COUNT-1D"] == "3"
        with pytest.raises(ccxt.DDoSProtection, match="-1015"):
            client.create_order(SOL, "market", "sell", 1)
        assert box.control.state()["orders"] == 3


def test_the_real_limits_are_known() -> None:
    with start_box(BoxConfig(speed=0, limits=REAL_LIMITS)) as box, ccxt_client(box) as client:
        assert client.public_get_exchangeinfo()["rateLimits"][0]["limit"] == 6_000
        text = "current limit is 6000 request weight per 1 MINUTE"
        with pytest.raises(ccxt.DDoSProtection, match=text):
            [client.public_get_ticker_24hr() for _ in range(160)]


def test_an_order_list_is_asked_for_and_cancelled(client: Any) -> None:
    placed = client.private_post_orderlist_oco(OCO)
    list_id = placed["orderListId"]
    assert client.private_get_orderlist({"orderListId": list_id})["listOrderStatus"] == "EXECUTING"
    assert client.private_get_orderlist({"origClientOrderId": "both"})["orderListId"] == list_id
    assert [row["orderListId"] for row in client.private_get_openorderlist()] == [list_id]
    assert client.fetch_balance()["SOL"]["used"] == 1
    assert {order["info"]["orderListId"] for order in client.fetch_open_orders(SOL)} == {list_id}
    done = client.private_delete_orderlist({"symbol": "SOLUSDT", "listClientOrderId": "both"})
    assert (done["listStatusType"], len(done["orderReports"])) == ("ALL_DONE", 2)
    assert client.private_get_openorderlist() == []
    assert [row["listOrderStatus"] for row in client.private_get_allorderlist()] == ["ALL_DONE"]
    with pytest.raises(ccxt.OrderNotFound, match="Unknown order list sent"):
        client.private_delete_orderlist({"symbol": "SOLUSDT", "orderListId": list_id})
    with pytest.raises(ccxt.OrderNotFound, match="Order list does not exist"):
        client.private_get_orderlist({"orderListId": 77})


def test_cancelling_everything_cancels_lists_as_a_whole(client: Any) -> None:
    client.private_post_orderlist_oco(OCO)
    client.create_order(SOL, "limit", "sell", 1, 200)
    rows = client.private_delete_openorders({"symbol": "SOLUSDT"})
    assert [row.get("contingencyType") for row in rows] == ["OCO", None]
    assert client.fetch_open_orders(SOL) == []
    assert client.fetch_balance()["SOL"]["used"] == 0


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"aboveType": "MARKET"}, -1158),
        ({"aboveType": "NONSENSE"}, -1116),
        ({"abovePrice": None}, -1102),
        ({"belowPrice": "99"}, -1106),
        ({"belowTrailingDelta": "0"}, -1013),
        ({"aboveTrailingDelta": "100"}, -1106),
        ({"quantity": "0"}, -1013),
        ({"abovePrice": "120"}, -2010),
        ({"newOrderRespType": "LONG"}, -1132),
    ],
)
def test_a_malformed_list_gets_the_exchanges_own_words(
    client: Any, change: dict[str, str | None], code: int
) -> None:
    request = {name: value for name, value in {**OCO, **change}.items() if value is not None}
    with pytest.raises(ccxt.BaseError, match=rf'"code":{code},|not correct'):
        client.private_post_orderlist_oco(request)


def test_a_script_happens_at_its_market_times(box: RunningBox, client: Any) -> None:
    steps = [
        {"call": "price", "body": {"symbol": SOL, "price": "150"}},
        {"after_s": 60, "call": "deposit", "body": {"asset": "DOGE", "amount": "5"}},
        {"after_s": 60, "call": "withdraw", "body": {"asset": "DOGE", "amount": "999999999"}},
        {"after_s": 3600, "call": "price", "body": {"symbol": SOL, "price": "120"}},
    ]
    loaded = box.control.play({"name": "a bad hour", "steps": steps})
    assert [row["call"] for row in loaded["waiting"]] == ["deposit", "withdraw", "price"]
    assert box.control.price(SOL) == 150
    client.create_order(SOL, "market", "sell", 1, None, {"stopLossPrice": 125, "clientOrderId": "stop"})
    box.control.advance(7_200)
    order = client.fetch_order(None, SOL, {"origClientOrderId": "stop"})
    assert order["status"] == "closed"
    start_ms = int(START.timestamp() * 1_000)
    assert order["lastUpdateTimestamp"] == start_ms + 3_600_000
    played = box.control.script()["played"]
    assert [(row["call"], row["market_ms"] - start_ms) for row in played] == [
        ("price", 0), ("deposit", 60_000), ("withdraw", 60_000), ("price", 3_600_000),
    ]  # fmt: skip
    assert [bool(row["error"]) for row in played] == [False, False, True, False]
    assert Decimal(box.control.state()["balances"]["DOGE"]["free"]) == 25_005


@pytest.mark.parametrize(
    ("step", "why"),
    [
        ({"call": "shutdown"}, "cannot call"),
        ({"call": "explode"}, "cannot call"),
        ({"call": "price", "body": {"symbol": SOL}}, "price"),
        ({"call": "wipe", "after_s": -1}, "smaller"),
    ],
)
def test_an_impossible_script_is_refused_whole(box: RunningBox, step: dict[str, Any], why: str) -> None:
    first = {"call": "deposit", "body": {"asset": "DOGE", "amount": "5"}}
    with pytest.raises(ExchangeRefusedError, match=why):
        box.control.play({"steps": [first, step]})
    assert Decimal(box.control.state()["balances"]["DOGE"]["free"]) == 25_000


def test_a_script_goes_on_while_time_runs() -> None:
    with start_box(BoxConfig(start=START, speed=600)) as box:
        box.control.play(
            {"steps": [{"after_s": 60, "call": "deposit", "body": {"asset": "DOGE", "amount": "5"}}]}
        )
        while box.control.script()["waiting"]:
            pass
        assert Decimal(box.control.state()["balances"]["DOGE"]["free"]) == 25_005


def test_made_up_coins_trade_like_the_others() -> None:
    with start_box(BoxConfig(speed=0, extra_coins=91)) as box, ccxt_client(box) as client:
        assert len(client.load_markets()) == 100
        assert (
            client.create_order("C091/USDT", "market", "buy", None, None, {"cost": 50})["status"] == "closed"
        )


def test_a_script_may_come_with_the_box(tmp_path: Path) -> None:
    script = tmp_path / "script.json"
    script.write_text('{"steps":[{"call":"price","body":{"symbol":"SOL/USDT","price":"150"}}]}')
    with start_box(BoxConfig(speed=0, script_file=str(script))) as box:
        assert box.control.price(SOL) == 150


@pytest.mark.parametrize("text", [None, "{", "{}", '{"steps":[{"call":"shutdown"}]}'])
def test_a_script_that_cannot_be_played_stops_the_start(tmp_path: Path, text: str | None) -> None:
    script = tmp_path / "script.json"
    if text is not None:
        script.write_text(text)
    with pytest.raises(SettingsError, match="cannot play the script"):
        start_box(BoxConfig(speed=0, script_file=str(script)))
