"""Processes: one pass (`--once`), or a daemon that works until it is told to stop.

Rules of the daemon:
1. One per home (pid lock); it checks itself each round and stops if its lock was taken away.
2. Commands, engines, trading loop and its watchdog run in threads of their own: a long proposal holds
   up nobody, and a loop that hangs is seen.
3. SIGTERM finishes the commit in hand. A state that cannot be trusted, or a flush that failed, stops
   everything, because nothing may be decided without the state.
4. A lock that is held, a full disk, a database or an exchange that does not answer stop nothing: the
   daemon says so and tries again.
"""

import _thread
import contextlib
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from types import FrameType
from typing import Any

import msgspec

from bot.app.engine_threads import EngineThreads, engine_loop
from bot.app.housekeeping import Housekeeping
from bot.app.process_timeline import ProcessTimeline, why_it_ended
from bot.app.service_signs import COMMANDS, TRADING, WORK_S, ServiceSigns
from bot.app.trade_loop import TradeLoop
from bot.app.upkeep import Upkeep
from bot.app.wiring import App
from bot.commands.command_worker import WorkedCommand
from bot.commands.proposal_maker import ProposalResult
from bot.kernel.errors import (
    BotError,
    DatabaseUnavailableError,
    ExchangeError,
    LockHeldError,
    StateConflictError,
    StateFileError,
    StateWriteError,
    StopRuleBrokenError,
    StorageError,
)
from bot.lifecycle.commands import CommandOutcome, CommandState, CommandType
from bot.lifecycle.proposal_rules import STOP_RULE_ABORTS
from bot.lifecycle.states import AssetState
from bot.storage.documents import MANAGED_STATE
from bot.storage.files.locks import PidLock
from bot.storage.heartbeat import remove_heartbeat
from bot.storage.sql.waking import Wakeup
from bot.trading.report import CycleReport, Step
from bot.trading.watchdog import LOOK_EVERY_S

Tell = Callable[[str, Mapping[str, Any]], None]
"""Receives what happens: a short word and its figures."""


class OnceReport(msgspec.Struct, frozen=True, kw_only=True):
    """What one pass did."""

    scheduled: tuple[Step, ...]
    commands: tuple[WorkedCommand, ...]
    proposals: tuple[ProposalResult, ...]
    cycle: CycleReport | None = None
    unreached: dict[str, str] | None = None
    """What kept the rest from being done: code, what, why; nothing of it is lost, it waits."""

    @property
    def has_failures(self) -> bool:
        """Say whether a command ended as failed, or broke a stop rule."""
        return any(
            item.outcome.state is CommandState.FAILED or item.outcome.code == _STOP_RULE
            for item in self.commands
        ) or any(result.code in STOP_RULE_ABORTS for result in self.proposals)


def worker_once(app: App) -> OnceReport:
    """Recover, do what is due, drain the queue including the proposals it asks for, and return.

    An exchange that does not answer ends the pass early (`unreached`); what was done is told still.

    Raises:
        BotError: The state or the database is not there; what was not reached stays queued.
    """
    app.recover()
    scheduled = app.scheduler.run_due(app.clock.now())
    commands = app.worker.drain()
    app.sender.book_waiting()  # after the first call that says so when the database is gone
    proposals: list[ProposalResult] = []
    unreached = None
    if _has_pending(app):
        try:
            proposals = EngineThreads(app).make_all()
        except ExchangeError as error:
            unreached = _told_error(error)
        commands += app.worker.drain()
    Housekeeping(app).run_due(app.clock.now())
    scheduled += Upkeep(app).run_due(app.clock.now())
    return OnceReport(
        scheduled=tuple(scheduled),
        commands=tuple(commands),
        proposals=tuple(proposals),
        unreached=unreached,
    )


def run_once(app: App) -> OnceReport:
    """The same with one cycle of the trading loop.

    Raises:
        LockHeldError: `already_running`: one loop per home, the daemon's or this one.
    """
    with PidLock(app.home.pid_file):
        app.recover()
        app.loop.check_start()
        try:
            report = worker_once(app)
        except DatabaseUnavailableError as error:  # an exit waits for no database
            report = OnceReport(scheduled=(), commands=(), proposals=(), unreached=_told_error(error))
        cycle = app.loop.run_once(app.clock.now())
        app.sender.book_waiting()
        scheduled = (*report.scheduled, *app.scheduler.run_due(app.clock.now()))
        app.sender.book_waiting()  # the cycle's own commands: their order did not wait for the database
    return msgspec.structs.replace(report, cycle=cycle, scheduled=scheduled)


