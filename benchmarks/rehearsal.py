"""The rehearsal against a plain loop with equal results, and its cost over the length of history."""

import numpy as np

from benchmarks.measure import Result, alternating_ms, compare
from bot.proposals.policy import ProposalPolicy
from bot.proposals.rehearsal_bars import Bars, plan_columns, shape_of, starts_of
from bot.proposals.rehearsal_replay import Costs, Outcomes, replay
from tests.unit.proposals.plain_rehearsal import Bar, End, plain_rehearsal
from tests.unit.proposals.proposal_facts import walk

BARS = 1_500
QUICK_BARS = 200
LONG = 4
"""How many times longer the long history of the second figure is."""
WARM_UP, HORIZON = 50, 30
POLICY = ProposalPolicy()
SHAPES = tuple(shape_of(variant, POLICY) for variant in POLICY.variants)
COSTS = Costs(fee_bps=10.0, spread_bps=5.0, minimum_notional=5.0, value=500.0)


def measure(*, quick: bool = False) -> list[Result]:
    """Compare both ways over 1,500 daily bars, and the fast one with itself over four times as many."""
    bars, rounds = (QUICK_BARS, 1) if quick else (BARS, 9)
    rows = tuple(
        Bar(float(bar.open), float(bar.high), float(bar.low), float(bar.close))
        for bar in walk(bars * LONG, seed=3)
    )
    columns, long = columns_of(rows[:bars]), columns_of(rows)
    check_equal(fast(columns), slow(rows[:bars]))
    ours, theirs = alternating_ms([lambda: fast(columns), lambda: slow(rows[:bars])], rounds=rounds)
    one, many = alternating_ms([lambda: fast(columns), lambda: fast(long)], rounds=rounds * 5)
    return [
        compare(
            "rehearsal, 3 variants, 1,500 days",
            ours=theirs,
            theirs=ours,
            unit="ms as a loop",
            against="vectorised",
            times=20.0,
            side="at least",
        ),
        compare(
            f"rehearsal, {LONG} times the history",
            ours=many,
            theirs=one,
            unit="ms",
            against="1,500 days",
            times=LONG * 1.25,
        ),
    ]


def columns_of(rows: tuple[Bar, ...]) -> Bars:
    """Return the rows as columns."""
    return Bars(*(np.array(column, dtype=np.float64) for column in zip(*rows, strict=True)))


def fast(bars: Bars) -> list[Outcomes]:
    """Rehearse as the product does."""
    starts = starts_of(bars, warm_up=WARM_UP, horizon=HORIZON, policy=POLICY)
    return [
        replay(bars, plan_columns(starts, shape), trailing=shape.trailing, horizon=HORIZON, costs=COSTS)
        for shape in SHAPES
    ]


def slow(rows: tuple[Bar, ...]) -> list[list[End]]:
    """Rehearse as the tests' oracle does."""
    return plain_rehearsal(rows, SHAPES, warm_up=WARM_UP, horizon=HORIZON, costs=COSTS, policy=POLICY)


def check_equal(outcomes: list[Outcomes], ends: list[list[End]]) -> None:
    """Raise unless both found the same ends; a figure for another result would be worth nothing."""
    for one, other in zip(outcomes, ends, strict=True):
        same = one.ends.tolist() == [end.end for end in other] and one.days.tolist() == [
            end.days for end in other
        ]
        near = np.allclose(one.result, [end.result for end in other], rtol=1e-12, atol=1e-12)
        if not (same and near):
            raise AssertionError("the two rehearsals differ")
