"""A commit: its order of disk calls, what it leaves behind, and what it refuses."""

import errno
import stat
from pathlib import Path

import pytest

from bot.kernel.errors import (
    LockHeldError,
    RefusedError,
    StateConflictError,
    StateFileError,
    StateUnsureError,
)
from bot.lifecycle.documents import ManagedStateContent
from bot.lifecycle.runtime_config import RuntimeConfigContent
from bot.storage.audit_chain import RefusalRecord
from bot.storage.commit import APPLIED_KEPT, UnreadableContentError
from bot.storage.documents import ALL_KINDS, MANAGED_STATE, RUNTIME_CONFIG, AppliedCommand
from bot.storage.files.locks import hold
from bot.storage.rebuild import compare_with_live
from bot.storage.state_store import StateStore
from tests.fakes.fake_clock import START, FakeClock
from tests.fakes.storage_faults import (
    FailingOps,
    RecordingOps,
    ShortWriteOps,
    add_asset,
    assert_all_agree,
    new_store,
    open_store,
)


@pytest.fixture
def store(tmp_path: Path) -> StateStore:
    return new_store(tmp_path / "home")


def test_a_new_home_has_first_versions_of_one_lineage(store: StateStore) -> None:
    snapshots = [store.read(kind) for kind in ALL_KINDS]
    assert {snapshot.meta.serial for snapshot in snapshots} == {1}
    assert len({snapshot.meta.lineage for snapshot in snapshots}) == 1
    assert_all_agree(store)
    with pytest.raises(RefusedError) as again:
        store.initialise()
    assert again.value.code == "home_exists"


def test_the_steps_of_a_commit_come_in_exactly_this_order(store: StateStore) -> None:
    ops = RecordingOps()
    recording = open_store(store.home.root, ops)
    with recording.transaction() as work:
        ops.calls.clear()
        work.commit(RUNTIME_CONFIG, RuntimeConfigContent(settings={"a": 1}), commands=[], events=[])
    names = [(operation, "temp" if name.endswith(".tmp") else name) for operation, name in ops.calls]
    assert names == [
        ("open", "temp"),
        ("write", "temp"),
        ("chmod", "temp"),
        ("fsync", "temp"),
        ("close", "temp"),
        ("link", "00000002.json"),
        ("fsync_folder", "runtime_config"),
        ("unlink", "temp"),
        ("open", "temp"),
        ("write", "temp"),
        ("chmod", "temp"),
        ("fsync", "temp"),
        ("close", "temp"),
        ("rename", "runtime_config.json"),
        ("fsync_folder", "state"),
        ("write", "audit.jsonl"),
        ("fsync", "audit.jsonl"),
    ]


def test_a_transaction_flushes_the_versions_folders_and_the_audit_before_it_builds_on_them(
    store: StateStore,
) -> None:
    ops = RecordingOps()
    recording = open_store(store.home.root, ops)
    with recording.transaction():
        pass
    assert ops.calls == [
        *(("fsync_folder", kind.name) for kind in ALL_KINDS),
        ("fsync", "audit.jsonl"),
    ]
    ops.calls.clear()
    with recording.transaction():
        pass
    assert ops.calls == [("fsync", "audit.jsonl")]


def test_version_and_public_file_are_two_files_with_the_same_bytes(store: StateStore) -> None:
    add_asset(store, "SOL")
    version = store.home.versions("managed_state") / "00000002.json"
    public = store.home.managed_state
    assert version.read_bytes() == public.read_bytes()
    assert version.stat().st_ino != public.stat().st_ino
    assert [version.stat().st_nlink, public.stat().st_nlink] == [1, 1]
    assert stat.S_IMODE(version.stat().st_mode) == 0o440
    assert stat.S_IMODE(public.stat().st_mode) == 0o600


def test_a_commit_tells_its_serial_and_audit_sequences(store: StateStore) -> None:
    first, second = add_asset(store, "SOL"), add_asset(store, "ETH")
    assert (first.serial, second.serial) == (2, 3)
    assert second.audit_sequences == (first.audit_sequences[0] + 1,)
    record = store.audit.tail(1)[0]
    assert (record["type"], record["asset"], record["serial"]) == ("managed.asset_released", "ETH", 3)
    assert record["at"] == START.isoformat().replace("+00:00", "Z")
    assert compare_with_live(store) == []


def test_a_command_is_remembered_and_never_applied_twice(store: StateStore) -> None:
    add_asset(store, "SOL")
    with store.transaction() as work:
        known = work.applied("add-sol")
        assert known is not None
        assert (known.serial, known.outcome) == (2, {"state": "applied"})
        assert work.applied("other") is None
    with pytest.raises(RefusedError, match="applied already"):
        add_asset(store, "SOL")
    assert store.read(MANAGED_STATE).meta.serial == 2


def test_a_command_is_refused_in_every_document_once_it_is_in_one(store: StateStore) -> None:
    command = AppliedCommand(uid="x", digest="d", outcome={})
    with store.transaction() as work:
        work.commit(RUNTIME_CONFIG, RuntimeConfigContent(settings={"a": 1}), commands=[command], events=[])
        with pytest.raises(RefusedError) as here:
            work.commit(RUNTIME_CONFIG, RuntimeConfigContent(), commands=[command], events=[])
        with pytest.raises(RefusedError) as elsewhere:
            work.commit(MANAGED_STATE, ManagedStateContent(), commands=[command], events=[])
    assert {here.value.code, elsewhere.value.code} == {"idempotency_conflict"}


