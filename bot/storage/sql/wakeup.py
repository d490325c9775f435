"""Waking up when another process commits to the commands database, almost for free while idle.

inotify says that a file of the database's folder was written; `PRAGMA data_version` on a read-only
connection of its own then says whether another connection committed. Where there is no inotify,
`data_version` is looked at every 50 ms. A wake-up is a hint: callers look at the table in any case.
"""

import contextlib
import os
import select
import threading
from pathlib import Path
from typing import Any, Self

from bot.storage.sql.engine import sqlite_module

try:
    import inotify_simple
except ImportError:  # not on this system
    inotify_simple = None

_LOOK_EVERY_S = 0.05
_SLICE_S = 0.25
_AFTER_EVENT_S = 0.002
_LOOKS_AFTER_EVENT = 50
"""A commit's write is seen before the commit is: it is flushed in between. So look again, for 0.1 s."""


class CommandWakeup:
    """Waits for news in one database file; one thread waits, any thread may notify."""

    def __init__(self, path: Path, *, use_inotify: bool = True) -> None:
        self._path = path
        self._module = sqlite_module()
        self._connection: Any = None
        self._inode: int | None = None
        self._opened = 0
        self._looks_left = 0
        self._notified = threading.Event()
        self._wake_read, self._wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._inotify = self._watch() if use_inotify else None
        self._version = self._data_version()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def wait(self, timeout_s: float) -> bool:
        """Wait for another connection's commit or for `notify`; False when the time is up.

        May return False a little early: false alarms of the folder count as waiting time.
        """
        left_s = timeout_s
        while True:
            if self._has_news():
                return True
            if left_s <= 0:
                return False
            step_s = min(left_s, self._slice_s())
            self._sleep(step_s)
            left_s -= step_s

    def _slice_s(self) -> float:
        if self._inotify is None:
            return _LOOK_EVERY_S
        if self._looks_left:
            self._looks_left -= 1
            return _AFTER_EVENT_S
        return _SLICE_S

    def notify(self) -> None:
        """Wake the waiter of this process; before it waits is early enough."""
        self._notified.set()
        with contextlib.suppress(BlockingIOError, OSError):
            os.write(self._wake_write, b"!")

    def close(self) -> None:
        """Release watch and connection."""
        self._forget_connection()
        if self._inotify is not None:
            self._inotify.close()
            self._inotify = None
        for descriptor in (self._wake_read, self._wake_write):
            with contextlib.suppress(OSError):
                os.close(descriptor)

    def _has_news(self) -> bool:
        if self._notified.is_set():
            self._notified.clear()
            return True
        version = self._data_version()
        changed = version != self._version
        self._version = version
        return changed

    def _sleep(self, seconds: float) -> None:
        descriptors = [self._wake_read]
        if self._inotify is not None:
            descriptors.append(self._inotify.fileno())
        ready, _, _ = select.select(descriptors, [], [], seconds)
        if self._wake_read in ready:
            with contextlib.suppress(BlockingIOError):
                os.read(self._wake_read, 4096)
        if self._inotify is not None and self._inotify.fileno() in ready:
            self._inotify.read(timeout=0)
            self._looks_left = _LOOKS_AFTER_EVENT

    def _watch(self) -> Any:
        if inotify_simple is None:
            return None
        flags = inotify_simple.flags
        try:
            watch = inotify_simple.INotify()
        except OSError:  # the system's limit of watchers is reached: looking now and then does it too
            return None
        try:
            watch.add_watch(self._path.parent, flags.MODIFY | flags.CREATE | flags.MOVED_TO | flags.DELETE)
        except OSError:
            watch.close()
            return None
        return watch

    def _data_version(self) -> tuple[int | None, int | None]:
        """Return what changes with every commit of others; Nones while there is no database."""
        try:
            inode = self._path.stat().st_ino
        except OSError:
            self._forget_connection()
            return None, None
        if inode != self._inode:  # a new or restored file
            self._forget_connection()
        try:
            if self._connection is None:
                self._connection = self._module.connect(
                    f"{self._path.absolute().as_uri()}?mode=ro",
                    uri=True,
                    isolation_level=None,
                    check_same_thread=False,
                )
                self._inode = inode
                self._opened += 1  # versions of two connections say nothing about each other
            return self._opened, int(self._connection.execute("PRAGMA data_version").fetchone()[0])
        except self._module.Error:
            self._forget_connection()
            return None, None

    def _forget_connection(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection, self._inode = None, None
