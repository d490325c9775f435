from decimal import Decimal
from typing import Any

import msgspec
import pytest

from bot.exchange.box.errors import ApiError
from bot.exchange.box.filters import (
    MAX_OPEN_ORDERS,
    MAX_WAITING_STOPS,
    Surroundings,
    check_counts,
    check_filters,
)
from bot.exchange.box.orders import Kind, Lifetime, NewOrder, Order, Side
from bot.exchange.box.universe import COIN_BY_SYMBOL

SOL = COIN_BY_SYMBOL["SOLUSDT"]


def new(kind: Kind = Kind.LIMIT, **fields: str) -> NewOrder:
    numbers: dict[str, Any] = {
        "quantity": Decimal(1),
        **{name: Decimal(value) for name, value in fields.items()},
    }
    if kind is Kind.LIMIT:
        numbers.setdefault("price", Decimal(100))
    return NewOrder(symbol=SOL.symbol, side=Side.SELL, kind=kind, client_order_id="x", **numbers)


def trailing(bps: int) -> NewOrder:
    return msgspec.structs.replace(new(Kind.STOP_LOSS), trailing_bps=bps)


def resting(count: int, *, waiting: bool = False) -> list[Order]:
    common: dict[str, Any] = {
        "symbol": SOL.symbol, "base": "SOL", "quote": "USDT", "side": Side.SELL, "lifetime": Lifetime.GTC,
        "quantity": Decimal(1), "created_ms": 0, "updated_ms": 0, "kind": Kind.STOP_LOSS,
    }  # fmt: skip
    working_ms = None if waiting else 0
    return [Order(order_id=i, client_order_id=str(i), working_ms=working_ms, **common) for i in range(count)]


def check(order: NewOrder, open_orders: list[Order] | None = None) -> str | None:
    """Return the name of the filter that refuses the order."""
    around = Surroundings(coin=SOL, average_price=Decimal(100), open_orders=open_orders or [])
    try:
        check_filters(order, around)
    except ApiError as refused:
        return f"{refused.code} {refused.text}".removeprefix("-1013 Filter failure: ")
    return None


@pytest.mark.parametrize(
    ("order", "refusal"),
    [
        (new(), None),
        (new(price="100.01"), None),
        (new(price="100.001"), "PRICE_FILTER"),
        (new(price="1000000.01"), "PRICE_FILTER"),
        (new(Kind.STOP_LOSS, stop_price="99.995"), "PRICE_FILTER"),
        (new(Kind.STOP_LOSS, stop_price="99.99"), None),
        (new(price="20"), None),
        (new(price="19.99"), "PERCENT_PRICE_BY_SIDE"),
        (new(price="500"), None),
        (new(price="500.01"), "PERCENT_PRICE_BY_SIDE"),
        (new(quantity="0.05"), None),
        (new(quantity="0.0505"), "LOT_SIZE"),
        (new(quantity="0.0005"), "LOT_SIZE"),
        (new(quantity="90000"), None),
        (new(quantity="90000.001"), "LOT_SIZE"),
        (new(Kind.MARKET, quantity="21000"), None),
        (new(Kind.MARKET, quantity="21000.001"), "MARKET_LOT_SIZE"),
        (new(Kind.STOP_LOSS, quantity="21000.001", stop_price="90"), "MARKET_LOT_SIZE"),
        (new(quantity="21000.001"), None),
        (new(quantity="0.049"), "NOTIONAL"),
        (new(Kind.MARKET, quantity="0.049"), "NOTIONAL"),
        (new(Kind.MARKET, quantity="0", quote_quantity="5"), None),
        (new(Kind.MARKET, quantity="0", quote_quantity="4.99"), "NOTIONAL"),
        (new(quantity="90000", price="100.01"), "NOTIONAL"),
        (trailing(9), "TRAILING_DELTA"),
        (trailing(10), None),
        (trailing(2_000), None),
        (trailing(2_001), "TRAILING_DELTA"),
    ],
)
def test_each_filter_holds_at_its_edge(order: NewOrder, refusal: str | None) -> None:
    assert check(order) == refusal


def test_the_number_of_open_orders_is_limited() -> None:
    assert check(new(), resting(MAX_OPEN_ORDERS - 1)) is None
    assert check(new(), resting(MAX_OPEN_ORDERS)) == "MAX_NUM_ORDERS"
    assert check(new(Kind.MARKET), resting(MAX_OPEN_ORDERS)) is None


def test_the_number_of_waiting_stops_is_limited() -> None:
    stop = new(Kind.STOP_LOSS, stop_price="90")
    assert check(stop, resting(MAX_WAITING_STOPS - 1, waiting=True)) is None
    assert check(stop, resting(MAX_WAITING_STOPS, waiting=True)) == "MAX_NUM_ALGO_ORDERS"
    assert check(stop, resting(MAX_WAITING_STOPS)) is None
    assert check(new(), resting(MAX_WAITING_STOPS, waiting=True)) is None


@pytest.mark.parametrize(
    ("open_orders", "stops", "refusal"),
    [
        (resting(MAX_OPEN_ORDERS - 2), 1, None),
        (resting(MAX_OPEN_ORDERS - 1), 1, "MAX_NUM_ORDERS"),
        (resting(MAX_WAITING_STOPS - 2, waiting=True), 2, None),
        (resting(MAX_WAITING_STOPS - 1, waiting=True), 2, "MAX_NUM_ALGO_ORDERS"),
    ],
)
def test_a_list_counts_as_its_orders(open_orders: list[Order], stops: int, refusal: str | None) -> None:
    if refusal is None:
        check_counts(open_orders, orders=2, stops=stops)
        return
    with pytest.raises(ApiError, match=refusal):
        check_counts(open_orders, orders=2, stops=stops)
