"""The database's layout: made at once, or by all migrations, or from a released one, it is the same."""

import sqlite3
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, text

from bot.kernel.errors import DatabaseUnavailableError, StorageError
from bot.storage.home import Home, create_home
from bot.storage.sql.command_table import CommandTable
from bot.storage.sql.engine import open_engine, reading, writing
from bot.storage.sql.layout import layout_of, prepare_layout
from bot.storage.sql.maintenance import upgrade_database
from bot.storage.sql.migration import run_migrations
from bot.storage.sql.tables import HEAD, REVISIONS
from tests.fakes.fake_clock import FakeClock

RELEASED = Path(__file__).parent.parent / "golden" / "commands-db-v0001.sql"
_SQLITE_CATALOGUE = "SELECT type, name, tbl_name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'"
_COLUMNS = """
    SELECT table_name, column_name, ordinal_position, data_type, is_nullable, column_default
    FROM information_schema.columns WHERE table_schema = 'public'
"""
_INDEXES = "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'"
_CONSTRAINTS = """
    SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
    WHERE connamespace = 'public'::regnamespace
"""
_POSTGRES_CATALOGUES = (_COLUMNS, _INDEXES, _CONSTRAINTS)

NewEngine = Callable[[], Engine]


@pytest.fixture(params=["sqlite", "postgres"])
def new_engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[NewEngine]:
    """Return what opens one more empty database of the kind."""
    made: list[Engine] = []

    def make() -> Engine:
        url = None
        if request.param == "postgres":
            url = request.getfixturevalue("postgres").new_database()
        made.append(open_engine(tmp_path / f"{len(made)}.db", database_url=url))
        return made[-1]

    yield make
    for engine in made:
        engine.dispose()


def catalogue(engine: Engine) -> set[tuple[Any, ...]]:
    """Return everything that the engine knows of its tables, CHECKs and partial indexes included."""
    is_server = engine.dialect.name == "postgresql"
    found: set[tuple[Any, ...]] = set()
    with reading(engine) as connection:
        for query in _POSTGRES_CATALOGUES if is_server else (_SQLITE_CATALOGUE,):
            for row in connection.execute(text(query)).all():
                words = (" ".join(str(value).split()) for value in row)
                found.add(tuple(word.replace("( ", "(").replace(" )", ")") for word in words))
    return found


def migrated(engine: Engine, target: str = "head") -> Engine:
    with writing(engine) as connection:
        run_migrations(connection, None, target=target)
    return engine


def test_all_migrations_give_what_a_fresh_database_gets(new_engine: NewEngine) -> None:
    fresh, stepwise = new_engine(), migrated(new_engine())
    prepare_layout(fresh, upgrade=True)
    assert catalogue(stepwise) == catalogue(fresh)
    assert any("queued" in str(row) for row in catalogue(fresh)), "the comparison sees CHECKs and WHEREs"
    with reading(fresh) as connection:
        assert layout_of(connection) == HEAD


def test_the_previous_layout_is_brought_up_with_everything_in_it(new_engine: NewEngine) -> None:
    old, fresh = migrated(new_engine(), REVISIONS[-2]), new_engine()
    with writing(old) as connection:
        connection.execute(text("INSERT INTO meta (key, value) VALUES ('lineage', 'life')"))
    assert prepare_layout(old, upgrade=True) == REVISIONS[-2]
    prepare_layout(fresh, upgrade=True)
    assert catalogue(old) == catalogue(fresh)
    with reading(old) as connection:
        rows = connection.execute(text("SELECT key, value FROM meta")).all()
    kept = {row.key: row.value for row in rows}
    assert kept == {"schema_version": "2", "lineage": "life"}


def test_every_released_layout_is_a_step_of_the_migrations() -> None:
    config = Config()
    config.set_main_option("script_location", "bot.storage.sql:migrations")
    steps = [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()]
    assert tuple(reversed(steps)) == REVISIONS


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE alembic_version SET version_num = 'v9999'",
        "DELETE FROM alembic_version",
        "INSERT INTO alembic_version VALUES ('v0001')",
    ],
)
def test_a_newer_or_unclear_layout_is_refused_and_not_touched(new_engine: NewEngine, damage: str) -> None:
    engine = new_engine()
    prepare_layout(engine, upgrade=True)
    with writing(engine) as connection:
        connection.execute(text(damage))
    before = catalogue(engine)
    with pytest.raises(StorageError) as refused:
        prepare_layout(engine, upgrade=True)
    assert refused.value.code == "database_unknown"
    assert catalogue(engine) == before


def test_somebody_elses_tables_are_refused(new_engine: NewEngine) -> None:
    engine = new_engine()
    with writing(engine) as connection:
        connection.execute(text("CREATE TABLE commands (id INTEGER)"))
    with pytest.raises(StorageError) as refused:
        prepare_layout(engine, upgrade=True)
    assert refused.value.code == "database_unknown"


def test_a_migration_that_fails_leaves_the_old_layout_whole(new_engine: NewEngine) -> None:
    engine = migrated(new_engine(), REVISIONS[-2])
    with writing(engine) as connection:
        connection.execute(text("CREATE TABLE managed_assets_history (in_the_way INTEGER)"))
    before = catalogue(engine)
    with pytest.raises(DatabaseUnavailableError, match="managed_assets_history"):
        prepare_layout(engine, upgrade=True)
    assert catalogue(engine) == before


def test_the_first_releases_file_is_brought_up_when_it_is_opened(tmp_path: Path, clock: FakeClock) -> None:
    home = released_home(tmp_path)
    table = CommandTable.open(home, clock=clock, lineage="life")
    assert [row.uid for row in table.queued(limit=5)] == ["a"]
    done = table.get("b")
    assert done is not None
    assert done.outcome is not None
    assert str(done.outcome.detail["price"]) == "1.10"
    table.close()
    fresh = open_engine(tmp_path / "fresh.db")
    prepare_layout(fresh, upgrade=False)
    upgraded = open_engine(home.sql)
    assert catalogue(upgraded) == catalogue(fresh)
    fresh.dispose()
    upgraded.dispose()


def test_the_upgrade_says_what_was_and_what_is(tmp_path: Path) -> None:
    home = released_home(tmp_path)
    assert upgrade_database(home) == ("v0001", HEAD)
    assert upgrade_database(home) == (HEAD, HEAD)


def test_a_server_is_only_changed_when_an_operator_says_so(new_engine: NewEngine) -> None:
    engine = new_engine()
    if engine.dialect.name != "postgresql":
        prepare_layout(engine, upgrade=False)
        return
    with pytest.raises(StorageError) as refused:
        prepare_layout(engine, upgrade=False)
    assert refused.value.code == "database_outdated"
    assert "bot db upgrade" in refused.value.fix
    assert catalogue(engine) == set()


def released_home(tmp_path: Path) -> Home:
    """Return a home with the database file as the first release left it."""
    home = create_home(tmp_path / "home")
    home.sql.touch(stat.S_IRUSR | stat.S_IWUSR)
    connection = sqlite3.connect(home.sql)
    connection.executescript(RELEASED.read_text(encoding="utf-8"))
    connection.close()
    return home
