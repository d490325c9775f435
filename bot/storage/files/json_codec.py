"""Strict JSON: what two readers could understand differently is refused.

Refused: duplicate keys, NaN and Infinity, a byte order mark, bytes that are no UTF-8, numbers whose
exponent is beyond sense, documents over the size limit. Every number with a point or an exponent
becomes a `Decimal`; a float never comes into being.
"""

import contextlib
import json
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any, NoReturn, TypeVar

import msgspec

from bot.kernel.canonical import canonical_bytes_of_plain, ordered_bytes_of_plain, readable_bytes

SIZE_LIMIT_BYTES = 64 * 1024 * 1024
"""Far above any honest document; keeps a runaway file from filling the memory."""

_EXPONENT_LIMIT = 100

R = TypeVar("R")
T = TypeVar("T")


class NotStrictJsonError(ValueError):
    """The bytes are no strict JSON; `line` says where, if known."""

    def __init__(self, why: str, line: int | None = None) -> None:
        """Keep the reason and the place."""
        super().__init__(why if line is None else f"line {line}: {why}")
        self.line = line


def decode_strict(data: bytes, *, limit_bytes: int = SIZE_LIMIT_BYTES) -> Any:
    """Return the plain data of strict JSON.

    Raises:
        NotStrictJsonError: With the reason and, where known, the line.
    """
    if len(data) > limit_bytes:
        raise NotStrictJsonError(f"{len(data)} bytes are over the limit of {limit_bytes}")
    with contextlib.suppress(msgspec.MsgspecError, ValueError, RecursionError):
        value = _QUICK.decode(data)
        # Only data without a double key, and with every text and number in its plain form, comes out as
        # it went in. All that we write ourselves does; anything else is looked at closely.
        if ordered_bytes_of_plain(value) == msgspec.json.format(data, indent=-1):
            return value
    return _decode_closely(data)


def decode_canonical(data: bytes) -> Any:
    """Return the plain data of JSON in canonical form, or None where it is in another form, or no JSON.

    Whatever comes out in canonical form as it went in has no double key and no odd text or number.
    """
    with contextlib.suppress(msgspec.MsgspecError, ValueError, RecursionError):
        value = _QUICK.decode(data)
        if len(data) <= SIZE_LIMIT_BYTES and canonical_bytes_of_plain(value) == data:
            return value
    return None


def decode_if_same(data: bytes, ordered: bytes) -> Any | None:
    """Return what JSON says if that, encoded anew, is exactly `ordered` (of `encode_ordered`); else None."""
    with contextlib.suppress(msgspec.MsgspecError, ValueError, RecursionError):
        value = _QUICK.decode(data)
        if len(data) <= SIZE_LIMIT_BYTES and ordered_bytes_of_plain(value) == ordered:
            return value
    return None


def own_decoder(type_: type[T]) -> msgspec.json.Decoder[T]:
    """Return a decoder of JSON that we wrote ourselves; it knows no double keys: compare what comes out."""
    return msgspec.json.Decoder(type_, float_hook=_decimal)


def decode_own(decoder: msgspec.json.Decoder[T], data: bytes) -> T | None:
    """Return what our own JSON says, or None where it cannot be read."""
    with contextlib.suppress(msgspec.MsgspecError, ValueError, RecursionError):
        return decoder.decode(data)
    return None


def _decode_closely(data: bytes) -> Any:
    """Decode with every rule looked after by itself, so that what is wrong can be told."""
    try:
        value = json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_unique,
            parse_float=_decimal,
            parse_constant=_refuse_constant,
        )
        if b"\\u" in data:
            readable_bytes(value)  # half of a surrogate pair is no text
    except json.JSONDecodeError as error:
        raise NotStrictJsonError(error.msg, error.lineno) from error
    except UnicodeError as error:
        raise NotStrictJsonError(f"not UTF-8 text: {error}") from error
    except RecursionError as error:
        raise NotStrictJsonError("nested too deeply") from error
    except NotStrictJsonError:
        raise
    except ValueError as error:
        raise NotStrictJsonError(str(error)) from error
    return value


def encode(value: object) -> bytes:
    """Return the document as people read it; the inverse of `decode_strict` for plain data.

    Raises:
        NotStrictJsonError: For what JSON cannot hold exactly, such as a NaN.
    """
    return _exact(readable_bytes, value)


def encode_ordered(data: object) -> bytes:
    """Return plain data in its own key order without white space; raises as `encode`."""
    return _exact(ordered_bytes_of_plain, data)


def plain(value: object) -> Any:
    """Return the value as the plain data that a reader of its JSON would get.

    A negative zero becomes 0, a time its ISO text, a Struct a dict: what digests are taken over.
    """
    return _exact(_as_read, value)


def builtins_of(value: object) -> Any:
    """Return the value as plain data, its Decimals as they are; raises as `encode`."""
    return _exact(_builtins, value)


def _builtins(value: object) -> Any:
    return msgspec.to_builtins(value, builtin_types=(Decimal,))


def _as_read(value: object) -> Any:
    return _QUICK.decode(ordered_bytes_of_plain(_builtins(value)))


def _exact(make: Callable[[object], R], value: object) -> R:
    try:
        return make(value)
    except (msgspec.MsgspecError, ValueError, TypeError, OverflowError, RecursionError) as error:
        raise NotStrictJsonError(f"the document has no exact JSON form: {error}") from error


def typed(data: object, type_: type[T]) -> T:
    """Return plain data as a Struct.

    Raises:
        NotStrictJsonError: When a field is missing, unknown where forbidden, or of another type.
    """
    try:
        return msgspec.convert(data, type_)
    except (msgspec.MsgspecError, ValueError, InvalidOperation) as error:
        raise NotStrictJsonError(str(error)) from error


def line_of(data: bytes, json_path: tuple[str | int, ...]) -> int | None:
    """Return the line on which a path's last key stands, as well as can be told; None if it cannot."""
    position = 0
    for key in json_path:
        if isinstance(key, int):
            continue
        found = data.find(json.dumps(key, ensure_ascii=False).encode() + b":", position)
        if found < 0:
            return None
        position = found
    return data.count(b"\n", 0, position) + 1 if position else None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise NotStrictJsonError(f"the key {key!r} stands twice in one object")
            seen.add(key)
    return value


def _decimal(text: str) -> Decimal:
    try:
        number = Decimal(text)
    except InvalidOperation as error:
        raise NotStrictJsonError(f"{text[:40]} is no usable number") from error
    if abs(number.adjusted()) > _EXPONENT_LIMIT:
        raise NotStrictJsonError(f"the exponent of {text[:40]} is beyond sense")
    return number


def _refuse_constant(text: str) -> NoReturn:
    raise NotStrictJsonError(f"{text} is no number")


_QUICK = msgspec.json.Decoder(float_hook=_decimal)
"""Knows no double keys; for bytes of our own making, or where the outcome is compared."""
