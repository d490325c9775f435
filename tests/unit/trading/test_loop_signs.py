"""What the trading loop tells of itself: how old its newest cycle and its freshest price are."""

import datetime as dt
from decimal import Decimal

import pytest

from bot.exchange.paper_gateway import PaperGateway
from bot.exchange.paper_ledger import MemoryLedgerStore
from bot.kernel.market import Ticker
from bot.trading.market_look import MarketLook
from bot.trading.watchdog import LoopSigns
from tests.fakes.fake_clock import FakeClock
from tests.unit.exchange.fake_market import FakeMarket

SOL, ETH = {"SOL": "SOL/USDT"}, {"ETH": "ETH/USDT"}
BOTH = SOL | ETH
D = Decimal


@pytest.fixture
def clock() -> FakeClock:
    made = FakeClock()
    made.advance(1_000)
    return made


def look_at(clock: FakeClock, *symbols: str, old_s: float = 0, ours: bool = True) -> MarketLook:
    """Return a look that found these prices, as old as the exchange's own time on them says."""
    gateway = PaperGateway(FakeMarket(), MemoryLedgerStore(), clock, opening={})
    look = MarketLook(gateway, clock, market_time_is_ours=ours)
    at = clock.now() - dt.timedelta(seconds=old_s)
    look.tickers = {
        symbol: Ticker(
            symbol=symbol, last=D(100), bid=D(99), ask=D(101), quote_volume_24h=D(1), observed_at=at
        )
        for symbol in symbols
    }
    return look


def test_nothing_is_stale_while_no_coin_is_watched(clock: FakeClock) -> None:
    signs = LoopSigns(clock)
    assert signs.data_age_s(0) is None
    signs.saw(look_at(clock, "SOL/USDT"), SOL)
    signs.saw(look_at(clock), {})
    assert signs.data_age_s(0) is None


def test_data_is_as_old_as_the_freshest_price_of_all_watched_coins(clock: FakeClock) -> None:
    signs = LoopSigns(clock)
    signs.saw(look_at(clock, "SOL/USDT", "ETH/USDT"), BOTH)
    clock.advance(40)
    assert signs.data_age_s(0) == 40
    signs.saw(look_at(clock, "ETH/USDT"), BOTH)
    clock.advance(5)
    assert signs.data_age_s(0) == 5


def test_a_coin_without_any_price_counts_from_when_it_was_first_asked_for(clock: FakeClock) -> None:
    signs = LoopSigns(clock)
    for _ in range(5):
        signs.saw(look_at(clock), SOL)
        clock.advance(10)
    assert signs.data_age_s(0) == 50
    assert not signs.are_good(0, data_within_s=1_000)


def test_a_price_is_as_old_as_the_exchange_says_where_market_time_is_the_worlds(clock: FakeClock) -> None:
    signs = LoopSigns(clock)
    signs.saw(look_at(clock, "SOL/USDT", old_s=90), SOL)
    assert signs.data_age_s(0) == 90
    signs.saw(look_at(clock, "SOL/USDT", old_s=90, ours=False), SOL)
    assert signs.data_age_s(0) == 0, "a market with a time of its own tells nothing by it"


def test_an_older_answer_never_makes_the_data_older(clock: FakeClock) -> None:
    signs = LoopSigns(clock)
    signs.saw(look_at(clock, "SOL/USDT"), SOL)
    signs.saw(look_at(clock, "SOL/USDT", old_s=500), SOL)
    assert signs.data_age_s(0) == 0


def test_prices_from_the_future_are_told_by_the_least_of_them(clock: FakeClock) -> None:
    signs = LoopSigns(clock)
    signs.saw(look_at(clock, "SOL/USDT", old_s=-300), SOL)
    assert signs.ahead_s == 300
    mixed = look_at(clock, "SOL/USDT", old_s=-300)
    mixed.tickers = {**mixed.tickers, **look_at(clock, "ETH/USDT").tickers}
    signs.saw(mixed, BOTH)
    assert signs.ahead_s == 0, "one price from the future makes no clock wrong"


def test_the_loop_is_as_old_as_its_last_finished_cycle(clock: FakeClock) -> None:
    signs = LoopSigns(clock)
    assert signs.loop_age_s(990) == 10, "before the first cycle since the watch began"
    signs.finished()
    clock.advance(7)
    assert signs.loop_age_s(990) == 7
    assert signs.loop_age_s(1_004) == 3


def test_signs_are_good_only_once_a_cycle_ended_and_a_fresh_price_was_seen(clock: FakeClock) -> None:
    signs = LoopSigns(clock)
    signs.saw(look_at(clock, "SOL/USDT", old_s=50), SOL)
    assert not signs.are_good(999, data_within_s=60)
    signs.finished()
    assert signs.are_good(999, data_within_s=60)
    assert not signs.are_good(999, data_within_s=40)
    assert signs.are_good(999, data_within_s=0), "nobody asks for data"
    assert not signs.are_good(1_000, data_within_s=60), "no cycle since then"
