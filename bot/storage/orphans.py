"""D3: proposal files whose id no audit record knows; they go to the attic with a warning.

A file may lie there before its command is applied: only one older than an hour, that no pending proposal
names, is an orphan.
"""

import datetime as dt
from collections.abc import Iterator
from typing import Any

from bot.kernel.errors import StorageError
from bot.lifecycle.events import Event, EventType
from bot.storage.audit_log import AuditLog
from bot.storage.documents import MANAGED_STATE
from bot.storage.files.atomic_file import flush_folder
from bot.storage.files.file_ops import FileOps
from bot.storage.home import Home
from bot.storage.proposal_reader import list_proposal_ids, proposal_path
from bot.storage.state_store import StateStore

_GRACE = dt.timedelta(hours=1)
_ID_FIELDS = ("proposal_id", "current_proposal_id")


def orphaned_proposals(store: StateStore, *, now: dt.datetime) -> list[str]:
    """Return the ids of orphaned proposal files, sorted.

    Raises:
        AuditError: The log is damaged.
        StateFileError: The managed state cannot be read.
    """
    old = [name for name in list_proposal_ids(store.home) if _is_old(store.home, name, now)]
    if not old:
        return []
    pending = store.read(MANAGED_STATE).content.pending_proposals.values()
    known = {line.proposal_id for line in pending} | set(_told(store.audit))
    return [name for name in old if name not in known]


def move_to_attic(
    store: StateStore, proposal_ids: list[str], *, file_ops: FileOps | None = None
) -> list[str]:
    """Tell the audit of each orphan and move its file; returns the ids that were moved.

    Told first: killed in between, the next pass tells it once more and moves it.

    Raises:
        StorageError: The state or the folder could not be written.
    """
    ops = file_ops or FileOps()
    events = [
        Event(
            type=EventType.PROPOSAL_ORPHANED,
            asset="*",
            actor="system",
            command_id="",
            data={"orphan": name, "moved_to": str(store.home.attic.relative_to(store.home.root))},
        )
        for name in proposal_ids
    ]
    if not events:
        return []
    with store.transaction(what="orphaned proposals") as work:
        work.record(events)
    for name in proposal_ids:
        _move(ops, store.home, name)
    return proposal_ids


def _move(ops: FileOps, home: Home, name: str) -> None:
    source = proposal_path(home, name)
    target, number = home.attic / source.name, 1
    try:
        while target.exists():
            target, number = home.attic / f"{name}.{number}.json", number + 1
        ops.link(source, target)
        flush_folder(ops, home.attic)
        ops.unlink(source)
        flush_folder(ops, home.proposals)
    except OSError as error:
        raise StorageError(
            f"{source} could not be moved to the attic.", why=f"{error.strerror or error}."
        ) from error


def _is_old(home: Home, name: str, now: dt.datetime) -> bool:
    try:
        written = dt.datetime.fromtimestamp(int(proposal_path(home, name).stat().st_mtime), dt.UTC)
    except OSError:
        return False
    return now - written > _GRACE


def _told(audit: AuditLog) -> Iterator[str]:
    """Return every proposal id that a record of a managed coin names."""
    for record in audit.records():
        sides = [
            (record.get(side) or {}).get(part)
            for side in ("before", "after")
            for part in ("managed", "pending")
        ]
        parts: list[Any] = [record.get("data"), *sides]
        for part in parts:
            if isinstance(part, dict):
                yield from (part[field] for field in _ID_FIELDS if field in part)
