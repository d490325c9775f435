"""Rules of selling: intent before order (R4), and never more than was handed over.

1. An exit order may leave only after its intent is committed, under the lock a pause takes.
2. `exits: off`, a release that is immediate, and a drift that doubts the quantity let no intent open.
   SR-15: the bot never sells because of drift; price and regime drift keep the agreed exits (T20).
3. The quantity promise: what closed intents sold, plus every open one at full size, is at most the
   approved quantity.
4. A full exit (or a rest below what the exchange accepts) is T13, T19 or T20; a partial one leaves the
   state; an intent whose order ended is closed.
"""

from decimal import Decimal
from typing import Any

import msgspec

from bot.kernel.errors import RefusedError
from bot.kernel.money import ZERO, text
from bot.lifecycle.change import Act, Change, amend, entry_of, move, note
from bot.lifecycle.command_payloads import CloseExitIntent, OpenExitIntent, RecordManagedExit
from bot.lifecycle.documents import (
    ExitIntent,
    ExitReason,
    Exits,
    ManagedAsset,
    ManagedStateContent,
    ReleaseMode,
)
from bot.lifecycle.drift_kinds import doubts_quantity
from bot.lifecycle.events import EventType
from bot.lifecycle.exit_triggers import due_exit
from bot.lifecycle.states import AssetState


def promised_rest(entry: ManagedAsset) -> Decimal:
    """Return how much may still be sold: approved, less sold, less what is open at full size."""
    approved = entry.approved_quantity or ZERO
    in_flight = entry.exit_intent.quantity if entry.exit_intent else ZERO
    return max(ZERO, approved - (entry.sold_quantity or ZERO) - in_flight)


def live_levels(entry: ManagedAsset) -> tuple[Decimal, Decimal]:
    """Return the stop and the target that count now: the promotion's, unless a person set others (C1)."""
    live = entry.overrides or {}
    stop_loss = live.get("stop_loss", entry.stop_loss)
    take_profit = live.get("take_profit", entry.take_profit)
    return Decimal(stop_loss or ZERO), Decimal(take_profit or ZERO)


def why_no_exit(entry: ManagedAsset) -> str | None:
    """Return the reason code for which no new exit order may leave now, or None if one may."""
    if entry.exit_intent is not None:
        return "exit_in_flight"
    if doubts_quantity(entry):
        return "drift_unresolved"  # §7: no order at all, also where the drift was recorded in a pause
    match entry.state:
        case AssetState.MANAGED_ACTIVE | AssetState.MANAGED_DRIFT_ALERT:
            return None
        case AssetState.MANAGED_PAUSED:
            return None if entry.exits is not Exits.OFF else "exits_are_off"
        case AssetState.RELEASE_PENDING:
            graceful = entry.release_mode is ReleaseMode.GRACEFUL and entry.exits is not Exits.OFF
            return None if graceful else "exits_are_off"
        case _:
            return "transition_not_allowed"


def open_intent(content: ManagedStateContent, act: Act, payload: OpenExitIntent) -> Change:
    """Commit that this order is about to be sent."""
    entry = entry_of(content, act.asset)
    code = why_no_exit(entry)
    if code is not None:
        raise RefusedError(
            f"{act.asset}: no exit order may leave now", code=code, why=f"The asset stands at {entry.state}."
        )
    stop_loss, take_profit = live_levels(entry)
    forced = payload.reason is ExitReason.FORCE_EXIT and bool(entry.force_exit)
    due = due_exit(last=payload.trigger_price, stop_loss=stop_loss, take_profit=take_profit, forced=forced)
    if due is not payload.reason:  # the ground moved between the loop's look and this lock
        raise RefusedError(
            f"{act.asset}: {payload.reason} at {text(payload.trigger_price)} is not due any more",
            code="exit_not_due",
            why=f"The stop is {text(stop_loss)}, the target {text(take_profit)},"
            f" an ordered sale is {'open' if entry.force_exit else 'not open'}.",
        )
    rest = promised_rest(entry)
    if not ZERO < payload.quantity <= rest:
        raise RefusedError(
            f"{act.asset}: {text(payload.quantity)} would be sold",
            code="exit_quantity_exceeds_promise",
            why=f"{text(rest)} of what was handed over is left.",
        )
    intent = ExitIntent(
        client_order_id=payload.client_order_id,
        quantity=payload.quantity,
        reason=payload.reason,
        trigger_price=payload.trigger_price,
        opened_at=act.now,
    )
    return amend(content, act, EventType.EXIT_INTENT_OPENED, set_fields={"exit_intent": intent})


