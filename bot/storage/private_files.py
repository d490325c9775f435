"""Small private files beside the state: connection to the box, settings, the paper account.

Each is replaced as a whole (mode 0600) and read strictly; none of them is the truth about a coin.
"""

import hashlib
import shutil
import tomllib
from pathlib import Path
from typing import Any, TextIO

from bot.kernel.errors import SettingsError, StateFileError
from bot.storage.files.atomic_file import create_once, publish_replace
from bot.storage.files.file_ops import FileOps
from bot.storage.files.json_codec import NotStrictJsonError, decode_strict, encode

_MODE, _FOLDER_MODE = 0o600, 0o700
Stamp = tuple[int, int, int]
"""Inode, time of the last change in nanoseconds, bytes."""


def read_json(path: Path) -> Any | None:
    """Return the file's data, or None if there is none.

    Raises:
        StateFileError: The file is there and cannot be trusted.
    """
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StateFileError(f"{path} cannot be read.", why=f"{error.strerror or error}.") from error
    try:
        return decode_strict(raw)
    except NotStrictJsonError as error:
        raise StateFileError(f"{path} is no strict JSON.", why=f"{error}.") from error


def write_json(path: Path, data: object) -> None:
    """Replace the file as a whole, durably.

    Raises:
        StateWriteError: The old file stands.
    """
    publish_replace(FileOps(), path, encode(data), _MODE)


def stamp_of(path: Path) -> Stamp | None:
    """Return what tells one version of a file from another without reading it; None if there is none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size


def is_empty(folder: Path) -> bool:
    """Say whether nothing lies in the folder."""
    return next(folder.iterdir(), None) is None


def remove_tree(folder: Path) -> None:
    """Remove a folder with all that is in it; only ever a home that was made to be thrown away."""
    shutil.rmtree(folder)


def make_folder(path: Path) -> None:
    """Make a private folder with its parents; one that exists stays as it is."""
    path.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)


def open_log(path: Path) -> TextIO:
    """Open a log file of a child process, private and empty."""
    path.touch(mode=_MODE)
    return path.open("w", encoding="utf-8")


def read_toml(path: Path) -> dict[str, Any]:
    """Return the settings file's tables; empty if there is none.

    Raises:
        SettingsError: The file is no TOML; the message names the line.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{path} cannot be read.", why=f"{error}.") from error


def create_text(path: Path, text: str) -> None:
    """Create the file once; the same text again is fine, another one is refused.

    Raises:
        StorageError: It exists with other content, or the disk refused.
    """
    create_once(FileOps(), path, text.encode(), _MODE)


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file's bytes.

    Raises:
        StateFileError: It cannot be read.
    """
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise StateFileError(f"{path} cannot be read.", why=f"{error.strerror or error}.") from error
