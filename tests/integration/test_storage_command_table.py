"""The command table on a real SQLite file: order, idempotency, attempts, outcomes."""

import datetime as dt
import os
import sqlite3
import stat
import threading
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from bot.kernel.errors import DatabaseUnavailableError, RefusedError, SettingsError, StorageError, UsageError
from bot.lifecycle.commands import CommandOutcome, CommandState, CommandType, NewCommand
from bot.storage.home import Home, create_home
from bot.storage.sql.command_table import CommandTable
from bot.storage.sql.engine import journal_mode, open_engine, reading, sqlite_module, version_of, writing
from bot.storage.sql.tables import metadata
from tests.fakes.fake_clock import START, FakeClock

APPLIED = CommandOutcome(
    state=CommandState.APPLIED, code="applied", reason="", detail={"price": Decimal("1.10")}, applied_serial=3
)
REJECTED = CommandOutcome(state=CommandState.PRECONDITION_REJECTED, code="proposal_stale", reason="Too old.")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return create_home(tmp_path / "home")


@pytest.fixture
def table(home: Home, clock: FakeClock) -> Iterator[CommandTable]:
    table = CommandTable.open(home, clock=clock, lineage="life")
    yield table
    table.close()


def new(uid: str, asset: str = "SOL", priority: int = 5, **changes: Any) -> NewCommand:
    fields: dict[str, Any] = {
        "uid": uid,
        "type": CommandType.PAUSE_MANAGED_ASSET,
        "asset": asset,
        "priority": priority,
        "payload": {"exits": "on", "limit": Decimal("0.10")},
        "actor": "user_ann",
        "idempotency_key": f"key-{uid}",
        "request_hash": "hash",
        "created_at": START,
    }
    return NewCommand(**{**fields, **changes})


def _uids(rows: list[Any]) -> list[str]:
    return [row.uid for row in rows]


def test_a_command_comes_back_as_it_was_given(table: CommandTable) -> None:
    row = table.enqueue(new("a"))
    assert (row.uid, row.state, row.attempts, row.outcome, row.created_at) == (
        "a",
        CommandState.QUEUED,
        0,
        None,
        START,
    )
    assert str(row.payload["limit"]) == "0.10"
    assert table.get("a") == row


def test_the_same_key_and_request_give_the_same_row(table: CommandTable) -> None:
    first = table.enqueue(new("a"))
    again = table.enqueue(new("b", idempotency_key="key-a"))
    assert again == first
    table.finish("a", APPLIED)
    assert table.enqueue(new("a")).outcome == APPLIED
    assert len(table.list()) == 1


def test_the_same_key_for_another_request_is_refused(table: CommandTable) -> None:
    table.enqueue(new("a"))
    for other in (new("b", idempotency_key="key-a", request_hash="other"), new("a", idempotency_key="new")):
        with pytest.raises(RefusedError) as refused:
            table.enqueue(other)
        assert refused.value.code == "idempotency_conflict"
    table.enqueue(new("c", idempotency_key="key-a", actor="user_bob"))  # keys are each actor's own
    assert _uids(table.list()) == ["c", "a"]


def test_per_asset_only_the_oldest_waits_in_front_and_what_lowers_risk_goes_first(
    table: CommandTable,
) -> None:
    for uid, asset, priority in (("s1", "SOL", 9), ("s2", "SOL", 0), ("e1", "ETH", 1), ("d1", "DOGE", 9)):
        table.enqueue(new(uid, asset, priority))
    assert _uids(table.queued(limit=10)) == ["e1", "s1", "d1"]
    assert _uids(table.queued(limit=1)) == ["e1"]
    table.finish("s1", APPLIED)
    assert _uids(table.queued(limit=10)) == ["s2", "e1", "d1"]


def test_attempts_are_counted_until_the_row_is_final(table: CommandTable) -> None:
    row = table.enqueue(new("a"))
    assert [table.count_attempt(row.id, "w1"), table.count_attempt(row.id, "w2")] == [1, 2]
    table.finish("a", REJECTED)
    with pytest.raises(StorageError):
        table.count_attempt(row.id, "w1")
    known = table.get("a")
    assert known is not None
    assert known.attempts == 2


def test_a_final_row_never_changes(table: CommandTable, clock: FakeClock) -> None:
    table.enqueue(new("a"))
    clock.advance(5)
    assert table.finish("a", REJECTED)
    assert not table.finish("a", APPLIED)
    assert not table.finish("unknown", APPLIED)
    row = table.get("a")
    assert row is not None
    assert (row.state, row.outcome) == (CommandState.PRECONDITION_REJECTED, REJECTED)
    assert row.finished_at == START + dt.timedelta(seconds=5)


def test_an_outcome_is_final_or_a_defect(table: CommandTable) -> None:
    table.enqueue(new("a"))
    with pytest.raises(ValueError, match="final"):
        table.finish("a", CommandOutcome(state=CommandState.QUEUED, code="", reason=""))


def test_a_command_that_was_applied_first_can_be_written_later_any_number_of_times(
    table: CommandTable,
) -> None:
    for _ in range(2):
        table.insert_finished(new("a"), APPLIED)
    row = table.get("a")
    assert row is not None
    assert row.outcome == APPLIED
    assert str(row.outcome.detail["price"]) == "1.10"
    table.enqueue(new("b"))
    table.insert_finished(new("b"), APPLIED)
    assert table.queued(limit=5) == []


