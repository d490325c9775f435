"""Order lists and trailing stops under anything: no coin is lost, no half trades, no stop is missed."""

from contextlib import suppress
from decimal import Decimal
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.exchange.box import meeting
from bot.exchange.box.errors import ApiError
from bot.exchange.box.exchange import Exchange
from bot.exchange.box.orders import Kind, Lifetime, Side, Status
from tests.fakes.box_exchange import advance, box_exchange, force, free, locked, place, place_oco

CENT = Decimal("0.01")
TICK = CENT
KINDS = [Kind.LIMIT_MAKER, Kind.STOP_LOSS, Kind.STOP_LOSS_LIMIT, Kind.TAKE_PROFIT, Kind.TAKE_PROFIT_LIMIT]


def cents(low: int, high: int) -> st.SearchStrategy[str]:
    return st.integers(low * 100, high * 100).map(lambda value: str(value * CENT))


quantities = st.integers(40, 30_000).map(lambda value: str(value * Decimal("0.001")))
trails = st.sampled_from([0, 0, 50, 300, 1_000])


@st.composite
def legs(draw: st.DrawFn, low: int, high: int) -> dict[str, Any]:
    kind = draw(st.sampled_from(KINDS))
    leg: dict[str, Any] = {"kind": kind}
    if kind.has_limit:
        leg["price"] = draw(cents(low, high))
    if kind.is_conditional:
        leg["trailing_bps"] = draw(trails)
        if not leg["trailing_bps"] or draw(st.booleans()):
            leg["stop_price"] = draw(cents(low, high))
        if kind.has_limit:
            leg["lifetime"] = draw(st.sampled_from(list(Lifetime)))
    return leg


steps = st.one_of(
    st.tuples(st.just("list"), st.sampled_from(["BUY", "SELL"]), quantities, legs(145, 180), legs(110, 146)),
    st.tuples(st.just("list"), st.sampled_from(["BUY", "SELL"]), quantities, legs(145, 180), legs(110, 146)),
    st.tuples(st.just("trail"), st.sampled_from(["BUY", "SELL"]), quantities, trails, st.just(None)),
    st.tuples(st.just("limit"), st.sampled_from(["BUY", "SELL"]), quantities, cents(120, 170), st.just(None)),
    st.tuples(st.just("force"), cents(115, 175), st.none(), st.none(), st.none()),
    st.tuples(st.just("advance"), st.integers(1, 9_000), st.none(), st.none(), st.none()),
    st.tuples(st.just("cancel"), st.integers(0, 10), st.none(), st.none(), st.none()),
)


def act(exchange: Exchange, step: tuple[Any, ...]) -> None:
    name, first, quantity, one, other = step
    match name:
        case "list":
            place_oco(exchange, first, quantity, one, other)
        case "trail":
            place(exchange, first, "STOP_LOSS", quantity, trailing_bps=one or 200)
        case "limit":
            place(exchange, first, "LIMIT", quantity, price=one)
        case "force":
            force(exchange, first)
        case "advance":
            advance(exchange, first)
        case _:
            waiting = exchange.matching.book.open_orders()
            if waiting:
                exchange.matching.cancel(waiting[first % len(waiting)], exchange.now_ms)


def assert_sound(exchange: Exchange) -> None:
    assert exchange.accounts.check()
    open_orders = exchange.matching.book.open_orders()
    for asset in ("USDT", "SOL"):
        held = sum((order.locked for order in open_orders if order.gives == asset), Decimal(0))
        assert locked(exchange, asset) == held
        assert free(exchange, asset) >= 0
    for order in exchange.ledger.orders.values():
        assert order.status.is_open or order.locked == 0
    for order_list in exchange.ledger.lists.values():
        orders = exchange.ledger.orders_in(order_list)
        assert order_list.is_done == all(not order.status.is_open for order in orders)
        assert sum(order.executed > 0 for order in orders) <= 1, "both halves of a list have traded"
        began = [
            order for order in orders if order.executed or (order.kind.is_conditional and order.working_ms)
        ]
        if began:
            other = next(order for order in orders if order is not began[0])
            assert not other.status.is_open
        elif not order_list.is_done:
            need = max(o.price or o.stop_price for o in orders) if orders[0].side is Side.BUY else Decimal(1)
            assert sum(order.locked for order in orders) >= need * orders[0].quantity


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(script=st.lists(steps, min_size=2, max_size=20), levels=st.sampled_from([1, 3, 200]))
def test_lists_lock_once_trade_once_and_leave_nothing(script: list[tuple[Any, ...]], levels: int) -> None:
    exchange = box_exchange(book_levels=levels)
    for step in script:
        with suppress(ApiError):
            act(exchange, step)
        assert_sound(exchange)
    for order in exchange.matching.book.open_orders():
        if order.status.is_open:
            exchange.matching.cancel(order, exchange.now_ms)
    assert locked(exchange, "USDT") == locked(exchange, "SOL") == 0
    assert all(order_list.is_done for order_list in exchange.ledger.lists.values())


@settings(max_examples=120)
@given(
    prices=st.lists(cents(120, 170), min_size=1, max_size=12),
    bps=st.integers(10, 2_000),
    side=st.sampled_from(["BUY", "SELL"]),
)
def test_a_trailing_stop_triggers_exactly_where_a_simple_model_says(
    prices: list[str], bps: int, side: str
) -> None:
    exchange = box_exchange()
    force(exchange, "145")
    order = place(exchange, side, "STOP_LOSS", "1", trailing_bps=bps)
    best, has_triggered = Decimal(145), False
    for price in map(Decimal, prices):
        level = meeting.trailing_level(best, bps, tick=TICK, is_buy=side == "BUY")
        has_triggered = price >= level if side == "BUY" else price <= level
        force(exchange, str(price))
        assert order.is_waiting != has_triggered
        if has_triggered:
            break
        best = min(best, price) if side == "BUY" else max(best, price)
    assert (order.status is Status.FILLED) == has_triggered


@settings(max_examples=60)
@given(
    prices=st.lists(cents(120, 170), min_size=1, max_size=8),
    pause=st.integers(0, 3_000),
    quantity=quantities,
)
def test_a_snapshot_and_the_changes_after_it_are_the_book(
    prices: list[str], pause: int, quantity: str
) -> None:
    exchange = box_exchange(book_levels=20)
    books = exchange.books
    books.follow("SOLUSDT", "early", exchange.now_ms)
    known: dict[str, dict[str, str]] = {}
    number = 0
    for turn, price in enumerate(prices):
        force(exchange, price)
        exchange.market_clock.advance(pause)
        now = exchange.sync()
        if turn == 0:
            snapshot = books.snapshot("SOLUSDT", 5_000, now)
            known = {side: dict(snapshot[side]) for side in ("bids", "asks")}
            number = snapshot["lastUpdateId"]
            place(exchange, "SELL", "LIMIT", quantity, price="175")
        changes = books.changes("SOLUSDT", "early", exchange.now_ms)
        if changes is None or changes["u"] <= number:
            continue
        assert changes["U"] <= number + 1
        for side, rows in (("bids", changes["b"]), ("asks", changes["a"])):
            known[side].update(rows)
        number = changes["u"]
    shown = books.snapshot("SOLUSDT", 5_000, exchange.now_ms)
    assert shown["lastUpdateId"] == number
    for side in ("bids", "asks"):
        left = {price: size for price, size in known[side].items() if Decimal(size)}
        assert left == dict(shown[side])
