"""Order lists: one locks for both, one ends the other, and no half is ever left."""

from decimal import Decimal
from typing import Any

import pytest

from bot.exchange.box.errors import ApiError
from bot.exchange.box.filters import MAX_ORDER_LISTS, MAX_WAITING_STOPS
from bot.exchange.box.orders import Kind, Lifetime, Status
from tests.fakes.box_exchange import advance, box_exchange, force, free, last, locked, place, place_oco

TARGET = {"kind": Kind.LIMIT_MAKER, "price": "190"}
STOP = {"kind": Kind.STOP_LOSS, "stop_price": "100"}
STOP_LIMIT = {**STOP, "kind": Kind.STOP_LOSS_LIMIT, "price": "99"}
DIP = {"kind": Kind.LIMIT_MAKER, "price": "120"}
BREAKOUT = {"kind": Kind.STOP_LOSS, "stop_price": "170"}
BREAKOUT_LIMIT = {**BREAKOUT, "kind": Kind.STOP_LOSS_LIMIT, "price": "172"}


def test_a_sale_locks_its_coins_once_for_both() -> None:
    exchange = box_exchange()
    order_list, above, below = place_oco(exchange, "SELL", "10", TARGET, STOP)
    assert locked(exchange, "SOL") == 10
    assert above.list_id == below.list_id == order_list.list_id
    assert above.status is below.status is Status.NEW


def test_a_purchase_locks_what_the_dearer_order_needs() -> None:
    exchange = box_exchange()
    place_oco(exchange, "BUY", "10", BREAKOUT_LIMIT, DIP)
    assert locked(exchange, "USDT") == 1_720


def test_when_the_target_trades_the_stop_expires() -> None:
    exchange = box_exchange()
    order_list, above, below = place_oco(exchange, "SELL", "10", TARGET, STOP)
    force(exchange, "191")
    assert (above.status, below.status) == (Status.FILLED, Status.EXPIRED)
    assert order_list.is_done
    assert locked(exchange, "SOL") == 0
    assert exchange.accounts.check()


@pytest.mark.parametrize("stop", [STOP, STOP_LIMIT])
def test_when_the_stop_triggers_the_target_expires_and_the_coins_go_over(stop: dict[str, Any]) -> None:
    exchange = box_exchange()
    order_list, above, below = place_oco(exchange, "SELL", "10", TARGET, stop)
    force(exchange, "99.5")
    assert (above.status, below.status) == (Status.EXPIRED, Status.FILLED)
    assert order_list.is_done
    assert free(exchange, "SOL") == 110
    assert exchange.accounts.check()


def test_a_triggered_stop_that_rests_holds_the_coins_alone() -> None:
    exchange = box_exchange()
    order_list, above, below = place_oco(exchange, "SELL", "10", TARGET, STOP_LIMIT)
    force(exchange, "95")
    assert (above.status, below.status, order_list.is_done) == (Status.EXPIRED, Status.NEW, False)
    assert locked(exchange, "SOL") == below.locked == 10
    exchange.matching.cancel(below, exchange.now_ms)
    assert order_list.is_done
    assert locked(exchange, "SOL") == 0


def test_a_triggered_purchase_gives_back_what_the_other_would_have_needed() -> None:
    exchange = box_exchange(book_levels=1)
    _, above, below = place_oco(exchange, "BUY", "10", {**BREAKOUT_LIMIT, "price": "110"}, DIP)
    assert locked(exchange, "USDT") == 1_200
    force(exchange, "171")
    assert (above.status, below.status) == (Status.NEW, Status.EXPIRED)
    assert locked(exchange, "USDT") == 1_100
    assert exchange.accounts.check()


def test_a_part_of_the_target_ends_the_stop_already() -> None:
    exchange = box_exchange()
    order_list, above, below = place_oco(exchange, "SELL", "10", TARGET, STOP)
    exchange.matching.fill_resting(above, Decimal(3), exchange.now_ms)
    assert (above.status, below.status) == (Status.PARTIALLY_FILLED, Status.EXPIRED)
    assert not order_list.is_done
    assert locked(exchange, "SOL") == 7


@pytest.mark.parametrize("place_", [0, 1])
def test_cancelling_either_order_cancels_both(place_: int) -> None:
    exchange = box_exchange()
    order_list, *orders = place_oco(exchange, "SELL", "10", TARGET, STOP)
    exchange.matching.cancel(orders[place_], exchange.now_ms)
    assert {order.status for order in orders} == {Status.CANCELED}
    assert order_list.is_done
    assert free(exchange, "SOL") == 120


