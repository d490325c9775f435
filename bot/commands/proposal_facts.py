"""Fetching everything that one proposal is made of, over the gateway's read-only protocols."""

from decimal import Decimal
from typing import Protocol

import msgspec

from bot.commands.engine_steps import EngineStep, TellStep, quiet
from bot.exchange.gateway import BalanceProvider, MarketData, TradeHistory
from bot.holdings.positions import PositionsContent
from bot.holdings.wallet import WalletSnapshot
from bot.kernel.ids import pair_of
from bot.kernel.market import MarketRules
from bot.kernel.money import ZERO
from bot.proposals.facts import OpenPosition, ProposalFacts

DAILY_BARS = 1_500
"""Two pages of a spot exchange: four years, for the rehearsal to have seen more than one kind of market."""
HOURLY_BARS = 500
BOOK_DEPTH = 1_000
CORRELATION_BARS = 120


class ReadOnlyExchange(MarketData, BalanceProvider, TradeHistory, Protocol):
    """Everything that an engine may see; it cannot trade."""


class FactLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Settings that enter the facts."""

    environment: str
    quote: str
    investable_capital_usdt: Decimal
    blacklist: tuple[str, ...]


def market_of(exchange: MarketData, asset: str, quote: str) -> MarketRules | None:
    """Return the coin's active market against the quote, or None."""
    rules = exchange.markets().get(pair_of(asset, quote))
    return rules if rules is not None and rules.active else None


def fetch_proposal_facts(
    exchange: ReadOnlyExchange,
    rules: MarketRules,
    *,
    wallet: WalletSnapshot,
    positions: PositionsContent,
    limits: FactLimits,
    circuit_breaker_state: str = "closed",
    tell: TellStep = quiet,
) -> ProposalFacts:
    """Fetch ticker, book, candles, own trades and the portfolio's value.

    The ticker comes first: its time decides which candles had closed, so none may be older than it.

    Raises:
        ExchangeError: When any of them could not be had.
        EngineStoppedError: From `tell`.
    """
    symbol = rules.symbol
    tell(EngineStep.BOOK)
    ticker = exchange.ticker(symbol)
    book = exchange.order_book(symbol, depth=BOOK_DEPTH)
    tell(EngineStep.CANDLES)
    others = tuple(
        OpenPosition(
            symbol=name,
            quantity=position.quantity,
            daily=exchange.candles(name, "1d", limit=CORRELATION_BARS),
        )
        for name, position in sorted(positions.positions.items())
        if position.is_open and name != symbol
    )
    return ProposalFacts(
        environment=limits.environment,
        venue=exchange.capabilities.name,
        symbol=symbol,
        rules=rules,
        ticker=ticker,
        book=book,
        daily=exchange.candles(symbol, "1d", limit=DAILY_BARS),
        hourly=exchange.candles(symbol, "1h", limit=HOURLY_BARS),
        wallet=wallet,
        own_trades=exchange.own_trades(symbol),
        portfolio_value_usdt=portfolio_value(exchange, wallet, limits.quote),
        open_positions=others,
        investable_capital_usdt=limits.investable_capital_usdt,
        circuit_breaker_state=circuit_breaker_state,
        blacklist=limits.blacklist,
    )


def portfolio_value(exchange: MarketData, wallet: WalletSnapshot, quote: str) -> Decimal:
    """Return the wallet's worth in quote units: the quote plus every coin that has a market."""
    markets = exchange.markets()
    held = {name: balance.total for name, balance in wallet.balances.items() if balance.total > ZERO}
    symbols = sorted(pair_of(name, quote) for name in held if pair_of(name, quote) in markets)
    tickers = exchange.tickers(symbols) if symbols else {}
    worth = sum((held[markets[s].base] * t.last for s, t in tickers.items()), ZERO)
    return worth + held.get(quote, ZERO)
