"""The fast rehearsal beside a plain loop over the bars, and its figures beside each other, on any market."""

import math
from itertools import pairwise

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.proposals.document import Proposal
from bot.proposals.policy import ProposalPolicy
from bot.proposals.rehearsal_bars import Bars, bars_of, plan_columns, shape_of, starts_of
from bot.proposals.rehearsal_document import RehearsalOfVariant
from bot.proposals.rehearsal_replay import Costs, Outcomes, replay
from tests.unit.proposals.plain_rehearsal import Bar, atr_by_bar, clusters, plain_rehearsal, swings_of
from tests.unit.proposals.proposal_facts import D, facts, propose, walk

POLICY = ProposalPolicy()
WARM_UP, HORIZON = 50, 30
COSTS = Costs(fee_bps=10.0, spread_bps=7.0, minimum_notional=5.0, value=5.6)
SHAPES = tuple(
    shape_of(msgspec.structs.replace(variant, trailing_stop=trailing), POLICY)
    for variant in POLICY.variants
    for trailing in (False, True)
)


def replayed(bars: Bars, *, horizon: int = HORIZON, costs: Costs = COSTS) -> list[Outcomes]:
    starts = starts_of(bars, warm_up=WARM_UP, horizon=horizon, policy=POLICY)
    return [
        replay(bars, plan_columns(starts, shape), trailing=shape.trailing, horizon=horizon, costs=costs)
        for shape in SHAPES
    ]


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 100_000),
    bars=st.integers(60, 400),
    sigma=st.sampled_from([0.004, 0.03, 0.10, 0.25]),
    horizon=st.sampled_from([1, 7, 8, 30]),
)
def test_the_fast_replay_is_the_plain_loop(seed: int, bars: int, sigma: float, horizon: int) -> None:
    columns = with_gaps(bars_of(walk(bars, seed=seed, sigma=sigma)), seed, sigma)
    rows = [Bar(*map(float, row)) for row in zip(*columns, strict=True)]
    slow = plain_rehearsal(rows, SHAPES, warm_up=WARM_UP, horizon=horizon, costs=COSTS, policy=POLICY)
    for fast, ends in zip(replayed(columns, horizon=horizon), slow, strict=True):
        assert fast.rows.tolist() == [end.row for end in ends]
        assert fast.ends.tolist() == [end.end for end in ends]
        assert fast.days.tolist() == [end.days for end in ends]
        assert fast.gaps.tolist() == [end.gap for end in ends]
        assert fast.refused.tolist() == [end.refused for end in ends]
        assert fast.result.tolist() == pytest.approx([end.result for end in ends], rel=1e-12, abs=1e-12)


def with_gaps(bars: Bars, seed: int, sigma: float) -> Bars:
    """Return the bars opening away from the close before, as a halted market does."""
    opened = bars.open * np.exp(np.random.default_rng(seed).normal(0.0, sigma / 2, len(bars.open)))
    return Bars(opened, np.maximum(bars.high, opened), np.minimum(bars.low, opened), bars.close)


@pytest.mark.parametrize(
    ("bars", "wing", "window"),
    [(400, 1, 250), (1_000, 1, 900), (200, 5, 30), (160, 20, 41), (1_700, 3, 120)],
    ids=["100 swings", "more than a byte counts", "few swings", "hardly any", "more than one block"],
)
def test_the_levels_are_the_plain_loops_whatever_the_window(bars: int, wing: int, window: int) -> None:
    policy = msgspec.structs.replace(POLICY, swing_wing_bars=wing, swing_window_bars=window)
    columns = bars_of(walk(bars, seed=wing))
    rows = [Bar(*map(float, row)) for row in zip(*columns, strict=True)]
    starts = starts_of(columns, warm_up=WARM_UP, horizon=HORIZON, policy=policy)
    averages = atr_by_bar(rows)
    for row, reference, support, resistance in zip(
        starts.rows.tolist(), starts.reference, starts.support, starts.resistance, strict=True
    ):
        points = sorted(swings_of(rows[max(0, row - window) : row], wing))
        means = clusters(points, float(policy.cluster_width_atr) * averages[row - 1])
        below = max((mean for mean in means if mean < reference), default=-math.inf)
        above = min((mean for mean in means if mean > reference), default=math.inf)
        assert (support, resistance) == pytest.approx((below, above), rel=1e-12, abs=0), row


def test_the_oracle_sees_every_kind_of_end() -> None:
    seen = [
        replayed(with_gaps(bars_of(walk(400, seed=seed, sigma=sigma)), seed, sigma))
        for seed, sigma in ((1, 0.03), (2, 0.25))
    ]
    assert any(one.gaps.any() for outcomes in seen for one in outcomes)
    ends = np.concatenate([one.ends for outcomes in seen for one in outcomes])
    assert set(ends.tolist()) == {0, 1, 2}
    assert any(one.refused.any() for outcomes in seen for one in outcomes)


def check(one: RehearsalOfVariant) -> None:
    assert one.stop_hits + one.target_hits + one.neither == one.sample_size
    assert sum(each.count for each in one.distribution) == one.sample_size
    assert one.worst_result_pct <= one.median_result_pct <= one.best_result_pct
    assert one.worst_result_pct <= one.mean_result_pct <= one.best_result_pct
    assert 1 <= one.independent_samples <= one.sample_size
    assert one.distribution[0].from_pct <= one.worst_result_pct < one.distribution[0].to_pct
    assert one.distribution[-1].from_pct <= one.best_result_pct < one.distribution[-1].to_pct
    assert one.distribution[0].count > 0 < one.distribution[-1].count
    assert len(one.distribution) <= 16
    assert abs(one.stop_hit_pct + one.target_hit_pct + one.neither_pct - 100) <= D("0.2")
    for left, right in pairwise(one.distribution):
        assert left.to_pct == right.from_pct
        assert left.to_pct - left.from_pct == right.to_pct - right.from_pct


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 100_000), bars=st.integers(61, 500), sigma=st.sampled_from([0.01, 0.05, 0.2]))
def test_the_figures_of_a_rehearsal_fit_each_other(seed: int, bars: int, sigma: float) -> None:
    result = propose(facts(seed=seed, daily=walk(bars, seed=seed, sigma=sigma)))
    if not isinstance(result, Proposal):
        return
    assert result.rehearsal is not None
    for one in result.rehearsal.variants:
        check(one)
        # A day is left out only where the plan's stop would have been too near or below zero.
        assert one.sample_size <= bars - 1 - WARM_UP - HORIZON + 1
