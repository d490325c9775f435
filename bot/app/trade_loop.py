"""The trading thread of `bot run`: whole cycles at their interval, rounds in between as the market asks.

1. A wake by price or by an order costs a round for these coins; a gap, a stream that lives again, a trade by
   somebody else and a change of the state cost a whole cycle at once.
2. Cycles follow each other at their interval whatever the streams do.
3. The rows of the loop's own commands are written by the other thread, which is told after each round.
"""

import functools
import threading
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any

import msgspec

from bot.app.wiring import App
from bot.trading.follower import MarketFollower
from bot.trading.market_watch import Wake
from bot.trading.report import CycleReport

Tell = Callable[[str, Mapping[str, Any]], None]


class TradeLoop:
    """Runs cycles and rounds until asked to stop."""

    def __init__(
        self,
        app: App,
        follower: MarketFollower,
        *,
        stop: threading.Event,
        back_within: Callable[[float], None],
        guard: Callable[[], AbstractContextManager[None]],
        cycle_done: Callable[[CycleReport], None],
        sent: Callable[[], None],
        tell: Tell,
    ) -> None:
        """Set up.

        Args:
            app: The home.
            follower: What is run.
            stop: Set when the process ends; whoever sets it wakes the follower.
            back_within: Is promised that this thread is heard of again within so many seconds.
            guard: A context in which passing trouble is told and borne.
            cycle_done: Told of each whole cycle.
            sent: Told that something was done whose rows are to be written.
            tell: Receives what happens.
        """
        self._app = app
        self._follower = follower
        self._stop = stop
        self._back_within = back_within
        self._guard = guard
        self._cycle_done = cycle_done
        self._sent = sent
        self._tell = tell

    def run(self) -> None:
        """Work; the streams are closed at the end, whatever ends it."""
        wake = Wake(cycle="the bot has started")
        self._follower.start()
        try:
            while not self._stop.is_set():
                cycle_s = self._app.settings.seconds("trading.cycle_s")
                self._back_within(cycle_s)
                with self._guard():
                    self._work(wake, cycle_s)
                wake = self._follower.wait(cycle_s)
        finally:
            self._follower.close()

    def _work(self, wake: Wake, cycle_s: float) -> None:
        back = functools.partial(self._back_within, cycle_s)
        if wake.cycle and "stream" in wake.cycle:
            self._tell("stream", {"what": wake.cycle})
        report: CycleReport | None
        whole = bool(wake.cycle or wake.foreign) or self._follower.is_due(cycle_s)
        if wake.priced or wake.ordered or (wake.balance and not whole):
            report = self._follower.react(wake, on_progress=back)
            if report is not None:
                self._show(report)
        if whole:
            report = self._follower.cycle(wake, on_progress=back)
            self._cycle_done(report)
            self._show(report)

    def _show(self, report: CycleReport) -> None:
        for step in report.steps:
            self._tell("alarm" if step.alarm else "step", msgspec.structs.asdict(step))
        if report.steps:
            self._sent()
