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
from bot.proposals.rehearsal_bars import Bars, PlanColumns, Rows

STOP, TARGET, NEITHER = 0, 1, 2
_BPS = 10_000.0

Flags = npt.NDArray[np.bool_]


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


def replay(bars: Bars, plans: PlanColumns, *, trailing: bool, horizon: int, costs: Costs) -> Outcomes:
    """Replay every plan; each start needs its whole horizon of bars, and the cost is linear in the starts.

    Args:
        bars: The past.
        plans: Starts with their levels.
        trailing: Whether the stop follows the price up.
        horizon: Bars that a plan may last.
        costs: Fee, spread, minimum.
    """
    rows = plans.rows
    lines = np.arange(len(rows))
    stops = _stops(bars, plans, horizon) if trailing else plans.stop[:, None]
    stopped_on = _first(_windows(bars.low, rows, horizon) <= stops, lines)
    reached_on = _first(_windows(bars.high, rows, horizon) >= plans.target[:, None], lines)
    ends = np.where(reached_on < stopped_on, TARGET, np.where(stopped_on < horizon, STOP, NEITHER))
    exit_on = np.minimum(np.minimum(stopped_on, reached_on), horizon - 1)
    last_close = bars.close[rows + horizon - 1]
    opened = bars.open[rows + exit_on]
    stop = stops[lines, exit_on] if trailing else plans.stop
    price = np.where(ends == STOP, np.minimum(stop, opened), np.maximum(plans.target, opened))
    price = np.where(ends == NEITHER, last_close, price)
    refused = costs.value * price / plans.reference < costs.minimum_notional
    return Outcomes(
        rows=rows,
        ends=ends,
        days=np.where(refused, horizon, exit_on + 1),
        price=np.where(refused, last_close, price),
        result=np.where(refused, last_close, price * costs.kept) / plans.reference - 1.0,
        gaps=(ends == STOP) & (opened < stop),
        refused=refused,
    )


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
    shares = np.concatenate(([0.0], np.cumsum(1.0 / np.maximum(alive, 1))))
    return float(((shares[ends] - shares[begins]) / outcomes.days).sum())


def _windows(values: Series, rows: Rows, horizon: int) -> npt.NDArray[np.float64]:
    """Return one line per start: the horizon's values from the start on."""
    if not len(rows):
        return np.empty((0, horizon))
    windows = sliding_window_view(values, horizon)
    # Starts side by side, the usual case, need no copy.
    whole = len(rows) == rows[-1] - rows[0] + 1
    return windows[rows[0] : rows[-1] + 1] if whole else windows[rows]


def _first(flags: Flags, lines: Rows) -> Rows:
    """Return each line's first true column, or the number of columns where there is none."""
    found = flags.argmax(axis=1)
    columns: Rows = np.where(flags[lines, found], found, flags.shape[1])
    return columns


def _stops(bars: Bars, plans: PlanColumns, horizon: int) -> npt.NDArray[np.float64]:
    """Return the trailing stop in force on every bar of every plan."""
    highs = np.maximum.accumulate(_windows(bars.high, plans.rows, horizon), axis=1)
    stops = np.empty_like(highs)
    stops[:, 0] = plans.stop
    stops[:, 1:] = np.maximum(plans.stop[:, None], highs[:, :-1] - plans.trail[:, None])
    return stops
