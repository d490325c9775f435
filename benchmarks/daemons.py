"""Real `bot run` and `bot worker` processes for the benchmarks, with a box beside them."""

import contextlib
import datetime as dt
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import msgspec

from benchmarks.homes import BenchApp
from bot.app.connection import BoxConnection, write_box
from bot.exchange.box.config import BoxConfig
from bot.exchange.box.server import RunningBox, start_box
from bot.storage.heartbeat import read_heartbeat

_START_S, _END_S = 60, 60
_PAUSE = threading.Event()


def pause(seconds: float) -> None:
    """Wait."""
    _PAUSE.wait(seconds)


@contextlib.contextmanager
def quiet_box() -> Iterator[RunningBox]:
    """Yield an exchange in a box whose market stands still."""
    start = dt.datetime.fromtimestamp(time.time() // 60 * 60, dt.UTC)  # noqa: TID251 - a measuring program has no Clock
    with start_box(BoxConfig(start=start, speed=0, wallet={"USDT": Decimal(1_000)})) as box:
        yield box


@contextlib.contextmanager
def daemon(app: BenchApp, box: RunningBox, *words: str) -> Iterator[int]:
    """Yield the pid of a bot that works in the home; it is asked to stop at the end.

    Raises:
        RuntimeError: It did not come up.
    """
    write_box(app.home, msgspec.convert(msgspec.structs.asdict(box.address), BoxConnection))
    with daemon_at(app, *words) as pid:
        yield pid


@contextlib.contextmanager
def daemon_at(app: BenchApp, *words: str) -> Iterator[int]:
    """Yield the same for a home that knows its exchange already.

    Raises:
        RuntimeError: It did not come up.
    """
    log_path = app.home.root.with_suffix(".log")
    with log_path.open("w", encoding="utf-8") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "bot.main", "--home", str(app.home.root), *words],
            stdout=log,
            stderr=log,
            env={**os.environ, "BOT_WORKER_SAFETY_POLL_S": "5"},
        )
    try:
        deadline = time.perf_counter() + _START_S
        while not _is_up(app, process):
            if process.poll() is not None or time.perf_counter() > deadline:
                raise RuntimeError(f"the bot did not start: {log_path.read_text(encoding='utf-8')}")
            pause(0.05)
        yield process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=_END_S)


def cpu_s(pid: int) -> float:
    """Return the processor seconds that all threads of a process have used (Linux)."""
    used_ns = 0
    for thread in Path(f"/proc/{pid}/task").iterdir():
        used_ns += int((thread / "schedstat").read_text(encoding="ascii").split()[0])
    return used_ns / 1_000_000_000


def _is_up(app: BenchApp, process: subprocess.Popen[bytes]) -> bool:
    beat = read_heartbeat(app.home)
    return beat is not None and beat.pid == process.pid
