"""Exact money: Decimal in, Decimal out; a float never passes.

Rounding has a direction that is safe for the owner, so every helper names it.
"""

from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal, InvalidOperation

ZERO = Decimal(0)
ONE = Decimal(1)
HUNDRED = Decimal(100)

_EXACT = Context(prec=60)


class NotMoneyError(ValueError):
    """The value is not an exact, finite decimal number."""


def to_decimal(value: object) -> Decimal:
    """Return `value` as an exact Decimal in fixed notation.

    Args:
        value: An int, a Decimal or decimal text such as `"145.32"`.

    Raises:
        NotMoneyError: For a float, a bool, NaN, infinity or text that is no number.
    """
    if isinstance(value, bool | float) or not isinstance(value, int | str | Decimal):
        raise NotMoneyError(f"{value!r} ({type(value).__name__}) is not an exact decimal number")
    try:
        number = Decimal(value)
    except InvalidOperation as error:
        raise NotMoneyError(f"{value!r} is not a decimal number") from error
    if not number.is_finite():
        raise NotMoneyError(f"{value!r} is not finite")
    return plain(number)


def plain(number: Decimal) -> Decimal:
    """Return the same number without exponent and without trailing zeros: `1E+2` becomes `100`.

    Documents and exchanges read the text, so one number has one text.
    """
    if number == ZERO:
        return ZERO
    normal = number.normalize(_EXACT)
    _, _, exponent = normal.as_tuple()
    if isinstance(exponent, int) and exponent > 0:
        return normal.quantize(ONE, context=_EXACT)
    return normal


def text(number: Decimal) -> str:
    """Return the fixed-notation text of a number: never an exponent, `0.00000001` stays as it is."""
    return format(plain(number), "f")


def floor_to_step(number: Decimal, step: Decimal) -> Decimal:
    """Round towards minus infinity onto a multiple of `step` (a step of zero means: no grid)."""
    return _to_grid(number, step, ROUND_FLOOR)


def ceil_to_step(number: Decimal, step: Decimal) -> Decimal:
    """Round towards plus infinity onto a multiple of `step` (a step of zero means: no grid)."""
    return _to_grid(number, step, ROUND_CEILING)


def is_on_step(number: Decimal, step: Decimal) -> bool:
    """Say whether the number is a multiple of `step` (a step of zero means: no grid)."""
    return step == ZERO or _EXACT.remainder(number, step) == ZERO


def clamp(number: Decimal, low: Decimal, high: Decimal) -> Decimal:
    """Return the number, or the bound that it lies beyond."""
    return max(low, min(high, number))


def _to_grid(number: Decimal, step: Decimal, rounding: str) -> Decimal:
    if step == ZERO:
        return plain(number)
    if step < ZERO:
        raise NotMoneyError(f"a step must not be negative, got {step}")
    units = _EXACT.divide(number, step).to_integral_value(rounding=rounding)
    return plain(_EXACT.multiply(units, step))
