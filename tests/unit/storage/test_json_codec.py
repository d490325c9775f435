"""Strict JSON refuses what two readers could understand differently."""

from decimal import Decimal

import pytest

from bot.storage.files.json_codec import NotStrictJsonError, decode_strict, encode, line_of, plain


def test_numbers_with_a_point_become_decimals_with_their_exact_text() -> None:
    value = decode_strict(b'{"a": 1.10, "b": 0.00000001, "c": 7}')
    assert (str(value["a"]), value["b"], value["c"]) == ("1.10", Decimal("0.00000001"), 7)
    assert not any(isinstance(number, float) for number in value.values())


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b'{"a": 1, "a": 2}', "twice"),
        (b'{"x": {"a": 1, "a": 1}}', "twice"),
        (b'{"a": NaN}', "NaN"),
        (b'{"a": Infinity}', "Infinity"),
        (b'{"a": -Infinity}', "Infinity"),
        (b"\xef\xbb\xbf{}", "BOM"),
        (b'{"a": "\xff"}', "UTF-8"),
        (b'{"a": "\\ud800"}', "UTF-8"),
        (b'{"a": 1e999999999999999999999}', "number"),
        (b'{"a": 1e5000}', "exponent"),
        (b'{"a": 1', "line 1"),
        (b"", "line 1"),
        (b"{} {}", "Extra"),
        (b"[" * 100_000, "deep"),
        (b'{"a": ' + b"9" * 5000 + b"}", "digits"),
    ],
)
def test_ambiguous_json_is_refused(raw: bytes, why: str) -> None:
    with pytest.raises(NotStrictJsonError, match=why):
        decode_strict(raw)


def test_a_document_over_the_limit_is_refused_before_it_is_read() -> None:
    with pytest.raises(NotStrictJsonError, match="over the limit of 10"):
        decode_strict(b'{"a": "0123456789"}', limit_bytes=10)


def test_a_nan_is_never_written() -> None:
    with pytest.raises(NotStrictJsonError):
        encode({"a": Decimal("NaN")})


def test_a_negative_zero_reads_back_as_what_the_digest_was_taken_over() -> None:
    assert plain({"a": Decimal("-0")}) == {"a": 0}
    assert str(plain({"a": Decimal("-0")})["a"]) == "0"


def test_a_problem_is_found_on_its_line() -> None:
    raw = encode({"a": {"state": "x"}, "b": {"state": "y"}})
    assert line_of(raw, ("a", "state")) == 3
    assert line_of(raw, ("b", "state")) == 6
    assert line_of(raw, ("c", "state")) is None
