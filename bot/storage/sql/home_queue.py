"""The home's queue as the rest of the program holds it: opened when needed, opened anew after trouble.

A database that is gone must not keep the trading loop from starting or selling: every call fails by
itself, and the first one that the database answers goes on as if nothing had been.
"""

import datetime as dt
import threading
from collections.abc import Callable, Mapping, Sequence
from types import ModuleType
from typing import TypeVar

from bot.kernel.clock import Clock
from bot.kernel.errors import DatabaseUnavailableError
from bot.lifecycle.command_figures import QueueFigures
from bot.lifecycle.commands import CommandOutcome, CommandRow, CommandState, NewCommand
from bot.storage.home import Home
from bot.storage.sql.command_table import CommandTable

R = TypeVar("R")

_PAUSE_S = 1.0
"""After a server did not answer, it is left alone so long: a caller does not wait for each attempt."""


class HomeQueue:
    """Implements `bot.commands.bus.CommandQueue`; usable from several threads."""

    def __init__(
        self,
        home: Home,
        *,
        clock: Clock,
        lineage: str,
        database_url: str | None = None,
        driver: ModuleType | None = None,
    ) -> None:
        """Keep what is needed to open it; `driver` may be another one for the embedded file."""
        self._home = home
        self._clock = clock
        self._lineage = lineage
        self._database_url = database_url
        self._driver = driver
        self._opening = threading.RLock()
        self._table: CommandTable | None = None
        self._failure: DatabaseUnavailableError | None = None
        self._failed_at_s = 0.0

    def enqueue(self, new: NewCommand) -> CommandRow:
        """Keep a command; the same request again returns the row that is there."""
        return self._call(lambda table: table.enqueue(new))

    def queued(self, *, limit: int, asset: str | None = None) -> list[CommandRow]:
        """Return the commands that wait, in the order in which they must be applied."""
        return self._call(lambda table: table.queued(limit=limit, asset=asset))

    def count_attempts(self, row_ids: Sequence[int], worker: str) -> dict[int, int]:
        """Count one more attempt on each waiting row and return how many there are now."""
        return self._call(lambda table: table.count_attempts(row_ids, worker))

    def give_attempts_back(self, row_ids: Sequence[int]) -> None:
        """Take one attempt off each waiting row again; a final row stays as it is."""
        return self._call(lambda table: table.give_attempts_back(row_ids))

    def finish(self, outcomes: Mapping[str, CommandOutcome]) -> frozenset[str]:
        """Store the outcomes by uid; returns those that were stored."""
        return self._call(lambda table: table.finish(outcomes))

    def get(self, uid_or_prefix: str) -> CommandRow | None:
        """Return a command by its id or a unique prefix of it."""
        return self._call(lambda table: table.get(uid_or_prefix))

    def list(
        self, *, asset: str | None = None, state: CommandState | None = None, limit: int = 50
    ) -> list[CommandRow]:
        """Return the newest commands first."""
        return self._call(lambda table: table.list(asset=asset, state=state, limit=limit))

    def figures(self, *, window: dt.timedelta, at_most: int, count_failed: bool = False) -> QueueFigures:
        """Return what waits and how the newest finished commands went."""
        return self._call(
            lambda table: table.figures(window=window, at_most=at_most, count_failed=count_failed)
        )

    def insert_finished(self, new: NewCommand, outcome: CommandOutcome) -> None:
        """Keep a command that was committed to the state first."""
        return self._call(lambda table: table.insert_finished(new, outcome))

    def catch_up(self) -> int:
        """Bring the read cache up to the audit log; returns how many records were missing."""
        return self._call(lambda table: table.catch_up())

    def prune(self, *, keep: dt.timedelta) -> int:
        """Remove commands that were finished longer ago; returns how many."""
        return self._call(lambda table: table.prune(keep=keep))

    def close(self) -> None:
        """Release the connections; a later call opens anew."""
        with self._opening:
            table, self._table = self._table, None
        if table is not None:
            table.close()

    def _call(self, act: Callable[[CommandTable], R]) -> R:
        table = self._opened()
        try:
            return act(table)
        except DatabaseUnavailableError as error:
            self._forget(table, error)
            raise

    def _opened(self) -> CommandTable:
        with self._opening:
            if self._table is None:
                self._leave_alone_for_a_moment()
                try:
                    self._table = CommandTable.open(
                        self._home,
                        clock=self._clock,
                        lineage=self._lineage,
                        database_url=self._database_url,
                        driver=self._driver,
                    )
                except DatabaseUnavailableError as error:
                    self._remember(error)
                    raise
                self._failure = None
            return self._table

    def _leave_alone_for_a_moment(self) -> None:
        failure = self._failure
        if failure is None or not self._database_url:
            return
        if self._clock.monotonic() - self._failed_at_s < _PAUSE_S:
            raise DatabaseUnavailableError(failure.what, why=failure.why)

    def _remember(self, failure: DatabaseUnavailableError) -> None:
        self._failure, self._failed_at_s = failure, self._clock.monotonic()

    def _forget(self, table: CommandTable, error: DatabaseUnavailableError) -> None:
        """Open anew the next time: the file may be another one, the server may have restarted."""
        with self._opening:
            if self._table is not table:
                return
            self._table = None
            self._remember(error)
        table.close()
