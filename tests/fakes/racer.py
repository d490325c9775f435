"""A process that does one thing at a starting gun, again and again: `python -m tests.fakes.racer`.

Each line on its standard input is a job; it gets ready, says so, waits for `go`, acts, and tells the end.
"""

import datetime as dt
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from bot.app import operations
from bot.app.clock import SystemClock
from bot.app.runtime import run_once, worker_once
from bot.app.wiring import App
from bot.lifecycle.commands import CommandOutcome, CommandType

REPOSITORY = Path(__file__).resolve().parents[2]


class LateClock(SystemClock):
    """A machine whose wall clock is ahead."""

    def __init__(self, ahead_s: float) -> None:
        super().__init__()
        self._ahead = dt.timedelta(seconds=ahead_s)

    def now(self) -> dt.datetime:
        return super().now() + self._ahead


def told(outcome: CommandOutcome | None) -> dict[str, Any]:
    """Return an outcome as the other side of the pipe reads it."""
    if outcome is None:
        return {"state": "queued", "code": "queued", "in_flight": None}
    in_flight = outcome.detail.get("order_in_flight")
    return {"state": outcome.state.value, "code": outcome.code, "in_flight": in_flight}


def ready(job: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Build all that is needed, stop once at the starting line, then act."""
    app = App(Path(job["home"]), environ={}, clock=LateClock(job.get("ahead_s", 0.0)))
    _ = (app.applier, app.worker, app.queue.queued(limit=1), app.gateway.markets())
    words: dict[str, Any] = job.get("words", {})
    match job["do"]:
        case "apply":
            actor = job.get("actor") or app.actor
            command = app.maker.make(job["command"], job["asset"], words, actor=actor)
            yield {}
            yield told(app.applier.apply(command))
        case "send":
            command_type = CommandType(job["command"])
            yield {}
            app.clock.sleep(job.get("wait_s", 0.0))
            here = bool(job["apply_here"])
            answer = operations.send(
                app, command_type, job["asset"], words, wait_s=0.5 if here else 0, apply_here=here
            )
            if job.get("once"):
                worker_once(app)
            row = app.queue.get(answer.uid)
            yield told(row.outcome if row is not None else None) | {"uid": answer.uid}
        case "run_once":
            yield {}
            report = run_once(app)
            steps = report.cycle.steps if report.cycle is not None else ()
            yield {"steps": [step.what for step in steps]}
        case other:
            raise ValueError(other)
    app.close()


def main() -> None:
    """Work on jobs until there are none."""
    for line in sys.stdin:
        acts = ready(json.loads(line))
        next(acts)
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        sys.stdin.readline()
        answer = next(acts)
        list(acts)
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


class Racer:
    """The near side of one such process."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-W", "error", "-m", "tests.fakes.racer"],
            cwd=REPOSITORY,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.communicate()

    def take(self, **job: Any) -> None:
        """Give it a job."""
        self._write(json.dumps(job, default=str))

    def is_ready(self) -> None:
        """Wait until it stands at the line."""
        assert self._read() == "ready\n", "the racer fell"

    def go(self) -> None:
        """Let it run."""
        self._write("go")

    def end(self) -> dict[str, Any]:
        """Return what it told."""
        answer: dict[str, Any] = json.loads(self._read())
        return answer

    def _write(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def _read(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()


@contextmanager
def racers(count: int) -> Iterator[list[Racer]]:
    """Yield so many processes; all of them are gone at the end."""
    made = [Racer() for _ in range(count)]
    try:
        yield made
    finally:
        for racer in made:
            racer.__exit__(None, None, None)


def race(*pairs: tuple[Racer, dict[str, Any]]) -> list[dict[str, Any]]:
    """Start all at the same moment and return what each told."""
    for racer, job in pairs:
        racer.take(**job)
    for racer, _ in pairs:
        racer.is_ready()
    for racer, _ in pairs:
        racer.go()
    return [racer.end() for racer, _ in pairs]


if __name__ == "__main__":
    main()
