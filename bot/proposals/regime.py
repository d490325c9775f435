"""Which market this is: bull, bear or sideways, with a confidence.

The detector is a protocol, so that a trained model can take the place of the rules; whatever stands
there sees closed candles only and returns the same shape.
"""

import math
from collections.abc import Sequence
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

import msgspec
import numpy as np

from bot.kernel.market import Candle
from bot.proposals.indicators import Series, closes, log_returns, to_places
from bot.proposals.policy import RegimePolicy
from bot.proposals.regime_scores import (
    STILL,
    UNKNOWN,
    days_since_change,
    plain_codes,
    score_series,
    steady_codes,
)


class RegimeName(StrEnum):
    """The three kinds of market."""

    BULL = "BULL"
    BEAR = "BEAR"
    SIDEWAYS = "SIDEWAYS"


class Regime(msgspec.Struct, frozen=True, kw_only=True):
    """A regime with the measurements behind it; scores are shares, not percent, where not named so."""

    name: RegimeName
    confidence: Decimal
    """0 to 1."""
    detector: str
    score: Decimal
    """-1 (bear) to 1 (bull)."""
    trend: Decimal
    """-1 to 1: gap between the fast and the slow average."""
    momentum: Decimal
    """-1 to 1: move over the window in units of its own random walk."""
    drawdown_pct: Decimal
    """Fall from the window's highest close, in percent, 0 or above."""
    volatility_ratio: Decimal
    """Volatility now over its long-run value."""
    days: int | None = None
    """Closes since the regime last changed; None where the detector keeps no memory."""


_NAMES = {1: RegimeName.BULL, -1: RegimeName.BEAR, 0: RegimeName.SIDEWAYS}


class RegimeDetector(Protocol):
    """Reads the regime from daily candles.

    Contract: pure and repeatable; uses nothing but the candles given, oldest first, all closed; more
    history before them may sharpen, never reverse the meaning of the result.
    """

    def detect(self, daily: Sequence[Candle]) -> Regime:
        """Return the regime at the close of the last candle."""
        ...

    def history(self, daily: Sequence[Candle]) -> tuple[RegimeName | None, ...]:
        """Return the regime at the close of each candle, each from that candle and older ones alone.

        The last one is that of `detect`; None where too few candles lie before.
        """
        ...


class RuleRegimeDetector:
    """Trend, momentum and drawdown weighed into one score.

    trend = clamp((SMA fast / SMA slow - 1) / trend_scale); momentum = clamp(ln(close / close n bars
    ago) / (sigma * sqrt(n))), both to -1..1; drawdown = clamp((1 - close / highest close) /
    drawdown_scale) to 0..1. score = w_t * trend + w_m * momentum - w_d * drawdown, clamped to -1..1.
    BULL from +threshold, BEAR from -threshold, else SIDEWAYS. With a memory (`hysteresis`) a regime is left
    later than it is entered and stays some days at least; `rules-v1` had none.

    Confidence starts at 0.5 on a threshold and grows linearly to 1 at the far end of the regime's range;
    where memory alone keeps a regime it falls linearly from 0.5 at its threshold to 0 at the opposite one
    (for SIDEWAYS: at the end of the scale). Turbulence (volatility above its long-run value) takes up to
    `turbulence_discount` of it away, and it stays below certainty.
    """

    def __init__(self, policy: RegimePolicy) -> None:
        self._policy = policy
        self.name = "rules-v1" if policy.hysteresis is None else "rules-v2"

    def history(self, daily: Sequence[Candle]) -> tuple[RegimeName | None, ...]:
        """Return the regime at the close of each candle; None for the first `slow_bars` - 1."""
        return tuple(None if code == UNKNOWN else _NAMES[code] for code in self._codes(closes(daily)))

    def _codes(self, prices: Series) -> list[int]:
        policy = self._policy
        scores = score_series(prices, policy).tolist()
        if policy.hysteresis is None:
            return plain_codes(scores, policy.threshold)
        return steady_codes(scores, policy.threshold, policy.hysteresis)

    def detect(self, daily: Sequence[Candle]) -> Regime:
        """Return the regime at the close of the last candle; needs `slow_bars` candles.

        Raises:
            ValueError: With fewer candles.
        """
        policy = self._policy
        if len(daily) < policy.slow_bars:
            raise ValueError(f"{len(daily)} candles, the regime needs {policy.slow_bars}")
        prices = closes(daily)
        trend = _clamp(
            (_mean(prices, policy.fast_bars) / _mean(prices, policy.slow_bars) - 1.0) / policy.trend_scale
        )
        momentum = _momentum(prices, policy.momentum_bars)
        drawdown = 1.0 - float(prices[-1]) / float(np.max(prices[-policy.drawdown_bars :]))
        ratio = _volatility_ratio(prices, policy)
        score = _clamp(
            policy.trend_weight * trend
            + policy.momentum_weight * momentum
            - policy.drawdown_weight * _clamp(drawdown / policy.drawdown_scale)
        )
        turbulence = max(0.0, min(1.0, ratio - 1.0))
        code, days = self._newest(prices, score)
        sureness = min(
            policy.highest_confidence,
            _sureness(code, score, policy.threshold) * (1.0 - policy.turbulence_discount * turbulence),
        )
        return Regime(
            name=_NAMES[code],
            confidence=to_places(sureness, 2),
            detector=self.name,
            score=to_places(score, 3),
            trend=to_places(trend, 3),
            momentum=to_places(momentum, 3),
            drawdown_pct=to_places(drawdown * 100.0, 2),
            volatility_ratio=to_places(ratio, 2),
            days=days,
        )

    def _newest(self, prices: Series, score: float) -> tuple[int, int | None]:
        if self._policy.hysteresis is None:
            return plain_codes([score], self._policy.threshold)[0], None
        codes = self._codes(prices)
        return codes[-1], days_since_change(codes)


def _sureness(code: int, score: float, threshold: float) -> float:
    if code == 0:
        size = abs(score)
        if size < threshold:
            return 0.5 + 0.5 * (threshold - size) / threshold
        return 0.5 * (1.0 - size) / (1.0 - threshold)
    towards = code * score
    if towards >= threshold:
        return 0.5 + 0.5 * (towards - threshold) / (1.0 - threshold)
    return 0.5 * max(0.0, towards + threshold) / (2.0 * threshold)


def _momentum(prices: Series, bars: int) -> float:
    returns = log_returns(prices)[-bars:]
    walk = float(np.std(returns, ddof=1)) * math.sqrt(len(returns))
    move = float(np.sum(returns))
    if walk < STILL:  # a flat or perfectly steady series has no noise to compare with
        return _clamp(math.copysign(1.0, move)) if abs(move) > STILL else 0.0
    return _clamp(move / walk)


def _volatility_ratio(prices: Series, policy: RegimePolicy) -> float:
    returns = log_returns(prices)
    long_run = float(np.std(returns[-policy.long_volatility_bars :], ddof=1))
    now = float(np.std(returns[-policy.volatility_bars :], ddof=1))
    return now / long_run if long_run > STILL else 1.0


def _mean(prices: Series, bars: int) -> float:
    return float(np.mean(prices[-bars:]))


def _clamp(value: float) -> float:
    return max(-1.0, min(1.0, value))
