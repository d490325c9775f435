"""Whether the threads of a process still come round: each says when it will be back, anyone may ask.

A thread that waits, works long or fails and tries again keeps its word; one that hangs does not. Times
are seconds of a clock that never steps back.
"""

from collections.abc import Callable


class Progress:
    """The promises of one process's threads; each thread writes its own line only."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._back_at_s: dict[str, float] = {}

    def back_within(self, name: str, seconds: float) -> None:
        """Promise to be heard of again within so many seconds; replaces what was promised before."""
        self._back_at_s[name] = self._monotonic() + seconds

    def ended(self, name: str) -> None:
        """Say that nothing is to be expected of this one any more."""
        self._back_at_s.pop(name, None)

    def late(self) -> dict[str, float]:
        """Return who has broken a promise, with the seconds since."""
        now_s = self._monotonic()
        return {name: now_s - back_s for name, back_s in list(self._back_at_s.items()) if now_s > back_s}
