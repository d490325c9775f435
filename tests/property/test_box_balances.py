"""Whatever clients and markets do, no coin appears, vanishes or stays locked."""

from decimal import Decimal
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.exchange.box.errors import ApiError
from bot.exchange.box.exchange import Exchange
from bot.exchange.box.filters import locked_for
from bot.exchange.box.orders import Kind, Lifetime, Status
from tests.fakes.box_exchange import advance, box_exchange, force, free, locked, place

CENT = Decimal("0.01")


def cents(low: int, high: int) -> st.SearchStrategy[str]:
    return st.integers(low * 100, high * 100).map(lambda value: str(value * CENT))


quantities = st.integers(40, 60_000).map(lambda value: str(value * Decimal("0.001")))
orders = st.tuples(
    st.sampled_from(["BUY", "SELL"]),
    st.sampled_from(list(Kind)),
    quantities,
    cents(120, 175),
    cents(120, 175),
    st.sampled_from(list(Lifetime)),
)
steps = st.one_of(
    st.tuples(st.just("order"), orders),
    st.tuples(st.just("by_quote"), st.tuples(st.sampled_from(["BUY", "SELL"]), cents(5, 4_000))),
    st.tuples(st.just("force"), cents(120, 175)),
    st.tuples(st.just("advance"), st.integers(1, 20_000)),
    st.tuples(st.just("cancel"), st.integers(0, 10)),
    st.tuples(st.just("deposit"), cents(0, 500)),
    st.tuples(st.just("withdraw"), cents(0, 500)),
)
exchanges = st.fixed_dictionaries(
    {
        "seed": st.integers(0, 5),
        "book_levels": st.sampled_from([1, 3, 200]),
        "liquidity": st.sampled_from([Decimal("0.01"), Decimal("0.2"), Decimal(1)]),
        "fee_bps": st.sampled_from([Decimal(0), Decimal("7.5"), Decimal(10), Decimal(100)]),
    }
)


def act(exchange: Exchange, step: tuple[str, Any]) -> None:
    name, value = step
    match name:
        case "order":
            side, kind, quantity, price, stop, lifetime = value
            fields = {"price": price} if kind.has_limit else {}
            fields |= {"stop_price": stop} if kind.is_conditional else {}
            place(exchange, side, kind, quantity, lifetime=lifetime, **fields)
        case "by_quote":
            place(exchange, value[0], "MARKET", quote_quantity=value[1])
        case "force":
            force(exchange, value)
        case "advance":
            advance(exchange, value)
        case "cancel":
            waiting = exchange.matching.book.open_orders()
            if waiting:
                exchange.matching.cancel(waiting[value % len(waiting)], exchange.now_ms)
        case "deposit":
            exchange.accounts.deposit("USDT", Decimal(value))
        case _:
            exchange.accounts.withdraw("USDT", Decimal(value))


def held_back(exchange: Exchange, asset: str) -> Decimal:
    waiting = exchange.matching.book.open_orders()
    return sum((order.locked for order in waiting if order.gives == asset), Decimal(0))


def state_of(exchange: Exchange) -> tuple[object, ...]:
    balances = {asset: (b.free, b.locked) for asset, b in exchange.accounts.balances.items()}
    return balances, len(exchange.ledger.orders), len(exchange.ledger.trades)


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(setting=exchanges, script=st.lists(steps, min_size=1, max_size=25))
def test_balances_are_conserved_to_the_last_digit(
    setting: dict[str, Any], script: list[tuple[str, Any]]
) -> None:
    exchange = box_exchange(**setting)
    outside = {"USDT": Decimal(10_000), "SOL": Decimal(120)}
    for step in script:
        exchange.sync()
        before = state_of(exchange)
        try:
            act(exchange, step)
        except ApiError:
            assert state_of(exchange) == before, "a refusal changes nothing"
            continue
        if step[0] in {"deposit", "withdraw"}:
            outside["USDT"] += Decimal(step[1]) * (1 if step[0] == "deposit" else -1)
        assert exchange.accounts.check()
        for asset in ("USDT", "SOL"):
            assert free(exchange, asset) >= 0
            assert locked(exchange, asset) == held_back(exchange, asset)
    assert_trades_explain_balances(exchange, outside)
    for order in exchange.matching.book.open_orders():
        exchange.matching.cancel(order, exchange.now_ms)
    assert locked(exchange, "USDT") == locked(exchange, "SOL") == 0


def assert_trades_explain_balances(exchange: Exchange, outside: dict[str, Decimal]) -> None:
    """Recompute both balances from the trades alone, as a client would."""
    expected = dict(outside)
    for trade in exchange.ledger.trades:
        sign = 1 if trade.is_buyer else -1
        expected["SOL"] += sign * trade.quantity
        expected["USDT"] -= sign * trade.quote_quantity
        expected[trade.fee_asset] -= trade.fee
    assert {asset: exchange.accounts.of(asset).total for asset in expected} == expected


@settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow])
@given(setting=exchanges, script=st.lists(steps, min_size=1, max_size=25))
def test_an_order_keeps_its_promises(setting: dict[str, Any], script: list[tuple[str, Any]]) -> None:
    exchange = box_exchange(**setting)
    for step in script:
        try:
            act(exchange, step)
        except ApiError:
            continue
    for order in exchange.ledger.orders.values():
        fills = exchange.ledger.fills_of(order)
        assert sum((fill.quantity for fill in fills), Decimal(0)) == order.executed <= order.quantity
        assert sum((fill.quote_quantity for fill in fills), Decimal(0)) == order.executed_quote
        assert (order.status is Status.FILLED) == (order.executed == order.quantity)
        assert order.status.is_open or order.locked == 0
        if order.status.is_open:
            per_unit = locked_for(order) / order.quantity
            assert order.locked == per_unit * order.remaining
        if order.kind.has_limit:
            worst = [fill.price for fill in fills]
            assert all(price <= order.price if order.is_buy else price >= order.price for price in worst)
