"""The read cache for screens: `managed_proposals` and `managed_assets_history`, told by the audit log.

Rules: 1 the files are the truth; nothing ever decides by the cache. 2 It is written in the transaction
that finishes a command, from the audit records that came since, so it can fall behind but never be
wrong; whatever finishes next catches up. 3 A row never goes back to an older serial. 4 Building it anew
from the files gives the same rows.
"""

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

import msgspec
from sqlalchemy import Table, bindparam, delete, func, select, update

from bot.kernel.canonical import canonical_bytes
from bot.kernel.errors import StateFileError
from bot.lifecycle.events import EventType
from bot.lifecycle.states import ActorKind, AssetState, actor_kind, user_of
from bot.storage.audit_feed import AUDIT_START, AuditPlace, records_after
from bot.storage.documents import MANAGED_STATE
from bot.storage.home import Home
from bot.storage.proposal_reader import read_proposal
from bot.storage.sql.session import Insertion, Row, Session, Statement
from bot.storage.sql.tables import managed_assets_history, managed_proposals, meta

_PLACE = "audit_place"
_AT_ONCE = 500
"""Records that one command's transaction takes along at most."""
_TOLD_EVENTS = (
    EventType.ASSET_PROMOTED.partition(".")[0] + ".",
    EventType.STATE_RESTORED.value,  # a restore and an adoption change assets as well
    EventType.STATE_ADOPTED.value,
)
_DECISIONS = {
    EventType.ASSET_PROMOTED: "approved",
    EventType.ASSET_PROPOSAL_REJECTED: "rejected",
    EventType.ASSET_PROPOSAL_EXPIRED: "expired",
}


def _words(table: Table, *names: str) -> dict[str, Any]:
    return {name: bindparam(name, type_=table.c[name].type) for name in names}


def _opening(*more: str) -> Insertion:
    names = ("asset", "state", "expires_at", "requested_by_user_id", "serial", *more)
    words = _words(managed_proposals, "proposal_id", *names)
    return Insertion(
        lambda insert: (known := insert(managed_proposals).values(words)).on_conflict_do_update(
            index_elements=["proposal_id"],
            set_={name: known.excluded[name] for name in names},
            where=managed_proposals.c.serial <= known.excluded.serial,
        )
    )


_OF_FILE = ("proposal_json", "generated_at")
_OPEN, _OPEN_WITH_FILE = _opening(), _opening(*_OF_FILE)
_CLOSE = (
    update(managed_proposals)
    .where(
        managed_proposals.c.proposal_id == bindparam("closed_id"),
        managed_proposals.c.serial <= bindparam("until"),
    )
    .values(_words(managed_proposals, "state", "decision", "decided_at", "decided_by_user_id", "serial"))
)
_KEEP_HISTORY = Insertion(
    lambda insert: (
        insert(managed_assets_history)
        .values(_words(managed_assets_history, *managed_assets_history.c.keys()))
        .on_conflict_do_nothing(index_elements=["id"])
    )
)
_READ_PLACE = select(meta.c.value).where(meta.c.key == _PLACE)
_LOCK_PLACE = _READ_PLACE.with_for_update()  # SQLite's write transaction is a lock by itself
_BEGIN_PLACE = Insertion(
    lambda insert: insert(meta).values(_words(meta, "key", "value")).on_conflict_do_nothing()
)
_KEEP_PLACE = Insertion(
    lambda insert: (known := insert(meta).values(_words(meta, "key", "value"))).on_conflict_do_update(
        index_elements=["key"], set_={"value": known.excluded.value}
    )
)
_TABLES = (managed_proposals, managed_assets_history)
_EMPTY: tuple[Statement, ...] = tuple(delete(table) for table in _TABLES)
_COUNT = tuple(select(func.count().label("rows")).select_from(table) for table in _TABLES)


