"""The index of a log answers as a walk through the whole log does, whatever happened to the file."""

import datetime as dt
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.kernel.clock import iso_z
from bot.storage.audit_log import AuditLog
from bot.storage.command_index import CommandIndex
from bot.storage.log_search import newest_records_of
from tests.fakes.fake_clock import START

UIDS = ("u1", "u2", 'odd "quoted\\', "ü", "u5")
HOUR = dt.timedelta(hours=1)


def fields(uid: str, *, hours: float = 0.0, speaks_of: str | None = None, padding: int = 0) -> dict[str, Any]:
    """Return a record as the log keeps them, perhaps one that speaks of another command."""
    data: dict[str, Any] = {"text": "x" * padding}
    if speaks_of is not None:
        data["command_id"] = speaks_of
    return {"at": iso_z(START + hours * HOUR), "command_id": uid, "after": data, "serial": 1}


@pytest.fixture
def log(tmp_path: Path) -> AuditLog:
    return AuditLog(tmp_path / "audit.jsonl")


def sequence_of(index: CommandIndex, uid: str, made_at: dt.datetime = START) -> int | None:
    found = index.newest_records_of({uid: made_at}).get(uid)
    return None if found is None else int(found["sequence"])


def test_a_log_that_is_not_there_and_an_empty_one_tell_of_nobody(log: AuditLog) -> None:
    index = CommandIndex(log.path)
    index.read_on(START)
    assert sequence_of(index, "u1") is None
    log.create()
    assert sequence_of(index, "u1") is None
    log.append(fields("u1"))
    assert sequence_of(index, "u1") == 1
    assert index.newest_records_of({}) == {}


def test_what_another_process_appended_since_is_found(log: AuditLog) -> None:
    index = CommandIndex(log.path)
    log.append(fields("u1"), fields("u2"))
    assert sequence_of(index, "u3") is None
    AuditLog(log.path).append(fields("u3"), fields("u1"))
    assert [sequence_of(index, uid) for uid in ("u1", "u2", "u3", "u4")] == [4, 2, 3, None]


def test_a_record_that_only_speaks_of_a_command_is_not_its_own(log: AuditLog) -> None:
    index = CommandIndex(log.path)
    log.append(fields("u1"), fields("u2", speaks_of="u1"), fields("", speaks_of="u5"))
    assert [sequence_of(index, uid) for uid in ("u1", "u2", "u5")] == [1, 2, None]


def test_a_command_with_an_odd_name_is_found_by_index_and_walk_alike(log: AuditLog) -> None:
    log.append(*(fields(uid) for uid in UIDS))
    asked = dict.fromkeys(UIDS, START)
    assert set(CommandIndex(log.path).newest_records_of(asked)) == set(UIDS)
    assert set(newest_records_of(log.path, asked)) == set(UIDS)


def test_a_line_that_is_still_being_written_is_found_when_it_is_whole(log: AuditLog) -> None:
    log.append(fields("u1"), fields("u2"))
    whole = log.path.read_bytes()
    log.path.write_bytes(whole[:-10])
    index = CommandIndex(log.path)
    assert [sequence_of(index, uid) for uid in ("u1", "u2")] == [1, None]
    with log.path.open("ab") as file:
        file.write(whole[-10:])
    assert [sequence_of(index, uid) for uid in ("u1", "u2")] == [1, 2]


def test_what_was_taken_back_and_written_otherwise_is_read_anew(log: AuditLog) -> None:
    log.append(fields("u1"))
    kept = log.path.read_bytes()
    log.append(fields("u2"))
    index = CommandIndex(log.path)
    assert sequence_of(index, "u2") == 2
    with log.path.open("r+b") as file:  # the same file, as a full disk leaves it
        file.truncate(len(kept))
    assert sequence_of(index, "u2") is None
    log.append(fields("u5"), fields("u2"))
    assert [sequence_of(index, uid) for uid in ("u1", "u2", "u5")] == [1, 3, 2]


