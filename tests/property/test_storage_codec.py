"""What is written is what is read, digests included."""

import contextlib
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from bot.kernel.canonical import canonical_bytes, digest
from bot.storage.audit_chain import CHAIN_START, chained, line_for, point_of, read_line
from bot.storage.files.json_codec import NotStrictJsonError, decode_strict, encode, plain

DECIMALS = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**12), max_value=10**12, places=8)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
SCALARS = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | DECIMALS | TEXTS
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=15,
)
DOCUMENTS = st.dictionaries(TEXTS, VALUES, max_size=5)


@given(DOCUMENTS)
def test_a_document_reads_back_as_it_was_written(document: dict[str, Any]) -> None:
    again = decode_strict(encode(document))
    assert again == document
    assert decode_strict(encode(again)) == again
    assert digest(decode_strict(encode(again))) == digest(again)


@given(DOCUMENTS)
def test_canonical_and_readable_bytes_tell_the_same(document: dict[str, Any]) -> None:
    assert decode_strict(canonical_bytes(document)) == decode_strict(encode(document))


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**30), max_value=10**30))
def test_the_text_of_a_number_survives(number: Decimal) -> None:
    if abs(number.adjusted()) > 100:
        return
    first = plain({"a": number})
    assert first["a"] == number
    assert str(plain(first)["a"]) == str(first["a"])


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused_by_name(raw: bytes) -> None:
    with contextlib.suppress(NotStrictJsonError):
        assert decode_strict(encode(decode_strict(raw))) == decode_strict(raw)


@given(st.lists(DOCUMENTS, min_size=1, max_size=5), st.data())
def test_a_chain_reads_back_and_any_flipped_bit_breaks_its_line(
    documents: list[dict[str, Any]], data: st.DataObject
) -> None:
    point = CHAIN_START
    for document in documents:
        record = chained({"data": document}, point)
        line = line_for(record)
        assert read_line(line) == record
        assert record["prev"] == point.hash
        point = point_of(record)
    position = data.draw(st.integers(0, len(line) - 2))
    flipped = bytearray(line)
    flipped[position] ^= 1 << data.draw(st.integers(0, 7))
    try:
        read_line(bytes(flipped))
    except NotStrictJsonError:
        return
    raise AssertionError("a flipped bit was not noticed")
