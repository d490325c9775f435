"""Rules of buying: intent before order (R4), only while all is well, never above a cap, booked once.

1. A buy order may leave only after its intent is committed, under the lock that a pause and a halt take.
2. Only in `managed_active`, and never beside an order of the coin's own that is not told yet, a drift, a
   halt of trading, an ordered sale, or a price at which an exit is due: an exit always goes before a buy.
   What is sold to the last is not bought back.
3. Only what was agreed (`dca`), step by step; within the step, the soft and the hard cap (`buy_caps`). The
   order's limit price bounds what it can cost, so that a cap is never passed by a fill.
4. `bought_quantity` is what really arrived: fills less the fees that the exchange took from the coin.
   It raises the quantity promise once it is booked, not before: what has not arrived is never sold.
5. An order that the exchange took is booked wherever the coin stands by then; it was bought all the same.
"""

from decimal import Decimal
from typing import Any

import msgspec

from bot.kernel.errors import RefusedError
from bot.kernel.money import ZERO, text
from bot.lifecycle.buy_caps import dca_of, next_step_price, room_for
from bot.lifecycle.buy_payloads import CloseBuyIntent, OpenBuyIntent, RecordManagedBuy
from bot.lifecycle.change import Act, Change, amend, entry_of
from bot.lifecycle.dca_terms import DcaTerms
from bot.lifecycle.documents import BuyIntent, ManagedAsset, ManagedStateContent
from bot.lifecycle.drift_kinds import is_unresolved
from bot.lifecycle.events import EventType
from bot.lifecycle.exit_rules import live_levels
from bot.lifecycle.exit_triggers import due_exit
from bot.lifecycle.level_rules import check_features
from bot.lifecycle.states import AssetState


def why_no_buy(content: ManagedStateContent, asset: str) -> str | None:
    """Return the reason code for which nothing may be bought of the coin now, or None."""
    entry = entry_of(content, asset)
    if entry.buy_intent is not None:
        return "buy_in_flight"
    if _is_selling(entry):
        return "exit_in_flight"
    if content.trading_halt is not None:
        return "trading_halted"
    if is_unresolved(entry):
        return "drift_unresolved"
    if entry.state is not AssetState.MANAGED_ACTIVE:
        return "transition_not_allowed"
    return _why_no_more(entry)


def _is_selling(entry: ManagedAsset) -> bool:
    """Say whether an exit is open or ordered, or a resting stop has begun to sell."""
    stop = entry.resting_stop
    is_hit = stop is not None and stop.filled_quantity > ZERO
    return entry.exit_intent is not None or bool(entry.force_exit) or is_hit


def _why_no_more(entry: ManagedAsset) -> str | None:
    if entry.promised_quantity <= (entry.sold_quantity or ZERO):
        return "nothing_left"
    return "averaging_not_agreed" if dca_of(entry) is None else None


def open_buy(content: ManagedStateContent, act: Act, payload: OpenBuyIntent) -> Change:
    """Commit that this order is about to be sent."""
    entry = entry_of(content, act.asset)
    code, terms = why_no_buy(content, act.asset), dca_of(entry)
    if code is not None or terms is None:
        raise RefusedError(
            f"{act.asset}: nothing may be bought now",
            code=code or "averaging_not_agreed",
            why=f"The asset stands at {entry.state}.",
        )
    check_features(act, dca=terms)
    _check_due(act, entry, terms, payload)
    cost = payload.quantity * payload.limit_price
    room = room_for(content, act.asset, terms, investable=act.policy.investable_capital_usdt)
    for name, most in msgspec.structs.asdict(room).items():
        if cost > most:
            raise RefusedError(
                f"{act.asset}: a buy could cost {text(cost)}",
                code="buy_above_cap",
                why=f"The {name.replace('_', ' ')} leaves {text(most)}.",
            )
    intent = BuyIntent(
        client_order_id=payload.client_order_id,
        quantity=payload.quantity,
        limit_price=payload.limit_price,
        step=payload.step,
        trigger_price=payload.trigger_price,
        opened_at=act.now,
    )
    events = [EventType.BUY_INTENT_OPENED]
    if payload.capped_by is not None:  # M4: less than the agreed step, and why
        events.append(EventType.ALLOCATION_CAPPED)
    data = {"cost_at_most": cost, "step_usdt": terms.per_step_usdt, "capped_by": payload.capped_by}
    told = {name: value for name, value in data.items() if value is not None}
    return amend(content, act, *events, set_fields={"buy_intent": intent}, data=told, detail=told)


