"""The four versioned documents and their envelope.

`{"$schema": …, "_meta": {…}, …content}`: the content's fields stand at the top level; `_meta` says
which life (`lineage`), which version (`serial`), which commands are in it (`applied`), which audit
records belong to this very version (`outbox`) and what was durable before (`audit`).
`checksum` is the SHA-256 of the canonical form of the whole document without itself.
"""

import datetime as dt
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

import msgspec

from bot.holdings.baseline import BaselineContent
from bot.holdings.positions import PositionsContent
from bot.kernel.canonical import digest_of_plain, readable_bytes_of_ordered
from bot.kernel.errors import StateFileError
from bot.lifecycle.documents import ManagedAsset, ManagedStateContent
from bot.lifecycle.runtime_config import RuntimeConfigContent
from bot.storage.files.json_codec import (
    NotStrictJsonError,
    builtins_of,
    decode_if_same,
    decode_strict,
    encode_ordered,
    plain,
    typed,
)
from bot.storage.process_info import WriterInfo
from bot.storage.schema_check import SchemaCheck
from bot.storage.schema_upgrades import UPGRADES, Upgrades, upgraded

T = TypeVar("T")


class DocumentKind(msgspec.Struct, Generic[T], frozen=True):
    """One of the documents: its name, its newest schema version, its content's type."""

    name: str
    schema_version: str
    content_type: type[T]
    meta_fields: tuple[str, ...] = ()
    """Fields of the content that live in `_meta`."""
    parts: Mapping[str, type[Any]] = {}
    """Fields of the content that hold one part per asset, with the parts' type (`bot.storage.parts`)."""


MANAGED_STATE: DocumentKind[ManagedStateContent] = DocumentKind(
    "managed_state", "recon-mh-1", ManagedStateContent, parts={"managed_assets": ManagedAsset}
)
BASELINE_HOLDINGS: DocumentKind[BaselineContent] = DocumentKind(
    "baseline_holdings", "recon-baseline-1", BaselineContent, ("captured_at", "source", "wallet_signature")
)
RUNTIME_CONFIG: DocumentKind[RuntimeConfigContent] = DocumentKind(
    "runtime_config", "recon-runtime-1", RuntimeConfigContent
)
POSITIONS: DocumentKind[PositionsContent] = DocumentKind("positions", "recon-positions-1", PositionsContent)

ALL_KINDS: tuple[DocumentKind[Any], ...] = (MANAGED_STATE, BASELINE_HOLDINGS, RUNTIME_CONFIG, POSITIONS)


class AppliedCommand(msgspec.Struct, frozen=True, kw_only=True):
    """A command that is in a document: its digest, its outcome as JSON, the serial that brought it.

    `serial` is filled in by the commit.
    """

    uid: str
    digest: str
    outcome: Mapping[str, Any]
    serial: int = 0


class AppliedEntry(msgspec.Struct, frozen=True, kw_only=True):
    """An applied command as `_meta.applied` keeps it, under its uid."""

    digest: str
    outcome: Mapping[str, Any]
    serial: int


class AuditPoint(msgspec.Struct, frozen=True, kw_only=True):
    """A place in the audit log: the last record's sequence and hash; 0 and zeros before the first."""

    sequence: int
    hash: str


