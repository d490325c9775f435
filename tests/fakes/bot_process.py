"""`bot` as processes of their own, in a test's home."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bot.storage.heartbeat import read_heartbeat
from bot.storage.home import Home

REPOSITORY = Path(__file__).resolve().parents[2]
PATIENCE_S = 30.0


def argv(root: Path, *words: str) -> list[str]:
    """Return the command line of `bot` in a home."""
    return [sys.executable, "-W", "error", "-m", "bot.main", "--home", str(root), *words]


def bot(root: Path, *words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run one command to its end."""
    env = {**os.environ, **environ}
    return subprocess.run(
        argv(root, *words), cwd=REPOSITORY, env=env, capture_output=True, text=True, timeout=60, check=False
    )


def until(done: Callable[[], object], what: str) -> None:
    """Wait until something holds; fail with its name when patience ends."""
    deadline = time.perf_counter() + PATIENCE_S
    pause = threading.Event()
    while not done():
        assert time.perf_counter() < deadline, f"waited {PATIENCE_S:.0f} s for {what}"
        pause.wait(0.005)


class BotProcess:
    """A `bot run` or `bot worker` that writes what it tells into a file."""

    def __init__(self, root: Path, *words: str, **environ: str) -> None:
        self._root = root
        self._log = root.with_name(f"{root.name}-{words[0]}-{len(list(root.parent.iterdir()))}.log")
        env = {**os.environ, "BOT_TRADING_CYCLE_S": "0.05", **environ}
        with self._log.open("w", encoding="utf-8") as log:
            self.process = subprocess.Popen(
                argv(root, *words, "--json"), cwd=REPOSITORY, env=env, stdout=log, stderr=log, text=True
            )

    @property
    def pid(self) -> int:
        return self.process.pid

    def is_up(self) -> bool:
        """Say whether it beats; fail if it ended."""
        assert self.process.poll() is None, self._log.read_text(encoding="utf-8")
        beat = read_heartbeat(Home(self._root))
        if beat is None or beat.pid != self.pid or not beat.is_alive:
            return False
        return beat.what == "worker" or beat.loop_at is not None

    def told(self) -> list[dict[str, Any]]:
        """Return everything that it told, as far as whole lines are there."""
        lines = self._log.read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}")]

    def words(self) -> str:
        """Return its output as it stands."""
        return self._log.read_text(encoding="utf-8")

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal and return the exit code."""
        self.process.send_signal(number)
        return self.process.wait(timeout=PATIENCE_S)


@contextmanager
def bot_process(root: Path, *words: str, **environ: str) -> Iterator[BotProcess]:
    """Yield a process that is up; whatever is left of it is killed at the end."""
    running = BotProcess(root, *words, **environ)
    try:
        until(running.is_up, "the bot")
        yield running
    finally:
        running.process.kill()
        running.process.wait()
