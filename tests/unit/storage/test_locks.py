"""Locks exclude processes and threads, and name their holder."""

import os
import signal
import threading
import time
from pathlib import Path

import pytest

from bot.kernel.errors import BotError, LockHeldError
from bot.storage.files.locks import PidLock, hold, last_holder, who_holds
from bot.storage.home import Home, create_home
from tests.fakes.fake_clock import FakeClock


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return create_home(tmp_path / "home")


def _hold_in_child(path: Path) -> int:
    """Start a process that holds the lock until it is killed; returns its pid once it does."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            with hold(path, clock=FakeClock(), what="a long job", timeout_s=5):
                os.write(write, b"!")
                signal.pause()
        finally:
            os._exit(1)
    assert os.read(read, 1) == b"!"
    os.close(read)
    os.close(write)
    return child


def test_a_timeout_names_who_holds_the_lock(home: Home, clock: FakeClock) -> None:
    child = _hold_in_child(home.state_lock)
    try:
        with (
            pytest.raises(LockHeldError, match=rf"process {child} on .* \(a long job\) since 2024") as held,
            hold(home.state_lock, clock=clock, what="x", timeout_s=0.02),
        ):
            pass
        holder = who_holds(home.state_lock)
        assert holder is not None
        assert (holder.pid, holder.is_alive) == (child, True)
        assert held.value.code == "lock_held"
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def test_a_killed_holder_lets_go_at_once(home: Home, clock: FakeClock) -> None:
    child = _hold_in_child(home.state_lock)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    with hold(home.state_lock, clock=clock, what="x", timeout_s=1):
        holder = last_holder(home.state_lock)
    assert holder is not None
    assert holder.pid == os.getpid()


def test_nobody_holds_a_released_lock_though_the_file_stays(home: Home, clock: FakeClock) -> None:
    with hold(home.state_lock, clock=clock, what="x", timeout_s=1):
        assert who_holds(home.state_lock) is not None
    assert home.state_lock.exists()
    assert who_holds(home.state_lock) is None


def test_threads_exclude_each_other(home: Home, clock: FakeClock) -> None:
    inside, most, guard = 0, 0, threading.Lock()

    def work() -> None:
        nonlocal inside, most
        for _ in range(5):
            with hold(home.state_lock, clock=clock, what="x", timeout_s=10):
                with guard:
                    inside += 1
                    most = max(most, inside)
                time.sleep(0.001)  # noqa: TID251 - real threads need real time
                with guard:
                    inside -= 1

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1


def test_transactions_do_not_nest(home: Home, clock: FakeClock) -> None:
    with (
        hold(home.state_lock, clock=clock, what="x", timeout_s=1),
        pytest.raises(RuntimeError, match="do not nest"),
        hold(home.state_lock, clock=clock, what="y", timeout_s=1),
    ):
        pass


def test_a_lock_makes_no_folders_where_there_is_no_home(tmp_path: Path, clock: FakeClock) -> None:
    with (
        pytest.raises(BotError) as missing,
        hold(Home(tmp_path / "none").state_lock, clock=clock, what="x", timeout_s=1),
    ):
        pass
    assert missing.value.code == "home_missing"
    assert not (tmp_path / "none").exists()


def test_a_lock_does_not_wait_when_told_so(home: Home, clock: FakeClock) -> None:
    child = _hold_in_child(home.locks / "engine-SOL.lock")
    try:
        with (
            pytest.raises(LockHeldError),
            hold(home.locks / "engine-SOL.lock", clock=clock, what="x", timeout_s=0),
        ):
            pass
        with hold(home.locks / "engine-ETH.lock", clock=clock, what="x", timeout_s=0):
            pass
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def test_a_second_daemon_is_refused_and_told_the_first_ones_pid(home: Home) -> None:
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            with PidLock(home.pid_file):
                os.write(write, b"!")
                signal.pause()
        finally:
            os._exit(1)
    assert os.read(read, 1) == b"!"
    os.close(read)
    os.close(write)
    try:
        with pytest.raises(LockHeldError, match=str(child)) as held, PidLock(home.pid_file):
            pass
        assert held.value.code == "already_running"
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    with PidLock(home.pid_file) as lock:
        lock.check()


def test_a_daemon_whose_lock_file_was_removed_notices_it(home: Home) -> None:
    lock = PidLock(home.pid_file)
    with lock:
        lock.check()
        Path(f"{home.pid_file}.lock").unlink()
        with pytest.raises(LockHeldError, match="lost its place"):
            lock.check()
