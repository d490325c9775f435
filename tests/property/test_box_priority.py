"""Price-time priority: the better price first, at one price the older order."""

from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.exchange.box.orders import Status
from tests.fakes.box_exchange import advance, box_exchange, force, place

CENT = Decimal("0.01")
offsets = st.lists(st.integers(0, 6), min_size=2, max_size=12)


@settings(max_examples=60)
@given(places=offsets, reach=st.integers(0, 7))
def test_sales_fill_from_the_lowest_price_up_and_in_order_of_arrival(places: list[int], reach: int) -> None:
    exchange = box_exchange()
    prices = [Decimal(160) + place_ * CENT for place_ in places]
    orders = [place(exchange, "SELL", "LIMIT", "1", price=str(price)) for price in prices]
    force(exchange, str(Decimal(160) + (reach - 1) * CENT))
    reached = [order for order in orders if order.price <= Decimal(160) + (reach - 1) * CENT]
    expected = [o.order_id for o in sorted(reached, key=lambda order: (order.price, order.order_id))]
    assert [trade.order_id for trade in exchange.ledger.trades] == expected
    assert all((order.status is Status.FILLED) == (order in reached) for order in orders)


@settings(max_examples=60)
@given(places=offsets, reach=st.integers(0, 7))
def test_purchases_fill_from_the_highest_price_down(places: list[int], reach: int) -> None:
    exchange = box_exchange()
    prices = [Decimal(140) - place_ * CENT for place_ in places]
    orders = [place(exchange, "BUY", "LIMIT", "1", price=str(price)) for price in prices]
    force(exchange, str(Decimal(140) - (reach - 1) * CENT))
    reached = [order for order in orders if order.price >= Decimal(140) - (reach - 1) * CENT]
    expected = [o.order_id for o in sorted(reached, key=lambda order: (-order.price, order.order_id))]
    assert [trade.order_id for trade in exchange.ledger.trades] == expected


@settings(max_examples=40)
@given(
    places=st.lists(st.integers(-150, 150).filter(bool), min_size=2, max_size=12), hours=st.integers(1, 30)
)
def test_along_a_moving_market_no_better_order_waits_behind_a_worse_one(
    places: list[int], hours: int
) -> None:
    exchange = box_exchange(wallet={"SOL": Decimal(1_000), "USDT": Decimal(1_000_000)})
    orders = []
    for place_ in places:
        price = str(Decimal("147.1") + place_ * 2 * CENT)
        orders.append(place(exchange, "SELL" if place_ > 0 else "BUY", "LIMIT", "1", price=price))
    advance(exchange, hours * 3_600)
    for side in ("SELL", "BUY"):
        same = [order for order in orders if order.side == side]
        for order in same:
            for other in same:
                better = other.price < order.price if side == "SELL" else other.price > order.price
                if better and order.executed:
                    assert other.status is Status.FILLED
    times = [trade.executed_ms for trade in exchange.ledger.trades]
    assert times == sorted(times)
