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
import talib

from bot.kernel.market import Candle
from bot.proposals.indicators import ATR_PERIOD, Series
from bot.proposals.policy import ProposalPolicy, VariantPolicy
from bot.proposals.rehearsal_levels import Rows, nearest_levels, swings


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
    wing = policy.swing_wing_bars
    support, resistance = nearest_levels(
        swings(bars.low, bars.high, wing),
        rows,
        reference,
        float(policy.cluster_width_atr) * atr,
        wing=wing,
        window=policy.swing_window_bars,
    )
    return Starts(rows=rows, reference=reference, atr=atr, support=support, resistance=resistance)


def plan_columns(starts: Starts, shape: Shape) -> PlanColumns:
    """Return stop and target of every start at which the variant would have been allowed (M3)."""
    reference, atr = starts.reference, starts.atr
    within, buffer = shape.pull_within_atr * atr, shape.pull_buffer_atr * atr
    stop = _pulled(reference - shape.stop_atr * atr, starts.support, within, buffer)
    target = _pulled(reference + shape.target_atr * atr, starts.resistance, within, buffer)
    far = reference - stop >= reference * (shape.min_stop_distance_pct / 100.0)
    kept = (stop > 0.0) & (target > reference) & far
    if kept.all():  # the usual case, and nothing needs copying
        return PlanColumns(
            rows=starts.rows, reference=reference, stop=stop, target=target, trail=reference - stop
        )
    return PlanColumns(
        rows=starts.rows[kept],
        reference=reference[kept],
        stop=stop[kept],
        target=target[kept],
        trail=(reference - stop)[kept],
    )


def _pulled(level: Series, magnet: Series, within: Series, buffer: Series) -> Series:
    return np.where(np.abs(level - magnet) <= within, magnet - buffer, level)
