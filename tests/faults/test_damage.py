"""Flipped bits, truncation, foreign and old copies: every one is noticed, and nothing ever starts empty.

Single drills with their exact alarms stand in `tests/integration/test_storage_recovery.py`; here the
places are swept.
"""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bot.kernel.errors import BotError, RecoveryNeedsOperatorError, StateFileError
from bot.storage.documents import MANAGED_STATE, checksum_of
from bot.storage.files.json_codec import decode_strict, encode
from bot.storage.reports import AlarmCode
from tests.fakes.storage_faults import add_asset, assert_all_agree, copy_home, open_store
from tests.faults.disk_model import image_of, lay_out
from tests.faults.tally import Tally, sized

PUBLIC = "state/managed_state.json"
NEWEST = "backups/managed_state/00000003.json"


@pytest.fixture
def home(template: Path, tmp_path: Path) -> Path:
    """A home in which BTC and SOL were added, at serial 3."""
    root = copy_home(template, tmp_path / "home")
    add_asset(open_store(root), "SOL")
    return root


def _flips(raw: bytes, step: int) -> Iterator[tuple[int, bytes]]:
    """Yield the file with one bit flipped, all along it; each of the eight bits has its turns."""
    for number, position in enumerate(range(0, len(raw), step)):
        flipped = raw[position] ^ (1 << number % 8)
        yield position, raw[:position] + bytes([flipped]) + raw[position + 1 :]


def _overwrite(path: Path, data: bytes) -> None:
    path.chmod(0o600)
    path.write_bytes(data)


def _mended(root: Path, expected: AlarmCode) -> str | None:
    """Recover; return what is wrong unless one alarm was raised and the state is whole."""
    try:
        with open_store(root).transaction() as work:
            codes = [alarm.code for alarm in work.recovery.alarms]
            assert codes == [expected], f"alarms {codes}"
            assert set(work.current(MANAGED_STATE).content.managed_assets) == {"BTC", "SOL"}
        assert_all_agree(open_store(root))
    except (AssertionError, BotError) as error:
        return f"{type(error).__name__}: {str(error).splitlines()[0]}"
    return None


@pytest.mark.parametrize(
    ("name", "expected"),
    [(PUBLIC, AlarmCode.PUBLIC_FILE_REPLACED), (NEWEST, AlarmCode.VERSION_RESTORED)],
    ids=["public file", "newest version"],
)
def test_every_flipped_bit_of_one_copy_is_noticed_and_healed_by_the_other(
    home: Path, tally: Tally, name: str, expected: AlarmCode
) -> None:
    whole = image_of(home)
    bad: list[str] = []
    tried = 0
    for position, flipped in _flips(whole[name][0], sized(29, 1)):
        lay_out(whole, home)
        _overwrite(home / name, flipped)
        if name == PUBLIC:
            with pytest.raises(StateFileError):
                open_store(home).read(MANAGED_STATE)
        wrong = _mended(home, expected)
        bad += [f"bit at {position}: {wrong}"] if wrong else []
        tried += 1
    tally.add("bit flipped in one copy", tried, bad)


def _stops(root: Path) -> str | None:
    """Return what is wrong unless everything stops with the named reason and nothing is written."""
    before = image_of(root)
    try:
        with open_store(root).transaction():
            return "it went on"
    except RecoveryNeedsOperatorError:
        return None if image_of(root) == before else "it wrote something"
    except BotError as error:
        return f"another stop: {error.code}"


def test_flipped_bits_in_both_copies_stop_everything_and_it_never_starts_empty(
    home: Path, tally: Tally
) -> None:
    whole = image_of(home)
    bad: list[str] = []
    tried = 0
    flips = zip(_flips(whole[PUBLIC][0], sized(97, 7)), _flips(whole[NEWEST][0], sized(97, 7)), strict=True)
    for (position, public), (_, newest) in flips:
        lay_out(whole, home)
        _overwrite(home / PUBLIC, public)
        _overwrite(home / NEWEST, newest)
        wrong = _stops(home)
        bad += [f"bit at {position}: {wrong}"] if wrong else []
        tried += 1
    tally.add("bit flipped in both copies", tried, bad)


def test_a_flipped_bit_in_the_durable_audit_is_noticed(home: Path, tally: Tally) -> None:
    log = home / "state/audit/audit.jsonl"
    raw = log.read_bytes()
    bad: list[str] = []
    tried = 0
    for position, flipped in _flips(raw, sized(61, 3)):
        log.write_bytes(flipped)
        result = open_store(home).audit.verify()
        bad += [f"bit at {position}"] if result.is_whole else []
        tried += 1
    tally.add("bit flipped in the audit log", tried, bad)


