"""The canonical form of a document: what digests, checksums and hash chains are taken over.

JSON in UTF-8, keys sorted at every level, no white space, times as ISO-8601 with `Z`, decimals as
JSON numbers in fixed notation, so that `0.00000001` stays what people read. Anybody can recompute it with
an ordinary JSON library that keeps the text of numbers.
"""

import hashlib
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec

_CANONICAL = msgspec.json.Encoder(decimal_format="number", order="deterministic")
_ORDERED = msgspec.json.Encoder(decimal_format="number")


_EXPONENT = re.compile(rb"E(?<=[0-9]E)[-+]?[0-9]")
"""The `E` stands first, because only a pattern that begins with a letter is looked for quickly."""


def canonical_bytes(value: object) -> bytes:
    """Return the canonical bytes of plain data or of a msgspec Struct."""
    return _encoded(_CANONICAL, msgspec.to_builtins(value, builtin_types=(Decimal,)))


def canonical_bytes_of_plain(data: Any) -> bytes:
    """Return the canonical bytes of what is plain data already."""
    return _encoded(_CANONICAL, data)


def digest(value: object) -> str:
    """Return the SHA-256 of the canonical form, in lower-case hex."""
    return hashlib.sha256(canonical_bytes(value)).hexdigest()


def digest_of_plain(data: Any) -> str:
    """Return the digest of what is plain data already, which spares a walk through all of it."""
    return hashlib.sha256(_encoded(_CANONICAL, data)).hexdigest()


def digest_without(document: Mapping[str, Any], key: str) -> str:
    """Return the digest of a document without one of its top-level keys (the digest's own place)."""
    return digest({name: value for name, value in document.items() if name != key})


def ordered_bytes_of_plain(data: Any) -> bytes:
    """Return the bytes of plain data in its own key order, without white space."""
    return _encoded(_ORDERED, data)


def readable_bytes(value: object) -> bytes:
    """Return the document as people read it: given key order, two spaces, newline at the end."""
    return readable_bytes_of_plain(msgspec.to_builtins(value, builtin_types=(Decimal,)))


def readable_bytes_of_plain(data: Any) -> bytes:
    """Return plain data as people read it (see `readable_bytes`)."""
    return readable_bytes_of_ordered(_encoded(_ORDERED, data))


def readable_bytes_of_ordered(data: bytes) -> bytes:
    """Return bytes of `ordered_bytes_of_plain` as people read them."""
    return msgspec.json.format(data, indent=2) + b"\n"


def _encoded(encoder: msgspec.json.Encoder, plain: Any) -> bytes:
    data = encoder.encode(plain)
    # Hardly any number needs it, and looking for one costs far less than a walk through all of them.
    return encoder.encode(_fixed(plain)) if _EXPONENT.search(data) else data


def _fixed(value: Any) -> Any:
    """Replace decimals whose text would have an exponent by their text in fixed notation."""
    if isinstance(value, Decimal):
        return msgspec.Raw(format(value, "f").encode()) if "E" in str(value) else value
    if isinstance(value, dict):
        return {key: _fixed(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_fixed(item) for item in value]
    return value