def test_both_may_wait_for_their_price() -> None:
    exchange = box_exchange()
    take_profit = {"kind": Kind.TAKE_PROFIT, "stop_price": "190"}
    _, above, below = place_oco(exchange, "SELL", "10", take_profit, STOP)
    assert locked(exchange, "SOL") == 10
    force(exchange, "190")
    assert (above.status, below.status) == (Status.FILLED, Status.EXPIRED)
    assert exchange.accounts.check()


def test_a_stop_of_a_list_may_trail() -> None:
    exchange = box_exchange()
    trailing = {"kind": Kind.STOP_LOSS, "trailing_bps": 1_000}
    _, above, below = place_oco(exchange, "SELL", "10", TARGET, trailing)
    force(exchange, "180")
    assert below.is_waiting
    force(exchange, "162")
    assert (above.status, below.status) == (Status.EXPIRED, Status.FILLED)


@pytest.mark.parametrize(
    ("side", "above", "below", "code"),
    [
        ("SELL", {"kind": Kind.MARKET}, STOP, -1158),
        ("SELL", TARGET, {**DIP}, -1168),
        ("SELL", {**STOP, "stop_price": "190"}, DIP, -1166),
        ("BUY", {**TARGET}, {**STOP}, -1165),
        ("SELL", {**STOP, "stop_price": "190"}, STOP, -1197),
        ("BUY", BREAKOUT, STOP, -1196),
        ("SELL", TARGET, {**STOP, "kind": Kind.TAKE_PROFIT}, -1199),
        ("BUY", {**BREAKOUT, "kind": Kind.TAKE_PROFIT}, DIP, -1198),
        ("SELL", {**TARGET, "price": "120"}, STOP, -2010),
        ("SELL", TARGET, {**STOP, "stop_price": "180"}, -2010),
        ("BUY", {**BREAKOUT, "stop_price": "130"}, DIP, -2010),
    ],
)
def test_what_does_not_go_together_is_refused_whole(
    side: str, above: dict[str, Any], below: dict[str, Any], code: int
) -> None:
    exchange = box_exchange()
    with pytest.raises(ApiError) as refused:
        place_oco(exchange, side, "1", above, below)
    assert refused.value.code == code
    assert code != -2010 or "relationship of the prices" in refused.value.text
    assert not exchange.ledger.orders
    assert not exchange.ledger.lists
    assert locked(exchange, "SOL") == locked(exchange, "USDT") == 0


def test_more_than_is_free_is_refused_whole() -> None:
    exchange = box_exchange()
    with pytest.raises(ApiError, match="insufficient balance"):
        place_oco(exchange, "SELL", "121", TARGET, STOP)
    assert exchange.matching.book.open_orders() == []


def test_the_stops_of_lists_count_towards_the_limit_of_stops() -> None:
    exchange = box_exchange()
    for _ in range(MAX_WAITING_STOPS):
        place_oco(exchange, "SELL", "1", TARGET, STOP)
    with pytest.raises(ApiError, match="MAX_NUM_ALGO_ORDERS"):
        place_oco(exchange, "SELL", "1", TARGET, STOP)
    with pytest.raises(ApiError, match="MAX_NUM_ALGO_ORDERS"):
        place(exchange, "SELL", "STOP_LOSS", "1", stop_price="90")
    assert MAX_ORDER_LISTS > MAX_WAITING_STOPS


def test_a_list_of_two_stops_needs_room_for_both() -> None:
    exchange = box_exchange()
    for _ in range(MAX_WAITING_STOPS - 1):
        place(exchange, "SELL", "STOP_LOSS", "1", stop_price="90")
    with pytest.raises(ApiError, match="MAX_NUM_ALGO_ORDERS"):
        place_oco(exchange, "SELL", "1", {"kind": Kind.TAKE_PROFIT, "stop_price": "190"}, STOP)


def test_an_open_list_and_its_orders_have_names_of_their_own() -> None:
    exchange = box_exchange()
    _, above, _ = place_oco(exchange, "SELL", "1", TARGET, STOP)
    with pytest.raises(ApiError, match="Duplicate order sent"):
        place(exchange, "SELL", "LIMIT", "1", price="200", client_order_id=above.client_order_id)


def test_a_walk_over_hours_decides_a_list_once() -> None:
    exchange = box_exchange(seed=3)
    price = last(exchange)
    above = {"kind": Kind.LIMIT_MAKER, "price": str(price + 1)}
    below = {"kind": Kind.STOP_LOSS_LIMIT, "stop_price": str(price - 1), "price": str(price - 2)}
    order_list, first, second = place_oco(exchange, "SELL", "1", above, {**below, "lifetime": Lifetime.GTC})
    advance(exchange, 6 * 3_600)
    assert order_list.is_done
    assert sorted([first.status, second.status]) == [Status.EXPIRED, Status.FILLED]
    assert exchange.accounts.check()
