"""A verified copy of a home's truth in another folder, laid out as a home of its own.

Copied are the newest version of each document with its public file, both logs, every proposal with its
inputs, and the settings; never keys, never the commands database, which is redone from the state. Each
file is read back and compared, and `manifest.json` lists them with their SHA-256.
"""

import datetime as dt
import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from bot.kernel.errors import StateFileError, UsageError
from bot.storage.documents import ALL_KINDS
from bot.storage.files.atomic_file import discard, publish_replace
from bot.storage.files.file_ops import FileOps
from bot.storage.files.json_codec import NotStrictJsonError, decode_strict, encode, typed
from bot.storage.home import FILE_MODE, FOLDER_MODE, FROZEN_FILE_MODE, Home
from bot.storage.retention import ALWAYS_KEPT
from bot.storage.state_store import StateStore
from bot.storage.store_context import serials_among

MANIFEST = "manifest.json"
_SCHEMA = "bot-backup-1"


class CopiedFile(msgspec.Struct, frozen=True, kw_only=True):
    """One file of a copy, by its path within the folder."""

    sha256: str
    bytes: int


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a copy holds."""

    schema: str
    made_at: dt.datetime
    home: str
    lineage: str
    serials: Mapping[str, int]
    files: Mapping[str, CopiedFile]


def copy_home(
    store: StateStore, target: Path, *, now: dt.datetime, file_ops: FileOps | None = None
) -> Manifest:
    """Copy the truth of a home into a folder and read it back; an earlier copy there is brought up to date.

    Raises:
        UsageError: The folder holds something else, or lies within the home's own state.
        StateFileError: A file read back differs from what was written.
        StorageError: The state cannot be read, or a disk refused.
    """
    ops = file_ops or FileOps()
    target = target.resolve()
    _check_target(store.home, target)
    with store.transaction(what="backup") as work:  # one moment for all; the copying needs no lock
        metas = {kind.name: work.current(kind).meta for kind in ALL_KINDS}
        serials = {name: meta.serial for name, meta in metas.items()}
        first = dict(_documents(store.home, serials))
        logs = (log for log in (store.audit, store.refusals, store.orders) if log.path.exists())
        sizes = {log.path: log.read_tail().end for log in logs}
    copy = Home(target)
    for folder in (copy.root, *copy.folders()):
        ops.make_folders(folder, FOLDER_MODE)
    files: dict[str, CopiedFile] = {}
    for path, (data, mode) in _all_files(store.home, first, sizes):
        relative = path.relative_to(store.home.root)
        files[relative.as_posix()] = _put(ops, target / relative, data, mode)
    manifest = Manifest(
        schema=_SCHEMA,
        made_at=now,
        home=str(store.home.root),
        lineage=next(iter(metas.values())).lineage,
        serials=serials,
        files=dict(sorted(files.items())),
    )
    _thin(ops, copy)
    publish_replace(ops, target / MANIFEST, encode(msgspec.to_builtins(manifest)), FILE_MODE)
    return manifest


def read_manifest(folder: Path) -> Manifest | None:
    """Return what a copy says of itself, or None where there is none.

    Raises:
        StateFileError: It is there and cannot be read.
    """
    path = folder / MANIFEST
    try:
        return typed(decode_strict(path.read_bytes()), Manifest)
    except FileNotFoundError:
        return None
    except (OSError, NotStrictJsonError) as error:
        raise StateFileError(f"{path} cannot be read.", why=f"{error}.") from error


def verify_copy(folder: Path) -> list[str]:
    """Return one sentence per file of a copy that is not what its manifest says; empty is right.

    Raises:
        StateFileError: There is no manifest, or it cannot be read.
    """
    manifest = read_manifest(folder)
    if manifest is None:
        raise StateFileError(f"{folder} holds no copy of a home.", why=f"{MANIFEST} is not there.")
    wrong = []
    for name, expected in manifest.files.items():
        try:
            data = (folder / name).read_bytes()
        except OSError as error:
            wrong.append(f"{name}: {error.strerror or error}")
            continue
        if hashlib.sha256(data).hexdigest() != expected.sha256:
            wrong.append(f"{name}: its content is not what was copied")
    return wrong


def _check_target(home: Home, target: Path) -> None:
    for folder in (home.state, home.proposals, *(home.versions(kind.name) for kind in ALL_KINDS)):
        if target == home.root or target.is_relative_to(folder):
            raise UsageError(f"{target} is a part of the home itself.", fix="Name another folder.")
    if not target.is_dir():
        return
    manifest = read_manifest(target)
    if manifest is None and next(target.iterdir(), None) is not None:
        raise UsageError(f"{target} is not empty and holds no copy of a home.", fix="Name another folder.")
    if manifest is not None and manifest.home != str(home.root):
        raise UsageError(f"{target} holds a copy of {manifest.home}.", fix="Name another folder.")


def _documents(home: Home, serials: Mapping[str, int]) -> Iterator[tuple[Path, tuple[bytes, int]]]:
    for name, serial in serials.items():
        version = home.versions(name) / f"{serial:08d}.json"
        data = version.read_bytes()
        yield version, (data, FROZEN_FILE_MODE)
        yield home.public(name), (data, FILE_MODE)


def _all_files(
    home: Home, documents: Mapping[Path, tuple[bytes, int]], sizes: Mapping[Path, int]
) -> Iterator[tuple[Path, tuple[bytes, int]]]:
    yield from documents.items()
    for path, size in sizes.items():
        with path.open("rb") as file:  # the log only grows: its beginning is what it was
            yield path, (file.read(size), FILE_MODE)
    for folder in (home.proposals, home.proposal_inputs, home.attic):
        for path in sorted(folder.glob("*.json*")):
            yield path, (path.read_bytes(), FILE_MODE)
    if home.settings_file.exists():
        yield home.settings_file, (home.settings_file.read_bytes(), FILE_MODE)


def _thin(ops: FileOps, copy: Home) -> None:
    """Let a copy that is brought up again and again hold the newest versions only."""
    for kind in ALL_KINDS:
        folder = copy.versions(kind.name)
        for serial in serials_among(path.name for path in folder.iterdir())[:-ALWAYS_KEPT]:
            discard(ops, folder / f"{serial:08d}.json")


def _put(ops: FileOps, path: Path, data: bytes, mode: int) -> CopiedFile:
    digest = hashlib.sha256(data).hexdigest()
    if _digest_or_none(path) != digest:
        publish_replace(ops, path, data, mode)
        if _digest_or_none(path) != digest:
            raise StateFileError(
                f"{path} read back is not what was written.", why="The disk of the copy cannot be trusted."
            )
    return CopiedFile(sha256=digest, bytes=len(data))


def _digest_or_none(path: Path) -> str | None:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except FileNotFoundError:
        return None
