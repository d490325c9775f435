"""The past as columns of numbers: what was known at each bar, and the plan that follows from it.

Rules:
1. A plan that begins at a bar's open hangs on that open, as a proposal hangs on the price of its moment.
2. Averages and swings come from the bars before it, all closed; a swing needs its right wing as well.
3. Levels follow the rules of `levels.py`, but lie on no tick: what the tick was in the past is not known.
Columns are float64, since they end as statistics; no loop runs over the bars.
"""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt
import talib

from bot.kernel.market import Candle
from bot.proposals.indicators import ATR_PERIOD, Series
from bot.proposals.policy import ProposalPolicy, VariantPolicy

Rows = npt.NDArray[np.int64]

_BLOCK = 720
"""Starts whose swings are looked at together: few enough for the processor's near memory."""


class Bars(NamedTuple):
    """Closed daily candles as columns, oldest first, equally long."""

    open: Series
    high: Series
    low: Series
    close: Series


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """A plan as distances in ATR, and the rules that pull and forbid it."""

    stop_atr: float
    target_atr: float
    trailing: bool
    pull_within_atr: float
    pull_buffer_atr: float
    min_stop_distance_pct: float


class Starts(NamedTuple):
    """The bars at whose open a plan begins, with what was known there; equally long columns."""

    rows: Rows
    """Index of the bar in `Bars`."""
    reference: Series
    """Its open."""
    atr: Series
    """ATR at the close before it."""
    support: Series
    """Nearest level below the reference, -inf where none."""
    resistance: Series
    """Nearest level above the reference, +inf where none."""


class PlanColumns(NamedTuple):
    """Stops and targets of one shape, one per start that the rules allow."""

    rows: Rows
    reference: Series
    stop: Series
    target: Series
    trail: Series
    """Distance at which a trailing stop follows the high."""


def bars_of(daily: Sequence[Candle]) -> Bars:
    """Return the candles as columns."""
    table = np.array([(bar.open, bar.high, bar.low, bar.close) for bar in daily], dtype=np.float64)
    return Bars(*(np.ascontiguousarray(column) for column in table.reshape(-1, 4).T))


def shape_of(variant: VariantPolicy, policy: ProposalPolicy) -> Shape:
    """Return a variant's plan as numbers of the replay."""
    return Shape(
        stop_atr=float(variant.stop_atr),
        target_atr=float(variant.target_atr),
        trailing=variant.trailing_stop,
        pull_within_atr=float(policy.pull_within_atr),
        pull_buffer_atr=float(policy.pull_buffer_atr),
        min_stop_distance_pct=float(policy.min_stop_distance_pct),
    )


def starts_of(bars: Bars, *, warm_up: int, horizon: int, policy: ProposalPolicy) -> Starts:
    """Return every bar after the warm-up whose whole horizon lies in the past.

    A start whose horizon is not over is left out even if its plan has ended already: only the quick
    ends would be known, and those are not the usual ones.
    """
    last = len(bars.open) - horizon
    rows = np.arange(warm_up, max(warm_up, last + 1), dtype=np.int64)
    reference = bars.open[rows]
    atr: Series = talib.ATR(bars.high, bars.low, bars.close, timeperiod=ATR_PERIOD)[rows - 1]
    support, resistance = _nearest(bars, rows, reference, atr, policy)
    return Starts(rows=rows, reference=reference, atr=atr, support=support, resistance=resistance)


def plan_columns(starts: Starts, shape: Shape) -> PlanColumns:
    """Return stop and target of every start at which the variant would have been allowed (M3)."""
    reference, atr = starts.reference, starts.atr
    within, buffer = shape.pull_within_atr * atr, shape.pull_buffer_atr * atr
    stop = _pulled(reference - shape.stop_atr * atr, starts.support, within, buffer)
    target = _pulled(reference + shape.target_atr * atr, starts.resistance, within, buffer)
    far = reference - stop >= reference * (shape.min_stop_distance_pct / 100.0)
    kept = (stop > 0.0) & (target > reference) & far
    return PlanColumns(
        rows=starts.rows[kept],
        reference=reference[kept],
        stop=stop[kept],
        target=target[kept],
        trail=(reference - stop)[kept],
    )


