"""The embedded database on a real file: private, safe settings, killed writers, damage, loss."""

import os
import sqlite3
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from bot.kernel.errors import DatabaseUnavailableError
from bot.storage.home import Home, create_home
from bot.storage.sql.command_table import CommandTable
from bot.storage.sql.engine import journal_mode, open_engine, reading, sqlite_module, version_of, writing
from bot.storage.sql.home_queue import HomeQueue
from bot.storage.sql.tables import metadata
from tests.contract.command_queue_contract import new, uids
from tests.fakes.fake_clock import FakeClock


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return create_home(tmp_path / "home")


@pytest.fixture
def table(home: Home, clock: FakeClock) -> Iterator[CommandTable]:
    table = CommandTable.open(home, clock=clock, lineage="life")
    yield table
    table.close()


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
    assert uids(table.queued(limit=5)) == ["a"]
    table.close()


def test_waiting_rows_are_found_by_the_partial_index(table: CommandTable) -> None:
    query = "EXPLAIN QUERY PLAN SELECT min(id) FROM commands WHERE commands.state = 'queued' GROUP BY asset"
    with reading(table._engine) as connection:
        plan = str(connection.execute(text(query)).all())
    assert "ix_commands_queued" in plan


def test_a_file_that_is_no_database_is_a_named_error(home: Home, clock: FakeClock) -> None:
    home.sql.write_bytes(b"this is no database, not at all, but long enough to look at " * 20)
    with pytest.raises(DatabaseUnavailableError, match="not a database"):
        CommandTable.open(home, clock=clock, lineage="life")


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


def test_a_removed_file_is_noticed_and_made_anew(home: Home, clock: FakeClock) -> None:
    queue = HomeQueue(home, clock=clock, lineage="life")
    queue.enqueue(new("lost"))
    for path in home.sql.parent.iterdir():
        path.unlink()
    with pytest.raises(DatabaseUnavailableError):
        queue.enqueue(new("not-acknowledged"))
    queue.enqueue(new("kept"))
    assert stat.S_IMODE(home.sql.stat().st_mode) == 0o600
    other = CommandTable.open(home, clock=clock, lineage="life")
    assert uids(other.list()) == ["kept"], "what is acknowledged is in the file that everybody opens"
    other.close()
    queue.close()


def test_a_queue_that_was_closed_opens_anew(home: Home, clock: FakeClock) -> None:
    queue = HomeQueue(home, clock=clock, lineage="life")
    queue.enqueue(new("a"))
    queue.close()
    assert uids(queue.list()) == ["a"]
    queue.close()
