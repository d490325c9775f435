"""Whose database it is: one state's life, worked on from one host and folder.

The embedded file lies inside its home, so a renamed host or a moved folder is no second one. A server's
database says which host and folder drain it: a copy of the home elsewhere must not apply the same
commands to another state.
"""

import msgspec
from sqlalchemy import Connection, select, update

from bot.kernel.errors import StorageError
from bot.storage.sql.engine import insert_into
from bot.storage.sql.session import CoreSession, Session
from bot.storage.sql.tables import meta

_ALL = select(meta)


class Owner(msgspec.Struct, frozen=True, kw_only=True):
    """Who works on a database: the state's lineage, the host, the home's folder."""

    lineage: str
    host: str
    home: str


def belongs_to(session: Session, owner: Owner) -> bool:
    """Say whether the database is claimed by exactly this owner; False where nobody has claimed it.

    Raises:
        StorageError: `database_foreign`: it is another one's.
    """
    known = {row["key"]: row["value"] for row in session.rows(_ALL, {})}
    wanted = msgspec.structs.asdict(owner)
    compared = {"lineage": owner.lineage} if session.server is None else wanted
    for key, value in compared.items():
        if known.get(key, value) != value:
            raise _foreign(key, known[key], value)
    return all(key in known for key in wanted)


def claim(connection: Connection, owner: Owner) -> None:
    """Write whose database this is, where nobody has yet.

    Raises:
        StorageError: `database_foreign`: it is another one's.
    """
    rows = [{"key": key, "value": value} for key, value in msgspec.structs.asdict(owner).items()]
    statement = insert_into(connection, meta).values(rows).on_conflict_do_nothing()
    connection.execute(statement)
    belongs_to(CoreSession(connection), owner)


def take_over(connection: Connection, owner: Owner) -> None:
    """Let this host and folder work on it from now on; the state's life must be the same.

    Raises:
        StorageError: `database_foreign`: it keeps the commands of another state.
    """
    lineage = connection.execute(select(meta.c.value).where(meta.c.key == "lineage")).scalar()
    if lineage not in {None, owner.lineage}:
        raise _foreign("lineage", str(lineage), owner.lineage)
    for key in ("host", "home"):
        value = getattr(owner, key)
        connection.execute(update(meta).where(meta.c.key == key).values(value=value))
    claim(connection, owner)


def _foreign(key: str, found: str, expected: str) -> StorageError:
    moved = key in {"host", "home"}
    return StorageError(
        "The commands database does not belong to this home.",
        code="database_foreign",
        why=f"Its {key} is {found}, expected {expected}.",
        fix="If this home was moved here and is used nowhere else: bot db claim" if moved else None,
    )
