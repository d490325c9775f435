"""Bars in whole ticks and lots, the path of the price inside a bar, and how bars join.

Inside the box's market prices are integers (ticks) and volumes are integers (lots), so nothing is
ever rounded twice; `universe.Coin` says what a tick and a lot are worth. The price inside a bar of
the finest kind runs on straight lines through four points: open, one extreme, the other extreme,
close. A rising bar visits its low first, a falling bar its high. Whoever looks at a moment inside
the bar sees only what the path has visited until then.
"""

from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import NamedTuple


class Bar(NamedTuple):
    """One bar: `opened_ms` is its start, prices in ticks, volume in lots."""

    opened_ms: int
    open: int
    high: int
    low: int
    close: int
    volume: int


class Segment(NamedTuple):
    """A stretch of the path: a straight line, or a jump when it takes no time."""

    started_ms: int
    ended_ms: int
    start: int
    end: int
    volume: int
    is_jump: bool


def corners(bar: Bar, length_ms: int) -> tuple[tuple[int, int], ...]:
    """Return the four (time, price) points that the path inside a bar runs through."""
    first, second = (bar.low, bar.high) if bar.close >= bar.open else (bar.high, bar.low)
    start = bar.opened_ms
    return (
        (start, bar.open),
        (start + length_ms // 3, first),
        (start + 2 * length_ms // 3, second),
        (start + length_ms, bar.close),
    )


def price_at(bar: Bar, length_ms: int, at_ms: int) -> int:
    """Return the price in ticks at a moment from the bar's start to its end."""
    points = corners(bar, length_ms)
    for (t0, p0), (t1, p1) in pairwise(points):
        if at_ms <= t1:
            return p0 + (p1 - p0) * (at_ms - t0) // (t1 - t0)
    return bar.close


def volume_between(bar: Bar, length_ms: int, from_ms: int, to_ms: int) -> int:
    """Return the lots traded in a part of the bar; adjacent parts add up exactly."""
    start = bar.opened_ms
    return bar.volume * (to_ms - start) // length_ms - bar.volume * (from_ms - start) // length_ms


def part_of(bar: Bar, length_ms: int, from_ms: int, to_ms: int) -> Bar:
    """Return what the path shows between two moments inside the bar, both included."""
    if from_ms == bar.opened_ms and to_ms == bar.opened_ms + length_ms:
        return bar
    opened, closed = price_at(bar, length_ms, from_ms), price_at(bar, length_ms, to_ms)
    seen = [opened, closed, *(p for t, p in corners(bar, length_ms) if from_ms <= t <= to_ms)]
    volume = volume_between(bar, length_ms, from_ms, to_ms)
    return Bar(from_ms, opened, max(seen), min(seen), closed, volume)


def join(bars: Iterable[Bar]) -> Bar | None:
    """Return one bar over adjacent ones given in order, or None for none."""
    iterator = iter(bars)
    first = next(iterator, None)
    if first is None:
        return None
    opened_ms, opened, high, low, close, volume = first
    for bar in iterator:
        high, low = max(high, bar.high), min(low, bar.low)
        close, volume = bar.close, volume + bar.volume
    return Bar(opened_ms, opened, high, low, close, volume)


def point(at_ms: int, price: int) -> Bar:
    """Return the bar of a single moment."""
    return Bar(at_ms, price, price, price, price, 0)


def segments_of(bar: Bar, length_ms: int, from_ms: int, to_ms: int) -> Iterator[Segment]:
    """Yield the straight lines of the path between two moments inside the bar."""
    edges = [from_ms, *(t for t, _ in corners(bar, length_ms) if from_ms < t < to_ms), to_ms]
    for t0, t1 in pairwise(edges):
        yield Segment(
            started_ms=t0,
            ended_ms=t1,
            start=price_at(bar, length_ms, t0),
            end=price_at(bar, length_ms, t1),
            volume=volume_between(bar, length_ms, t0, t1),
            is_jump=False,
        )
