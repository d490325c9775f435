"""Fills of an exit order that had ended: told late, booked once, and never denied.

1. What the exchange executed is the truth, also where it exceeds what was promised: it is booked, and the
   promise counts it. Who hears of it alarms.
2. Exactly once: `late_fills` keeps, by order, all that has been booked of it, and only what goes beyond
   that is added. The first time the caller says what was booked when the order ended (as the audit tells).
3. A fill belongs to the agreement under which its order was sent; of another one nothing is booked.
4. Nothing left to sell is the exit (T13, T19, T20), as soon as no other order of the coin is in flight.
"""

from decimal import Decimal
from typing import Any

import msgspec

from bot.kernel.errors import RefusedError
from bot.kernel.money import ZERO, text
from bot.lifecycle.change import Act, Change, amend, entry_of, move, note
from bot.lifecycle.command_payloads import LateBasis, RecordManagedExit
from bot.lifecycle.documents import LateFill, ManagedAsset, ManagedStateContent
from bot.lifecycle.events import EventType
from bot.lifecycle.exit_rules import orders_in_flight, record_exit
from bot.lifecycle.states import IN_THE_BOTS_HANDS, AssetState

_BOOKABLE = IN_THE_BOTS_HANDS | {AssetState.EXIT_EXECUTED}


def record_exit_or_late_fill(content: ManagedStateContent, act: Act, payload: RecordManagedExit) -> Change:
    """Book what an exit order has filled: one in flight, or one that had ended (`late`)."""
    if payload.late is None:
        return record_exit(content, act, payload)
    return _record_late(content, act, payload, payload.late)


def is_bookable(entry: ManagedAsset, proposal_id: str) -> bool:
    """Say whether fills of an order sent under this agreement are the entry's to book (rule 3)."""
    return entry.state in _BOOKABLE and bool(proposal_id) and entry.current_proposal_id == proposal_id


def awaits_its_end(entry: ManagedAsset) -> bool:
    """Say whether late fills sold all of it while another order was in flight, which is over now (rule 4)."""
    return (
        bool(entry.late_fills)
        and entry.state in IN_THE_BOTS_HANDS
        and not orders_in_flight(entry)
        and entry.buy_intent is None
        and _rest(entry) <= ZERO
    )


def _record_late(
    content: ManagedStateContent, act: Act, payload: RecordManagedExit, late: LateBasis
) -> Change:
    entry, name = entry_of(content, act.asset), payload.client_order_id
    if not is_bookable(entry, late.proposal_id):
        raise RefusedError(
            f"{act.asset}: the order {name} was sent under another agreement",
            code="late_fill_of_other_agreement",
            why=f"It was sent under {late.proposal_id}; now the asset stands at {entry.state}.",
        )
    if any(order.client_order_id == name for order in orders_in_flight(entry)):
        raise RefusedError(f"{act.asset}: the order {name} is in flight", code="exit_in_flight")
    known = (entry.late_fills or {}).get(name) or LateFill(
        filled_quantity=late.booked_quantity,
        filled_quote=late.booked_quote,
        fee_quantity=late.booked_fee,
    )
    more = payload.filled_quantity - known.filled_quantity
    if more <= ZERO and not awaits_its_end(entry):
        raise RefusedError(
            f"{act.asset}: {text(payload.filled_quantity)} of the order {name} is booked already",
            code="late_fill_known",
        )
    fields = _added(entry, act.asset, payload, known) if more > ZERO else {}
    data = msgspec.to_builtins(payload, builtin_types=(Decimal,)) | {
        "exit_reason": late.reason.value,
        "late_quantity": max(more, ZERO),
    }
    after = msgspec.structs.replace(entry, **fields)
    return _told(content, act, after, fields, data, is_dust=payload.rest_is_dust)


def _told(
    content: ManagedStateContent,
    act: Act,
    after: ManagedAsset,
    fields: dict[str, Any],
    data: dict[str, Any],
    *,
    is_dust: bool,
) -> Change:
    done = after.state in IN_THE_BOTS_HANDS and (is_dust or _rest(after) <= ZERO)
    if not done or orders_in_flight(after) or after.buy_intent is not None:
        return amend(content, act, EventType.EXIT_INTENT_CLOSED, set_fields=fields, data=data)
    words = "all that was handed over is sold, some of it by an order that was told late"
    fields = {**fields, "force_exit": None, "reason": note(f"exit_{data['exit_reason']}", words)}
    if after.state is AssetState.RELEASE_PENDING:  # T14 follows: the system's pass completes the release
        return amend(content, act, EventType.EXIT_EXECUTED, set_fields=fields, data=data)
    return move(content, act, EventType.EXIT_EXECUTED, set_fields=fields, data=data)


def _added(entry: ManagedAsset, asset: str, payload: RecordManagedExit, known: LateFill) -> dict[str, Any]:
    """Return the fields with what the order has filled beyond what was known of it."""
    fee = sum((fee.amount for fee in payload.fees if fee.asset == asset), ZERO)
    fee, quote = max(fee, known.fee_quantity), max(payload.filled_quote, known.filled_quote)
    total = LateFill(filled_quantity=payload.filled_quantity, filled_quote=quote, fee_quantity=fee)
    more_fee = total.fee_quantity - known.fee_quantity
    return {
        "sold_quantity": (entry.sold_quantity or ZERO) + total.filled_quantity - known.filled_quantity,
        "sold_quote": (entry.sold_quote or ZERO) + total.filled_quote - known.filled_quote,
        "fee_quantity": (entry.fee_quantity or ZERO) + more_fee if more_fee > ZERO else entry.fee_quantity,
        "late_fills": {**(entry.late_fills or {}), payload.client_order_id: total},
    }


def _rest(entry: ManagedAsset) -> Decimal:
    """Return what is left of the agreed quantity; below zero where more was sold than was promised."""
    return entry.promised_quantity - (entry.sold_quantity or ZERO)
