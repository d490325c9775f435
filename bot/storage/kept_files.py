"""Kept versions and files that were set aside, for a restore and an adoption.

A kept version counts only if the audit recorded exactly its content under its serial: a file that was
written into `backups/` by hand never comes back as the truth.
"""

import hashlib
from pathlib import Path
from typing import Any

from bot.kernel.canonical import digest
from bot.kernel.errors import AuditError, RefusedError, StateFileError
from bot.storage.documents import DocumentKind, Snapshot, T, read_edited_document
from bot.storage.files.json_codec import decode_strict
from bot.storage.store_context import StoreContext, bytes_or_none


def kept_version(context: StoreContext, kind: DocumentKind[T], serial: int, *, lineage: str) -> Snapshot[T]:
    """Return a kept version that the audit proves to be what was committed.

    Raises:
        RefusedError: `no_such_version`, or `state_file_invalid` for a file that is not what it was.
    """
    path = context.version_path(kind, serial)
    raw = bytes_or_none(path) if serial > 0 else None
    if raw is None:
        kept = context.serials(kind)
        told = f"from {kept[0]} to {kept[-1]}" if kept else "none"
        raise RefusedError(
            f"There is no version {serial} of {kind.name}.",
            code="no_such_version",
            why=f"Kept are {len(kept)} versions, {told}; some in between may be pruned.",
        )
    try:
        snapshot = context.snapshot(kind, raw, path)
        if (snapshot.meta.serial, snapshot.meta.lineage) != (serial, lineage):
            raise _untrue(path, "It is of another serial or another life of the state.")
        if _recorded_digest(context, kind, serial) != digest(_content_of(raw)):
            raise _untrue(path, "The audit recorded another content under this serial.")
    except (StateFileError, AuditError) as error:
        raise RefusedError(
            f"Version {serial} of {kind.name} cannot be brought back.",
            code="state_file_invalid",
            why=f"{error.what} {error.why}",
        ) from error
    return snapshot


def edited_file(
    context: StoreContext, kind: DocumentKind[T], file_digest: str, *, lineage: str
) -> tuple[Path, Snapshot[T]]:
    """Return the quarantined file whose bytes have this SHA-256, read without its checksum.

    Raises:
        RefusedError: `no_such_file`, or `state_file_invalid` for one that no reader can take.
    """
    for path in quarantined(context, kind):
        raw = path.read_bytes()
        if hashlib.sha256(raw).hexdigest() != file_digest:
            continue
        try:
            snapshot = read_edited_document(
                kind, raw, path=path, schemas=context.schemas, environment=context.environment
            )
        except StateFileError as error:
            raise RefusedError(
                f"{path.name} cannot be adopted.", code="state_file_invalid", why=f"{error.what} {error.why}"
            ) from error
        if snapshot.meta.lineage != lineage:
            raise RefusedError(
                f"{path.name} cannot be adopted.",
                code="state_file_invalid",
                why="It comes from another home, or from another life of this one.",
            )
        return path, snapshot
    raise RefusedError(
        f"No file in {context.home.quarantine} has the SHA-256 {file_digest[:8]}….",
        code="no_such_file",
        why="Only a hand edit that was set aside can be adopted.",
    )


def quarantined(context: StoreContext, kind: DocumentKind[Any]) -> list[Path]:
    """Return the document's public files that were set aside, oldest first."""
    folder = context.home.quarantine
    return sorted(folder.glob(f"*-{kind.name}.json")) if folder.is_dir() else []


def _recorded_digest(context: StoreContext, kind: DocumentKind[Any], serial: int) -> str | None:
    for record in context.audit.records():
        if record.get("document") == kind.name and record.get("serial") == serial:
            return str(record.get("content_digest"))
    return None


def _content_of(raw: bytes) -> dict[str, Any]:
    """Return the content's fields as they stand in the file, whatever its schema version."""
    document = decode_strict(raw)
    return {name: value for name, value in document.items() if name not in {"$schema", "_meta"}}


def _untrue(path: Path, why: str) -> StateFileError:
    return StateFileError(f"{path.name} is not what was committed.", why=why)
