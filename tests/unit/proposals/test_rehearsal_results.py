"""The figures of replayed plans, on results small enough to compute by hand."""

import numpy as np
import pytest

from bot.proposals.policy import VariantName
from bot.proposals.rehearsal_replay import NEITHER, STOP, TARGET, Outcomes
from bot.proposals.rehearsal_results import distribution, summary
from tests.unit.proposals.proposal_facts import D


def outcomes(*ended: tuple[int, int, float]) -> Outcomes:
    """Return plans that begin on every tenth day: end, days, net result as a share."""
    ends, days, results = (np.array(column) for column in zip(*ended, strict=True))
    nothing = np.zeros(len(ended), dtype=bool)
    return Outcomes(
        rows=np.arange(len(ended)) * 10,
        ends=ends,
        days=days,
        price=results + 1.0,
        result=results.astype(float),
        gaps=nothing,
        refused=nothing,
    )


def test_every_figure_of_four_plans() -> None:
    found = summary(
        VariantName.RECOMMENDED,
        outcomes((STOP, 3, -0.10), (TARGET, 5, 0.12344), (NEITHER, 10, 0.0), (STOP, 4, -0.05)),
        most_bins=16,
    )
    assert found is not None
    assert (found.sample_size, found.independent_samples) == (4, 4)
    assert (found.stop_hits, found.target_hits, found.neither) == (2, 1, 1)
    assert (found.stop_hit_pct, found.target_hit_pct, found.neither_pct) == (D(50), D(25), D(25))
    assert (found.median_result_pct, found.mean_result_pct) == (D("-2.5"), D("-0.66"))
    assert (found.worst_result_pct, found.best_result_pct) == (D(-10), D("12.34"))
    assert found.losing_pct == D(50), "a result of zero is no loss"
    assert found.median_days_held == D("4.5")


def test_no_plan_has_no_figures() -> None:
    empty = outcomes((STOP, 1, 0.0))._replace(rows=np.empty(0, dtype=np.int64))
    assert summary(VariantName.RECOMMENDED, empty, most_bins=16) is None


def bins(*hundredths: int, most: int = 4) -> list[tuple[str, str, int]]:
    found = distribution(np.sort(np.array(hundredths)), most_bins=most)
    return [(str(one.from_pct), str(one.to_pct), one.count) for one in found]


def test_a_result_on_an_edge_belongs_to_the_bin_that_begins_there() -> None:
    assert bins(-25, 0, 24, 25) == [("-0.25", "0", 1), ("0", "0.25", 2), ("0.25", "0.5", 1)]


def test_gains_and_losses_never_share_a_bin() -> None:
    assert bins(-1, 1) == [("-0.25", "0", 1), ("0", "0.25", 1)]


def test_empty_bins_between_filled_ones_are_kept() -> None:
    assert [count for _, _, count in bins(0, 74)] == [1, 0, 1]


@pytest.mark.parametrize("spread", [1, 90, 101, 5_000, 77_777, 10_000_000])
def test_there_are_never_more_bins_than_wanted_and_the_finest_that_fit(spread: int) -> None:
    found = bins(-spread, 0, spread, most=4)
    assert len(found) <= 4
    assert sum(count for _, _, count in found) == 3
    assert float(found[0][0]) <= -spread / 100 < float(found[0][1])


def test_one_result_is_one_bin() -> None:
    assert bins(1234) == [("12.25", "12.5", 1)]
