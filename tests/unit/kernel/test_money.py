"""Exact money: Decimal in, Decimal out; rounding has a direction."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.kernel.money import (
    NotMoneyError,
    ceil_to_step,
    clamp,
    floor_to_step,
    is_on_step,
    plain,
    text,
    to_decimal,
)

D = Decimal
NUMBERS = st.decimals("-1e12", "1e12", places=8)
STEPS = st.sampled_from([D("0.00000001"), D("0.001"), D("0.003"), D("0.25"), D(1), D(7), D("1E+2")])


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (5, "5"),
        ("145.320", "145.32"),
        (D("1E+2"), "100"),
        ("1e-8", "0.00000001"),
        ("-0", "0"),
        (D("0E-20"), "0"),
        ("  7 ", "7"),
        (123456789012345678901234567890, "123456789012345678901234567890"),
    ],
)
def test_a_number_has_one_exact_text(value: object, expected: str) -> None:
    assert text(to_decimal(value)) == expected


@pytest.mark.parametrize("value", [0.1, True, False, None, b"1", [], float("nan")])
def test_a_float_or_a_bool_is_no_money(value: object) -> None:
    with pytest.raises(NotMoneyError, match="not an exact decimal"):
        to_decimal(value)


@pytest.mark.parametrize("value", ["", "abc", "1,5", "0x1"])
def test_text_that_is_no_number_is_refused(value: str) -> None:
    with pytest.raises(NotMoneyError, match="not a decimal number"):
        to_decimal(value)


@pytest.mark.parametrize("value", ["NaN", "Infinity", D("-inf"), D("sNaN")])
def test_what_is_not_finite_is_refused(value: object) -> None:
    with pytest.raises(NotMoneyError, match="not finite"):
        to_decimal(value)


@pytest.mark.parametrize(
    ("number", "step", "floor", "ceiling"),
    [
        ("9.999", "0.01", "9.99", "10"),
        ("10", "0.01", "10", "10"),
        ("-0.5", "1", "-1", "0"),
        ("0.1", "0.3", "0", "0.3"),
        ("7.77", "0", "7.77", "7.77"),
        ("250", "1E+2", "200", "300"),
    ],
)
def test_rounding_onto_a_step_has_a_direction(number: str, step: str, floor: str, ceiling: str) -> None:
    assert text(floor_to_step(D(number), D(step))) == floor
    assert text(ceil_to_step(D(number), D(step))) == ceiling


@given(number=NUMBERS, step=STEPS)
def test_rounding_is_exact_and_less_than_a_step_away(number: Decimal, step: Decimal) -> None:
    floor, ceiling = floor_to_step(number, step), ceil_to_step(number, step)
    assert floor <= number <= ceiling
    assert number - floor < step
    assert ceiling - number < step
    for rounded in (floor, ceiling):
        assert is_on_step(rounded, step)
        assert (Fraction(rounded) / Fraction(step)).denominator == 1
    assert is_on_step(number, step) == (floor == number == ceiling)


@given(number=NUMBERS)
def test_the_plain_form_is_the_same_number_without_exponent_or_trailing_zeros(number: Decimal) -> None:
    form = text(plain(number))
    assert D(form) == number
    assert "E" not in form
    assert form != "-0"
    assert "." not in form or not form.endswith("0")


def test_a_negative_step_is_a_defect() -> None:
    with pytest.raises(NotMoneyError, match="negative"):
        floor_to_step(D(1), D(-1))


@pytest.mark.parametrize(("number", "expected"), [(0, 1), (1, 1), (3, 3), (5, 5), (6, 5)])
def test_a_clamped_number_stays_between_its_bounds(number: int, expected: int) -> None:
    assert clamp(D(number), D(1), D(5)) == expected
