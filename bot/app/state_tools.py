"""Looking at the state's versions and files: what `bot state` shows before anybody decides."""

from pathlib import Path

import msgspec

from bot.app.core import HomeContext
from bot.kernel.errors import UsageError
from bot.storage.difference import Difference, content_of_file, differences
from bot.storage.documents import ALL_KINDS, MANAGED_STATE, DocumentKind, content_fields
from bot.storage.files.json_codec import plain
from bot.storage.home_copy import Manifest, copy_home

PUBLIC, NEWEST = "public", "newest"


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """Two sides of one document and what differs."""

    document: str
    before: str
    after: str
    differences: tuple[Difference, ...]


def kind_named(name: str) -> DocumentKind[object]:
    """Return the document of that name.

    Raises:
        UsageError: There is none.
    """
    for kind in ALL_KINDS:
        if kind.name == name.removesuffix(".json"):
            return kind
    raise UsageError(f"There is no document {name}.", why=f"Known: {', '.join(k.name for k in ALL_KINDS)}.")


def compare(
    context: HomeContext, kind: DocumentKind[object], before: str | None, after: str | None
) -> Comparison:
    """Compare two sides: each is a serial, `public` or `newest`.

    Without any side it is the newest version with the public file: what a hand changed. With one, that
    side with the newest version.

    Raises:
        UsageError: A side cannot be understood, or is not kept.
        StateFileError: A file cannot be read.
    """
    first = before or NEWEST
    second = after or (NEWEST if before is not None else PUBLIC)
    return Comparison(
        document=kind.name,
        before=first,
        after=second,
        differences=differences(_side(context, kind, first), _side(context, kind, second)),
    )


def restore_preview(context: HomeContext, serial: int) -> Comparison:
    """Return what a restore of this version would change in the managed state.

    Raises:
        RefusedError: There is no such version, or it cannot be trusted.
    """
    live = plain(content_fields(context.store.read(MANAGED_STATE).content))
    wanted = plain(content_fields(context.store.kept(MANAGED_STATE, serial).content))
    return Comparison(
        document=MANAGED_STATE.name,
        before=NEWEST,
        after=str(serial),
        differences=differences(live, wanted),
    )


def adopt_preview(context: HomeContext, file_digest: str) -> Comparison:
    """Return what the hand changed in a file that was set aside.

    Raises:
        RefusedError: No such file was set aside, or it cannot be read.
    """
    edited = context.store.edited(MANAGED_STATE, file_digest)
    base = context.store.kept(MANAGED_STATE, edited.meta.serial)
    return Comparison(
        document=MANAGED_STATE.name,
        before=str(edited.meta.serial),
        after=file_digest[:8],
        differences=differences(
            plain(content_fields(base.content)),
            plain(content_fields(edited.content)),
        ),
    )


def back_up(context: HomeContext, folder: Path | None) -> tuple[Path, Manifest]:
    """Copy the home's truth into a folder, by default a new one below `backups/copies`.

    Raises:
        UsageError: The folder holds something else.
        StorageError: A disk refused, or a file read back differs.
    """
    now = context.clock.now()
    target = folder or context.home.backups / "copies" / f"{now:%Y%m%dT%H%M%S.%f}Z"
    return target.resolve(), copy_home(context.store, target, now=now)


def _side(context: HomeContext, kind: DocumentKind[object], word: str) -> dict[str, object]:
    if word == PUBLIC:
        return content_of_file(kind, context.home.public(kind.name))
    kept = context.store.serials(kind)
    if word == NEWEST and kept:
        serial = kept[-1]
    elif word.isdecimal() and int(word) in kept:
        serial = int(word)
    else:
        told = f"{kept[0]} to {kept[-1]}" if kept else "none"
        raise UsageError(
            f"There is no version {word} of {kind.name}.",
            code="no_such_version",
            why=f"Kept are {len(kept)} versions, {told}. A side is a serial, public or newest.",
        )
    return content_of_file(kind, context.home.versions(kind.name) / f"{serial:08d}.json")
