"""The arithmetic of the benchmarks."""

import pytest

from benchmarks.measure import alternating_ms, as_table, compare


@pytest.mark.parametrize(("ours", "holds"), [(19.0, True), (20.0, True), (21.0, False)])
def test_a_bar_of_at_most_twice_is_held_up_to_exactly_twice(ours: float, holds: bool) -> None:  # noqa: FBT001 - a table's column
    result = compare("x", ours=ours, theirs=10.0, unit="ms", against="y", times=2.0)
    assert result.holds is holds
    assert result.bar == "at most 2.0 times"


def test_a_bar_of_at_least_holds_from_below() -> None:
    assert compare("x", ours=9, theirs=10, unit="1/s", against="y", times=0.8, side="at least").holds
    assert not compare("x", ours=7, theirs=10, unit="1/s", against="y", times=0.8, side="at least").holds


def test_actions_take_turns_and_the_first_round_is_not_counted() -> None:
    calls: list[str] = []
    medians = alternating_ms([lambda: calls.append("a"), lambda: calls.append("b")], rounds=3)
    assert "".join(calls) == "abababab"
    assert len(medians) == 2


def test_the_table_says_whether_the_bar_was_held() -> None:
    lines = as_table([compare("x", ours=30, theirs=10, unit="ms", against="y", times=2.0)]).splitlines()
    assert lines[1].split() == ["x", "30.000", "ms", "3.00", "y", "at", "most", "2.0", "times", "MISSED"]
