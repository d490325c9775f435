"""The two clocks of the box: wall time for signatures, market time for everything that trades.

An accelerated market must not break signatures, so `/time` and the timestamp check use the auth
clock (the machine's wall time plus an injectable skew), while candles, orders and trades use the
market clock. This is the only file of the box that reads a real clock; tests pass their own.
"""

import time
from collections.abc import Callable

NanosecondSource = Callable[[], int]
"""Unix time in nanoseconds."""

_NS_PER_MS = 1_000_000


def machine_time_ns() -> int:
    """Return the machine's wall time; the box is a program of its own and has its own clock."""
    return time.time_ns()


class AuthClock:
    """Wall time in milliseconds plus a skew, as a server whose clock is wrong would tell it."""

    def __init__(self, source: NanosecondSource) -> None:
        self._source = source
        self.skew_ms = 0

    def now_ms(self) -> int:
        """Return Unix milliseconds."""
        return self._source() // _NS_PER_MS + self.skew_ms


class MarketClock:
    """Simulated market time: runs `speed` market seconds per real second, or only by steps.

    Market time never steps back, whatever the machine's clock does.
    """

    def __init__(self, *, start_ms: int, speed: float, source: NanosecondSource) -> None:
        self._source = source
        self._speed = speed
        self._base_ms = start_ms
        self._base_ns = source()
        self._latest_ms = start_ms

    @property
    def speed(self) -> float:
        """Return market seconds per real second; zero means that time moves by `advance` only."""
        return self._speed

    def now_ms(self) -> int:
        """Return market time in Unix milliseconds."""
        if self._speed:
            elapsed_ms = int((self._source() - self._base_ns) * self._speed) // _NS_PER_MS
            self._latest_ms = max(self._latest_ms, self._base_ms + elapsed_ms)
        return self._latest_ms

    def advance(self, milliseconds: int) -> int:
        """Move market time forward by a step and return the new time."""
        self._rebase(self.now_ms() + milliseconds)
        return self._latest_ms

    def set_speed(self, speed: float) -> None:
        """Change the speed from now on; the time itself does not jump."""
        self._rebase(self.now_ms())
        self._speed = speed

    def _rebase(self, market_ms: int) -> None:
        self._base_ms = self._latest_ms = market_ms
        self._base_ns = self._source()
