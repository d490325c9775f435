"""The command worker: takes what waits on the bus, applies it in groups, says what became of each.

1. Attempts are counted durably before applying, so a command that kills its worker ends: after three
   attempts it is `failed` with its evidence, and nobody else is held up. Whatever was tried before is
   tried alone, so that it shares its end with nobody.
2. An unexpected error of one command fails that command alone, as does a row that cannot be read.
   Storage trouble stops the worker: the commands stay queued, their attempts do not count, and the next
   start decides from what is on the disk.
3. A database that does not answer delays the answer, never the state: the outcome is redone from the
   state's `applied` ring.
4. Whoever was stopped in between and comes second gets the outcome that was told before; where the state
   says otherwise all the same, that is told as a contradiction.
5. The order per asset is strict: behind a command that another worker has in hand, its asset waits.
"""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence

import msgspec

from bot.commands.apply import CommandApplier
from bot.commands.bus import CommandQueue
from bot.commands.outcomes import failed_outcome, refusal_outcome
from bot.kernel.errors import BotError, StateConflictError, StorageError
from bot.lifecycle.commands import CommandOutcome, CommandRow, CommandType, NewCommand
from bot.storage.commit import UnreadableContentError

ATTEMPTS_MAX = 3
_BATCH = 100


class WorkedCommand(msgspec.Struct, frozen=True, kw_only=True):
    """One command with its outcome."""

    row: CommandRow
    outcome: CommandOutcome
    """What its row says."""
    contradicted: CommandOutcome | None = None
    """What came of it here, where another worker has told something else before."""


class CommandWorker:
    """Drains the queue through the one applier."""

    def __init__(self, queue: CommandQueue, applier: CommandApplier, *, name: str) -> None:
        self._queue = queue
        self._applier = applier
        self._name = name

    def drain(
        self, *, asset: str | None = None, on_progress: Callable[[], None] = lambda: None
    ) -> list[WorkedCommand]:
        """Apply everything that waits, until nothing does; returns what was worked on, in order.

        Args:
            asset: Only this asset's commands.
            on_progress: Called before each group of commands: the worker is at it.

        Raises:
            StorageError: The state cannot be written now; what was not reached stays queued.
        """
        done: list[WorkedCommand] = []
        while rows := self._queue.queued(limit=_BATCH, asset=asset):
            known = {item.row.id for item in done}
            if all(row.id in known for row in rows):
                return done  # told, and waiting all the same: no table of ours says so; the next drain looks
            passed_over: set[str] = set()
            before = len(done)
            for together in _in_groups(rows):
                on_progress()
                done += self._work_on([row for row in together if row.asset not in passed_over], passed_over)
            if len(done) == before:
                return done  # another worker has all of it in hand
        return done

    def _work_on(self, rows: Sequence[CommandRow], passed_over: set[str]) -> Iterator[WorkedCommand]:
        """Work on these rows in as few commits as they need; notes assets of which a row was not free."""
        if not rows:
            return
        counted = self._queue.count_attempts([row.id for row in rows], self._name)
        mine: list[CommandRow] = []
        behind: list[CommandRow] = []
        for row in rows:
            if row.id not in counted:
                if not self._is_finished(row):
                    passed_over.add(row.asset)
            elif row.asset in passed_over:
                behind.append(row)
            else:
                mine.append(row)
        self._give_back(behind)
        while mine:
            outcomes = self._outcomes(mine, counted)
            yield from self._finish(mine[: len(outcomes)], outcomes)
            mine = mine[len(outcomes) :]

    def _outcomes(self, rows: Sequence[CommandRow], counted: Mapping[int, int]) -> list[CommandOutcome]:
        """Return the outcomes of the first rows, one at least."""
        first, attempts = rows[0], counted[rows[0].id]
        # Attempts that were counted since the row was read are of workers that are at it right now.
        if attempts > ATTEMPTS_MAX and first.attempts >= ATTEMPTS_MAX:
            spent = failed_outcome("attempts_spent", f"{attempts - 1} attempts, the last by {self._name}")
            return [self._applier.stored_outcome(first) or spent]
        if first.unreadable is not None:
            return [self._applier.stored_outcome(first) or _unreadable(first)]
        try:
            return self._applier.apply_group([command_of(row) for row in rows])
        except StateConflictError as error:
            return [refusal_outcome(error)]
        except UnreadableContentError:
            self._give_back(rows[1:])
            raise  # no disk will ever take it, so the first one's attempt counts
        except StorageError:
            self._give_back(rows)
            raise
        except BotError as error:
            return [refusal_outcome(error)]
        except Exception as error:  # noqa: BLE001 - a poison command must not hold up the others
            return [failed_outcome("command_failed", f"{type(error).__name__}: {error}")]

    def _is_finished(self, row: CommandRow) -> bool:
        """Say whether another worker has told its outcome since the row was read: nothing waits behind it."""
        known = self._queue.get(row.uid)
        return known is None or known.outcome is not None

    def _give_back(self, rows: Sequence[CommandRow]) -> None:
        if not rows:
            return
        with contextlib.suppress(StorageError):  # a database that is away keeps the count as it is
            self._queue.give_attempts_back([row.id for row in rows])

    def _finish(
        self, rows: Sequence[CommandRow], outcomes: Sequence[CommandOutcome]
    ) -> Iterator[WorkedCommand]:
        stored = self._queue.finish(dict(zip((row.uid for row in rows), outcomes, strict=True)))
        for row, outcome in zip(rows, outcomes, strict=True):
            known = None if row.uid in stored else self._queue.get(row.uid)
            told = known.outcome if known is not None else None
            if told is not None and (told.state, told.code) != (outcome.state, outcome.code):
                yield WorkedCommand(row=row, outcome=told, contradicted=outcome)
            else:
                yield WorkedCommand(row=row, outcome=outcome)


def command_of(row: CommandRow) -> NewCommand:
    """Return the command that a row keeps.

    Raises:
        ValueError: The row is unreadable.
    """
    if row.unreadable is not None:
        raise ValueError(row.unreadable)
    return NewCommand(
        uid=row.uid,
        type=CommandType(row.type),
        asset=row.asset,
        priority=row.priority,
        payload=row.payload,
        actor=row.actor,
        idempotency_key=row.idempotency_key,
        request_hash=row.request_hash,
        created_at=row.created_at,
    )


def _unreadable(row: CommandRow) -> CommandOutcome:
    return failed_outcome("command_unreadable", str(row.unreadable))


def _in_groups(rows: Sequence[CommandRow]) -> Iterator[list[CommandRow]]:
    """Yield the rows in order: together what was never tried, by itself what was or cannot be."""
    together: list[CommandRow] = []
    for row in rows:
        if row.attempts or row.unreadable is not None:
            if together:
                yield together
            yield [row]
            together = []
        else:
            together.append(row)
    if together:
        yield together
