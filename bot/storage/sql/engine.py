"""Opening the commands database with settings under which nothing acknowledged is lost.

WAL only with an SQLite that has no WAL-reset bug (3.51.3 on); pysqlite3 bundles one. Otherwise a
rollback journal. Always `synchronous=FULL`, and `BEGIN IMMEDIATE` for every write: a read that turns
into a write would fail at once.
"""

import contextlib
import importlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL
from sqlalchemy.exc import SQLAlchemyError

from bot.kernel.errors import DatabaseUnavailableError, SettingsError

WAL_SAFE_VERSION = (3, 51, 3)
_BUSY_TIMEOUT_S = 10
_FILE_MODE = 0o600
_READS = "bot_reads_only"


def sqlite_module() -> ModuleType:
    """Return the SQLite driver to use: the bundled newer one where it can be imported."""
    try:
        module = importlib.import_module("pysqlite3.dbapi2")
    except ImportError:
        return sqlite3
    return module if version_of(module) >= version_of(sqlite3) else sqlite3


def version_of(module: Any) -> tuple[int, ...]:
    """Return the version of a driver's SQLite."""
    return tuple(int(part) for part in module.sqlite_version_info)


def journal_mode(module: ModuleType) -> str:
    """Return the journal that is safe with this SQLite."""
    return "WAL" if version_of(module) >= WAL_SAFE_VERSION else "TRUNCATE"


def open_engine(path: Path, *, database_url: str | None = None, module: ModuleType | None = None) -> Engine:
    """Return an engine on the home's database file, made if needed; nothing is connected yet.

    Args:
        path: The embedded database's file.
        database_url: The value of `BOT_DATABASE_URL`, if set.
        module: The SQLite driver; the best one by default.

    Raises:
        SettingsError: The URL asks for a database that this release does not support.
        DatabaseUnavailableError: The file cannot be made.
    """
    if database_url:
        scheme = database_url.partition(":")[0]
        raise SettingsError(
            "BOT_DATABASE_URL cannot be used.",
            why=f"It asks for {scheme!r}; this release keeps commands in the home's own SQLite file only.",
            fix="Unset BOT_DATABASE_URL; PostgreSQL comes with the next release.",
        )
    driver = module or sqlite_module()
    _make_private_file(path)
    engine = create_engine(
        URL.create("sqlite", database=str(path)), module=driver, connect_args={"timeout": _BUSY_TIMEOUT_S}
    )
    journal = journal_mode(driver)

    @event.listens_for(engine, "connect")
    def _on_connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # transactions begin where this module says, nowhere else
        for pragma in (f"journal_mode={journal}", "synchronous=FULL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}").fetchall()

    @event.listens_for(engine, "begin")
    def _on_begin(connection: Connection) -> None:
        reads_only = connection.get_execution_options().get(_READS, False)
        connection.exec_driver_sql("BEGIN" if reads_only else "BEGIN IMMEDIATE")

    return engine


@contextlib.contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """Hold one write transaction; committed durably at the end, rolled back on any error.

    Raises:
        DatabaseUnavailableError: The database did not answer; nothing was changed, unless the commit
            itself was cut off (then the same call again finds out).
    """
    with _mapped(), engine.begin() as connection:
        yield connection


@contextlib.contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """Hold one short read transaction.

    Raises:
        DatabaseUnavailableError: The database did not answer.
    """
    with _mapped(), engine.connect().execution_options(**{_READS: True}) as connection, connection.begin():
        yield connection


@contextlib.contextmanager
def _mapped() -> Iterator[None]:
    try:
        yield
    except SQLAlchemyError as error:
        cause = getattr(error, "orig", None) or error
        raise DatabaseUnavailableError("The commands database did not answer.", why=f"{cause}.") from error


def _make_private_file(path: Path) -> None:
    """Make the file 0600 before SQLite does; an existing one is never opened here.

    Closing any descriptor of the file would drop SQLite's own locks in this process.
    """
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, _FILE_MODE))
    except FileExistsError:
        return
    except OSError as error:
        raise DatabaseUnavailableError(
            f"{path} cannot be made.", why=f"{error.strerror or error}."
        ) from error
