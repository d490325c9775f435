"""What wakes a worker when a command was put on the bus, whichever engine keeps it."""

from pathlib import Path
from typing import Protocol, Self

from bot.storage.sql.postgres_wakeup import PostgresWakeup
from bot.storage.sql.wakeup import CommandWakeup


class Wakeup(Protocol):
    """Waits for news; one thread waits, any thread may notify.

    A wake-up is a hint: it may come without news and may be missed, so callers look at the table in
    any case, and now and then without being woken.
    """

    def __enter__(self) -> Self:
        """Begin to listen."""
        ...

    def __exit__(self, *_: object) -> None:
        """Stop listening."""
        ...

    def wait(self, timeout_s: float) -> bool:
        """Wait for news or for `notify`; False when the time is up."""
        ...

    def notify(self) -> None:
        """Wake the waiter of this process; before it waits is early enough."""
        ...

    def close(self) -> None:
        """Release what was opened."""
        ...


def open_wakeup(path: Path, *, database_url: str | None = None) -> Wakeup:
    """Return what wakes on this home's database.

    Args:
        path: The embedded database's file.
        database_url: The value of `BOT_DATABASE_URL`, if set.

    Raises:
        SettingsError: The URL cannot be used.
    """
    return PostgresWakeup(database_url) if database_url else CommandWakeup(path)
