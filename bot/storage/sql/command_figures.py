"""Reading the bus's figures from the commands' rows: short reads, no scan of what was finished long ago."""

import datetime as dt

from sqlalchemy import Connection, func, select, text

from bot.kernel.clock import iso_z
from bot.lifecycle.command_figures import FinishedCommand, QueueFigures, figures_of
from bot.lifecycle.commands import CommandState, CommandType
from bot.storage.sql.command_rows import time_or_none
from bot.storage.sql.tables import IS_QUEUED, commands

_TYPES = frozenset(command_type.value for command_type in CommandType)
_IS_FAILED = text("commands.state = 'failed'")


def read_figures(
    connection: Connection, *, now: dt.datetime, window: dt.timedelta, at_most: int, count_failed: bool
) -> QueueFigures:
    """Return what waits, and how the newest finished commands went.

    Args:
        connection: A read transaction.
        now: The time by the clock that finishes commands.
        window: Only what was finished so long ago or later.
        at_most: Only among this many newest rows, however long the window.
        count_failed: Count every failed row that is kept; this looks at all rows.
    """
    waiting, oldest, attempts = connection.execute(
        select(func.count(), func.min(commands.c.created_at), func.max(commands.c.attempts)).where(IS_QUEUED)
    ).one()
    failed = None
    if count_failed:
        failed = int(connection.execute(select(func.count(commands.c.id)).where(_IS_FAILED)).scalar_one())
    return figures_of(
        _newest_finished(connection, since=now - window, at_most=at_most),
        now=now,
        window=window,
        waiting=int(waiting),
        oldest_waiting_at=time_or_none(oldest),
        waiting_attempts_max=int(attempts or 0),
        failed_kept=failed,
    )


def _newest_finished(connection: Connection, *, since: dt.datetime, at_most: int) -> list[FinishedCommand]:
    newest = select(commands).order_by(commands.c.id.desc()).limit(at_most).subquery()
    columns = (
        newest.c.type,
        newest.c.state,
        newest.c.attempts,
        newest.c.created_at,
        newest.c.finished_at,
    )
    query = select(*columns).where(newest.c.finished_at >= iso_z(since))
    found: list[FinishedCommand] = []
    for row in connection.execute(query).all():
        created_at, finished_at = time_or_none(row.created_at), time_or_none(row.finished_at)
        if created_at is not None and finished_at is not None:  # without its times a row has no figures
            found.append(
                FinishedCommand(
                    type=row.type if row.type in _TYPES else "unknown",
                    state=CommandState(row.state),
                    attempts=row.attempts,
                    created_at=created_at,
                    finished_at=finished_at,
                )
            )
    return found
