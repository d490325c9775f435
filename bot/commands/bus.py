"""Putting a command on the bus: validated, attributed, idempotent. All that an edge ever does.

The queue only keeps commands in order and says what became of them; exactly-once comes from the
state's own lock, its `applied` ring and the commit by link.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Protocol

import msgspec

from bot.commands.registry import SPECS, spec_of
from bot.kernel.canonical import digest
from bot.kernel.clock import Clock
from bot.kernel.errors import RefusedError, UsageError
from bot.kernel.ids import ALL_ASSETS, IdSource, is_asset
from bot.lifecycle.command_payloads import Payload
from bot.lifecycle.commands import CommandOutcome, CommandRow, CommandState, CommandType, NewCommand
from bot.lifecycle.roles import RoleBook
from bot.storage.schema_check import SchemaCheck


class CommandQueue(Protocol):
    """Keeps commands, in order, and their outcomes.

    `enqueue` is idempotent by (actor, key): the same request again returns the same row, another
    request under the same key raises `RefusedError(idempotency_conflict)`. `queued` offers only the
    oldest waiting command of each asset. `finish` never changes a final row. Every method raises
    `DatabaseUnavailableError` when the database does not answer, and then nothing was changed.
    """

    def enqueue(self, new: NewCommand) -> CommandRow:
        """Keep a command."""
        ...

    def queued(self, *, limit: int) -> list[CommandRow]:
        """Return waiting commands in the order in which they may be applied."""
        ...

    def count_attempt(self, row_id: int, worker: str) -> int:
        """Count and return the attempts on a row, durably, before it is applied."""
        ...

    def give_attempt_back(self, row_id: int) -> None:
        """Take an attempt off a waiting row again: the state could not be written, so it was none."""
        ...

    def finish(self, uid: str, outcome: CommandOutcome) -> bool:
        """Store the outcome; False if the row was final already."""
        ...

    def get(self, uid_or_prefix: str) -> CommandRow | None:
        """Return a command by its id or a unique prefix of it."""
        ...

    def list(
        self, *, asset: str | None = None, state: CommandState | None = None, limit: int = 50
    ) -> list[CommandRow]:
        """Return the newest commands first."""
        ...

    def insert_finished(self, new: NewCommand, outcome: CommandOutcome) -> None:
        """Keep a command that was committed to the state before the database answered."""
        ...

    def close(self) -> None:
        """Release the connection."""
        ...


class CommandMaker:
    """Turns what somebody asks for into a command that is valid to the letter."""

    def __init__(self, *, clock: Clock, ids: IdSource, schemas: SchemaCheck, users: RoleBook) -> None:
        self._clock = clock
        self._ids = ids
        self._schemas = schemas
        self._users = users

    def make(
        self,
        command_type: CommandType | str,
        asset: str,
        payload: Payload | Mapping[str, Any],
        *,
        actor: str,
        idempotency_key: str | None = None,
        uid: str | None = None,
    ) -> NewCommand:
        """Return a checked command.

        Raises:
            UsageError: Unknown type (`unknown_command`), a malformed asset, or a payload that does
                not fit its schema (`payload_invalid`).
            RefusedError: The actor may not send it (`role_missing`).
        """
        if command_type not in SPECS:
            raise UsageError(f"there is no command {command_type!r}", code="unknown_command")
        spec = spec_of(CommandType(command_type))
        if spec.concerns_all and asset != ALL_ASSETS:
            raise UsageError(f"{spec.type} concerns all, not {asset!r}", why=f"Expected {ALL_ASSETS!r}.")
        if not (spec.concerns_all or is_asset(asset)):
            raise UsageError(f"{asset!r} is no asset", why="Expected upper-case letters and digits, as SOL.")
        plain = (
            msgspec.to_builtins(payload, builtin_types=(Decimal,))
            if isinstance(payload, Payload)
            else dict(payload)
        )
        spec.check_sender(actor, self._users, plain)
        self._check_payload(spec.type, plain)
        uid = uid or self._ids.new_id()
        return NewCommand(
            uid=uid,
            type=spec.type,
            asset=asset,
            priority=spec.priority,
            payload=plain,
            actor=actor,
            idempotency_key=idempotency_key or uid,
            request_hash=digest({"type": spec.type.value, "asset": asset, "payload": plain}),
            created_at=self._clock.now(),
        )

    def _check_payload(self, command_type: CommandType, plain: dict[str, Any]) -> None:
        problems = self._schemas.problems(f"commands/{command_type.value}", plain)
        if problems:
            raise UsageError(
                f"the payload of {command_type} does not fit",
                code="payload_invalid",
                why="; ".join(
                    f"{problem.json_path}: found {problem.found}; {problem.allowed}" for problem in problems
                ),
            )


def parse_payload(command_type: CommandType, payload: Mapping[str, Any]) -> Payload:
    """Return the typed payload of a stored command.

    Raises:
        RefusedError: When a stored payload does not fit (`payload_invalid`): it was written by
            somebody who went around the bus.
    """
    spec = spec_of(command_type)
    try:
        return msgspec.convert(dict(payload), spec.payload_type)
    except msgspec.ValidationError as error:
        raise RefusedError(
            f"the payload of {command_type} does not fit", code="payload_invalid", why=str(error)
        ) from error
