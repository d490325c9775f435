"""Files that are there whole or not at all.

Rules: 1 a temp file has a name of its own and is flushed before any other name points to it. 2 A
failed flush is never tried again on that file: nobody knows what it kept (`StateUnsureError`).
3 A name is durable once its folder was flushed. 4 Nothing is written in place but appends to logs.
"""

import contextlib
import errno
import os
import re
import secrets
from collections.abc import Sequence
from pathlib import Path

from bot.kernel.errors import StateUnsureError, StateWriteError, StorageError
from bot.storage.files.file_ops import FileOps
from bot.storage.process_info import start_token

_TEMP_NAME = re.compile(r"\..+\.\d+\.[0-9a-f]{8}\.tmp")
_AFTER_TEMPS = "/"
"""In the order of characters, names of temp files come before it and those of versions after it."""
_NEW_FILE_MODE = 0o600
_DISK_IS_FULL = {errno.ENOSPC, errno.EDQUOT}


def write_temp(ops: FileOps, target: Path, data: bytes, mode: int) -> Path:
    """Write a flushed temp file beside `target`; returns its path.

    Raises:
        StateWriteError: The disk took less than all of it; the temp file is gone.
        StateUnsureError: The flush failed.
    """
    temp = target.with_name(f".{target.name}.{os.getpid()}.{secrets.token_hex(4)}.tmp")
    try:
        descriptor = ops.open_new(temp, _NEW_FILE_MODE)
    except OSError as error:
        raise _not_written(target, error) from error
    try:
        write_all(ops, descriptor, data)
        ops.change_mode(descriptor, mode)
        flush(ops, descriptor, temp)
    except BaseException as error:
        with contextlib.suppress(OSError):  # the first failure decides what is told
            ops.close(descriptor)
        if isinstance(error, OSError):
            discard(ops, temp)
            raise _not_written(target, error) from error
        raise
    try:
        ops.close(descriptor)
    except OSError as error:
        discard(ops, temp)
        raise _not_written(target, error) from error
    return temp


def write_all(ops: FileOps, descriptor: int, data: bytes) -> None:
    """Write every byte, however many calls the system needs."""
    view = memoryview(data)
    while view:
        taken = ops.write(descriptor, view)
        if taken <= 0:
            raise OSError(errno.EIO, "the system took no byte and gave no error")
        view = view[taken:]


def flush(ops: FileOps, descriptor: int, path: Path) -> None:
    """Make the file's bytes durable, or say that nobody knows."""
    try:
        ops.fsync(descriptor)
    except OSError as error:
        raise unsure(path, error) from error


def flush_folder(ops: FileOps, folder: Path) -> None:
    """Make the folder's names durable, or say that nobody knows."""
    try:
        ops.fsync_folder(folder)
    except OSError as error:
        raise unsure(folder, error) from error


def publish_replace(ops: FileOps, path: Path, data: bytes, mode: int) -> None:
    """Put the bytes in the file's place, durably: readers see the old file or the new one.

    Raises:
        StateWriteError: Not done; the old file stands.
        StateUnsureError: A flush failed.
    """
    temp = write_temp(ops, path, data, mode)
    try:
        ops.rename(temp, path)
    except OSError as error:
        discard(ops, temp)
        raise _not_written(path, error) from error
    flush_folder(ops, path.parent)


def replace_quickly(ops: FileOps, path: Path, data: bytes, mode: int) -> None:
    """Put the bytes in the file's place at once but not durably (for heartbeats)."""
    temp = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}.tmp")
    try:
        descriptor = ops.open_new(temp, mode)
        try:
            write_all(ops, descriptor, data)
        finally:
            ops.close(descriptor)
        ops.rename(temp, path)
    except OSError as error:
        discard(ops, temp)
        raise _not_written(path, error) from error


def commit_link(ops: FileOps, temp: Path, target: Path) -> None:
    """Give the finished temp file its real name, only if nobody has that name: the commit point.

    Raises:
        FileExistsError: Somebody was first.
        StateWriteError: The disk refused; no name was made.
        StateUnsureError: Nobody knows whether the name was made.
    """
    try:
        ops.link(temp, target)
    except FileExistsError:
        raise
    except OSError as error:
        if error.errno in {errno.EIO, errno.EINTR, errno.ETIMEDOUT}:
            raise unsure(target, error) from error
        raise _not_written(target, error) from error


