"""Locks that go wrong: a stopped holder, a deleted lock file, a fork under the lock, a second daemon."""

import contextlib
import os
import signal
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from bot.kernel.errors import LockHeldError, StateConflictError
from bot.storage.documents import MANAGED_STATE, RUNTIME_CONFIG
from bot.storage.files.locks import PidLock
from bot.storage.home import Home
from tests.fakes.storage_faults import add_asset, assert_all_agree, copy_home, open_store
from tests.faults.processes import all_well, ended, start
from tests.faults.tally import Tally


@pytest.fixture
def home(template: Path, tmp_path: Path) -> Path:
    """A home in which BTC was added."""
    return copy_home(template, tmp_path / "home")


def _assets(root: Path) -> set[str]:
    store = open_store(root)
    with store.transaction() as work:
        found = set(work.current(MANAGED_STATE).content.managed_assets)
    assert_all_agree(store)
    return found


def _until(is_so: Callable[[], bool]) -> None:
    for _ in range(2_000):
        if is_so():
            return
        time.sleep(0.005)  # noqa: TID251 - another process is waited for
    raise AssertionError("it never came")


def _stop_under_the_lock(root: Path) -> None:
    with open_store(root).transaction():
        os.kill(os.getpid(), signal.SIGSTOP)


def test_a_stopped_holder_is_named_by_its_pid_and_its_end_frees_the_lock(home: Path, tally: Tally) -> None:
    child = start(lambda: _stop_under_the_lock(home))
    os.waitpid(child, os.WUNTRACED)
    try:
        with pytest.raises(LockHeldError) as held, open_store(home).transaction(timeout_s=0.2):
            pass
        assert f"process {child} " in held.value.why
        assert "since" in held.value.why
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    add_asset(open_store(home), "SOL")
    assert _assets(home) == {"BTC", "SOL"}
    tally.add("stopped holder of the lock", 1)


def test_a_lock_file_that_is_deleted_while_it_is_held_costs_a_conflict_and_no_change(
    home: Path, tally: Tally
) -> None:
    store = open_store(home)
    lock = Home(home).state_lock
    with store.transaction() as work:
        lock.unlink()
        all_well([lambda: add_asset(open_store(home), "SOL")])  # it finds no lock and commits
        with pytest.raises(StateConflictError):
            work.commit(MANAGED_STATE, work.current(MANAGED_STATE).content, commands=[], events=[])
    add_asset(store, "ETH")
    assert _assets(home) == {"BTC", "SOL", "ETH"}
    tally.add("lock file deleted under its holder", 1)


def test_a_pruned_version_is_no_free_place_for_a_writer_that_slept(home: Path, tally: Tally) -> None:
    sleeper = open_store(home)
    with sleeper.transaction() as work:
        Home(home).state_lock.unlink()
        for asset in ("SOL", "ETH", "ADA"):
            all_well([partial(add_asset, open_store(home), asset)])
        for serial in (1, 2, 3, 4):  # as retention does with old versions
            (Home(home).versions("managed_state") / f"{serial:08d}.json").unlink()
        with pytest.raises(StateConflictError):
            work.commit(MANAGED_STATE, work.current(MANAGED_STATE).content, commands=[], events=[])
    assert _assets(home) == {"BTC", "SOL", "ETH", "ADA"}
    tally.add("writer that slept over a pruning", 1)


def test_a_process_forked_under_the_lock_neither_commits_nor_frees_it(home: Path, tally: Tally) -> None:
    def child_work(use: contextlib.AbstractContextManager[object]) -> None:
        with contextlib.suppress(LockHeldError, RuntimeError), open_store(home).transaction(timeout_s=0.1):
            os._exit(7)  # it must not get in
        use.__exit__(None, None, None)  # leaves the parent's block, as an unwinding child would

    holding = open_store(home).transaction()
    with holding as work:
        assert ended(start(lambda: child_work(holding))) == 0
        intruder = start(lambda: add_asset(open_store(home), "SOL"))
        time.sleep(0.2)  # noqa: TID251 - the other process has its chance to get in
        assert os.waitpid(intruder, os.WNOHANG) == (0, 0), "the fork freed its parent's lock"
        work.commit(RUNTIME_CONFIG, work.current(RUNTIME_CONFIG).content, commands=[], events=[])
    assert ended(intruder) == 0
    assert _assets(home) == {"BTC", "SOL"}
    tally.add("fork under the lock", 1)


def test_a_second_daemon_is_refused_and_told_which_one_runs(home: Path, tally: Tally) -> None:
    ready = home / "ready"

    def daemon() -> None:
        with PidLock(Home(home).pid_file):
            ready.touch()
            signal.pause()

    child = start(daemon)
    try:
        _until(ready.exists)
        with pytest.raises(LockHeldError) as second, PidLock(Home(home).pid_file):
            pass
        assert second.value.code == "already_running"
        assert f"Process {child} " in second.value.why
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    with PidLock(Home(home).pid_file):
        pass
    tally.add("second daemon", 1)
