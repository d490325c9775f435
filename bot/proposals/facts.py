"""What the engine is asked and what it is told; everything in here was fetched by somebody else."""

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal

import msgspec

from bot.holdings.wallet import WalletSnapshot
from bot.kernel.market import TIMEFRAME_SECONDS, Candle, MarketRules, OrderBook, OwnTrade, Ticker
from bot.lifecycle.command_payloads import EntryMethod


class ProposalRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What the operator asked for."""

    asset: str
    requested_quantity: Decimal | None = None
    """Base units that the operator is willing to hand over; None means all of the wallet's."""
    synthetic_entry_method: EntryMethod = EntryMethod.CURRENT_PRICE
    synthetic_entry_value: Decimal | None = None
    """Quote per base; needed for `manual`, ignored otherwise."""


class OpenPosition(msgspec.Struct, frozen=True, kw_only=True):
    """A position that the bot manages already, with the daily candles of its market."""

    symbol: str
    quantity: Decimal
    daily: tuple[Candle, ...]


class ProposalFacts(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that was fetched for one proposal.

    Candles come oldest first and may end with the running one: the engine leaves out every candle
    that had not closed at `ticker.observed_at`, which is its present.
    """

    environment: str
    venue: str
    """Who told it, for example `Binance testnet`."""
    symbol: str
    rules: MarketRules
    ticker: Ticker
    book: OrderBook
    daily: tuple[Candle, ...]
    hourly: tuple[Candle, ...]
    wallet: WalletSnapshot
    own_trades: tuple[OwnTrade, ...] = ()
    """The account's fills in this market, oldest first."""
    portfolio_value_usdt: Decimal
    """All coins with a price plus the quote, at the time of the wallet."""
    open_positions: tuple[OpenPosition, ...] = ()
    investable_capital_usdt: Decimal
    """Hard cap for buys (CAP-1); zero means that the bot buys nothing."""
    circuit_breaker_state: str = "closed"
    blacklist: tuple[str, ...] = ()


def closed_candles(candles: Sequence[Candle], timeframe: str, at: dt.datetime) -> tuple[Candle, ...]:
    """Return the candles that had closed at that time: a running one would look ahead."""
    length = dt.timedelta(seconds=TIMEFRAME_SECONDS[timeframe])
    return tuple(candle for candle in candles if candle.opened_at + length <= at)