def test_a_unique_prefix_is_enough_and_an_ambiguous_one_lists_the_candidates(table: CommandTable) -> None:
    for uid in ("abc-1", "abc-2", "abd-1", "abc-10"):
        table.enqueue(new(uid))
    assert (table.get("abd") or new("x")).uid == "abd-1"
    assert (table.get("abc-1") or new("x")).uid == "abc-1", "a whole id wins over longer ones"
    with pytest.raises(UsageError, match="Candidates: abc-10, abc-2, abc-1"):
        table.get("abc")
    assert table.get("zzz") is None
    assert table.get("%") is None
    assert table.get("a_") is None


def test_commands_are_listed_newest_first_and_filtered(table: CommandTable) -> None:
    for uid, asset in (("a", "SOL"), ("b", "ETH"), ("c", "SOL")):
        table.enqueue(new(uid, asset))
    table.finish("a", APPLIED)
    assert _uids(table.list()) == ["c", "b", "a"]
    assert _uids(table.list(asset="SOL")) == ["c", "a"]
    assert _uids(table.list(state=CommandState.QUEUED)) == ["c", "b"]
    assert _uids(table.list(limit=1)) == ["c"]


def test_what_was_acknowledged_is_there_for_another_connection(home: Home, table: CommandTable) -> None:
    table.enqueue(new("a"))
    other = CommandTable.open(home, clock=FakeClock(), lineage="life")
    assert _uids(other.list()) == ["a"]
    other.close()


def test_the_database_of_another_home_is_refused(home: Home, clock: FakeClock) -> None:
    CommandTable.open(home, clock=clock, lineage="life").close()
    with pytest.raises(StorageError) as foreign:
        CommandTable.open(home, clock=clock, lineage="another")
    assert foreign.value.code == "database_foreign"


def test_threads_may_enqueue_at_once(table: CommandTable) -> None:
    def work(name: str) -> None:
        for number in range(15):
            table.enqueue(new(f"{name}-{number}"))

    threads = [threading.Thread(target=work, args=(f"t{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ids = [row.id for row in table.list(limit=100)]
    assert sorted(ids) == list(range(1, 61))


def test_the_file_is_private_and_the_settings_are_safe(home: Home, table: CommandTable) -> None:
    assert stat.S_IMODE(home.sql.stat().st_mode) == 0o600
    assert journal_mode(sqlite3) == ("WAL" if version_of(sqlite3) >= (3, 51, 3) else "TRUNCATE")
    with reading(table._engine) as connection:
        pragmas = {
            name: connection.execute(text(f"PRAGMA {name}")).scalar()
            for name in ("synchronous", "foreign_keys")
        }
        journal = connection.execute(text("PRAGMA journal_mode")).scalar()
    assert pragmas == {"synchronous": 2, "foreign_keys": 1}
    assert str(journal).upper() == journal_mode(sqlite_module())


def test_an_old_sqlite_works_with_a_rollback_journal(home: Home, clock: FakeClock) -> None:
    engine = open_engine(home.sql, module=sqlite3)
    with writing(engine) as connection:
        metadata.create_all(connection)
    table = CommandTable(engine, clock=clock)
    table.enqueue(new("a"))
    assert _uids(table.queued(limit=5)) == ["a"]
    table.close()


def test_the_database_itself_refuses_a_half_finished_row(table: CommandTable) -> None:
    table.enqueue(new("a"))
    for wrong in (
        "UPDATE commands SET state = 'applied'",
        "UPDATE commands SET state = 'odd'",
        "UPDATE commands SET applied_serial = 1",
        "UPDATE commands SET attempts = -1",
    ):
        with pytest.raises(DatabaseUnavailableError, match="CHECK"), writing(table._engine) as connection:
            connection.execute(text(wrong))


def test_waiting_rows_are_found_by_the_partial_index(table: CommandTable) -> None:
    query = "EXPLAIN QUERY PLAN SELECT min(id) FROM commands WHERE commands.state = 'queued' GROUP BY asset"
    with reading(table._engine) as connection:
        plan = str(connection.execute(text(query)).all())
    assert "ix_commands_queued" in plan


def test_a_file_that_is_no_database_is_a_named_error(home: Home, clock: FakeClock) -> None:
    home.sql.write_bytes(b"this is no database, not at all, but long enough to look at " * 20)
    with pytest.raises(DatabaseUnavailableError, match="not a database"):
        CommandTable.open(home, clock=clock, lineage="life")


def test_a_database_of_another_kind_is_refused_clearly(home: Home, clock: FakeClock) -> None:
    url = "postgresql+psycopg://bot:secret@db/bot"
    with pytest.raises(SettingsError, match="BOT_DATABASE_URL") as refused:
        CommandTable.open(home, clock=clock, lineage="life", database_url=url)
    assert "secret" not in f"{refused.value} {refused.value.fix}"


def test_a_killed_writer_leaves_what_it_acknowledged(home: Home) -> None:
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        table = CommandTable.open(home, clock=FakeClock(), lineage="life")
        for number in range(1000):
            table.enqueue(new(f"c{number}"))
            os.write(write, b"!")
        os._exit(0)
    acknowledged = 0
    while acknowledged < 20:
        acknowledged += len(os.read(read, 1))
    os.kill(child, 9)
    os.waitpid(child, 0)
    os.close(write)
    while rest := os.read(read, 100):
        acknowledged += len(rest)
    os.close(read)
    table = CommandTable.open(home, clock=FakeClock(), lineage="life")
    assert acknowledged <= len(table.list(limit=2000)) <= acknowledged + 1
    table.close()
