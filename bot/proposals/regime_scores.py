"""The regime's score for every bar of a history at once, and the memory that keeps a regime from flickering.

Every number of a bar is made from that bar and older ones alone: running sums and windows that look back.
Codes are 1 (bull), -1 (bear), 0 (sideways) and `UNKNOWN` where too few bars lie before.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from bot.proposals.indicators import Series, log_returns
from bot.proposals.policy import HysteresisPolicy, RegimePolicy

UNKNOWN = -9
STILL = 1e-12
"""Log returns below it are rounding noise."""


def score_series(prices: Series, policy: RegimePolicy) -> Series:
    """Return the score at each close, -1 to 1, NaN for the first `slow_bars` - 1.

    The formula is `RuleRegimeDetector`'s. One pass over running sums, so the cost is linear in the bars.
    """
    scores = np.full(len(prices), np.nan)
    first = policy.slow_bars - 1
    if len(prices) <= first:
        return scores
    trend = _clamped(
        (
            _rolling_mean(prices, policy.fast_bars)[first:] / _rolling_mean(prices, policy.slow_bars)[first:]
            - 1.0
        )
        / policy.trend_scale
    )
    padded = np.concatenate((np.zeros(policy.drawdown_bars - 1), prices))
    highest = sliding_window_view(padded, policy.drawdown_bars).max(axis=1)
    drawdown = np.minimum(1.0, (1.0 - prices / highest) / policy.drawdown_scale)[first:]
    scores[first:] = _clamped(
        policy.trend_weight * trend
        + policy.momentum_weight * _momentum(prices, policy.momentum_bars)[first:]
        - policy.drawdown_weight * drawdown
    )
    return scores


def plain_codes(scores: Sequence[float], threshold: float) -> list[int]:
    """Return each bar's regime from its score alone, without memory."""
    return [UNKNOWN if math.isnan(score) else _entered(score, threshold) for score in scores]


def steady_codes(scores: Sequence[float], threshold: float, memory: HysteresisPolicy) -> list[int]:
    """Return each bar's regime with memory: it is left later than it is entered, and not at once.

    A bull or bear market begins where the score reaches the threshold and ends where it falls back below
    `leave_threshold`; whatever began stays for at least `min_days` closes.
    """
    codes: list[int] = []
    current, days = UNKNOWN, 0
    for score in scores:
        if current == UNKNOWN:
            wanted = UNKNOWN if math.isnan(score) else _entered(score, threshold)
        elif current != 0 and current * score >= memory.leave_threshold:
            wanted = current
        else:
            wanted = _entered(score, threshold)
        if wanted != current and (current == UNKNOWN or days >= memory.min_days):
            current, days = wanted, 0
        days += 1
        codes.append(current)
    return codes


def days_since_change(codes: Sequence[int]) -> int:
    """Return for how many bars the newest code has stood, the newest included."""
    changes = [at for at, (before, now) in enumerate(pairwise(codes), start=1) if before != now]
    return len(codes) - (changes[-1] if changes else 0)


def _entered(score: float, threshold: float) -> int:
    return 1 if score >= threshold else -1 if score <= -threshold else 0


def _momentum(prices: Series, bars: int) -> Series:
    """Return ln(close / close n bars ago) over sigma * sqrt(n), clamped; 0 for the first n bars."""
    returns = log_returns(prices)
    total, squares = _rolling_sum(returns, bars), _rolling_sum(returns * returns, bars)
    walk = np.sqrt(np.maximum(0.0, squares - total * total / bars) / (bars - 1) * bars)
    still = walk < STILL
    ratio = np.divide(total, walk, out=np.zeros_like(total), where=~still)
    ratio[still] = np.where(np.abs(total[still]) > STILL, np.sign(total[still]), 0.0)
    return np.concatenate((np.zeros(bars), _clamped(ratio)))


def _rolling_sum(values: Series, bars: int) -> Series:
    sums = np.concatenate(([0.0], np.cumsum(values)))
    return sums[bars:] - sums[:-bars]


def _rolling_mean(prices: Series, bars: int) -> Series:
    """Return the moving average, one value per price; the first `bars` - 1 are NaN."""
    return np.concatenate((np.full(bars - 1, np.nan), _rolling_sum(prices, bars) / bars))


def _clamped(values: Series) -> Series:
    return np.clip(values, -1.0, 1.0)
