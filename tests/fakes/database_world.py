"""A bot with its exchange on one of the two database engines, and a look into its read cache."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import Engine, select

from bot.storage.home import Home
from bot.storage.sql.engine import open_engine, reading
from bot.storage.sql.maintenance import upgrade_database
from bot.storage.sql.tables import managed_assets_history, managed_proposals
from tests.fakes.bot_world import BotWorld, bot_world
from tests.fakes.postgres_server import PostgresServer

Rows = list[dict[str, Any]]


class CacheRows(NamedTuple):
    """Everything that screens read from the database."""

    proposals: Rows
    history: Rows


def engine_of(world: BotWorld) -> Engine:
    """Return a connection of one's own to the world's database."""
    return open_engine(world.app.home.sql, database_url=world.environ.get("BOT_DATABASE_URL"))


def cache_of(world: BotWorld) -> CacheRows:
    """Return both cache tables as they are."""
    engine = engine_of(world)
    with reading(engine) as connection:
        proposals, history = (
            [dict(row) for row in connection.execute(select(table).order_by(order)).mappings().all()]
            for table, order in (
                (managed_proposals, managed_proposals.c.proposal_id),
                (managed_assets_history, managed_assets_history.c.id),
            )
        )
    engine.dispose()
    return CacheRows(proposals, history)


@contextmanager
def database_world(root: Path, server: PostgresServer | None) -> Iterator[BotWorld]:
    """Yield a world with an applied baseline on the server, or on SQLite where there is none."""
    environ = {}
    if server is not None:
        environ["BOT_DATABASE_URL"] = server.new_database()
        upgrade_database(Home(root), database_url=environ["BOT_DATABASE_URL"])
    with bot_world(root, environ=environ) as world:
        yield world
