"""Killed or failed at every disk call: old or new, complete, exactly once, or a named stop."""

import contextlib
import errno
from collections.abc import Callable
from pathlib import Path

import pytest

from bot.kernel.errors import StateUnsureError, StateWriteError, StorageError
from bot.storage.documents import ALL_KINDS, MANAGED_STATE
from bot.storage.home import create_home
from bot.storage.rebuild import compare_with_live
from bot.storage.state_store import StateStore
from tests.fakes.storage_faults import (
    FailingOps,
    KillingOps,
    RecordingOps,
    add_asset,
    assert_all_agree,
    copy_home,
    new_store,
    open_store,
    run_and_die,
)

FAR = 500
"""More calls than any piece of work makes."""


@pytest.fixture
def template(tmp_path: Path) -> Path:
    """A home with two commits."""
    store = new_store(tmp_path / "template")
    add_asset(store, "BTC")
    return store.home.root


def _add_sol(root: Path, at: int) -> Callable[[], None]:
    def work() -> None:
        add_asset(open_store(root, KillingOps(at)), "SOL")

    return work


def _initialise(root: Path, at: int) -> Callable[[], None]:
    return lambda: open_store(root, KillingOps(at)).initialise()


def _recover(root: Path, at: int) -> Callable[[], None]:
    def work() -> None:
        with open_store(root, KillingOps(at)).transaction():
            pass

    return work


def _assert_old_or_new(root: Path) -> bool:
    """Recover, make sure that all agree on old or new, and that the command can be applied exactly once."""
    store = open_store(root)
    with store.transaction() as work:
        assert work.recovery.alarms == ()  # a crash is no reason for an alarm
        known = work.applied("add-sol")
        content = work.current(MANAGED_STATE).content
    assert store.read(MANAGED_STATE).content == content
    assert set(content.managed_assets) == ({"BTC", "SOL"} if known else {"BTC"})
    assert_all_agree(store)
    if known is None:
        add_asset(store, "SOL")
    assert_all_agree(store)
    assert compare_with_live(store) == []
    assert len(list(store.audit.records(command_id="add-sol"))) == 1
    return known is not None


def test_killed_at_every_call_of_a_commit_the_state_is_old_or_new(template: Path, tmp_path: Path) -> None:
    seen: list[bool] = []
    for at in range(FAR):
        root = copy_home(template, tmp_path / f"home-{at}")
        killed = run_and_die(_add_sol(root, at))
        seen.append(_assert_old_or_new(root))
        if not killed:
            break
    # Old up to the link, new from then on: the link is the one commit point.
    calls = _calls_of_a_commit(copy_home(template, tmp_path / "recorded"))
    assert len(seen) == len(calls) + 1
    link = next(number for number, (operation, _) in enumerate(calls) if operation == "link")
    assert seen == [number > link for number in range(len(seen))]


def _calls_of_a_commit(root: Path) -> list[tuple[str, str]]:
    ops = RecordingOps()
    add_asset(open_store(root, ops), "SOL")
    return ops.calls


def test_killed_in_the_commit_and_again_in_the_recovery_the_state_is_old_or_new(
    template: Path, tmp_path: Path
) -> None:
    runs = 0
    for at in range(FAR):
        first = copy_home(template, tmp_path / f"first-{at}")
        if not run_and_die(_add_sol(first, at)):
            break
        for again in range(FAR):
            root = copy_home(first, tmp_path / f"home-{at}-{again}")
            killed = run_and_die(_recover(root, again))
            _assert_old_or_new(root)
            runs += 1
            if not killed:
                break
    assert runs > 100


def test_killed_at_every_call_a_new_home_can_be_completed(tmp_path: Path) -> None:
    for at in range(FAR):
        root = tmp_path / f"home-{at}"
        create_home(root)
        if not run_and_die(_initialise(root, at)):
            break
        store = open_store(root)
        if any(store.home.versions("positions").glob("*.json")):
            with store.transaction():  # all four are there: the last one may just not be told
                pass
        else:
            store.initialise()
        assert_all_agree(store)
        assert len({store.read(kind).meta.lineage for kind in ALL_KINDS}) == 1
    assert at > 60


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC], ids=["EIO", "ENOSPC"])
def test_an_error_at_any_call_of_a_commit_ends_as_done_not_done_or_unsure(
    template: Path, tmp_path: Path, number: int
) -> None:
    outcomes: set[str] = set()
    for at in range(FAR):
        root = copy_home(template, tmp_path / f"home-{at}")
        ops = FailingOps(at, number)
        store = open_store(root, ops)
        outcome = _try_to_add(store)
        outcomes.add(outcome)
        if ops.failed in {"fsync", "fsync_folder"}:
            assert outcome == "unsure"
        if outcome == "not done":
            assert store.read(MANAGED_STATE).meta.serial == 2
            with store.transaction() as work:  # a refusal by the disk stops nobody
                assert work.applied("add-sol") is None
        was_done = _assert_old_or_new(root)
        assert was_done or outcome != "done"
        assert not was_done or outcome != "not done"
        if ops.failed is None:
            break
    assert outcomes == {"done", "not done", "unsure"}


def _try_to_add(store: StateStore) -> str:
    try:
        add_asset(store, "SOL")
    except StateWriteError:
        return "not done"
    except StateUnsureError:
        return "unsure"
    return "done"


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC], ids=["EIO", "ENOSPC"])
def test_an_error_at_any_call_of_a_healing_recovery_is_a_named_stop(
    template: Path, tmp_path: Path, number: int
) -> None:
    version = Path("backups/managed_state/00000002.json")
    for at in range(FAR):
        root = copy_home(template, tmp_path / f"home-{at}")
        (root / version).chmod(0o600)
        (root / version).write_bytes(b"damaged")
        with (root / "state/audit/audit.jsonl").open("ab") as log:
            log.write(b'{"torn')
        ops = FailingOps(at, number)
        with contextlib.suppress(StorageError), open_store(root, ops).transaction():
            pass
        with open_store(root).transaction() as work:
            assert set(work.current(MANAGED_STATE).content.managed_assets) == {"BTC"}
        assert_all_agree(open_store(root))
        if ops.failed is None:
            break
    assert at > 8
