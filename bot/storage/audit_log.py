"""The append-only log files: the audit of events, and the refusals; both are hash chains.

Rules: 1 the file is appended to, never replaced. 2 Torn bytes at the end are a crash's and are cut,
but never anything that a document knows as durable. 3 Every append ends with a flush, even of
nothing: what can be read after a crash may still not be durable. 4 A damaged middle is an error that
names the line; nobody mends it silently.
"""

import contextlib
import os
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, cast

import msgspec
import portalocker

from bot.kernel.errors import (
    AuditError,
    LockHeldError,
    RecoveryNeedsOperatorError,
    StateUnsureError,
    StorageError,
)
from bot.storage.audit_chain import (
    CHAIN_START,
    chained,
    line_for,
    point_of,
    read_line,
    read_line_again,
)
from bot.storage.documents import AuditPoint
from bot.storage.files.atomic_file import append_durably, flush_folder, truncate
from bot.storage.files.file_ops import FileOps
from bot.storage.files.json_codec import NotStrictJsonError

_BLOCK_BYTES = 16 * 1024
_FILE_MODE = 0o600
_LOCK_TIMEOUT_S = 5.0


class Tail(msgspec.Struct, frozen=True, kw_only=True):
    """The end of a log: its last whole record, and where that one ends in the file."""

    record: Mapping[str, Any] | None
    end: int
    size: int
    """The file's bytes; more than `end` when something torn follows."""

    @property
    def point(self) -> AuditPoint:
        """Return the last record's place in the chain."""
        return CHAIN_START if self.record is None else point_of(self.record)


class VerifyResult(msgspec.Struct, frozen=True, kw_only=True):
    """What a walk along the whole chain found."""

    records: int
    first_bad_line: int | None = None
    reason: str = ""

    @property
    def is_whole(self) -> bool:
        """Say whether every line holds."""
        return self.first_bad_line is None


class AuditLog:
    """One chain in one file."""

    def __init__(self, path: Path, *, file_ops: FileOps | None = None) -> None:
        self._path = path
        self._ops = file_ops or FileOps()

    @property
    def path(self) -> Path:
        """Return the file."""
        return self._path

    def read_tail(self) -> Tail:
        """Return the last whole record; torn lines after it are skipped, however many."""
        try:
            descriptor = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return Tail(record=None, end=0, size=0)
        try:
            return _last_record(descriptor, os.fstat(descriptor).st_size)
        finally:
            os.close(descriptor)

    def append_missing(
        self, records: Sequence[Mapping[str, Any]], *, durable: AuditPoint, may_take_back: bool = False
    ) -> tuple[Tail, int, int]:
        """Cut a torn end, append the records that are not there yet, flush always (step 10).

        Args:
            records: Complete records in order; those at or before the log's end are skipped.
            durable: The newest place that a document knows as durable: never cut.
            may_take_back: The records belong to no commit, so a full disk leaves the log as it was.

        Returns:
            The new tail, how many records were appended, how many bytes were cut.

        Raises:
            RecoveryNeedsOperatorError: The log is shorter than a document says, or does not fit.
            StateWriteError: The disk is full, and what it took was taken back.
            StateUnsureError: A write or flush failed.
        """
        with self._locked() as file:
            tail = self.read_tail()
            if tail.point.sequence < durable.sequence:
                raise shorter_than_known(self._path, tail.point, durable)
            missing = [record for record in records if record["sequence"] > tail.point.sequence]
            self.check_held(records[: len(records) - len(missing)])
            check_links(self._path, tail.point, missing)
            cut = tail.size - tail.end
            data = b"".join(line_for(record) for record in missing)
            descriptor = file.fileno()
            if cut:
                truncate(self._ops, descriptor, self._path, tail.end)
            back_to = tail.end if may_take_back else None
            append_durably(self._ops, descriptor, self._path, data, take_back_to=back_to)
        last = missing[-1] if missing else tail.record
        end = tail.end + len(data)
        return Tail(record=last, end=end, size=end), len(missing), cut

    def append(self, *records_fields: Mapping[str, Any]) -> int:
        """Append records that belong to no document; returns the last one's sequence (durable).

        Raises:
            StateWriteError: The disk is full; the log is as it was.
            StateUnsureError: A write or flush failed.
        """
        tail = self.read_tail()
        point, records = tail.point, []
        for fields in records_fields:
            records.append(chained(fields, point))
            point = point_of(records[-1])
        self.append_missing(records, durable=tail.point, may_take_back=True)
        return point.sequence

    def append_in_turn(self, *records_fields: Mapping[str, Any]) -> tuple[int, int]:
        """Append records behind whatever others have appended meanwhile; for writers without the state lock.

        Returns:
            The sequence of the record before them, and of the last of them (durable).

        Raises:
            StateWriteError: The disk is full; the log is as it was.
            StateUnsureError: A write or flush failed.
        """
        with self._locked() as file:
            tail = self.read_tail()
            point, records = tail.point, []
            for fields in records_fields:
                records.append(chained(fields, point))
                point = point_of(records[-1])
            if tail.size != tail.end:
                truncate(self._ops, file.fileno(), self._path, tail.end)
            data = b"".join(line_for(record) for record in records)
            append_durably(self._ops, file.fileno(), self._path, data, take_back_to=tail.end)
        return tail.point.sequence, point.sequence

    def create(self) -> None:
        """Make the empty file, durably; one that is there stays."""
        if not self._path.exists():
            with contextlib.suppress(FileExistsError):
                self._ops.close(self._ops.open_new(self._path, _FILE_MODE))
        flush_folder(self._ops, self._path.parent)

    def records(
        self,
        *,
        from_sequence: int = 1,
        asset: str | None = None,
        command_id: str | None = None,
        type_prefix: str | None = None,
    ) -> Iterator[dict[str, Any]]:
        """Return the records in order, filtered; a torn end is left out.

        Raises:
            AuditError: A line in the middle is damaged.
        """
        for number, line, is_torn in self._lines():
            if is_torn:
                return
            try:
                record = read_line(line)
            except NotStrictJsonError as error:
                raise AuditError(
                    f"Line {number} of {self._path} is damaged.",
                    why=f"{error}.",
                    unchanged="The lines before it are whole.",
                ) from error
            if (
                record["sequence"] >= from_sequence
                and asset in {None, record.get("asset")}
                and command_id in {None, record.get("command_id")}
                and (type_prefix is None or str(record.get("type", "")).startswith(type_prefix))
            ):
                yield record

    def tail(self, count: int) -> tuple[dict[str, Any], ...]:
        """Return the newest records, oldest first."""
        return tuple(deque(self.records(), maxlen=count))

    def verify(self) -> VerifyResult:
        """Walk along the whole chain; a torn last line counts as damage here."""
        point, count = CHAIN_START, 0
        for number, line, is_torn in self._lines():
            if is_torn:
                return VerifyResult(records=count, first_bad_line=number, reason="the last line is torn")
            try:
                record = read_line(line)
            except NotStrictJsonError as error:
                return VerifyResult(records=count, first_bad_line=number, reason=str(error))
            if record["sequence"] != point.sequence + 1 or record.get("prev") != point.hash:
                reason = f"sequence {record['sequence']} does not follow {point.sequence} in the chain"
                return VerifyResult(records=count, first_bad_line=number, reason=reason)
            point, count = point_of(record), count + 1
        return VerifyResult(records=count)

    def check_held(self, records: Sequence[Mapping[str, Any]]) -> None:
        """Make sure that the log holds these very records; only writers without the lock need it.

        Raises:
            RecoveryNeedsOperatorError: It holds others in their places.
        """
        if not records:
            return
        since = self.records(from_sequence=records[0]["sequence"])
        held = {found["sequence"]: found["hash"] for found in since}
        for record in records:
            if held.get(record["sequence"]) != record["hash"]:
                raise two_writers(self._path, record)

    def _lines(self) -> Iterator[tuple[int, bytes, bool]]:
        """Return number, line, and whether it is the last one and lacks its newline."""
        if not self._path.exists():
            return
        with self._path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                yield number, line, not line.endswith(b"\n")

    @contextlib.contextmanager
    def _locked(self) -> Iterator[BinaryIO]:
        self._make_sure_it_exists()
        lock = portalocker.Lock(
            str(self._path),
            "ab",
            timeout=_LOCK_TIMEOUT_S,
            check_interval=0.005,
            buffering=0,
            raise_on_release_error=True,
        )
        try:
            file = lock.acquire()
        except portalocker.exceptions.LockException as error:
            raise LockHeldError(f"{self._path} is locked by another process.") from error
        except OSError as error:
            raise StorageError(
                f"{self._path} cannot be opened.", why=f"{error.strerror or error}."
            ) from error
        try:
            yield cast("BinaryIO", file)
        except BaseException:
            with contextlib.suppress(portalocker.exceptions.LockException, OSError):
                lock.release()  # the first failure decides what is told
            raise
        try:
            lock.release()
        except (portalocker.exceptions.LockException, OSError) as error:
            raise StateUnsureError(f"{self._path} could not be closed.", why=f"{error}.") from error

    def _make_sure_it_exists(self) -> None:
        if not self._path.exists():
            self.create()


