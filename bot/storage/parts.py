"""Versions that follow on our own last one: what did not change is not made, and not interpreted, anew.

A document is mostly the same parts as before: the commands that it remembers, the assets in hand. Rules:
1 a text stands for a value only after these very bytes were read strictly, and while the value is the very
object that came of it. 2 A version's bytes are always read back, whole; only parts whose bytes equal
known ones are not interpreted again. 3 What comes out in any other way than it was meant is left to the
way without shortcuts (`written`, `read_back`), which says what is wrong. Nothing here decides anything.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, NamedTuple

import msgspec

from bot.kernel.canonical import canonical_bytes_of_plain, readable_bytes_of_ordered
from bot.storage.documents import (
    AppliedEntry,
    DocumentKind,
    DocumentMeta,
    Snapshot,
    T,
    content_fields,
    schema_link,
    snapshot_of,
)
from bot.storage.files.json_codec import (
    SIZE_LIMIT_BYTES,
    NotStrictJsonError,
    builtins_of,
    decode_own,
    encode_ordered,
    own_decoder,
    plain,
    typed,
)
from bot.storage.schema_check import SchemaCheck

_PLAIN = own_decoder(dict[str, Any])
_CHANGED_FEW = 4
_CHANGED_SHARE = 8
"""Where more than an eighth changed, making the whole anew is quicker than making its parts."""
_STAND_IN = {"": None}
"""Keeps the place of parts among the fields while those are brought into plain form."""


class Part(NamedTuple):
    """One part: its value as a reader gets it, and its texts."""

    value: Any
    ordered: msgspec.Raw
    canonical: msgspec.Raw
    readable: msgspec.Raw
    """As it stands in the file; empty until it was read there."""


_UNREAD = msgspec.Raw(b"")
_Known = dict[str, Part]


@dataclass(frozen=True, slots=True)
class _Form(Generic[T]):
    """How a document's bytes are taken apart: down to its parts, which stay texts."""

    content_parts: Mapping[str, Any]
    outer: msgspec.json.Decoder[Any]


