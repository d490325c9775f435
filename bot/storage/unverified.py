"""Which coins the running loop has not verified since it began: no order leaves for them, nobody guards them.

It means now only: it is not flushed, and one whose process is gone counts for nothing.
"""

import contextlib
import os
from collections.abc import Mapping

import msgspec

from bot.kernel.errors import StateWriteError
from bot.storage.files.atomic_file import discard, replace_quickly
from bot.storage.files.file_ops import FileOps
from bot.storage.files.json_codec import NotStrictJsonError, decode_strict, encode, typed
from bot.storage.home import FILE_MODE, Home
from bot.storage.process_info import host_name, is_process_alive, start_token

_NAME = "unverified.json"


class Unverified(msgspec.Struct, frozen=True, kw_only=True):
    """The coins with the reason of each, and whose word it is."""

    pid: int
    host: str
    start_token: str | None
    coins: Mapping[str, str]


def write_unverified(home: Home, coins: Mapping[str, str]) -> None:
    """Say which coins are not verified, or take the file away; a full disk is no reason to stop the loop."""
    path = home.run / _NAME
    if not coins:
        discard(FileOps(), path)
        return
    pid = os.getpid()
    told = Unverified(
        pid=pid, host=host_name(), start_token=start_token(pid), coins=dict(sorted(coins.items()))
    )
    with contextlib.suppress(StateWriteError):
        replace_quickly(FileOps(), path, encode(msgspec.to_builtins(told)), FILE_MODE)


def read_unverified(home: Home) -> Mapping[str, str]:
    """Return the coins that a living loop has not verified, with why."""
    try:
        found = typed(decode_strict((home.run / _NAME).read_bytes()), Unverified)
    except (OSError, NotStrictJsonError):
        return {}  # there is none, or it is being replaced
    is_alive = found.host == host_name() and is_process_alive(found.pid, found.start_token)
    return found.coins if is_alive else {}
