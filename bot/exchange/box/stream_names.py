"""The names of market streams: `solusdt@trade`, `!miniTicker@arr`, and what each of them means."""

import re
from enum import StrEnum

import msgspec

from bot.exchange.box.intervals import is_interval

_FAST_MS, _SECOND_MS, _CANDLE_MS = 100, 1_000, 2_000
_DEPTH = re.compile(r"depth(5|10|20)?(@100ms)?", re.ASCII)
_WINDOWS_MS = {"1h": 3_600_000, "4h": 14_400_000, "1d": 86_400_000}


class StreamKind(StrEnum):
    """What a stream tells."""

    TRADE = "trade"
    AGGREGATE_TRADE = "aggTrade"
    CANDLE = "kline"
    MINI_TICKER = "miniTicker"
    TICKER = "ticker"
    WINDOW_TICKER = "ticker_"
    BEST = "bookTicker"
    AVERAGE = "avgPrice"
    BOOK_CHANGES = "depth"
    BOOK_TOP = "depth_top"


class StreamName(msgspec.Struct, frozen=True, kw_only=True):
    """One market stream."""

    text: str
    kind: StreamKind
    symbol: str | None
    """The market; None for all of them in one message."""
    every_ms: int
    """How often it tells something at most, in real time; zero: as it happens."""
    interval: str = ""
    """Of candles."""
    levels: int = 0
    """Of a book's top."""
    window_ms: int = 0
    """Of a ticker over another time than a day."""
    window: str = ""


def parse_stream(text: str) -> StreamName | None:
    """Return the stream of a name, or None where there is none: such a name is never told anything."""
    owner, _, rest = text.partition("@")
    if owner.startswith("!"):
        return _of_all_markets(text, owner.removeprefix("!"), rest)
    if not owner or owner != owner.lower() or not rest:
        return None
    symbol = owner.upper()
    plain = {
        "trade": (StreamKind.TRADE, 0),
        "aggTrade": (StreamKind.AGGREGATE_TRADE, 0),
        "bookTicker": (StreamKind.BEST, 0),
        "miniTicker": (StreamKind.MINI_TICKER, _SECOND_MS),
        "ticker": (StreamKind.TICKER, _SECOND_MS),
        "avgPrice": (StreamKind.AVERAGE, _SECOND_MS),
    }
    if rest in plain:
        kind, every_ms = plain[rest]
        return StreamName(text=text, kind=kind, symbol=symbol, every_ms=every_ms)
    return _with_argument(text, symbol, rest)


def _with_argument(text: str, symbol: str, rest: str) -> StreamName | None:
    depth = _DEPTH.fullmatch(rest)
    if depth is not None:
        every_ms = _FAST_MS if depth[2] else _SECOND_MS
        kind = StreamKind.BOOK_TOP if depth[1] else StreamKind.BOOK_CHANGES
        return StreamName(text=text, kind=kind, symbol=symbol, every_ms=every_ms, levels=int(depth[1] or 0))
    name, _, argument = rest.partition("_")
    if name == "kline" and is_interval(argument):
        every_ms = _SECOND_MS if argument == "1s" else _CANDLE_MS
        return StreamName(
            text=text, kind=StreamKind.CANDLE, symbol=symbol, every_ms=every_ms, interval=argument
        )
    if name == "ticker" and argument in _WINDOWS_MS:
        return _window_ticker(text, symbol, argument)
    return None


def _of_all_markets(text: str, name: str, rest: str) -> StreamName | None:
    if rest != "arr":
        return None
    if name in {"miniTicker", "ticker"}:
        return StreamName(text=text, kind=StreamKind(name), symbol=None, every_ms=_SECOND_MS)
    base, _, argument = name.partition("_")
    if base == "ticker" and argument in _WINDOWS_MS:
        return _window_ticker(text, None, argument)
    return None


def _window_ticker(text: str, symbol: str | None, window: str) -> StreamName:
    return StreamName(
        text=text,
        kind=StreamKind.WINDOW_TICKER,
        symbol=symbol,
        every_ms=_SECOND_MS,
        window=window,
        window_ms=_WINDOWS_MS[window],
    )
