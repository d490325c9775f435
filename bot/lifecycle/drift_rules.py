"""Rules of drift: recorded once, gone by itself, accepted by a person. The bot never sells because of it.

1. T10 from active; where the coin is paused, alerted already or on its way back, a further kind of drift
   is recorded beside the others and the state stays. One record, and one alarm, per kind of drift.
2. The gravest of them stands in `drift`, the others in `further_drifts`: none overwrites another.
3. A drift that is gone leaves the record, but in an alert it is only marked: the bot stopped itself, and
   only a person lets it go on (T11).
4. T11 by override alone tolerates what is recorded as it is; with `accept: current` today's facts become
   the reference, and the quantity never rises.
5. A SIDEWAYS reference becomes the first clear regime seen.
6. What was measured against another agreement than the one of now is not recorded.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

import msgspec

from bot.kernel.errors import RefusedError
from bot.kernel.money import ZERO
from bot.lifecycle.change import Act, Change, amend, entry_of, move, note
from bot.lifecycle.command_payloads import (
    FlagManagedDrift,
    ResumeManagedAsset,
    SetReferenceRegime,
    UpdateManagedDrift,
)
from bot.lifecycle.documents import Drift, ManagedAsset, ManagedStateContent, ReasonNote
from bot.lifecycle.drift_kinds import DRIFT_THAT_KEEPS_EXITS, basis_of, drifts_of
from bot.lifecycle.events import EventType
from bot.lifecycle.exit_rules import orders_in_flight
from bot.lifecycle.states import IN_THE_BOTS_HANDS, AssetState
from bot.lifecycle.transitions import transition

GRAVITY = ("environment_reset", "wallet_external", "qty", "regime", "price")
"""Kinds from the gravest on: first what doubts the quantity, last what only moved away."""

CLEAR_REGIMES = ("BULL", "BEAR")
UNCLEAR_REGIME = "SIDEWAYS"


def flag_drift(content: ManagedStateContent, act: Act, payload: FlagManagedDrift) -> Change:
    """T10; elsewhere in the bot's hands the drift is recorded and the state stays (rule 1)."""
    entry = entry_of(content, act.asset)
    _refuse_other_basis(act, entry, payload.evidence)
    known = {drift.kind: drift for drift in drifts_of(entry)}
    old = known.get(payload.drift_kind)
    if old is not None and old.fingerprint == payload.fingerprint:
        raise RefusedError(f"{act.asset}: this drift is recorded already", code="drift_known")
    known[payload.drift_kind] = Drift(
        kind=payload.drift_kind,
        fingerprint=payload.fingerprint,
        detected_at=act.now,
        evidence=payload.evidence,
    )
    data = {"drift_kind": payload.drift_kind, "evidence": payload.evidence}
    fields = recorded(known.values())
    if entry.state is AssetState.MANAGED_ACTIVE:
        fields["reason"] = _why(payload.drift_kind, payload.evidence)
        return move(content, act, EventType.DRIFT_DETECTED, set_fields=fields, data=data)
    doubts = payload.drift_kind not in DRIFT_THAT_KEEPS_EXITS
    match entry.state:
        case AssetState.MANAGED_PAUSED:
            pass
        case AssetState.MANAGED_DRIFT_ALERT if old is None or old.accepted:  # not the one it stands for
            fields["reason"] = _why(fields["drift"].kind, fields["drift"].evidence)
        case AssetState.RELEASE_PENDING if doubts:  # its exits may still be armed
            pass
        case _:
            transition(entry.state, act.type, act.actor)  # has no such edge: refused by name
    return amend(content, act, EventType.DRIFT_DETECTED, set_fields=fields, data=data)


def update_drift(content: ManagedStateContent, act: Act, payload: UpdateManagedDrift) -> Change:
    """Bring the evidence of a recorded drift up to date, or tell that it is gone (rule 3)."""
    entry = entry_of(content, act.asset)
    known = {drift.kind: drift for drift in drifts_of(entry)}
    old = known.get(payload.drift_kind)
    if entry.state not in IN_THE_BOTS_HANDS or old is None:
        raise RefusedError(f"{act.asset}: no drift of {payload.drift_kind} is recorded", code="state_changed")
    _refuse_other_basis(act, entry, payload.evidence)
    if payload.gone and (entry.state is not AssetState.MANAGED_DRIFT_ALERT or old.accepted):
        del known[payload.drift_kind]
    else:
        known[payload.drift_kind] = msgspec.structs.replace(
            old, evidence=payload.evidence, gone_at=act.now if payload.gone else None
        )
    event = EventType.DRIFT_CLEARED if payload.gone else EventType.DRIFT_UPDATED
    data = {"drift_kind": payload.drift_kind, "evidence": payload.evidence}
    return amend(content, act, event, set_fields=recorded(known.values()), data=data)


