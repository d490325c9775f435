"""What differs between two documents, place by place: for people before they decide."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from bot.kernel.errors import StateFileError
from bot.storage.documents import DocumentKind
from bot.storage.files.json_codec import NotStrictJsonError, decode_strict

PLACES_MAX = 20
"""So many places of a hand edit are named; the file itself is kept."""

_ENVELOPE = {"$schema", "_meta"}
_PLACES_IN_WORDS = 3
_PATH_CHARACTERS_MAX = 120


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """One place at which two documents say different things; None stands for nothing there."""

    path: str
    before: Any
    after: Any


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[Difference, ...]:
    """Return every place that differs, in the order of the keys; lists are compared as wholes."""
    return tuple(_walk("", before, after))


def content_of_file(kind: DocumentKind[Any], path: Path) -> dict[str, Any]:
    """Return what a file says of its content, without trusting it: an edited file may be compared too.

    Raises:
        StateFileError: It is not there, or no strict JSON.
    """
    try:
        document = decode_strict(path.read_bytes())
    except OSError as error:
        raise StateFileError(f"{path} cannot be read.", why=f"{error.strerror or error}.") from error
    except NotStrictJsonError as error:
        raise StateFileError(f"{path} cannot be compared.", why=f"It is no strict JSON: {error}.") from error
    if not isinstance(document, dict):
        raise StateFileError(f"{path} cannot be compared.", why="It is no JSON object.")
    fields = {name: value for name, value in document.items() if name not in _ENVELOPE}
    meta = document.get("_meta")
    if isinstance(meta, dict):
        fields |= {name: meta[name] for name in kind.meta_fields if name in meta}
    return fields


def changed_places(kind: DocumentKind[Any], truth: Path, *, edited: Path) -> tuple[tuple[str, ...], str]:
    """Return the first places at which an edited file says something else, and a sentence's end for people.

    It never fails: a file that nobody can read differs everywhere, and the words say why.
    """
    try:
        found = differences(content_of_file(kind, truth), content_of_file(kind, edited))
    except StateFileError as error:
        return (), error.why.removesuffix(".")
    if not found:
        return (), "only its form or its envelope was changed, nothing that it says"
    places = tuple(_short(difference.path) for difference in found[:PLACES_MAX])
    told = ", ".join(places[:_PLACES_IN_WORDS])
    more = len(found) - _PLACES_IN_WORDS
    return places, f"changed at {told}" + (f" and {more} more" if more > 0 else "")


def _short(path: str) -> str:
    return path if len(path) <= _PATH_CHARACTERS_MAX else f"{path[:_PATH_CHARACTERS_MAX]}…"


def _walk(path: str, before: Any, after: Any) -> Iterator[Difference]:
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in sorted({*before, *after}):
            place = f"{path}.{key}" if path else str(key)
            yield from _walk(place, before.get(key), after.get(key))
    elif before != after:
        yield Difference(path=path, before=before, after=after)
