"""What the market shows at a time never depends on what comes after it."""

import tempfile
from decimal import Decimal
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.exchange.box.candles import Wanted, find_candles
from bot.exchange.box.market_generated import GeneratedMarket
from bot.exchange.box.market_replay import ReplayMarket
from bot.exchange.box.market_view import MarketView
from bot.exchange.box.universe import COIN_BY_SYMBOL
from tests.fakes.box_exchange import HOUR_MS, write_candles

T0 = 1_597_104_000_000
SOL = "SOLUSDT"
prices = st.integers(200, 400)


@st.composite
def candle_rows(draw: st.DrawFn) -> list[tuple[int, str, str, str, str, str]]:
    rows = []
    for hour in sorted(draw(st.sets(st.integers(0, 60), min_size=3, max_size=40))):
        a, b, c, d = sorted(draw(st.lists(prices, min_size=4, max_size=4)))
        opened, closed = (b, c) if draw(st.booleans()) else (c, b)
        numbers = [str(Decimal(n) / 100) for n in (opened, d, a, closed)]
        rows.append((T0 + hour * HOUR_MS, *numbers, str(draw(st.integers(0, 10_000)))))
    return rows  # type: ignore[return-value]  # four prices are unpacked into six columns


def view_of(rows: list[tuple[int, str, str, str, str, str]]) -> MarketView:
    with tempfile.TemporaryDirectory() as folder:
        return MarketView(ReplayMarket(folder=write_candles(Path(folder), rows), timeframe="1h"))


def shown(view: MarketView, now_ms: int) -> list[object]:
    wanted = [Wanted(SOL, interval, None, None, 30) for interval in ("1m", "15m", "1h", "4h", "1d")]
    wanted += [Wanted(SOL, interval, T0, T0 + 10**9, 1_000) for interval in ("1h", "4h", "1d")]
    candles = [find_candles(view, one, now_ms) for one in wanted]
    return [candles, view.day(SOL, now_ms), view.last(SOL, now_ms), view.average(SOL, now_ms)]


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(rows=candle_rows(), others=candle_rows(), minutes=st.integers(0, 60 * 61))
def test_a_replay_knows_nothing_of_later_bars(
    rows: list[tuple[int, str, str, str, str, str]],
    others: list[tuple[int, str, str, str, str, str]],
    minutes: int,
) -> None:
    now = T0 + minutes * 60_000
    past = [row for row in rows if row[0] <= now]
    if not past:
        return
    other_future = [row for row in others if row[0] > now]
    grid = (T0 + 1_000 * HOUR_MS, "2.01", "2.01", "2.01", "2.01", "1")  # both files have the same tick
    assert shown(view_of([*past, grid]), now) == shown(view_of([*past, *other_future, grid]), now)


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(rows=candle_rows(), minutes=st.lists(st.integers(0, 60 * 61), min_size=2, max_size=6))
def test_a_candle_only_grows_until_it_is_complete(
    rows: list[tuple[int, str, str, str, str, str]], minutes: list[int]
) -> None:
    view = view_of(rows)
    seen: dict[int, tuple[int, int, int]] = {}
    for now in (T0 + minute * 60_000 for minute in sorted(minutes)):
        for candle in find_candles(view, Wanted(SOL, "4h", T0, None, 100), now):
            bar = candle.bar
            high, low, volume = seen.get(bar.opened_ms, (0, 10**9, 0))
            assert bar.high >= high
            assert bar.low <= low
            assert bar.volume >= volume
            seen[bar.opened_ms] = (bar.high, bar.low, bar.volume)


@settings(max_examples=25)
@given(
    seed=st.integers(0, 10**9),
    symbol=st.sampled_from(list(COIN_BY_SYMBOL)),
    start=st.integers(1_500_000_000_000, 2_000_000_000_000),
    back_minutes=st.integers(0, 5_000_000),
)
def test_a_seed_gives_the_same_bytes_whatever_was_asked_before(
    seed: int, symbol: str, start: int, back_minutes: int
) -> None:
    one, other = (
        MarketView(GeneratedMarket(seed=seed, coins=COIN_BY_SYMBOL, start_ms=start)) for _ in range(2)
    )
    at = max(start - back_minutes * 60_000, 1_400_000_000_000)
    other.day("BTCUSDT", start)
    find_candles(other, Wanted(symbol, "1m", None, None, 30), start)
    wanted = Wanted(symbol, "5m", None, None, 40)
    assert find_candles(one, wanted, at) == find_candles(other, wanted, at)