def check_links(path: Path, point: AuditPoint, records: Sequence[Mapping[str, Any]]) -> None:
    """Refuse records that do not continue the chain."""
    for record in records:
        if record["sequence"] != point.sequence + 1 or record["prev"] != point.hash:
            raise RecoveryNeedsOperatorError(
                f"{path} ends at record {point.sequence}, and {record['sequence']} does not follow it.",
                why="A part of the audit log is missing or foreign.",
            )
        point = point_of(record)


def two_writers(path: Path, record: Mapping[str, Any]) -> RecoveryNeedsOperatorError:
    """Return the error for a commit whose place in the log another one has taken."""
    return RecoveryNeedsOperatorError(
        f"{path} does not hold what {record.get('document', 'a refusal')} says of itself.",
        why=f"Its record {record['sequence']} is another one: two writers worked without the lock.",
    )


def shorter_than_known(path: Path, found: AuditPoint, durable: AuditPoint) -> RecoveryNeedsOperatorError:
    """Return the error for a log from which durable records are gone."""
    return RecoveryNeedsOperatorError(
        f"{path} is shorter than the state says.",
        why=f"Its last whole record is {found.sequence}; the state knows {durable.sequence} as durable.",
    )


def _last_record(descriptor: int, size: int) -> Tail:
    """Search backwards, block by block, for the last line that is a whole record."""
    wanted = min(size, _BLOCK_BYTES)
    while True:
        block = os.pread(descriptor, wanted, size - wanted)
        start = size - wanted
        first = 0 if start == 0 else block.find(b"\n") + 1
        lines = block[first:].splitlines(keepends=True) if start == 0 or first else []
        end = start + first + sum(len(line) for line in lines)
        for line in reversed(lines):
            with contextlib.suppress(NotStrictJsonError):
                if line.endswith(b"\n"):
                    return Tail(record=read_line_again(line), end=end, size=size)
            end -= len(line)
        if start == 0:
            return Tail(record=None, end=0, size=size)
        wanted = min(size, wanted * 4)
