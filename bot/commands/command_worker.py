"""The command worker: takes what waits on the bus, applies it, says what became of it.

1. Attempts are counted durably before applying, so a command that kills its worker ends: after three
   attempts it is `failed` with its evidence, and nobody else is held up.
2. An unexpected error of one command fails that command alone. Storage trouble stops the worker: the
   command stays queued, its attempt does not count, and the next start decides from what is on the disk.
3. A database that does not answer delays the answer, never the state: the outcome is redone from the
   state's `applied` ring.
4. Whoever was stopped in between and comes second gets the outcome that was told before; where the state
   says otherwise all the same, that is told as a contradiction.
"""

import contextlib

import msgspec

from bot.commands.apply import CommandApplier, failed_outcome, refusal_outcome
from bot.commands.bus import CommandQueue
from bot.kernel.errors import BotError, StateConflictError, StorageError
from bot.lifecycle.commands import CommandOutcome, CommandRow, NewCommand
from bot.storage.commit import UnreadableContentError

ATTEMPTS_MAX = 3
_BATCH = 100
_ALL = 100_000


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

    def drain(self, *, asset: str | None = None) -> list[WorkedCommand]:
        """Apply everything that waits, until nothing does; returns what was worked on, in order.

        Args:
            asset: Only this asset's commands.

        Raises:
            StorageError: The state cannot be written now; what was not reached stays queued.
        """
        done: list[WorkedCommand] = []
        while rows := self._waiting(asset):
            for row in rows:
                outcome = self._work_on(row)
                if outcome is None:
                    continue
                done.append(self._finish(row, outcome))
        return done

    def _finish(self, row: CommandRow, outcome: CommandOutcome) -> WorkedCommand:
        if not self._queue.finish(row.uid, outcome):
            known = self._queue.get(row.uid)
            told = known.outcome if known is not None else None
            if told is not None and (told.state, told.code) != (outcome.state, outcome.code):
                return WorkedCommand(row=row, outcome=told, contradicted=outcome)
        return WorkedCommand(row=row, outcome=outcome)

    def _waiting(self, asset: str | None) -> list[CommandRow]:
        rows = self._queue.queued(limit=_BATCH if asset is None else _ALL)
        return [row for row in rows if asset in {None, row.asset}]

    def _work_on(self, row: CommandRow) -> CommandOutcome | None:
        """Return the outcome, or None where another worker was faster and the row has its own."""
        try:
            attempts = self._queue.count_attempt(row.id, self._name)
        except StorageError as error:
            if error.code != StateConflictError.default_code:
                raise
            return None
        # Attempts that were counted since the row was read are of workers that are at it right now.
        if attempts > ATTEMPTS_MAX and row.attempts >= ATTEMPTS_MAX:
            spent = failed_outcome("attempts_spent", f"{attempts - 1} attempts, the last by {self._name}")
            return self._applier.stored_outcome(command_of(row)) or spent
        try:
            return self._applier.apply(command_of(row))
        except StateConflictError as error:
            return refusal_outcome(error)
        except UnreadableContentError:
            raise  # no disk will ever take it, so the attempt counts
        except StorageError:
            with contextlib.suppress(StorageError):  # a database that is away keeps the count as it is
                self._queue.give_attempt_back(row.id)
            raise
        except BotError as error:
            return refusal_outcome(error)
        except Exception as error:  # noqa: BLE001 - a poison command must not hold up the others
            return failed_outcome("command_failed", f"{type(error).__name__}: {error}")


def command_of(row: CommandRow) -> NewCommand:
    """Return the command that a row keeps."""
    return NewCommand(
        uid=row.uid,
        type=row.type,
        asset=row.asset,
        priority=row.priority,
        payload=row.payload,
        actor=row.actor,
        idempotency_key=row.idempotency_key,
        request_hash=row.request_hash,
        created_at=row.created_at,
    )
