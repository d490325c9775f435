"""Which versions of a document stay, and the pruning of the others, oldest first.

Kept are: the newest 100 always; the newest 1,000 as far as they fit into the byte limit; one per hour of
the last day; one per day of the last 90; and every version that an incident refers to.
"""

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from bot.kernel.clock import Clock
from bot.storage.audit_log import AuditLog
from bot.storage.documents import ALL_KINDS, MANAGED_STATE, DocumentKind
from bot.storage.files.atomic_file import flush_folder
from bot.storage.files.file_ops import FileOps
from bot.storage.files.locks import hold
from bot.storage.home import Home
from bot.storage.store_context import serials_among

ALWAYS_KEPT = 100
USUALLY_KEPT = 1_000
BYTES_KEPT = 512 * 1024 * 1024
_HOURLY_FOR, _DAILY_FOR = dt.timedelta(days=1), dt.timedelta(days=90)
_LOCK_TIMEOUT_S = 2.0
_AT_ONCE = 200
"""Removed per hold of the lock, so that nobody waits for a clean-up."""


class Version(NamedTuple):
    """One version's file: its serial, when it was written, how large it is."""

    serial: int
    at: dt.datetime
    size: int


def prunable(
    versions: Sequence[Version],
    *,
    now: dt.datetime,
    incidents: Iterable[int] = (),
    bytes_kept: int = BYTES_KEPT,
) -> list[int]:
    """Return the serials that need not stay, oldest first.

    Args:
        versions: All versions of one document, in any order.
        now: The time.
        incidents: Serials that somebody may want to look at again.
        bytes_kept: How much the newest 1,000 may take.
    """
    newest_first = sorted(versions, key=lambda version: version.serial, reverse=True)
    kept = set(incidents)
    taken = 0
    for index, version in enumerate(newest_first):
        taken += version.size
        if index < ALWAYS_KEPT or (index < USUALLY_KEPT and taken <= bytes_kept):
            kept.add(version.serial)
    marked: set[str] = set()
    for version in newest_first:  # the newest of an hour or a day stands for it
        age = now - version.at
        mark = f"{version.at:%Y-%m-%dT%H}" if age <= _HOURLY_FOR else f"{version.at:%Y-%m-%d}"
        if age <= _DAILY_FOR and mark not in marked:
            marked.add(mark)
            kept.add(version.serial)
    return [version.serial for version in reversed(newest_first) if version.serial not in kept]


def versions_in(home: Home, kind: DocumentKind[Any]) -> list[Version]:
    """Return a document's versions as they lie on the disk, lowest first."""
    folder = home.versions(kind.name)
    found = []
    for serial in serials_among(path.name for path in folder.iterdir()):
        facts = (folder / f"{serial:08d}.json").stat()
        at = dt.datetime.fromtimestamp(int(facts.st_mtime), dt.UTC)
        found.append(Version(serial=serial, at=at, size=facts.st_size))
    return found


def prune_versions(
    home: Home,
    audit: AuditLog,
    *,
    clock: Clock,
    bytes_kept: int = BYTES_KEPT,
    file_ops: FileOps | None = None,
) -> dict[str, int]:
    """Remove what need not stay; returns how many versions of which document went.

    Raises:
        LockHeldError: Somebody held the state for long; the next pass does it.
        AuditError: The log is damaged, so nobody knows what incidents refer to; nothing was removed.
    """
    ops = file_ops or FileOps()
    removed: dict[str, int] = {}
    incidents: dict[str, set[int]] | None = None
    for kind in ALL_KINDS:
        versions = versions_in(home, kind)
        if not prunable(versions, now=clock.now(), bytes_kept=bytes_kept):
            continue
        incidents = incidents if incidents is not None else _incidents(audit)
        gone = prunable(
            versions, now=clock.now(), incidents=incidents.get(kind.name, ()), bytes_kept=bytes_kept
        )
        for start in range(0, len(gone), _AT_ONCE):
            _remove(ops, home, kind, gone[start : start + _AT_ONCE], clock)
        if gone:
            removed[kind.name] = len(gone)
    return removed


def _remove(ops: FileOps, home: Home, kind: DocumentKind[Any], serials: Sequence[int], clock: Clock) -> None:
    folder = home.versions(kind.name)
    with hold(home.state_lock, clock=clock, what="retention", timeout_s=_LOCK_TIMEOUT_S):
        for serial in serials:
            ops.unlink(folder / f"{serial:08d}.json")
        flush_folder(ops, folder)


def _incidents(audit: AuditLog) -> dict[str, set[int]]:
    """Return the versions around every alarm, restore and adoption, and those they name."""
    found: dict[str, set[int]] = {}
    for record in audit.records():
        if not str(record.get("type", "")).startswith("state."):
            continue
        data = record.get("data", {})
        if not ({"restored_from", "adopted_file", "what"} & data.keys()):
            continue  # a first version, or a commit without events
        kind = data.get("document") or record["document"]
        at = record["serials"].get(kind, record["serial"])
        found.setdefault(kind, set()).update({at, at - 1})
        named = [data[name] for name in ("restored_from", "edited_serial") if name in data]
        found.setdefault(MANAGED_STATE.name, set()).update(named)
    return found
