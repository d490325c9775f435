"""Rules of asking for a proposal and of what the engine and the timed pass answer.

1. A second request while the engine works is refused (`proposal_in_progress`).
2. After an operator's no the cool-down holds; an expired or stale proposal may be asked again at once.
3. After an exit a coin goes via frozen unless re-engagement is direct (Q-MH-9, T16).
4. The engine answers only for the request that is current; an interrupted one is taken up again
   under a new id, three times at most.
5. An abort because of SR-11 or SR-14 tells of the broken stop rule as well.
6. A proposal expires by its time or because it is stale (T06); settling needs the cool-down over.
"""

import datetime as dt

import msgspec

from bot.kernel.clock import iso_z
from bot.kernel.errors import RefusedError
from bot.kernel.money import ZERO, text
from bot.lifecycle.change import Act, Change, amend, entry_of, move, note
from bot.lifecycle.command_payloads import (
    AbortManagedProposal,
    BeginManagedProposal,
    CompleteManagedProposal,
    EntryMethod,
    ExpireManagedProposal,
    RejectManagedProposal,
    RequestManagedProposal,
    SettleManagedAsset,
)
from bot.lifecycle.documents import ManagedStateContent, PendingProposal
from bot.lifecycle.events import Event, EventType
from bot.lifecycle.states import AssetState, user_of

STOP_RULE_ABORTS = {"model_version_missing": "SR-11", "strategy_not_allowed": "SR-14"}
"""Codes with which the engine's aborts tell of a broken stop rule."""


def request(content: ManagedStateContent, act: Act, payload: RequestManagedProposal) -> Change:
    """T01, T16: an operator asks for a proposal; the proposal's id is the command's id."""
    entry = entry_of(content, act.asset)
    if act.asset == act.policy.quote:
        raise RefusedError(f"{act.asset} cannot be handed over", code="quote_not_manageable")
    if payload.quantity is not None and payload.quantity <= ZERO:
        raise RefusedError(
            f"{act.asset}: the quantity {text(payload.quantity)} is not above zero", code="quantity_invalid"
        )
    if (
        payload.synthetic_entry_method is EntryMethod.MANUAL
        and (payload.synthetic_entry_value or ZERO) <= ZERO
    ):
        raise RefusedError(f"{act.asset}: no entry price was given", code="manual_entry_needs_value")
    if entry.state is AssetState.EXIT_EXECUTED and not act.policy.reengage_direct:
        raise RefusedError(f"{act.asset} was sold by its agreed exit", code="reengage_via_frozen")
    if entry.cooldown_until is not None and act.now < entry.cooldown_until:
        raise RefusedError(
            f"{act.asset} was declined",
            code="cooldown_running",
            why=f"The cool-down runs until {iso_z(entry.cooldown_until)}.",
        )
    if entry.state in {AssetState.PROPOSAL_ABORTED, AssetState.PROPOSAL_REJECTED}:
        raise RefusedError(
            f"{act.asset} is on its way back to frozen",
            code="settling_due",
            why=f"The asset stands at {entry.state}; the system's next pass settles it (T17, T18).",
        )
    user = user_of(act.actor)
    pending = PendingProposal(
        proposal_id=act.command_id,
        state=AssetState.PROPOSAL_PENDING,
        requested_at=act.now,
        requested_by_user_id=user,
        expires_at=act.now + act.policy.proposal_ttl,
    )
    return move(
        content,
        act,
        EventType.ASSET_PROPOSAL_REQUESTED,
        fresh=True,
        set_fields={
            "current_proposal_id": act.command_id,
            "requested_quantity": payload.quantity,
            "requested_entry_method": payload.synthetic_entry_method.value,
            "requested_entry_value": payload.synthetic_entry_value,
            "requested_by_user_id": user,
        },
        pending=pending,
    )


def begin(content: ManagedStateContent, act: Act, payload: BeginManagedProposal) -> Change:
    """Count an engine's start; a request that was interrupted goes on under a new id."""
    pending = _current_request(content, act, payload.proposal_id)
    attempts = entry_of(content, act.asset).proposal_attempts or 0
    if attempts >= act.policy.proposal_attempts_max:
        raise RefusedError(f"{act.asset}: the engine was interrupted {attempts} times", code="interrupted")
    proposal_id = payload.proposal_id
    if attempts > 0:
        if payload.new_proposal_id is None:
            raise RefusedError(f"{act.asset}: an interrupted request needs a new id", code="interrupted")
        proposal_id = payload.new_proposal_id
    return amend(
        content,
        act,
        EventType.ASSET_PROPOSAL_BEGUN,
        set_fields={"proposal_attempts": attempts + 1, "current_proposal_id": proposal_id},
        pending=msgspec.structs.replace(pending, proposal_id=proposal_id),
        data={"attempt": attempts + 1},
        detail={"proposal_id": proposal_id, "attempt": attempts + 1},
    )


