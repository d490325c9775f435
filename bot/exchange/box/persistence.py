"""The box's files. Its memory over restarts: one file, replaced as a whole, flushed before the answer leaves.

A file that is there but cannot be read stops the start: an exchange never forgets silently.
"""

import os
from pathlib import Path

import msgspec

from bot.exchange.box.control_bodies import Script
from bot.exchange.box.exchange import Snapshot
from bot.kernel.errors import SettingsError, StateFileError

_VERSION = 1


def load(path: Path) -> Snapshot | None:
    """Return the kept state, or None when there is no file yet.

    Raises:
        StateFileError: When the file is damaged or of another version.
    """
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        return None
    try:
        snapshot = msgspec.json.decode(raw, type=Snapshot)
    except msgspec.DecodeError as error:
        raise _unreadable(path, str(error)) from error
    if snapshot.version != _VERSION:
        raise _unreadable(path, f"found version {snapshot.version}, expected {_VERSION}")
    return snapshot


def save(path: Path, snapshot: Snapshot) -> None:
    """Replace the file by this state; a crash leaves the old one or the new one, whole."""
    draft = path.with_name(path.name + ".new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(msgspec.json.encode(snapshot))
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def load_script(path: Path) -> Script:
    """Return the script of a file.

    Raises:
        SettingsError: When the file cannot be read or is no script.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=Script)
    except (OSError, msgspec.DecodeError) as error:
        raise unplayable(path, str(error)) from error


def unplayable(path: Path, why: str) -> SettingsError:
    """Return the error for a script that the box cannot play."""
    return SettingsError(
        f"The box cannot play the script {path.name}",
        why=why,
        unchanged="No exchange was started.",
        fix="Mend the file; docs/reference/box.md shows its form.",
    )


def _unreadable(path: Path, why: str) -> StateFileError:
    return StateFileError(
        f"The exchange's state file {path.name} cannot be read",
        why=why,
        unchanged="No exchange was started and the file was left as it is.",
        fix="Restore the file, or start with another --state-file.",
    )
