"""Facts about a market, as the exchange states them: candles, book, ticker, filters, own trades.

Prices are quote per base (USDT per coin), quantities are base units; all Decimal, all times UTC.
"""

import datetime as dt
from decimal import Decimal

import msgspec

from bot.kernel.money import ZERO, floor_to_step

TIMEFRAME_SECONDS = {"1m": 60, "5m": 300, "15m": 900, "1h": 3_600, "4h": 14_400, "1d": 86_400}


class Candle(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """One bar; `opened_at` is its start."""

    opened_at: dt.datetime
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    """Base units traded."""


class BookLevel(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """One price of an order book with the quantity that rests there."""

    price: Decimal
    quantity: Decimal


class OrderBook(msgspec.Struct, frozen=True, kw_only=True):
    """A snapshot of resting orders: bids from high to low, asks from low to high."""

    symbol: str
    bids: tuple[BookLevel, ...]
    asks: tuple[BookLevel, ...]
    observed_at: dt.datetime


class Ticker(msgspec.Struct, frozen=True, kw_only=True):
    """Last price and the day's figures; `observed_at` is the exchange's market time."""

    symbol: str
    last: Decimal
    bid: Decimal
    ask: Decimal
    quote_volume_24h: Decimal
    observed_at: dt.datetime


class MarketRules(msgspec.Struct, frozen=True, kw_only=True):
    """The exchange's filters for one market; a step of zero means that there is no grid."""

    symbol: str
    base: str
    quote: str
    active: bool
    tick_size: Decimal
    """Prices are multiples of it."""
    min_price: Decimal = ZERO
    max_price: Decimal | None = None
    step_size: Decimal
    """Quantities are multiples of it."""
    min_quantity: Decimal = ZERO
    max_quantity: Decimal | None = None
    max_market_quantity: Decimal | None = None
    min_notional: Decimal = ZERO
    """Smallest order in quote units."""
    lowest_sell_share: Decimal | None = None
    """The exchange takes no sale below this share of the average price (PERCENT_PRICE); None: no limit."""

    def is_dust(self, quantity: Decimal, price: Decimal) -> bool:
        """Say whether the exchange accepts no order for this quantity at this price."""
        sellable = floor_to_step(quantity, self.step_size)
        return sellable <= ZERO or sellable < self.min_quantity or sellable * price < self.min_notional


class OwnTrade(msgspec.Struct, frozen=True, kw_only=True):
    """One fill of the account's own; `fee_asset` may be the base, the quote or a third coin."""

    trade_id: str
    order_id: str
    client_order_id: str | None = None
    symbol: str
    side: str
    price: Decimal
    quantity: Decimal
    fee: Decimal
    fee_asset: str
    executed_at: dt.datetime
