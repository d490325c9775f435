"""Wilder's average true range one bar at a time, for whoever cannot wait for a whole series.

The value after each bar is that of `indicators.atr` over all bars so far; the seed is TA-Lib's.
"""

import msgspec

from bot.proposals.indicators import ATR_PERIOD


class WilderAtr(msgspec.Struct, frozen=True, kw_only=True):
    """The average after some bars; `after` gives the next one. Prices in quote units."""

    period: int = ATR_PERIOD
    bars: int = 0
    """Bars seen, the first of which has no true range."""
    previous_close: float = 0.0
    average: float = 0.0
    """While the seed is gathered: the sum of the true ranges so far."""

    @property
    def value(self) -> float | None:
        """The average, or None before `period` + 1 bars."""
        return self.average if self.bars > self.period else None

    def after(self, *, high: float, low: float, close: float) -> "WilderAtr":
        """Return the average with one more closed bar."""
        return msgspec.structs.replace(
            self, bars=self.bars + 1, previous_close=close, average=self._average(high, low)
        )

    def _average(self, high: float, low: float) -> float:
        if self.bars == 0:
            return 0.0
        true_range = max(high, self.previous_close) - min(low, self.previous_close)
        if self.bars < self.period:
            return self.average + true_range
        if self.bars == self.period:
            return (self.average + true_range) / self.period
        return (self.average * (self.period - 1) + true_range) / self.period
