"""What one market stream has to tell since it told something last.

A feed remembers how far it has told: trades up to a moment, candles up to one, a book up to its last
change, anything else what it said last. Nothing is told twice, and nothing that has not changed.
"""

from collections.abc import Callable, Iterator
from typing import Any

from bot.exchange.box import tickers
from bot.exchange.box.candles import Candle, Wanted, find_candles
from bot.exchange.box.exchange import Exchange
from bot.exchange.box.intervals import opening
from bot.exchange.box.public_trades import EVERY_MS, PLACES, PublicTrade
from bot.exchange.box.stream_names import StreamKind, StreamName
from bot.exchange.box.wire import Json, amount, kline

_MOST_AT_ONCE = 1_000
"""Trades or candles that one step of market time tells at most; the newest ones."""

_MINI_TICKER = {"c": "lastPrice", "o": "openPrice", "h": "highPrice", "l": "lowPrice", "v": "volume"}
_WINDOW_TICKER = {
    **_MINI_TICKER, "q": "quoteVolume", "p": "priceChange", "P": "priceChangePercent",
    "w": "weightedAvgPrice", "O": "openTime", "C": "closeTime", "F": "firstId", "L": "lastId", "n": "count",
}  # fmt: skip
_TICKER = {
    **_WINDOW_TICKER, "x": "prevClosePrice", "Q": "lastQty", "b": "bidPrice", "B": "bidQty",
    "a": "askPrice", "A": "askQty",
}  # fmt: skip
_TIMES = ("E", "O", "C", "F", "L", "n")
"""Fields that run on while nothing happens."""


