"""What the managed state has booked of an order, as the audit tells: each commit is told there, in one write.

It needs neither the exchange nor the order journal, so that a gap in the one and a lie of the other change
nothing of what is known to be booked.
"""

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal

import msgspec

from bot.execution.order_record import OrderRecord
from bot.execution.orders import Fee, OrderReport, OrderStatus
from bot.kernel.money import ZERO
from bot.storage.audit_log import AuditLog


class Booked(msgspec.Struct, frozen=True, kw_only=True):
    """Cumulative figures of one order; base units and quote units as the names say."""

    quantity: Decimal = ZERO
    quote: Decimal = ZERO
    fees: tuple[Fee, ...] = ()
    exchange_order_id: str | None = None
    final_status: OrderStatus | None = None
    """How the exchange said that it ended; None where it never did."""

    def fee_in(self, asset: str) -> Decimal:
        """Return what was taken in a coin; only an order that ended has its fees booked."""
        return sum((fee.amount for fee in self.fees if fee.asset == asset), ZERO)

    def report(self, record: OrderRecord, at: dt.datetime) -> OrderReport | None:
        """Return it as the exchange once told it, or None where nothing of it was told."""
        if self.exchange_order_id is None:
            return None
        return OrderReport(
            client_order_id=record.client_order_id,
            exchange_order_id=self.exchange_order_id,
            symbol=record.birth.symbol,
            side=record.birth.side,
            status=self.final_status or OrderStatus.OPEN,
            quantity=record.birth.quantity,
            filled_quantity=self.quantity,
            filled_quote=self.quote,
            fees=self.fees,
            updated_at=at,
        )


def booked_of(audit: AuditLog, record: OrderRecord) -> Booked:
    """Return what is booked of an order; reads the coin's audit, so only for orders that are in doubt."""
    found = Booked()
    for line in audit.records(asset=record.birth.asset):
        data = line.get("data", {})
        if data.get("client_order_id") == record.client_order_id:
            found = _with(found, data)
    return found


def _with(found: Booked, data: Mapping[str, object]) -> Booked:
    is_final = data.get("is_final") is True
    number = data.get("exchange_order_id")
    return Booked(
        quantity=max(found.quantity, _number(data.get("filled_quantity"))),
        quote=max(found.quote, _number(data.get("filled_quote"))),
        fees=_fees(data) if is_final else found.fees,
        exchange_order_id=str(number) if number else found.exchange_order_id,
        final_status=OrderStatus(str(data["order_status"])) if is_final else found.final_status,
    )


def _fees(data: Mapping[str, object]) -> tuple[Fee, ...]:
    fees = data.get("fees")
    if not isinstance(fees, list):
        return ()
    return tuple(Fee(asset=str(fee["asset"]), amount=_number(fee["amount"])) for fee in fees)


def _number(value: object) -> Decimal:
    return ZERO if value is None else Decimal(str(value))