def test_a_copy_cut_anywhere_is_noticed_and_healed_by_the_other(home: Path, tally: Tally) -> None:
    whole = image_of(home)
    bad: list[str] = []
    tried = 0
    for name, expected in ((PUBLIC, AlarmCode.PUBLIC_FILE_REPLACED), (NEWEST, AlarmCode.VERSION_RESTORED)):
        raw = whole[name][0]
        for size in range(0, len(raw) - 1, sized(211, 11)):  # the last byte is white space
            lay_out(whole, home)
            _overwrite(home / name, raw[:size])
            wrong = _mended(home, expected)
            bad += [f"{name} cut to {size}: {wrong}"] if wrong else []
            tried += 1
    tally.add("one copy cut off", tried, bad)


def _no_number(raw: bytes) -> bytes:
    return raw.replace(b'"serial": 3', b'"serial": NaN', 1)


def _twice(raw: bytes) -> bytes:
    return raw.replace(b'"serial": 3', b'"serial": 3, "serial": 3', 1)


def _infinite(raw: bytes) -> bytes:
    return raw.replace(b"1.5", b"Infinity", 1)


def _ten_megabytes(raw: bytes) -> bytes:
    return raw + b" " * 10_000_000


def _ten_megabytes_inside(raw: bytes) -> bytes:
    return raw.replace(b'"_meta"', b'"x": "' + b"x" * 10_000_000 + b'", "_meta"', 1)


def _nested(raw: bytes) -> bytes:
    return raw.replace(b'"_meta"', b'"x": ' + b"[" * 200_000 + b"]" * 200_000 + b', "_meta"', 1)


HOSTILE = [_no_number, _twice, _infinite, _ten_megabytes_inside, _nested]
DRILLS = [
    *((PUBLIC, AlarmCode.PUBLIC_FILE_REPLACED, change) for change in (*HOSTILE, _ten_megabytes)),
    *((NEWEST, AlarmCode.VERSION_RESTORED, change) for change in HOSTILE),
]


@pytest.mark.parametrize(("name", "expected", "change"), DRILLS)
def test_hostile_text_in_one_copy_is_set_aside(
    home: Path, tally: Tally, name: str, expected: AlarmCode, change: Callable[[bytes], bytes]
) -> None:
    raw = (home / name).read_bytes()
    assert change(raw) != raw
    _overwrite(home / name, change(raw))
    tally.add("NaN, double keys, 10 MB", 1, [wrong] if (wrong := _mended(home, expected)) else [])


def _old_over_public(home: Path) -> None:
    shutil.copyfile(home / "backups/managed_state/00000002.json", home / PUBLIC)


def _emptied_backups(home: Path) -> None:
    for path in (home / "backups").glob("*/*.json"):
        path.unlink()


def _rolled_back_backups(home: Path) -> None:
    (home / NEWEST).unlink()


@pytest.mark.parametrize("damage", [_old_over_public, _emptied_backups, _rolled_back_backups])
def test_old_and_emptied_copies_are_healed_with_an_alarm_and_work_goes_on(
    home: Path, tally: Tally, damage: Callable[[Path], None]
) -> None:
    damage(home)
    store = open_store(home)
    with store.transaction() as work:
        assert work.recovery.alarms
        assert set(work.current(MANAGED_STATE).content.managed_assets) == {"BTC", "SOL"}
    add_asset(store, "ETH")
    with open_store(home).transaction() as work:
        assert work.recovery.alarms == ()
        assert set(work.current(MANAGED_STATE).content.managed_assets) == {"BTC", "SOL", "ETH"}
    tally.add("old, emptied or rolled-back copies", 1)


def test_backups_rolled_back_together_with_the_public_file_stop_everything(home: Path, tally: Tally) -> None:
    _rolled_back_backups(home)
    _old_over_public(home)
    tally.add("old, emptied or rolled-back copies", 1, [wrong] if (wrong := _stops(home)) else [])


def test_a_forged_public_file_with_a_right_checksum_heals_nothing(home: Path, tally: Tally) -> None:
    document = decode_strict((home / PUBLIC).read_bytes())
    document["managed_assets"]["SOL"]["requested_quantity"] = 150
    document["_meta"]["checksum"] = checksum_of(document)
    _overwrite(home / PUBLIC, encode(document))
    _overwrite(home / NEWEST, b"damaged")
    tally.add("forged copy with a right checksum", 1, [wrong] if (wrong := _stops(home)) else [])
