"""The command worker: takes what waits on the bus, applies it, says what became of it.

1. Attempts are counted durably before applying, so a command that kills its worker ends: after three
   attempts it is `failed` with its evidence, and nobody else is held up.
2. An unexpected error of one command fails that command alone. Storage trouble stops the worker: the
   command stays queued, and the next start decides from what is on the disk.
3. A database that does not answer delays the answer, never the state: the outcome is redone from the
   state's `applied` ring.
"""

import msgspec

from bot.commands.apply import CommandApplier, failed_outcome, refusal_outcome
from bot.commands.bus import CommandQueue
from bot.kernel.errors import BotError, StateConflictError, StorageError
from bot.lifecycle.commands import CommandOutcome, CommandRow, NewCommand

ATTEMPTS_MAX = 3
_BATCH = 100
_ALL = 100_000


class WorkedCommand(msgspec.Struct, frozen=True, kw_only=True):
    """One command with its outcome."""

    row: CommandRow
    outcome: CommandOutcome


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
                self._queue.finish(row.uid, outcome)
                done.append(WorkedCommand(row=row, outcome=outcome))
        return done

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
        except StorageError:
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
