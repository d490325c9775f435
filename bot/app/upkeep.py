"""Hourly upkeep of the state's files: old versions go, orphaned proposals too, the mirror is brought up.

Nothing here is urgent: what fails is told as an alarm, tried again in an hour, and stops nobody. When it
was last done stands in a small file, so that `bot worker --once` by a timer does it once an hour too.
"""

import datetime as dt
from collections.abc import Callable
from pathlib import Path

from bot.app.core import HomeContext
from bot.kernel.clock import from_iso, iso_z
from bot.kernel.errors import BotError, StateUnsureError
from bot.storage.documents import MANAGED_STATE
from bot.storage.home_copy import copy_home
from bot.storage.orphans import move_to_attic, orphaned_proposals
from bot.storage.private_files import read_json, write_json
from bot.storage.retention import prune_versions
from bot.trading.report import Step

_EVERY = dt.timedelta(hours=1)


class Upkeep:
    """Does what is due, once per call; any number of processes may call."""

    def __init__(self, context: HomeContext) -> None:
        self._context = context

    def run_due(self, now: dt.datetime) -> list[Step]:
        """Do the hourly work if an hour has passed; returns what was done, failures as alarms.

        Raises:
            StateUnsureError: The disk failed; the process must stop.
        """
        if not self._is_due(now):
            return []
        steps: list[Step] = []
        for what, work in (
            ("retention", self._prune),
            ("orphaned_proposals", self._tidy_proposals),
            ("mirror", self._mirror),
            ("upkeep", self._remember),
        ):
            steps += self._told(what, work, now)
        return steps

    @property
    def _marker(self) -> Path:
        return self._context.home.run / "upkeep.json"

    def _is_due(self, now: dt.datetime) -> bool:
        try:
            last = from_iso(str((read_json(self._marker) or {})["at"]))
        except (BotError, KeyError, ValueError, AttributeError):
            return True
        return not dt.timedelta(0) <= now - last < _EVERY  # also when the clock was set back

    def _told(self, what: str, work: Callable[[dt.datetime], str], now: dt.datetime) -> list[Step]:
        try:
            sentence = work(now)
        except StateUnsureError:
            raise
        except BotError as error:
            return [Step(asset="*", what=what, sentence=f"{error.what} {error.why}", alarm=True)]
        except OSError as error:
            told = f"{error.filename or ''}: {error.strerror or error}".lstrip(": ")
            return [Step(asset="*", what=what, sentence=told, alarm=True)]
        return [Step(asset="*", what=what, sentence=sentence)] if sentence else []

    def _prune(self, _now: dt.datetime) -> str:
        removed = prune_versions(self._context.home, self._context.store.audit, clock=self._context.clock)
        return ", ".join(f"{count} old versions of {name} removed" for name, count in removed.items())

    def _tidy_proposals(self, now: dt.datetime) -> str:
        store = self._context.store
        moved = move_to_attic(store, orphaned_proposals(store, now=now))
        return f"{', '.join(name[:8] for name in moved)} moved to the attic" if moved else ""

    def _remember(self, now: dt.datetime) -> str:
        write_json(self._marker, {"at": iso_z(now)})
        return ""

    def _mirror(self, now: dt.datetime) -> str:
        folder = str(self._context.settings["backup.mirror"])
        if not folder:
            return ""
        store = self._context.store
        target = Path(folder).expanduser() / store.read(MANAGED_STATE).meta.lineage
        manifest = copy_home(store, target, now=now)
        return f"{len(manifest.files)} files in {target}, read back"
