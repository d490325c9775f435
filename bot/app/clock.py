"""The one file that reads the real clock, sleeps, and draws ids."""

import datetime as dt
import time
import uuid


class SystemClock:
    """The machine's clock."""

    def now(self) -> dt.datetime:
        """Return the wall time in UTC."""
        return dt.datetime.now(dt.UTC)  # noqa: TID251 - this is the seam that the rule points to

    def monotonic(self) -> float:
        """Return seconds on a clock that never steps back."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)  # noqa: TID251 - this is the seam that the rule points to


class RandomIds:
    """Random identifiers."""

    def new_id(self) -> str:
        """Return a fresh version-4 UUID."""
        return str(uuid.uuid4())  # noqa: TID251 - this is the seam that the rule points to
