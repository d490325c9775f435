"""The state store: read a document, or change one in a transaction under the state lock.

Contract: 1 `read` takes no lock and sees old or new, never half. 2 A transaction starts with a
recovery, so it stands on what is durable. 3 A commit changes one document and is there for good when
it returns. 4 After a failed flush the store does nothing any more: the process must stop.
"""

import contextlib
import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, cast

from bot.kernel.clock import Clock
from bot.kernel.errors import RefusedError, StateConflictError, StateFileError, StateUnsureError
from bot.kernel.ids import IdSource
from bot.lifecycle.events import Event, EventType
from bot.storage.audit_chain import RefusalRecord
from bot.storage.audit_log import AuditLog
from bot.storage.commit import CommitResult, build_version, commit_result, write_version
from bot.storage.documents import ALL_KINDS, MANAGED_STATE, AppliedCommand, DocumentKind, Snapshot, T
from bot.storage.files.file_ops import FileOps
from bot.storage.files.json_codec import plain
from bot.storage.files.locks import hold
from bot.storage.home import Home
from bot.storage.kept_files import edited_file, kept_version
from bot.storage.process_info import WriterInfo
from bot.storage.recovery import Recovered, recover
from bot.storage.reports import Alarm, AlarmCode, Finding, RecoveryReport
from bot.storage.schema_check import SchemaCheck, product_schemas
from bot.storage.schema_upgrades import UPGRADES, Upgrades
from bot.storage.state_check import check_home_files
from bot.storage.store_context import StoreContext

_LOCK_TIMEOUT_S = 10.0
_ALARM_EVENTS = {
    AlarmCode.PUBLIC_FILE_REPLACED: EventType.STATE_QUARANTINED,
    AlarmCode.PUBLIC_FILE_MISSING: EventType.STATE_HEALED,
    AlarmCode.VERSION_RESTORED: EventType.STATE_HEALED,
}

__all__ = ["AppliedCommand", "CommitResult", "RefusalRecord", "StateStore", "Transaction"]


