"""Rules for a coin in the bot's hands: pause, resume, release, override, forced exit.

1. A pause says what it means: `exits: on` keeps the agreed exits, `off` lets no new order leave (Q-MH-8,
   C2). It is one step and lowers risk; the same pause again may only turn exits off.
2. Resume from a drift alert needs `override` (T11); a drift that was recorded in a pause must be accepted.
3. Release: from active "pause it first"; graceful keeps the agreed exits, immediate sells nothing; T14
   only with a user's release in the history (DR-11); T15 is a person's decision.
4. An override keeps stop < reference < target, the smallest distance (M3) and the depth (C1, Q-MH-3).
"""

from decimal import Decimal
from typing import Any

from bot.kernel.clock import iso_z
from bot.kernel.errors import RefusedError
from bot.kernel.money import ZERO
from bot.lifecycle.change import Act, Change, amend, entry_of, move, note
from bot.lifecycle.command_payloads import (
    CompleteManagedRelease,
    ForceManagedExit,
    OverrideManagedLevels,
    PauseManagedAsset,
    ReleaseManagedAsset,
    ResumeManagedAsset,
)
from bot.lifecycle.dca_terms import check_terms
from bot.lifecycle.documents import Exits, ManagedAsset, ManagedStateContent, ReleaseMode
from bot.lifecycle.drift_kinds import doubts_quantity, is_unresolved
from bot.lifecycle.drift_rules import accepted_facts
from bot.lifecycle.events import EventType
from bot.lifecycle.level_rules import (
    check_distance,
    check_features,
    check_order,
    check_override_depth,
    named_levels,
)
from bot.lifecycle.states import AssetState, user_of
from bot.lifecycle.trailing_rules import Ground, agreed_trailing
from bot.lifecycle.transitions import transition

_LIVE = (AssetState.MANAGED_ACTIVE, AssetState.MANAGED_PAUSED)


def pause(content: ManagedStateContent, act: Act, payload: PauseManagedAsset) -> Change:
    """T07; in a pause, `exits: off` may follow `exits: on` (it lowers risk of a sale further)."""
    entry = entry_of(content, act.asset)
    fields: dict[str, Any] = {
        "exits": payload.exits,
        "held_at": max(act.accepted_at, entry.held_at or act.accepted_at),
        "reason": note("paused_by_user", payload.reason or "paused without a reason"),
    }
    if payload.exits is Exits.OFF:  # hands off: an ordered sale must not wake up at the resume
        fields["force_exit"] = None
    in_flight = entry.exit_intent.client_order_id if entry.exit_intent else None
    turns_off = payload.exits is Exits.OFF and entry.exits is not Exits.OFF
    if entry.state is AssetState.MANAGED_PAUSED and not turns_off:
        raise RefusedError(
            f"{act.asset} is paused already",
            code="paused_already",
            why=f"The asset stands at {entry.state}, exits {entry.exits}; exits come on again by a resume.",
        )
    if entry.state is AssetState.MANAGED_PAUSED:
        change = amend(content, act, EventType.ASSET_PAUSED, set_fields=fields)
    else:
        change = move(content, act, EventType.ASSET_PAUSED, set_fields=fields)
    resting = entry.resting_stop.client_order_id if entry.resting_stop else None
    buying = entry.buy_intent.client_order_id if entry.buy_intent else None
    return _with_detail(
        change,
        exits=payload.exits.value,
        order_in_flight=in_flight,
        resting_stop=resting,
        buy_in_flight=buying,
    )


def resume(content: ManagedStateContent, act: Act, payload: ResumeManagedAsset) -> Change:
    """T08, or T11 with an override."""
    entry = entry_of(content, act.asset)
    transition(entry.state, act.type, act.actor)
    _refuse_overtaken(entry, act)
    drifted = is_unresolved(entry)
    if entry.state is AssetState.MANAGED_DRIFT_ALERT and not payload.override:
        raise RefusedError(f"{act.asset} stands in a drift alert", code="resume_needs_override")
    if drifted and not payload.reason.strip():  # the record must say why the bot's alert was overruled
        raise RefusedError(f"{act.asset}: no reason was given", code="reason_missing")
    accepted = payload.override and payload.accept is not None
    if entry.state is AssetState.MANAGED_PAUSED and drifted and not accepted:
        raise RefusedError(f"{act.asset} drifted during the pause", code="drift_unresolved")
    fields: dict[str, Any] = {"exits": Exits.ON, "reason": note("resumed_by_user", payload.reason)}
    if doubts_quantity(entry):  # an ordered sale that could not leave must not wake up at the resume
        fields["force_exit"] = None
    events = [EventType.ASSET_RESUMED]
    if drifted:
        events.insert(0, EventType.OPERATOR_OVERRIDE)
        fields |= accepted_facts(entry, payload)
    return move(content, act, *events, set_fields=fields, data={"reason": payload.reason})


def release(content: ManagedStateContent, act: Act, payload: ReleaseManagedAsset) -> Change:
    """T09, T12: on its way back; T15: after an exit, back to frozen by a person's word."""
    entry = entry_of(content, act.asset)
    if entry.state is AssetState.EXIT_EXECUTED:
        return move(
            content, act, EventType.ASSET_RELEASED, fresh=True, data={"released_by": user_of(act.actor)}
        )
    fields = {
        "release_mode": payload.mode,
        "release_requested_by_user_id": user_of(act.actor),
        "force_exit": None,  # a release never sells by itself; only stop and target stay armed
    }
    if entry.state is AssetState.RELEASE_PENDING:
        if payload.mode is not ReleaseMode.IMMEDIATE or entry.release_mode is ReleaseMode.IMMEDIATE:
            raise RefusedError(
                f"{act.asset} is being released already",
                code="release_pending_already",
                why=f"The asset stands at {entry.state}, mode {entry.release_mode}.",
            )
        change = amend(content, act, EventType.ASSET_RELEASE_REQUESTED, set_fields=fields)
    else:
        change = move(content, act, EventType.ASSET_RELEASE_REQUESTED, set_fields=fields)
    return _with_detail(change, bought_quantity=entry.bought_quantity)


