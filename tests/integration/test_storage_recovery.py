"""What a recovery mends, what it sets aside with an alarm, and where it stops for a person."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from bot.kernel.errors import RecoveryNeedsOperatorError, StateFileError
from bot.storage.documents import MANAGED_STATE, POSITIONS, checksum_of
from bot.storage.files.json_codec import decode_strict, encode
from bot.storage.reports import Alarm, AlarmCode
from bot.storage.state_store import StateStore
from tests.fakes.storage_faults import (
    add_asset,
    assert_all_agree,
    new_store,
    open_store,
)


@pytest.fixture
def store(tmp_path: Path) -> StateStore:
    """Return a home at serial 4: BTC, ETH and SOL were added."""
    store = new_store(tmp_path / "home")
    for asset in ("BTC", "ETH", "SOL"):
        add_asset(store, asset)
    return store


def _alarms(store: StateStore) -> tuple[Alarm, ...]:
    with open_store(store.home.root).transaction() as work:
        assert set(work.current(MANAGED_STATE).content.managed_assets) == {"BTC", "ETH", "SOL"}
        alarms = work.recovery.alarms
    assert_all_agree(store)
    with open_store(store.home.root).transaction() as work:
        assert work.recovery.alarms == (), "a second recovery has nothing left to do"
    return alarms


def _version(store: StateStore, serial: int) -> Path:
    return store.home.versions("managed_state") / f"{serial:08d}.json"


def _damage(path: Path, data: bytes) -> None:
    path.chmod(0o600)
    path.write_bytes(data)


def _tree(root: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and path.name != "state.lock"
    }


EDITS: dict[str, Callable[[bytes], bytes]] = {
    "edited": lambda raw: raw.replace(b"1.5", b"150"),
    "truncated": lambda raw: raw[: len(raw) // 2],
    "emptied": lambda _: b"",
    "one bit": lambda raw: raw[:300] + bytes([raw[300] ^ 1]) + raw[301:],
    "white space": lambda raw: raw + b"\n",
}


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS.keys())
def test_a_changed_public_file_is_set_aside_and_published_again_with_an_alarm(
    store: StateStore, edit: Callable[[bytes], bytes]
) -> None:
    changed = edit(store.home.managed_state.read_bytes())
    store.home.managed_state.write_bytes(changed)
    (alarm,) = _alarms(store)
    assert (alarm.code, alarm.document) == (AlarmCode.PUBLIC_FILE_REPLACED, "managed_state")
    assert alarm.kept_at is not None
    assert alarm.kept_at.read_bytes() == changed
    assert alarm.kept_at.parent == store.home.quarantine


@pytest.mark.parametrize("edit", [EDITS["edited"], EDITS["truncated"], EDITS["emptied"], EDITS["one bit"]])
def test_a_reader_refuses_a_changed_public_file(store: StateStore, edit: Callable[[bytes], bytes]) -> None:
    store.home.managed_state.write_bytes(edit(store.home.managed_state.read_bytes()))
    with pytest.raises(StateFileError) as refused:
        store.read(MANAGED_STATE)
    assert "managed_state.json" in str(refused.value)


@pytest.mark.parametrize("serial", [2, 3])
def test_an_old_version_copied_over_the_public_file_is_noticed(store: StateStore, serial: int) -> None:
    shutil.copyfile(_version(store, serial), store.home.managed_state)
    (alarm,) = _alarms(store)
    assert alarm.code is AlarmCode.PUBLIC_FILE_REPLACED


def test_a_deleted_public_file_is_published_again(store: StateStore) -> None:
    store.home.managed_state.unlink()
    (alarm,) = _alarms(store)
    assert alarm.code is AlarmCode.PUBLIC_FILE_MISSING


def test_an_editor_cannot_reach_the_truth_through_the_public_file(store: StateStore) -> None:
    with store.home.managed_state.open("r+b") as file:
        file.write(b"XXXX")
    assert _version(store, 4).read_bytes()[:4] != b"XXXX"
    assert [alarm.code for alarm in _alarms(store)] == [AlarmCode.PUBLIC_FILE_REPLACED]


@pytest.mark.parametrize("damage", [b"", b"{", b"x" * 100])
def test_a_damaged_newest_version_is_restored_from_the_public_file(store: StateStore, damage: bytes) -> None:
    _damage(_version(store, 4), damage)
    (alarm,) = _alarms(store)
    assert alarm.code is AlarmCode.VERSION_RESTORED
    assert alarm.kept_at is not None
    assert alarm.kept_at.read_bytes() == damage


def test_every_flipped_bit_of_the_newest_version_is_noticed(store: StateStore) -> None:
    for position in range(0, _version(store, 4).stat().st_size, 97):
        path = _version(store, store.read(MANAGED_STATE).meta.serial)  # each alarm is a version of its own
        whole = path.read_bytes()
        _damage(path, whole[:position] + bytes([whole[position] ^ 4]) + whole[position + 1 :])
        with open_store(store.home.root).transaction() as work:
            assert [alarm.code for alarm in work.recovery.alarms] == [AlarmCode.VERSION_RESTORED]
        assert path.read_bytes() == whole


def test_a_deleted_newest_version_is_restored_from_the_public_file(store: StateStore) -> None:
    _version(store, 4).unlink()
    assert [alarm.code for alarm in _alarms(store)] == [AlarmCode.VERSION_RESTORED]


def test_an_emptied_backup_folder_is_healed_by_the_public_file_and_work_goes_on(store: StateStore) -> None:
    for path in store.home.versions("managed_state").iterdir():
        path.unlink()
    assert [alarm.code for alarm in _alarms(store)] == [AlarmCode.VERSION_RESTORED]
    add_asset(store, "DOGE")
    assert store.read(MANAGED_STATE).meta.serial == 6  # the alarm is audited by a commit of its own
    assert store.audit.tail(2)[0]["type"] == "state.healed"


def test_a_hand_edit_is_set_aside_and_told_to_the_audit(store: StateStore) -> None:
    store.home.managed_state.write_bytes(store.home.managed_state.read_bytes().replace(b"frozen", b"frozem"))
    alarms = _alarms(store)
    record = store.audit.tail(1)[0]
    assert record["type"] == "state.quarantined"
    assert record["data"]["kept_at"] == str(alarms[0].kept_at)
    places = [f"managed_assets.{asset}.state" for asset in ("BTC", "ETH", "SOL")]
    assert record["data"]["changed"] == list(alarms[0].changed or ()) == places
    assert alarms[0].what.endswith(f"published again: changed at {', '.join(places)}.")


def test_a_hand_edit_of_many_places_names_the_first_ones(store: StateStore) -> None:
    path = store.home.managed_state
    document = decode_strict(path.read_bytes())
    document["managed_assets"] |= {f"X{number:03d}": {"state": "frozen"} for number in range(100)}
    path.write_bytes(encode(document))
    (alarm,) = _alarms(store)
    record = store.audit.tail(1)[0]
    assert record["data"]["changed"] == list(alarm.changed or ())
    assert record["data"]["changed"][0] == "managed_assets.X000"
    assert len(record["data"]["changed"]) == 20
    assert "managed_assets.X002 and 97 more" in alarm.what


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        ("truncated", "It is no strict JSON"),
        ("emptied", "It is no strict JSON"),
        ("white space", "only its form"),
    ],
)
def test_a_hand_edit_that_cannot_be_compared_or_says_the_same_is_told_so(
    store: StateStore, edit: str, words: str
) -> None:
    store.home.managed_state.write_bytes(EDITS[edit](store.home.managed_state.read_bytes()))
    (alarm,) = _alarms(store)
    assert words in alarm.what
    assert store.audit.tail(1)[0]["data"]["changed"] == []


def test_a_torn_audit_is_completed_from_the_outbox(store: StateStore) -> None:
    raw = store.home.audit_log.read_bytes()
    store.home.audit_log.write_bytes(raw[:-20])
    assert _alarms(store) == ()
    assert store.home.audit_log.read_bytes() == raw


def test_temp_files_of_dead_writers_are_swept(store: StateStore) -> None:
    left = [
        store.home.versions("managed_state") / ".00000005.json.77.0123abcd.tmp",
        store.home.state / ".managed_state.json.77.0123abcd.tmp",
    ]
    for path in left:
        path.write_bytes(b"half")
    foreign = store.home.state / "notes.tmp"
    foreign.write_bytes(b"mine")
    _alarms(store)
    assert [path.exists() for path in left] == [False, False]
    assert foreign.exists()


def _both_damaged(store: StateStore) -> None:
    _damage(_version(store, 4), b"x")
    store.home.managed_state.write_bytes(b"x")


def _forged_with_a_right_checksum(store: StateStore) -> None:
    document = decode_strict(store.home.managed_state.read_bytes())
    document["managed_assets"]["SOL"]["requested_quantity"] = 150
    document["_meta"]["checksum"] = checksum_of(document)
    store.home.managed_state.write_bytes(encode(document))
    _damage(_version(store, 4), b"x")


def _rolled_back(store: StateStore) -> None:
    _version(store, 4).unlink()
    shutil.copyfile(_version(store, 3), store.home.managed_state)


def _audit_shortened(store: StateStore) -> None:
    lines = store.home.audit_log.read_bytes().splitlines(keepends=True)
    store.home.audit_log.write_bytes(b"".join(lines[:-2]))


def _audit_deleted(store: StateStore) -> None:
    store.home.audit_log.unlink()


def _foreign_lineage(store: StateStore) -> None:
    other = new_store(store.home.root.parent / "other", first_id=1_000)
    version = store.home.versions("positions") / "00000001.json"
    _damage(version, other.home.positions.read_bytes())
    store.home.positions.write_bytes(other.home.positions.read_bytes())


def _newest_lost_before_the_audit_knew_it(store: StateStore) -> None:
    _audit_loses_its_last_line(store)
    _version(store, 4).unlink()


def _audit_loses_its_last_line(store: StateStore) -> None:
    lines = store.home.audit_log.read_bytes().splitlines(keepends=True)
    store.home.audit_log.write_bytes(b"".join(lines[:-1]))


def _renamed_version(store: StateStore) -> None:
    shutil.copyfile(_version(store, 3), _version(store, 9))


def _all_copies_gone(store: StateStore) -> None:
    for path in (*store.home.versions("managed_state").iterdir(), store.home.managed_state):
        path.unlink()


@pytest.mark.parametrize(
    "contradict",
    [
        _both_damaged,
        _forged_with_a_right_checksum,
        _rolled_back,
        _audit_shortened,
        _audit_deleted,
        _foreign_lineage,
        _renamed_version,
        _newest_lost_before_the_audit_knew_it,
        _all_copies_gone,
    ],
)
def test_copies_that_contradict_each_other_stop_everything_and_nothing_is_written(
    store: StateStore, contradict: Callable[[StateStore], None]
) -> None:
    contradict(store)
    before = _tree(store.home.root)
    for _ in range(2):
        with (
            pytest.raises(RecoveryNeedsOperatorError) as stop,
            open_store(store.home.root).transaction(),
        ):
            pass
        assert stop.value.code == "recovery_needs_operator"
    assert _tree(store.home.root) == before
    assert any(finding.severity == "error" for finding in store.check())
    if contradict is _foreign_lineage:
        assert "different homes" in stop.value.what


def test_a_rolled_back_folder_of_another_document_is_noticed_too(store: StateStore) -> None:
    versions = store.home.versions("positions")
    with store.transaction() as work:
        content = work.current(POSITIONS).content
        work.commit(POSITIONS, content, commands=[], events=[])
    add_asset(store, "DOGE")  # the log's last record belongs to another document now
    (versions / "00000002.json").unlink()
    shutil.copyfile(versions / "00000001.json", store.home.positions)
    with pytest.raises(RecoveryNeedsOperatorError), open_store(store.home.root).transaction():
        pass


def test_a_check_changes_nothing_and_names_what_is_wrong(store: StateStore) -> None:
    store.home.managed_state.write_bytes(EDITS["edited"](store.home.managed_state.read_bytes()))
    _damage(_version(store, 2), b"x")
    store.home.positions.chmod(0o644)
    before = _tree(store.home.root)
    findings = store.check()
    assert _tree(store.home.root) == before
    told = {(finding.severity, Path(finding.path).name) for finding in findings}
    assert {
        ("error", "managed_state.json"),
        ("error", "00000002.json"),
        ("warning", "positions.json"),
    } <= told
    assert findings[0].severity == "error"