def swings(bars: Bars, wing: int) -> tuple[Rows, Series]:
    """Return the rows and prices of swing lows and highs, by row; the rule is `levels.swing_points`."""
    count = len(bars.low) - 2 * wing
    if count <= 0:
        return np.empty(0, dtype=np.int64), np.empty(0)
    found = []
    for values in (bars.low, -bars.high):
        middle = values[wing : wing + count]
        lowest = np.ones(count, dtype=np.bool_)
        for away in range(1, wing + 1):
            lowest &= middle < values[wing - away : wing - away + count]
            lowest &= middle <= values[wing + away : wing + away + count]
        found.append(np.flatnonzero(lowest) + wing)
    rows = np.concatenate(found)
    prices = np.concatenate((bars.low[found[0]], bars.high[found[1]]))
    order = np.argsort(rows, kind="stable")
    return rows[order], prices[order]


def _nearest(
    bars: Bars, rows: Rows, reference: Series, atr: Series, policy: ProposalPolicy
) -> tuple[Series, Series]:
    """Return the nearest clusters of the swings that were known before each start, `inf` where none."""
    wing, window = policy.swing_wing_bars, policy.swing_window_bars
    at, prices = swings(bars, wing)
    first = np.searchsorted(at, rows - window + wing)
    after = np.searchsorted(at, rows - wing)
    width = float(policy.cluster_width_atr) * atr
    support, resistance = np.full(len(rows), -np.inf), np.full(len(rows), np.inf)
    for begin in range(0, len(rows), _BLOCK):
        block = slice(begin, begin + _BLOCK)
        widest = int((after[block] - first[block]).max())
        if widest:
            table = _swings_of_windows(prices, first[block], after[block], widest)
            found = _nearest_in_lines(table, width[block], reference[block])
            support[block], resistance[block] = found
    return support, resistance


def _nearest_in_lines(
    table: npt.NDArray[np.float64], width: Series, reference: Series
) -> tuple[Series, Series]:
    """Return the nearest cluster's mean below and above the reference, line by line.

    Args:
        table: One line per start: its window's swings in ascending order, filled up with `inf`.
        width: How far a cluster reaches above its lowest swing.
        reference: The price between the two.
    """
    places = np.flatnonzero(_cluster_begins(table, width))
    lines = places // table.shape[1]
    means = np.add.reduceat(table.ravel(), places) / np.diff(places, append=table.size)
    heads = np.searchsorted(lines, np.arange(len(table)))
    here = reference[lines]
    support: Series = np.maximum.reduceat(np.where(means < here, means, -np.inf), heads)
    resistance: Series = np.minimum.reduceat(np.where(means > here, means, np.inf), heads)
    return support, resistance


def _swings_of_windows(prices: Series, first: Rows, after: Rows, widest: int) -> npt.NDArray[np.float64]:
    """Return one ascending line of swings per window; windows side by side are often the same."""
    fresh = np.ones(len(first), dtype=np.bool_)
    fresh[1:] = (np.diff(first) != 0) | (np.diff(after) != 0)
    begin, end = first[fresh], after[fresh]
    columns = begin[:, None] + np.arange(widest)
    table = np.where(columns < end[:, None], prices[np.minimum(columns, len(prices) - 1)], np.inf)
    table.sort(axis=1)
    lines: npt.NDArray[np.float64] = table[np.cumsum(fresh) - 1]
    return lines


def _cluster_begins(table: npt.NDArray[np.float64], width: Series) -> npt.NDArray[np.bool_]:
    """Mark the swings that lie further than the width above the lowest of the cluster before.

    The columns are walked; there are never more of them than a window has swings.
    """
    columns = np.ascontiguousarray(table.T)
    begins = np.ones(columns.shape, dtype=np.bool_)
    furthest = columns[0] + width
    for number in range(1, len(columns)):
        price = columns[number]
        far = np.greater(price, furthest, out=begins[number])
        np.copyto(furthest, price + width, where=far)
    return np.ascontiguousarray(begins.T)


def _pulled(level: Series, magnet: Series, within: Series, buffer: Series) -> Series:
    return np.where(np.abs(level - magnet) <= within, magnet - buffer, level)
