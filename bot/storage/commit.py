"""The one durable write sequence: steps 6 to 10 of `nothing_is_lost.md`, in exactly this order.

6 build, validate, encode, decode, compare · 7 temp file, flushed · 8 link to the version's name (the
commit point), list again, flush the folder · 9 publish · 10 audit. Before 8 a failure leaves the old
state; after 8 the new state stands, and whatever fails then is redone by the next recovery.
"""

import contextlib
import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from bot.kernel.canonical import digest_of_plain
from bot.kernel.errors import (
    RefusedError,
    StateConflictError,
    StateFileError,
    StateUnsureError,
    StateWriteError,
    StorageError,
)
from bot.lifecycle.events import Event
from bot.storage.at_rest import cycle_search_at_rest
from bot.storage.audit_chain import event_records
from bot.storage.audit_log import Tail
from bot.storage.documents import (
    AppliedCommand,
    AppliedEntry,
    DocumentKind,
    DocumentMeta,
    Snapshot,
    T,
    content_digest,
    content_fields,
    plain_content,
    read_back,
    written,
)
from bot.storage.files.atomic_file import commit_link, discard, flush_folder, publish_replace, write_temp
from bot.storage.files.json_codec import NotStrictJsonError
from bot.storage.home import FILE_MODE, FROZEN_FILE_MODE
from bot.storage.parts import VersionParts
from bot.storage.process_info import WriterInfo
from bot.storage.schema_check import SchemaCheck
from bot.storage.store_context import StoreContext

APPLIED_KEPT = 200
"""Commands that a document remembers at least."""


class UnreadableContentError(StateWriteError):
    """A defect made content that no reader would accept: trying it again gives the same."""


class CommitResult(msgspec.Struct, frozen=True, kw_only=True):
    """What a commit is known by."""

    serial: int
    audit_sequences: tuple[int, ...]
    """The places of its records in the audit log."""
    sequences_by_command: Mapping[str, tuple[int, ...]]

    def sequences_of(self, command_uid: str) -> tuple[int, ...]:
        """Return the places of one command's records."""
        return self.sequences_by_command.get(command_uid, ())


def build_version(
    context: StoreContext,
    kind: DocumentKind[T],
    content: T,
    *,
    before: Snapshot[T] | None,
    lineage: str,
    serials: Mapping[str, int],
    tail: Tail,
    writer: WriterInfo,
    commands: Sequence[AppliedCommand],
    events: Sequence[Event],
    now: dt.datetime,
) -> tuple[bytes, Snapshot[T]]:
    """Build the next version's bytes and prove that a reader gets back what was meant (step 6).

    Raises:
        UnreadableContentError: The content does not fit the schema or has no exact JSON form.
        RefusedError: A command is in the document already (`idempotency_conflict`).
    """
    serial = 1 if before is None else before.meta.serial + 1
    applied, floor = _applied_ring(before, commands, serial)

    def meta_for(meant: str) -> DocumentMeta:
        records = event_records(
            events,
            after=tail.point,
            at=now,
            document=kind.name,
            content_digest=meant,
            serials={**serials, kind.name: serial},
        )
        return DocumentMeta(
            schema_version=kind.schema_version,
            environment=context.environment,
            captured_at=now,
            lineage=lineage,
            serial=serial,
            writer=writer,
            applied=applied,
            applied_floor=floor,
            outbox=records,
            audit=tail.point,
        )

    path = context.version_path(kind, serial)
    parts: VersionParts[T] = context.parts[kind.name]
    with cycle_search_at_rest():
        made = None
        if parts.follow_on(before, content, applied):
            made = _by_its_parts(parts, content, meta_for, path=path, schemas=context.schemas)
        raw, snapshot = made or _proven(kind, content, meta_for, path=path, context=context)
        parts.remember(snapshot)
        return raw, snapshot


MetaFor = Callable[[str], DocumentMeta]
"""Gives the envelope for the digest of the content."""

_NOT_IN_READERS_FORM = (StateFileError, msgspec.MsgspecError, ValueError, TypeError, ArithmeticError)


def _by_its_parts(
    parts: VersionParts[T],
    content: T,
    meta_for: MetaFor,
    *,
    path: Path,
    schemas: SchemaCheck,
) -> tuple[bytes, Snapshot[T]] | None:
    """Return the version by its parts, where that can be done; the long way says what is wrong."""
    with contextlib.suppress(*_NOT_IN_READERS_FORM):
        return parts.build(content, meta_for, path=path, schemas=schemas)
    return None