def create_once(ops: FileOps, path: Path, data: bytes, mode: int) -> None:
    """Create a file that never changes; the same bytes already there are fine.

    Raises:
        StorageError: Other bytes are there already.
        StateWriteError: The disk refused.
        StateUnsureError: A flush failed.
    """
    if _holds(path, data):
        flush_folder(ops, path.parent)  # seen is not durable: whoever made it may have died before
        return
    temp = write_temp(ops, path, data, mode)
    try:
        commit_link(ops, temp, path)
    except FileExistsError as error:
        if not _holds(path, data):
            raise StorageError(
                f"{path} exists with other content and is never overwritten.", why="Such files never change."
            ) from error
    finally:
        discard(ops, temp)
    flush_folder(ops, path.parent)


def append_durably(
    ops: FileOps, descriptor: int, path: Path, data: bytes, *, take_back_to: int | None = None
) -> None:
    """Append all bytes to an open log and flush; flushes even when there is nothing to append.

    Args:
        ops: The disk.
        descriptor: The open log.
        path: Its name, for messages.
        data: What to append.
        take_back_to: The log's end so far, where nothing else depends on the bytes: on a full disk they
            are cut off again.

    Raises:
        StateWriteError: The disk is full, and the log is as it was.
        StateUnsureError: Only a part was taken, or the flush failed.
    """
    try:
        write_all(ops, descriptor, data)
    except OSError as error:
        if take_back_to is not None and error.errno in _DISK_IS_FULL:
            truncate(ops, descriptor, path, take_back_to)
            raise _not_written(path, error) from error
        raise StateUnsureError(
            f"{path} took only a part of what was to be appended.",
            why=f"{error.strerror or error}.",
            unchanged="What was there before is as it was; the next start cuts the rest off.",
        ) from error
    flush(ops, descriptor, path)


def truncate(ops: FileOps, descriptor: int, path: Path, size: int) -> None:
    """Cut an open log's torn end off, or say that nobody knows; the next flush makes it durable."""
    try:
        ops.truncate(descriptor, size)
    except OSError as error:
        raise unsure(path, error) from error


def sweep_temps(ops: FileOps, leftovers: Sequence[Path]) -> int:
    """Remove temp files that dead writers left; returns how many. Only for whoever holds the lock."""
    for path in leftovers:
        discard(ops, path)
    return len(leftovers)


def sweep_dead_temps(ops: FileOps, folder: Path) -> int:
    """Remove temp files whose writer does not run any more; for folders that no lock guards."""
    leftovers = [path for path in temp_files(folder) if start_token(int(path.name.split(".")[-3])) is None]
    for path in leftovers:
        discard(ops, path)
    return len(leftovers)


def temp_files(folder: Path) -> tuple[Path, ...]:
    """Return the temp files of a folder."""
    return temps_among(folder, names_in(folder))


def names_in(folder: Path) -> list[str]:
    """Return the names in a folder, in no order; none where there is no folder."""
    try:
        return os.listdir(folder)  # noqa: PTH208 - a path for each of a thousand versions is slow
    except (FileNotFoundError, NotADirectoryError):
        return []


def temps_among(folder: Path, names: Sequence[str]) -> tuple[Path, ...]:
    """Return the temp files among the names of a folder."""
    if not names or min(names) >= _AFTER_TEMPS:
        return ()
    return tuple(
        folder / name for name in sorted(names) if name.startswith(".") and _TEMP_NAME.fullmatch(name)
    )


def discard(ops: FileOps, path: Path) -> None:
    """Remove a file if it is there; a leftover harms nobody and is swept later."""
    with contextlib.suppress(OSError):
        ops.unlink(path)


def unsure(path: Path, error: OSError) -> StateUnsureError:
    """Return the error for a write of which nobody knows whether it was kept."""
    return StateUnsureError(
        f"The disk did not confirm that {path} is kept.",
        why=f"{error.strerror or error}; trying again would prove nothing.",
        unchanged="This process does nothing further; the next start decides from what is on the disk.",
    )


def _holds(path: Path, data: bytes) -> bool:
    try:
        return path.read_bytes() == data
    except FileNotFoundError:
        return False


def _not_written(path: Path, error: OSError) -> StateWriteError:
    return StateWriteError(f"{path} could not be written.", why=f"{error.strerror or error}.")
