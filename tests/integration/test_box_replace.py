"""Cancel-replace in the box: both modes, each half that can fail, and the unchanged client's `edit_order`."""

import datetime as dt
import json
from collections.abc import Iterator
from typing import Any

import ccxt
import pytest
from ccxt.test.exchange.base.test_order import test_order as check_order

from bot.exchange.box.config import BoxConfig
from bot.exchange.box.server import RunningBox, start_box
from tests.fakes.box_client import ccxt_client

SOL = "SOL/USDT"
START = dt.datetime(2026, 5, 3, 12, tzinfo=dt.UTC)
NEW = {
    "symbol": "SOLUSDT", "side": "SELL", "type": "LIMIT", "timeInForce": "GTC",
    "quantity": "2", "price": "190", "newClientOrderId": "second",
}  # fmt: skip


@pytest.fixture
def box() -> Iterator[RunningBox]:
    with start_box(BoxConfig(start=START, speed=0)) as running:
        yield running


@pytest.fixture
def client(box: RunningBox) -> Iterator[Any]:
    with ccxt_client(box) as exchange:
        exchange.load_markets()
        exchange.create_order(SOL, "limit", "sell", 1, 180, {"clientOrderId": "first"})
        yield exchange


def replace(client: Any, mode: str = "STOP_ON_FAILURE", **changes: str) -> dict[str, Any]:
    words = {**NEW, "cancelReplaceMode": mode, "cancelOrigClientOrderId": "first", **changes}
    answer: dict[str, Any] = client.private_post_order_cancelreplace(words)
    return answer


def refused(client: Any, mode: str = "STOP_ON_FAILURE", **changes: str) -> dict[str, Any]:
    """Return the body of the refusal, as the exchange wrote it."""
    with pytest.raises(ccxt.BaseError):
        replace(client, mode, **changes)
    body: dict[str, Any] = json.loads(client.last_http_response)
    return body


def open_ids(client: Any) -> list[str]:
    return sorted(order["clientOrderId"] for order in client.fetch_open_orders(SOL))


def test_the_unchanged_clients_edit_order_replaces_the_order(client: Any) -> None:
    old = client.fetch_open_orders(SOL)[0]
    new = client.edit_order(old["id"], SOL, "limit", "sell", 2, 191)
    assert (new["amount"], new["price"], new["status"]) == (2, 191, "open")
    check_order(client, {}, "editOrder", client.fetch_order(new["id"], SOL), SOL, client.milliseconds())
    assert client.fetch_order(old["id"], SOL)["status"] == "canceled"
    assert client.fetch_balance()["SOL"]["used"] == 2


def test_both_halves_that_succeed_are_told_in_full(client: Any) -> None:
    answer = replace(client)
    assert (answer["cancelResult"], answer["newOrderResult"]) == ("SUCCESS", "SUCCESS")
    assert answer["cancelResponse"]["origClientOrderId"] == "first"
    assert answer["cancelResponse"]["status"] == "CANCELED"
    new = answer["newOrderResponse"]
    assert (new["clientOrderId"], new["fills"]) == ("second", [])
    assert open_ids(client) == ["second"]


def test_the_new_order_may_use_what_the_old_one_locked(client: Any) -> None:
    free = client.fetch_balance()["SOL"]["free"]
    assert replace(client, quantity=str(free + 1))["newOrderResult"] == "SUCCESS"


def test_a_failed_cancellation_stops_the_new_order(client: Any) -> None:
    body = refused(client, cancelOrigClientOrderId="nobody")
    assert (body["code"], body["msg"]) == (-2022, "Order cancel-replace failed.")
    assert body["data"] == {
        "cancelResult": "FAILURE",
        "newOrderResult": "NOT_ATTEMPTED",
        "cancelResponse": {"code": -2011, "msg": "Unknown order sent."},
        "newOrderResponse": None,
    }
    assert open_ids(client) == ["first"]


def test_a_failed_cancellation_that_is_allowed_leaves_two_orders(client: Any) -> None:
    body = refused(client, "ALLOW_FAILURE", cancelOrigClientOrderId="nobody")
    assert (body["code"], body["msg"]) == (-2021, "Order cancel-replace partially failed.")
    assert (body["data"]["cancelResult"], body["data"]["newOrderResult"]) == ("FAILURE", "SUCCESS")
    assert open_ids(client) == ["first", "second"]


@pytest.mark.parametrize("mode", ["STOP_ON_FAILURE", "ALLOW_FAILURE"])
def test_a_new_order_that_fails_behind_a_cancellation_leaves_none(client: Any, mode: str) -> None:
    body = refused(client, mode, quantity="8000")
    assert body["code"] == -2021
    assert (body["data"]["cancelResult"], body["data"]["newOrderResult"]) == ("SUCCESS", "FAILURE")
    assert body["data"]["newOrderResponse"] == {
        "code": -2010,
        "msg": "Account has insufficient balance for requested action.",
    }
    assert open_ids(client) == []
    assert client.fetch_balance()["SOL"]["used"] == 0


def test_both_halves_that_fail_are_told(client: Any) -> None:
    body = refused(client, "ALLOW_FAILURE", cancelOrigClientOrderId="nobody", quantity="8000")
    assert body["code"] == -2022
    assert (body["data"]["cancelResult"], body["data"]["newOrderResult"]) == ("FAILURE", "FAILURE")
    assert open_ids(client) == ["first"]


def test_an_order_that_no_filter_takes_cancels_nothing(client: Any) -> None:
    body = refused(client, quantity="0.0001")
    assert (body["code"], "data" in body) == (-1013, False)
    assert open_ids(client) == ["first"]


def test_a_cancellation_may_be_restricted_to_a_status(client: Any) -> None:
    body = refused(client, cancelRestrictions="ONLY_PARTIALLY_FILLED")
    assert body["data"]["cancelResponse"]["msg"] == "Order was not canceled due to cancel restrictions."
    assert replace(client, cancelRestrictions="ONLY_NEW")["cancelResult"] == "SUCCESS"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"cancelReplaceMode": "MAYBE"}, -1130),
        ({"cancelReplaceMode": ""}, -1102),
        ({"cancelRestrictions": "ONLY_OLD"}, -1145),
    ],
)
def test_words_that_mean_nothing_are_refused_before_anything_happens(
    client: Any, changes: dict[str, str], code: int
) -> None:
    assert refused(client, **changes)["code"] == code
    assert open_ids(client) == ["first"]


def test_one_of_the_two_names_of_the_old_order_is_needed(client: Any) -> None:
    with pytest.raises(ccxt.BaseError):
        client.private_post_order_cancelreplace({**NEW, "cancelReplaceMode": "STOP_ON_FAILURE"})
    assert json.loads(client.last_http_response)["code"] == -1102


def test_every_request_counts_as_one_order_however_it_ends(client: Any) -> None:
    def counted() -> int:
        rows = client.private_get_ratelimit_order()
        return int(next(row["count"] for row in rows if row["interval"] == "DAY"))

    before = counted()
    replace(client)
    refused(client, cancelOrigClientOrderId="nobody", newClientOrderId="third")
    assert counted() == before + 2
