"""Rules of a trading halt: the stop rule of the whole bot, above every coin's own state.

1. A halt lowers risk: the bot's own watchdog may halt, and an operator; only a person ends it.
2. It lets no buy and no new trade through. The agreed exits stay on, on fresh prices, unless it says
   `exits: off`; then no new order leaves, and an ordered sale does not wake up at the resume (as in a pause).
3. The same halt again may only turn exits off. The watchdog never overwrites a halt that is there.
4. A resume is refused while the watchdog still sees the cause, unless the person accepts it; a cause at
   which nobody has looked since counts as being there. What was asked for before the halt comes too late.
5. No coin's state is touched by it (DR-11): a halt is one entry of the document, told under the asset `*`.
"""

from typing import Any

import msgspec

from bot.kernel.clock import iso_z
from bot.kernel.errors import RefusedError
from bot.lifecycle.change import Act, Change, amend
from bot.lifecycle.command_payloads import HaltTrading, ResumeTrading, UpdateTradingHalt
from bot.lifecycle.documents import Exits, ManagedStateContent, TradingHalt
from bot.lifecycle.events import Event, EventType
from bot.lifecycle.exit_rules import orders_in_flight
from bot.lifecycle.states import ActorKind, actor_kind

HALTED_BY_HAND = "halted_by_hand"
"""The code of a halt that a person asked for; others are the watchdog's."""
RESUME_WORD = "resume:"
"""How the confirmation of a resume begins; the halt's code follows."""


def has_cause(halt: TradingHalt) -> bool:
    """Say whether the watchdog halted for something that it can see go away."""
    return halt.code != HALTED_BY_HAND


def is_cause_there(halt: TradingHalt) -> bool:
    """Say whether the cause of a halt is there, as far as the record knows."""
    return has_cause(halt) and halt.cause_gone_at is None


def halt(content: ManagedStateContent, act: Act, payload: HaltTrading) -> Change:
    """Halt trading; or, where it is halted already, turn the exits off too."""
    by_person = actor_kind(act.actor) is ActorKind.USER
    if by_person is (payload.cause is not None):
        raise RefusedError(
            "A cause is the watchdog's to name, and it always names one",
            code="payload_invalid",
            why=f"{act.actor} gave {payload.cause}.",
        )
    old = content.trading_halt
    if old is not None and (payload.exits is Exits.ON or old.exits is Exits.OFF):
        raise RefusedError(
            "Trading is halted already",
            code="trading_halted_already",
            why=f"Since {iso_z(old.since)} by {old.by}, exits {old.exits}: {old.text}",
        )
    held_at = act.accepted_at if old is None else max(act.accepted_at, old.held_at)
    new = TradingHalt(
        code=payload.cause or HALTED_BY_HAND,
        text=payload.text,
        since=act.now,
        by=act.actor,
        exits=payload.exits,
        held_at=held_at,
    )
    if old is not None:  # the cause stays what it was: only a person's word about exits is added
        new = msgspec.structs.replace(old, exits=payload.exits, held_at=held_at)
    change = _with_halt(content, act, EventType.TRADING_HALTED, new, {"text": payload.text})
    if new.exits is Exits.OFF:
        change = _without_ordered_sales(change, act)
    in_flight = sorted(
        asset
        for asset, entry in content.managed_assets.items()
        if orders_in_flight(entry) or entry.buy_intent is not None
    )
    told: dict[str, Any] = {"code": new.code, "exits": new.exits.value}
    if in_flight:
        told["orders_in_flight"] = in_flight
    return msgspec.structs.replace(change, detail=told)


def update_halt(content: ManagedStateContent, act: Act, payload: UpdateTradingHalt) -> Change:
    """Keep what the watchdog sees of the cause: gone, or there again."""
    old = _halt_of(content)
    if not has_cause(old) or is_cause_there(old) is payload.cause_is_there:
        raise RefusedError(
            "Nothing about the halt has changed", code="nothing_to_change", why=f"It is a halt by {old.code}."
        )
    gone_at = None if payload.cause_is_there else act.now
    new = msgspec.structs.replace(old, cause_gone_at=gone_at)
    change = _with_halt(content, act, EventType.TRADING_HALT_UPDATED, new, {"text": payload.text})
    return msgspec.structs.replace(change, detail={"cause_is_there": payload.cause_is_there})


def resume_trading(content: ManagedStateContent, act: Act, payload: ResumeTrading) -> Change:
    """End the halt, by a person's confirmed word."""
    old = _halt_of(content)
    expected = f"{RESUME_WORD}{old.code}"
    if payload.confirm != expected:
        raise RefusedError(
            "The confirmation is wrong",
            code="confirmation_wrong",
            why=f"Expected {expected!r} to the letter, got {payload.confirm!r}.",
        )
    if act.accepted_at < old.held_at <= act.now:  # as in `holding_rules`, a clock that stepped back included
        raise RefusedError(
            "The resume was asked for before the halt",
            code="state_changed",
            why=f"Asked at {iso_z(act.accepted_at)}, halted at {iso_z(old.held_at)}.",
            fix="If it is still wanted, ask again.",
        )
    if is_cause_there(old) and not payload.accept:
        raise RefusedError(
            "The cause of the halt is still there, or nobody has looked since",
            code="halt_cause_present",
            why=f"{old.text} ({old.code}, since {iso_z(old.since)}).",
        )
    data = {"reason": payload.reason, "accepted": is_cause_there(old)}
    change = _with_halt(content, act, EventType.TRADING_RESUMED, None, data)
    return msgspec.structs.replace(change, detail={"code": old.code, "accepted": is_cause_there(old)})


def _halt_of(content: ManagedStateContent) -> TradingHalt:
    if content.trading_halt is None:
        raise RefusedError("Trading is not halted", code="trading_not_halted")
    return content.trading_halt


def _with_halt(
    content: ManagedStateContent,
    act: Act,
    event: EventType,
    new: TradingHalt | None,
    data: dict[str, Any],
) -> Change:
    told = Event(
        type=event,
        asset=act.asset,
        actor=act.actor,
        command_id=act.command_id,
        before={"trading_halt": _plain(content.trading_halt)},
        after={"trading_halt": _plain(new)},
        data=data,
    )
    return Change(content=msgspec.structs.replace(content, trading_halt=new), events=(told,))


def _without_ordered_sales(change: Change, act: Act) -> Change:
    """Take back sales that a person ordered and that have not left: hands off means all of them."""
    for asset, entry in change.content.managed_assets.items():
        if entry.force_exit:
            mine = msgspec.structs.replace(act, asset=asset)
            cleared = amend(change.content, mine, EventType.TRADING_HALTED, set_fields={"force_exit": None})
            change = Change(content=cleared.content, events=(*change.events, *cleared.events))
    return change


def _plain(halt_: TradingHalt | None) -> dict[str, Any] | None:
    return None if halt_ is None else msgspec.to_builtins(halt_)
