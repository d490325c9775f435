"""Rules of the stop that rests at the exchange: intent before order (R4), gone only once that is confirmed.

1. A stop may be sent only after it is committed here, under the lock that a pause takes, and only where an
   exit may leave: what lets no exit leave lets no stop rest.
2. It counts at its full size as an order in flight from then on (the quantity promise). An exit and a resting
   stop are never in flight together.
3. It rests at the level that counts now or below, never above: what it sells is what was agreed. A stop that
   follows the price counts at what the recorded highest price makes it.
4. It leaves the record by the exchange's word alone: cancelled, rejected, expired, filled, or surely never
   there. Its fills are booked by `record_managed_exit`, each once (`exit_rules.record_exit`).
"""

from decimal import Decimal

from bot.kernel.errors import RefusedError
from bot.kernel.money import ZERO, text
from bot.lifecycle.change import Act, Change, amend, entry_of
from bot.lifecycle.command_payloads import CloseRestingStop, OpenRestingStop
from bot.lifecycle.documents import ManagedAsset, ManagedStateContent, RestingStop
from bot.lifecycle.events import EventType
from bot.lifecycle.exit_rules import booked, live_levels, promised_rest, why_no_exit_now
from bot.lifecycle.trailing import plan_of


def open_resting_stop(content: ManagedStateContent, act: Act, payload: OpenRestingStop) -> Change:
    """Commit that this stop is about to be sent."""
    entry = entry_of(content, act.asset)
    code = why_no_resting_stop(content, act.asset)
    if code is not None:
        raise RefusedError(
            f"{act.asset}: no stop may rest at the exchange now",
            code=code,
            why=f"The asset stands at {entry.state}.",
        )
    _check_level(act, entry, payload)
    rest = promised_rest(entry)
    if not ZERO < payload.quantity <= rest:
        raise RefusedError(
            f"{act.asset}: a stop over {text(payload.quantity)} would rest",
            code="exit_quantity_exceeds_promise",
            why=f"{text(rest)} of what was handed over is left.",
        )
    stop = RestingStop(
        client_order_id=payload.client_order_id,
        quantity=payload.quantity,
        stop_price=payload.stop_price,
        limit_price=payload.limit_price,
        opened_at=act.now,
    )
    return amend(content, act, EventType.RESTING_STOP_OPENED, set_fields={"resting_stop": stop})


def close_resting_stop(content: ManagedStateContent, act: Act, payload: CloseRestingStop) -> Change:
    """The stop does not rest any more: what was booked of it counts, the rest is free."""
    entry = entry_of(content, act.asset)
    stop = entry.resting_stop
    if stop is None or stop.client_order_id != payload.client_order_id:
        raise RefusedError(
            f"{act.asset}: no stop {payload.client_order_id} rests",
            code="no_resting_stop",
            why=f"On record is {stop.client_order_id if stop else 'none'}.",
        )
    data = {
        "client_order_id": payload.client_order_id,
        "reason_code": payload.reason_code,
        "text": payload.text,
        "filled_quantity": stop.filled_quantity,
    }
    fields = {"resting_stop": None, **booked(entry, stop.filled_quantity, stop.filled_quote)}
    return amend(content, act, EventType.RESTING_STOP_CLOSED, set_fields=fields, data=data)


def why_no_resting_stop(content: ManagedStateContent, asset: str) -> str | None:
    """Return the reason code for which no stop may be sent now, or None; rules 1 and 2."""
    if entry_of(content, asset).resting_stop is not None:
        return "stop_is_resting"
    return why_it_must_go(content, asset)


def why_it_must_go(content: ManagedStateContent, asset: str) -> str | None:
    """Return the reason code for which no stop may rest, so that one that does is cancelled, or None."""
    if entry_of(content, asset).force_exit:
        return "force_exit"  # a person ordered the sale, which is about to leave
    stop = entry_of(content, asset).resting_stop
    if stop is not None and stop.quantity > _left(entry_of(content, asset)):
        return "exit_quantity_exceeds_promise"  # something else sold what it would sell (a late fill)
    return why_no_exit_now(content, asset)


def _check_level(act: Act, entry: ManagedAsset, payload: OpenRestingStop) -> None:
    stop_loss, take_profit = live_levels(entry, payload.trail)
    agreed = ZERO < payload.limit_price <= payload.stop_price <= stop_loss
    if agreed and payload.stop_price < take_profit:
        return
    raise RefusedError(
        f"{act.asset}: a stop at {text(payload.stop_price)}, selling down to {text(payload.limit_price)}",
        code="levels_out_of_order",
        why=f"The stop that counts is {text(stop_loss)}, the target {text(take_profit)}.",
    )


def trails(entry: ManagedAsset) -> bool:
    """Say whether the agreed stop may move up by itself."""
    return plan_of(entry) is not None


def unsold(entry: ManagedAsset) -> Decimal:
    """Return what an exit would sell once the resting stop is out of the way, in base units."""
    stop = entry.resting_stop
    if stop is None:
        return promised_rest(entry)
    return max(ZERO, _left(entry) - stop.filled_quantity)


def _left(entry: ManagedAsset) -> Decimal:
    return entry.promised_quantity - (entry.sold_quantity or ZERO)