def close_buy(content: ManagedStateContent, act: Act, payload: CloseBuyIntent) -> Change:
    """The order was refused, or never arrived: what it filled before counts, the step is free again."""
    entry, intent = _open_buy_of(content, act, payload.client_order_id)
    fields: dict[str, Any] = {"buy_intent": None}
    if intent.filled_quantity > ZERO:
        fields |= _booked(entry, intent, intent.filled_quantity, intent.filled_quote, intent.fee_quantity)
    data = {
        "client_order_id": payload.client_order_id,
        "reason_code": payload.reason_code,
        "text": payload.text,
        "filled_quantity": intent.filled_quantity,
    }
    return amend(content, act, EventType.BUY_INTENT_CLOSED, set_fields=fields, data=data)


def record_buy(content: ManagedStateContent, act: Act, payload: RecordManagedBuy) -> Change:
    """Book what the order has filled so far; once it has ended, what arrived is the bot's to guard."""
    entry, intent = _open_buy_of(content, act, payload.client_order_id)
    filled = payload.filled_quantity
    told_fee = sum((fee.amount for fee in payload.fees if fee.asset == act.asset), ZERO)
    fee = max(told_fee, intent.fee_quantity)  # an answer may leave out what an earlier one told
    if not intent.filled_quantity <= filled <= intent.quantity or fee > filled:
        raise RefusedError(
            f"{act.asset}: the exchange reports {text(filled)} bought, {text(fee)} of it as its fee",
            code="exchange_answer_invalid",
            why=f"The order was for {text(intent.quantity)}, and {text(intent.filled_quantity)} of it was"
            " filled before; fills never go back.",
        )
    data = msgspec.to_builtins(payload, builtin_types=(Decimal,)) | {"step": intent.step}
    if not payload.is_final:
        progress = msgspec.structs.replace(
            intent,
            filled_quantity=filled,
            filled_quote=payload.filled_quote,
            fee_quantity=fee,
            exchange_order_id=payload.exchange_order_id,
        )
        return amend(
            content, act, EventType.BUY_INTENT_OPENED, set_fields={"buy_intent": progress}, data=data
        )
    if filled == ZERO:
        return amend(content, act, EventType.BUY_INTENT_CLOSED, set_fields={"buy_intent": None}, data=data)
    fields = _booked(entry, intent, filled, payload.filled_quote, fee) | {"buy_intent": None}
    data["arrived_quantity"] = filled - fee
    return amend(content, act, EventType.BUY_EXECUTED, set_fields=fields, data=data)


def _check_due(act: Act, entry: ManagedAsset, terms: DcaTerms, payload: OpenBuyIntent) -> None:
    """Refuse a step that is not the next one, or not at this price (`buy_not_due`)."""
    done, price = entry.bought_steps or 0, payload.trigger_price
    stop_loss, take_profit = live_levels(entry)
    below = next_step_price(entry, terms)
    why = None
    if payload.step != done + 1 or payload.step > terms.steps:
        why = f"{done} of {terms.steps} steps are bought, this is step {payload.step}."
    elif due_exit(last=price, stop_loss=stop_loss, take_profit=take_profit) is not None:
        why = f"At {text(price)} an exit is due (stop {text(stop_loss)}, target {text(take_profit)})."
    elif price > below:
        why = f"The next step waits at {text(below)}, the price is {text(price)}."
    if why is not None:
        raise RefusedError(f"{act.asset}: this step is not due", code="buy_not_due", why=why)


def _open_buy_of(
    content: ManagedStateContent, act: Act, client_order_id: str
) -> tuple[ManagedAsset, BuyIntent]:
    entry = entry_of(content, act.asset)
    if entry.buy_intent is None or entry.buy_intent.client_order_id != client_order_id:
        raise RefusedError(
            f"{act.asset}: there is no open buy intent {client_order_id}",
            code="no_buy_intent",
            why=f"Open is {entry.buy_intent.client_order_id if entry.buy_intent else 'none'}.",
        )
    return entry, entry.buy_intent


def _booked(
    entry: ManagedAsset, intent: BuyIntent, filled: Decimal, filled_quote: Decimal, fee: Decimal = ZERO
) -> dict[str, Any]:
    return {
        "bought_quantity": (entry.bought_quantity or ZERO) + filled - fee,
        "bought_quote": (entry.bought_quote or ZERO) + filled_quote,
        "bought_steps": intent.step,
        "last_buy_price": intent.trigger_price,
    }
