"""An order, what the exchange says of it, and the three ways in which sending one can end."""

import datetime as dt
from decimal import Decimal
from enum import StrEnum

import msgspec

from bot.kernel.money import ZERO


class Side(StrEnum):
    """Which way the base asset moves."""

    BUY = "buy"
    SELL = "sell"


class OrderType(StrEnum):
    """The order types that this bot sends."""

    MARKET = "market"
    LIMIT = "limit"
    STOP_LOSS_LIMIT = "stop_loss_limit"


class OrderStatus(StrEnum):
    """The exchange's view of an order."""

    OPEN = "open"
    PARTIALLY_FILLED = "partially_filled"
    FILLED = "filled"
    CANCELLED = "cancelled"
    REJECTED = "rejected"
    EXPIRED = "expired"

    @property
    def is_final(self) -> bool:
        """Say whether nothing more can be filled."""
        return self not in {OrderStatus.OPEN, OrderStatus.PARTIALLY_FILLED}


class OrderRequest(msgspec.Struct, frozen=True, kw_only=True):
    """An order to be sent; quantity in base units, on the exchange's step."""

    client_order_id: str
    symbol: str
    side: Side
    order_type: OrderType
    quantity: Decimal
    limit_price: Decimal | None = None
    """Needed for `limit` and `stop_loss_limit`, absent for `market`."""
    stop_price: Decimal | None = None
    """Needed for `stop_loss_limit`, absent otherwise."""
    immediate: bool = False
    """A `limit` order that fills at once what it can and never rests; the remainder ends as expired."""


class Fee(msgspec.Struct, frozen=True, kw_only=True):
    """What the exchange took, in which coin."""

    asset: str
    amount: Decimal


class Fill(msgspec.Struct, frozen=True, kw_only=True):
    """One trade of an order, under the exchange's own id; quantity in base units, price in quote."""

    trade_id: str
    price: Decimal
    quantity: Decimal
    fee: Decimal
    fee_asset: str


class OrderReport(msgspec.Struct, frozen=True, kw_only=True):
    """What the exchange says of one order now."""

    client_order_id: str
    exchange_order_id: str
    symbol: str
    side: Side
    status: OrderStatus
    quantity: Decimal
    filled_quantity: Decimal = ZERO
    filled_quote: Decimal = ZERO
    """Quote units exchanged by the fills, before fees."""
    fees: tuple[Fee, ...] = ()
    fills: tuple[Fill, ...] = ()
    """Its trades, where the exchange told them; their sum is the filled quantity then."""
    updated_at: dt.datetime

    @property
    def average_price(self) -> Decimal | None:
        """Return quote per base over all fills, or None before the first."""
        return self.filled_quote / self.filled_quantity if self.filled_quantity else None


class Accepted(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The exchange took the order."""

    report: OrderReport


class Rejected(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The exchange refused the order: it does not exist and nothing will be filled."""

    client_order_id: str
    reason: str
    """A short code, such as `insufficient_balance`, `filter_notional`, `precision`."""
    text: str
    """The exchange's own words."""


class Unknown(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Nobody knows whether the exchange took the order: look it up, never send it again blindly."""

    client_order_id: str
    text: str


Submission = Accepted | Rejected | Unknown
