"""The market as it is known at a moment: prices, candles, the day's figures, the path between times.

The operator of the box may force a price. From then on the market continues relative to it: every
later price is the source's price times a factor, rounded to the tick; what was before stays.
"""

from bisect import bisect_right
from collections.abc import Iterator
from decimal import Decimal
from itertools import pairwise

import msgspec

from bot.exchange.box.bars import Bar, Segment, join, part_of, point, price_at, segments_of
from bot.exchange.box.market_source import MarketSource
from bot.exchange.box.universe import Coin

_DAY_MS = 86_400_000
_FIVE_MINUTES_MS = 300_000


class Shift(msgspec.Struct, frozen=True, array_like=True):
    """From `at_ms` on prices are multiplied by `target / source` (both in ticks)."""

    at_ms: int
    target: int
    source: int

    def scaled(self, price: int) -> int:
        """Return a source price as the market shows it: nearest tick, at least one."""
        return max(1, (2 * price * self.target + self.source) // (2 * self.source))


_UNSHIFTED = Shift(0, 1, 1)


class MarketView:
    """What clients may know of the market, asked with the market time of the question."""

    def __init__(self, source: MarketSource) -> None:
        self._source = source
        self._base_ms = source.levels_ms[-1]
        self.coins = dict(source.coins)
        self.shifts: dict[str, list[Shift]] = {}

    def coin(self, symbol: str) -> Coin | None:
        """Return the market's facts, or None for an unknown symbol."""
        return self.coins.get(symbol)

    def last(self, symbol: str, now_ms: int) -> int | None:
        """Return the last price in ticks, or None before the market's first bar."""
        price = self._source_price(symbol, now_ms)
        return None if price is None else self._shift_at(symbol, now_ms).scaled(price)

    def last_price(self, symbol: str, now_ms: int) -> Decimal | None:
        """Return the last price in quote per base, or None before the market's first bar."""
        ticks = self.last(symbol, now_ms)
        return None if ticks is None else ticks * self.coins[symbol].tick

    def force(self, symbol: str, ticks: int, now_ms: int) -> None:
        """Make this the price now; the market goes on from here."""
        source = self._source_price(symbol, now_ms)
        if source is not None:
            self.shifts.setdefault(symbol, []).append(Shift(now_ms, ticks, source))

    def candle(self, symbol: str, opened_ms: int, closed_ms: int, now_ms: int) -> Bar | None:
        """Return the candle from `opened_ms` to before `closed_ms` as it is known now.

        None where the market has no bar (an outage, or a time that is still to come).
        """
        if opened_ms > now_ms:
            return None
        end_ms = min(closed_ms, now_ms)
        bar = self.window(symbol, opened_ms, end_ms)
        if now_ms < closed_ms and self._base_bar(symbol, now_ms) is not None:
            last = self.last(symbol, now_ms)
            if last is not None:
                now = point(now_ms, last)
                bar = join([bar, now]) if bar else now
        return bar._replace(opened_ms=opened_ms) if bar else None

    def newest_bar_time(self, symbol: str, before_ms: int) -> int | None:
        """Return the last millisecond of the newest finest bar that starts before a moment."""
        bar = self._source.last_bar_before(symbol, before_ms)
        return bar.opened_ms + self._base_ms - 1 if bar else None

    def oldest_bar_time(self, symbol: str, from_ms: int) -> int | None:
        """Return the start of the oldest finest bar that ends after a moment."""
        bar = self._source.first_bar_from(symbol, from_ms)
        return max(bar.opened_ms, from_ms) if bar else None

    def day(self, symbol: str, now_ms: int) -> Bar | None:
        """Return the last 24 hours as one bar that closes at the last price."""
        return self.until_now(symbol, _DAY_MS, now_ms)

    def average(self, symbol: str, now_ms: int) -> Decimal | None:
        """Return the average price of the last five minutes, in quote per base."""
        bar = self.until_now(symbol, _FIVE_MINUTES_MS, now_ms)
        if bar is None:
            return None
        return (bar.open + bar.high + bar.low + bar.close) * self.coins[symbol].tick / 4

    def window(self, symbol: str, from_ms: int, to_ms: int) -> Bar | None:
        """Return everything between two moments as one bar, or None where nothing was."""
        shifts = self.shifts.get(symbol)
        if not shifts:
            return join(self._pieces(symbol, from_ms, to_ms))
        edges = [from_ms, *(s.at_ms for s in shifts if from_ms < s.at_ms < to_ms), to_ms]
        return join(
            _scaled(bar, self._shift_at(symbol, start))
            for start, end in pairwise(edges)
            for bar in self._pieces(symbol, start, end)
        )

    def path(self, symbol: str, from_ms: int, to_ms: int) -> Iterator[Segment]:
        """Yield how the price went from one moment to a later one, jumps between bars included."""
        last = self.last(symbol, from_ms)
        at = from_ms
        while at < to_ms:
            start = at - at % self._base_ms
            end = min(to_ms, start + self._base_ms)
            bar = self._source.bar(symbol, self._base_ms, start)
            if bar is not None:
                shift = self._shift_at(symbol, at)
                for line in segments_of(bar, self._base_ms, at, end):
                    first, final = shift.scaled(line.start), shift.scaled(line.end)
                    if last is not None and first != last:
                        yield Segment(at, at, last, first, 0, is_jump=True)
                    yield line._replace(start=first, end=final)
                    last = final
            at = end
        closing = self.last(symbol, to_ms)
        if last is not None and closing is not None and closing != last:
            yield Segment(to_ms, to_ms, last, closing, 0, is_jump=True)

    def until_now(self, symbol: str, length_ms: int, now_ms: int) -> Bar | None:
        """Return a window that ends now as one bar, or None before the market's first bar."""
        last = self.last(symbol, now_ms)
        if last is None:
            return None
        bar = self.window(symbol, now_ms - length_ms, now_ms)
        now = point(now_ms, last)
        return join([bar, now]) if bar else now

    def _base_bar(self, symbol: str, at_ms: int) -> Bar | None:
        return self._source.bar(symbol, self._base_ms, at_ms - at_ms % self._base_ms)

    def _source_price(self, symbol: str, at_ms: int) -> int | None:
        bar = self._base_bar(symbol, at_ms)
        if bar is not None:
            return price_at(bar, self._base_ms, at_ms)
        before = self._source.last_bar_before(symbol, at_ms)
        return before.close if before else None

    def _shift_at(self, symbol: str, at_ms: int) -> Shift:
        shifts = self.shifts.get(symbol)
        if not shifts:
            return _UNSHIFTED
        place = bisect_right(shifts, at_ms, key=lambda shift: shift.at_ms)
        return shifts[place - 1] if place else _UNSHIFTED

    def _pieces(self, symbol: str, from_ms: int, to_ms: int) -> Iterator[Bar]:
        """Yield the longest bars that fill the window, with parts of the finest at its ends."""
        at = from_ms
        while at < to_ms:
            for length in self._source.levels_ms:
                if at % length == 0 and at + length <= to_ms:
                    bar = self._source.bar(symbol, length, at)
                    end = at + length
                    break
            else:
                start = at - at % self._base_ms
                end = min(to_ms, start + self._base_ms)
                whole = self._source.bar(symbol, self._base_ms, start)
                bar = part_of(whole, self._base_ms, at, end) if whole else None
            if bar is not None:
                yield bar
            at = end


def _scaled(bar: Bar, shift: Shift) -> Bar:
    return bar._replace(
        open=shift.scaled(bar.open),
        high=shift.scaled(bar.high),
        low=shift.scaled(bar.low),
        close=shift.scaled(bar.close),
    )