def complete(content: ManagedStateContent, act: Act, payload: CompleteManagedProposal) -> Change:
    """T02: the engine has written the file of the current request."""
    pending = _current_request(content, act, payload.proposal_id)
    return move(
        content,
        act,
        EventType.ASSET_PROPOSAL_GENERATED,
        set_fields={"proposal_digest": payload.proposal_digest},
        pending=msgspec.structs.replace(
            pending, state=AssetState.RISK_PROPOSED, expires_at=payload.expires_at
        ),
        data={"proposal_id": payload.proposal_id, "proposal_digest": payload.proposal_digest},
    )


def abort(content: ManagedStateContent, act: Act, payload: AbortManagedProposal) -> Change:
    """T03: the engine could make no proposal for the current request; a broken stop rule is told too."""
    _current_request(content, act, payload.proposal_id)
    change = move(
        content,
        act,
        EventType.ASSET_PROPOSAL_ABORTED,
        set_fields={"reason": note(payload.reason_code, payload.sentence)},
        data={"proposal_id": payload.proposal_id, "reason_code": payload.reason_code},
    )
    rule = STOP_RULE_ABORTS.get(payload.reason_code)
    if rule is None:
        return change
    broken = Event(
        type=EventType.STOP_RULE_BROKEN,
        asset=act.asset,
        actor=act.actor,
        command_id=act.command_id,
        data={"rule": rule, "reason_code": payload.reason_code, "what": payload.sentence},
    )
    detail = {**change.detail, "stop_rule": rule}
    return Change(content=change.content, events=(*change.events, broken), detail=detail)


def reject(content: ManagedStateContent, act: Act, payload: RejectManagedProposal) -> Change:
    """T05: a person declines; the cool-down starts (Q-MH-12)."""
    decidable_proposal(content, act, payload.proposal_id)
    until = act.now + act.policy.cooldown
    return move(
        content,
        act,
        EventType.ASSET_PROPOSAL_REJECTED,
        set_fields={
            "cooldown_until": until,
            "reason": note("rejected_by_user", payload.reason or "declined without a reason"),
        },
        data={"proposal_id": payload.proposal_id, "cooldown_until": iso_z(until)},
    )


def expire(content: ManagedStateContent, act: Act, payload: ExpireManagedProposal) -> Change:
    """T06: the timed pass ends a proposal whose time is over, or that is stale; no cool-down."""
    pending = decidable_proposal(content, act, payload.proposal_id)
    if payload.cause == "ttl" and act.now < pending.expires_at:
        raise RefusedError(
            f"{act.asset}: the proposal runs until {iso_z(pending.expires_at)}", code="not_expired"
        )
    return move(
        content,
        act,
        EventType.ASSET_PROPOSAL_EXPIRED,
        fresh=True,
        set_fields={"reason": note("proposal_expired", f"expired ({payload.cause})")},
        data={"proposal_id": payload.proposal_id, "cause": payload.cause},
    )


def settle(content: ManagedStateContent, act: Act, payload: SettleManagedAsset) -> Change:
    """T17, T18: an aborted or declined request goes back to frozen by the timed pass."""
    until: dt.datetime | None = entry_of(content, act.asset).cooldown_until
    if until is not None and act.now < until:
        raise RefusedError(f"{act.asset} rests until {iso_z(until)}", code="not_settled")
    kept = {"reason": entry_of(content, act.asset).reason}
    data = {"reason": payload.reason}
    return move(content, act, EventType.ASSET_REFROZEN, fresh=True, set_fields=kept, data=data)


def _current_request(content: ManagedStateContent, act: Act, proposal_id: str) -> PendingProposal:
    pending = content.pending_proposals.get(act.asset)
    if (
        pending is None
        or pending.proposal_id != proposal_id
        or pending.state is not AssetState.PROPOSAL_PENDING
    ):
        raise RefusedError(
            f"{act.asset}: proposal {proposal_id} is not the one that is being made",
            code="proposal_not_current",
            why=f"Current is {pending.proposal_id if pending else 'none'},"
            f" the asset stands at {content.state_of(act.asset)}.",
        )
    return pending


def decidable_proposal(content: ManagedStateContent, act: Act, proposal_id: str) -> PendingProposal:
    """Return the waiting proposal that this decision is about, or refuse with the exact reason."""
    entry = entry_of(content, act.asset)
    pending = content.pending_proposals.get(act.asset)
    if entry.current_proposal_id == proposal_id and entry.state not in {
        AssetState.RISK_PROPOSED,
        AssetState.PROPOSAL_PENDING,
        AssetState.PROPOSAL_ABORTED,
    }:
        raise RefusedError(
            f"{act.asset}: proposal {proposal_id} was decided before",
            code="proposal_already_decided",
            why=f"The asset stands at {entry.state}; the first decision holds (R3).",
        )
    if pending is None or entry.state is not AssetState.RISK_PROPOSED:
        raise RefusedError(
            f"{act.asset} has no proposal that waits for a decision",
            code="transition_not_allowed",
            why=f"The asset stands at {entry.state}; decisions are taken at {AssetState.RISK_PROPOSED}.",
        )
    if pending.proposal_id != proposal_id:
        raise RefusedError(
            f"{act.asset}: proposal {proposal_id} is not the current one",
            code="proposal_not_current",
            why=f"Current is {pending.proposal_id}.",
        )
    return pending
