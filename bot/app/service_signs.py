"""A daemon's signs of life: the heartbeat file, and what a service manager is told.

1. The heartbeat says that the process runs; the watchdog's ping says more: the command thread, and in
   `bot run` the trading loop, kept their promises to come round. A thread that hangs ends the pings, and
   the service manager starts the bot anew (DR-8: it restarts, it decides nothing).
2. Trouble that passes (an exchange or a database away, a held lock) is no hanging: those threads come
   round and try again, and a restart would help nobody.
3. No sign of life ever stops or delays the work.
"""

import datetime as dt
import os
from collections.abc import Callable, Mapping
from typing import Any

from bot import __version__
from bot.app.environment import surroundings
from bot.app.wiring import App
from bot.kernel.errors import DatabaseUnavailableError, StateWriteError
from bot.lifecycle.command_figures import QueueFigures
from bot.lifecycle.stream_figures import StreamHealth
from bot.observability.progress import Progress
from bot.observability.queue_words import queue_words
from bot.observability.service_manager import ServiceManager
from bot.storage.heartbeat import Heartbeat, write_heartbeat
from bot.storage.process_info import start_token, this_process

COMMANDS, TRADING = "commands", "trading"
"""The threads whose promises count."""

WORK_S = 120.0
"""One command may wait for the lock, the database and the exchange; longer than this, it hangs."""

_ROUND_S = 0.5
_STATUS_EVERY_S = 5.0
_LOOK_EVERY_S, _LOOK_AFTER_WORK_S = 30.0, 1.0
_WINDOW = dt.timedelta(hours=1)
_ROWS_AT_MOST = 500

Tell = Callable[[str, Mapping[str, Any]], None]


class ServiceSigns:
    """What one daemon shows of itself; `tick` belongs to its main thread."""

    def __init__(self, app: App, *, what: str, tell: Tell) -> None:
        self._app = app
        self._what = what
        self._tell = tell
        self._manager = ServiceManager.of(surroundings(), pid=os.getpid())
        self.progress = Progress(app.clock.monotonic)
        self._loop_at: dt.datetime | None = None
        self._figures: QueueFigures | None = None
        self._database_gone = False
        self._looked_at_s: float | None = None
        self._worked_since = False
        self._pinged_at_s: float | None = None
        self._status: tuple[float, str] | None = None
        self._told_late: frozenset[str] = frozenset()
        self._beat_failed = False
        self.stream_health: Callable[[], tuple[StreamHealth, ...]] = tuple
        """Tells how the exchange's streams are, once there are any."""

    @property
    def round_s(self) -> float:
        """Return how long the main thread may wait between two ticks."""
        watchdog_s = self._manager.watchdog_s
        return _ROUND_S if watchdog_s is None else min(_ROUND_S, watchdog_s / 4)

    def ready(self) -> None:
        """Tell that the start is done."""
        self.tick()
        self._manager.ready()

    def stopping(self) -> None:
        """Tell that the end has begun."""
        self._manager.stopping()

    def tick(self) -> None:
        """Give every sign that is due."""
        late = self.progress.late()
        self._beat(tuple(sorted(late)))
        self._tell_late(late)
        if not late:
            self._ping()
        if self._manager.listens:
            self._tell_status(late)

    def back_within(self, name: str, seconds: float) -> None:
        """Promise for a thread that it is heard of again within so many seconds."""
        self.progress.back_within(name, seconds)

    def cycle_done(self, at: dt.datetime) -> None:
        """Remember when the trading loop last came round."""
        self._loop_at = at

    def look_at_queue(self, *, worked: bool) -> None:
        """Read the bus's figures if it is time; for the command thread, after its round."""
        self._worked_since = self._worked_since or worked
        now_s = self._app.clock.monotonic()
        every_s = _LOOK_AFTER_WORK_S if self._worked_since or self._database_gone else _LOOK_EVERY_S
        if self._looked_at_s is not None and now_s - self._looked_at_s < every_s:
            return
        try:
            self._figures = self._app.queue.figures(window=_WINDOW, at_most=_ROWS_AT_MOST)
            self._database_gone = False
        except DatabaseUnavailableError:  # the alarm is where commands are drained; old figures tell nothing
            self._figures, self._database_gone = None, True
        self._looked_at_s, self._worked_since = now_s, False

    def _ping(self) -> None:
        watchdog_s = self._manager.watchdog_s
        if watchdog_s is None:
            return
        now_s = self._app.clock.monotonic()
        if self._pinged_at_s is None or now_s - self._pinged_at_s >= watchdog_s / 2 - self.round_s:
            self._manager.alive()
            self._pinged_at_s = now_s

    def _tell_late(self, late: Mapping[str, float]) -> None:
        for name in sorted(late.keys() - self._told_late):
            self._alarm(
                name,
                "work_hangs",
                f"The {name} thread does not come round.",
                f"It was expected {late[name]:.0f} s ago.",
            )
        self._told_late = frozenset(late)

    def _tell_status(self, late: Mapping[str, float]) -> None:
        now_s = self._app.clock.monotonic()
        words = self._status_words(late)
        if self._status is not None:
            at_s, told = self._status
            if words == told or now_s - at_s < _STATUS_EVERY_S:
                return
        self._manager.status(words)
        self._status = now_s, words

    def _status_words(self, late: Mapping[str, float]) -> str:
        parts = [f"bot {self._what}"]
        if self._figures is not None:
            parts.append(queue_words(self._figures))
        if self._loop_at is not None:
            parts.append(f"last cycle at {self._loop_at:%H:%M:%S}Z")
        parts += [f"{name} HANGS" for name in sorted(late)]
        return "; ".join(parts)

    def _beat(self, late: tuple[str, ...]) -> None:
        """Write the heartbeat; a disk that takes none is told once and ends nothing."""
        me = this_process(__version__)
        beat = Heartbeat(
            pid=me.pid,
            host=me.host,
            process_started_at=me.process_started_at,
            start_token=start_token(me.pid),
            version=__version__,
            what=self._what,
            at=self._app.clock.now(),
            loop_at=self._loop_at,
            late=late,
            queue=self._figures,
            database_gone=self._database_gone,
            streams=self.stream_health(),
        )
        try:
            write_heartbeat(self._app.home, beat)
        except StateWriteError as error:
            if not self._beat_failed:
                self._alarm("heartbeat", error.code, error.what, error.why)
            self._beat_failed = True
        else:
            self._beat_failed = False

    def _alarm(self, where: str, code: str, what: str, why: str) -> None:
        self._tell("alarm", {"in": where, "code": code, "what": what, "why": why})
