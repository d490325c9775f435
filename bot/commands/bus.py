"""Putting a command on the bus: validated, attributed, idempotent. All that an edge ever does.

The queue only keeps commands in order and says what became of them; exactly-once comes from the
state's own lock, its `applied` ring and the commit by link.
"""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Protocol

import msgspec

from bot.commands.registry import SPECS, CommandSpec, spec_of
from bot.kernel.canonical import canonical_bytes, digest
from bot.kernel.clock import Clock
from bot.kernel.errors import RefusedError, UsageError
from bot.kernel.ids import ALL_ASSETS, IdSource, is_asset
from bot.lifecycle.command_payloads import Payload
from bot.lifecycle.commands import CommandOutcome, CommandRow, CommandState, CommandType, NewCommand
from bot.lifecycle.events import Event
from bot.lifecycle.refusal_events import refusal_events
from bot.lifecycle.roles import RoleBook
from bot.storage.schema_check import SchemaCheck

PAYLOAD_BYTES_MAX = 1_000_000
"""A baseline of thousands of coins fits; a runaway does not."""
DEPTH_MAX = 20
EXPONENT_MAX = 30
"""No price and no quantity has more places; a number that has could not be shown or reckoned with."""


class CommandQueue(Protocol):
    """Keeps commands, in order, and their outcomes.

    `enqueue` is idempotent by (actor, key): the same request again returns the same row, another
    request under the same key raises `RefusedError(idempotency_conflict)`. `queued` keeps the order of
    acceptance per asset; between assets the lowest priority number goes first. `finish` never changes a
    final row. What is done to several rows is done in one transaction. Every method raises
    `DatabaseUnavailableError` when the database does not answer, and then nothing was changed.
    """

    def enqueue(self, new: NewCommand) -> CommandRow:
        """Keep a command."""
        ...

    def queued(self, *, limit: int, asset: str | None = None) -> list[CommandRow]:
        """Return waiting commands in the order in which they must be applied."""
        ...

    def count_attempts(self, row_ids: Sequence[int], worker: str) -> dict[int, int]:
        """Count an attempt on each waiting row, durably, before it is applied.

        Returns the attempts by row; a row that is final, or in another worker's hand, is left out.
        """
        ...

    def give_attempts_back(self, row_ids: Sequence[int]) -> None:
        """Take an attempt off each waiting row again: the state could not be written, so it was none."""
        ...

    def finish(self, outcomes: Mapping[str, CommandOutcome]) -> frozenset[str]:
        """Store the outcomes by uid; returns those that were stored, without rows that were final."""
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

    def __init__(
        self,
        *,
        clock: Clock,
        ids: IdSource,
        schemas: SchemaCheck,
        users: RoleBook | Callable[[], RoleBook],
        on_denied: Callable[[tuple[Event, ...]], None] | None = None,
    ) -> None:
        """Keep what commands are checked by.

        Args:
            clock: Dates them.
            ids: Names them.
            schemas: Checks their payloads.
            users: Who may send what; a function where the book may change.
            on_denied: Receives what the audit log tells of a person whose role does not allow it.
        """
        self._clock = clock
        self._ids = ids
        self._schemas = schemas
        self._users = users if callable(users) else lambda: users
        self._on_denied = on_denied

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
        plain = _plain(spec.type, payload)
        self._check_sender(spec, actor, asset, plain)
        check_size(spec.type, plain)
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

    def _check_sender(self, spec: CommandSpec, actor: str, asset: str, plain: Mapping[str, Any]) -> None:
        try:
            spec.check_sender(actor, self._users(), plain)
        except RefusedError as error:
            if self._on_denied is not None:
                self._on_denied(refusal_events(error, asset=asset, actor=actor, refused=spec.type.value))
            raise

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


def _plain(command_type: CommandType, payload: Payload | Mapping[str, Any]) -> dict[str, Any]:
    if not isinstance(payload, Payload):
        return dict(payload)
    try:
        fields: dict[str, Any] = msgspec.to_builtins(payload, builtin_types=(Decimal,))
    except RecursionError as error:
        raise _too_large(f"the payload of {command_type} is nested too deeply") from error
    return fields


def _too_large(what: str) -> UsageError:
    limits = f"At most {PAYLOAD_BYTES_MAX} bytes in {DEPTH_MAX} levels are taken."
    return UsageError(what, code="payload_too_large", why=limits)


def check_size(command_type: CommandType, payload: Mapping[str, Any]) -> None:
    """Refuse a payload that is larger, or nested deeper, or has larger numbers, than any honest one.

    Raises:
        UsageError: `payload_too_large`, or `payload_invalid` for such a number.
    """
    levels: list[tuple[int, Any]] = [(1, payload)]
    while levels:  # not recursive: a payload may be nested deeper than the stack is
        depth, value = levels.pop()
        if depth > DEPTH_MAX:
            raise _too_large(f"the payload of {command_type} is nested too deeply")
        if isinstance(value, Mapping):
            levels += [(depth + 1, item) for item in value.values()]
        elif isinstance(value, list | tuple):
            levels += [(depth + 1, item) for item in value]
        elif isinstance(value, int | Decimal) and not _has_a_sense(Decimal(value)):
            raise UsageError(
                f"the payload of {command_type} has a number beyond sense",
                code="payload_invalid",
                why=f"Found {Decimal(value):.3g}; {EXPONENT_MAX} places before or behind the point are most.",
            )
    size = len(canonical_bytes(payload))
    if size > PAYLOAD_BYTES_MAX:
        raise _too_large(f"the payload of {command_type} has {size} bytes")


def _has_a_sense(number: Decimal) -> bool:
    return number.is_finite() and (not number or abs(number.adjusted()) <= EXPONENT_MAX)


def parse_payload(command_type: CommandType, payload: Mapping[str, Any]) -> Payload:
    """Return the typed payload of a stored command.

    Raises:
        RefusedError: When a stored payload does not fit (`payload_invalid`): it was written by
            somebody who went around the bus.
        UsageError: `payload_too_large`.
    """
    check_size(command_type, payload)
    spec = spec_of(command_type)
    try:
        return msgspec.convert(dict(payload), spec.payload_type)
    except msgspec.ValidationError as error:
        raise RefusedError(
            f"the payload of {command_type} does not fit", code="payload_invalid", why=str(error)
        ) from error