def close_intent(content: ManagedStateContent, act: Act, payload: CloseExitIntent) -> Change:
    """The order was refused, was cancelled or never arrived: what it filled counts, the rest is free.

    A fill that was booked before counts in any case: an order that the exchange forgot still sold it.
    """
    entry, intent = _open_intent_of(content, act, payload.client_order_id)
    filled = max(payload.filled_quantity, intent.filled_quantity)
    filled_quote = max(payload.filled_quote, intent.filled_quote)
    _check_fill(act, intent, filled)
    return amend(
        content,
        act,
        EventType.EXIT_INTENT_CLOSED,
        set_fields={
            "exit_intent": None,
            **_booked(entry, filled, filled_quote),
            "reason": note(payload.reason_code, payload.text),
        },
        data={
            "client_order_id": payload.client_order_id,
            "reason_code": payload.reason_code,
            "text": payload.text,
            "filled_quantity": filled,
        },
    )


_SOLD = {
    ExitReason.STOP_LOSS: "sold at the agreed stop",
    ExitReason.TAKE_PROFIT: "sold at the agreed target",
    ExitReason.FORCE_EXIT: "sold because a person asked for it",
}


def record_exit(content: ManagedStateContent, act: Act, payload: RecordManagedExit) -> Change:
    """T13, T19, T20 on a full exit; else book the fill and stay."""
    entry, intent = _open_intent_of(content, act, payload.client_order_id)
    _check_fill(act, intent, payload.filled_quantity)
    data = msgspec.to_builtins(payload, builtin_types=(Decimal,)) | {"exit_reason": intent.reason.value}
    if not payload.is_final:
        progress = msgspec.structs.replace(
            intent,
            filled_quantity=payload.filled_quantity,
            filled_quote=payload.filled_quote,
            exchange_order_id=payload.exchange_order_id,
        )
        return amend(
            content, act, EventType.EXIT_INTENT_OPENED, set_fields={"exit_intent": progress}, data=data
        )
    fee = sum((fee.amount for fee in payload.fees if fee.asset == act.asset), ZERO)
    booked = _booked(entry, payload.filled_quantity, payload.filled_quote, fee)
    rest = (entry.approved_quantity or ZERO) - (booked["sold_quantity"] or ZERO)
    done = payload.filled_quantity > ZERO and (payload.rest_is_dust or rest <= ZERO)
    fields: dict[str, Any] = {"exit_intent": None, **booked}
    if not done:
        return amend(content, act, EventType.EXIT_INTENT_CLOSED, set_fields=fields, data=data)
    fields |= {"force_exit": None, "reason": note(f"exit_{intent.reason}", _SOLD[intent.reason])}
    if entry.state is AssetState.RELEASE_PENDING:  # T14 follows: the system's pass completes the release
        return amend(content, act, EventType.EXIT_EXECUTED, set_fields=fields, data=data)
    return move(content, act, EventType.EXIT_EXECUTED, set_fields=fields, data=data)


def _open_intent_of(
    content: ManagedStateContent, act: Act, client_order_id: str
) -> tuple[ManagedAsset, ExitIntent]:
    entry = entry_of(content, act.asset)
    if entry.exit_intent is None or entry.exit_intent.client_order_id != client_order_id:
        raise RefusedError(
            f"{act.asset}: there is no open exit intent {client_order_id}",
            code="no_exit_intent",
            why=f"Open is {entry.exit_intent.client_order_id if entry.exit_intent else 'none'}.",
        )
    return entry, entry.exit_intent


def _check_fill(act: Act, intent: ExitIntent, filled: Decimal) -> None:
    if not intent.filled_quantity <= filled <= intent.quantity:
        raise RefusedError(
            f"{act.asset}: the exchange reports {text(filled)} filled",
            code="exchange_answer_invalid",
            why=f"The order was for {text(intent.quantity)}, and {text(intent.filled_quantity)} of it was"
            " filled before; fills never go back.",
        )


def _booked(
    entry: ManagedAsset, filled: Decimal, filled_quote: Decimal, fee: Decimal = ZERO
) -> dict[str, Decimal | None]:
    if filled == ZERO:
        return {"sold_quantity": entry.sold_quantity, "sold_quote": entry.sold_quote}
    return {
        "fee_quantity": (entry.fee_quantity or ZERO) + fee if fee > ZERO else entry.fee_quantity,
        "sold_quantity": (entry.sold_quantity or ZERO) + filled,
        "sold_quote": (entry.sold_quote or ZERO) + filled_quote,
    }
