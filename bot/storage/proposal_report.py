"""Where a proposal's report for people lies; made again at any time, so it is replaced and never truth."""

from pathlib import Path

from bot.kernel.errors import StateWriteError, UsageError
from bot.kernel.ids import is_id
from bot.storage.files.atomic_file import publish_replace
from bot.storage.files.file_ops import FileOps
from bot.storage.home import FILE_MODE, FOLDER_MODE, Home


def report_path(home: Home, proposal_id: str) -> Path:
    """Return a report's place in the home.

    Raises:
        UsageError: The text cannot be an id, so it never touches a path.
    """
    if not is_id(proposal_id):
        raise UsageError(f"{proposal_id!r} is no proposal id.", fix="bot proposals ls")
    return home.proposals / "reports" / f"{proposal_id}.html"


def write_report_file(path: Path, page: str, *, file_ops: FileOps | None = None) -> None:
    """Put the page in its place as a whole; its folder is made where it is not there.

    Raises:
        StateWriteError: Not done; a report that was there before still is.
        StateUnsureError: A flush failed.
    """
    try:
        path.parent.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    except OSError as error:
        raise StateWriteError(
            f"{path.parent} could not be made.", why=f"{error.strerror or error}."
        ) from error
    publish_replace(file_ops or FileOps(), path, page.encode(), FILE_MODE)
