"""The rehearsal as one would write it without columns: a loop over the days in which no work is done twice.

The averages and the swings of the whole past are found once, each day's levels once for all variants, and
a plan walks only until it ends. (The tests' oracle is slower on purpose: it looks at each day's past anew,
as a proof that nothing later counts. It would be no fair comparison.)
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from itertools import accumulate

from bot.proposals.indicators import to_places
from bot.proposals.policy import ProposalPolicy, VariantName
from bot.proposals.rehearsal_bars import Shape
from bot.proposals.rehearsal_document import RehearsalOfVariant, ResultBin
from bot.proposals.rehearsal_replay import NEITHER, STOP, TARGET, Costs
from bot.proposals.rehearsal_results import width_of_bins
from tests.unit.proposals.plain_rehearsal import Bar, End, atr_by_bar, clusters, pulled


def plain_rehearsal(
    bars: Sequence[Bar],
    shapes: Sequence[Shape],
    *,
    warm_up: int,
    horizon: int,
    costs: Costs,
    policy: ProposalPolicy,
) -> list[list[End]]:
    """Return the ends of every shape, one per day on which it could begin."""
    ends: list[list[End]] = [[] for _ in shapes]
    averages, (at, prices) = atr_by_bar(bars), swings_by_row(bars, policy.swing_wing_bars)
    wing, window, width = policy.swing_wing_bars, policy.swing_window_bars, float(policy.cluster_width_atr)
    for row in range(warm_up, len(bars) - horizon + 1):
        reference, atr = bars[row].open, averages[row - 1]
        known = slice(bisect_left(at, row - window + wing), bisect_left(at, row - wing))
        means = clusters(sorted(prices[known]), width * atr)
        support = max((mean for mean in means if mean < reference), default=None)
        resistance = min((mean for mean in means if mean > reference), default=None)
        run = bars[row : row + horizon]
        for shape, found in zip(shapes, ends, strict=True):
            within, buffer = shape.pull_within_atr * atr, shape.pull_buffer_atr * atr
            stop = pulled(reference - shape.stop_atr * atr, support, within, buffer)
            target = pulled(reference + shape.target_atr * atr, resistance, within, buffer)
            far = reference - stop >= reference * (shape.min_stop_distance_pct / 100.0)
            if stop > 0.0 and target > reference and far:
                found.append(walked(row, run, stop, target, costs))
    return ends


def swings_by_row(bars: Sequence[Bar], wing: int) -> tuple[list[int], list[float]]:
    """Return the rows and prices of all swings, oldest first."""
    rows, prices = list[int](), list[float]()
    for at in range(wing, len(bars) - wing):
        left, right = bars[at - wing : at], bars[at + 1 : at + wing + 1]
        _, high, low, _ = bars[at]
        if all(low < bar.low for bar in left) and all(low <= bar.low for bar in right):
            rows.append(at)
            prices.append(low)
        if all(high > bar.high for bar in left) and all(high >= bar.high for bar in right):
            rows.append(at)
            prices.append(high)
    return rows, prices


def walked(row: int, run: Sequence[Bar], stop: float, target: float, costs: Costs) -> End:
    """Walk one plan whose stop stands still until it ends."""
    reference, last_close = run[0].open, run[-1].close
    end, days, price, gap = NEITHER, len(run), last_close, False
    for day, (opened, high, low, _) in enumerate(run, start=1):
        if low <= stop:
            end, days, price, gap = STOP, day, min(stop, opened), opened < stop
            break
        if high >= target:
            end, days, price = TARGET, day, max(target, opened)
            break
    if costs.value * price / reference < costs.minimum_notional:
        return End(row, end, len(run), last_close, last_close / reference - 1.0, gap, refused=True)
    return End(row, end, days, price, price * costs.kept / reference - 1.0, gap, refused=False)


def plain_summary(variant: VariantName, ends: Sequence[End], *, most_bins: int) -> RehearsalOfVariant:
    """Return the figures of one variant's ends, at least one."""
    count = len(ends)
    results, days = sorted(round(end.result * 10_000) for end in ends), sorted(end.days for end in ends)
    hits = Counter(end.end for end in ends)
    low, high = results[0], results[-1]
    width = width_of_bins(low, high, most_bins=most_bins)
    bins = Counter(result // width for result in results)
    return RehearsalOfVariant(
        variant=variant,
        sample_size=count,
        independent_samples=max(1, int(worth(ends) + 1e-6)),
        stop_hits=hits[STOP],
        target_hits=hits[TARGET],
        neither=hits[NEITHER],
        stop_hit_pct=to_places(Decimal(hits[STOP]) / count * 100, 1),
        target_hit_pct=to_places(Decimal(hits[TARGET]) / count * 100, 1),
        neither_pct=to_places(Decimal(hits[NEITHER]) / count * 100, 1),
        stop_gaps=sum(end.gap for end in ends),
        refused_exits=sum(end.refused for end in ends),
        median_result_pct=to_places(middle_of(results) / 100, 2),
        mean_result_pct=to_places(Decimal(sum(results)) / count / 100, 2),
        worst_result_pct=to_places(Decimal(low) / 100, 2),
        best_result_pct=to_places(Decimal(high) / 100, 2),
        losing_pct=to_places(Decimal(bisect_left(results, 0)) / count * 100, 1),
        median_days_held=to_places(middle_of(days), 1),
        distribution=tuple(
            ResultBin(
                from_pct=to_places(Decimal(number * width) / 100, 2),
                to_pct=to_places(Decimal((number + 1) * width) / 100, 2),
                count=bins[number],
            )
            for number in range(low // width, high // width + 1)
        ),
    )


def worth(ends: Sequence[End]) -> float:
    """Return what overlapping samples are worth: each bar is shared by the plans that live on it."""
    change = [0] * (max(end.row + end.days for end in ends) + 1)
    for end in ends:
        change[end.row] += 1
        change[end.row + end.days] -= 1
    shares = list(accumulate((1.0 / max(alive, 1) for alive in accumulate(change)), initial=0.0))
    return sum((shares[end.row + end.days] - shares[end.row]) / end.days for end in ends)


def middle_of(ascending: Sequence[int]) -> Decimal:
    """Return the median of whole numbers."""
    middle = len(ascending) // 2
    if len(ascending) % 2:
        return Decimal(ascending[middle])
    return Decimal(ascending[middle - 1] + ascending[middle]) / 2
