"""Audit records as values: each holds the hash of the one before, so a changed line breaks the chain.

A record's hash is the SHA-256 of its canonical form without `hash`; the first one's `prev` is 64
zeros. A line of the log is the record's canonical form. The record carries the document's serial,
the digest of its content, and the serials that all documents had then: a rolled-back folder is seen.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import msgspec

from bot.kernel.canonical import canonical_bytes, digest_of_plain, digest_without
from bot.kernel.clock import iso_z
from bot.lifecycle.events import Event
from bot.storage.documents import AuditPoint
from bot.storage.files.json_codec import NotStrictJsonError, decode_canonical, decode_strict, plain

CHAIN_START = AuditPoint(sequence=0, hash="0" * 64)

_LINES_KEPT = 8
"""The log's last line is looked at several times for each command."""


class RefusalRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A command that a rule refused: it changed nothing, and is remembered."""

    at: dt.datetime
    command_id: str
    type: str
    asset: str
    actor: str
    code: str
    reason: str
    detail: Mapping[str, Any] = {}


def event_records(
    events: Sequence[Event],
    *,
    after: AuditPoint,
    at: dt.datetime,
    document: str,
    content_digest: str,
    serials: Mapping[str, int],
) -> tuple[dict[str, Any], ...]:
    """Return the chained records of one commit.

    Args:
        events: What happened.
        after: The log's last record.
        at: When.
        document: The document that is committed.
        content_digest: The digest of its new content.
        serials: Every document's serial after this commit.
    """
    records: list[dict[str, Any]] = []
    moment = iso_z(at)
    for event in events:
        fields = {
            "at": moment,
            "type": str(event.type),
            "asset": event.asset,
            "actor": event.actor,
            "command_id": event.command_id,
            "document": document,
            "serial": serials[document],
            "content_digest": content_digest,
            "serials": dict(serials),
            "before": event.before,
            "after": event.after,
            "data": event.data,
        }
        record = chained({k: v for k, v in fields.items() if v is not None}, after)
        records.append(record)
        after = point_of(record)
    return tuple(records)


def chained(fields: Mapping[str, Any], after: AuditPoint) -> dict[str, Any]:
    """Return the next record of a chain."""
    record: dict[str, Any] = plain({"sequence": after.sequence + 1, **fields, "prev": after.hash})
    record.pop("hash", None)
    record["hash"] = digest_of_plain(record)
    return record


def point_of(record: Mapping[str, Any]) -> AuditPoint:
    """Return the place in the chain that the record marks."""
    return AuditPoint(sequence=record["sequence"], hash=record["hash"])


def line_for(record: Mapping[str, Any]) -> bytes:
    """Return the record's line."""
    return canonical_bytes(record) + b"\n"


def read_line(line: bytes) -> dict[str, Any]:
    """Return the record of a line, its own hash checked (not its place in the chain).

    Raises:
        NotStrictJsonError: The line is no whole, untouched record.
    """
    record = decode_canonical(line.rstrip(b"\n"))
    is_canonical = record is not None
    if record is None:
        record = decode_strict(line)
    if not isinstance(record, dict) or not isinstance(record.get("sequence"), int):
        raise NotStrictJsonError("no audit record")
    if record.get("hash") != digest_without(record, "hash"):
        raise NotStrictJsonError("the hash does not fit the record")
    if not is_canonical:
        raise NotStrictJsonError("the line is not in canonical form")
    return record


@lru_cache(maxsize=_LINES_KEPT)
def read_line_again(line: bytes) -> Mapping[str, Any]:
    """Return what `read_line` does, without doing it twice for the same bytes; not to be changed."""
    return read_line(line)
