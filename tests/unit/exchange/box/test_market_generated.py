import time
from itertools import pairwise

import pytest

from bot.exchange.box.bars import Bar, join
from bot.exchange.box.market_generated import DAY_MS, DAYS, FIRST_DAY, HOUR_MS, MINUTE_MS, GeneratedMarket
from bot.exchange.box.universe import COIN_BY_SYMBOL
from bot.kernel.clock import to_millis
from tests.fakes.box_exchange import START

START_MS = to_millis(START)
TODAY = START_MS - START_MS % DAY_MS


def market(seed: int = 7) -> GeneratedMarket:
    return GeneratedMarket(seed=seed, coins=COIN_BY_SYMBOL, start_ms=START_MS)


def bars(source: GeneratedMarket, symbol: str, length: int, start: int, count: int) -> list[Bar]:
    found = [source.bar(symbol, length, start + i * length) for i in range(count)]
    assert all(found)
    return [bar for bar in found if bar]


def test_the_same_seed_gives_the_same_market_in_any_order_of_questions() -> None:
    one, other = market(), market()
    other.bar("DOGEUSDT", MINUTE_MS, TODAY - 30 * DAY_MS)
    assert bars(one, "SOLUSDT", MINUTE_MS, TODAY, 200) == bars(other, "SOLUSDT", MINUTE_MS, TODAY, 200)


def test_the_market_of_a_seed_is_the_same_for_ever() -> None:
    """Were this to change, every demo and every recorded figure would change with it."""
    assert market().bar("SOLUSDT", DAY_MS, TODAY) == GOLDEN_DAY
    assert market().bar("SOLUSDT", MINUTE_MS, START_MS - START_MS % MINUTE_MS) == GOLDEN_MINUTE


GOLDEN_DAY = Bar(
    opened_ms=1777766400000, open=14500, high=14984, low=14435, close=14574, volume=167165547142101
)
GOLDEN_MINUTE = Bar(
    opened_ms=1777811640000, open=14711, high=14713, low=14710, close=14712, volume=54396890584
)


def test_another_seed_gives_another_market() -> None:
    assert market(1).bar("SOLUSDT", DAY_MS, TODAY) != market(2).bar("SOLUSDT", DAY_MS, TODAY)


@pytest.mark.parametrize("symbol", list(COIN_BY_SYMBOL))
def test_minutes_join_to_hours_and_hours_to_days(symbol: str) -> None:
    source = market()
    for day in range(TODAY - 3 * DAY_MS, TODAY + DAY_MS, DAY_MS):
        hours = bars(source, symbol, HOUR_MS, day, 24)
        assert join(hours) == source.bar(symbol, DAY_MS, day)
        assert join(bars(source, symbol, MINUTE_MS, day, 60)) == hours[0]


@pytest.mark.parametrize("symbol", list(COIN_BY_SYMBOL))
def test_bars_are_possible_and_continue_each_other(symbol: str) -> None:
    source = market()
    minutes = bars(source, symbol, MINUTE_MS, TODAY, 1_440)
    days = bars(source, symbol, DAY_MS, FIRST_DAY * DAY_MS, DAYS)
    for line in (minutes, days):
        assert all(0 < b.low <= min(b.open, b.close) <= max(b.open, b.close) <= b.high for b in line)
        assert all(b.volume >= 0 for b in line)
        assert all(b.open == a.close for a, b in pairwise(line))


def test_a_coin_starts_at_its_price() -> None:
    source = market()
    for symbol, coin in COIN_BY_SYMBOL.items():
        today = source.bar(symbol, DAY_MS, TODAY)
        assert today is not None
        assert abs(today.open * coin.tick / coin.start_price - 1) < 1e-3


def test_before_the_first_and_after_the_last_day_there_is_nothing() -> None:
    source = market()
    assert source.bar("SOLUSDT", MINUTE_MS, FIRST_DAY * DAY_MS - MINUTE_MS) is None
    assert source.bar("SOLUSDT", HOUR_MS, (FIRST_DAY + DAYS) * DAY_MS) is None
    first = source.first_bar_from("SOLUSDT", 0)
    assert first is not None
    assert first.opened_ms == FIRST_DAY * DAY_MS


def test_coins_move_together_and_a_stable_coin_does_not() -> None:
    source = market()

    def moves(symbol: str) -> list[float]:
        closes = [bar.close for bar in bars(source, symbol, DAY_MS, TODAY - 1_000 * DAY_MS, 1_000)]
        return [b / a - 1 for a, b in pairwise(closes)]

    bitcoin, solana, dollar = moves("BTCUSDT"), moves("SOLUSDT"), moves("USDCUSDT")
    together = sum(b * s > 0 for b, s in zip(bitcoin, solana, strict=True)) / len(bitcoin)
    assert together > 0.6
    assert max(map(abs, dollar)) < 0.01


def test_wild_days_come_in_clusters() -> None:
    days = bars(market(), "SOLUSDT", DAY_MS, TODAY - 2_000 * DAY_MS, 2_000)
    sizes = [abs(b.close / b.open - 1) for b in days]
    mean = sum(sizes) / len(sizes)
    own = sum((s - mean) ** 2 for s in sizes)
    next_day = sum((a - mean) * (b - mean) for a, b in pairwise(sizes))
    assert next_day / own > 0.05


def test_fifteen_hundred_days_are_cheap() -> None:
    started = time.perf_counter()
    bars(market(), "SOLUSDT", DAY_MS, TODAY - 1_500 * DAY_MS, 1_500)
    assert time.perf_counter() - started < 1.5, "usually some 25 ms; ten times the budget on a busy machine"
