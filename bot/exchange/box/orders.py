"""Orders and trades as the box keeps them, in Binance's words."""

from decimal import Decimal
from enum import StrEnum

import msgspec

from bot.kernel.money import ZERO

NO_LIST = -1
"""What stands where an order belongs to no order list."""


class Side(StrEnum):
    """Which way the base asset moves."""

    BUY = "BUY"
    SELL = "SELL"


class Kind(StrEnum):
    """The order types that the box trades."""

    LIMIT = "LIMIT"
    MARKET = "MARKET"
    LIMIT_MAKER = "LIMIT_MAKER"
    STOP_LOSS = "STOP_LOSS"
    STOP_LOSS_LIMIT = "STOP_LOSS_LIMIT"
    TAKE_PROFIT = "TAKE_PROFIT"
    TAKE_PROFIT_LIMIT = "TAKE_PROFIT_LIMIT"

    @property
    def is_conditional(self) -> bool:
        """Say whether the order waits for the last price to reach its stop price."""
        return self not in {Kind.LIMIT, Kind.MARKET, Kind.LIMIT_MAKER}

    @property
    def has_limit(self) -> bool:
        """Say whether the order has a price that it must not be worse than."""
        return self not in {Kind.MARKET, Kind.STOP_LOSS, Kind.TAKE_PROFIT}


class Lifetime(StrEnum):
    """How long a limit order may rest: until cancelled, not at all, or all or nothing."""

    GTC = "GTC"
    IOC = "IOC"
    FOK = "FOK"


class Status(StrEnum):
    """Where an order stands."""

    NEW = "NEW"
    PARTIALLY_FILLED = "PARTIALLY_FILLED"
    FILLED = "FILLED"
    CANCELED = "CANCELED"
    EXPIRED = "EXPIRED"
    EXPIRED_IN_MATCH = "EXPIRED_IN_MATCH"

    @property
    def is_open(self) -> bool:
        """Say whether more can be filled."""
        return self in {Status.NEW, Status.PARTIALLY_FILLED}


class NewOrder(msgspec.Struct, frozen=True, kw_only=True):
    """An order as a client asks for it; syntax checked, filters not yet."""

    symbol: str
    side: Side
    kind: Kind
    client_order_id: str
    quantity: Decimal = ZERO
    """Base units; zero for a market order by quote."""
    quote_quantity: Decimal = ZERO
    """Quote units to spend or to gain, market orders only."""
    price: Decimal = ZERO
    stop_price: Decimal = ZERO
    trailing_bps: int = 0
    """How far the price must turn back before a trailing stop triggers; zero: it does not trail."""
    lifetime: Lifetime = Lifetime.GTC


class Order(msgspec.Struct, kw_only=True):
    """An order that the exchange took; the matching engine alone changes it."""

    order_id: int
    client_order_id: str
    symbol: str
    base: str
    quote: str
    side: Side
    kind: Kind
    lifetime: Lifetime
    quantity: Decimal
    quote_quantity: Decimal = ZERO
    price: Decimal = ZERO
    stop_price: Decimal = ZERO
    trailing_bps: int = 0
    trailing_ms: int | None = None
    """When a trailing stop began to follow the price."""
    extreme: Decimal | None = None
    """The best price that a trailing stop has seen since: the highest for a sale."""
    list_id: int = NO_LIST
    """The order list that it belongs to."""
    created_ms: int
    updated_ms: int
    working_ms: int | None = None
    """When it began to work; None while a stop waits."""
    status: Status = Status.NEW
    executed: Decimal = ZERO
    executed_quote: Decimal = ZERO
    locked: Decimal = ZERO
    """What the account holds back for it: quote of a purchase, base of a sale. Of an order list only
    one order holds, for both."""

    @property
    def remaining(self) -> Decimal:
        """Return what is still to be filled, in base units."""
        return self.quantity - self.executed

    @property
    def is_buy(self) -> bool:
        """Say whether the order buys the base asset."""
        return self.side is Side.BUY

    @property
    def gives(self) -> str:
        """Return the asset that the order pays with."""
        return self.quote if self.is_buy else self.base

    @property
    def is_waiting(self) -> bool:
        """Say whether this is a stop that has not been triggered."""
        return self.working_ms is None

    @property
    def is_trailing(self) -> bool:
        """Say whether this is a stop that follows the price at the moment."""
        return self.is_waiting and self.extreme is not None

    @property
    def triggers_upwards(self) -> bool:
        """Say whether a rising price triggers the stop (or sets a trailing stop off on its way)."""
        is_stop_loss = self.kind in {Kind.STOP_LOSS, Kind.STOP_LOSS_LIMIT}
        return is_stop_loss == self.is_buy


class OrderList(msgspec.Struct, kw_only=True):
    """Two orders of which one cancels the other (OCO)."""

    list_id: int
    client_id: str
    symbol: str
    order_ids: tuple[int, int]
    """The order above the market, then the one below."""
    updated_ms: int
    is_done: bool = False


class Trade(msgspec.Struct, frozen=True, kw_only=True):
    """One fill of one of the account's orders."""

    trade_id: int
    order_id: int
    list_id: int = NO_LIST
    symbol: str
    price: Decimal
    quantity: Decimal
    quote_quantity: Decimal
    fee: Decimal
    fee_asset: str
    executed_ms: int
    is_buyer: bool
    is_maker: bool