class StreamFeed:
    """One stream of one exchange, for however many connections."""

    def __init__(self, name: StreamName, exchange: Exchange, now_ms: int) -> None:
        self.name = name
        self.due_ms = 0
        """Real time from which on it may tell something again."""
        self._exchange = exchange
        self._told_ms = now_ms
        self._said: dict[str, Any] = {}
        self._told_now: set[int] = set()
        """Numbers of the trades of that very millisecond."""
        if name.kind in {StreamKind.TRADE, StreamKind.AGGREGATE_TRADE} and name.symbol is not None:
            self._trades(name.symbol, now_ms)
        if name.kind is StreamKind.BOOK_CHANGES and name.symbol is not None:
            exchange.books.follow(name.symbol, name.text, now_ms)

    def close(self) -> None:
        """End; nobody listens any more."""
        if self.name.kind is StreamKind.BOOK_CHANGES and self.name.symbol is not None:
            self._exchange.books.unfollow(self.name.symbol, self.name.text)

    def events(self, now_ms: int) -> Iterator[tuple[str, Any]]:
        """Yield (event type, message) for what is new at this market time."""
        symbol, kind = self.name.symbol, self.name.kind
        if symbol is None:
            rows = [row for one in self._exchange.view.coins if (row := self._short(one, now_ms)) is not None]
            changed = [row for row in rows if self._is_news(row["s"], row)]
            if changed:
                yield f"{changed[0]['e']}@arr", changed
        elif kind in {StreamKind.TRADE, StreamKind.AGGREGATE_TRADE}:
            shape = _trade if kind is StreamKind.TRADE else _aggregate_trade
            yield from ((kind.value, shape(symbol, trade, now_ms)) for trade in self._trades(symbol, now_ms))
        elif kind is StreamKind.CANDLE:
            yield from (("kline", message) for message in self._candles(symbol, now_ms))
        elif kind is StreamKind.BOOK_CHANGES:
            changes = self._exchange.books.changes(symbol, self.name.text, now_ms)
            if changes is not None:
                yield "depthUpdate", changes
        else:
            message = self._single(symbol, now_ms)
            if message is not None and self._is_news(symbol, message):
                yield str(message.get("e", kind.value)), message

    def _single(self, symbol: str, now_ms: int) -> Json | None:
        builders: dict[StreamKind, Callable[[str, int], Json | None]] = {
            StreamKind.BEST: self._best,
            StreamKind.BOOK_TOP: self._top,
            StreamKind.AVERAGE: self._average,
        }
        return builders.get(self.name.kind, self._short)(symbol, now_ms)

    def _is_news(self, key: str, message: Json) -> bool:
        what = {name: value for name, value in message.items() if name not in _TIMES}
        if self.name.kind in {StreamKind.BEST, StreamKind.BOOK_TOP}:
            what.pop("u", None)
            what.pop("lastUpdateId", None)
        if self._said.get(key) == what:
            return False
        self._said[key] = what
        return True

    def _trades(self, symbol: str, now_ms: int) -> list[PublicTrade]:
        since_ms = max(self._told_ms, now_ms - _MOST_AT_ONCE * EVERY_MS)
        trades = self._exchange.trades.between(symbol, since_ms, now_ms)
        # More may come later in the millisecond that was told last, so its numbers are remembered.
        fresh = [trade for trade in trades if trade.number not in self._told_now]
        self._told_ms = now_ms
        self._told_now = {trade.number for trade in trades if trade.executed_ms == now_ms}
        return fresh[-_MOST_AT_ONCE:]

    def _candles(self, symbol: str, now_ms: int) -> Iterator[Json]:
        coin, interval = self._exchange.view.coins[symbol], self.name.interval
        from_ms = opening(interval, self._told_ms)
        wanted = Wanted(symbol, interval, None, now_ms, _MOST_AT_ONCE)
        if opening(interval, now_ms) == from_ms:
            wanted = wanted._replace(limit=1)
        self._told_ms = now_ms
        for candle in find_candles(self._exchange.view, wanted, now_ms):
            if candle.bar.opened_ms < from_ms:
                continue
            row = kline(candle.bar, coin, candle.closed_ms)
            message = _candle(symbol, interval, candle, row, now_ms)
            if self._said.get("row") != row or message["k"]["x"]:
                self._said["row"] = row
                yield message

    def _best(self, symbol: str, now_ms: int) -> Json | None:
        best = tickers.best_prices(self._exchange, symbol, now_ms)
        if best is None:
            return None
        return {
            "u": self._exchange.books.number(symbol, now_ms),
            "s": symbol,
            "b": best["bidPrice"],
            "B": best["bidQty"],
            "a": best["askPrice"],
            "A": best["askQty"],
        }

    def _top(self, symbol: str, now_ms: int) -> Json | None:
        return self._exchange.books.snapshot(symbol, self.name.levels, now_ms)

    def _average(self, symbol: str, now_ms: int) -> Json | None:
        average = self._exchange.view.average(symbol, now_ms)
        if average is None:
            return None
        head = {"e": "avgPrice", "E": now_ms, "s": symbol, "i": "5m", "w": amount(average)}
        return {**head, "T": now_ms - now_ms % EVERY_MS}

    def _short(self, symbol: str, now_ms: int) -> Json | None:
        kind = self.name.kind
        if kind is StreamKind.WINDOW_TICKER:
            return self._window(symbol, now_ms)
        figures = tickers.day(self._exchange, symbol, now_ms)
        if figures is None:
            return None
        is_mini = kind is StreamKind.MINI_TICKER
        fields = {**_MINI_TICKER, "q": "quoteVolume"} if is_mini else _TICKER
        event = "24hrMiniTicker" if is_mini else "24hrTicker"
        head = {"e": event, "E": now_ms, "s": symbol}
        return {**head, **{short: figures[long] for short, long in fields.items()}}

    def _window(self, symbol: str, now_ms: int) -> Json | None:
        start_ms = (now_ms - self.name.window_ms) // 60_000 * 60_000
        bar = self._exchange.view.until_now(symbol, now_ms - start_ms, now_ms)
        if bar is None:
            return None
        figures = tickers.window(self._exchange, symbol, bar, now_ms - start_ms, now_ms)
        head = {"e": f"{self.name.window}Ticker", "E": now_ms, "s": symbol}
        return {**head, **{short: figures[long] for short, long in _WINDOW_TICKER.items()}}


def _trade(symbol: str, trade: PublicTrade, now_ms: int) -> Json:
    return {
        "e": "trade",
        "E": now_ms,
        "s": symbol,
        "t": trade.number,
        "p": amount(trade.price),
        "q": amount(trade.quantity),
        "T": trade.executed_ms,
        "m": trade.is_buyer_maker,
        "M": True,
    }


def _aggregate_trade(symbol: str, trade: PublicTrade, now_ms: int) -> Json:
    message = _trade(symbol, trade, now_ms)
    number = message.pop("t")
    return {**message, "e": "aggTrade", "a": number, "f": number, "l": number}


def _candle(symbol: str, interval: str, candle: Candle, row: list[Any], now_ms: int) -> Json:
    opened_ms = candle.bar.opened_ms
    inside = {
        "t": opened_ms,
        "T": row[6],
        "s": symbol,
        "i": interval,
        "f": -(-opened_ms // EVERY_MS) * EVERY_MS * PLACES,
        "L": min(row[6], now_ms) // EVERY_MS * EVERY_MS * PLACES,
        "o": row[1],
        "c": row[4],
        "h": row[2],
        "l": row[3],
        "v": row[5],
        "n": row[8],
        "x": candle.closed_ms <= now_ms,
        "q": row[7],
        "V": row[9],
        "Q": row[10],
        "B": "0",
    }
    return {"e": "kline", "E": now_ms, "s": symbol, "k": inside}
