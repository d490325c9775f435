"""Facts about where a home lies and what copies of it there are, for `bot doctor`."""

import datetime as dt
import shutil
from pathlib import Path

from bot.kernel.errors import StateFileError
from bot.storage.home import Home
from bot.storage.home_copy import Manifest, read_manifest


def free_bytes(folder: Path) -> int:
    """Return how much an ordinary user may still write there."""
    return shutil.disk_usage(folder).free


def newest_copy(home: Home, mirror: Path | None) -> tuple[Path, Manifest] | None:
    """Return the newest copy of this home among `backups/copies` and the mirror, or None.

    Raises:
        StateFileError: A copy's manifest is damaged.
    """
    copies = home.backups / "copies"
    folders = sorted(copies.iterdir()) if copies.is_dir() else []
    if mirror is not None and mirror.is_dir():
        folders += sorted(path for path in mirror.iterdir() if path.is_dir())
    found = [(folder, manifest) for folder in folders if (manifest := _manifest_of(home, folder)) is not None]
    return max(found, key=lambda item: item[1].made_at, default=None)


def age_of(moment: dt.datetime, now: dt.datetime) -> str:
    """Return how long ago something was, in the words people use."""
    seconds = max(0, int((now - moment).total_seconds()))
    for size, word in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {word}"
    return f"{seconds} s"


def _manifest_of(home: Home, folder: Path) -> Manifest | None:
    try:
        manifest = read_manifest(folder)
    except StateFileError:
        return None  # no copy that anybody could use
    return manifest if manifest is not None and manifest.home == str(home.root) else None