class StateStore:
    """All state documents of one home."""

    def __init__(
        self,
        home: Home,
        *,
        clock: Clock,
        ids: IdSource,
        writer: WriterInfo,
        environment: str,
        file_ops: FileOps | None = None,
        schemas: SchemaCheck | None = None,
        upgrades: Upgrades = UPGRADES,
        on_alarm: Callable[[Alarm], None] | None = None,
    ) -> None:
        self.home = home
        self._on_alarm = on_alarm
        self._clock = clock
        self._ids = ids
        self._writer = writer
        self._context = StoreContext(
            home,
            clock=clock,
            environment=environment,
            file_ops=file_ops or FileOps(),
            schemas=schemas or product_schemas(),
            upgrades=upgrades,
        )
        self._stopped_by: StateUnsureError | None = None

    @property
    def environment(self) -> str:
        """Return the environment that all documents must belong to."""
        return self._context.environment

    @property
    def audit(self) -> AuditLog:
        """Return the log of events, for reading."""
        return self._context.audit

    @property
    def refusals(self) -> AuditLog:
        """Return the log of refused commands, for reading."""
        return self._context.refusals

    @property
    def orders(self) -> AuditLog:
        """Return the log of what happened to orders; the trading loop's journal appends to it."""
        return self._context.orders

    def initialise(self) -> None:
        """Make the first versions of all documents; completes one that was interrupted.

        Raises:
            RefusedError: `home_exists`: all documents are there.
        """
        with self._locked("bot init", _LOCK_TIMEOUT_S):
            self._context.audit.create()
            self._context.refusals.create()
            found = self._recover(all_needed=False)
            missing = [kind for kind in ALL_KINDS if kind.name not in found.snapshots]
            if not missing:
                raise RefusedError(f"{self.home.root} has its state already.", code="home_exists")
            lineages = [snapshot.meta.lineage for snapshot in found.snapshots.values()]
            work = Transaction(
                self._context, self._writer, found, lineages[0] if lineages else self._ids.new_id()
            )
            for kind in missing:
                work.create(kind)

    def read(self, kind: DocumentKind[T]) -> Snapshot[T]:
        """Return what a document says now, from its public file, without any lock.

        Raises:
            StateFileError: The file is missing (`state_file_missing`) or cannot be trusted.
        """
        path = self.home.public(kind.name)
        try:
            raw = path.read_bytes()
        except FileNotFoundError as error:
            raise StateFileError(f"{path} is not there.", code="state_file_missing") from error
        except OSError as error:
            raise StateFileError(f"{path} cannot be read.", why=f"{error.strerror or error}.") from error
        return self._context.snapshot(kind, raw, path)

    @contextlib.contextmanager
    def transaction(
        self, *, timeout_s: float = _LOCK_TIMEOUT_S, what: str = "change"
    ) -> "Iterator[Transaction]":
        """Hold the state lock, recover, and let the body read and commit.

        No network, no prompt and no other lock but the audit's belong in the body.

        Raises:
            LockHeldError: Another process held the lock for all of `timeout_s`.
            StateFileError: A document is missing or foreign.
            RecoveryNeedsOperatorError: The copies contradict each other.
            StateUnsureError: The disk failed, now or earlier in this process.
        """
        with self._locked(what, timeout_s):
            found = self._recover()
            work = Transaction(
                self._context, self._writer, found, next(iter(found.snapshots.values())).meta.lineage
            )
            if found.report.alarms:
                work.record_alarms()
                self._tell(found.report.alarms)
            try:
                yield work
            finally:
                work.close()

    def serials(self, kind: DocumentKind[T]) -> list[int]:
        """Return the serials of the document's kept versions, lowest first."""
        return self._context.serials(kind)

    def kept(self, kind: DocumentKind[T], serial: int) -> Snapshot[T]:
        """Return a kept version that the audit proves (see `kept_version`); takes no lock."""
        return kept_version(self._context, kind, serial, lineage=self.read(kind).meta.lineage)

    def edited(self, kind: DocumentKind[T], file_digest: str) -> Snapshot[T]:
        """Return a hand edit that was set aside (see `edited_file`); takes no lock."""
        return edited_file(self._context, kind, file_digest, lineage=self.read(kind).meta.lineage)[1]

    def read_up(self, since: dt.datetime) -> None:
        """Read what the logs tell of commands made since then, so that it need not be read under the lock.

        It is only a help: under the lock the logs are looked at again, and what is new is read.
        """
        with contextlib.suppress(OSError):
            for index in (self._context.told_in_audit, self._context.told_in_refusals):
                index.read_on(since)

    def check(self) -> list[Finding]:
        """Look at every file and change none; the result has at least one line per document."""
        return check_home_files(self._context)

    def _recover(self, *, all_needed: bool = True) -> Recovered:
        try:
            return recover(self._context, all_needed=all_needed)
        except OSError as error:  # every write maps its own; this is a file that cannot be read
            raise StateFileError(
                f"{error.filename or self.home.root} cannot be read.", why=f"{error.strerror or error}."
            ) from error

    def _tell(self, alarms: Sequence[Alarm]) -> None:
        if self._on_alarm is not None:
            for alarm in alarms:
                self._on_alarm(alarm)

    @contextlib.contextmanager
    def _locked(self, what: str, timeout_s: float) -> Iterator[None]:
        if self._stopped_by is not None:
            raise self._stopped_by
        with hold(self.home.state_lock, clock=self._clock, what=what, timeout_s=timeout_s):
            try:
                yield
            except StateUnsureError as error:
                self._stopped_by = error
                raise


