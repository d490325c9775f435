"""Replays plans over bars, all of them at once: which level was touched first, and what the sale brought.

Rules:
1. A plan begins at its bar's open; that bar counts already.
2. Within one bar the stop comes before the target, always: the candle does not tell the order.
3. A bar that opens beyond a level fills at its open: worse than the stop, better than the target.
4. A trailing stop follows the highest high of the bars before, never of the bar itself.
5. A plan that touched nothing in its horizon is sold at the horizon's last close.
6. A sale pays the fee and half the spread; the coin was owned before, so entering costs nothing.
7. A sale worth less than the exchange's minimum is refused: the coin stays and is valued at the horizon's
   last close, without costs.
"""

from typing import NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from bot.proposals.indicators import Series
from bot.proposals.rehearsal_bars import Bars, PlanColumns
from bot.proposals.rehearsal_levels import Rows

STOP, TARGET, NEITHER = 0, 1, 2
_BPS = 10_000.0

Flags = npt.NDArray[np.bool_]
Strides = list[tuple[int, Series, Series]]
"""Numbers of bars, longest first, with the lowest low and highest high of so many bars from each one on."""


class Costs(msgspec.Struct, frozen=True, kw_only=True):
    """What a sale costs, and the smallest one that the exchange takes."""

    fee_bps: float
    spread_bps: float
    minimum_notional: float
    """Quote units."""
    value: float
    """Quote units that each rehearsed plan holds when it begins."""

    @property
    def kept(self) -> float:
        """Share of a sale's value that is left after fee and half the spread."""
        return (1.0 - self.fee_bps / _BPS) * (1.0 - self.spread_bps / (2.0 * _BPS))


class Outcomes(NamedTuple):
    """How each plan ended; equally long columns."""

    rows: Rows
    """Index of the bar at whose open it began."""
    ends: Rows
    """STOP, TARGET or NEITHER."""
    days: Rows
    """Bars from the first to the exit's, both counted."""
    price: Series
    """At which it was sold, or valued, before costs."""
    result: Series
    """Net, as a share of the reference."""
    gaps: Flags
    """Stops that filled at an open below them."""
    refused: Flags
    """Sales below the exchange's minimum."""


def replay(
    bars: Bars,
    plans: PlanColumns,
    *,
    trailing: bool,
    horizon: int,
    costs: Costs,
    strides: Strides | None = None,
) -> Outcomes:
    """Replay every plan; each start needs its whole horizon of bars, and the cost is linear in the starts.

    Args:
        bars: The past.
        plans: Starts with their levels.
        trailing: Whether the stop follows the price up.
        horizon: Bars that a plan may last.
        costs: Fee, spread, minimum.
        strides: `strides_of(bars, horizon)`, for whoever replays several variants.
    """
    rows, reference = plans.rows, plans.reference
    if trailing:
        held, stop = _held_trailing(bars, plans, horizon)
    else:
        held, stop = _held(plans, strides or strides_of(bars, horizon), horizon), plans.stop
    at = rows + held
    opened = bars.open[at]
    stopped = bars.low[at] <= stop
    reached = ~stopped & (bars.high[at] >= plans.target)
    last_close = bars.close[rows + (horizon - 1)]
    price = np.where(reached, np.maximum(plans.target, opened), last_close)
    np.copyto(price, np.minimum(stop, opened), where=stopped)
    refused = costs.value * price / reference < costs.minimum_notional
    kept = price * costs.kept
    days = held + 1
    if refused.any():
        price, kept = (np.where(refused, last_close, values) for values in (price, kept))
        days = np.where(refused, horizon, days)
    return Outcomes(
        rows=rows,
        ends=np.where(stopped, STOP, np.where(reached, TARGET, NEITHER)),
        days=days,
        price=price,
        result=kept / reference - 1.0,
        gaps=stopped & (opened < stop),
        refused=refused,
    )


def strides_of(bars: Bars, horizon: int) -> Strides:
    """Return strides that add up to the horizon at least, longest first, each with its lows and highs.

    Behind the last bar nothing is ever touched; a plan that strides there has outlived its horizon.
    """
    beyond = 2 * horizon
    lows = np.concatenate((bars.low, np.full(beyond, np.inf)))
    highs = np.concatenate((bars.high, np.full(beyond, -np.inf)))
    stride, found = 1, [(1, lows, highs)]
    while 2 * stride - 1 < horizon:
        lows, highs = np.minimum(lows[:-stride], lows[stride:]), np.maximum(highs[:-stride], highs[stride:])
        stride *= 2
        found.append((stride, lows, highs))
    return found[::-1]


def independent_samples(outcomes: Outcomes) -> float:
    """Return what overlapping samples are worth.

    Each bar is shared by the plans that live on it; a plan's worth is the mean of its shares, the
    samples' worth the sum (average uniqueness; Lopez de Prado, Advances in Financial Machine Learning, 4.4).
    Samples of d days that begin on every day are worth one in d.
    """
    if not len(outcomes.rows):
        return 0.0
    begins, ends = outcomes.rows, outcomes.rows + outcomes.days
    bars = int(ends.max()) + 1
    alive = np.cumsum(np.bincount(begins, minlength=bars) - np.bincount(ends, minlength=bars))
    shares = np.zeros(bars + 1)
    np.cumsum(1.0 / np.maximum(alive, 1), out=shares[1:])
    return float(((shares[ends] - shares[begins]) / outcomes.days).sum())


def _held(plans: PlanColumns, strides: Strides, horizon: int) -> Rows:
    """Return how many bars after its first each plan's last one comes, for stops that stand still.

    A plan is quiet over some bars if their lowest low stays above the stop and their highest high below
    the target. The lows and highs of 1, 2, 4, 8 … bars are made once; each plan then takes the longest
    stride first, and every stride that is quiet. So it stands at its first bar that is not.
    """
    at = plans.rows.copy()
    low, high = np.empty(len(at)), np.empty(len(at))
    quiet, under = np.empty(len(at), dtype=np.bool_), np.empty(len(at), dtype=np.bool_)
    for stride, lows, highs in strides:
        # Every place exists, which makes the cheapest mode right.
        np.greater(lows.take(at, out=low, mode="wrap"), plans.stop, out=quiet)
        np.less(highs.take(at, out=high, mode="wrap"), plans.target, out=under)
        quiet &= under
        at += np.multiply(quiet, stride, dtype=np.int64)
    at -= plans.rows
    return np.minimum(at, horizon - 1, out=at)


def _held_trailing(bars: Bars, plans: PlanColumns, horizon: int) -> tuple[Rows, Series]:
    """Return how many bars after its first each plan's last one comes, and the stop in force there."""
    rows, lines = plans.rows, np.arange(len(plans.rows))
    lows, highs = _windows(bars.low, rows, horizon), _windows(bars.high, rows, horizon)
    stops = np.empty_like(highs)
    stops[:, 0] = plans.stop
    followed = np.maximum.accumulate(highs[:, :-1], axis=1) - plans.trail[:, None]
    stops[:, 1:] = np.maximum(plans.stop[:, None], followed)
    touched = (lows <= stops) | (highs >= plans.target[:, None])
    first = touched.argmax(axis=1)
    held: Rows = np.where(touched[lines, first], first, horizon - 1)
    return held, stops[lines, held]


def _windows(values: Series, rows: Rows, horizon: int) -> npt.NDArray[np.float64]:
    """Return one line per start: the horizon's values from the start on."""
    if not len(rows):
        return np.empty((0, horizon))
    return sliding_window_view(values, horizon)[rows]
