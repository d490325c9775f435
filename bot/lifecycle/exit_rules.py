"""Rules of selling: intent before order (R4), and never more than was handed over.

1. An exit order may leave only after its intent is committed, under the lock a pause takes.
2. `exits: off`, a release that is immediate, and a drift that doubts the quantity let no intent open.
   SR-15: the bot never sells because of drift; price and regime drift keep the agreed exits (T20).
3. The quantity promise: what closed intents sold, plus every open one at full size, is at most the
   approved quantity. A stop that rests at the exchange counts like an open intent (`resting_stop_rules`).
4. A full exit (or a rest below what the exchange accepts) is T13, T19 or T20; a partial one leaves the
   state; an intent whose order ended is closed.
5. A buy that is in flight holds no exit up: what has arrived is sold at once. Only the end of the exit (T13,
   T19, T20) waits for the exchange's word on the buy: what it brought is a rest that is still to be sold.
"""

from decimal import Decimal
from typing import Any

import msgspec

from bot.kernel.errors import RefusedError
from bot.kernel.money import ZERO, text
from bot.lifecycle.change import Act, Change, amend, entry_of, move, note
from bot.lifecycle.command_payloads import CloseExitIntent, OpenExitIntent, RecordManagedExit
from bot.lifecycle.commands import CommandType
from bot.lifecycle.documents import (
    ExitIntent,
    ExitReason,
    Exits,
    ManagedAsset,
    ManagedStateContent,
    ReleaseMode,
    RestingStop,
)
from bot.lifecycle.drift_kinds import doubts_quantity
from bot.lifecycle.events import EventType
from bot.lifecycle.exit_triggers import due_exit
from bot.lifecycle.states import AssetState
from bot.lifecycle.trailing import agreed_stop, live_stop
from bot.lifecycle.trailing_terms import Trail


def promised_rest(entry: ManagedAsset) -> Decimal:
    """Return how much may still be sold: approved and bought, less sold, less what is open at full size.

    A buy that is in flight is not in it: what has not arrived is never sold.
    """
    in_flight = sum((order.quantity for order in orders_in_flight(entry)), ZERO)
    return max(ZERO, entry.promised_quantity - (entry.sold_quantity or ZERO) - in_flight)


def orders_in_flight(entry: ManagedAsset) -> tuple[ExitIntent | RestingStop, ...]:
    """Return what the exchange may be selling of the coin: an exit order or a resting stop, never both."""
    return tuple(order for order in (entry.exit_intent, entry.resting_stop) if order is not None)


def filled_in_flight(entry: ManagedAsset) -> tuple[Decimal, Decimal]:
    """Return what these have sold so far, not yet in `sold_quantity`: base units, and quote units."""
    orders = orders_in_flight(entry)
    return (
        sum((order.filled_quantity for order in orders), ZERO),
        sum((order.filled_quote for order in orders), ZERO),
    )


def live_levels(entry: ManagedAsset, trail: Trail | None = None) -> tuple[Decimal, Decimal]:
    """Return the stop and the target that count now: the promotion's, unless a person set others (C1).

    With what is on record of a stop that follows the price, the stop is the one that it has reached.
    """
    take_profit = (entry.overrides or {}).get("take_profit", entry.take_profit)
    return live_stop(entry, trail), Decimal(take_profit or ZERO)


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


def why_no_exit_now(content: ManagedStateContent, asset: str) -> str | None:
    """Return the same of a coin in its home: a trading halt with exits off lets none leave either."""
    if content.trading_halt is not None and content.trading_halt.exits is Exits.OFF:
        in_flight = entry_of(content, asset).exit_intent is not None
        return "exit_in_flight" if in_flight else "trading_halted"
    return why_no_exit(entry_of(content, asset))


def open_intent(content: ManagedStateContent, act: Act, payload: OpenExitIntent) -> Change:
    """Commit that this order is about to be sent."""
    entry = entry_of(content, act.asset)
    code = why_no_exit_now(content, act.asset)
    if code is not None:
        raise RefusedError(
            f"{act.asset}: no exit order may leave now", code=code, why=f"The asset stands at {entry.state}."
        )
    if entry.resting_stop is not None:  # both could sell the same coins
        raise RefusedError(
            f"{act.asset}: its stop still rests at the exchange",
            code="stop_is_resting",
            why=f"The order {entry.resting_stop.client_order_id} must have ended first.",
        )
    stop_loss, take_profit = live_levels(entry, payload.trail)
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
        trail=payload.trail if _by_trail(entry, payload) else None,
    )
    data = {"stop_loss": stop_loss, "agreed_stop_loss": agreed_stop(entry)} if intent.trail else None
    return amend(content, act, EventType.EXIT_INTENT_OPENED, set_fields={"exit_intent": intent}, data=data)


def _by_trail(entry: ManagedAsset, payload: OpenExitIntent) -> bool:
    """Say whether the sale is due only because the stop has followed the price up."""
    return payload.reason is ExitReason.STOP_LOSS and payload.trigger_price > agreed_stop(entry)


