"""Amounts and prices as they are typed: exact decimals above zero."""

import re
from decimal import Decimal, InvalidOperation

import click


class Money(click.ParamType[Decimal]):
    """A decimal number above zero, exact."""

    name = "number"

    def convert(
        self, value: str | Decimal, param: click.Parameter | None, ctx: click.Context | None
    ) -> Decimal:
        """Return the exact number."""
        try:
            number = Decimal(value)
        except InvalidOperation:
            self.fail(f"{value!r} is not a number such as 12.5", param, ctx)
        if not number.is_finite() or number <= 0:
            self.fail(f"{value!r} is not above zero", param, ctx)
        return number


class Reach(click.ParamType[tuple[str, Decimal]]):
    """A price, or how far from it: `160`, `8%`, `1.5ATR`; returned with its unit (`price`, `pct`, `atr`)."""

    name = "price|%|atr"

    def convert(
        self,
        value: str | tuple[str, Decimal],
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> tuple[str, Decimal]:
        """Return the unit and the exact number."""
        if isinstance(value, tuple):
            return value
        parts = _REACH.fullmatch(value.strip().lower())
        if parts is None:
            self.fail(f"{value!r} is neither a price such as 160, nor 8%, nor 1.5ATR", param, ctx)
        return _UNITS[parts[2]], Money().convert(parts[1], param, ctx)


_REACH = re.compile(r"(.+?)\s*(%|atr|)")
_UNITS = {"": "price", "%": "pct", "atr": "atr"}
