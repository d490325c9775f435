"""How long an order whose fate is open is asked for, and how long a refused one waits: monotonic seconds."""

import datetime as dt

from bot.kernel.clock import Clock

WITH_THE_KNOWN = 10
"""An order that the exchange has told of before is believed to be gone only after so many times as long."""
_FIRST_PAUSE_S = 5.0
_LONGEST_PAUSE_S = 300.0


class Patience:
    """Remembers since when this process has asked for orders that the exchange says it has not."""

    def __init__(self, clock: Clock, settles_after: dt.timedelta) -> None:
        self._clock = clock
        self._settles_after_s = settles_after.total_seconds()
        self._since: dict[str, float] = {}

    def begin(self, order_id: str) -> None:
        """Count from now: the request may be on its way."""
        self._since.setdefault(order_id, self._clock.monotonic())

    def end(self, order_id: str) -> None:
        """Forget the order: its fate is told."""
        self._since.pop(order_id, None)

    def is_over(self, order_id: str, *, was_there: bool) -> bool:
        """Say whether "no such order" is to be believed now; the first question begins the count."""
        self.begin(order_id)
        patience_s = self._settles_after_s * (WITH_THE_KNOWN if was_there else 1)
        return self._clock.monotonic() - self._since[order_id] >= patience_s


class BackOff:
    """Growing pauses for what the exchange refused, by coin."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._until: dict[str, tuple[float, float]] = {}

    def refused(self, asset: str) -> None:
        """Wait twice as long as the last time."""
        _, last = self._until.get(asset, (0.0, 0.0))
        pause_s = min(max(_FIRST_PAUSE_S, last * 2), _LONGEST_PAUSE_S)
        self._until[asset] = (self._clock.monotonic() + pause_s, pause_s)

    def went_well(self, asset: str) -> None:
        """Forget the pauses."""
        self._until.pop(asset, None)

    def waits(self, asset: str) -> bool:
        """Say whether the coin's last try was refused a moment ago."""
        return self._clock.monotonic() < self._until.get(asset, (0.0, 0.0))[0]
