"""The queue's contract on SQLite and on PostgreSQL, and what only a server has: claims by host."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select, text

from bot.kernel.errors import SettingsError, StorageError
from bot.storage.home import Home, create_home
from bot.storage.sql.command_table import CommandTable
from bot.storage.sql.engine import open_engine
from bot.storage.sql.maintenance import take_database_over, upgrade_database
from bot.storage.sql.tables import commands
from tests.contract.command_queue_contract import APPLIED, CommandQueueContract, QueueWorld, new, uids
from tests.fakes.fake_clock import FakeClock
from tests.fakes.postgres_server import PostgresServer


class TestSqliteQueue(CommandQueueContract):
    @pytest.fixture
    def world(self, tmp_path: Path, clock: FakeClock) -> Iterator[QueueWorld]:
        world = QueueWorld(create_home(tmp_path / "home"), clock, None)
        yield world
        world.close()


class TestPostgresQueue(CommandQueueContract):
    @pytest.fixture
    def world(self, tmp_path: Path, clock: FakeClock, postgres: PostgresServer) -> Iterator[QueueWorld]:
        home = create_home(tmp_path / "home")
        url = postgres.new_database()
        upgrade_database(home, database_url=url)
        world = QueueWorld(home, clock, url)
        yield world
        world.close()

    def test_a_row_that_another_worker_has_in_hand_is_left_to_it_at_once(self, world: QueueWorld) -> None:
        table = world.open()
        held, free = table.enqueue(new("a")), table.enqueue(new("b", "ETH"))
        engine = open_engine(world.home.sql, database_url=world.database_url)
        with engine.begin() as other:
            other.execute(select(commands.c.id).where(commands.c.id == held.id).with_for_update())
            assert table.count_attempts([held.id, free.id], "late") == {free.id: 1}
        engine.dispose()
        assert table.count_attempts([held.id], "late") == {held.id: 1}

    def test_a_copy_of_the_home_elsewhere_cannot_drain_the_same_queue(
        self, world: QueueWorld, tmp_path: Path
    ) -> None:
        world.open().enqueue(new("a"))
        with pytest.raises(StorageError) as foreign:
            world.open(root=tmp_path / "copy")
        assert foreign.value.code == "database_foreign"
        assert "bot db claim" in foreign.value.fix

    def test_another_host_cannot_drain_the_same_queue(self, world: QueueWorld) -> None:
        world.open()
        world.run("UPDATE meta SET value = 'elsewhere' WHERE key = 'host'")
        with pytest.raises(StorageError, match="elsewhere"):
            world.open()

    def test_a_moved_home_takes_the_queue_over_and_the_old_one_stops(
        self, world: QueueWorld, tmp_path: Path
    ) -> None:
        old = world.open()
        row = old.enqueue(new("a"))
        take_database_over(Home(tmp_path / "moved"), lineage="life", database_url=world.database_url)
        moved = world.open(root=tmp_path / "moved")
        with pytest.raises(StorageError) as foreign:
            old.count_attempts([row.id], "old")
        assert foreign.value.code == "database_foreign"
        assert moved.count_attempts([row.id], "new") == {row.id: 1}
        assert uids(moved.queued(limit=5)) == ["a"]

    def test_a_database_of_another_state_is_never_taken_over(self, world: QueueWorld) -> None:
        world.open()
        with pytest.raises(StorageError) as foreign:
            take_database_over(world.home, lineage="another", database_url=world.database_url)
        assert foreign.value.code == "database_foreign"

    def test_waiting_rows_are_found_by_the_partial_index(self, world: QueueWorld) -> None:
        table = world.open()
        for number in range(50):
            table.insert_finished(new(f"c{number}"), APPLIED)
        engine = open_engine(world.home.sql, database_url=world.database_url)
        with engine.begin() as connection:
            connection.execute(text("SET LOCAL enable_seqscan = off"))
            query = "EXPLAIN SELECT min(id) FROM commands WHERE commands.state = 'queued' GROUP BY asset"
            assert "ix_commands_queued" in str(connection.execute(text(query)).all())
        engine.dispose()


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("mysql://bot:secret@127.0.0.1/bot", "'mysql'"),
        ("postgresql+asyncpg://bot:secret@127.0.0.1/bot", "asyncpg"),
        ("secret and no address", "no URL"),
    ],
)
def test_a_database_of_another_kind_is_refused_without_telling_the_password(
    tmp_path: Path, clock: FakeClock, url: str, why: str
) -> None:
    home = create_home(tmp_path / "home")
    with pytest.raises(SettingsError, match="BOT_DATABASE_URL") as refused:
        CommandTable.open(home, clock=clock, lineage="life", database_url=url)
    assert why in refused.value.why
    assert "secret" not in f"{refused.value} {refused.value.fix}"
