"""What lies on the disk, without touching it: the first half of a recovery, and the core of a check.

Rules (ADR 5): 1 a document's highest version is the truth, if its name, checksum,
schema and lineage hold and its predecessor is there. 2 A damaged or missing newest version may come
from the public file only when the audit recorded exactly that content under that serial. 3 The audit
must end exactly where the documents say that it ends, or lack only what their outboxes hold.
4 Everything else is for a person to decide (`RecoveryNeedsOperatorError`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bot.kernel.errors import AuditError, RecoveryNeedsOperatorError, StateFileError
from bot.storage.audit_chain import point_of
from bot.storage.audit_log import AuditLog, Tail, check_links, shorter_than_known, two_writers
from bot.storage.documents import ALL_KINDS, AuditPoint, DocumentKind, Snapshot, content_digest
from bot.storage.files.atomic_file import names_in, temps_among
from bot.storage.store_context import StoreContext, bytes_of, bytes_or_none, newest_among


@dataclass(frozen=True, kw_only=True, slots=True)
class Examined:
    """One document as it was found."""

    kind: DocumentKind[Any]
    serial: int
    raw: bytes
    snapshot: Snapshot[Any]
    public: bytes | None
    from_public: bool = False
    """The newest version is damaged or gone, and the public file is proven to be it."""
    damaged: Path | None = None
    """The damaged newest version, to be set aside."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Examination:
    """All documents and the audit's end, found to fit together."""

    documents: Mapping[str, Examined]
    leftovers: Sequence[Path]
    """Temp files among the versions, from writers that died."""
    tail: Tail
    durable: AuditPoint
    """The newest place in the audit that a document knows as durable."""
    unwritten: tuple[Mapping[str, Any], ...]
    """Records of the outboxes that the log does not hold yet, in order."""

    def was_told(self, document: Examined) -> bool:
        """Say whether the audit had the document's newest version, so that it was published before."""
        return recorded_serial(self.tail, document.kind) >= document.serial


def examine(context: StoreContext, *, all_needed: bool = True) -> Examination:
    """Look at everything and decide what is true; reads only.

    Args:
        context: The store.
        all_needed: Whether all four documents must be there (not while a home is being made).

    Raises:
        StateFileError: A document is not there at all (`state_file_missing`), or foreign.
        RecoveryNeedsOperatorError: The copies contradict each other.
    """
    tail = context.audit.read_tail()
    documents: dict[str, Examined] = {}
    leftovers: list[Path] = []
    for kind in ALL_KINDS:
        folder = context.versions[kind.name]
        names = names_in(folder)
        leftovers += temps_among(folder, names)
        found = _examine_document(context, kind, tail, newest_among(names))
        if found is not None:
            documents[kind.name] = found
        elif recorded_serial(tail, kind):
            raise RecoveryNeedsOperatorError(
                f"No copy of {kind.name} is left.",
                why=f"The audit knows it up to serial {recorded_serial(tail, kind)}.",
                fix=f"Bring back {context.home.versions(kind.name)} from a backup of the whole home.",
            )
        elif all_needed:
            raise StateFileError(
                f"{context.home.public(kind.name)} is not there, nor any version of it.",
                code="state_file_missing",
            )
    _check_lineage(context, documents.values())
    durable, unwritten = _check_audit(context, tail, list(documents.values()))
    return Examination(
        documents=documents, leftovers=leftovers, tail=tail, durable=durable, unwritten=unwritten
    )


def recorded_serial(tail: Tail, kind: DocumentKind[Any]) -> int:
    """Return the document's newest serial that the audit knows; 0 before the first."""
    serials = {} if tail.record is None else tail.record.get("serials", {})
    return int(serials.get(kind.name, 0))


def _examine_document(
    context: StoreContext, kind: DocumentKind[Any], tail: Tail, serials: Sequence[int]
) -> Examined | None:
    public_path = context.publics[kind.name]
    public = bytes_or_none(public_path)
    recorded = recorded_serial(tail, kind)
    if not serials and public is None:
        return None
    path = context.version_path(kind, serials[-1]) if serials else None
    damage = "its folder is empty"
    if path is not None:
        try:
            found = _newest(context, kind, serials, recorded, path, public)
        except StateFileError as error:
            damage = str(error)
        else:
            if found.serial >= recorded:
                _check_nothing_newer_was_told(context, found)
                return found
            damage = f"its newest version is {found.serial}, and the audit knows {recorded}"
    healed = _proven_public(context, kind, recorded, public)
    if healed is None:
        raise RecoveryNeedsOperatorError(
            f"The newest version of {kind.name} cannot be used: {damage}.",
            why=f"{public_path} cannot stand in for it: the audit must know its content and serial.",
        )
    bad = context.version_path(kind, healed.meta.serial)
    if serials and serials[-1] > healed.meta.serial:
        raise RecoveryNeedsOperatorError(
            f"{path} is damaged and newer than anything that the audit knows.", why=damage
        )
    return Examined(
        kind=kind,
        serial=healed.meta.serial,
        raw=public or b"",
        snapshot=healed,
        public=public,
        from_public=True,
        damaged=bad if serials and serials[-1] == healed.meta.serial else None,
    )


