"""The bus alone beside known queues at equal durability: throughput, latency, and a worker that is killed.

Nothing is promised here. A peer that is not installed, or has no PostgreSQL, is left out with a word.
"""

import contextlib
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from benchmarks.daemons import pause
from benchmarks.homes import bench_folder
from benchmarks.measure import Result, told
from benchmarks.peer_queues import ON_A_SERVER, PEERS, Peer
from benchmarks.servers import postgres
from bot.lifecycle.command_figures import times_of

_PATIENCE_S = 30.0
_BETWEEN_S = 0.05


class _Place(NamedTuple):
    name: str
    folder: Path
    url: str | None

    @contextlib.contextmanager
    def opened(self) -> Iterator[Peer]:
        peer = PEERS[self.name](self.folder, self.url)
        try:
            yield peer
        finally:
            peer.close()


def measure(*, quick: bool = False) -> list[Result]:
    """Return, for each queue: tasks a second, put to handler, and what became of tasks of killed workers."""
    tasks, waits, kills, watched_s = (5, 3, 1, 1.0) if quick else (500, 200, 10, 5.0)
    results: list[Result] = []
    with bench_folder() as folder, postgres(folder / "pg") as server:
        for number, name in enumerate(PEERS):
            places = []
            for what in ("throughput", "latency", "kills"):
                url = server.new_database() if server is not None and name in ON_A_SERVER else None
                made = folder / f"{number}-{what}"
                made.mkdir()
                places.append(_Place(name, made, url))
            if name in ON_A_SERVER and server is None:
                continue
            try:
                results.append(_throughput(places[0], tasks))
            except ImportError as error:
                print(f"left out: {name} ({error}); see benchmarks/requirements.txt", file=sys.stderr)
                continue
            results += _latency(places[1], waits)
            results += _kills(places[2], kills, watched_s)
    return results


def _throughput(place: _Place, tasks: int) -> Result:
    handled: list[str] = []
    with place.opened() as peer:
        start = time.perf_counter()
        for number in range(tasks):
            peer.put(f"task{number}")
        peer.work(handled.append, only_what_waits=True)
        took_s = time.perf_counter() - start
    if len(handled) != tasks:
        raise RuntimeError(f"{place.name} handled {len(handled)} of {tasks}")
    return told(f"{place.name}: put, taken, done", value=tasks / took_s, unit="tasks/s")


def _latency(place: _Place, waits: int) -> list[Result]:
    took_s = []
    with place.opened() as peer, _worker(place) as worker:
        for number in range(waits):
            pause(_BETWEEN_S)
            start_ns = time.monotonic_ns()
            peer.put(f"task{number}")
            began_ns = worker.began(f"task{number}", _PATIENCE_S)
            if began_ns is None:
                raise RuntimeError(f"{place.name} did not handle task {number}")
            took_s.append((began_ns - start_ns) / 1_000_000_000)
    times = times_of(took_s)
    return [
        told(f"{place.name}: put to handler, {name}", value=seconds * 1_000, unit="ms")
        for name, seconds in (("p50", times.p50_s), ("p99", times.p99_s))
    ]


def _kills(place: _Place, kills: int, watched_s: float) -> list[Result]:
    """Kill the worker in the middle of a task, start another, and see what becomes of the task."""
    fates = [_fate(place, f"hang{number}", watched_s) for number in range(kills)]
    outcomes = (
        (f"done again within {watched_s:g} s", "again"),
        ("kept, but not taken up", "kept"),
        ("LOST", "lost"),
    )
    return [
        told(f"{place.name}: task of a killed worker {what}", value=fates.count(fate), unit=f"of {kills}")
        for what, fate in outcomes
    ]


def _fate(place: _Place, word: str, watched_s: float) -> str:
    with place.opened() as peer:
        before = peer.left()
        with _worker(place) as worker:
            peer.put(word)
            if worker.began(word, _PATIENCE_S) is None:
                raise RuntimeError(f"{place.name} did not begin {word}")
        with _worker(place) as worker:
            is_again = worker.began(word, watched_s) is not None
        left = peer.left()
        if is_again:  # it would begin again for ever: end it
            with place.opened() as other:
                other.work(lambda _word: None, only_what_waits=True)
        return "again" if is_again else "kept" if left > before else "lost"


class _Worker:
    """A worker process, and the words that it tells."""

    def __init__(self, place: _Place) -> None:
        self._log = place.folder.with_suffix(f".{time.monotonic_ns()}.log")
        words = [place.name, str(place.folder), *([place.url] if place.url else [])]
        with (
            self._log.open("w", encoding="utf-8") as log,
            self._log.with_suffix(".errors").open("w") as errors,
        ):
            self._process = subprocess.Popen(
                [sys.executable, "-m", "benchmarks.peer_worker", *words], stdout=log, stderr=errors
            )
        if self.began("ready", _PATIENCE_S) is None:
            errors_told = self._log.with_suffix(".errors").read_text(encoding="utf-8")
            raise RuntimeError(f"{place.name}: the worker did not start: {errors_told}")

    def began(self, word: str, patience_s: float) -> int | None:
        """Return when the worker began the task, in nanoseconds; None if it did not."""
        deadline = time.perf_counter() + patience_s
        while time.perf_counter() < deadline:
            for line in self._log.read_text(encoding="utf-8").splitlines(keepends=True):
                if line.endswith("\n") and line.split()[0] == word:
                    return int(line.split()[1])
            pause(0.001)
        return None

    def kill(self) -> None:
        """End it as `kill -9` does."""
        self._process.kill()
        self._process.wait()


@contextlib.contextmanager
def _worker(place: _Place) -> Iterator[_Worker]:
    worker = _Worker(place)
    try:
        yield worker
    finally:
        worker.kill()