class DocumentMeta(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the store says about one version of a document."""

    schema_version: str
    environment: str
    captured_at: dt.datetime | None = None
    """When this version was made; in the baseline, when the wallet was read."""
    source: str | None = None
    wallet_signature: str | None = None
    lineage: str
    serial: int
    writer: WriterInfo
    applied_floor: int
    """Commands of serials up to this one may have left the ring."""
    audit: AuditPoint
    """What of the audit log was known durable before this commit."""
    checksum: str = ""
    applied: Mapping[str, AppliedEntry]
    outbox: tuple[Mapping[str, Any], ...]
    """The audit records of this commit, complete."""


class Snapshot(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """One version of a document, read and checked."""

    content: T
    meta: DocumentMeta


class Written(NamedTuple):
    """One version as bytes: as they stand in the file, and without their white space."""

    ordered: bytes
    raw: bytes


def build_document(kind: DocumentKind[T], content: T, meta: DocumentMeta) -> bytes:
    """Return the bytes of a version, with its checksum.

    Raises:
        NotStrictJsonError: The content has no exact JSON form.
    """
    return written(kind, plain_content(content), meta).raw


def plain_content(content: object) -> dict[str, Any]:
    """Return the content as a reader will get it: a negative zero, for one, comes back as 0.

    Raises:
        NotStrictJsonError: It has no exact JSON form.
    """
    fields: dict[str, Any] = plain(content)
    return fields


def written(kind: DocumentKind[Any], content: Mapping[str, Any], meta: DocumentMeta) -> Written:
    """Return the bytes of a version from `plain_content`; raises as `build_document`."""
    fields = dict(content)
    meta_fields = _plain_meta(meta)
    meta_fields.pop("checksum", None)
    for name in kind.meta_fields:
        value = fields.pop(name, None)
        meta_fields.pop(name, None)
        if value is not None:
            meta_fields[name] = value
    document = {"$schema": schema_link(kind), "_meta": meta_fields, **fields}
    meta_fields["checksum"] = checksum_of(document)
    ordered = encode_ordered(document)
    return Written(ordered=ordered, raw=readable_bytes_of_ordered(ordered))


def schema_link(kind: DocumentKind[Any]) -> str:
    """Return where an editor finds the document's schema, seen from `state/`."""
    return f"../schemas/{kind.name}.schema.json"


def _plain_meta(meta: DocumentMeta) -> dict[str, Any]:
    """Return the envelope as a reader will get it; commands of earlier versions are in that form already."""
    fields: dict[str, Any] = plain(msgspec.structs.replace(meta, applied={}))
    new = plain({uid: entry.outcome for uid, entry in meta.applied.items() if entry.serial == meta.serial})
    fields["applied"] = {
        uid: {"digest": entry.digest, "outcome": new.get(uid, entry.outcome), "serial": entry.serial}
        for uid, entry in meta.applied.items()
    }
    return fields


def read_back(
    kind: DocumentKind[T], version: Written, *, path: Path, schemas: SchemaCheck, environment: str
) -> Snapshot[T]:
    """Read a version that was just written, as strictly as any reader will; raises as `read_document`.

    What its bytes say must be, byte for byte, what they were made of. So no key stands twice in them, and
    the checksum fits: it was taken over just that.
    """
    document = decode_if_same(version.raw, version.ordered)
    if document is None:
        return read_document(kind, version.raw, path=path, schemas=schemas, environment=environment)
    schemas.check(kind.name, document, path=path, raw=version.raw)
    return snapshot_of(kind, document, path=path, environment=environment)


def read_document(
    kind: DocumentKind[T],
    raw: bytes,
    *,
    path: Path,
    schemas: SchemaCheck,
    environment: str | None = None,
    upgrades: Upgrades = UPGRADES,
) -> Snapshot[T]:
    """Read one version strictly; an older release's is brought into the newest form.

    Raises:
        StateFileError: Naming the file and what is wrong: JSON, schema version, schema, checksum,
            environment or a field.
    """
    document = _decoded(raw, path)
    newest = _in_newest_form(kind, document, path=path, upgrades=upgrades)
    schemas.check(kind.name, newest, path=path, raw=raw)
    expected = document["_meta"].get("checksum")
    actual = checksum_of(document)
    if expected != actual:
        raise _invalid(path, f"Its checksum says {expected!r}, its content gives {actual!r}: it was edited.")
    return snapshot_of(kind, newest, path=path, environment=environment)


def read_edited_document(
    kind: DocumentKind[T], raw: bytes, *, path: Path, schemas: SchemaCheck, environment: str | None = None
) -> Snapshot[T]:
    """Read a file that a hand has edited: strict in all but its checksum, which cannot fit any more.

    Raises:
        StateFileError: As `read_document`.
    """
    document = _in_newest_form(kind, _decoded(raw, path), path=path, upgrades=UPGRADES)
    schemas.check(kind.name, document, path=path, raw=raw)
    return snapshot_of(kind, document, path=path, environment=environment)


def _decoded(raw: bytes, path: Path) -> dict[str, Any]:
    try:
        document = decode_strict(raw)
    except NotStrictJsonError as error:
        raise _invalid(path, f"It is no strict JSON: {error}.") from error
    if not isinstance(document, dict) or not isinstance(document.get("_meta"), dict):
        raise _invalid(path, "It has no _meta, so it is no state document.")
    return document


def _in_newest_form(
    kind: DocumentKind[Any], document: dict[str, Any], *, path: Path, upgrades: Upgrades
) -> dict[str, Any]:
    newest = upgraded(kind.name, document, newest=kind.schema_version, upgrades=upgrades)
    if newest is None:
        version = document["_meta"].get("schema_version")
        raise _invalid(
            path, f"Its schema version is {version!r}; this release reads {kind.schema_version!r}."
        )
    return newest


def checksum_of(document: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a document's canonical form without its own checksum."""
    meta = {name: value for name, value in document["_meta"].items() if name != "checksum"}
    return digest_of_plain({**document, "_meta": meta})


def content_digest(content: object) -> str:
    """Return the digest of the content alone; the audit records it for every serial.

    With it a damaged version can be restored from the other copy, and only from the true one.
    """
    return digest_of_plain(plain_content(content))


def content_fields(content: object) -> dict[str, Any]:
    """Return the content as plain data, Decimals kept as they are.

    Raises:
        NotStrictJsonError: It has no exact JSON form.
    """
    fields: dict[str, Any] = builtins_of(content)
    return fields


def snapshot_of(
    kind: DocumentKind[T], document: dict[str, Any], *, path: Path, environment: str | None
) -> Snapshot[T]:
    """Return what the plain data of a document says, once its form was checked.

    Raises:
        StateFileError: A field is of another type, or the document belongs to another environment.
    """
    try:
        meta = typed(document["_meta"], DocumentMeta)
        fields = {name: value for name, value in document.items() if name not in {"$schema", "_meta"}}
        for name in kind.meta_fields:
            if name in document["_meta"]:
                fields[name] = document["_meta"][name]
        content = typed(fields, kind.content_type)
    except NotStrictJsonError as error:
        raise _invalid(path, f"{error}.") from error
    if environment is not None and meta.environment != environment:
        raise StateFileError(
            f"{path} belongs to the environment {meta.environment}.",
            why=f"This process runs in {environment}.",
            fix="Use the home of that environment, or set the environment to match.",
        )
    return Snapshot(content=content, meta=meta)


def _invalid(path: Path, why: str) -> StateFileError:
    return StateFileError(f"{path} cannot be trusted.", why=why)