class VersionParts(Generic[T]):
    """Builds the versions of one document that follow on this process's own last one."""

    def __init__(self, kind: DocumentKind[T]) -> None:
        self._kind = kind
        self._form = _form_of(kind)
        self._last: Snapshot[T] | None = None
        self._applied: _Known = {}
        self._content: dict[str, _Known] = {field: {} for field in kind.parts}

    def follow_on(self, before: Snapshot[T] | None, content: T, applied: Mapping[str, AppliedEntry]) -> bool:
        """Say whether the parts help: this process built `before`, and most of it stays as it is."""
        if before is None or before is not self._last or self._kind.meta_fields:
            return False
        pairs = [(before.meta.applied, applied)]
        pairs += [(getattr(before.content, field), getattr(content, field)) for field in self._kind.parts]
        total = sum(len(after) for _, after in pairs)
        changed = sum(was.get(key) is not value for was, after in pairs for key, value in after.items())
        return changed <= max(_CHANGED_FEW, total // _CHANGED_SHARE)

    def remember(self, built: Snapshot[T]) -> None:
        """Note the version that was built last, whichever way."""
        self._last = built

    def build(
        self, content: T, meta_for: Callable[[str], DocumentMeta], *, path: Path, schemas: SchemaCheck
    ) -> tuple[bytes, Snapshot[T]] | None:
        """Return the next version's bytes with what a reader gets; None where only the long way can tell.

        Args:
            content: What is meant.
            meta_for: Gives the envelope for the digest of the content.
            path: The version's file, for messages.
            schemas: The schemas.

        Raises:
            StateFileError: A reader would not accept it.
            NotStrictJsonError: As `content_fields`.
        """
        parts = {field: _made(self._content[field], getattr(content, field)) for field in self._kind.parts}
        meant = self._canonical(content, parts)
        meta = meta_for(hashlib.sha256(meant).hexdigest())
        applied = _made(self._applied, meta.applied)
        meta_fields = plain(msgspec.structs.replace(meta, applied={}, checksum=""))
        fields = self._fields(content)
        link = schema_link(self._kind)
        meta_fields["applied"] = {uid: part.canonical for uid, part in applied.items()}
        whole = {"$schema": link, "_meta": meta_fields, **_with(fields, parts, _canonical_of)}
        checksum = hashlib.sha256(canonical_bytes_of_plain(whole)).hexdigest()
        meta_fields |= {"applied": {u: part.ordered for u, part in applied.items()}, "checksum": checksum}
        ordered = encode_ordered({**whole, **_with(fields, parts, _ordered_of)})
        raw = readable_bytes_of_ordered(ordered)
        snapshot = self._read_back(raw, ordered, meta=meta, path=path, schemas=schemas)
        if snapshot is None or self._canonical(snapshot.content, self._content) != meant:
            return None
        return raw, snapshot

    def _canonical(self, content: T, parts: Mapping[str, _Known]) -> bytes:
        return canonical_bytes_of_plain(_with(self._fields(content), parts, _canonical_of))

    def _fields(self, content: T) -> dict[str, Any]:
        """Return the plain fields of the content without what its parts say."""
        stand_ins = {field: _STAND_IN for field in self._kind.parts if getattr(content, field)}
        return content_fields(msgspec.structs.replace(content, **stand_ins))  # type: ignore[type-var]  # every content is a Struct

    def _read_back(
        self, raw: bytes, ordered: bytes, *, meta: DocumentMeta, path: Path, schemas: SchemaCheck
    ) -> Snapshot[T] | None:
        """Read the bytes; None unless they say exactly, to the last digit, what they were made of."""
        outer = decode_own(self._form.outer, raw) if len(raw) <= SIZE_LIMIT_BYTES else None
        if outer is None:
            return None
        applied, new_applied = _read(self._applied, outer.meta.applied, AppliedEntry)
        content, new_content = {}, {}
        for field, type_ in self._form.content_parts.items():
            texts = getattr(outer, field)
            found = ({}, {}) if texts is msgspec.UNSET else _read(self._content[field], texts, type_)
            content[field], new_content[field] = found
        new = builtins_of(_taken_apart(outer, new_applied, new_content))
        again = {**new, "_meta": {**new["_meta"], "applied": _texts(applied)}}
        again |= {field: _texts(known) for field, known in content.items() if field in new}
        if encode_ordered(again) != ordered:
            return None
        schemas.check(self._kind.name, new, path=path, raw=raw)
        snapshot = snapshot_of(self._kind, new, path=path, environment=meta.environment)
        self._applied, self._content = applied, content
        return Snapshot(
            content=msgspec.structs.replace(snapshot.content, **{f: _values(content[f]) for f in content}),  # type: ignore[type-var]  # as above
            meta=msgspec.structs.replace(snapshot.meta, applied=_values(applied)),
        )


def _form_of(kind: DocumentKind[T]) -> _Form[T]:
    text_by_key = dict[str, msgspec.Raw]
    names = [field.encode_name for field in msgspec.structs.fields(DocumentMeta)]
    in_file = [*(name for name in names if name != "checksum"), "checksum"]
    meta = msgspec.defstruct(
        "Meta",
        [(name, text_by_key) if name == "applied" else (name, Any, msgspec.UNSET) for name in in_file],
        kw_only=True,
        forbid_unknown_fields=True,
    )
    content = [
        (name, text_by_key if name in kind.parts else Any, msgspec.UNSET)
        for name in (field.encode_name for field in msgspec.structs.fields(kind.content_type))  # type: ignore[arg-type]  # as above
    ]
    outer = msgspec.defstruct(
        "Outer",
        [("link", Any), ("meta", meta), *content],
        kw_only=True,
        forbid_unknown_fields=True,
        rename={"link": "$schema", "meta": "_meta"},
    )
    return _Form(content_parts=kind.parts, outer=own_decoder(outer))


def _made(known: _Known, values: Mapping[str, Any]) -> _Known:
    """Return the parts of these values; the text of the very object that was read last is known."""
    made: _Known = {}
    for key, value in values.items():
        part = known.get(key)
        made[key] = part if part is not None and part.value is value else _new(value)
    return made


def _new(value: object) -> Part:
    data = builtins_of(value)
    ordered, canonical = encode_ordered(data), canonical_bytes_of_plain(data)
    return Part(value, msgspec.Raw(ordered), msgspec.Raw(canonical), _UNREAD)


def _read(known: _Known, texts: Mapping[str, msgspec.Raw], type_: type[Any]) -> tuple[_Known, dict[str, Any]]:
    """Return the parts that stand there, and the plain data of those whose bytes are new."""
    read: _Known = {}
    new: dict[str, Any] = {}
    for key, text in texts.items():
        part = known.get(key)
        if part is not None and part.readable == text:
            read[key] = part
            continue
        readable = bytes(text)
        data = decode_own(_PLAIN, readable)
        if data is None:
            raise NotStrictJsonError(f"{key} cannot be read")
        value = typed(data, type_)
        canonical = canonical_bytes_of_plain(builtins_of(value))
        ordered = encode_ordered(data)
        read[key] = Part(value, msgspec.Raw(ordered), msgspec.Raw(canonical), msgspec.Raw(readable))
        new[key] = data
    return read, new


def _taken_apart(outer: Any, applied: Mapping[str, Any], content: Mapping[str, Mapping[str, Any]]) -> Any:
    """Return a document as it was taken apart, with these in the places of its parts."""
    there = {field: parts for field, parts in content.items() if getattr(outer, field) is not msgspec.UNSET}
    return msgspec.structs.replace(outer, meta=msgspec.structs.replace(outer.meta, applied=applied), **there)


def _with(
    fields: Mapping[str, Any], parts: Mapping[str, _Known], text: Callable[[Part], msgspec.Raw]
) -> dict[str, Any]:
    """Return the fields with the texts of their parts."""
    texts = {
        field: {key: text(part) for key, part in known.items()} for field, known in parts.items() if known
    }
    return {**fields, **texts}


def _canonical_of(part: Part) -> msgspec.Raw:
    return part.canonical


def _ordered_of(part: Part) -> msgspec.Raw:
    return part.ordered


def _texts(known: _Known) -> dict[str, msgspec.Raw]:
    return {key: part.ordered for key, part in known.items()}


def _values(known: _Known) -> dict[str, Any]:
    return {key: part.value for key, part in known.items()}
