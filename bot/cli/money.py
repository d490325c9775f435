"""Amounts and prices as they are typed: exact decimals above zero."""

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
