"""Plays a script: control calls at their market times, in order; what failed is written down."""

from collections.abc import Callable
from typing import Any

import msgspec

from bot.exchange.box.control_bodies import BODIES, NOT_IN_SCRIPTS, Script
from bot.exchange.box.errors import ApiError


class ControlError(Exception):
    """The control port cannot do what was asked; the text says why."""


class Planned(msgspec.Struct, frozen=True, kw_only=True):
    """One call with its market time and its checked body."""

    at_ms: int
    call: str
    body: Any


class Played(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a call."""

    call: str
    market_ms: int
    error: str | None
    """Why it could not be done; None when it was."""


class ScriptPlayer:
    """The one script of a box; a new one takes the place of the old."""

    def __init__(self, do: Callable[[str, Any], object]) -> None:
        self._do = do
        self.name = ""
        self.waiting: list[Planned] = []
        self.played: list[Played] = []

    def load(self, script: Script, now_ms: int) -> None:
        """Begin a script now.

        Raises:
            ControlError: For an unknown call, an impossible body, or times out of order; then the old
                script goes on.
        """
        waiting: list[Planned] = []
        for step in script.steps:
            shape = BODIES.get(step.call)
            if shape is None or step.call in NOT_IN_SCRIPTS:
                raise ControlError(f"a script cannot call {step.call!r}")
            try:
                body = msgspec.json.decode(step.body, type=shape)
            except msgspec.DecodeError as error:
                raise ControlError(f"{step.call}: {error}") from error
            at_ms = now_ms + int(step.after_s * 1_000)
            if at_ms < (waiting[-1].at_ms if waiting else now_ms):
                raise ControlError(f"{step.call}: after_s must not become smaller from step to step")
            waiting.append(Planned(at_ms=at_ms, call=step.call, body=body))
        self.name, self.waiting, self.played = script.name, waiting, []

    def next_ms(self) -> int | None:
        """Return when the next call is due; None at the end."""
        return self.waiting[0].at_ms if self.waiting else None

    def play(self, now_ms: int) -> int:
        """Make all calls that are due; return how many."""
        count = 0
        while self.waiting and self.waiting[0].at_ms <= now_ms:
            planned = self.waiting.pop(0)
            error: str | None = None
            try:
                self._do(planned.call, planned.body)
            except (ControlError, ApiError) as caught:
                error = str(caught)
            self.played.append(Played(call=planned.call, market_ms=now_ms, error=error))
            count += 1
        return count
