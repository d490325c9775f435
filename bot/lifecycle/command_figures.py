"""Figures of the bus: how long commands took from being asked for to their outcome, and what waits.

Rules: 1 the commands' own rows are the only source, so the figures hold over processes and restarts.
2 A percentile is a time that really was measured (nearest rank). 3 Clocks of two hosts may differ: a
time below zero counts as zero.
"""

import datetime as dt
import math
from collections.abc import Iterable, Sequence

import msgspec

from bot.lifecycle.commands import CommandState


class FinishedCommand(msgspec.Struct, frozen=True, kw_only=True):
    """What the figures need of one finished command."""

    type: str
    state: CommandState
    attempts: int
    created_at: dt.datetime
    finished_at: dt.datetime

    @property
    def took_s(self) -> float:
        """Return the seconds from being asked for to the outcome."""
        return max(0.0, (self.finished_at - self.created_at).total_seconds())


class Times(msgspec.Struct, frozen=True, kw_only=True):
    """How long commands took, in seconds."""

    p50_s: float
    p99_s: float
    max_s: float


class TypeFigures(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One type of command within the window."""

    type: str
    times: Times
    applied: int = 0
    precondition_rejected: int = 0
    failed: int = 0
    attempts_max: int = 0


class QueueFigures(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The bus at one moment, `at`; `window_s` says how far back finished commands were looked at."""

    at: dt.datetime
    window_s: float
    waiting: int
    waiting_attempts_max: int = 0
    oldest_waiting_s: float | None = None
    """Age of the command that has waited longest."""
    failed_kept: int | None = None
    """Failed commands among all rows that are kept: the dead-letter list; None where nobody counted."""
    finished: int = 0
    times: Times | None = None
    by_type: tuple[TypeFigures, ...] = ()


def times_of(seconds: Sequence[float]) -> Times:
    """Return the percentiles of at least one duration in seconds."""
    in_order_s = sorted(seconds)

    def rank_s(percent: int) -> float:
        return in_order_s[max(0, math.ceil(percent * len(in_order_s) / 100) - 1)]

    return Times(p50_s=rank_s(50), p99_s=rank_s(99), max_s=in_order_s[-1])


def figures_of(
    rows: Iterable[FinishedCommand],
    *,
    now: dt.datetime,
    window: dt.timedelta,
    waiting: int,
    oldest_waiting_at: dt.datetime | None,
    waiting_attempts_max: int = 0,
    failed_kept: int | None = None,
) -> QueueFigures:
    """Return the figures of rows that were finished within the window before `now`, types by name."""
    recent = [row for row in rows if row.finished_at >= now - window]
    by_type: dict[str, list[FinishedCommand]] = {}
    for row in recent:
        by_type.setdefault(row.type, []).append(row)
    return QueueFigures(
        at=now,
        window_s=window.total_seconds(),
        waiting=waiting,
        waiting_attempts_max=waiting_attempts_max,
        oldest_waiting_s=None if oldest_waiting_at is None else _age_s(oldest_waiting_at, now),
        failed_kept=failed_kept,
        finished=len(recent),
        times=times_of([row.took_s for row in recent]) if recent else None,
        by_type=tuple(_of_type(name, by_type[name]) for name in sorted(by_type)),
    )


def _of_type(name: str, rows: Sequence[FinishedCommand]) -> TypeFigures:
    def ended(state: CommandState) -> int:
        return sum(row.state is state for row in rows)

    return TypeFigures(
        type=name,
        times=times_of([row.took_s for row in rows]),
        applied=ended(CommandState.APPLIED),
        precondition_rejected=ended(CommandState.PRECONDITION_REJECTED),
        failed=ended(CommandState.FAILED),
        attempts_max=max(row.attempts for row in rows),
    )


def _age_s(at: dt.datetime, now: dt.datetime) -> float:
    return max(0.0, (now - at).total_seconds())
