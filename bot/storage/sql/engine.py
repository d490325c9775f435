"""Opening the commands database with settings under which nothing acknowledged is lost.

SQLite: WAL only with a version that has no WAL-reset bug (3.51.3 on); pysqlite3 bundles one. Otherwise a
rollback journal. Always `synchronous=FULL`, and `BEGIN IMMEDIATE` for every write: a read that turns
into a write would fail at once. A file that was removed or replaced is noticed before it is used.
"""

import contextlib
import importlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from sqlalchemy import Connection, Engine, Table, create_engine, event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL
from sqlalchemy.exc import DisconnectionError, SQLAlchemyError

from bot.kernel.errors import DatabaseUnavailableError
from bot.storage.sql.postgres import is_postgres, postgres_engine

WAL_SAFE_VERSION = (3, 51, 3)
_BUSY_TIMEOUT_S = 10
_FILE_MODE = 0o600
_READS = "bot_reads_only"
INODE, FILE = "bot_inode", "bot_file"
"""What a connection to the embedded file knows of that file (`info`)."""


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
    """Return an engine on the home's database file, made if needed, or on the server that a URL names.

    Nothing is connected yet.

    Args:
        path: The embedded database's file.
        database_url: The value of `BOT_DATABASE_URL`, if set.
        module: The SQLite driver; the best one by default.

    Raises:
        SettingsError: The URL cannot be used.
        DatabaseUnavailableError: The file cannot be made.
    """
    if database_url:
        return postgres_engine(database_url)
    return _sqlite_engine(path, module or sqlite_module())


def _sqlite_engine(path: Path, driver: ModuleType) -> Engine:
    _make_private_file(path)
    address = f"{path.absolute().as_uri()}?mode=rw"  # a missing file is an error, never an empty database
    journal = journal_mode(driver)

    def connect() -> Any:
        if not path.exists():
            raise driver.OperationalError(f"{path} is gone; it is made anew, empty, when it is opened again")
        return driver.connect(address, uri=True, timeout=_BUSY_TIMEOUT_S, check_same_thread=False)

    engine = create_engine(URL.create("sqlite", database=str(path)), module=driver, creator=connect)

    @event.listens_for(engine, "connect")
    def _on_connect(connection: Any, record: Any) -> None:
        record.info.update({INODE: inode_of(path), FILE: path})
        connection.isolation_level = None  # transactions begin where this module says, nowhere else
        connection.text_factory = _text
        for pragma in (f"journal_mode={journal}", "synchronous=FULL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}").fetchall()

    @event.listens_for(engine, "checkout")
    def _on_checkout(_connection: Any, record: Any, _proxy: Any) -> None:
        if record.info.get(INODE) != inode_of(path):  # what is written there, nobody would ever read
            raise DisconnectionError(f"{path} was removed or replaced")

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
    with mapped_errors(), engine.begin() as connection:
        yield connection


@contextlib.contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """Hold one short read transaction.

    Raises:
        DatabaseUnavailableError: The database did not answer.
    """
    with (
        mapped_errors(),
        engine.connect().execution_options(**{_READS: True}) as connection,
        connection.begin(),
    ):
        yield connection


def insert_into(connection: Connection, table: Table) -> sqlite.Insert | postgresql.Insert:
    """Return an INSERT that knows ON CONFLICT, in this engine's words."""
    return postgresql.insert(table) if is_postgres(connection) else sqlite.insert(table)


@contextlib.contextmanager
def mapped_errors(*of_the_driver: type[Exception]) -> Iterator[None]:
    """Tell errors of SQLAlchemy, and of a driver that is used without it, as the bot's own."""
    expected: tuple[type[Exception], ...] = (SQLAlchemyError, *of_the_driver)
    try:
        yield
    except expected as error:
        cause = getattr(error, "orig", None) or error
        raise DatabaseUnavailableError("The commands database did not answer.", why=f"{cause}.") from error


def _text(data: bytes) -> str:
    """Return a column's text; bytes that are none spoil their own row, not the reading of all."""
    return data.decode("utf-8", "backslashreplace")


def inode_of(path: Path) -> int | None:
    """Return which file is there now, or None."""
    try:
        return os.stat(path).st_ino  # noqa: PTH116 - for every command, and twice as fast as the path's own
    except OSError:
        return None


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
