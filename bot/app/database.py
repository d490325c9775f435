"""What an operator does with the commands database: bring it up, take it over, build its cache anew."""

import datetime as dt

import msgspec

from bot.app.core import HomeContext
from bot.storage.documents import MANAGED_STATE
from bot.storage.sql.maintenance import rebuild_cache, take_database_over, upgrade_database


class DatabaseReport(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was done, in figures."""

    layout_before: str | None = None
    layout: str | None = None
    proposals: int | None = None
    history: int | None = None
    host: str | None = None


def upgrade(context: HomeContext) -> DatabaseReport:
    """Make the layout of an empty database, or bring an older one up to this release.

    Raises:
        StorageError: `database_unknown`: a newer release wrote it; nothing was changed.
        DatabaseUnavailableError: The database did not answer; nothing was changed.
    """
    before, after = upgrade_database(context.home, database_url=_url(context))
    return DatabaseReport(layout_before=before, layout=after)


def claim(context: HomeContext) -> DatabaseReport:
    """Let this host and folder drain the queue from now on.

    Raises:
        StorageError: `database_foreign`: it keeps the commands of another state.
    """
    host = take_database_over(context.home, lineage=_lineage(context), database_url=_url(context))
    return DatabaseReport(host=host)


def rebuild(context: HomeContext) -> DatabaseReport:
    """Build `managed_proposals` and `managed_assets_history` anew from the files.

    Raises:
        AuditError: The log is damaged; nothing was changed.
        StorageError: The database belongs to another home.
    """
    proposals, history = rebuild_cache(context.home, lineage=_lineage(context), database_url=_url(context))
    return DatabaseReport(proposals=proposals, history=history)


def keep_finished(context: HomeContext) -> dt.timedelta:
    """Return how long finished commands are kept."""
    return dt.timedelta(days=float(context.settings["database.keep_finished_days"]))


def _url(context: HomeContext) -> str | None:
    return str(context.settings["database.url"]) or None


def _lineage(context: HomeContext) -> str:
    return context.store.read(MANAGED_STATE).meta.lineage
