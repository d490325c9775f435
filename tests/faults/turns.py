"""Actors that run one at a time; at every step a seed says who goes on.

A step is a call to the exchange, the edge of a transaction, or a call to the disk. The state lock is the
real one: whoever finds it held gives the turn away and tries again.
"""

import contextlib
import random
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from bot.app.wiring import App
from bot.exchange.gateway import Gateway
from bot.kernel.errors import LockHeldError
from bot.storage.documents import MANAGED_STATE
from bot.storage.files.file_ops import FileOps
from bot.storage.home import Home
from bot.storage.process_info import this_process
from bot.storage.state_store import StateStore, Transaction
from tests.fakes.fake_clock import FakeClock
from tests.fakes.sequential_ids import SequentialIds

_PATIENCE_S = 60.0
_SWITCHING = (0.02, 0.1, 0.5)
"""How often a turn is given away at a step: seldom lets whole changes follow each other, often mixes them."""
_FIRST = 0


class Turns:
    """Threads that share one turn.

    An even seed mixes all of them. An odd one lets the first come undisturbed to one of its steps, below
    `cut_below`; there the others have their way, as far as they can.
    """

    def __init__(self, seed: int, *, cut_below: int) -> None:
        self._random = random.Random(seed)
        self._switching = self._random.choice(_SWITCHING)
        self._cut = self._random.randrange(cut_below) if seed % 2 else None
        self.steps = 0
        self._gates: dict[int, threading.Semaphore] = {}
        self._mine = threading.local()
        self._done = threading.Event()
        self.errors: list[BaseException] = []

    def run(self, works: Mapping[str, Callable[[], object]]) -> None:
        """Run the works to their ends, each in a thread of its own.

        Raises:
            AssertionError: One of them failed, or all hang.
        """
        threads = []
        for number, (name, work) in enumerate(works.items()):
            self._gates[number] = threading.Semaphore(0)
            threads.append(threading.Thread(target=self._act, args=(number, work), name=name, daemon=True))
        for thread in threads:
            thread.start()
        first = _FIRST if self._cut is not None else self._random.randrange(len(works))
        self._gates[first].release()
        assert self._done.wait(_PATIENCE_S), "the actors hang"
        assert not self.errors, self.errors

    def step(self, *, blocked: bool = False) -> None:
        """Let another one have the turn, perhaps; surely where this one cannot go on."""
        me = getattr(self._mine, "number", None)
        others = [number for number in self._gates if number != me]
        if me is None or not others:
            return
        self.steps += me == _FIRST
        if self._cut is None:
            gives_away = self._random.random() < self._switching
        else:
            gives_away = me == _FIRST and self.steps > self._cut
        if blocked or gives_away:
            self._gates[self._random.choice(others)].release()
            self._gates[me].acquire()

    def _act(self, number: int, work: Callable[[], object]) -> None:
        self._mine.number = number
        gate = self._gates[number]
        gate.acquire()
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - told by the main thread
            self.errors.append(error)
        del self._gates[number]
        if self._gates:
            self._gates[self._random.choice(list(self._gates))].release()
        else:
            self._done.set()


class TurnOps(FileOps):
    """The real calls, each of which is a step."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns

    def before(self, operation: str, target: str) -> None:
        del operation, target
        self._turns.step()


class TurnStore(StateStore):
    """The real store; its lock is tried, not waited for."""

    turns: Turns

    @contextlib.contextmanager
    def transaction(self, *, timeout_s: float = 0.0, what: str = "change") -> Iterator[Transaction]:
        del timeout_s
        self.turns.step()
        with contextlib.ExitStack() as stack:
            while True:
                try:
                    work = stack.enter_context(super().transaction(timeout_s=0.0, what=what))
                    break
                except LockHeldError:
                    self.turns.step(blocked=True)
            yield work
        self.turns.step()


class TurnGateway:
    """The real gateway; before and after every call somebody else may go on."""

    def __init__(self, gateway: Gateway, turns: Turns, on_submit: Callable[[str], None]) -> None:
        self._gateway = gateway
        self._turns = turns
        self._on_submit = on_submit

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._gateway, name)
        if not callable(found):
            return found

        def call(*arguments: Any, **named: Any) -> Any:
            self._turns.step()
            if name == "submit":
                self._on_submit(arguments[0].order.client_order_id)
            answer = found(*arguments, **named)
            self._turns.step()
            return answer

        return call


class TurnApp(App):
    """A process's view of a home whose every step may be somebody else's turn."""

    def __init__(self, root: Path, turns: Turns, gateway: Gateway, *, life: int, clock: FakeClock) -> None:
        super().__init__(root, environ={}, clock=clock, ids=SequentialIds(life * 1_000_000))
        self._turns = turns
        self._exchange = gateway
        self.sent_without_intent: list[str] = []

    @property
    def gateway(self) -> Any:
        """Return the exchange of the test."""
        return TurnGateway(self._exchange, self._turns, self._look_at_intent)

    def _store_for(self, environment: str) -> StateStore:
        store = TurnStore(
            Home(self.home.root),
            clock=self.clock,
            ids=self.ids,
            writer=this_process("0.0.0"),
            environment=environment,
            file_ops=TurnOps(self._turns),
        )
        store.turns = self._turns
        return store

    def _look_at_intent(self, client_order_id: str) -> None:
        """The very moment at which an order leaves: its intent must lie on the disk."""
        entries = self.store.read(MANAGED_STATE).content.managed_assets.values()
        if client_order_id not in {e.exit_intent.client_order_id for e in entries if e.exit_intent}:
            self.sent_without_intent.append(client_order_id)
