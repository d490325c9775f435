"""From replayed plans to the figures that a person reads.

Each result is rounded once, to a hundredth of a percent; every figure is exact arithmetic from there on, so
that nobody's floating point decides about a digest.
"""

from decimal import Decimal
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from bot.kernel.money import HUNDRED, plain
from bot.proposals.indicators import to_places
from bot.proposals.policy import VariantName
from bot.proposals.rehearsal_document import RehearsalOfVariant, ResultBin
from bot.proposals.rehearsal_replay import NEITHER, STOP, TARGET, Outcomes, independent_samples

_HUNDREDTHS = 10_000.0
_WIDTHS = (25, 50, 100, 200, 250, 500, 1_000, 2_000, 2_500, 5_000, 10_000)
"""Widths of a bin, in hundredths of a percent, that a person can read off."""

Hundredths = npt.NDArray[np.int64]


def summary(variant: VariantName, outcomes: Outcomes, *, most_bins: int) -> RehearsalOfVariant | None:
    """Return the figures of one variant, or None without a single sample."""
    count = len(outcomes.rows)
    if count == 0:
        return None
    results = np.rint(outcomes.result * _HUNDREDTHS).astype(np.int64)
    hits = np.bincount(outcomes.ends, minlength=NEITHER + 1).tolist()
    return RehearsalOfVariant(
        variant=variant,
        sample_size=count,
        # A hair above the sum's own rounding, so that whole numbers stay whole.
        independent_samples=max(1, int(independent_samples(outcomes) + 1e-6)),
        stop_hits=hits[STOP],
        target_hits=hits[TARGET],
        neither=hits[NEITHER],
        stop_hit_pct=_share(hits[STOP], count),
        target_hit_pct=_share(hits[TARGET], count),
        neither_pct=_share(hits[NEITHER], count),
        stop_gaps=int(np.count_nonzero(outcomes.gaps)),
        refused_exits=int(np.count_nonzero(outcomes.refused)),
        median_result_pct=to_places(_median(results) / HUNDRED, 2),
        mean_result_pct=to_places(Decimal(int(results.sum())) / count / HUNDRED, 2),
        worst_result_pct=to_places(Decimal(int(results.min())) / HUNDRED, 2),
        best_result_pct=to_places(Decimal(int(results.max())) / HUNDRED, 2),
        losing_pct=_share(int(np.count_nonzero(results < 0)), count),
        median_days_held=to_places(_median(outcomes.days), 1),
        distribution=distribution(results, most_bins=most_bins),
    )


def distribution(results: Hundredths, *, most_bins: int) -> tuple[ResultBin, ...]:
    """Return the results in bins of the finest readable width that needs at most so many bins.

    Edges are multiples of the width, so that zero is always an edge: gains and losses never share a bin.

    Args:
        results: In hundredths of a percent, in any order, at least one.
        most_bins: More than one; wide results get wide bins, never more of them.
    """
    low, high = int(results.min()), int(results.max())
    width = width_of_bins(low, high, most_bins=most_bins)
    first, bins = low // width, high // width - low // width + 1
    counts = np.bincount(results // width - first, minlength=bins).tolist()
    edges = [plain(Decimal((first + number) * width) / HUNDRED) for number in range(bins + 1)]
    return tuple(
        ResultBin(from_pct=left, to_pct=right, count=held)
        for (left, right), held in zip(pairwise(edges), counts, strict=True)
    )


def width_of_bins(low: int, high: int, *, most_bins: int) -> int:
    """Return the finest readable width of bins, all in hundredths of a percent."""
    width = next((one for one in _WIDTHS if high // one - low // one < most_bins), 0)
    while width == 0 or high // width - low // width >= most_bins:
        width = max(_WIDTHS[-1], width * 2)
    return width


def _share(part: int, whole: int) -> Decimal:
    return to_places(Decimal(part) / whole * HUNDRED, 1)


def _median(values: npt.NDArray[np.int64]) -> Decimal:
    """Return the exact median of whole numbers, at least one."""
    middle = len(values) // 2
    before, at = np.partition(values, (middle - 1, middle))[[middle - 1, middle]].tolist()
    return Decimal(at) if len(values) % 2 else Decimal(before + at) / 2
