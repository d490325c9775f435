"""The heartbeat: which process works in this home, and when it last did."""

import datetime as dt

import msgspec

from bot.lifecycle.command_figures import QueueFigures
from bot.lifecycle.stream_figures import StreamHealth
from bot.storage.files.atomic_file import replace_quickly
from bot.storage.files.file_ops import FileOps
from bot.storage.files.json_codec import NotStrictJsonError, decode_strict, encode, typed
from bot.storage.home import FILE_MODE, Home
from bot.storage.process_info import host_name, is_process_alive


class Heartbeat(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One sign of life."""

    pid: int
    host: str
    process_started_at: dt.datetime
    start_token: str | None = None
    """Tells this process from a later one with the same pid (`process_info.start_token`)."""
    version: str
    what: str
    """`run` or `worker`."""
    at: dt.datetime
    """When this was written, wall time."""
    loop_at: dt.datetime | None = None
    """When the loop last came round."""
    late: tuple[str, ...] = ()
    """Threads that have not come round when they should have."""
    queue: QueueFigures | None = None
    """The bus as the worker last looked at it."""
    database_gone: bool = False
    """The commands database did not answer when the worker last looked."""
    streams: tuple[StreamHealth, ...] = ()
    """The exchange's streams, where the loop follows them."""

    @property
    def is_alive(self) -> bool:
        """Say whether that very process still runs on this host; it may still hang."""
        return self.host == host_name() and is_process_alive(self.pid, self.start_token)


def write_heartbeat(home: Home, info: Heartbeat, *, file_ops: FileOps | None = None) -> None:
    """Replace the heartbeat; readers see the old or the new one. Not flushed: it means now only.

    Raises:
        StateWriteError: The disk refused.
    """
    replace_quickly(file_ops or FileOps(), home.heartbeat, encode(msgspec.to_builtins(info)), FILE_MODE)


def read_heartbeat(home: Home) -> Heartbeat | None:
    """Return the newest sign of life, or None if there is none that can be read."""
    try:
        return typed(decode_strict(home.heartbeat.read_bytes()), Heartbeat)
    except (OSError, NotStrictJsonError):
        return None


def remove_heartbeat(home: Home) -> None:
    """Take the sign of life away; a process that ends in order leaves none."""
    home.heartbeat.unlink(missing_ok=True)