def _proven(
    kind: DocumentKind[T], content: T, meta_for: MetaFor, *, path: Path, context: StoreContext
) -> tuple[bytes, Snapshot[T]]:
    """Return the version that a reader gets back exactly as it was meant."""

    def built(fields: dict[str, Any]) -> tuple[bytes, Snapshot[T], str]:
        meant = digest_of_plain(fields)
        version = written(kind, fields, meta_for(meant))
        snapshot = read_back(
            kind, version, path=path, schemas=context.schemas, environment=context.environment
        )
        return version.raw, snapshot, meant

    # Nearly all content is in a reader's form already; where it is not, the second way says what is wrong.
    with contextlib.suppress(*_NOT_IN_READERS_FORM):
        raw, snapshot, meant = built(content_fields(content))
        if digest_of_plain(content_fields(snapshot.content)) == meant:
            return raw, snapshot
    try:
        raw, snapshot, meant = built(plain_content(content))
    except (NotStrictJsonError, StateFileError) as error:
        raise UnreadableContentError(
            f"The new {kind.name} was not written, because no reader would accept it.",
            why=error.why if isinstance(error, StateFileError) else str(error),
            fix="This is a defect of the program: report it with bot --debug.",
        ) from error
    if not _says(snapshot.content, meant):
        raise UnreadableContentError(
            f"The new {kind.name} was not written.",
            why="Read back, it would not be what was decided.",
            fix="This is a defect of the program: report it with bot --debug.",
        )
    return raw, snapshot


def _says(content: object, meant: str) -> bool:
    """Say whether content that was read back is what was meant, to the last digit of every number."""
    # What was read is in a reader's form already; only if that is not so, it is brought into it.
    return digest_of_plain(content_fields(content)) == meant or content_digest(content) == meant


def commit_result(snapshot: Snapshot[Any]) -> CommitResult:
    """Return what a version that was written is known by."""
    by_command: dict[str, tuple[int, ...]] = {}
    for record in snapshot.meta.outbox:
        uid = str(record["command_id"])
        by_command[uid] = (*by_command.get(uid, ()), int(record["sequence"]))
    return CommitResult(
        serial=snapshot.meta.serial,
        audit_sequences=tuple(int(record["sequence"]) for record in snapshot.meta.outbox),
        sequences_by_command=by_command,
    )


def write_version(context: StoreContext, kind: DocumentKind[T], raw: bytes, snapshot: Snapshot[T]) -> Tail:
    """Make a built version the truth, publish it and tell the audit (steps 7 to 10).

    Raises:
        StateConflictError: The serial is taken.
        StateWriteError: The disk refused before the commit point; the old state stands.
        StateUnsureError: The disk failed at or after it.
    """
    _link_version(context, kind, raw, snapshot.meta.serial)
    try:
        publish_replace(context.ops, context.home.public(kind.name), raw, FILE_MODE)
        tail, _, _ = context.audit.append_missing(snapshot.meta.outbox, durable=snapshot.meta.audit)
    except (StorageError, OSError) as error:
        raise StateUnsureError(
            f"{kind.name} was committed as serial {snapshot.meta.serial}, but not told to everyone.",
            why=f"{error}",
            unchanged="The commit stands; the next start publishes it and completes the audit.",
        ) from error
    context.remember(kind, raw, snapshot)
    return tail


def _link_version(context: StoreContext, kind: DocumentKind[T], raw: bytes, serial: int) -> None:
    """Steps 7 and 8: after this returns, the version is the truth for ever."""
    target = context.version_path(kind, serial)
    temp = write_temp(context.ops, target, raw, FROZEN_FILE_MODE)
    try:
        commit_link(context.ops, temp, target)
    except FileExistsError as error:
        discard(context.ops, temp)
        raise _conflict(kind, serial) from error
    except StateWriteError:
        discard(context.ops, temp)
        raise
    try:
        present = context.newest_serials(kind)
        if present[-1] != serial:
            # Without a predecessor the name was free only because old versions were pruned: it is
            # nobody's base. With one, others may have built on it already, so it stays.
            if serial - 1 not in context.serials(kind):
                context.ops.unlink(target)
            discard(context.ops, temp)
            raise _conflict(kind, serial)
    except OSError as error:
        raise StateUnsureError(
            f"{target} was linked, but its folder cannot be read.", why=f"{error.strerror or error}."
        ) from error
    flush_folder(context.ops, target.parent)
    context.durable[kind.name] = serial
    discard(context.ops, temp)


def _applied_ring(
    before: Snapshot[T] | None, commands: Sequence[AppliedCommand], serial: int
) -> tuple[dict[str, AppliedEntry], int]:
    """Return the remembered commands and the floor, the highest serial that lost one."""
    known = {} if before is None else dict(before.meta.applied)
    floor = 0 if before is None else before.meta.applied_floor
    for command in commands:
        if command.uid in known:
            raise RefusedError(
                f"The command {command.uid} is applied already.",
                code="idempotency_conflict",
                why=f"It came with serial {known[command.uid].serial}.",
            )
        known[command.uid] = AppliedEntry(digest=command.digest, outcome=command.outcome, serial=serial)
    newest_first = sorted(known.items(), key=lambda item: item[1].serial, reverse=True)
    kept = [
        item for index, item in enumerate(newest_first) if index < APPLIED_KEPT or item[1].serial == serial
    ]
    dropped = [entry.serial for _, entry in newest_first[len(kept) :]]
    return dict(reversed(kept)), max([floor, *dropped])


def _conflict(kind: DocumentKind[T], serial: int) -> StateConflictError:
    return StateConflictError(
        f"Serial {serial} of {kind.name} was taken by another writer.", why="It committed first."
    )