def close_intent(content: ManagedStateContent, act: Act, payload: CloseExitIntent) -> Change:
    """The order was refused, was cancelled or never arrived: what it filled counts, the rest is free.

    A fill that was booked before counts in any case: an order that the exchange forgot still sold it. Where
    that was all of it, the exit ends here as a recorded one does, once no buy is in flight (rule 5).
    """
    entry, intent = _open_intent_of(content, act, payload.client_order_id)
    filled = max(payload.filled_quantity, intent.filled_quantity)
    filled_quote = max(payload.filled_quote, intent.filled_quote)
    _check_fill(act, intent, filled)
    sums = booked(entry, filled, filled_quote)
    data = {
        "client_order_id": payload.client_order_id,
        "reason_code": payload.reason_code,
        "text": payload.text,
        "filled_quantity": filled,
    }
    fields = {"exit_intent": None, **sums, "reason": note(payload.reason_code, payload.text)}
    if filled == ZERO or entry.promised_quantity > (sums["sold_quantity"] or ZERO):
        return amend(content, act, EventType.EXIT_INTENT_CLOSED, set_fields=fields, data=data)
    if entry.buy_intent is not None:
        raise RefusedError(f"{act.asset}: a buy is in flight, the exit ends behind it", code="buy_in_flight")
    data |= {"filled_quote": filled_quote, "exit_reason": intent.reason.value}
    recorded = msgspec.structs.replace(act, type=CommandType.RECORD_MANAGED_EXIT)  # T13, T19, T20
    return _ended(content, recorded, entry, intent, intent.reason, fields, data)


_SOLD = {
    ExitReason.STOP_LOSS: "sold at the agreed stop",
    ExitReason.TAKE_PROFIT: "sold at the agreed target",
    ExitReason.FORCE_EXIT: "sold because a person asked for it",
}
_SOLD_BY_TRAIL = "sold at the stop that had followed the price up"


def _sold_words(entry: ManagedAsset, order: ExitIntent | RestingStop, reason: ExitReason) -> str:
    level = order.stop_price if isinstance(order, RestingStop) else order.trigger_price
    trailed = reason is ExitReason.STOP_LOSS and level > agreed_stop(entry)
    return _SOLD_BY_TRAIL if trailed else _SOLD[reason]


def record_exit(content: ManagedStateContent, act: Act, payload: RecordManagedExit) -> Change:
    """T13, T19, T20 on a full exit; else book the fill and stay. A resting stop's fills are booked alike."""
    entry = entry_of(content, act.asset)
    order: ExitIntent | RestingStop
    stop = entry.resting_stop
    if stop is not None and stop.client_order_id == payload.client_order_id:
        order, reason, field = stop, ExitReason.STOP_LOSS, "resting_stop"
        opened, closed = EventType.RESTING_STOP_OPENED, EventType.RESTING_STOP_CLOSED
    else:
        entry, order = _open_intent_of(content, act, payload.client_order_id)
        reason, field = order.reason, "exit_intent"
        opened, closed = EventType.EXIT_INTENT_OPENED, EventType.EXIT_INTENT_CLOSED
    _check_fill(act, order, payload.filled_quantity)
    data = msgspec.to_builtins(payload, builtin_types=(Decimal,)) | {"exit_reason": reason.value}
    fee = sum((fee.amount for fee in payload.fees if fee.asset == act.asset), ZERO)
    sums = booked(entry, payload.filled_quantity, payload.filled_quote, fee)
    rest = entry.promised_quantity - (sums["sold_quantity"] or ZERO)
    done = payload.filled_quantity > ZERO and (payload.rest_is_dust or rest <= ZERO)
    fields: dict[str, Any] = {field: None, **sums}
    if not payload.is_final or (done and entry.buy_intent is not None):  # rule 5
        progress = msgspec.structs.replace(
            order,
            filled_quantity=payload.filled_quantity,
            filled_quote=payload.filled_quote,
            exchange_order_id=payload.exchange_order_id,
        )
        return amend(content, act, opened, set_fields={field: progress}, data=data)
    if not done:
        return amend(content, act, closed, set_fields=fields, data=data)
    return _ended(content, act, entry, order, reason, fields, data)


def _ended(
    content: ManagedStateContent,
    act: Act,
    entry: ManagedAsset,
    order: ExitIntent | RestingStop,
    reason: ExitReason,
    fields: dict[str, Any],
    data: dict[str, Any],
) -> Change:
    """Nothing is left to sell."""
    words = note(f"exit_{reason}", _sold_words(entry, order, reason))
    fields = {**fields, "force_exit": None, "reason": words}
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


def _check_fill(act: Act, intent: ExitIntent | RestingStop, filled: Decimal) -> None:
    if not intent.filled_quantity <= filled <= intent.quantity:
        raise RefusedError(
            f"{act.asset}: the exchange reports {text(filled)} filled",
            code="exchange_answer_invalid",
            why=f"The order was for {text(intent.quantity)}, and {text(intent.filled_quantity)} of it was"
            " filled before; fills never go back.",
        )


def booked(
    entry: ManagedAsset, filled: Decimal, filled_quote: Decimal, fee: Decimal = ZERO
) -> dict[str, Decimal | None]:
    """Return the sums of the agreement with what an ended order sold; base and quote units."""
    if filled == ZERO:
        return {"sold_quantity": entry.sold_quantity, "sold_quote": entry.sold_quote}
    return {
        "fee_quantity": (entry.fee_quantity or ZERO) + fee if fee > ZERO else entry.fee_quantity,
        "sold_quantity": (entry.sold_quantity or ZERO) + filled,
        "sold_quote": (entry.sold_quote or ZERO) + filled_quote,
    }
