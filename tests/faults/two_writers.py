"""Two writers that take turns at given calls, as threads that run one at a time."""

import itertools
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from bot.storage.files.file_ops import FileOps

Gate = Callable[[str, str], bool]
_PATIENCE_S = 30.0


class TurnOps(FileOps):
    """The real calls; before those that a gate names, the other writer may have its turn."""

    def __init__(self, gates: frozenset[str], pause: Callable[[], None]) -> None:
        self._gates = gates
        self._pause = pause

    def before(self, operation: str, target: str) -> None:
        if f"{operation} {Path(target).name}" in self._gates:
            self._pause()

    def link(self, source: Path, target: Path) -> None:
        super().link(source, target)
        if "linked" in self._gates:
            self._pause()


class Writer:
    """One writer in a thread of its own; `step` lets it run to its next gate or its end."""

    def __init__(self, gates: frozenset[str], work: Callable[[FileOps], str]) -> None:
        self.outcome = "running"
        self._go = threading.Semaphore(0)
        self._back = threading.Semaphore(0)
        self._work = work
        self._ops = TurnOps(gates, self._pause)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def step(self) -> None:
        if self.outcome == "running":
            self._go.release()
            assert self._back.acquire(timeout=_PATIENCE_S), "a writer hangs"

    def finish(self) -> str:
        """Let it run to its end."""
        while self.outcome == "running":
            self.step()
        self._thread.join()
        return self.outcome

    def _run(self) -> None:
        self._go.acquire()
        try:
            self.outcome = self._work(self._ops)
        except BaseException as error:  # noqa: BLE001 - told by the main thread
            self.outcome = f"{type(error).__name__}: {error}"
        self._back.release()

    def _pause(self) -> None:
        self._back.release()
        self._go.acquire()


def turns(steps: int) -> Iterator[tuple[int, ...]]:
    """Yield every order in which two writers may take `steps` turns each."""
    places = range(2 * steps)
    for first in itertools.combinations(places, steps):
        yield tuple(0 if place in first else 1 for place in places)
