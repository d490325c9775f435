"""The rehearsal against a plain loop with equal results, and its cost over the length of history.

Both begin with a market's bars as plain numbers, each in the form that suits it. The first figure ends with
how every plan of all three variants ended: day, price, net result. The second ends with the figures as they
stand in a proposal; rounding those into exact decimals costs both ways the same, which narrows the ratio.
Ends and figures are checked to be equal first.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from benchmarks.measure import Result, alternating_ms, compare, told
from benchmarks.plain_rehearsal import plain_rehearsal, plain_summary
from bot.proposals.policy import ProposalPolicy
from bot.proposals.rehearsal_bars import Bars, plan_columns, shape_of, starts_of
from bot.proposals.rehearsal_document import RehearsalOfVariant
from bot.proposals.rehearsal_replay import Costs, Outcomes, replay, strides_of
from bot.proposals.rehearsal_results import summary
from tests.unit.proposals.plain_rehearsal import Bar, End
from tests.unit.proposals.proposal_facts import walk

BARS = 1_500
QUICK_BARS = 200
OFTEN = 16
LONG = 4
"""How many times longer the long history of the second figure is."""
WARM_UP, HORIZON, MOST_BINS = 50, 30, 16
POLICY = ProposalPolicy()
SHAPES = tuple(shape_of(variant, POLICY) for variant in POLICY.variants)
COSTS = Costs(fee_bps=10.0, spread_bps=5.0, minimum_notional=5.0, value=500.0)


def measure(*, quick: bool = False) -> list[Result]:
    """Compare both ways over 1,500 daily bars, and the fast one with itself over four times as many."""
    bars, rounds = (QUICK_BARS, 1) if quick else (BARS, 25)
    rows = tuple(
        Bar(float(bar.open), float(bar.high), float(bar.low), float(bar.close))
        for bar in walk(bars * LONG, seed=3)
    )
    columns, long = columns_of(rows[:bars]), columns_of(rows)
    check_equal(columns, rows[:bars])
    ours, theirs, with_figures, their_figures = alternating_ms(
        [
            lambda: often(lambda: deque(fast_ends(columns), maxlen=0)),
            lambda: slow_ends(rows[:bars]),
            lambda: often(lambda: fast(columns)),
            lambda: slow(rows[:bars]),
        ],
        rounds=rounds,
    )
    one, many = alternating_ms(
        [lambda: often(lambda: fast(columns)), lambda: often(lambda: fast(long))], rounds=rounds
    )
    return [
        compare(
            "rehearsal, 3 variants, 1,500 days",
            ours=theirs,
            theirs=ours / OFTEN,
            unit="ms as a loop",
            against="vectorised",
            times=20.0,
            side="at least",
        ),
        told(
            "rehearsal, the same with all figures of the document",
            value=their_figures,
            unit="ms as a loop",
            against="vectorised",
            theirs=with_figures / OFTEN,
        ),
        compare(
            f"rehearsal, {LONG} times the history",
            ours=many / OFTEN,
            theirs=one / OFTEN,
            unit="ms",
            against="1,500 days",
            times=LONG * 1.25,
        ),
    ]


def often(action: Callable[[], object]) -> None:
    """Do it so often that it takes about as long as the loop once: a millisecond alone is mostly chance."""
    for _ in range(OFTEN):
        action()


def columns_of(rows: tuple[Bar, ...]) -> Bars:
    """Return the rows as columns."""
    return Bars(*(np.array(column, dtype=np.float64) for column in zip(*rows, strict=True)))


def fast(bars: Bars) -> list[RehearsalOfVariant | None]:
    """Rehearse as the product does, figures included."""
    return [
        summary(variant.name, outcomes, most_bins=MOST_BINS)
        for variant, outcomes in zip(POLICY.variants, fast_ends(bars), strict=True)
    ]


def fast_ends(bars: Bars) -> Iterator[Outcomes]:
    """Yield how the plans of each variant end, one variant after the other, as the product does."""
    starts = starts_of(bars, warm_up=WARM_UP, horizon=HORIZON, policy=POLICY)
    strides = strides_of(bars, HORIZON)
    for shape in SHAPES:
        plans = plan_columns(starts, shape)
        yield replay(bars, plans, trailing=False, horizon=HORIZON, costs=COSTS, strides=strides)


def slow(rows: Sequence[Bar]) -> list[RehearsalOfVariant | None]:
    """Rehearse in a plain loop, figures included."""
    return [
        plain_summary(variant.name, ends, most_bins=MOST_BINS)
        for variant, ends in zip(POLICY.variants, slow_ends(rows), strict=True)
    ]


def slow_ends(rows: Sequence[Bar]) -> list[list[End]]:
    """Return how the plans of each variant end, found in a plain loop."""
    return plain_rehearsal(rows, SHAPES, warm_up=WARM_UP, horizon=HORIZON, costs=COSTS, policy=POLICY)


def check_equal(bars: Bars, rows: Sequence[Bar]) -> None:
    """Raise unless both found the same ends and figures; a time for another result would be worth nothing."""
    for one, ends in zip(fast_ends(bars), slow_ends(rows), strict=True):
        same = [one.rows.tolist(), one.ends.tolist(), one.days.tolist()] == [
            [end.row for end in ends],
            [end.end for end in ends],
            [end.days for end in ends],
        ]
        if not (same and np.allclose(one.result, [end.result for end in ends], rtol=1e-12, atol=1e-12)):
            raise AssertionError("the two rehearsals differ")
    if fast(bars) != slow(rows):
        raise AssertionError("the two rehearsals have different figures")
