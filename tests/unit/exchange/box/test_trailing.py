"""Trailing stops: they follow the best price and trigger when it turns back far enough."""

from decimal import Decimal

import pytest

from bot.exchange.box import meeting
from bot.exchange.box.errors import ApiError
from bot.exchange.box.exchange import Exchange
from bot.exchange.box.orders import Status
from tests.fakes.box_exchange import advance, box_exchange, force, free, locked, place, status_of

TICK = Decimal("0.01")


@pytest.mark.parametrize(
    ("side", "kind", "stop", "prices", "trigger"),
    [
        # The four scenarios and the one without a stop price of the exchange's own explanation, in small.
        ("BUY", "STOP_LOSS_LIMIT", "160", ["135", "160", "165", "150"], "157.5"),
        ("SELL", "STOP_LOSS_LIMIT", "140", ["155", "140", "133", "150"], "135"),
        ("BUY", "TAKE_PROFIT_LIMIT", "140", ["155", "140", "135", "141.74"], "141.75"),
        ("SELL", "TAKE_PROFIT_LIMIT", "160", ["155", "160", "180", "162.01"], "162"),
        ("SELL", "STOP_LOSS_LIMIT", None, ["160", "144.01", "180", "162.01"], "162"),
        ("BUY", "STOP_LOSS_LIMIT", None, ["140", "146.99", "130", "136.49"], "136.5"),
    ],
)
def test_it_triggers_where_the_exchange_says(
    side: str, kind: str, stop: str | None, prices: list[str], trigger: str
) -> None:
    exchange = box_exchange()
    force(exchange, "145")
    bps = 1_000 if side == "SELL" else 500
    fields = {"stop_price": stop} if stop else {}
    limit = "30" if side == "BUY" else "480"  # far away: it rests once it has triggered
    order = place(exchange, side, kind, "1", price=limit, trailing_bps=bps, **fields)
    for price in prices:
        force(exchange, price)
        assert order.is_waiting, f"at {price}"
    force(exchange, trigger)
    assert not order.is_waiting


def test_a_triggered_trailing_stop_sells_at_the_market() -> None:
    exchange = box_exchange()
    force(exchange, "145")
    order = place(exchange, "SELL", "STOP_LOSS", "1", trailing_bps=1_000)
    force(exchange, "160")
    force(exchange, "143")
    assert status_of(order) is Status.FILLED
    assert order.executed_quote < 143


def test_a_trailing_purchase_locks_what_it_would_cost_now_and_pays_what_it_costs_then() -> None:
    exchange = box_exchange()
    force(exchange, "145")
    order = place(exchange, "BUY", "STOP_LOSS", "10", trailing_bps=1_000)
    assert locked(exchange, "USDT") == Decimal(1595)
    force(exchange, "130")
    force(exchange, "143")
    assert status_of(order) is Status.FILLED
    assert locked(exchange, "USDT") == 0
    assert exchange.accounts.check()
    assert free(exchange, "USDT") < 10_000 - 1_430


def test_along_the_path_it_follows_every_high_and_triggers_where_the_path_turned_back() -> None:
    exchange = box_exchange(seed=4)
    order = place(exchange, "SELL", "STOP_LOSS", "1", trailing_bps=60)
    started, minute = exchange.now_ms, 0
    while order.is_waiting and minute < 3_000:
        advance(exchange, 60)
        minute += 1
    assert order.working_ms is not None
    seen = exchange.view.window("SOLUSDT", started, order.working_ms)
    assert seen is not None
    assert order.extreme == seen.high * TICK > last_at(exchange, started)
    expected = meeting.trailing_level(order.extreme, 60, tick=TICK, is_buy=False)
    fill = exchange.ledger.fills_of(order)[0]
    assert expected * Decimal("0.999") < fill.price <= expected


def last_at(exchange: Exchange, at_ms: int) -> Decimal:
    price = exchange.view.last_price("SOLUSDT", at_ms)
    assert price is not None
    return price


@pytest.mark.parametrize(("bps", "is_taken"), [(9, False), (10, True), (2_000, True), (2_001, False)])
def test_the_delta_has_limits(bps: int, is_taken: bool) -> None:  # noqa: FBT001  # a table's column
    exchange = box_exchange()
    if is_taken:
        assert place(exchange, "SELL", "STOP_LOSS", "1", trailing_bps=bps).is_trailing
        return
    with pytest.raises(ApiError, match="TRAILING_DELTA"):
        place(exchange, "SELL", "STOP_LOSS", "1", trailing_bps=bps)


def test_a_stop_price_on_the_wrong_side_is_refused() -> None:
    exchange = box_exchange()
    with pytest.raises(ApiError, match="trigger immediately"):
        place(exchange, "SELL", "TAKE_PROFIT", "1", trailing_bps=500, stop_price="100")
