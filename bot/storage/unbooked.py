"""Commands whose row the database has not taken yet: one small file each, until it has.

Rules: 1 A file is there, durably, before its command touches the state; so whoever is killed anywhere
leaves what the row is made of. 2 A file without an outcome says nothing about what became of the
command: the state and its logs do. 3 A file goes only after the row is there, or after the state said
that the command never came to it. 4 Nothing about a coin is decided from these files.
"""

import datetime as dt
import os
from collections.abc import Iterable
from pathlib import Path

import msgspec

from bot.kernel.errors import StateWriteError
from bot.kernel.ids import is_id
from bot.lifecycle.commands import CommandOutcome, CommandState, NewCommand
from bot.storage.files.atomic_file import discard, flush_folder, publish_replace, sweep_dead_temps
from bot.storage.files.file_ops import FileOps
from bot.storage.files.json_codec import NotStrictJsonError, decode_strict, encode, typed
from bot.storage.home import FILE_MODE, FOLDER_MODE, Home
from bot.storage.process_info import host_name, is_process_alive, start_token
from bot.storage.reports import Alarm, AlarmCode

_ENDING = ".json"


class UnbookedCommand(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A command that is being applied, or was, and has no row yet."""

    command: NewCommand
    outcome: CommandOutcome | None = None
    """How it ended; None until that was told, or if its process was killed before."""
    pid: int
    host: str
    start_token: str | None = None

    @property
    def is_in_other_hands(self) -> bool:
        """Say whether another process that lives is applying it right now."""
        if self.outcome is not None or self.host != host_name() or self.pid == os.getpid():
            return False
        return is_process_alive(self.pid, self.start_token)


class UnbookedSpool:
    """The files of one home; usable from several threads and processes."""

    def __init__(self, home: Home, *, file_ops: FileOps | None = None) -> None:
        self._home = home
        self._folder = home.unbooked
        self._ops = file_ops or FileOps()

    @property
    def folder(self) -> Path:
        """Return where the files lie."""
        return self._folder

    def keep(self, command: NewCommand, outcome: CommandOutcome | None = None) -> None:
        """Keep a command, durably; with its outcome once there is one. Costs two flushes.

        Raises:
            StateWriteError: The disk took nothing; what was kept before stands.
            StateUnsureError: Nobody knows whether it is kept.
        """
        entry = UnbookedCommand(
            command=command,
            outcome=outcome,
            pid=os.getpid(),
            host=host_name(),
            start_token=start_token(os.getpid()),
        )
        self._make_folder()
        publish_replace(self._ops, self._path(command.uid), encode(entry), FILE_MODE)

    def remove(self, uid: str) -> None:
        """Take a command's file away; a leftover is booked again, which changes nothing."""
        discard(self._ops, self._path(uid))

    def read(self, *, but: Iterable[str] = ()) -> tuple[list[UnbookedCommand], list[Alarm]]:
        """Return what is kept, oldest first, and what had to be set aside because nobody can read it.

        Args:
            but: Ids that need not be read.
        """
        known = {f"{uid}{_ENDING}" for uid in but}
        entries: list[tuple[dt.datetime, int, UnbookedCommand]] = []
        alarms: list[Alarm] = []
        for name in self._names():
            path = self._folder / name
            if name in known:
                continue
            try:
                changed_ns, entry = path.stat().st_mtime_ns, _read(path)
            except FileNotFoundError:
                continue  # booked meanwhile by another process
            except (OSError, NotStrictJsonError) as error:
                alarms.append(self.set_aside(path.stem, f"{error}"))
            else:
                entries.append((entry.command.created_at, changed_ns, entry))
        return [entry for *_, entry in sorted(entries, key=lambda item: item[:2])], alarms

    def set_aside(self, uid: str, why: str) -> Alarm:
        """Move a file that cannot be booked into the quarantine; returns what a person is told."""
        path = self._path(uid)
        kept: Path | None = self._home.quarantine / f"unbooked-{path.name}"
        try:
            self._ops.rename(path, self._home.quarantine / f"unbooked-{path.name}")
        except OSError:
            kept = None  # it stays where it is, and is told again
        return Alarm(
            code=AlarmCode.UNBOOKED_SET_ASIDE,
            document="commands",
            what=f"A command's row cannot be written from {path.name}: {why}. State and audit are whole.",
            path=path,
            kept_at=kept,
        )

    def _path(self, uid: str) -> Path:
        return self._folder / f"{uid}{_ENDING}"

    def _make_folder(self) -> None:
        if self._folder.is_dir():
            return
        try:
            self._ops.make_folders(self._folder, FOLDER_MODE)
        except OSError as error:
            raise StateWriteError(
                f"{self._folder} could not be made.", why=f"{error.strerror or error}."
            ) from error
        flush_folder(self._ops, self._folder.parent)

    def _names(self) -> list[str]:
        try:
            names = os.listdir(self._folder)  # noqa: PTH208 - looked at each round; paths cost more
        except OSError:
            return []
        if any(name.startswith(".") for name in names):
            sweep_dead_temps(self._ops, self._folder)
        return [name for name in names if name.endswith(_ENDING) and not name.startswith(".")]


def _read(path: Path) -> UnbookedCommand:
    entry = typed(decode_strict(path.read_bytes()), UnbookedCommand)
    if entry.command.uid != path.stem or not is_id(entry.command.uid):
        raise NotStrictJsonError(f"it is of command {entry.command.uid[:40]!r}")
    if entry.command.created_at.tzinfo is None:
        raise NotStrictJsonError("its time has no zone")
    if entry.outcome is not None and entry.outcome.state is CommandState.QUEUED:
        raise NotStrictJsonError("its outcome is none")
    return entry
