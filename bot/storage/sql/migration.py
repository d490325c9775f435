"""Running the migrations of `migrations/` inside one transaction of the caller's."""

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, inspect

_SCRIPTS = "bot.storage.sql:migrations"
"""By package, not by path: it is found inside a wheel as well."""


def run_migrations(connection: Connection, found: str | None, *, target: str = "head") -> None:
    """Bring the layout from `found` (None: an empty database) to the target revision.

    Nothing is committed here; a failure leaves the database as it was, because both engines undo
    changes of the layout with the transaction.
    """
    config = Config()
    config.set_main_option("script_location", _SCRIPTS)
    config.attributes["connection"] = connection
    if found is not None and not inspect(connection).has_table("alembic_version"):
        command.stamp(config, found)  # the first release did not write its revision down
    command.upgrade(config, target)
