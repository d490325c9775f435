"""PostgreSQL: its engine, its clock, its locks, and how a waiting worker is told of a command.

The driver is an optional extra of the installation and is imported here and in `postgres_wakeup` alone.
"""

import importlib.util

from sqlalchemy import Connection, Engine, create_engine, make_url, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError

from bot.kernel.errors import SettingsError

CHANNEL = "bot_commands"
"""Where commands are announced; a channel belongs to one database."""

CONNECT_TIMEOUT_S = 3
_STATEMENT_TIMEOUT_MS = 10_000
_IDLE_TIMEOUT_MS = 60_000
_UPGRADE_LOCK = 0x6D685F7570  # any number of our own: two upgrades at once take turns
_DRIVER = "postgresql+psycopg"
_NOW = "SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"
_OPTIONS = (
    f"-c statement_timeout={_STATEMENT_TIMEOUT_MS} -c lock_timeout={_STATEMENT_TIMEOUT_MS}"
    f" -c idle_in_transaction_session_timeout={_IDLE_TIMEOUT_MS} -c synchronous_commit=on"
)


def postgres_url(database_url: str) -> URL:
    """Return the parsed URL of `BOT_DATABASE_URL`.

    Raises:
        SettingsError: It is no PostgreSQL URL, or the driver is not installed. The URL itself is never
            shown: it holds a password.
    """
    try:
        url = make_url(database_url)
    except ArgumentError:
        raise _unusable("It is no URL.") from None  # the library's message may repeat the password
    if url.drivername not in {_DRIVER, "postgresql"}:
        raise _unusable(f"It asks for {url.drivername!r}; expected {_DRIVER}.")
    if importlib.util.find_spec("psycopg") is None:
        raise SettingsError(
            "BOT_DATABASE_URL cannot be used.",
            why="The driver for PostgreSQL is not installed.",
            fix='pip install "managed-holdings[postgres]"',
        )
    return url.set(drivername=_DRIVER)


def postgres_engine(database_url: str) -> Engine:
    """Return an engine; nothing is connected yet.

    Raises:
        SettingsError: As `postgres_url`.
    """
    return create_engine(
        postgres_url(database_url),
        pool_pre_ping=True,  # a server that was restarted is noticed before a statement is lost on it
        pool_size=5,
        connect_args={
            "connect_timeout": CONNECT_TIMEOUT_S,
            "application_name": "managed-holdings",
            "options": _OPTIONS,
        },
    )


def is_postgres(connection: Connection) -> bool:
    """Say which engine answers."""
    return connection.dialect.name == "postgresql"


def database_now(connection: Connection) -> str:
    """Return the server's time as ISO-8601 UTC: hosts may differ, the server is one."""
    return str(connection.exec_driver_sql(_NOW).scalar_one())


def announce(connection: Connection) -> None:
    """Tell waiting workers of a command; delivered with the commit."""
    connection.execute(text(f"SELECT pg_notify('{CHANNEL}', '')"))


def take_upgrade_turn(connection: Connection) -> None:
    """Let one process at a time change the layout; held to the end of the transaction."""
    connection.execute(text(f"SELECT pg_advisory_xact_lock({_UPGRADE_LOCK})"))


def _unusable(why: str) -> SettingsError:
    return SettingsError(
        "BOT_DATABASE_URL cannot be used.",
        why=why,
        fix=f"{_DRIVER}://USER:PASSWORD@HOST/DATABASE, or unset it for the home's own SQLite file.",
    )
