"""Single plans over a handful of bars: each rule of the replay by hand, and by a plain loop."""

import numpy as np
import pytest

from bot.proposals.rehearsal_bars import Bars, PlanColumns
from bot.proposals.rehearsal_replay import (
    NEITHER,
    STOP,
    TARGET,
    Costs,
    Outcomes,
    independent_samples,
    replay,
)
from tests.unit.proposals.plain_rehearsal import Bar, one_plan

FREE = Costs(fee_bps=0.0, spread_bps=0.0, minimum_notional=0.0, value=100.0)
QUIET = Bar(100, 101, 99, 100)


def run(
    *rows: Bar, stop: float = 90.0, target: float = 110.0, trailing: bool = False, costs: Costs = FREE
) -> Outcomes:
    """Replay one plan that begins at the first row's open and lasts as many bars as there are rows."""
    bars = Bars(*(np.array(column, dtype=float) for column in zip(*rows, strict=True)))
    reference = float(rows[0].open)
    plans = PlanColumns(
        rows=np.array([0]),
        reference=np.array([reference]),
        stop=np.array([stop]),
        target=np.array([target]),
        trail=np.array([reference - stop]),
    )
    outcomes = replay(bars, plans, trailing=trailing, horizon=len(rows), costs=costs)
    slow = one_plan(0, rows, stop, target, trailing=trailing, costs=costs)
    assert (slow.end, slow.days, slow.gap, slow.refused) == (
        outcomes.ends[0],
        outcomes.days[0],
        outcomes.gaps[0],
        outcomes.refused[0],
    )
    assert (slow.price, slow.result) == (outcomes.price[0], outcomes.result[0])
    return outcomes


def sold(outcomes: Outcomes) -> tuple[int, int, float]:
    """Return end, days and price of the only plan."""
    return int(outcomes.ends[0]), int(outcomes.days[0]), float(outcomes.price[0])


def test_a_touched_stop_sells_at_the_stop() -> None:
    assert sold(run(QUIET, Bar(100, 101, 90, 95), QUIET)) == (STOP, 2, 90.0)


def test_a_touched_target_sells_at_the_target() -> None:
    assert sold(run(QUIET, QUIET, Bar(105, 110, 104, 104))) == (TARGET, 3, 110.0)


def test_the_entry_bar_counts() -> None:
    assert sold(run(Bar(100, 101, 89, 95), QUIET)) == (STOP, 1, 90.0)


def test_a_gap_through_the_stop_sells_at_the_open() -> None:
    outcomes = run(QUIET, Bar(80, 99, 75, 98), QUIET)
    assert sold(outcomes) == (STOP, 2, 80.0)
    assert outcomes.gaps.tolist() == [True]
    assert outcomes.result[0] == pytest.approx(-0.20)


def test_a_gap_over_the_target_sells_at_the_open() -> None:
    outcomes = run(QUIET, Bar(120, 121, 111, 112))
    assert sold(outcomes) == (TARGET, 2, 120.0)
    assert outcomes.gaps.tolist() == [False]


def test_the_stop_comes_before_the_target_within_one_bar() -> None:
    assert sold(run(QUIET, Bar(100, 115, 85, 112))) == (STOP, 2, 90.0)


def test_the_target_comes_first_if_its_bar_is_earlier() -> None:
    assert sold(run(QUIET, Bar(100, 115, 95, 112), Bar(100, 100, 80, 80))) == (TARGET, 2, 110.0)


def test_neither_within_the_horizon_sells_at_its_last_close() -> None:
    assert sold(run(QUIET, QUIET, Bar(100, 109, 91, 104))) == (NEITHER, 3, 104.0)


def test_a_sale_pays_the_fee_and_half_the_spread_and_entering_costs_nothing() -> None:
    costs = Costs(fee_bps=10.0, spread_bps=20.0, minimum_notional=0.0, value=100.0)
    result = run(QUIET, Bar(100, 101, 90, 95), costs=costs).result[0]
    assert result == pytest.approx(0.90 * 0.999 * 0.999 - 1.0)
    assert run(QUIET, QUIET, costs=costs).result[0] == pytest.approx(0.999 * 0.999 - 1.0)


def test_a_sale_below_the_exchanges_minimum_is_refused_and_the_coin_is_kept() -> None:
    costs = Costs(fee_bps=10.0, spread_bps=0.0, minimum_notional=5.0, value=5.4)
    outcomes = run(QUIET, Bar(100, 101, 88, 95), Bar(95, 99, 93, 97), costs=costs)
    assert outcomes.refused.tolist() == [True]
    assert sold(outcomes) == (STOP, 3, 97.0)
    assert outcomes.result[0] == pytest.approx(-0.03)
    enough = Costs(fee_bps=10.0, spread_bps=0.0, minimum_notional=5.0, value=5.6)
    assert run(QUIET, Bar(100, 101, 88, 95), costs=enough).refused.tolist() == [False]


def test_a_trailing_stop_follows_the_highs_of_the_bars_before() -> None:
    rows = (QUIET, Bar(100, 108, 99, 107), Bar(107, 109, 99, 103), Bar(103, 104, 97, 98))
    assert sold(run(*rows, trailing=True)) == (STOP, 4, 99.0)
    assert sold(run(*rows, trailing=False)) == (NEITHER, 4, 98.0)


def test_a_trailing_stop_never_uses_the_high_of_its_own_bar() -> None:
    assert sold(run(QUIET, Bar(100, 109, 98.5, 99), trailing=True))[0] == NEITHER


def test_a_trailing_stop_never_falls() -> None:
    rows = (QUIET, Bar(100, 106, 100, 101), Bar(101, 102, 97, 97), Bar(97, 98, 95, 96))
    assert sold(run(*rows, trailing=True)) == (STOP, 4, 96.0)


def outcomes_of(rows: list[int], days: list[int]) -> Outcomes:
    zeros = np.zeros(len(rows))
    return Outcomes(
        rows=np.array(rows),
        ends=np.zeros(len(rows), dtype=np.int64),
        days=np.array(days),
        price=zeros,
        result=zeros,
        gaps=zeros > 0,
        refused=zeros > 0,
    )


@pytest.mark.parametrize(
    ("rows", "days", "worth"),
    [
        ([0, 5, 10], [5, 5, 5], 3.0),
        ([0, 0], [4, 4], 1.0),
        ([0, 2], [4, 4], 1.5),
        ([3], [7], 1.0),
        ([], [], 0.0),
    ],
)
def test_overlapping_samples_are_worth_what_they_do_not_share(
    rows: list[int], days: list[int], worth: float
) -> None:
    assert independent_samples(outcomes_of(rows, days)) == pytest.approx(worth)


def test_samples_of_ten_days_begun_every_day_are_worth_a_tenth() -> None:
    assert independent_samples(outcomes_of(list(range(1_000)), [10] * 1_000)) == pytest.approx(100, rel=0.02)
