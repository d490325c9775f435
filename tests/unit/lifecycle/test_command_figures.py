"""Percentiles and counts of commands."""

import datetime as dt

import pytest

from bot.lifecycle.command_figures import FinishedCommand, figures_of, times_of
from bot.lifecycle.commands import CommandState, CommandType

NOW = dt.datetime(2026, 5, 3, 12, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)
PAUSE, RESUME = CommandType.PAUSE_MANAGED_ASSET, CommandType.RESUME_MANAGED_ASSET


def row(
    took_s: float,
    *,
    kind: CommandType = PAUSE,
    state: CommandState = CommandState.APPLIED,
    attempts: int = 1,
    ago: dt.timedelta = dt.timedelta(0),
) -> FinishedCommand:
    done = NOW - ago
    return FinishedCommand(
        type=kind,
        state=state,
        attempts=attempts,
        created_at=done - dt.timedelta(seconds=took_s),
        finished_at=done,
    )


@pytest.mark.parametrize(
    ("count", "p50", "p99"), [(1, 1, 1), (2, 1, 2), (100, 50, 99), (101, 51, 100), (1_000, 500, 990)]
)
def test_a_percentile_is_the_measured_time_of_the_nearest_rank(count: int, p50: float, p99: float) -> None:
    times = times_of([float(number) for number in range(count, 0, -1)])
    assert (times.p50_s, times.p99_s, times.max_s) == (p50, p99, count)


def test_figures_tell_types_apart_and_how_they_ended() -> None:
    rows = [
        row(1),
        row(3, attempts=2),
        row(2, state=CommandState.PRECONDITION_REJECTED),
        row(9, kind=RESUME, state=CommandState.FAILED, attempts=3),
    ]
    figures = figures_of(rows, now=NOW, window=HOUR, waiting=0, oldest_waiting_at=None)
    pause, resume = figures.by_type
    assert (pause.type, pause.applied, pause.precondition_rejected, pause.failed) == (PAUSE, 2, 1, 0)
    assert (pause.attempts_max, pause.times.p50_s, pause.times.max_s) == (2, 2.0, 3.0)
    assert (resume.type, resume.applied, resume.failed, resume.attempts_max) == (RESUME, 0, 1, 3)
    assert figures.finished == 4
    assert figures.times is not None
    assert figures.times.max_s == 9


def test_what_was_finished_before_the_window_does_not_count() -> None:
    rows = [row(1, ago=HOUR), row(5, ago=HOUR + dt.timedelta(seconds=1))]
    figures = figures_of(rows, now=NOW, window=HOUR, waiting=0, oldest_waiting_at=None)
    assert figures.finished == 1
    assert figures.times is not None
    assert figures.times.max_s == 1


def test_an_empty_bus_has_no_times() -> None:
    figures = figures_of([], now=NOW, window=HOUR, waiting=0, oldest_waiting_at=None)
    assert figures.times is None
    assert figures.by_type == ()
    assert figures.oldest_waiting_s is None


def test_the_oldest_waiting_age_counts_from_its_asking_and_never_below_zero() -> None:
    def age(asked_at: dt.datetime) -> float | None:
        return figures_of([], now=NOW, window=HOUR, waiting=2, oldest_waiting_at=asked_at).oldest_waiting_s

    assert age(NOW - dt.timedelta(seconds=90)) == 90
    assert age(NOW + dt.timedelta(seconds=90)) == 0, "another host's clock"
    assert row(-4).took_s == 0
