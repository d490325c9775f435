"""EIO, ENOSPC, short writes and signals at every call.

`tests/integration/test_storage_faults.py` looks at commits; here are also the recovery of a crash, the
mending of damage and the keeping of a refusal.
"""

import contextlib
import datetime as dt
import errno
import os
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import FrameType

import pytest

from bot.kernel.errors import StateUnsureError, StorageError
from bot.lifecycle.runtime_config import RuntimeConfigContent
from bot.storage.documents import RUNTIME_CONFIG
from bot.storage.files.file_ops import FileOps
from bot.storage.home import Home
from bot.storage.process_info import this_process
from bot.storage.state_store import StateStore
from tests.fakes.fake_clock import START, FakeClock
from tests.fakes.sequential_ids import SequentialIds
from tests.fakes.storage_faults import (
    FailingOps,
    KillingOps,
    assert_all_agree,
    copy_home,
    open_store,
    run_and_die,
)
from tests.faults.processes import ended, start
from tests.faults.tally import Tally
from tests.faults.verdicts import (
    add_sol,
    apply_group,
    group_problem,
    old_or_new,
    problem,
    recover_only,
    refusal_problem,
    refuse_one,
)

Handler = Callable[[int, FrameType | None], None] | signal.Handlers
NUMBERS = [errno.EIO, errno.ENOSPC]
_VERDICTS: dict[Callable[[StateStore], None], Callable[[Path], str | None]] = {
    refuse_one: refusal_problem,
    apply_group: group_problem,
}


def _nothing(_: Path) -> None:
    """Leave the home as it is."""


def _killed_after_the_link(root: Path) -> None:
    assert run_and_die(lambda: add_sol(open_store(root, KillingOps(at=12))))


def _damaged(root: Path) -> None:
    version = root / "backups/managed_state/00000002.json"
    version.chmod(0o600)
    version.write_bytes(b"damaged")
    with (root / "state/audit/audit.jsonl").open("ab") as log:
        log.write(b'{"torn')


@pytest.mark.parametrize("number", NUMBERS, ids=["EIO", "ENOSPC"])
@pytest.mark.parametrize(
    ("before", "work"),
    [
        (_killed_after_the_link, recover_only),
        (_damaged, recover_only),
        (_nothing, refuse_one),
        (_nothing, add_sol),
        (_nothing, apply_group),
    ],
    ids=["recovery", "mending", "refusal", "commit", "group"],
)
def test_an_error_at_any_call_ends_in_a_named_stop_and_the_next_start_is_whole(
    template: Path,
    tmp_path: Path,
    tally: Tally,
    number: int,
    before: Callable[[Path], None],
    work: Callable[[StateStore], None],
) -> None:
    start_home = copy_home(template, tmp_path / "start")
    before(start_home)
    bad: list[str] = []
    at, failed = 0, True
    while failed:
        root = copy_home(start_home, tmp_path / f"home-{at}")
        ops = FailingOps(at, number)
        with contextlib.suppress(StorageError):
            work(open_store(root, ops))
        wrong = _VERDICTS.get(work, partial(problem, alarms=before is _damaged))(root)
        bad += [f"{at} {ops.failed}: {wrong}"] if wrong else []
        failed = ops.failed is not None
        at += 1
    tally.add(f"{errno.errorcode[number]} at a disk call", at, bad)
    assert at > 4


def test_after_a_failed_flush_nothing_is_acknowledged(template: Path, tmp_path: Path, tally: Tally) -> None:
    counted = FailingOps(-1, errno.EIO)
    add_sol(open_store(copy_home(template, tmp_path / "counted"), counted))
    tried = 0
    for at in range(counted.count):
        root = copy_home(template, tmp_path / f"home-{at}")
        ops = FailingOps(at, errno.EIO)
        store = open_store(root, ops)
        with contextlib.suppress(StorageError):
            add_sol(store)
            assert ops.failed not in {"fsync", "fsync_folder"}, f"acknowledged after call {at} failed"
        if ops.failed in {"fsync", "fsync_folder"}:
            made = ops.count
            with pytest.raises(StateUnsureError):
                add_sol(store)
            assert ops.count == made, "the store went on"
            tried += 1
    tally.add("failed fsync", tried)


class ShortOps(FileOps):
    """Takes at most so many bytes at a time."""

    def __init__(self, most: int) -> None:
        self._most = most

    def write(self, descriptor: int, data: bytes | memoryview) -> int:
        return super().write(descriptor, memoryview(data)[: self._most])


@pytest.mark.parametrize("most", [1, 7, 4096])
def test_short_writes_are_completed(template: Path, tmp_path: Path, tally: Tally, most: int) -> None:
    root = copy_home(template, tmp_path / "home")
    store = open_store(root, ShortOps(most))
    add_sol(store)
    refuse_one(store)
    assert old_or_new(root, must_be_new=True)
    tally.add("short write", 1)


class SignalOps(FileOps):
    """Sends its own process a signal before the n-th call."""

    def __init__(self, at: int, number: signal.Signals) -> None:
        self._at = at
        self._number = number
        self.count = 0

    def before(self, operation: str, target: str) -> None:
        del operation, target  # whichever it is
        if self.count == self._at:
            os.kill(os.getpid(), self._number)
        self.count += 1


def _noted(_number: int, _frame: FrameType | None) -> None:
    """Take the signal as the daemon does: finish what is in hand."""


def _add_with_sigterm(root: Path, at: int, handler: Handler) -> None:
    signal.signal(signal.SIGTERM, handler)
    add_sol(open_store(root, SignalOps(at, signal.SIGTERM)))


@pytest.mark.parametrize("handler", [_noted, signal.SIG_DFL], ids=["as the daemon takes it", "unhandled"])
def test_sigterm_in_mid_commit_leaves_the_old_state_or_the_new_one(
    template: Path, tmp_path: Path, tally: Tally, handler: Handler
) -> None:
    counted = SignalOps(-1, signal.SIGTERM)
    add_sol(open_store(copy_home(template, tmp_path / "counted"), counted))
    bad: list[str] = []
    for at in range(counted.count):
        root = copy_home(template, tmp_path / f"home-{at}")
        code = ended(start(partial(_add_with_sigterm, root, at, handler)))
        assert code == (0 if handler is _noted else -signal.SIGTERM)
        wrong = problem(root, must_be_new=code == 0)
        bad += [f"{at}: {wrong}"] if wrong else []
    tally.add("SIGTERM in mid-commit", counted.count, bad)


def test_a_clock_that_steps_back_disturbs_no_order(template: Path, tmp_path: Path, tally: Tally) -> None:
    root = copy_home(template, tmp_path / "home")
    clock = FakeClock()
    store = StateStore(
        Home(root),
        clock=clock,
        ids=SequentialIds(),
        writer=this_process("0.0.0"),
        environment="sandbox",
    )
    serials: list[int] = []
    for hours in (0, -5, 3, -24 * 365, 24):
        clock.set_wall(START + dt.timedelta(hours=hours))
        with store.transaction() as work:
            content = RuntimeConfigContent(settings={"hours": hours})
            serials.append(work.commit(RUNTIME_CONFIG, content, commands=[], events=[]).serial)
    assert serials == [2, 3, 4, 5, 6]
    assert open_store(root).read(RUNTIME_CONFIG).content.settings == {"hours": 24}
    assert_all_agree(open_store(root))
    tally.add("clock stepping back", len(serials))
