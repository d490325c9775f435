"""The engine's steps with one coin, told while they happen, and the place where it lets itself be stopped.

A process that ends lets each engine go on to its next step only: the request stays pending, and the next
worker takes it up again under a new id (rule 2 of `proposal_maker`).
"""

import datetime as dt
from collections.abc import Callable
from enum import StrEnum
from typing import Protocol

from bot.kernel.clock import Clock
from bot.storage.engine_progress import EngineProgress, remove_progress, write_progress
from bot.storage.home import Home
from bot.storage.process_info import WriterInfo, start_token


class EngineStep(StrEnum):
    """What the engine does, in this order."""

    BALANCE = "balance"
    BOOK = "book"
    CANDLES = "candles"
    COMPUTING = "computing"
    WRITING = "writing"


STEPS = tuple(EngineStep)


class EngineStoppedError(Exception):
    """The process ends, so the engine stopped between two steps; nothing was written."""


class TellStep(Protocol):
    """Told each step as it begins."""

    def __call__(self, step: EngineStep) -> None:
        """Take note; raises `EngineStoppedError` where the step must not begin any more."""
        ...


def quiet(step: EngineStep) -> None:
    """Take no note of a step."""


class StepTeller:
    """Writes a coin's progress file at each step, and stops there when asked to."""

    def __init__(
        self,
        home: Home,
        *,
        asset: str,
        proposal_id: str,
        process: WriterInfo,
        clock: Clock,
        should_stop: Callable[[], bool],
    ) -> None:
        self._home = home
        self._asset = asset
        self._proposal_id = proposal_id
        self._process = process
        self._clock = clock
        self._should_stop = should_stop
        self._began_at: dt.datetime = clock.now()

    def __call__(self, step: EngineStep) -> None:
        """Write that this step begins.

        Raises:
            EngineStoppedError: The process is to end.
        """
        if self._should_stop():
            raise EngineStoppedError(f"{self._asset}: stopped before {step}")
        progress = EngineProgress(
            asset=self._asset,
            proposal_id=self._proposal_id,
            step=step.value,
            number=STEPS.index(step) + 1,
            of=len(STEPS),
            began_at=self._began_at,
            at=self._clock.now(),
            pid=self._process.pid,
            host=self._process.host,
            start_token=start_token(self._process.pid),
        )
        write_progress(self._home, progress)

    def done(self) -> None:
        """Take the file away: the engine has left this coin, however it ended."""
        remove_progress(self._home, self._asset)