def _check_nothing_newer_was_told(context: StoreContext, found: Examined) -> None:
    """Stop when a true public file is newer than every version: somebody may have acted on it.

    It was published, so its version was there; without it and without the audit's word nothing is
    proven, and going back silently would undo what others have seen.
    """
    if found.public is None or found.public == found.raw:
        return
    path = context.home.public(found.kind.name)
    try:
        told = context.snapshot(found.kind, found.public, path)
    except StateFileError:
        return
    if told.meta.lineage == found.snapshot.meta.lineage and told.meta.serial > found.serial:
        raise RecoveryNeedsOperatorError(
            f"{path} is newer than every version of {found.kind.name}.",
            why=f"It holds serial {told.meta.serial}, the versions end at {found.serial}, "
            f"and the audit does not know more.",
        )


def _newest(
    context: StoreContext,
    kind: DocumentKind[Any],
    serials: Sequence[int],
    recorded: int,
    path: Path,
    public: bytes | None,
) -> Examined:
    serial = serials[-1]
    raw = bytes_of(path)
    snapshot = context.snapshot(kind, raw, path)
    if snapshot.meta.serial != serial:
        raise StateFileError(
            f"{path} is not what its name says.", why=f"It holds serial {snapshot.meta.serial}."
        )
    # After an emptied folder was healed the predecessor is missing for good reason: the audit knows it.
    if len(serials) > 1 and serials[-2] != serial - 1 and recorded < serial:
        raise StateFileError(
            f"{path} follows on {serials[-2]}.",
            why=f"Version {serial - 1} is missing, so it came from elsewhere.",
        )
    return Examined(kind=kind, serial=serial, raw=raw, snapshot=snapshot, public=public)


def _proven_public(
    context: StoreContext, kind: DocumentKind[Any], recorded: int, public: bytes | None
) -> Snapshot[Any] | None:
    """Return the public file's snapshot if the audit proves it to be the newest version."""
    if public is None or not recorded:
        return None
    try:
        snapshot = context.snapshot(kind, public, context.home.public(kind.name))
        if snapshot.meta.serial != recorded:
            return None
        digest = content_digest(snapshot.content)
        for record in context.audit.records():
            if record.get("document") == kind.name and record.get("serial") == recorded:
                return snapshot if record.get("content_digest") == digest else None
    except (StateFileError, AuditError):
        return None
    return None


def _check_lineage(context: StoreContext, documents: Any) -> None:
    lineages = {found.kind.name: found.snapshot.meta.lineage for found in documents}
    if len(set(lineages.values())) > 1:
        told = ", ".join(f"{name} {lineage}" for name, lineage in lineages.items())
        raise RecoveryNeedsOperatorError(
            f"The documents of {context.home.root} come from different homes.", why=f"Lineages: {told}."
        )


def _check_audit(
    context: StoreContext, tail: Tail, documents: Sequence[Examined]
) -> tuple[AuditPoint, tuple[Mapping[str, Any], ...]]:
    """Return what is durable and what the log lacks, once both ends fit."""
    metas = [found.snapshot.meta for found in documents]
    durable = max((meta.audit for meta in metas), key=lambda point: point.sequence, default=tail.point)
    path = context.audit.path
    if tail.point.sequence < durable.sequence:
        raise shorter_than_known(path, tail.point, durable)
    records = _outboxes(context.audit, tail, documents)
    ends = [durable, *(point_of(record) for record in records.values())]
    end = max(ends, key=lambda point: point.sequence)
    if tail.point.sequence > end.sequence or (
        tail.point.sequence == end.sequence and tail.point.hash != end.hash
    ):
        raise RecoveryNeedsOperatorError(
            f"{path} is ahead of the documents.",
            why=f"It ends at {tail.point.sequence}, the documents at {end.sequence}: old ones lie here.",
        )
    unwritten = tuple(records[number] for number in sorted(records) if number > tail.point.sequence)
    check_links(path, tail.point, unwritten)
    return durable, unwritten


def _outboxes(log: AuditLog, tail: Tail, documents: Sequence[Examined]) -> dict[int, Mapping[str, Any]]:
    """Return the records of all outboxes by sequence; the link guards one document, this guards the log.

    Two writers without the lock may commit two documents on the same end of the log. Then only one
    of them is told there, and the other must not be forgotten in silence.
    """
    records: dict[int, Mapping[str, Any]] = {}
    for found in documents:
        outbox = found.snapshot.meta.outbox
        for record in outbox:
            if records.setdefault(record["sequence"], record)["hash"] != record["hash"]:
                raise two_writers(log.path, record)
        is_known = recorded_serial(tail, found.kind) >= found.serial
        if outbox and not is_known and outbox[-1]["sequence"] <= tail.point.sequence:
            log.check_held(outbox)
    return records