def test_a_log_of_the_same_size_with_other_records_is_read_anew(log: AuditLog, tmp_path: Path) -> None:
    log.append(fields("u1"), fields("u2"))
    index = CommandIndex(log.path)
    assert sequence_of(index, "u1") == 1
    other = AuditLog(tmp_path / "other.jsonl")
    other.append(fields("u5"), fields("u1"))
    assert other.path.stat().st_size == log.path.stat().st_size
    log.path.write_bytes(other.path.read_bytes())
    assert [sequence_of(index, uid) for uid in ("u1", "u2", "u5")] == [2, None, 1]
    other.path.replace(log.path)
    assert sequence_of(index, "u1") == 2


def test_a_damaged_newest_record_gives_way_to_the_one_before(log: AuditLog) -> None:
    log.append(fields("u1"), fields("u1", hours=1), fields("u2"))
    index = CommandIndex(log.path)
    assert sequence_of(index, "u1") == 2
    spoilt = log.path.read_bytes().splitlines(keepends=True)
    spoilt[1] = spoilt[1].replace(b'"serial":1', b'"serial":9')
    with log.path.open("r+b") as file:
        file.write(b"".join(spoilt))
    assert sequence_of(index, "u1") == 1


def test_what_was_read_once_is_not_read_again(log: AuditLog) -> None:
    for number in range(200):
        log.append(fields(f"n{number}", padding=2_000))
    index = CommandIndex(log.path)
    index.read_on(START)
    read_before = _bytes_read()
    for number in range(200):
        assert sequence_of(index, f"nobody{number}") is None
    per_look = (_bytes_read() - read_before) / 200
    assert per_look < 5_000, f"{per_look:.0f} of {log.path.stat().st_size} bytes"


def test_records_of_long_ago_are_read_only_when_they_can_matter(log: AuditLog) -> None:
    for day in range(30):
        for number in range(10):
            log.append(fields(f"d{day}-{number}", hours=24 * day, padding=1_000))
    index = CommandIndex(log.path, block_bytes=4_000)
    now = START + 30 * 24 * HOUR
    read_before = _bytes_read()
    assert sequence_of(index, "nobody", now) is None
    assert _bytes_read() - read_before < log.path.stat().st_size / 5
    assert sequence_of(index, "d3-5", START + 3 * 24 * HOUR) == 36
    assert sequence_of(index, "d29-9", now) == 300


def _bytes_read() -> int:
    told = Path("/proc/self/io").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in told if line.startswith("rchar"))


STEPS = st.one_of(
    st.tuples(
        st.just("append"),
        st.lists(
            st.tuples(
                st.sampled_from(UIDS),
                st.sampled_from([None, *UIDS]),
                st.sampled_from([0, 40, 900]),
                st.integers(-30, 30),
            ),
            min_size=1,
            max_size=6,
        ),
    ),
    st.tuples(st.just("ask"), st.sets(st.sampled_from(UIDS), min_size=1)),
    st.tuples(st.just("tear"), st.integers(1, 400)),
    st.tuples(st.just("warm"), st.integers(-20, 40)),
)


@given(steps=st.lists(STEPS, max_size=25), block=st.sampled_from([64, 700, 1 << 20]), most=st.integers(1, 6))
@settings(max_examples=150, deadline=None)
def test_the_index_says_what_a_walk_through_the_log_says(
    steps: list[tuple[str, Any]], block: int, most: int
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        log = AuditLog(Path(folder) / "audit.jsonl")
        log.create()
        index = CommandIndex(log.path, block_bytes=block, keep_most=most)
        hours = 0.0
        for word, what in steps:
            if word == "append":
                records = []
                for uid, other, padding, step in what:
                    hours += step / 10  # a clock that steps back by hours at most
                    records.append(fields(uid, hours=hours, speaks_of=other, padding=padding))
                log.append(*records)
            elif word == "tear":
                size = max(0, log.path.stat().st_size - what)
                with log.path.open("r+b") as file:
                    file.truncate(size)
            elif word == "warm":
                index.read_on(START + what * HOUR)
            else:
                asked: Mapping[str, dt.datetime] = dict.fromkeys(what, START - 3 * HOUR)
                assert index.newest_records_of(asked) == newest_records_of(log.path, asked)
