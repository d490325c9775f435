"""Disks that record, fail or die at the n-th call, and homes to try them on."""

import os
import shutil
import signal
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

from bot.kernel.canonical import digest
from bot.lifecycle.documents import ManagedAsset, ManagedStateContent
from bot.lifecycle.events import Event, EventType
from bot.lifecycle.states import AssetState
from bot.storage.documents import MANAGED_STATE, AppliedCommand
from bot.storage.files.file_ops import FileOps
from bot.storage.home import Home, create_home
from bot.storage.process_info import this_process
from bot.storage.state_store import CommitResult, StateStore
from tests.fakes.fake_clock import FakeClock
from tests.fakes.sequential_ids import SequentialIds


class RecordingOps(FileOps):
    """Keeps every call as (operation, last part of the target, or the opened file's for descriptors)."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str]] = []

    def before(self, operation: str, target: str) -> None:
        path = Path(f"/proc/self/fd/{target}").readlink() if target.isdigit() else Path(target)
        self.calls.append((operation, path.name))


class FailingOps(FileOps):
    """Raises an error at the n-th call (from 0); a close that fails has closed all the same."""

    def __init__(self, at: int, error_number: int) -> None:
        self.count = 0
        self.failed: str | None = None
        self._at = at
        self._error_number = error_number

    def before(self, operation: str, target: str) -> None:
        number, self.count = self.count, self.count + 1
        if number == self._at:
            self.failed = operation
            if operation == "close":
                os.close(int(target))
            raise OSError(self._error_number, os.strerror(self._error_number))


class KillingOps(FileOps):
    """Kills its own process before the n-th call (from 0)."""

    def __init__(self, at: int) -> None:
        self.last = ""
        self._count = 0
        self._at = at

    def before(self, operation: str, target: str) -> None:
        if self._count == self._at:
            os.kill(os.getpid(), signal.SIGKILL)
        self.last = f"{operation} {target}"
        self._count += 1


class ShortWriteOps(FileOps):
    """Takes seven bytes at a time, as a slow pipe or a nearly full disk may."""

    def write(self, descriptor: int, data: bytes | memoryview) -> int:
        return super().write(descriptor, memoryview(data)[:7])


def open_store(root: Path, ops: FileOps | None = None, *, first_id: int = 1) -> StateStore:
    """Return a store on a home; a new lineage starts with that id."""
    return StateStore(
        Home(root),
        clock=FakeClock(),
        ids=SequentialIds(first_id),
        writer=this_process("0.0.0"),
        environment="sandbox",
        file_ops=ops,
    )


def new_store(root: Path, *, first_id: int = 1) -> StateStore:
    """Return a store on a new home with first versions."""
    create_home(root)
    store = open_store(root, first_id=first_id)
    store.initialise()
    return store


def copy_home(source: Path, target: Path) -> Path:
    """Copy a home, modes kept: another path, so another lock."""
    shutil.copytree(source, target)
    return target


def add_asset(store: StateStore, asset: str, *, quantity: str = "1.5") -> CommitResult:
    """Commit one command that gives an asset an entry; its uid is `add-<asset>`."""
    uid = f"add-{asset.lower()}"
    entry = ManagedAsset(state=AssetState.FROZEN, requested_quantity=Decimal(quantity))
    plain = {"state": "frozen", "requested_quantity": Decimal(quantity), "transitions": 0, "history": []}
    event = Event(
        type=EventType.ASSET_RELEASED,
        asset=asset,
        actor="user_ann",
        command_id=uid,
        before={"managed": None, "pending": None},
        after={"managed": plain, "pending": None},
    )
    with store.transaction() as work:
        content = work.current(MANAGED_STATE).content
        changed = ManagedStateContent(
            managed_assets={**content.managed_assets, asset: entry},
            pending_proposals=content.pending_proposals,
        )
        command = AppliedCommand(uid=uid, digest=digest(uid), outcome={"state": "applied"})
        return work.commit(MANAGED_STATE, changed, commands=[command], events=[event])


def run_and_die(work: Callable[[], object]) -> bool:
    """Run the work in a process of its own; True if it was killed, False if it came to its end.

    Raises:
        AssertionError: It ended in any other way.
    """
    child = os.fork()
    if child == 0:
        try:
            work()
        except BaseException:  # noqa: BLE001 - the child must not run the parent's tests
            os._exit(99)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return True
    assert os.WEXITSTATUS(status) == 0, f"the process ended with {os.WEXITSTATUS(status)}"
    return False


def assert_all_agree(store: StateStore) -> None:
    """Make sure that public files, versions and audit tell one story."""
    findings = [finding for finding in store.check() if finding.severity != "ok"]
    assert not findings, findings
    assert store.audit.verify().is_whole
