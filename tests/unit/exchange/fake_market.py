"""Public data that a test sets by hand; implements `MarketDataSource`."""

import datetime as dt
from collections.abc import Mapping, Sequence
from decimal import Decimal

import msgspec

from bot.exchange.gateway import Capabilities
from bot.kernel.errors import ExchangeUnavailableError
from bot.kernel.market import BookLevel, Candle, MarketRules, OrderBook, Ticker

NOW = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
RULES = MarketRules(
    symbol="SOL/USDT",
    base="SOL",
    quote="USDT",
    active=True,
    tick_size=Decimal("0.01"),
    min_price=Decimal("0.01"),
    max_price=Decimal(10_000),
    step_size=Decimal("0.001"),
    min_quantity=Decimal("0.001"),
    max_quantity=Decimal(9_000),
    max_market_quantity=Decimal(500),
    min_notional=Decimal(5),
)


def levels(*pairs: tuple[str, str]) -> tuple[BookLevel, ...]:
    return tuple(BookLevel(price=Decimal(price), quantity=Decimal(quantity)) for price, quantity in pairs)


class FakeMarket:
    """One market whose book, last price and availability are attributes."""

    def __init__(self) -> None:
        self.rules = RULES
        self.bids = levels(("99", "1"), ("98", "2"))
        self.asks = levels(("101", "1"), ("102", "2"))
        self.last = Decimal(100)
        self.dead = False
        self.closed = False

    def quote(self, bid: str, last: str, ask: str, *, depth: str = "100") -> None:
        """Set a book of one level each side."""
        self.bids, self.asks, self.last = levels((bid, depth)), levels((ask, depth)), Decimal(last)

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(name="Fake", quote="USDT", timeframes=("1m",), resting_stop=True, real_money=True)

    def server_time(self) -> dt.datetime:
        self._answer()
        return NOW

    def markets(self) -> Mapping[str, MarketRules]:
        self._answer()
        return {"SOL/USDT": self.rules}

    def ticker(self, symbol: str) -> Ticker:
        self._answer()
        return Ticker(
            symbol=symbol,
            last=self.last,
            bid=self.bids[0].price if self.bids else self.last,
            ask=self.asks[0].price if self.asks else self.last,
            quote_volume_24h=Decimal(1_000_000),
            observed_at=NOW,
        )

    def tickers(self, symbols: Sequence[str]) -> Mapping[str, Ticker]:
        return {symbol: self.ticker(symbol) for symbol in symbols if symbol in self.markets()}

    def order_book(self, symbol: str, *, depth: int = 100) -> OrderBook:
        self._answer()
        return OrderBook(symbol=symbol, bids=self.bids[:depth], asks=self.asks[:depth], observed_at=NOW)

    def candles(self, symbol: str, timeframe: str, *, limit: int) -> tuple[Candle, ...]:
        assert symbol in self.markets()
        assert timeframe in self.capabilities.timeframes
        one = Decimal(1)
        bar = Candle(opened_at=NOW, open=one, high=one, low=one, close=one, volume=one)
        minute = dt.timedelta(minutes=1)
        return tuple(msgspec.structs.replace(bar, opened_at=NOW + minute * number) for number in range(limit))

    def close(self) -> None:
        self.closed = True

    def _answer(self) -> None:
        if self.dead:
            raise ExchangeUnavailableError("The fake market is dead.")
