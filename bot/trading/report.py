"""What one cycle did, for people and for logs."""

import datetime as dt
from collections.abc import Mapping
from typing import Any

import msgspec


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that a cycle did or could not do."""

    asset: str
    what: str
    """A short word: `taken_over`, `exit_sent`, `exit_filled`, `denied`, `unknown`, `unavailable` …"""
    sentence: str
    data: Mapping[str, Any] = {}
    alarm: bool = False
    """Somebody should look: a coin may be without protection."""


class CycleReport(msgspec.Struct, frozen=True, kw_only=True):
    """All steps of one cycle, against one snapshot of the managed state."""

    at: dt.datetime
    serial: int
    """Serial of the managed state that the cycle saw."""
    watched: tuple[str, ...]
    """Assets whose exits were evaluated."""
    steps: tuple[Step, ...]

    @property
    def alarms(self) -> tuple[Step, ...]:
        """Return the steps that somebody should look at."""
        return tuple(step for step in self.steps if step.alarm)