class ReadCache:
    """Keeps the two cache tables of one home; stateless, so any thread and process may."""

    def __init__(self, home: Home) -> None:
        self._home = home

    def follow(self, session: Session, *, at_most: int | None = _AT_ONCE) -> int:
        """Take the next audit records over, inside the caller's write transaction; returns how many.

        Raises:
            StorageError: `database_ahead`: the cache comes from another log, or a rolled-back one.
            AuditError: The log is damaged.
        """
        place = _locked_place(session)
        count = 0
        history: list[dict[str, Any]] = []
        for record, behind in islice(records_after(self._home.audit_log, place), at_most):
            history += self._take(session, record)
            place, count = behind, count + 1
        session.run(_KEEP_HISTORY.on(session), *history)
        if count:
            _keep_place(session, place)
        return count

    def is_behind(self, session: Session) -> bool:
        """Say whether the log holds records that the cache has not taken over yet; changes nothing.

        Raises:
            StorageError: As `follow`.
        """
        return any(True for _ in records_after(self._home.audit_log, _place(session) or AUDIT_START))

    def rebuild(self, session: Session) -> tuple[int, int]:
        """Build both tables anew from the files; returns the rows of proposals and of history.

        Raises:
            AuditError: The log is damaged; nothing was changed.
        """
        for statement in _EMPTY:
            session.run(statement, {})
        _keep_place(session, AUDIT_START)
        self.follow(session, at_most=None)
        proposals, history = (session.rows(statement, {})[0]["rows"] for statement in _COUNT)
        return proposals, history

    def _take(self, session: Session, record: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Take one record's proposal over, and return its row of history if it has one."""
        if record["asset"] == "*" or not str(record["type"]).startswith(_TOLD_EVENTS):
            return []
        is_state = record.get("document") == MANAGED_STATE.name
        before, after = (_sides(record, side) if is_state else None for side in ("before", "after"))
        was, now = ((side or {}).get("pending") for side in (before, after))
        if was is not None and (now is None or now["proposal_id"] != was["proposal_id"]):
            _close_proposal(session, record, was["proposal_id"], now, after)
        if now is not None and now != was:
            self._open_proposal(session, record, now)
        return [_history_row(record, _state_in(before), _state_in(after))]

    def _open_proposal(self, session: Session, record: Mapping[str, Any], pending: Mapping[str, Any]) -> None:
        of_file = self._file_of(pending)
        values = {
            "proposal_id": pending["proposal_id"],
            "asset": record["asset"],
            "state": pending["state"],
            "expires_at": pending["expires_at"],
            "requested_by_user_id": pending["requested_by_user_id"],
            "serial": record["serial"],
            **of_file,
        }
        session.run((_OPEN_WITH_FILE if of_file else _OPEN).on(session), values)

    def _file_of(self, pending: Mapping[str, Any]) -> dict[str, Any]:
        """Return what the proposal's file says, once there is one; a damaged one is no content."""
        if pending["state"] != AssetState.RISK_PROPOSED:
            return {}
        try:
            document = read_proposal(self._home, pending["proposal_id"])
        except StateFileError:
            return {}
        told = (canonical_bytes(document).decode(), document["generated_at"])
        return dict(zip(_OF_FILE, told, strict=True))


def _close_proposal(
    session: Session,
    record: Mapping[str, Any],
    proposal_id: str,
    now: Mapping[str, Any] | None,
    after: Mapping[str, Any] | None,
) -> None:
    """Tell what became of a proposal: decided, aborted, or begun anew under another id."""
    decision = _DECISIONS.get(record["type"]) if now is None else None
    by_user = actor_kind(record["actor"]) is ActorKind.USER
    words = {
        "closed_id": proposal_id,
        "until": record["serial"],
        "state": _state_in(after) if now is None else AssetState.PROPOSAL_ABORTED.value,
        "decision": decision,
        "decided_at": record["at"] if decision is not None else None,
        "decided_by_user_id": user_of(record["actor"]) if decision is not None and by_user else None,
        "serial": record["serial"],
    }
    session.run(_CLOSE, words)


def _history_row(record: Mapping[str, Any], state_from: str | None, state_to: str | None) -> dict[str, Any]:
    detail = {"command_id": record["command_id"], "serial": record["serial"], "data": record["data"]}
    return {
        "id": record["sequence"],
        "asset": record["asset"],
        "state_from": state_from,
        "state_to": state_to,
        "actor": record["actor"],
        "event_type": record["type"],
        "ts": record["at"],
        "metadata_json": canonical_bytes(detail).decode(),
    }


def _sides(record: Mapping[str, Any], side: str) -> Mapping[str, Any] | None:
    found: Mapping[str, Any] | None = record.get(side)
    return found


def _state_in(side: Mapping[str, Any] | None) -> str | None:
    """Return the coin's state on one side of an event; None where the event does not tell it."""
    if side is None:
        return None
    entry = side.get("managed")
    return AssetState.FROZEN.value if entry is None else str(entry["state"])


def _place(session: Session, query: Statement = _READ_PLACE) -> AuditPlace | None:
    kept: Sequence[Row] = session.rows(query, {})
    return msgspec.json.decode(kept[0]["value"], type=AuditPlace) if kept else None


def _locked_place(session: Session) -> AuditPlace:
    place = _place(session, _LOCK_PLACE)
    if place is not None:
        return place
    session.run(_BEGIN_PLACE.on(session), _row_of_place(AUDIT_START))
    return _place(session, _LOCK_PLACE) or AUDIT_START


def _keep_place(session: Session, place: AuditPlace) -> None:
    session.run(_KEEP_PLACE.on(session), _row_of_place(place))


def _row_of_place(place: AuditPlace) -> dict[str, Any]:
    return {"key": _PLACE, "value": msgspec.json.encode(place).decode()}
