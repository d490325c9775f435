"""What wakes the loop, and what does not."""

import datetime as dt
import time
from decimal import Decimal

import pytest

from bot.exchange.streams import OrderSeen, StreamKind, TradeSeen
from bot.execution.orders import OrderStatus
from bot.kernel.ids import client_order_id
from bot.trading.market_watch import Armed, Levels, MarketWatch
from tests.fakes.fake_clock import START, FakeClock

SYMBOL = "SOL/USDT"
SOL = Levels(asset="SOL", stop_loss=Decimal(90), take_profit=Decimal(130))
OWN = client_order_id(lineage="lineage", asset="SOL", opened_by="command")


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def watch(clock: FakeClock) -> MarketWatch:
    watch = MarketWatch(clock)
    for kind in StreamKind:
        watch.on_live(kind)
    mark = watch.mark()
    watch.trust(mark)
    watch.arm(armed(), mark)
    watch.wait(0)
    return watch


def armed(*, orders: dict[str, str] | None = None) -> Armed:
    return Armed(levels={SYMBOL: SOL}, orders=orders or {}, symbols=frozenset({SYMBOL}))


def trade(price: int, number: int, *, seconds: int = 0) -> TradeSeen:
    return TradeSeen(
        symbol=SYMBOL,
        trade_id=number,
        price=Decimal(price),
        traded_at=START + dt.timedelta(seconds=seconds),
    )


def order(name: str = OWN, *, filled: int = 1) -> OrderSeen:
    return OrderSeen(
        symbol=SYMBOL, client_order_id=name, status=OrderStatus.FILLED, filled_quantity=Decimal(filled)
    )


@pytest.mark.parametrize("price", [90, 89, 130, 131])
def test_a_price_at_a_level_or_beyond_wakes_the_loop_once(watch: MarketWatch, price: int) -> None:
    watch.on_trade(trade(price, 1))
    watch.on_trade(trade(price, 2))
    assert watch.wait(0).priced == {"SOL"}
    watch.on_trade(trade(price, 3))
    assert not watch.wait(0), "the coin is disarmed until the loop has looked at it"


def test_a_price_between_the_levels_wakes_nobody(watch: MarketWatch) -> None:
    watch.on_trade(trade(91, 1))
    watch.on_trade(trade(129, 2))
    assert not watch.wait(0)


def test_a_late_or_doubled_trade_changes_no_price_and_wakes_nobody(watch: MarketWatch) -> None:
    watch.on_trade(trade(100, 5))
    watch.on_trade(trade(80, 4))
    watch.on_trade(trade(80, 5))
    seen = watch.price(SYMBOL)
    assert seen is not None
    assert seen.trade.price == 100
    assert not watch.wait(0)


def test_a_coin_is_armed_again_only_where_the_loop_says_so(watch: MarketWatch) -> None:
    watch.on_trade(trade(80, 1))
    watch.wait(0)
    watch.arm(armed(), watch.mark(), but={"SOL"})
    watch.on_trade(trade(79, 2))
    assert not watch.wait(0)
    watch.arm(armed(), watch.mark())
    watch.on_trade(trade(78, 3))
    assert watch.wait(0).priced == {"SOL"}


def test_a_price_that_comes_while_the_loop_looks_is_not_missed(watch: MarketWatch, clock: FakeClock) -> None:
    mark = watch.mark()
    clock.advance(1)
    watch.arm(Armed(levels={}, orders={}, symbols=frozenset()), mark)
    watch.on_trade(trade(80, 1))
    assert not watch.wait(0)
    watch.arm(armed(), mark)
    assert watch.wait(0).priced == {"SOL"}


def test_a_price_from_before_the_look_does_not_ask_for_the_same_exit_again(
    watch: MarketWatch, clock: FakeClock
) -> None:
    watch.on_trade(trade(80, 1))
    watch.wait(0)
    clock.advance(1)
    watch.arm(armed(), watch.mark())
    assert not watch.wait(0)


def test_a_gap_takes_all_prices_and_all_trust_until_a_whole_cycle_has_passed(watch: MarketWatch) -> None:
    watch.on_trade(trade(100, 1))
    watch.on_gap(StreamKind.MARKET, "cut")
    assert "market stream was lost: cut" in watch.wait(0).cycle
    assert watch.price(SYMBOL) is None
    watch.on_trade(trade(101, 2))
    during = watch.mark()
    watch.on_live(StreamKind.MARKET)
    assert "live" in watch.wait(0).cycle
    watch.trust(during)
    assert watch.price(SYMBOL) is None, "that cycle began before the stream was live"
    watch.trust(watch.mark())
    assert watch.price(SYMBOL) is not None


def test_a_gap_in_mid_cycle_leaves_the_stream_untrusted(watch: MarketWatch) -> None:
    mark = watch.mark()
    watch.on_gap(StreamKind.ACCOUNT, "cut")
    watch.on_live(StreamKind.ACCOUNT)
    watch.trust(mark)
    assert not watch.balances_unchanged(watch.mark())


def test_balances_are_unchanged_only_while_nothing_was_told_of_the_account(watch: MarketWatch) -> None:
    mark = watch.mark()
    assert watch.balances_unchanged(mark)
    watch.on_balance()
    assert watch.wait(0).balance
    assert not watch.balances_unchanged(mark)
    mark = watch.mark()
    watch.on_order(order())
    assert not watch.balances_unchanged(mark), "a fill changes balances, whichever event comes first"


def test_news_of_an_order_in_flight_wakes_the_loop_also_when_it_came_too_early(
    watch: MarketWatch, clock: FakeClock
) -> None:
    mark = watch.mark()
    clock.advance(1)
    watch.on_order(order())
    assert not watch.wait(0), "the loop has that order in its hands"
    watch.arm(armed(orders={OWN: "SOL"}), mark)
    assert watch.wait(0).ordered == {"SOL"}
    clock.advance(1)
    watch.arm(armed(orders={OWN: "SOL"}), watch.mark())
    assert not watch.wait(0)
    watch.on_order(order())
    assert watch.wait(0).ordered == {"SOL"}


def test_a_fill_of_somebody_elses_order_is_told_as_foreign(watch: MarketWatch) -> None:
    watch.on_order(order("web_123", filled=0))
    assert not watch.wait(0)
    watch.on_order(order("web_123"))
    assert watch.wait(0).foreign == {SYMBOL}


def test_what_is_told_is_handed_out_once_and_reasons_add_up(watch: MarketWatch) -> None:
    watch.wake("one")
    watch.wake("two")
    watch.wake("two")
    watch.on_trade(trade(80, 1))
    wake = watch.wait(0)
    assert wake.cycle.startswith("one; two")
    assert wake.priced == {"SOL"}
    assert not watch.wait(0)


def test_a_bare_wake_ends_the_wait_also_one_that_begins_a_moment_later(watch: MarketWatch) -> None:
    watch.wake()
    began = time.perf_counter()
    assert not watch.wait(30), "it asks for nothing"
    assert time.perf_counter() - began < 5


def test_a_price_from_before_a_gap_is_never_used_again(watch: MarketWatch) -> None:
    watch.on_trade(trade(100, 1))
    watch.on_gap(StreamKind.MARKET, "cut")
    watch.on_live(StreamKind.MARKET)
    watch.trust(watch.mark())
    assert watch.price(SYMBOL) is None
