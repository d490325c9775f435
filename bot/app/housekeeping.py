"""What the database needs now and then: rows booked late, the cache caught up, old commands removed.

Nothing here is urgent, and nothing here may keep a command or an exit waiting.
"""

import datetime as dt

from bot.app.database import keep_finished
from bot.app.wiring import App

_PRUNE_EVERY = dt.timedelta(days=1)


class Housekeeping:
    """Does what is due, once per call; one per process."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._pruned_at: dt.datetime | None = None

    def run_due(self, now: dt.datetime) -> int:
        """Book and catch up, and once a day remove what was finished long ago; returns how many.

        Raises:
            DatabaseUnavailableError: The database did not answer; the next call does it.
            StorageError: `database_ahead`: the cache tells of another log.
        """
        app = self._app
        app.sender.book_waiting()
        app.queue.catch_up()
        if self._pruned_at is not None and now - self._pruned_at < _PRUNE_EVERY:
            return 0
        removed = app.queue.prune(keep=keep_finished(app))
        self._pruned_at = now
        return removed
