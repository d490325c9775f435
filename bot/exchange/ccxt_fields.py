"""Reads single fields of an exchange's raw answer: the right kind and a possible value, or an error."""

import datetime as dt
import functools
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from itertools import pairwise
from typing import Any, ParamSpec, TypeVar

from bot.kernel.clock import from_millis
from bot.kernel.errors import ExchangeAnswerError
from bot.kernel.money import ZERO, NotMoneyError, to_decimal

P = ParamSpec("P")
T = TypeVar("T")

Row = Mapping[str, Any]
"""One JSON object of an answer."""

_SHOWN = 120
_MAX_DIGITS = 20
_MAX_MILLIS = 32_503_680_000_000
"""The year 3000; a later time is a defect of the answer."""


def bad_answer(what: str, why: str) -> ExchangeAnswerError:
    """Build the error for an answer that cannot be right."""
    return ExchangeAnswerError(f"The exchange's answer ({what}) cannot be right.", why=why)


def never_surprising(read: Callable[P, T]) -> Callable[P, T]:
    """Let a reader of answers end in a value or in `ExchangeAnswerError`, whatever it runs into.

    An answer comes after the fact: an order was sent by then, and an error of another kind would leave
    the caller without the outcome.
    """

    @functools.wraps(read)
    def reader(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return read(*args, **kwargs)
        except ExchangeAnswerError:
            raise
        except Exception as error:
            what = read.__name__.replace("_", " ")
            raise bad_answer(what, f"reading it failed: {_show(error)}") from error

    return reader


def row_of(value: object, what: str) -> Row:
    """Return a JSON object, or raise."""
    if not isinstance(value, dict):
        raise bad_answer(what, f"expected an object, found {_show(value)}")
    return value


def list_of(row: Row, name: str) -> list[Any]:
    """Return the list in a field, or raise."""
    value = row.get(name)
    if not isinstance(value, list):
        raise bad_answer(name, f"expected a list, found {_show(value)}")
    return value


def text_of(row: Row, name: str) -> str:
    """Return the non-empty text in a field, or raise."""
    value = row.get(name)
    if not isinstance(value, str) or not value:
        raise bad_answer(name, f"expected text, found {_show(value)}")
    return value


def whole(row: Row, name: str) -> int:
    """Return the whole number from zero up in a field, or raise."""
    value = row.get(name)
    if isinstance(value, str) and len(value) < _MAX_DIGITS and value.isascii() and value.isdigit():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise bad_answer(name, f"expected a whole number, found {_show(value)}")
    return value


def moment(row: Row, name: str) -> dt.datetime:
    """Return the time in a field of Unix milliseconds, or raise."""
    milliseconds = whole(row, name)
    if not 0 < milliseconds < _MAX_MILLIS:
        raise bad_answer(name, f"{milliseconds} ms is no plausible time")
    return from_millis(milliseconds)


def at_least_zero(row: Row, name: str) -> Decimal:
    """Return the exact number from zero up in a field, or raise."""
    number = _number(row, name)
    if number < ZERO:
        raise bad_answer(name, f"{number} is negative")
    return number


def positive(row: Row, name: str) -> Decimal:
    """Return the exact number above zero in a field, or raise."""
    number = _number(row, name)
    if number <= ZERO:
        raise bad_answer(name, f"{number} is not above zero")
    return number


def _number(row: Row, name: str) -> Decimal:
    try:
        return to_decimal(row.get(name))
    except (NotMoneyError, ArithmeticError) as error:
        raise bad_answer(name, _show(error)) from error


def _show(value: object) -> str:
    text = str(value) if isinstance(value, Exception) else repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def same(row: Row, name: str, expected: str, what: str) -> None:
    """Raise unless the field holds the expected text."""
    found = text_of(row, name)
    if found != expected:
        raise bad_answer(what, f"{name} is {found!r}, expected {expected!r}")


def ordered(values: Iterable[Any], what: str) -> None:
    """Raise unless each value is above the one before it."""
    if any(later <= earlier for earlier, later in pairwise(values)):
        raise bad_answer(what, "the rows are out of order or double")


def unless_bad(read: Callable[[object], T], entry: object) -> T | None:
    """Return what the reader makes of a row, or None when the row cannot be read."""
    try:
        return read(entry)
    except ExchangeAnswerError:
        return None
