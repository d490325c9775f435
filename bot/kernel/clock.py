"""Time as a protocol: only `bot/app/clock.py` reads a real clock."""

import datetime as dt
from typing import Protocol

UTC = dt.UTC


class Clock(Protocol):
    """Where the time comes from.

    `now` is aware UTC wall time and may step back; `monotonic` (seconds) never does and is for
    durations only; `sleep` waits that many seconds.
    """

    def now(self) -> dt.datetime:
        """Return the wall time, aware, in UTC."""
        ...

    def monotonic(self) -> float:
        """Return seconds on a clock that never steps back."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait for that many seconds."""
        ...


def to_utc(moment: dt.datetime) -> dt.datetime:
    """Return the aware time in UTC.

    Raises:
        ValueError: For a naive time: nobody can know what it means.
    """
    if moment.tzinfo is None or moment.utcoffset() is None:
        raise ValueError(f"naive time {moment.isoformat()}: add a zone, for example Z")
    return moment.astimezone(UTC)


def iso_z(moment: dt.datetime) -> str:
    """Return ISO-8601 in UTC with `Z`, microseconds only where there are any."""
    return to_utc(moment).isoformat().replace("+00:00", "Z")


def from_iso(value: str) -> dt.datetime:
    """Read an ISO-8601 time with a zone.

    Raises:
        ValueError: When the text is no time, or names no zone.
    """
    return to_utc(dt.datetime.fromisoformat(value))


def from_millis(milliseconds: int) -> dt.datetime:
    """Return the UTC time of a Unix timestamp in milliseconds, exactly."""
    return dt.datetime(1970, 1, 1, tzinfo=UTC) + dt.timedelta(milliseconds=milliseconds)


def to_millis(moment: dt.datetime) -> int:
    """Return the Unix timestamp in milliseconds, rounded down."""
    return (to_utc(moment) - dt.datetime(1970, 1, 1, tzinfo=UTC)) // dt.timedelta(milliseconds=1)