def complete_release(content: ManagedStateContent, act: Act, payload: CompleteManagedRelease) -> Change:
    """T14: nothing of the bot's is left on the coin; DR-11 asks for the user's release."""
    entry = entry_of(content, act.asset)
    if entry.state is AssetState.RELEASE_PENDING:
        if entry.release_requested_by_user_id is None:
            raise RefusedError(f"{act.asset}: nobody asked for its release", code="release_not_requested")
        if entry.exit_intent is not None:
            raise RefusedError(f"{act.asset}: an exit order is still open", code="exit_in_flight")
        if entry.buy_intent is not None:
            raise RefusedError(f"{act.asset}: a buy order is still open", code="buy_in_flight")
        if entry.resting_stop is not None:
            raise RefusedError(f"{act.asset}: its stop still rests at the exchange", code="stop_is_resting")
    return move(
        content,
        act,
        EventType.ASSET_RELEASED,
        fresh=True,
        data={"reason": payload.reason, "released_by": entry.release_requested_by_user_id},
    )


def override_levels(content: ManagedStateContent, act: Act, payload: OverrideManagedLevels) -> Change:
    """C1: a person sets levels by hand; the event carries the difference."""
    entry = _live_entry(content, act)
    given = named_levels(payload)
    del given["reason"]
    if not given:
        raise RefusedError(f"{act.asset}: the override names no value", code="nothing_to_change")
    check_override_depth(act, given)
    check_terms(act.asset, payload.dca)
    if "synthetic_entry_value" in given:
        given["synthetic_entry"] = given.pop("synthetic_entry_value")
    live = {**(entry.overrides or {}), **given}
    stop = live.get("stop_loss", entry.stop_loss) or ZERO
    target = live.get("take_profit", entry.take_profit) or ZERO
    reference = entry.reference_price or ZERO
    check_order(act.asset, stop_loss=stop, reference=reference, take_profit=target)
    basis = live.get("synthetic_entry", entry.synthetic_entry) or reference
    check_distance(act, stop_loss=stop, reference=reference, entry=basis)
    check_features(act, dca=given.get("dca"))
    if "trailing" in given:
        ground = Ground(reference, entry.atr or ZERO, stop, target)
        given["trailing"] = live["trailing"] = agreed_trailing(act, given["trailing"], ground)
    if given.get("max_allocation_usdt", Decimal(1)) <= ZERO:
        raise RefusedError(f"{act.asset}: the allocation is not above zero", code="quantity_invalid")
    events = [EventType.OPERATOR_OVERRIDE]
    if "synthetic_entry" in given:
        events.append(EventType.SYNTHETIC_ENTRY_ADJUSTED)
    old = {name: (entry.overrides or {}).get(name, getattr(entry, name)) for name in given}
    difference = {name: {"from": old[name], "to": value} for name, value in given.items()}
    data = {"reason": payload.reason, "difference": difference}
    return amend(content, act, *events, set_fields={"overrides": live}, data=data, detail=data)


def force_exit(content: ManagedStateContent, act: Act, payload: ForceManagedExit) -> Change:
    """An admin orders the sale of the managed quantity; the loop sends it in its next cycle."""
    entry = _live_entry(content, act)
    expected = f"{act.asset}:exit"
    if payload.confirm != expected:
        raise RefusedError(
            f"{act.asset}: the confirmation is wrong",
            code="confirmation_wrong",
            why=f"Expected {expected!r} to the letter, got {payload.confirm!r}.",
        )
    if entry.state is AssetState.MANAGED_PAUSED and entry.exits is Exits.OFF:
        raise RefusedError(f"{act.asset} is paused with exits off", code="exits_are_off")
    if content.trading_halt is not None and content.trading_halt.exits is Exits.OFF:
        raise RefusedError(f"{act.asset}: trading is halted with exits off", code="trading_halted")
    return amend(
        content,
        act,
        EventType.OPERATOR_OVERRIDE,
        set_fields={"force_exit": True, "reason": note("force_exit", payload.reason)},
        data={"reason": payload.reason, "force_exit": True},
    )


def _refuse_overtaken(entry: ManagedAsset, act: Act) -> None:
    """Refuse what was asked before the last pause and raises risk: the pause has the last word.

    A pause that lies ahead of now was taken before the clock stepped back: times tell nothing then, and the
    way out must not wait for the clock.
    """
    if entry.held_at is not None and act.accepted_at < entry.held_at <= act.now:
        raise RefusedError(
            f"{act.asset}: {act.type} was asked for before the last pause",
            code="state_changed",
            why=f"Asked at {iso_z(act.accepted_at)}, paused at {iso_z(entry.held_at)}.",
            fix="If it is still wanted, ask again.",
        )


def _live_entry(content: ManagedStateContent, act: Act) -> ManagedAsset:
    entry = entry_of(content, act.asset)
    _refuse_overtaken(entry, act)
    if entry.state not in _LIVE:
        raise RefusedError(
            f"{act.type} is not possible from {entry.state}",
            why=f"The asset stands at {entry.state}; this needs {' or '.join(_LIVE)}.",
        )
    return entry


def _with_detail(change: Change, **more: object) -> Change:
    told = {name: value for name, value in more.items() if value is not None}
    return Change(content=change.content, events=change.events, detail={**change.detail, **told})
