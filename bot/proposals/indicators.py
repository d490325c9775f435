"""Measurements of price series with their standard definitions.

Inside here numbers are floats, because they are statistics; every result that leaves for the document
goes through `to_places` or `to_significant` and is an exact decimal from then on.
"""

import math
from collections.abc import Sequence
from decimal import ROUND_HALF_EVEN, Decimal

import numpy as np
import numpy.typing as npt
import talib

from bot.kernel.market import Candle
from bot.kernel.money import ZERO, plain

Series = npt.NDArray[np.float64]

ATR_PERIOD = 14
ATR_WARM_UP_BARS = 250
"""Bars after which the value no longer depends on where the smoothing started (below 1e-7)."""


def closes(candles: Sequence[Candle]) -> Series:
    """Return the closing prices, oldest first."""
    return np.array([float(candle.close) for candle in candles], dtype=np.float64)


def atr(candles: Sequence[Candle], period: int = ATR_PERIOD) -> float:
    """Return Wilder's average true range of the newest bar, in quote units.

    True range = max(high - low, |high - previous close|, |low - previous close|); the first value is
    the mean of the true ranges of bars 1 to `period` (bar 0 has no previous close), then
    ATR = (ATR * (period - 1) + true range) / period. Source: TA-Lib `ATR`, after Wilder (1978);
    StockCharts counts bar 0 as high - low and therefore starts one row earlier.

    Raises:
        ValueError: With fewer than `period` + 1 candles.
    """
    if len(candles) <= period:
        raise ValueError(f"{len(candles)} candles, ATR over {period} needs {period + 1}")
    high = np.array([float(candle.high) for candle in candles], dtype=np.float64)
    low = np.array([float(candle.low) for candle in candles], dtype=np.float64)
    values: Series = talib.ATR(high, low, closes(candles), timeperiod=period)
    return float(values[-1])


def log_returns(prices: Series) -> Series:
    """Return the natural logarithms of successive price ratios; one shorter than the prices."""
    return np.diff(np.log(prices))


def volatility_pct(prices: Series, bars: int) -> float:
    """Return the sample standard deviation of the newest `bars` daily log returns, in percent.

    Per day, not annualised; n - 1 in the denominator.
    """
    returns = log_returns(prices)[-bars:]
    return float(np.std(returns, ddof=1)) * 100.0


def correlation(one: Series, other: Series) -> float | None:
    """Return Pearson's rho of two return series of equal length, or None if one never moves."""
    first, second = one - one.mean(), other - other.mean()
    scale = math.sqrt(float(first @ first) * float(second @ second))
    return float(first @ second) / scale if scale > 0.0 else None


def vwap(candles: Sequence[Candle]) -> Decimal | None:
    """Return the volume-weighted average of the typical prices (high + low + close) / 3.

    Exact decimals, since it becomes an entry price; None where nothing was traded.
    """
    volume = sum((candle.volume for candle in candles), ZERO)
    if volume <= ZERO:
        return None
    turnover = sum(((c.high + c.low + c.close) * c.volume for c in candles), ZERO)
    return turnover / (3 * volume)


def to_places(value: float | Decimal, places: int) -> Decimal:
    """Round half to even to a number of decimal places; -0 becomes 0."""
    return plain(Decimal(value).quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_EVEN))


def to_significant(value: float | Decimal, digits: int) -> Decimal:
    """Round half to even to a number of significant digits: the same care for 0.07 and for 70,000."""
    exact = Decimal(value)
    if exact == ZERO:
        return ZERO
    return plain(exact.quantize(Decimal(1).scaleb(exact.adjusted() - digits + 1), rounding=ROUND_HALF_EVEN))
