"""The stop that follows the price, on any path: it never falls, never passes it, and rehearses true."""

import datetime as dt
from decimal import Decimal

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.kernel.money import ZERO, is_on_step
from bot.lifecycle.trailing import LEAST_RISE_SHARE, Plan, observed, stop_at
from bot.lifecycle.trailing_terms import Trail
from bot.proposals.rehearsal_bars import Bars, PlanColumns
from bot.proposals.rehearsal_replay import STOP, Costs, replay

NOW = dt.datetime(2026, 5, 3, 12, tzinfo=dt.UTC)
TICK = Decimal("0.25")
FREE = Costs(fee_bps=0.0, spread_bps=0.0, minimum_notional=0.0, value=1.0)
REFERENCE = Decimal(100)

quarters = st.integers(240, 800).map(lambda n: Decimal(n) / 4)
"""Prices from 60 to 200 on a grid that a float holds exactly."""
paths = st.lists(quarters, min_size=1, max_size=60)
plans = st.builds(
    Plan,
    stop_loss=st.integers(280, 396).map(lambda n: Decimal(n) / 4),
    activation_price=st.one_of(st.just(ZERO), quarters),
    distance=st.integers(4, 120).map(lambda n: Decimal(n) / 4),
)


def followed(plan: Plan, path: list[Decimal], *, share: Decimal = LEAST_RISE_SHARE) -> list[Trail | None]:
    """Return what is on record after each price."""
    trail: Trail | None = None
    records = []
    for price in path:
        trail = observed(plan, trail, price, tick_size=TICK, now=NOW, least_rise_share=share) or trail
        records.append(trail)
    return records


def stop_of(plan: Plan, trail: Trail | None) -> Decimal:
    return plan.stop_loss if trail is None else stop_at(plan, trail.highest_price, trail.tick_size)


@settings(max_examples=300, deadline=None)
@given(plan=plans, path=paths)
def test_the_stop_never_falls_and_lies_below_the_price_that_set_it(plan: Plan, path: list[Decimal]) -> None:
    before = plan.stop_loss
    for price, trail in zip(path, followed(plan, path), strict=True):
        stop = stop_of(plan, trail)
        assert stop >= before
        if stop > before:
            assert stop <= price - plan.distance
            assert price >= plan.activation_price
            assert is_on_step(stop, TICK)
        before = stop


@settings(max_examples=300, deadline=None)
@given(plan=plans, path=paths)
def test_the_stop_lags_the_exact_one_by_less_than_a_hundredth_of_the_distance_or_a_tick(
    plan: Plan, path: list[Decimal]
) -> None:
    least = max(TICK, plan.distance * LEAST_RISE_SHARE)
    for number, trail in enumerate(followed(plan, path), start=1):
        exact = stop_at(plan, max(path[:number]), TICK)
        assert ZERO <= exact - stop_of(plan, trail) < least


@settings(max_examples=300, deadline=None)
@given(plan=plans, path=paths)
def test_a_rise_by_one_distance_costs_at_most_a_hundred_records(plan: Plan, path: list[Decimal]) -> None:
    records = followed(plan, path)
    written = len({trail.highest_price for trail in records if trail is not None})
    rise = stop_of(plan, records[-1]) - plan.stop_loss
    assert written <= rise / (plan.distance * LEAST_RISE_SHARE)
    assert written <= rise / TICK or not is_on_step(plan.stop_loss, TICK)


@settings(max_examples=300, deadline=None)
@given(plan=plans, path=paths, cut=st.integers(0, 60))
def test_a_restart_changes_nothing(plan: Plan, path: list[Decimal], cut: int) -> None:
    """All that counts is on record: a process that begins in the middle goes on like the one before."""
    whole = followed(plan, path)
    cut = min(cut, len(path))
    trail = whole[cut - 1] if cut else None
    for price, expected in zip(path[cut:], whole[cut:], strict=True):
        trail = observed(plan, trail, price, tick_size=TICK, now=NOW) or trail
        assert trail == expected


@settings(max_examples=300, deadline=None)
@given(plan=plans, path=paths)
def test_prices_seen_twice_or_late_change_nothing(plan: Plan, path: list[Decimal]) -> None:
    doubled = [price for price in path for _ in range(2)]
    assert followed(plan, doubled)[-1] == followed(plan, path)[-1]


bars = st.lists(
    st.tuples(quarters, quarters, quarters).map(
        lambda three: (min(three), sorted(three)[1], max(three))  # low, open and close, high
    ),
    min_size=1,
    max_size=40,
)


@settings(max_examples=500, deadline=None)
@given(rows=bars, stop=st.integers(280, 396).map(lambda n: Decimal(n) / 4))
def test_the_default_is_the_rehearsals_rule_on_the_same_path(
    rows: list[tuple[Decimal, Decimal, Decimal]], stop: Decimal
) -> None:
    """Without numbers: at once, as far behind as the reference lies above the stop."""
    rows = [(min(REFERENCE, rows[0][0]), REFERENCE, max(REFERENCE, rows[0][2])), *rows[1:]]
    plan = Plan(stop_loss=stop, activation_price=ZERO, distance=REFERENCE - stop)
    day, level = _stopped(plan, rows)

    table = np.array([[float(number) for number in row] for row in rows])
    low, middle, high = table.T
    one = np.array([0], dtype=np.int64)
    outcomes = replay(
        Bars(open=middle, high=high, low=low, close=middle),
        PlanColumns(
            rows=one,
            reference=np.array([float(REFERENCE)]),
            stop=np.array([float(stop)]),
            target=np.array([np.inf]),
            trail=np.array([float(plan.distance)]),
        ),
        trailing=True,
        horizon=len(rows),
        costs=FREE,
    )
    if day is None:
        assert outcomes.ends[0] != STOP
    else:
        opened = rows[day][1]
        assert (outcomes.ends[0], outcomes.days[0]) == (STOP, day + 1)
        assert outcomes.price[0] == float(min(level, opened))  # a gap fills at the open


def _stopped(plan: Plan, rows: list[tuple[Decimal, Decimal, Decimal]]) -> tuple[int | None, Decimal]:
    """Return on which day the live rule is stopped, and at which level; every rise counts."""
    trail: Trail | None = None
    for day, (low, _, high) in enumerate(rows):
        level = stop_of(plan, trail)
        if low <= level:
            return day, level
        trail = observed(plan, trail, high, tick_size=ZERO, now=NOW, least_rise_share=ZERO) or trail
    return None, stop_of(plan, trail)
