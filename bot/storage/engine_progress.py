"""How far the engine is with each coin: one small file per coin, for people on other terminals.

Whoever holds a coin's engine lock writes its file, so no two writers meet. It means now only: it is not
flushed, nothing is decided from it, and one whose process is gone counts for nothing.
"""

import contextlib
import datetime as dt

import msgspec

from bot.kernel.errors import StateWriteError
from bot.kernel.ids import is_asset
from bot.storage.files.atomic_file import discard, replace_quickly
from bot.storage.files.file_ops import FileOps
from bot.storage.files.json_codec import NotStrictJsonError, decode_strict, encode, typed
from bot.storage.home import FILE_MODE, Home
from bot.storage.process_info import host_name, is_process_alive

_PREFIX = "engine-"


class EngineProgress(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One coin in the engine's hands."""

    asset: str
    proposal_id: str
    step: str
    """What is being done now: `balance`, `candles`, `book`, `computing` or `writing`."""
    number: int
    """The step's place, from 1."""
    of: int
    """How many steps there are."""
    began_at: dt.datetime
    at: dt.datetime
    """When this step began."""
    pid: int
    host: str
    start_token: str | None = None

    @property
    def is_alive(self) -> bool:
        """Say whether the process that wrote it still runs on this host."""
        return self.host == host_name() and is_process_alive(self.pid, self.start_token)


def write_progress(home: Home, progress: EngineProgress, *, file_ops: FileOps | None = None) -> None:
    """Say how far a coin is; a disk that takes nothing is no reason to stop the engine."""
    path = home.run / f"{_PREFIX}{progress.asset}.json"
    with contextlib.suppress(StateWriteError):
        replace_quickly(file_ops or FileOps(), path, encode(msgspec.to_builtins(progress)), FILE_MODE)


def remove_progress(home: Home, asset: str, *, file_ops: FileOps | None = None) -> None:
    """Take a coin's file away once the engine is done with it."""
    discard(file_ops or FileOps(), home.run / f"{_PREFIX}{asset}.json")


def read_progress(home: Home) -> dict[str, EngineProgress]:
    """Return what engines that live are at work on, by coin."""
    found: dict[str, EngineProgress] = {}
    for path in sorted(home.run.glob(f"{_PREFIX}*.json")):
        try:
            progress = typed(decode_strict(path.read_bytes()), EngineProgress)
        except (OSError, NotStrictJsonError):
            continue  # being replaced, or of another release
        if is_asset(progress.asset) and path.stem == f"{_PREFIX}{progress.asset}" and progress.is_alive:
            found[progress.asset] = progress
    return found
