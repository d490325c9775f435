"""The rehearsal as a plain loop over the bars: slow, obvious, and the oracle of the fast one."""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from bot.proposals.policy import ProposalPolicy
from bot.proposals.rehearsal_bars import Shape
from bot.proposals.rehearsal_replay import NEITHER, STOP, TARGET, Costs


class Bar(NamedTuple):
    open: float
    high: float
    low: float
    close: float


class End(NamedTuple):
    row: int
    end: int
    days: int
    price: float
    result: float
    gap: bool
    refused: bool


def plain_rehearsal(
    bars: Sequence[Bar],
    shapes: Sequence[Shape],
    *,
    warm_up: int,
    horizon: int,
    costs: Costs,
    policy: ProposalPolicy,
) -> list[list[End]]:
    """Return the ends of every shape: each day's plan from a cut of the days before it, then day by day."""
    ends: list[list[End]] = [[] for _ in shapes]
    averages = atr_by_bar(bars)
    for row in range(warm_up, len(bars) - horizon + 1):
        reference, atr = bars[row].open, averages[row - 1]
        known = bars[max(0, row - policy.swing_window_bars) : row]
        points = sorted(swings_of(known, policy.swing_wing_bars))
        means = clusters(points, float(policy.cluster_width_atr) * atr)
        support = max((mean for mean in means if mean < reference), default=None)
        resistance = min((mean for mean in means if mean > reference), default=None)
        for shape, found in zip(shapes, ends, strict=True):
            within, buffer = shape.pull_within_atr * atr, shape.pull_buffer_atr * atr
            stop = pulled(reference - shape.stop_atr * atr, support, within, buffer)
            target = pulled(reference + shape.target_atr * atr, resistance, within, buffer)
            far = reference - stop >= reference * (shape.min_stop_distance_pct / 100.0)
            if stop > 0.0 and target > reference and far:
                run = bars[row : row + horizon]
                found.append(one_plan(row, run, stop, target, trailing=shape.trailing, costs=costs))
    return ends


def one_plan(
    row: int, run: Sequence[Bar], stop: float, target: float, *, trailing: bool, costs: Costs
) -> End:
    """Walk one plan bar by bar until it ends."""
    reference, distance = run[0].open, run[0].open - stop
    highest = 0.0
    end, days, price, gap = NEITHER, len(run), run[-1].close, False
    for day, bar in enumerate(run, start=1):
        if trailing and day > 1:
            stop = max(stop, highest - distance)
        if bar.low <= stop:
            end, days, price, gap = STOP, day, min(stop, bar.open), bar.open < stop
            break
        if bar.high >= target:
            end, days, price = TARGET, day, max(target, bar.open)
            break
        highest = max(highest, bar.high)
    if costs.value * price / reference < costs.minimum_notional:
        return End(row, end, len(run), run[-1].close, run[-1].close / reference - 1.0, gap, refused=True)
    return End(row, end, days, price, price * costs.kept / reference - 1.0, gap, refused=False)


def atr_by_bar(bars: Sequence[Bar], period: int = 14) -> list[float]:
    """Return Wilder's average at each close; zero while the seed is gathered."""
    averages, ranges, value = [0.0], [], 0.0
    for before, bar in pairwise(bars):
        true_range = max(bar.high, before.close) - min(bar.low, before.close)
        ranges.append(true_range)
        if len(ranges) == period:
            value = sum(ranges) / period
        elif len(ranges) > period:
            value = (value * (period - 1) + true_range) / period
        averages.append(value)
    return averages


def swings_of(bars: Sequence[Bar], wing: int) -> list[float]:
    """Return the swing prices among the bars; a bar too near to an end is none."""
    swings: list[float] = []
    for at in range(wing, len(bars) - wing):
        left, right, bar = bars[at - wing : at], bars[at + 1 : at + wing + 1], bars[at]
        if all(bar.low < one.low for one in left) and all(bar.low <= one.low for one in right):
            swings.append(bar.low)
        if all(bar.high > one.high for one in left) and all(bar.high >= one.high for one in right):
            swings.append(bar.high)
    return swings


def clusters(points: Sequence[float], width: float) -> list[float]:
    """Return the means of groups that span at most the width from their lowest point."""
    means: list[float] = []
    lowest, total, members = 0.0, 0.0, 0
    for point in points:
        if members and point <= lowest + width:
            total, members = total + point, members + 1
            continue
        if members:
            means.append(total / members)
        lowest, total, members = point, point, 1
    if members:
        means.append(total / members)
    return means


def pulled(level: float, magnet: float | None, within: float, buffer: float) -> float:
    """Return the level, or the place just below the magnet that it lies near to."""
    return level if magnet is None or abs(level - magnet) > within else magnet - buffer
