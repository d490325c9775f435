"""The canonical form of a document: what digests, checksums and hash chains are taken over.

JSON in UTF-8, keys sorted at every level, no white space, times as ISO-8601 with `Z`, decimals as
JSON numbers with their exact text. Anybody can recompute it with an ordinary JSON library that
keeps the text of numbers.
"""

import hashlib
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec

_CANONICAL = msgspec.json.Encoder(decimal_format="number", order="deterministic")
_ORDERED = msgspec.json.Encoder(decimal_format="number")


def canonical_bytes(value: object) -> bytes:
    """Return the canonical bytes of plain data or of a msgspec Struct."""
    return _CANONICAL.encode(msgspec.to_builtins(value, builtin_types=(Decimal,)))


def digest(value: object) -> str:
    """Return the SHA-256 of the canonical form, in lower-case hex."""
    return hashlib.sha256(canonical_bytes(value)).hexdigest()


def digest_without(document: Mapping[str, Any], key: str) -> str:
    """Return the digest of a document without one of its top-level keys (the digest's own place)."""
    return digest({name: value for name, value in document.items() if name != key})


def readable_bytes(value: object) -> bytes:
    """Return the document as people read it: given key order, two spaces, newline at the end."""
    return msgspec.json.format(_ORDERED.encode(value), indent=2) + b"\n"
