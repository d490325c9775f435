"""The candle lengths that the exchange offers, and where the candle of a moment starts."""

import datetime as dt

from bot.kernel.clock import from_millis, to_millis

_SECOND, _MINUTE, _HOUR, _DAY = 1_000, 60_000, 3_600_000, 86_400_000
LENGTH_MS = {
    "1s": _SECOND, "1m": _MINUTE, "3m": 3 * _MINUTE, "5m": 5 * _MINUTE, "15m": 15 * _MINUTE,
    "30m": 30 * _MINUTE, "1h": _HOUR, "2h": 2 * _HOUR, "4h": 4 * _HOUR, "6h": 6 * _HOUR,
    "8h": 8 * _HOUR, "12h": 12 * _HOUR, "1d": _DAY, "3d": 3 * _DAY, "1w": 7 * _DAY,
}  # fmt: skip
MONTH = "1M"
_MONDAY_MS = 4 * _DAY
"""1970 began on a Thursday; weeks start on Mondays."""


def is_interval(interval: str) -> bool:
    """Say whether the exchange offers candles of this length."""
    return interval == MONTH or interval in LENGTH_MS


def opening(interval: str, at_ms: int) -> int:
    """Return the start of the candle that a moment lies in."""
    if interval == MONTH:
        moment = from_millis(at_ms)
        return to_millis(dt.datetime(moment.year, moment.month, 1, tzinfo=dt.UTC))
    offset = _MONDAY_MS if interval == "1w" else 0
    return at_ms - (at_ms - offset) % LENGTH_MS[interval]


def following(interval: str, opened_ms: int) -> int:
    """Return the start of the next candle."""
    if interval == MONTH:
        return opening(MONTH, opened_ms + 31 * _DAY)
    return opened_ms + LENGTH_MS[interval]


def preceding(interval: str, opened_ms: int) -> int:
    """Return the start of the candle before."""
    return opening(interval, opened_ms - 1)
