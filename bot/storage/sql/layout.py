"""Which layout a database has, and bringing it to this release's.

Rules: 1 an empty database gets the whole layout at once. 2 An older one is brought up step by step, in
one transaction: the home's own file by itself, a shared server only when an operator says so. 3 A newer
or unknown one is refused; nobody guesses what its columns mean.
"""

from sqlalchemy import (
    Column,
    Connection,
    Engine,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    insert,
    inspect,
    select,
)

from bot.kernel.errors import StorageError
from bot.storage.sql.engine import reading, writing
from bot.storage.sql.postgres import is_postgres, take_upgrade_turn
from bot.storage.sql.tables import HEAD, REVISIONS, meta, metadata

_REVISION = Table(
    "alembic_version",
    MetaData(),
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)
"""The migration tool's own table, as that makes it; a test compares both."""

_SCHEMA_VERSION = {"v0001": "1", "v0002": "2"}
"""What `meta.schema_version` says per layout: the first release refuses what it does not know there."""


def prepare_layout(engine: Engine, *, upgrade: bool) -> str | None:
    """Make sure that the database has this release's layout; returns what it had, None for nothing.

    Args:
        engine: The database.
        upgrade: Bring an older layout up, and make one on an empty server. The embedded file is
            made and brought up in any case: it belongs to this home alone.

    Raises:
        StorageError: `database_outdated` or `database_unknown`.
        DatabaseUnavailableError: The database did not answer.
    """
    with reading(engine) as connection:
        found = layout_of(connection)
    if found == HEAD:
        return found
    with writing(engine) as connection:
        may_change = upgrade or not is_postgres(connection)
        if is_postgres(connection):
            take_upgrade_turn(connection)
        found = layout_of(connection)  # another process may have been first
        if found == HEAD:
            return found
        if not may_change:
            raise _outdated(found)
        if found is None:
            _create(connection)
        else:
            _migrate(connection, found)
    return found


def layout_of(connection: Connection) -> str | None:
    """Return the revision of the database's layout, None for an empty database.

    Raises:
        StorageError: `database_unknown`: a newer release's, or nobody's.
    """
    tables = set(inspect(connection).get_table_names())
    if _REVISION.name in tables:
        found = connection.execute(select(_REVISION.c.version_num)).scalars().all()
        if len(found) == 1 and found[0] in REVISIONS:
            return str(found[0])
        raise _unknown(f"Its layout is {', '.join(map(str, found)) or 'not told'}")
    if not {"commands", "meta"} & tables:
        return None
    first = None
    if {"commands", "meta"} <= tables:
        first = connection.execute(select(meta.c.value).where(meta.c.key == "schema_version")).scalar()
    if first != _SCHEMA_VERSION[REVISIONS[0]]:
        raise _unknown(f"Its tables name the layout {first or 'not at all'}")
    return REVISIONS[0]


def _create(connection: Connection) -> None:
    metadata.create_all(connection)
    _REVISION.create(connection)
    connection.execute(insert(_REVISION), [{"version_num": HEAD}])
    connection.execute(insert(meta), [{"key": "schema_version", "value": _SCHEMA_VERSION[HEAD]}])


def _migrate(connection: Connection, found: str) -> None:
    from bot.storage.sql.migration import run_migrations  # noqa: PLC0415 - slow to load, needed once in a life

    run_migrations(connection, found)


def _outdated(found: str | None) -> StorageError:
    return StorageError(
        "The commands database is not ready for this release.",
        code="database_outdated",
        why=f"Its layout is {found or 'empty'}, expected {HEAD}.",
    )


def _unknown(found: str) -> StorageError:
    return StorageError(
        "The commands database has a layout that this release does not know.",
        code="database_unknown",
        why=f"{found}; known are {', '.join(REVISIONS)}.",
    )