class Transaction:
    """The state under the lock; usable only inside `StateStore.transaction`."""

    def __init__(self, context: StoreContext, writer: WriterInfo, found: Recovered, lineage: str) -> None:
        self._context = context
        self._writer = writer
        self._found = found
        self._snapshots: dict[str, Snapshot[Any]] = dict(found.snapshots)
        self._tail = found.tail
        self._lineage = lineage
        self._is_open = True

    @property
    def recovery(self) -> RecoveryReport:
        """Return what the recovery before this transaction mended."""
        return self._found.report

    def current(self, kind: DocumentKind[T]) -> Snapshot[T]:
        """Return the document as it is under the lock."""
        self._must_be_open()
        return cast("Snapshot[T]", self._snapshots[kind.name])

    def kept(self, kind: DocumentKind[T], serial: int) -> Snapshot[T]:
        """Return a kept version that the audit proves (see `kept_version`)."""
        self._must_be_open()
        return kept_version(self._context, kind, serial, lineage=self._lineage)

    def edited(self, kind: DocumentKind[T], file_digest: str) -> Snapshot[T]:
        """Return a hand edit that was set aside (see `edited_file`)."""
        self._must_be_open()
        return edited_file(self._context, kind, file_digest, lineage=self._lineage)[1]

    def applied(self, command_uid: str) -> AppliedCommand | None:
        """Return the command as some document remembers it, or None."""
        self._must_be_open()
        for snapshot in self._snapshots.values():
            entry = snapshot.meta.applied.get(command_uid)
            if entry is not None:
                return AppliedCommand(
                    uid=command_uid, digest=entry.digest, outcome=entry.outcome, serial=entry.serial
                )
        return None

    def applied_earlier(self, made_at: Mapping[str, dt.datetime]) -> dict[str, int]:
        """Return the serials of those commands (uid -> when made) that have left every document's ring.

        The audit log remembers them; it is only asked where something has left a ring at all.
        """
        self._must_be_open()
        if not any(snapshot.meta.applied_floor for snapshot in self._snapshots.values()):
            return {}
        found = self._context.told_in_audit.newest_records_of(made_at)
        return {uid: int(record["serial"]) for uid, record in found.items()}

    def refused(self, made_at: Mapping[str, dt.datetime]) -> dict[str, Mapping[str, Any]]:
        """Return the records of those commands (uid -> when made) that were refused."""
        self._must_be_open()
        return self._context.told_in_refusals.newest_records_of(made_at)

    def commit(
        self,
        kind: DocumentKind[T],
        content: T,
        *,
        commands: Sequence[AppliedCommand],
        events: Sequence[Event],
    ) -> CommitResult:
        """Make the content the document's next version, with its commands and events, for good.

        A command without an event gets a `state.committed`, so that every one has its record, as has
        every serial.

        Raises:
            StateConflictError: The serial was taken although the lock was held; nothing was changed,
                and this transaction has looked again.
            StateWriteError: Nothing was changed.
            StateUnsureError: The disk failed; the process must stop.
            RefusedError: A command is applied already.
        """
        for command in commands:
            self._must_be_new(command)
        told = {event.command_id for event in events}
        untold = [_committed(command.uid) for command in commands if command.uid not in told]
        return self._commit(kind, content, commands, (*events, *untold) or (_committed(""),))

    def refuse(self, *refusals: RefusalRecord) -> int:
        """Remember refused commands in their own chain, durably; returns the last one's sequence there.

        Raises:
            StateWriteError: The disk is full; nothing was kept.
            StateUnsureError: The disk failed.
        """
        self._must_be_open()
        return self._context.refusals.append(*(plain(refusal) for refusal in refusals))

    def record(self, events: Sequence[Event]) -> CommitResult:
        """Put events that change no content into the audit log: one commit without a change."""
        return self._commit(MANAGED_STATE, self.current(MANAGED_STATE).content, (), events)

    def record_alarms(self) -> None:
        """Put what the recovery found odd into the audit log."""
        events = tuple(
            Event(
                type=_ALARM_EVENTS[alarm.code],
                asset="*",
                actor="system",
                command_id="",
                data={
                    "document": alarm.document,
                    "what": alarm.what,
                    "path": str(alarm.path),
                    "kept_at": str(alarm.kept_at) if alarm.kept_at is not None else None,
                    **({"changed": list(alarm.changed)} if alarm.changed is not None else {}),
                },
            )
            for alarm in self._found.report.alarms
        )
        self.record(events)

    def create(self, kind: DocumentKind[T]) -> None:
        """Make a document's first version, empty."""
        event = Event(
            type=EventType.STATE_INITIALISED,
            asset="*",
            actor="system",
            command_id="",
            data={"lineage": self._lineage, "environment": self._context.environment},
        )
        self._commit(kind, kind.content_type(), (), (event,))

    def close(self) -> None:
        """End the transaction; further use is a defect."""
        self._is_open = False

    def _commit(
        self,
        kind: DocumentKind[T],
        content: T,
        commands: Sequence[AppliedCommand],
        events: Sequence[Event],
    ) -> CommitResult:
        self._must_be_open()
        raw, snapshot = build_version(
            self._context,
            kind,
            content,
            before=cast("Snapshot[T] | None", self._snapshots.get(kind.name)),
            lineage=self._lineage,
            serials={name: known.meta.serial for name, known in self._snapshots.items()},
            tail=self._tail,
            writer=self._writer,
            commands=commands,
            events=events,
            now=self._context.clock.now(),
        )
        try:
            self._tail = write_version(self._context, kind, raw, snapshot)
        except StateConflictError:
            self._found = recover(self._context)
            self._snapshots, self._tail = dict(self._found.snapshots), self._found.tail
            raise
        self._snapshots[kind.name] = snapshot
        return commit_result(snapshot)

    def _must_be_new(self, command: AppliedCommand) -> None:
        known = self.applied(command.uid)
        if known is not None:
            raise RefusedError(
                f"The command {command.uid} is applied already.",
                code="idempotency_conflict",
                why=f"It came with serial {known.serial}.",
            )

    def _must_be_open(self) -> None:
        if not self._is_open:
            raise RuntimeError("the transaction is over; open a new one")


def _committed(command_uid: str) -> Event:
    return Event(type=EventType.STATE_COMMITTED, asset="*", actor="system", command_id=command_uid)
