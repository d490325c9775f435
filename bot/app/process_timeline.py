"""DR-10: the audit holds when which process worked, of which release, and why it ended.

A process that was killed leaves no end; the next start says so, from the heartbeat that it left behind.
"""

import signal
from typing import Any

import msgspec

from bot import __version__
from bot.app.core import HomeContext
from bot.kernel.errors import BotError
from bot.lifecycle.events import Event, EventType
from bot.storage.heartbeat import Heartbeat, read_heartbeat
from bot.storage.process_info import this_process

_LOCK_TIMEOUT_S = 2.0


class ProcessTimeline:
    """Tells the audit of one process's start and end."""

    def __init__(self, context: HomeContext, *, what: str) -> None:
        self._context = context
        self._what = what

    def started(self) -> None:
        """Record the start; call it before the first heartbeat.

        Raises:
            StorageError: The state could not be written.
        """
        before = _killed(read_heartbeat(self._context.home))
        self._record(EventType.PROCESS_STARTED, {} if before is None else {"before": before})

    def stopped(self, why: str) -> None:
        """Record the end with its reason.

        Raises:
            StorageError: The state could not be written; the next start tells that this one is gone.
        """
        self._record(EventType.PROCESS_STOPPED, {"why": why})

    def _record(self, event_type: EventType, data: dict[str, Any]) -> None:
        me = msgspec.to_builtins(this_process(__version__))
        event = Event(
            type=event_type,
            asset="*",
            actor="system",
            command_id="",
            data={"what": self._what, **me, **data},
        )
        with self._context.store.transaction(what="process timeline", timeout_s=_LOCK_TIMEOUT_S) as work:
            work.record([event])


def why_it_ended(error: BaseException | None, signal_number: int | None) -> str:
    """Return the reason of an end in words."""
    if isinstance(error, BotError):
        return f"{error.code}: {error.what}"
    if error is not None:
        return f"{type(error).__name__}: {error}"
    return "asked to stop" if signal_number is None else signal.Signals(signal_number).name


def _killed(left: Heartbeat | None) -> dict[str, Any] | None:
    if left is None or left.is_alive:
        return None
    return {
        "pid": left.pid,
        "host": left.host,
        "version": left.version,
        "what": left.what,
        "last_seen": msgspec.to_builtins(left.at),
        "why": "killed, or the machine went down: it left a heartbeat and no end",
    }
