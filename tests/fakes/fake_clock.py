"""A clock that stands still until a test moves it; it passes `tests/contract/test_clock.py`."""

import datetime as dt

START = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)


class FakeClock:
    """Implements `bot.kernel.clock.Clock`; `sleep` returns at once and moves both times on."""

    def __init__(self, start: dt.datetime = START) -> None:
        if start.utcoffset() is None:
            raise ValueError(f"naive start {start.isoformat()}: give it a zone")
        self._now = start.astimezone(dt.UTC)
        self._monotonic_s = 0.0
        self.slept: list[float] = []
        """Every wait that was asked for, in seconds, oldest first."""

    def now(self) -> dt.datetime:
        return self._now

    def monotonic(self) -> float:
        return self._monotonic_s

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.advance(seconds)

    def advance(self, seconds: float) -> None:
        """Let time pass, on the wall and on the monotonic clock."""
        if seconds < 0:
            raise ValueError(f"time does not pass backwards ({seconds} s); see set_wall")
        self._now += dt.timedelta(seconds=seconds)
        self._monotonic_s += seconds

    def set_wall(self, moment: dt.datetime) -> None:
        """Set the wall clock, also back, as a time server does; the monotonic clock stays."""
        if moment.utcoffset() is None:
            raise ValueError(f"naive time {moment.isoformat()}: give it a zone")
        self._now = moment.astimezone(dt.UTC)