class Daemon:
    """`bot run` and `bot worker`."""

    def __init__(self, app: App, *, trades: bool, tell: Tell) -> None:
        self._app = app
        self._trades = trades
        self._tell = tell
        self._stop = threading.Event()
        self._engine_due = threading.Event()
        self._failure: BaseException | None = None
        self._wakeup: Wakeup | None = None
        self._housekeeping = Housekeeping(app)
        self._signal: int | None = None
        self._signs = ServiceSigns(app, what=self._what, tell=tell)

    def run(self) -> None:
        """Work until a signal asks to stop.

        Raises:
            LockHeldError: Another bot or worker runs in this home.
            BotError: What ended the work before a signal did.
        """
        app = self._app
        with PidLock(app.home.pid_file) as pid_lock, app.new_wakeup() as wakeup:
            self._wakeup = wakeup
            self._prepare()
            timeline = ProcessTimeline(app, what=self._what)
            with self._told_and_tried_again("process timeline"):
                timeline.started()
            old = {
                number: signal.signal(number, self._on_signal) for number in (signal.SIGTERM, signal.SIGINT)
            }
            threads = [
                threading.Thread(target=self._guarded, args=(work,), daemon=True) for work in self._works()
            ]
            self._signs.tick()
            self._tell("started", {"what": self._what, "cycle_s": app.settings["trading.cycle_s"]})
            try:
                for thread in threads:
                    thread.start()
                self._signs.ready()
                while not self._stop.wait(self._signs.round_s):
                    pid_lock.check()
                    self._signs.tick()
            finally:
                self._signs.stopping()
                self.stop()
                for thread in threads:
                    thread.join()
                for number, handler in old.items():
                    signal.signal(number, handler)
                with contextlib.suppress(StorageError):  # a state that refuses cannot be told that it did
                    timeline.stopped(why_it_ended(self._failure or sys.exception(), self._signal))
                remove_heartbeat(app.home)
        self._tell("stopped", {"what": self._what})
        if self._failure is not None:
            raise self._failure

    def stop(self) -> None:
        """Ask every thread to finish what it has in hand and end."""
        self._stop.set()
        self._engine_due.set()
        self._notify()
        if self._trades:
            self._app.follower.wake()

    @property
    def _what(self) -> str:
        return "run" if self._trades else "worker"

    @property
    def _work_s(self) -> float:
        """Return how long one piece of work may take; it asks the exchange a few times at most."""
        return max(WORK_S, 12 * self._app.settings.seconds("exchange.timeout_s"))

    def _prepare(self) -> None:
        """Build what the threads share, and refuse a start that must not be (D4, keys, mainnet)."""
        app = self._app
        app.recover()  # before anything is decided
        _ = (app.scheduler, app.worker, app.engine)
        with contextlib.suppress(DatabaseUnavailableError):  # absent is borne, foreign is not
            app.queue.queued(limit=1)
        if self._trades:
            app.loop.check_start()
            self._signs.stream_health = app.follower.health

    def _works(self) -> tuple[Callable[[], None], ...]:
        works: tuple[Callable[[], None], ...] = (
            self._work_on_commands,
            self._work_on_proposals,
            self._keep_files_tidy,
        )
        return (*works, self._trade, self._watch_trading) if self._trades else works

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - whatever ends one thread ends the process, told once
            self._failure = self._failure or error
            self.stop()

    def _work_on_commands(self) -> None:
        app = self._app
        while not self._stop.is_set():
            self._signs.back_within(COMMANDS, self._work_s)
            worked = True  # a round that failed is looked into as well
            with self._told_and_tried_again("commands"):
                done = app.worker.drain(on_progress=lambda: self._signs.back_within(COMMANDS, self._work_s))
                app.sender.book_waiting()  # after the call that says so when the database is gone
                for item in done:
                    self._tell("command", _told(item))
                    if item.contradicted is not None:
                        self._tell("alarm", _contradiction(item, item.contradicted))
                    if item.outcome.code == _STOP_RULE:
                        self._tell("alarm", _told(item))
                if any(item.row.type is CommandType.REQUEST_MANAGED_PROPOSAL for item in done):
                    self._engine_due.set()
                for step in app.scheduler.run_due(app.clock.now()):
                    self._tell("scheduled", msgspec.structs.asdict(step))
                self._housekeeping.run_due(app.clock.now())
                if self._trades and any(item.outcome.state is CommandState.APPLIED for item in done):
                    app.follower.wake("the state has changed")
                worked = bool(done)
            with self._told_and_tried_again("commands"):
                self._signs.look_at_queue(worked=worked)
            if self._wakeup is not None and not self._stop.is_set():
                poll_s = app.settings.seconds("worker.safety_poll_s")
                self._signs.back_within(COMMANDS, poll_s + self._work_s)
                self._wakeup.wait(poll_s)

    def _work_on_proposals(self) -> None:
        engine_loop(
            self._app,
            stop=self._stop,
            due=self._engine_due,
            tell=self._tell_proposal,
            guard=lambda: self._told_and_tried_again("proposals"),
        )

    def _tell_proposal(self, result: ProposalResult) -> None:
        word = "alarm" if result.code in STOP_RULE_ABORTS else "proposal"
        self._tell(word, msgspec.structs.asdict(result))

    def _keep_files_tidy(self) -> None:
        upkeep = Upkeep(self._app)
        while not self._stop.is_set():
            with self._told_and_tried_again("upkeep"):
                for step in upkeep.run_due(self._app.clock.now()):
                    self._tell("alarm" if step.alarm else "scheduled", msgspec.structs.asdict(step))
            self._stop.wait(_UPKEEP_LOOK_S)

    def _trade(self) -> None:
        TradeLoop(
            self._app,
            self._app.follower,
            stop=self._stop,
            back_within=lambda seconds: self._signs.back_within(TRADING, seconds + self._work_s),
            guard=lambda: self._told_and_tried_again("trading"),
            cycle_done=lambda report: self._signs.cycle_done(report.at),
            sent=self._notify,
            tell=self._tell,
        ).run()

    def _notify(self) -> None:
        """Have the other thread write the rows of what was sent."""
        if self._wakeup is not None:
            self._wakeup.notify()

    def _watch_trading(self) -> None:
        """Judge data and loop from a thread of its own: a loop that hangs cannot judge itself."""
        watchdog = self._app.new_watchdog()
        while not self._stop.wait(LOOK_EVERY_S):
            with self._told_and_tried_again("watchdog"):
                for step in watchdog.look():
                    self._tell("alarm" if step.alarm else "step", msgspec.structs.asdict(step))

    @contextlib.contextmanager
    def _told_and_tried_again(self, what: str) -> Iterator[None]:
        """Let what may pass by itself not end the process: say it, and come round again.

        A public file that cannot be trusted is mended from the truth; only where that is impossible
        the process ends, because the other coins need their guard.
        """
        try:
            yield
        except _PASSING as error:
            self._alarm(what, error)
        except StateFileError as error:
            self._alarm(what, error)
            try:
                self._app.recover()
            except _PASSING as passing:
                self._alarm(what, passing)

    def _alarm(self, what: str, error: BotError) -> None:
        self._tell("alarm", {"in": what, "code": error.code, "what": error.what, "why": error.why})

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        if self._signal == number == signal.SIGINT:
            raise KeyboardInterrupt  # the second time a person does not want to wait for the step in hand
        self._signal = number
        # Not from here: this very thread may hold the event's lock, and would wait for itself.
        _thread.start_new_thread(self._ask_to_stop, ())

    def _ask_to_stop(self) -> None:
        self._stop.set()
        self._engine_due.set()


_PASSING = (LockHeldError, StateConflictError, StateWriteError, DatabaseUnavailableError, ExchangeError)
_UPKEEP_LOOK_S = 60
_STOP_RULE = StopRuleBrokenError.default_code


def _has_pending(app: App) -> bool:
    waiting = app.store.read(MANAGED_STATE).content.pending_proposals.values()
    return any(line.state is AssetState.PROPOSAL_PENDING for line in waiting)


def _told_error(error: BotError) -> dict[str, str]:
    return {"code": error.code, "what": error.what, "why": error.why, "fix": error.fix}


def _contradiction(item: WorkedCommand, here: CommandOutcome) -> dict[str, str]:
    return {
        "in": "commands",
        "code": "state_changed",
        "what": f"Command {item.row.uid} was told as {item.outcome.code}, and ended here as {here.code}.",
        "why": "Two workers had it in hand; what the state says holds.",
    }


def _told(item: WorkedCommand) -> dict[str, Any]:
    return {
        "uid": item.row.uid,
        "type": str(item.row.type),
        "asset": item.row.asset,
        "actor": item.row.actor,
        "state": item.outcome.state.value,
        "code": item.outcome.code,
        "reason": item.outcome.reason,
    }
