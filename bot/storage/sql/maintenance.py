"""What is done with a database as a whole: its layout, its owner, its cache."""

import contextlib
from collections.abc import Iterator

from sqlalchemy import Engine

from bot.storage.home import Home
from bot.storage.sql.command_table import owner_of
from bot.storage.sql.engine import open_engine, reading, writing
from bot.storage.sql.layout import layout_of, prepare_layout
from bot.storage.sql.owner import belongs_to, take_over
from bot.storage.sql.read_cache import ReadCache
from bot.storage.sql.session import CoreSession


def upgrade_database(home: Home, *, database_url: str | None = None) -> tuple[str | None, str | None]:
    """Bring the layout up to this release's; returns the layout before (None: empty) and after.

    Raises:
        StorageError: `database_unknown`.
        DatabaseUnavailableError: The database did not answer.
    """
    with _engine(home, database_url) as engine:
        before = prepare_layout(engine, upgrade=True)
        with reading(engine) as connection:
            return before, layout_of(connection)


def take_database_over(home: Home, *, lineage: str, database_url: str | None = None) -> str:
    """Let this host and this folder drain the queue from now on; returns the host's name.

    Raises:
        StorageError: `database_foreign`: it keeps the commands of another state.
    """
    owner = owner_of(home, lineage)
    with _engine(home, database_url) as engine:
        prepare_layout(engine, upgrade=False)
        with writing(engine) as connection:
            take_over(connection, owner)
    return owner.host


def rebuild_cache(home: Home, *, lineage: str, database_url: str | None = None) -> tuple[int, int]:
    """Build the read cache anew from the files; returns the rows of proposals and of history.

    Raises:
        StorageError: `database_foreign`, `database_outdated`, `database_unknown`.
        AuditError: The log is damaged; nothing was changed.
    """
    with _engine(home, database_url) as engine:
        prepare_layout(engine, upgrade=False)
        with writing(engine) as connection:
            session = CoreSession(connection)
            belongs_to(session, owner_of(home, lineage))
            return ReadCache(home).rebuild(session)


@contextlib.contextmanager
def _engine(home: Home, database_url: str | None) -> Iterator[Engine]:
    engine = open_engine(home.sql, database_url=database_url)
    try:
        yield engine
    finally:
        engine.dispose()
