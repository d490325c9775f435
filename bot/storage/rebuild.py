"""Fold the audit log into a managed state: the log alone must give what lives (projection parity)."""

from typing import Any

import msgspec

from bot.storage.audit_log import AuditLog
from bot.storage.documents import MANAGED_STATE, content_fields
from bot.storage.files.json_codec import plain, typed
from bot.storage.state_store import StateStore

_PARTS = {"managed": "managed_assets", "pending": "pending_proposals"}
_HALT = "trading_halt"


class Rebuilt(msgspec.Struct, frozen=True, kw_only=True):
    """The managed state as the audit log alone tells it, plain data."""

    managed_assets: dict[str, Any]
    pending_proposals: dict[str, Any]
    trading_halt: dict[str, Any] | None = None
    lineage: str | None
    serial: int


def rebuild_managed_state(audit: AuditLog) -> Rebuilt:
    """Fold every event of the managed state, oldest first.

    Raises:
        AuditError: A line is damaged.
    """
    parts: dict[str, dict[str, Any]] = {"managed_assets": {}, "pending_proposals": {}}
    lineage: str | None = None
    halt: dict[str, Any] | None = None
    serial = 0
    for record in audit.records():
        if record.get("document") != MANAGED_STATE.name:
            continue
        serial = record["serial"]
        lineage = record.get("data", {}).get("lineage", lineage)
        after = record.get("after")
        if after is not None and _HALT in after:
            halt = after[_HALT]
        if after is None or record["asset"] == "*":
            continue
        for key, part in _PARTS.items():
            if after.get(key) is None:
                parts[part].pop(record["asset"], None)
            else:
                parts[part][record["asset"]] = after[key]
    return Rebuilt(lineage=lineage, serial=serial, trading_halt=halt, **parts)


def compare_with_live(store: StateStore) -> list[str]:
    """Return one sentence per difference between the folded log and the live file; empty is right.

    Raises:
        AuditError: The log is damaged.
        StateFileError: The live file cannot be trusted.
    """
    rebuilt = rebuild_managed_state(store.audit)
    live = store.read(MANAGED_STATE)
    fields = plain(content_fields(live.content))
    differences: list[str] = []
    for part in _PARTS.values():
        folded, actual = _typed_again(part, getattr(rebuilt, part)), fields[part]
        differences += [
            f"{part}.{asset}: the audit gives {folded.get(asset)}, the file {actual.get(asset)}"
            for asset in sorted(folded.keys() | actual.keys())
            if folded.get(asset) != actual.get(asset)
        ]
    if rebuilt.trading_halt != fields.get(_HALT):
        differences.append(f"{_HALT}: the audit gives {rebuilt.trading_halt}, the file {fields.get(_HALT)}")
    if (rebuilt.lineage, rebuilt.serial) != (live.meta.lineage, live.meta.serial):
        differences.append(
            f"the audit ends at serial {rebuilt.serial} of {rebuilt.lineage}, "
            f"the file is {live.meta.serial} of {live.meta.lineage}"
        )
    return differences


def _typed_again(part: str, entries: dict[str, Any]) -> dict[str, Any]:
    """Give folded entries the form that the document's own writer gives them."""
    content = typed({part: entries}, MANAGED_STATE.content_type)
    again: dict[str, Any] = plain(content_fields(content))[part]
    return again
