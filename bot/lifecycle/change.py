"""How a rule's answer is put together: the new content and the events that tell of it.

A rule raises `RefusedError` or returns a `Change`; it never touches what it was given.
"""

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, TypeVar

import msgspec

from bot.lifecycle.commands import CommandType
from bot.lifecycle.documents import (
    HISTORY_KEPT,
    HistoryEntry,
    ManagedAsset,
    ManagedStateContent,
    PendingProposal,
    ReasonNote,
)
from bot.lifecycle.events import Event, EventType
from bot.lifecycle.policy import LifecyclePolicy
from bot.lifecycle.states import AssetState
from bot.lifecycle.transitions import transition

T = TypeVar("T")


class Act(msgspec.Struct, frozen=True, kw_only=True):
    """One command as a rule sees it: who asks, for which asset, when, under which limits."""

    command_id: str
    type: CommandType
    actor: str
    asset: str
    now: dt.datetime
    accepted_at: dt.datetime
    """When it was asked for; commands may be applied later, and in trouble out of order."""
    policy: LifecyclePolicy


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A rule's yes: the new content, its events, and figures for the answer."""

    content: ManagedStateContent
    events: tuple[Event, ...]
    detail: Mapping[str, Any] = {}


def entry_of(content: ManagedStateContent, asset: str) -> ManagedAsset:
    """Return the asset's entry, or the frozen one that every unlisted asset has."""
    return content.managed_assets.get(asset) or ManagedAsset(state=AssetState.FROZEN)


def records_of(content: ManagedStateContent, asset: str) -> dict[str, Any]:
    """Return what the document holds for the asset, as plain JSON values (for `before`/`after`)."""
    managed = content.managed_assets.get(asset)
    pending = content.pending_proposals.get(asset)
    return {
        "managed": None if managed is None else _plain(managed),
        "pending": None if pending is None else _plain(pending),
    }


def move(
    content: ManagedStateContent,
    act: Act,
    *events: EventType,
    set_fields: Mapping[str, Any] | None = None,
    fresh: bool = False,
    pending: PendingProposal | None = None,
    data: Mapping[str, Any] | None = None,
) -> Change:
    """Take the transition that the act asks for.

    Args:
        content: The content as it is; not touched.
        act: The command.
        events: What to tell; the first carries the change of state.
        set_fields: Fields of the asset's entry to set.
        fresh: Start from an empty entry (only the history and the count stay).
        pending: The asset's line in `pending_proposals` afterwards; None removes it.
        data: Further figures for the first event.

    Raises:
        RefusedError: When the table has no such edge for this actor.
    """
    entry = entry_of(content, act.asset)
    edge = transition(entry.state, act.type, act.actor)
    kept = ManagedAsset(state=entry.state, history=entry.history) if fresh else entry
    line = HistoryEntry(
        ts=act.now, from_state=entry.state, to_state=edge.target, actor=act.actor, event_type=events[0]
    )
    new_entry = msgspec.structs.replace(
        kept,
        **{
            **(set_fields or {}),
            "state": edge.target,
            "transitions": entry.transitions + 1,
            "history": (*entry.history, line)[-HISTORY_KEPT:],
        },
    )
    detail = {"from": edge.source.value, "to": edge.target.value, "transition": edge.number}
    return _change(content, act, events, new_entry, pending, data or {}, detail)


def amend(
    content: ManagedStateContent,
    act: Act,
    *events: EventType,
    set_fields: Mapping[str, Any],
    pending: PendingProposal | None = None,
    data: Mapping[str, Any] | None = None,
    detail: Mapping[str, Any] | None = None,
) -> Change:
    """Change the asset's entry and leave its state as it is."""
    entry = entry_of(content, act.asset)
    new_entry = msgspec.structs.replace(entry, **set_fields)
    state = {"from": entry.state.value, "to": entry.state.value}
    return _change(content, act, events, new_entry, pending, data or {}, {**state, **(detail or {})})


def note(code: str, text: str) -> ReasonNote:
    """Return a reason as documents keep it."""
    return ReasonNote(code=code, text=text)


def _change(
    content: ManagedStateContent,
    act: Act,
    events: tuple[EventType, ...],
    new_entry: ManagedAsset,
    pending: PendingProposal | None,
    data: Mapping[str, Any],
    detail: Mapping[str, Any],
) -> Change:
    new_content = msgspec.structs.replace(
        content,
        managed_assets=_with(content.managed_assets, act.asset, new_entry),
        pending_proposals=_with(content.pending_proposals, act.asset, pending),
    )
    before, after = records_of(content, act.asset), records_of(new_content, act.asset)
    told = tuple(
        Event(
            type=event,
            asset=act.asset,
            actor=act.actor,
            command_id=act.command_id,
            before=before if index == 0 else after,
            after=after,
            data=data if index == 0 else {},
        )
        for index, event in enumerate(events)
    )
    return Change(content=new_content, events=told, detail=detail)


def _with(entries: Mapping[str, T], asset: str, entry: T | None) -> Mapping[str, T]:
    """Return the entries with the asset's own, or without it, by name; those of others stay what they are."""
    known = asset in entries
    if entry is None:
        return {name: line for name, line in entries.items() if name != asset} if known else entries
    changed = {**entries, asset: entry}
    return changed if known else dict(sorted(changed.items()))


def _plain(value: msgspec.Struct) -> Any:
    return msgspec.to_builtins(value, builtin_types=(Decimal,))
