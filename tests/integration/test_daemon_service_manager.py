"""What the real daemon tells a service manager, and when it stops telling it."""

import itertools
import os
import signal
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from bot.app.clock import SystemClock
from bot.app.service_signs import COMMANDS, TRADING, ServiceSigns
from bot.lifecycle.commands import CommandType
from bot.storage.heartbeat import read_heartbeat
from bot.storage.home import Home
from tests.fakes.bot_process import bot_process, until
from tests.fakes.bot_world import BotWorld, bot_world
from tests.fakes.service_manager import NotifySocket, notify_socket


@pytest.fixture
def world(tmp_path: Path) -> Iterator[BotWorld]:
    clock = SystemClock()
    with bot_world(tmp_path / "home", clock=clock, start=clock.now()) as made:
        yield made


def wait_for(manager: NotifySocket, what: str) -> None:
    until(lambda: any(what in message for message in manager.look()), what)


@pytest.mark.parametrize("what", ["run", "worker"])
def test_the_daemon_tells_its_start_its_life_its_work_and_its_end(world: BotWorld, what: str) -> None:
    with notify_socket(world.root.parent) as manager:
        environ = {
            "NOTIFY_SOCKET": manager.address,
            "WATCHDOG_USEC": "2000000",
            "BOT_WORKER_SAFETY_POLL_S": "0.2",
        }
        world.hand_over("SOL")
        with bot_process(world.root, what, **environ) as daemon:
            wait_for(manager, "READY=1")
            began = time.perf_counter()
            seen = manager.look().count("WATCHDOG=1")
            until(lambda: manager.look().count("WATCHDOG=1") >= seen + 3, "three pings")
            assert time.perf_counter() - began < 3 * 2, "each within the interval"
            world.ask(CommandType.PAUSE_MANAGED_ASSET, "SOL", exits="on")
            wait_for(manager, f"STATUS=bot {what}; nothing waits; ")
            beat = read_heartbeat(Home(world.root))
            assert beat is not None
            assert beat.late == ()
            assert beat.queue is not None
            assert beat.queue.finished > 0
            assert daemon.end(signal.SIGTERM) == 0
        told = manager.look()
        assert told.count("READY=1") == 1
        assert told.count("STOPPING=1") == 1
        assert "STOPPING=1" in told[-2:], "nothing but a late status comes after it"


def test_a_daemon_without_a_watchdog_does_not_ping(world: BotWorld) -> None:
    with notify_socket(world.root.parent, abstract=True) as manager:
        with bot_process(world.root, "worker", NOTIFY_SOCKET=manager.address) as daemon:
            wait_for(manager, "STATUS=")
            assert daemon.end() == 0
        assert "READY=1" in manager.look()
        assert "WATCHDOG=1" not in manager.told


def test_a_stopped_daemon_gives_no_sign(world: BotWorld) -> None:
    with notify_socket(world.root.parent) as manager:
        environ = {"NOTIFY_SOCKET": manager.address, "WATCHDOG_USEC": "200000"}
        with bot_process(world.root, "run", **environ) as daemon:
            wait_for(manager, "WATCHDOG=1")
            os.kill(daemon.pid, signal.SIGSTOP)
            seen = len(manager.look())
            threading.Event().wait(0.6)
            assert len(manager.look()) <= seen + 1, "one may have been under way"


class _Told(list[Mapping[str, Any]]):
    def __call__(self, word: str, figures: Mapping[str, Any]) -> None:
        self.append({"event": word, **figures})


@pytest.mark.parametrize("name", [COMMANDS, TRADING])
def test_a_thread_that_hangs_ends_the_pings_and_is_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    with notify_socket(tmp_path) as manager, bot_world(tmp_path / "home") as world:
        monkeypatch.setenv("NOTIFY_SOCKET", manager.address)
        monkeypatch.setenv("WATCHDOG_USEC", "1000000")
        told = _Told()
        signs = ServiceSigns(world.app, what="run", tell=told)
        for thread in (COMMANDS, TRADING):
            signs.back_within(thread, 100)

        def pings_in(seconds: int) -> int:
            before = manager.look().count("WATCHDOG=1")
            for _ in range(seconds):
                world.wait(1)
                signs.tick()
                manager.look()  # its queue is short
            return manager.look().count("WATCHDOG=1") - before

        assert pings_in(90) == 90
        signs.back_within(COMMANDS if name == TRADING else TRADING, 1_000)
        assert pings_in(30) == 10, "until the promise is broken"
        assert [(line["in"], line["code"]) for line in told] == [(name, "work_hangs")]
        beat = read_heartbeat(world.app.home)
        assert beat is not None
        assert beat.late == (name,)
        assert any(f"{name} HANGS" in message for message in manager.look())
        signs.back_within(name, 100)
        assert pings_in(10) == 10, "it came round after all"


def test_the_watchdog_is_pinged_at_half_its_interval(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with notify_socket(tmp_path) as manager, bot_world(tmp_path / "home") as world:
        monkeypatch.setenv("NOTIFY_SOCKET", manager.address)
        monkeypatch.setenv("WATCHDOG_USEC", "60000000")
        signs = ServiceSigns(world.app, what="run", tell=_Told())
        assert signs.round_s == 0.5
        times = []
        for tick in range(240):
            seen = manager.look().count("WATCHDOG=1")
            signs.tick()
            if manager.look().count("WATCHDOG=1") > seen:
                times.append(tick / 2)
            world.wait(0.5)
        gaps = [after - before for before, after in itertools.pairwise(times)]
        assert gaps
        assert set(gaps) == {29.5}