def set_reference_regime(content: ManagedStateContent, act: Act, payload: SetReferenceRegime) -> Change:
    """Rule 5: from now on regime drift is measured against this one."""
    entry = entry_of(content, act.asset)
    if entry.state not in IN_THE_BOTS_HANDS or entry.reference_regime != UNCLEAR_REGIME:
        raise RefusedError(f"{act.asset}: its reference is not {UNCLEAR_REGIME}", code="state_changed")
    data = {"from": UNCLEAR_REGIME, "to": payload.regime, "evidence": payload.evidence}
    fields = {"reference_regime": payload.regime}
    return amend(content, act, EventType.REFERENCE_REGIME_SET, set_fields=fields, data=data)


def recorded(drifts: Iterable[Drift]) -> dict[str, Any]:
    """Return the fields that hold these drifts, the gravest first."""
    ranked = sorted(drifts, key=lambda drift: GRAVITY.index(drift.kind) if drift.kind in GRAVITY else 0)
    return {"drift": ranked[0] if ranked else None, "further_drifts": tuple(ranked[1:])}


def tolerated(entry: ManagedAsset) -> dict[str, Any]:
    """Rule 4: a person saw what is recorded and wants to go on with it as it is; what is gone is gone."""
    still = (drift for drift in drifts_of(entry) if drift.gone_at is None)
    return recorded(msgspec.structs.replace(drift, accepted=True) for drift in still)


def accepted_facts(entry: ManagedAsset, payload: ResumeManagedAsset) -> dict[str, Any]:
    """T11 with `accept: current`: today's facts become the reference, never more than was approved.

    Raises:
        RefusedError: An exit is in flight, so the quantity changes as we look (`exit_in_flight`); nothing
            of the coin is there, so there is nothing to go on with (`balance_too_small`).
    """
    if payload.accept is None:
        return tolerated(entry)
    fields: dict[str, Any] = recorded(())
    for drift in reversed(drifts_of(entry)):  # the gravest has the last word
        if drift.gone_at is None:
            fields |= _reference_of(drift.evidence)
            fields |= _quantity_of(entry, drift.evidence, at_most=fields.get("approved_quantity"))
    return fields


def _reference_of(evidence: Mapping[str, Any]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    if (price := _decimal(evidence.get("current_price"))) is not None and price > ZERO:
        fields["reference_price"] = price
    if isinstance(regime := evidence.get("current_regime"), str):
        fields["reference_regime"] = regime
    return fields


def _quantity_of(
    entry: ManagedAsset, evidence: Mapping[str, Any], *, at_most: Decimal | None
) -> dict[str, Any]:
    there = _decimal(evidence.get("current_quantity"))
    if there is None or entry.approved_quantity is None:
        return {}
    if entry.buy_intent is not None:
        raise RefusedError("The quantity cannot be accepted while a buy is in flight", code="buy_in_flight")
    if orders_in_flight(entry):
        raise RefusedError(
            "The quantity cannot be accepted while an exit is in flight", code="exit_in_flight"
        )
    # What was sold before was there when it was approved.
    most = entry.approved_quantity if at_most is None else at_most
    sold, bought = entry.sold_quantity or ZERO, entry.bought_quantity or ZERO
    quantity = min(most, there + sold - bought)
    if there <= ZERO or quantity + bought <= sold:
        raise RefusedError(
            "Nothing of the coin is there",
            code="balance_too_small",
            why="Today's facts cannot become the reference of a quantity of zero.",
            fix="Release it instead: bot release ASSET",
        )
    if quantity <= ZERO:  # more is gone than was handed over: what own buys brought is less, too
        return {"approved_quantity": ZERO, "bought_quantity": bought + quantity}
    return {"approved_quantity": quantity}


def _refuse_other_basis(act: Act, entry: ManagedAsset, evidence: Mapping[str, Any]) -> None:
    basis, now = evidence.get("basis"), basis_of(entry)
    if isinstance(basis, Mapping) and dict(basis) != now:
        moved = sorted(name for name in {*basis, *now} if basis.get(name) != now.get(name))
        raise RefusedError(
            f"{act.asset}: the agreement changed while it was compared",
            code="state_changed",
            why=f"Compared against another {', '.join(moved)}.",
        )


def _why(kind: str, evidence: Mapping[str, Any]) -> ReasonNote:
    told = evidence.get("told")
    return note(f"drift_{kind}", told if isinstance(told, str) else "reality and record differ")


def _decimal(value: object) -> Decimal | None:
    return Decimal(value) if isinstance(value, int | Decimal) and not isinstance(value, bool) else None
