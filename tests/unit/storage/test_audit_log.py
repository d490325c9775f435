"""The log is a chain: a torn end is a crash's, a changed line is found."""

from pathlib import Path
from typing import Any

import pytest

from bot.kernel.errors import AuditError, RecoveryNeedsOperatorError
from bot.storage.audit_chain import CHAIN_START, chained, line_for, point_of
from bot.storage.audit_log import AuditLog
from tests.fakes.storage_faults import RecordingOps


@pytest.fixture
def log(tmp_path: Path) -> AuditLog:
    log = AuditLog(tmp_path / "audit.jsonl")
    log.create()
    for number in range(5):
        log.append(
            {"type": "system.process_started", "asset": "*" if number % 2 else "SOL", "number": number}
        )
    return log


def _next(log: AuditLog) -> dict[str, Any]:
    return chained({"type": "x"}, log.read_tail().point)


def test_records_are_numbered_and_chained(log: AuditLog) -> None:
    records = list(log.records())
    assert [record["sequence"] for record in records] == [1, 2, 3, 4, 5]
    assert [record["prev"] for record in records[1:]] == [record["hash"] for record in records[:-1]]
    assert records[0]["prev"] == "0" * 64
    assert log.verify().is_whole


def test_records_can_be_filtered(log: AuditLog) -> None:
    assert [record["number"] for record in log.records(asset="SOL")] == [0, 2, 4]
    assert [record["number"] for record in log.records(from_sequence=4)] == [3, 4]
    assert list(log.records(type_prefix="managed.")) == []
    assert [record["number"] for record in log.tail(2)] == [3, 4]


@pytest.mark.parametrize("torn", [b"{", b'{"sequence": 6', b"\x00" * 70_000, b"\x00\n\x00\n", b"{}\n"])
def test_a_torn_end_is_skipped_by_readers_of_the_tail_and_cut_by_the_next_append(
    log: AuditLog, torn: bytes
) -> None:
    whole = log.path.read_bytes()
    log.path.write_bytes(whole + torn)
    assert log.read_tail().point.sequence == 5
    _, appended, cut = log.append_missing([_next(log)], durable=log.read_tail().point)
    assert (appended, cut) == (1, len(torn))
    assert log.verify().records == 6
    assert log.path.read_bytes().startswith(whole)


@pytest.mark.parametrize("position", [10, 400, 900])
def test_a_flipped_bit_in_the_middle_is_found(log: AuditLog, position: int) -> None:
    raw = bytearray(log.path.read_bytes())
    raw[position] ^= 1
    log.path.write_bytes(raw)
    line = raw[:position].count(b"\n") + 1
    result = log.verify()
    assert (result.is_whole, result.first_bad_line) == (False, line)
    with pytest.raises(AuditError, match=f"Line {line} "):
        list(log.records())


def test_a_removed_line_is_found(log: AuditLog) -> None:
    lines = log.path.read_bytes().splitlines(keepends=True)
    log.path.write_bytes(b"".join(lines[:1] + lines[2:]))
    assert log.verify().first_bad_line == 2


def test_a_torn_end_counts_as_damage_when_verified(log: AuditLog) -> None:
    log.path.write_bytes(log.path.read_bytes()[:-1])
    assert log.verify().first_bad_line == 5
    assert [record["sequence"] for record in log.records()] == [1, 2, 3, 4]


def test_what_is_known_as_durable_is_never_cut(log: AuditLog) -> None:
    durable = log.read_tail().point
    before = log.path.read_bytes()[:-1]
    log.path.write_bytes(before)
    with pytest.raises(RecoveryNeedsOperatorError, match="shorter than the state says"):
        log.append_missing([], durable=durable)
    assert log.path.read_bytes() == before


def test_a_record_that_does_not_follow_is_refused(log: AuditLog) -> None:
    stranger = chained({"type": "x"}, point_of(chained({}, log.read_tail().point)))
    with pytest.raises(RecoveryNeedsOperatorError, match="does not follow"):
        log.append_missing([stranger], durable=CHAIN_START)


def test_records_that_are_there_are_not_appended_again_but_flushed(log: AuditLog) -> None:
    ops = RecordingOps()
    again = AuditLog(log.path, file_ops=ops)
    before = log.path.read_bytes()
    _, appended, _ = again.append_missing(list(log.records()), durable=CHAIN_START)
    assert (appended, log.path.read_bytes()) == (0, before)
    assert ops.calls == [("fsync", "audit.jsonl")]


def test_an_empty_or_missing_log_has_the_chains_start_as_its_end(tmp_path: Path) -> None:
    log = AuditLog(tmp_path / "audit.jsonl")
    assert log.read_tail().point == CHAIN_START
    log.create()
    assert log.read_tail().point == CHAIN_START
    assert log.verify().records == 0


def test_a_long_record_at_the_end_is_read_across_blocks(log: AuditLog) -> None:
    record = chained({"type": "x", "text": "y" * 300_000}, log.read_tail().point)
    log.append_missing([record], durable=CHAIN_START)
    assert log.read_tail().record == record
    assert log.path.read_bytes().endswith(line_for(record))
