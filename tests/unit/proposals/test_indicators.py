"""Reference values: published samples, and cases small enough to compute by hand."""

import datetime as dt
import math
from decimal import Decimal
from itertools import pairwise

import numpy as np
import pytest

from bot.kernel.market import Candle
from bot.proposals.indicators import (
    ATR_WARM_UP_BARS,
    atr,
    closes,
    correlation,
    to_places,
    to_significant,
    volatility_pct,
    vwap,
)
from tests.unit.proposals.proposal_facts import NOW, D, walk

# High, low, close of the ATR sample that StockCharts publishes (QQQQ, April and May 2010).
STOCKCHARTS = """
48.70 47.79 48.16|48.72 48.14 48.61|48.90 48.39 48.75|48.87 48.37 48.63|48.82 48.24 48.74
49.05 48.635 49.03|49.20 48.94 49.07|49.35 48.86 49.32|49.92 49.50 49.91|50.19 49.87 50.13
50.12 49.20 49.53|49.66 48.90 49.50|49.88 49.43 49.75|50.19 49.725 50.03|50.36 49.26 50.31
50.57 50.09 50.52|50.65 50.30 50.41|50.43 49.21 49.34|49.63 48.98 49.37|50.33 49.61 50.23
50.29 49.20 49.2375|50.17 49.43 49.93|49.32 48.08 48.43|48.50 47.64 48.18|48.3201 41.55 46.57
46.80 44.2833 45.41|47.80 47.31 47.77|48.39 47.20 47.72|48.66 47.90 48.62|48.79 47.7301 47.85
"""


def candle(number: int, high: str, low: str, close: str, volume: str = "1") -> Candle:
    opened_at = NOW.replace(hour=0, minute=0) + dt.timedelta(days=number)
    return Candle(
        opened_at=opened_at, open=D(low), high=D(high), low=D(low), close=D(close), volume=D(volume)
    )


def stockcharts() -> tuple[Candle, ...]:
    rows = [row.split() for line in STOCKCHARTS.strip().splitlines() for row in line.split("|")]
    return tuple(candle(number, *row) for number, row in enumerate(rows))


def wilder(candles: tuple[Candle, ...], *, first_range_counts: bool) -> float:
    """Return Wilder's ATR by a plain loop, seeded as StockCharts (True) or as TA-Lib (False) does."""
    ranges = [float(candles[0].high - candles[0].low)] if first_range_counts else []
    for before, bar in pairwise(candles):
        ranges.append(float(max(bar.high, before.close) - min(bar.low, before.close)))
    value = sum(ranges[:14]) / 14
    for true_range in ranges[14:]:
        value = (value * 13 + true_range) / 14
    return value


def test_atr_is_talibs_on_the_published_sample() -> None:
    sample = stockcharts()
    assert len(sample) == 30
    assert atr(sample[:15]) == pytest.approx(0.5685714, abs=5e-8)
    assert atr(sample) == pytest.approx(1.3081391, abs=5e-8)


def test_the_published_column_differs_from_ours_by_its_seed_alone() -> None:
    sample = stockcharts()
    assert wilder(sample, first_range_counts=True) == pytest.approx(1.316482269, abs=1e-9)
    assert wilder(sample, first_range_counts=False) == pytest.approx(atr(sample), rel=1e-12)


def test_after_the_warm_up_the_seed_is_forgotten() -> None:
    long = walk(2_000, seed=3)
    assert atr(long[-ATR_WARM_UP_BARS:]) == pytest.approx(atr(long), rel=1e-6)
    assert atr(long[-30:]) != pytest.approx(atr(long), rel=1e-6)


def test_atr_needs_one_bar_more_than_its_period() -> None:
    with pytest.raises(ValueError, match="14 candles"):
        atr(walk(14))


def test_volatility_is_the_sample_deviation_of_log_returns_in_percent_per_day() -> None:
    prices = np.array([100.0, 110.0, 99.0, 108.9])
    returns = [math.log(1.1), math.log(0.9), math.log(1.1)]
    mean = sum(returns) / 3
    expected = math.sqrt(sum((value - mean) ** 2 for value in returns) / 2) * 100
    assert volatility_pct(prices, 30) == pytest.approx(expected, rel=1e-12)


def test_volatility_looks_at_the_newest_bars_only() -> None:
    prices = np.concatenate([np.array([1.0, 500.0, 1.0]), np.full(40, 100.0)])
    assert volatility_pct(prices, 30) == 0.0


def test_correlation_of_a_series_with_itself_is_one_and_with_its_mirror_minus_one() -> None:
    returns = np.diff(np.log(closes(walk(100))))
    assert correlation(returns, returns) == pytest.approx(1.0)
    assert correlation(returns, -returns) == pytest.approx(-1.0)
    assert correlation(returns, np.zeros_like(returns)) is None


def test_vwap_weighs_typical_prices_by_volume() -> None:
    bars = (candle(0, "12", "9", "9", "1"), candle(1, "24", "18", "18", "3"))
    assert vwap(bars) == D("17.5")  # (10 * 1 + 20 * 3) / 4
    assert vwap((candle(0, "12", "9", "9", "0"),)) is None
    assert vwap(()) is None


@pytest.mark.parametrize(
    ("value", "digits", "expected"),
    [(0.0712345678, 6, "0.0712346"), (71234.5678, 6, "71234.6"), (1234567.0, 3, "1230000"), (0.0, 6, "0")],
)
def test_significant_digits_treat_small_and_large_prices_alike(
    value: float, digits: int, expected: str
) -> None:
    assert str(to_significant(value, digits)) == expected


def test_rounding_to_places_leaves_no_trailing_zeros_and_no_minus_zero() -> None:
    assert str(to_places(1.5, 2)) == "1.5"
    assert str(to_places(-0.001, 2)) == "0"
    assert to_places(Decimal("2.345"), 2) == D("2.34")
