"""Which candles a request means: the newest ones, those before a time, or those from a time on."""

from typing import NamedTuple

from bot.exchange.box.bars import Bar
from bot.exchange.box.intervals import following, opening, preceding
from bot.exchange.box.market_view import MarketView


class Candle(NamedTuple):
    """A bar with the time at which it is complete."""

    bar: Bar
    closed_ms: int


class Wanted(NamedTuple):
    """A request for candles; times in milliseconds, both ends included."""

    symbol: str
    interval: str
    from_ms: int | None
    until_ms: int | None
    limit: int


def find_candles(view: MarketView, wanted: Wanted, now_ms: int) -> list[Candle]:
    """Return candles by their start, oldest first; the running one as far as it is known now.

    With a start the oldest `limit` from there on, else the newest ones. Gaps stay gaps.
    """
    until_ms = now_ms if wanted.until_ms is None else min(wanted.until_ms, now_ms)
    if wanted.from_ms is None:
        return _newest(view, wanted, until_ms, now_ms)
    return _oldest(view, wanted, wanted.from_ms, until_ms, now_ms)


def _newest(view: MarketView, wanted: Wanted, until_ms: int, now_ms: int) -> list[Candle]:
    found: list[Candle] = []
    at = opening(wanted.interval, until_ms)
    while len(found) < wanted.limit:
        closed = following(wanted.interval, at)
        bar = view.candle(wanted.symbol, at, closed, now_ms)
        if bar is not None:
            found.append(Candle(bar, closed))
            at = preceding(wanted.interval, at)
            continue
        newest = view.newest_bar_time(wanted.symbol, at)
        if newest is None:
            break
        at = opening(wanted.interval, min(newest, at - 1))
    return found[::-1]


def _oldest(view: MarketView, wanted: Wanted, from_ms: int, until_ms: int, now_ms: int) -> list[Candle]:
    found: list[Candle] = []
    if from_ms > until_ms:
        return found
    at = opening(wanted.interval, from_ms)
    if at < from_ms:
        at = following(wanted.interval, at)
    while len(found) < wanted.limit and at <= until_ms:
        closed = following(wanted.interval, at)
        bar = view.candle(wanted.symbol, at, closed, now_ms)
        if bar is not None:
            found.append(Candle(bar, closed))
            at = closed
            continue
        oldest = view.oldest_bar_time(wanted.symbol, closed)
        if oldest is None:
            break
        at = max(closed, opening(wanted.interval, oldest))
    return found
