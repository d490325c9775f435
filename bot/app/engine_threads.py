"""Engines beside the command worker: several coins at once, each in a thread of its own.

1. A coin has one engine (the engine's own lock, over all processes); `engine.threads` bounds how many
   coins are worked on at once in this process. The rest wait for a free place, by name.
2. An engine holds no lock of the state but for its single commands, so a pause, an approval or an exit
   never waits for it, however long the exchange takes.
3. What one coin's engine cannot turn into an answer ends that engine alone and is raised to whoever
   gathers; the coin is not tried again before `worker.safety_poll_s` has passed.
4. Asked to stop, no new engine starts and each running one ends at its next step; its request stays
   pending and the next worker takes it up again.
"""

import queue
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import NamedTuple

from bot.app.wiring import App
from bot.commands.proposal_maker import ProposalResult

_LOOK_S = 0.2
"""How often a pass looks up from waiting, so that Ctrl-C is heard."""

Told = Callable[[ProposalResult], None]


class _Ended(NamedTuple):
    asset: str
    result: ProposalResult | None
    error: BaseException | None


class EngineThreads:
    """Starts engines for what is pending and gathers how they ended; used by one thread."""

    def __init__(
        self,
        app: App,
        *,
        wake: Callable[[], None] = lambda: None,
        should_stop: Callable[[], bool] = lambda: False,
    ) -> None:
        """Set up; nothing starts yet.

        Args:
            app: The home.
            wake: Called by an engine's thread when it has ended.
            should_stop: Asked before each engine and each of its steps.
        """
        self._app = app
        self._wake = wake
        self._asked_to_stop = should_stop
        self._given_up = threading.Event()
        self._running: dict[str, threading.Thread] = {}
        self._ended: queue.SimpleQueue[_Ended] = queue.SimpleQueue()
        self._rests_until: dict[str, float] = {}

    @property
    def running(self) -> tuple[str, ...]:
        """Return the coins that are worked on, by name."""
        return tuple(sorted(self._running))

    def start_waiting(self) -> None:
        """Start an engine for each pending coin, as far as there are places.

        Raises:
            BotError: The state could not be read, or there is no exchange.
        """
        now = self._app.clock.monotonic()
        for asset in self._app.engine.waiting():
            places = int(self._app.settings["engine.threads"]) - len(self._running)
            if places <= 0 or self._should_stop():
                return
            if asset not in self._running and self._rests_until.get(asset, now) <= now:
                self._start(asset)

    def gather(self, tell: Told) -> None:
        """Tell how engines ended since the last call.

        Raises:
            BaseException: What an engine could not turn into an answer; the next call goes on behind it.
        """
        while not self._ended.empty():
            asset, result, error = self._ended.get()
            self._running.pop(asset).join()
            self._rests_until.pop(asset, None)
            if result is not None:
                tell(result)
                continue
            rest_s = self._app.settings.seconds("worker.safety_poll_s")
            self._rests_until[asset] = self._app.clock.monotonic() + rest_s
            if error is not None:
                raise error

    def make_all(self) -> list[ProposalResult]:
        """Make everything that is pending, several coins at once, and return when all have ended.

        Raises:
            BotError: The state could not be read or written; what was made before is in the state.
        """
        results: list[ProposalResult] = []
        try:
            self.start_waiting()
            while self._running:
                while self._ended.empty():
                    next(iter(self._running.values())).join(_LOOK_S)
                self.gather(results.append)
                self.start_waiting()
        finally:
            self._given_up.set()  # only of use when something was raised: the others stop at their next step
            self.join()
        return sorted(results, key=lambda result: result.asset)

    def join(self) -> None:
        """Wait until every engine has ended."""
        for thread in self._running.values():
            thread.join()

    def _should_stop(self) -> bool:
        return self._given_up.is_set() or self._asked_to_stop()

    def _start(self, asset: str) -> None:
        # A daemon thread, so that a second Ctrl-C ends a process whose engine waits for an exchange.
        thread = threading.Thread(target=self._work, args=(asset,), name=f"engine-{asset}", daemon=True)
        self._running[asset] = thread
        thread.start()

    def _work(self, asset: str) -> None:
        result, failure = None, None
        try:
            result = self._app.engine.make(asset, should_stop=self._should_stop)
        except BaseException as error:  # noqa: BLE001 - it is raised again by whoever gathers
            failure = error
        self._ended.put(_Ended(asset, result, failure))
        self._wake()


def engine_loop(
    app: App,
    *,
    stop: threading.Event,
    due: threading.Event,
    tell: Told,
    guard: Callable[[], AbstractContextManager[None]],
) -> None:
    """Keep making what is pending until asked to stop; returns when the last engine has ended.

    Args:
        app: The home.
        stop: Set when the process ends.
        due: Set when something may be pending; it is set here too, when a place became free.
        tell: Receives how each engine ended.
        guard: A context in which passing trouble is told and borne.
    """
    engines = EngineThreads(app, wake=due.set, should_stop=stop.is_set)
    try:
        while not stop.is_set():
            with guard():
                engines.gather(tell)
                engines.start_waiting()
            due.wait(app.settings.seconds("worker.safety_poll_s"))
            due.clear()
    finally:
        engines.join()
