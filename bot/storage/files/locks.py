"""Locks between processes: the state lock beside the state, and the pid file of the daemon.

Rules: 1 lock files are never replaced, so the lock holds for the path. 2 Only the kernel's lock
decides; what stands in the file only tells people who holds it. 3 A timeout names the holder; a
live holder's lock is never taken away. 4 Order: pid file > state lock > audit lock > SQL.
"""

import contextlib
import os
import threading
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Self

import filelock
import msgspec
import portalocker

from bot.kernel.clock import Clock, iso_z
from bot.kernel.errors import BotError, LockHeldError, StorageError
from bot.storage.process_info import host_name, is_process_alive, process_started_at, start_token

POLL_S = 0.005
"""Short, because waiting is fair only when the holder's pauses are longer than this."""

_LOCK_MODE = 0o600
_NOTE_BYTES = 512
"""A note is filled up with spaces: cutting the file each time is what some disks take long for."""


class Holder(msgspec.Struct, frozen=True, kw_only=True):
    """Who holds a lock, in words."""

    pid: int
    host: str
    started_at: str
    """When the lock was taken."""
    process_started_at: str
    start_token: str | None = None
    what: str

    @property
    def is_alive(self) -> bool:
        """Say whether that very process still runs on this host."""
        return self.host == host_name() and is_process_alive(self.pid, self.start_token)


_about_to_hold = threading.local()


def _write_holder(descriptor: int) -> None:
    """Note the holder in the lock file; a full disk must not keep anybody from pausing the bot."""
    with contextlib.suppress(OSError):
        note = getattr(_about_to_hold, "note", b"").ljust(_NOTE_BYTES)
        os.pwrite(descriptor, note, 0)
        if os.fstat(descriptor).st_size != len(note):
            os.ftruncate(descriptor, len(note))


def file_lock(path: Path) -> filelock.BaseFileLock:
    """Return the lock of this path; the same object for everyone in this process.

    The kernel releases it when the process dies. Threads exclude each other as processes do.
    """
    return filelock.FileLock(
        path,
        timeout=10,
        mode=_LOCK_MODE,
        thread_local=True,
        is_singleton=True,
        poll_interval=POLL_S,
        fallback_to_soft=False,
        preserve_lock_file=True,
        on_acquired=_write_holder,
    )


@contextlib.contextmanager
def hold(path: Path, *, clock: Clock, what: str, timeout_s: float) -> Iterator[None]:
    """Hold the lock for the body.

    Raises:
        LockHeldError: Another process held it for the whole time; the message names it.
        BotError: `home_missing`: there is no folder for locks.
        StorageError: The disk has no locks.
        RuntimeError: This thread holds it already: transactions do not nest.
    """
    if not path.parent.is_dir():
        raise BotError(
            f"{path.parent.parent.parent} is not a home.",
            code="home_missing",
            why=f"The folder {path.parent} is not there.",
        )
    lock = file_lock(path)
    if lock.is_locked:
        raise RuntimeError("a transaction is open in this thread already; transactions do not nest")
    _about_to_hold.note = msgspec.json.encode(_this_holder(clock, what))
    try:
        lock.acquire(timeout=timeout_s)
    except filelock.Timeout as error:
        raise _held(path, timeout_s) from error
    except OSError as error:
        raise StorageError(
            f"The lock {path} could not be used.", code="folder_unsafe", why=f"{error.strerror or error}."
        ) from error
    try:
        yield
    finally:
        lock.release()


def who_holds(path: Path) -> Holder | None:
    """Return who holds the lock now, or None if nobody does; for people, never for decisions."""
    return last_holder(path) if _is_locked(path) else None


def last_holder(path: Path) -> Holder | None:
    """Return who took the lock last, or None if the file does not tell."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Holder)
    except (OSError, msgspec.MsgspecError):
        return None


class PidLock:
    """One `run` or `worker` per home, for the life of the process.

    The lock is the kernel's on `<path>.lock`; `path` holds the pid for people.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = portalocker.PidFileLock(str(path))
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Self:
        try:
            self._stack.enter_context(self._lock.fail_closed())
        except portalocker.exceptions.AlreadyLocked as error:
            raise self._already(error.holder_pid) from error
        except (portalocker.exceptions.LockException, OSError) as error:
            raise StorageError(
                f"The pid file {self._path} could not be locked.", code="folder_unsafe", why=f"{error}."
            ) from error
        for path in (self._path, Path(f"{self._path}.lock")):
            path.chmod(_LOCK_MODE)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def check(self) -> None:
        """Make sure that the lock still guards its path; to be called in every loop.

        Raises:
            LockHeldError: Somebody removed or replaced the lock file: stop, a second one may run.
        """
        try:
            self._lock.acquire()
        except (portalocker.exceptions.LockException, OSError) as error:
            raise LockHeldError(
                "This process lost its place as the only one in this home.",
                code="already_running",
                why=f"The lock file {self._path}.lock was removed or replaced.",
                unchanged="Nothing further is done.",
                fix="Start again; leave the files in state/run alone.",
            ) from error

    def _already(self, pid: int | None) -> BotError:
        return LockHeldError(
            "Another bot or worker runs in this home.",
            code="already_running",
            why=f"Process {pid if pid is not None else 'unknown'} holds {self._path}.",
            fix=f"Stop it first: kill {pid}" if pid is not None else "Stop it first.",
        )


def _this_holder(clock: Clock, what: str) -> Holder:
    pid = os.getpid()
    started_at, token = _process(pid)
    return Holder(
        pid=pid,
        host=host_name(),
        started_at=iso_z(clock.now()),
        process_started_at=started_at,
        start_token=token,
        what=what,
    )


@cache
def _process(pid: int) -> tuple[str, str | None]:
    """Return when this process started, and its token: they never change while it lives."""
    return iso_z(process_started_at(pid)), start_token(pid)


os.register_at_fork(after_in_child=_process.cache_clear)


def _held(path: Path, timeout_s: float) -> LockHeldError:
    holder = last_holder(path)
    told = (
        f"process {holder.pid} on {holder.host} ({holder.what}) since {holder.started_at}"
        if holder is not None
        else "another process that left no note"
    )
    return LockHeldError(
        f"The lock {path.name} was not free for {timeout_s:g} s.", why=f"It is held by {told}."
    )


def _is_locked(path: Path) -> bool:
    try:
        inode = path.stat().st_ino
        lines = Path("/proc/locks").read_text(encoding="ascii").splitlines()
    except OSError:
        return False
    for line in lines:
        fields = line.split()
        if fields[1] == "FLOCK" and fields[5].rpartition(":")[2] == str(inode):
            return True
    return False
