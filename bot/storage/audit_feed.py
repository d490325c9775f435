"""Reading on in the audit log from a known place, without reading what came before.

The log is only ever appended to, so the end of a whole record stays where it is. The first record read
must continue the chain from the known one: a log that was exchanged or rolled back is noticed.
"""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from bot.kernel.errors import AuditError, StorageError
from bot.storage.audit_chain import CHAIN_START, point_of, read_line_again
from bot.storage.documents import AuditPoint
from bot.storage.files.json_codec import NotStrictJsonError


class AuditPlace(msgspec.Struct, frozen=True, kw_only=True):
    """The end of one record: its place in the chain, and in the file (bytes)."""

    sequence: int
    hash: str
    offset: int


_AT_ONCE_BYTES = 64 * 1024

AUDIT_START = AuditPlace(sequence=CHAIN_START.sequence, hash=CHAIN_START.hash, offset=0)


def records_after(path: Path, place: AuditPlace) -> Iterator[tuple[Mapping[str, Any], AuditPlace]]:
    """Yield every whole record behind the place, each with the place behind it.

    A line that is still being written ends the reading; it comes the next time.

    Raises:
        StorageError: `database_ahead`: the log does not reach the place, or does not continue it.
        AuditError: A line is damaged.
    """
    try:
        file = path.open("rb", buffering=_AT_ONCE_BYTES)
    except FileNotFoundError:
        if place.sequence:
            raise _not_continued(path, place, "The log is not there") from None
        return
    with file:
        if os.fstat(file.fileno()).st_size < place.offset:
            raise _not_continued(path, place, "The log is shorter")
        file.seek(place.offset)
        for line in file:
            if not line.endswith(b"\n"):
                return
            record = _record(path, line, place)
            point: AuditPoint = point_of(record)
            place = AuditPlace(sequence=point.sequence, hash=point.hash, offset=place.offset + len(line))
            yield record, place


def _record(path: Path, line: bytes, place: AuditPlace) -> Mapping[str, Any]:
    try:
        record = read_line_again(line)
    except NotStrictJsonError as error:
        raise AuditError(
            f"The record after {place.sequence} of {path} is damaged.", why=f"{error}."
        ) from error
    if record["sequence"] != place.sequence + 1 or record.get("prev") != place.hash:
        raise _not_continued(path, place, f"There follows record {record['sequence']} of another chain")
    return record


def _not_continued(path: Path, place: AuditPlace, found: str) -> StorageError:
    return StorageError(
        f"The database knows record {place.sequence} of {path}, and the log does not continue it.",
        code="database_ahead",
        why=f"{found}.",
    )