def test_a_command_stands_only_once_in_one_commit(store: StateStore) -> None:
    command = AppliedCommand(uid="x", digest="d", outcome={})
    with store.transaction() as work, pytest.raises(RefusedError):
        work.commit(MANAGED_STATE, ManagedStateContent(), commands=[command, command], events=[])
    assert store.read(MANAGED_STATE).meta.serial == 1


def test_the_ring_of_commands_does_not_grow_and_its_floor_says_what_left(store: StateStore) -> None:
    def commands(prefix: str, count: int) -> list[AppliedCommand]:
        return [AppliedCommand(uid=f"{prefix}{i}", digest="d", outcome={}) for i in range(count)]

    for prefix, count in (("a", 150), ("b", 100), ("c", 250)):
        with store.transaction() as work:
            content = work.current(MANAGED_STATE).content
            work.commit(MANAGED_STATE, content, commands=commands(prefix, count), events=[])
        meta = store.read(MANAGED_STATE).meta
        assert len(meta.applied) <= max(APPLIED_KEPT, count)
        assert {f"{prefix}{i}" for i in range(count)} <= set(meta.applied)
    assert meta.applied_floor == 3
    assert len(meta.applied) == 250


def test_a_commit_without_events_has_its_audit_record_all_the_same(store: StateStore) -> None:
    with store.transaction() as work:
        work.commit(RUNTIME_CONFIG, RuntimeConfigContent(settings={"a": 1}), commands=[], events=[])
    assert store.audit.tail(1)[0]["type"] == "state.committed"
    assert_all_agree(store)


def test_content_that_no_reader_would_accept_is_not_written(store: StateStore) -> None:
    before = store.home.managed_state.read_bytes()
    wrong = ManagedStateContent(managed_assets={"not an asset": None})  # type: ignore[dict-item] # the defect
    with pytest.raises(UnreadableContentError, match="no reader would accept"), store.transaction() as work:
        work.commit(MANAGED_STATE, wrong, commands=[], events=[])
    assert store.home.managed_state.read_bytes() == before
    assert_all_agree(store)


def test_a_serial_that_somebody_took_without_the_lock_is_a_conflict(store: StateStore) -> None:
    rival = open_store(store.home.root)
    with store.transaction() as work:
        content = RuntimeConfigContent(settings={"who": "first"})
        # A writer that goes around the lock, with a transaction of its own.
        intruder = type(work)(
            rival._context, rival._writer, work._found, work.current(RUNTIME_CONFIG).meta.lineage
        )
        intruder.commit(RUNTIME_CONFIG, content, commands=[], events=[])
        with pytest.raises(StateConflictError):
            work.commit(
                RUNTIME_CONFIG, RuntimeConfigContent(settings={"who": "second"}), commands=[], events=[]
            )
        assert work.current(RUNTIME_CONFIG).content == content
        work.commit(RUNTIME_CONFIG, RuntimeConfigContent(settings={"who": "second"}), commands=[], events=[])
    assert store.read(RUNTIME_CONFIG).meta.serial == 3
    assert_all_agree(store)


def test_a_refusal_has_a_chain_of_its_own_and_changes_nothing(store: StateStore, clock: FakeClock) -> None:
    before = store.home.managed_state.read_bytes(), store.home.audit_log.read_bytes()
    refusal = RefusalRecord(
        at=clock.now(), command_id="x", type="t", asset="SOL", actor="user_ann", code="stale", reason="Old."
    )
    with store.transaction() as work:
        assert [work.refuse(refusal), work.refuse(refusal)] == [1, 2]
    assert store.refusals.verify().records == 2
    assert (store.home.managed_state.read_bytes(), store.home.audit_log.read_bytes()) == before


def test_bytes_that_are_taken_in_small_pieces_are_written_whole(tmp_path: Path) -> None:
    new_store(tmp_path / "home")
    store = open_store(tmp_path / "home", ShortWriteOps())
    add_asset(store, "SOL")
    assert_all_agree(open_store(tmp_path / "home"))


def test_after_a_failed_flush_the_store_does_nothing_any_more(store: StateStore) -> None:
    ops = FailingOps(at=4, error_number=errno.EIO)  # the audit's flush in the recovery
    broken = open_store(store.home.root, ops)
    with pytest.raises(StateUnsureError):
        add_asset(broken, "SOL")
    assert ops.failed == "fsync"
    count = ops.count
    with pytest.raises(StateUnsureError), broken.transaction():
        pass
    assert ops.count == count
    add_asset(open_store(store.home.root), "SOL")


def test_a_held_lock_delays_and_then_names_the_holder(store: StateStore, clock: FakeClock) -> None:
    other = open_store(store.home.root)
    with (
        hold(store.home.state_lock, clock=clock, what="x", timeout_s=1),
        pytest.raises((LockHeldError, RuntimeError)),
        other.transaction(timeout_s=0.01),
    ):
        pass


def test_a_home_without_state_is_told_so(tmp_path: Path) -> None:
    root = tmp_path / "home"
    store = new_store(root)
    for path in (*store.home.versions("positions").iterdir(), store.home.positions):
        path.unlink()
    with pytest.raises(StateFileError) as missing:
        store.read(ALL_KINDS[3])
    assert missing.value.code == "state_file_missing"


def test_a_closed_transaction_is_over(store: StateStore) -> None:
    with store.transaction() as work:
        pass
    with pytest.raises(RuntimeError, match="over"):
        work.commit(RUNTIME_CONFIG, RuntimeConfigContent(), commands=[], events=[])
