"""Public facts of Hyperliquid's spot markets, as the gateway shows them.

1. Markets are asked for once; their grid of prices follows the last price that was seen.
2. A ticker is the exchange's list of prices and the book of the market: the list tells no bid and ask.
3. Nothing is retried here.
"""

import datetime as dt
import threading
from collections.abc import Mapping, Sequence

import msgspec

from bot.exchange import hyperliquid_mapping as mapping
from bot.exchange.gateway import Capabilities
from bot.exchange.hyperliquid_calls import HyperliquidCalls
from bot.exchange.hyperliquid_rules import SpotMarket
from bot.kernel.clock import Clock, to_millis
from bot.kernel.errors import ExchangeAnswerError, ExchangeRefusedError
from bot.kernel.market import TIMEFRAME_SECONDS, Candle, MarketRules, OrderBook, Ticker

NO_MARKET = "market_unavailable"
_MARKETS = "spotMetaAndAssetCtxs"
_CANDLE_PAGE = 500


class HyperliquidMarkets:
    """`MarketData` over the calls of one client; the contract stands in `bot/exchange/gateway.py`."""

    def __init__(self, calls: HyperliquidCalls, clock: Clock, *, name: str, quote: str) -> None:
        self._calls = calls
        self._clock = clock
        self._capabilities = Capabilities(
            name=name, quote=quote, timeframes=tuple(TIMEFRAME_SECONDS), resting_stop=False, real_money=False
        )
        self._markets: dict[str, SpotMarket] | None = None
        self._quotes: Mapping[str, mapping.Quote] = {}
        self._lock = threading.Lock()

    @property
    def capabilities(self) -> Capabilities:
        """Return what this exchange can do."""
        return self._capabilities

    def server_time(self) -> dt.datetime:
        """Return the exchange's wall time."""
        return mapping.server_time(
            self._calls.info("The exchange's time could not be read.", "exchangeStatus")
        )

    def markets(self) -> Mapping[str, MarketRules]:
        """Return every spot market; asked once, the grid of prices follows the last price seen."""
        seen = self._quotes
        return {
            symbol: market.rules(seen[market.coin].last if market.coin in seen else market.price)
            for symbol, market in self._known_markets().items()
        }

    def ticker(self, symbol: str) -> Ticker:
        """Return last, bid, ask and volume of one market: the exchange's list, and the book."""
        market = self._market(symbol)
        quote = self._fetch_quotes().get(market.coin)
        if quote is None:
            raise ExchangeAnswerError(
                f"The ticker of {symbol} could not be read.", why="the exchange told no price"
            )
        return mapping.ticker(quote, self._book(market))

    def tickers(self, symbols: Sequence[str]) -> Mapping[str, Ticker]:
        """Return tickers: one request for all prices, and one for the book of each market."""
        known = self._known_markets()
        wanted = [known[symbol] for symbol in symbols if symbol in known]
        prices = self._fetch_quotes() if wanted else {}
        found: dict[str, Ticker] = {}
        for market in wanted:
            try:
                found[market.symbol] = mapping.ticker(prices[market.coin], self._book(market))
            except (KeyError, ExchangeAnswerError):
                continue  # a market without usable prices is absent
        return found

    def order_book(self, symbol: str, *, depth: int = 100) -> OrderBook:
        """Return the best levels of each side; the exchange tells twenty at most."""
        book, levels = self._book(self._market(symbol)), max(1, depth)
        return msgspec.structs.replace(book, bids=book.bids[:levels], asks=book.asks[:levels])

    def candles(self, symbol: str, timeframe: str, *, limit: int) -> tuple[Candle, ...]:
        """Return the newest candles, oldest first; the exchange keeps the newest 5,000 of a kind."""
        if timeframe not in TIMEFRAME_SECONDS:
            raise ExchangeRefusedError(
                f"There are no {timeframe!r} candles.", why=f"expected one of {', '.join(TIMEFRAME_SECONDS)}"
            )
        market = self._market(symbol)
        what = f"The {timeframe} candles of {symbol} could not be read."
        bar_ms = TIMEFRAME_SECONDS[timeframe] * 1_000
        end_ms = to_millis(self._clock.now()) + bar_ms  # a clock that is behind must not lose the running bar
        bars: tuple[Candle, ...] = ()
        while len(bars) < limit:
            start_ms = max(0, end_ms - _CANDLE_PAGE * bar_ms + 1)
            request = {"coin": market.coin, "interval": timeframe, "startTime": start_ms, "endTime": end_ms}
            page = mapping.candles(
                self._calls.info(what, "candleSnapshot", req=request),
                symbol=symbol,
                coin=market.coin,
                timeframe=timeframe,
            )
            if page and bars and page[-1].opened_at >= bars[0].opened_at:
                raise ExchangeAnswerError(what, why="a page of candles overlaps the one after it")
            bars = page + bars
            if not page or not start_ms:
                break
            end_ms = start_ms - 1
        return bars[-limit:] if limit > 0 else ()

    def _book(self, market: SpotMarket) -> OrderBook:
        what = f"The order book of {market.symbol} could not be read."
        answer = self._calls.info(what, "l2Book", coin=market.coin)
        return mapping.order_book(answer, symbol=market.symbol, coin=market.coin)

    def _fetch_quotes(self) -> Mapping[str, mapping.Quote]:
        self._quotes = mapping.quotes(self._calls.info("The prices could not be read.", _MARKETS))
        return self._quotes

    def _known_markets(self) -> dict[str, SpotMarket]:
        with self._lock:
            if self._markets is None:
                answer = self._calls.info("The list of markets could not be read.", _MARKETS)
                self._markets = mapping.spot_markets(answer)
            return self._markets

    def _market(self, symbol: str) -> SpotMarket:
        market = self._known_markets().get(symbol)
        if market is None:
            raise ExchangeRefusedError(
                f"The exchange has no market {symbol}.", why="the symbol is not in its list", code=NO_MARKET
            )
        return market
