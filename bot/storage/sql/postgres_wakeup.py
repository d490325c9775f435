"""Waking up when a command is announced on the server (LISTEN), on a connection of its own.

Announcements that come while nobody listens are lost: every new connection counts as news, and callers
look at the table now and then in any case. A server that does not answer makes `wait` a plain wait.
"""

import contextlib
import os
import select
import threading
from typing import Any, Self

from bot.storage.sql.postgres import CHANNEL, CONNECT_TIMEOUT_S, postgres_url

_RETRY_S = 0.5


class PostgresWakeup:
    """Waits for announcements of one database; one thread waits, any thread may notify."""

    def __init__(self, database_url: str) -> None:
        url = postgres_url(database_url)
        self._address = url.set(drivername="postgresql").render_as_string(hide_password=False)
        self._connection: Any = None
        self._notified = threading.Event()
        self._wake_read, self._wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def wait(self, timeout_s: float) -> bool:
        """Wait for an announcement, a new connection or `notify`; False when the time is up."""
        left_s = timeout_s
        while True:
            if self._notified.is_set():
                self._notified.clear()
                return True
            if self._connection is None and self._listen():
                return True
            if left_s <= 0:
                return False
            step_s = left_s if self._connection is not None else min(left_s, _RETRY_S)
            if self._sleep(step_s):
                left_s -= step_s

    def notify(self) -> None:
        """Wake the waiter of this process; before it waits is early enough."""
        self._notified.set()
        with contextlib.suppress(BlockingIOError, OSError):
            os.write(self._wake_write, b"!")

    def close(self) -> None:
        """Release the connection."""
        self._forget_connection()
        for descriptor in (self._wake_read, self._wake_write):
            with contextlib.suppress(OSError):
                os.close(descriptor)

    def _listen(self) -> bool:
        import psycopg  # noqa: PLC0415 - an optional extra; `postgres_url` has said so where it is missing

        try:
            self._connection = psycopg.connect(
                self._address,
                autocommit=True,
                connect_timeout=CONNECT_TIMEOUT_S,
                application_name="managed-holdings wakeup",
            )
            self._connection.execute(f"LISTEN {CHANNEL}")
        except psycopg.Error:
            self._forget_connection()
            return False
        return True

    def _sleep(self, seconds: float) -> bool:
        """Wait for one of the two descriptors; returns whether all of the time passed."""
        descriptors = [self._wake_read]
        if self._connection is not None:
            descriptors.append(self._connection.fileno())
        ready, _, _ = select.select(descriptors, [], [], seconds)
        if self._wake_read in ready:
            with contextlib.suppress(BlockingIOError):
                os.read(self._wake_read, 4096)
        if self._connection is not None and self._connection.fileno() in ready and self._announced():
            self._notified.set()
        return not ready

    def _announced(self) -> bool:
        import psycopg  # noqa: PLC0415 - as above

        try:
            return len(list(self._connection.notifies(timeout=0))) > 0
        except psycopg.Error:  # the server went away: connecting again is tried in the next round
            self._forget_connection()
            return False

    def _forget_connection(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(Exception):
                self._connection.close()
        self._connection = None
