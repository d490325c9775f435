"""What is known of one order, folded from what happened to it; pure, and the same after every restart.

1. The figures only grow: of two reports the one with more filled counts, in whatever order they came.
2. A trade counts once, whoever tells of it and however often; the first word on it stays.
3. The state follows the table (`order_states`); what comes behind an ended order changes figures only.
"""

import datetime as dt
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

import msgspec

from bot.execution.order_states import MAY_BE_LIVE, OrderState, Trigger, transition
from bot.execution.orders import Fee, Fill, OrderReport, OrderStatus, OrderType, Side
from bot.kernel.money import ZERO

_TOLD: dict[OrderStatus, Trigger] = {
    OrderStatus.OPEN: Trigger.TOLD_OPEN,
    OrderStatus.PARTIALLY_FILLED: Trigger.TOLD_PARTIALLY_FILLED,
    OrderStatus.FILLED: Trigger.TOLD_FILLED,
    OrderStatus.CANCELLED: Trigger.TOLD_CANCELLED,
    OrderStatus.REJECTED: Trigger.TOLD_REJECTED,
    OrderStatus.EXPIRED: Trigger.TOLD_EXPIRED,
}


class OrderBirth(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The order as it was decided: what is sent, why, and under which agreement."""

    asset: str
    symbol: str
    side: Side
    order_type: OrderType
    quantity: Decimal
    reason: str
    proposal_id: str = ""
    """The agreement under which it was sold."""
    trigger_price: Decimal | None = None
    entry_price: Decimal | None = None
    """The declared basis at that moment, for profit and loss."""
    reference_price: Decimal | None = None
    """The price at the hand-over."""


class OrderEvent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of the order journal: what happened to an order, and what was told."""

    at: dt.datetime
    client_order_id: str
    asset: str
    trigger: Trigger | None = None
    """None for the birth, which makes the record."""
    birth: OrderBirth | None = None
    report: OrderReport | None = None
    booked_quantity: Decimal | None = None
    """With `booked`: what the managed state has of its fills."""
    text: str = ""
    """The exchange's own words, or why nothing was sent."""


class OrderRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One order as far as it is known; quantities in base units, `filled_quote` in quote units."""

    client_order_id: str
    birth: OrderBirth
    state: OrderState
    created_at: dt.datetime
    updated_at: dt.datetime
    exchange_order_id: str | None = None
    filled_quantity: Decimal = ZERO
    filled_quote: Decimal = ZERO
    fees: tuple[Fee, ...] = ()
    fills: tuple[Fill, ...] = ()
    booked_quantity: Decimal | None = None
    text: str = ""

    @property
    def may_be_live(self) -> bool:
        """Say whether the exchange may fill more of it, or nobody knows."""
        return self.state in MAY_BE_LIVE

    @property
    def average_price(self) -> Decimal | None:
        """Return quote per base over all fills, or None before the first."""
        return self.filled_quote / self.filled_quantity if self.filled_quantity else None

    @property
    def unbooked_quantity(self) -> Decimal:
        """Return what it filled beyond what the managed state has booked; above zero only for late fills."""
        return (
            ZERO if self.booked_quantity is None else max(ZERO, self.filled_quantity - self.booked_quantity)
        )


def trigger_of(report: OrderReport) -> Trigger:
    """Return what a report is to the table; a part that is filled is one, whatever the status says."""
    if report.status is OrderStatus.OPEN and report.filled_quantity > ZERO:
        return Trigger.TOLD_PARTIALLY_FILLED
    return _TOLD[report.status]


def born(event: OrderEvent) -> OrderRecord:
    """Return the record that a birth makes.

    Raises:
        ValueError: The event is no birth.
    """
    if event.birth is None:
        raise ValueError(f"the first word on {event.client_order_id} is {event.trigger}, not its birth")
    return OrderRecord(
        client_order_id=event.client_order_id,
        birth=event.birth,
        state=OrderState.CREATED,
        created_at=event.at,
        updated_at=event.at,
        text=event.text,
    )


def after(record: OrderRecord, event: OrderEvent) -> OrderRecord:
    """Return the record with one more thing known; a repeated event changes nothing.

    Raises:
        OrderTransitionError: The table knows no such step.
    """
    if event.trigger is None:  # a birth that is told again after a crash
        return record
    changes: dict[str, Any] = {"state": transition(record.state, event.trigger)}
    if event.report is not None:
        changes |= _grown(record, event.report)
    if event.booked_quantity is not None:
        changes["booked_quantity"] = max(event.booked_quantity, record.booked_quantity or ZERO)
    if event.text:
        changes["text"] = event.text
    changed = msgspec.structs.replace(record, **changes)
    return record if changed == record else msgspec.structs.replace(changed, updated_at=event.at)


def folded(
    events: Iterable[OrderEvent], before: Mapping[str, OrderRecord] | None = None
) -> dict[str, OrderRecord]:
    """Return every order by its client id, oldest first.

    Raises:
        ValueError: An order's first event is no birth.
        OrderTransitionError: The table knows no such step.
    """
    records = dict(before or {})
    for event in events:
        known = records.get(event.client_order_id)
        records[event.client_order_id] = born(event) if known is None else after(known, event)
    return records


def repeated_trade_ids(records: Iterable[OrderRecord]) -> tuple[str, ...]:
    """Return the trades that stand under more than one order, as `symbol:id`; always empty if all is well."""
    seen: set[str] = set()
    twice: list[str] = []
    for record in records:
        for fill in record.fills:
            name = f"{record.birth.symbol}:{fill.trade_id}"
            if name in seen:
                twice.append(name)
            seen.add(name)
    return tuple(twice)


def _grown(record: OrderRecord, report: OrderReport) -> dict[str, Any]:
    known = {fill.trade_id for fill in record.fills}
    new = []
    for fill in report.fills:
        if fill.trade_id not in known:
            known.add(fill.trade_id)
            new.append(fill)
    more = report.filled_quantity > record.filled_quantity
    same = report.filled_quantity == record.filled_quantity
    return {
        "exchange_order_id": record.exchange_order_id or report.exchange_order_id,
        "fills": (*record.fills, *new),
        "filled_quantity": report.filled_quantity if more else record.filled_quantity,
        "filled_quote": report.filled_quote if more else record.filled_quote,
        "fees": report.fees if report.fees and (more or (same and not record.fees)) else record.fees,
    }
