"""A price, or how far from it, as it is typed."""

from decimal import Decimal

import click
import pytest

from bot.cli.money import Reach


def typed(text: str) -> tuple[str, Decimal]:
    return Reach().convert(text, None, None)


@pytest.mark.parametrize(
    ("text", "unit", "number"),
    [
        ("160", "price", "160"),
        ("0.00000012", "price", "0.00000012"),
        ("8%", "pct", "8"),
        ("8 %", "pct", "8"),
        ("1.5ATR", "atr", "1.5"),
        ("2atr", "atr", "2"),
        (" 2 atr ", "atr", "2"),
    ],
)
def test_a_number_has_the_unit_that_stands_behind_it(text: str, unit: str, number: str) -> None:
    assert typed(text) == (unit, Decimal(number))
    assert Reach().convert((unit, Decimal(number)), None, None) == (unit, Decimal(number))


@pytest.mark.parametrize(
    "text", ["", "%", "atr", "far", "-3", "0", "0%", "8 %%", "NaN", "Infinity", "1e", "8 EUR"]
)
def test_everything_else_is_a_typing_error(text: str) -> None:
    with pytest.raises(click.BadParameter):
        typed(text)
