"""Support and resistance as they were known at every day of the past, all days at once.

Rules, those of `levels.py`:
1. A swing counts from the day on which its right wing is complete until its bar leaves the window.
2. Swings are grouped from the lowest up; a group reaches at most a width above its lowest member, and the
   width is that of the day.
3. The group whose lowest member is the last one not above the price, and its two neighbours, hold the
   nearest mean on either side: means ascend, and any group further away lies beyond a neighbour.

No loop runs over the days. Loops run over the swings of one window, a few dozen at most, and touch all days
of a block at once; what they need stays in the processor's near memory.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from bot.proposals.indicators import Series

Rows = npt.NDArray[np.int64]
_Flags = npt.NDArray[np.bool_]
_Places = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]

_BLOCK = 1_536
"""Days that are looked at together; the cost of a longer history grows with its blocks, not faster."""


class Swings(NamedTuple):
    """Swing lows and highs by row, and how many came before each bar."""

    prices: Series
    before: Rows
    """One more than there are bars: how many swings lie on older bars than this one."""


class _Windows(NamedTuple):
    """The swings of each window in ascending order; days side by side often have the same window."""

    table: npt.NDArray[np.float64]
    """One line per different window, filled up with `inf`; the last column is always `inf`."""
    line: Rows
    """Each day's line in the table."""


def swings(low: Series, high: Series, wing: int) -> Swings:
    """Return the swing lows and highs of a history; the rule is `levels.swing_points`."""
    count = len(low) - 2 * wing
    if count <= 0:
        return Swings(prices=np.empty(0), before=np.zeros(len(low) + 1, dtype=np.int64))
    lows, highs = (_extremes(values, wing, count) for values in (low, -high))
    rows = np.concatenate((lows, highs))
    order = np.argsort(rows, kind="stable")
    before = np.zeros(len(low) + 1, dtype=np.int64)
    np.cumsum(np.bincount(rows, minlength=len(low)), out=before[1:])
    return Swings(prices=np.concatenate((low[lows], high[highs]))[order], before=before)


def nearest_levels(
    known: Swings, rows: Rows, reference: Series, width: Series, *, wing: int, window: int
) -> tuple[Series, Series]:
    """Return support below and resistance above the reference of every row, `-inf` and `inf` where none.

    Args:
        known: The swings of the whole history; only those complete before a row count there.
        rows: Bars that have just opened, at least `wing` of them before each.
        reference: Their prices.
        width: How far a group of swings reaches above its lowest.
        wing: Bars on each side of a swing, at least one.
        window: Closed bars before a row in which swings are looked for.
    """
    first = known.before[np.maximum(rows - window + wing, 0)]
    after = known.before[rows - wing]
    support, resistance = np.full(len(rows), -np.inf), np.full(len(rows), np.inf)
    for begin in range(0, len(rows), _BLOCK):
        days = slice(begin, begin + _BLOCK)
        windows = _windows(known.prices, first[days], after[days])
        begins, below = _groups(windows, reference[days], width[days])
        support[days], resistance[days] = _beside(windows, begins, below, reference[days])
    return support, resistance


def _extremes(values: Series, wing: int, count: int) -> Rows:
    """Return the rows lower than the wing before them and not higher than the wing after."""
    middle = values[wing : wing + count]
    lowest_of_wing = values[: len(values) - wing + 1]
    for away in range(1, wing):
        lowest_of_wing = np.minimum(lowest_of_wing, values[away : len(values) - wing + 1 + away])
    after = lowest_of_wing[wing + 1 : wing + 1 + count]
    return np.flatnonzero((middle < lowest_of_wing[:count]) & (middle <= after)) + wing


def _windows(prices: Series, first: Rows, after: Rows) -> _Windows:
    fresh = np.ones(len(first), dtype=np.bool_)
    fresh[1:] = (first[1:] != first[:-1]) | (after[1:] != after[:-1])
    lines = np.flatnonzero(fresh)
    begin, sizes = first[lines], after[lines] - first[lines]
    widest = int(sizes.max()) + 1
    padded = np.concatenate((prices, np.full(widest, np.inf)))
    table = sliding_window_view(padded, widest)[begin]
    np.putmask(table, np.arange(widest, dtype=np.int16) >= sizes.astype(np.int16)[:, None], np.inf)
    table.sort(axis=1)
    return _Windows(table=table, line=np.cumsum(fresh) - 1)


def _groups(windows: _Windows, reference: Series, width: Series) -> tuple[_Flags, _Flags]:
    """Return which swings begin a group, and which are not above the reference.

    Both have one row per place in a window and one column per day.
    """
    columns = np.ascontiguousarray(windows.table.T)
    shape = (len(columns), len(reference))
    begins, below = np.empty(shape, dtype=np.bool_), np.empty(shape, dtype=np.bool_)
    price, reach, furthest = np.empty(shape[1]), np.empty(shape[1]), np.full(shape[1], -np.inf)
    for column, begin, under in zip(columns, begins, below, strict=True):
        column.take(windows.line, out=price, mode="wrap")  # the cheapest mode; every line exists
        np.less_equal(price, reference, out=under)
        np.greater(price, furthest, out=begin)
        np.putmask(furthest, begin, np.add(price, width, out=reach))
    return begins, below


def _heads(begins: _Flags, below: _Flags) -> tuple[_Places, _Places, _Places, _Places]:
    """Return where the group before the own one begins, the own one, the one after, and the next.

    The own group is the last one that begins not above the reference. Places count from one; zero stands
    for none, and the next one has a place even behind the last swing.
    """
    # The smaller the numbers, the faster; a window with more swings than a byte can count is a rare one.
    small = len(begins) < np.iinfo(np.uint8).max
    places = np.arange(1, len(begins) + 1)[:, None]
    heads: _Places = begins * (places.astype(np.uint8) if small else places.astype(np.uint16))
    own = (heads * below.view(np.uint8)).max(axis=0)
    before = (heads * (heads < own).view(np.uint8)).max(axis=0)
    # Unsigned numbers wrap: what does not lie above becomes large, and is never the smallest.
    after = own + heads.dtype.type(1)
    after += (heads - after).min(axis=0)
    following = after + heads.dtype.type(1)
    following += (heads - following).min(axis=0)
    following[following <= after] = len(begins) + 1
    return before, own, after, following


def _beside(windows: _Windows, begins: _Flags, below: _Flags, reference: Series) -> tuple[Series, Series]:
    """Return the nearest of three groups' means on either side of each day's reference."""
    table, heads = windows.table, _heads(begins, below)
    places = np.empty((len(reference), len(heads)), dtype=np.int64)
    line = windows.line * table.shape[1] - 1
    for number, head in enumerate(heads):
        np.add(line, head, out=places[:, number])
    # Outside lie the first line's none and the last line's end; sums from the fourth place on are unused.
    inside = np.minimum(np.maximum(places, 0, out=places), table.size - 1, out=places)
    sums = np.add.reduceat(table.ravel(), inside.ravel())
    before, mean, after = (
        sums[number::4] / np.maximum(heads[number + 1] - heads[number], 1) for number in range(3)
    )
    before[heads[0] == 0] = -np.inf
    mean[heads[1] == 0] = np.nan
    return np.where(mean < reference, mean, before), np.where(mean > reference, mean, after)
