"""Averaging as it is typed: `steps=3,step=5%,max=300`, or `off`."""

from decimal import Decimal, InvalidOperation

import click

from bot.lifecycle.dca_terms import OFF, DcaTerms


class Averaging(click.ParamType[DcaTerms]):
    """Terms of averaging; whether they can be followed is the rules' to say."""

    name = "steps=N,step=P%,max=USDT"

    def convert(
        self, value: str | DcaTerms, param: click.Parameter | None, ctx: click.Context | None
    ) -> DcaTerms:
        """Return the terms."""
        if isinstance(value, DcaTerms):
            return value
        if value.strip().lower() == "off":
            return OFF
        words = dict(_pair(item) for item in value.split(","))
        if set(words) != {"steps", "step", "max"}:
            self.fail(f"{value!r} is not like steps=3,step=5%,max=300, and not off", param, ctx)
        try:
            return DcaTerms(
                steps=int(words["steps"]),
                step_pct=_number(words["step"].removesuffix("%")),
                max_additional_usdt=_number(words["max"]),
            )
        except (ValueError, InvalidOperation):
            self.fail(f"{value!r} is not like steps=3,step=5%,max=300, and not off", param, ctx)


def _pair(item: str) -> tuple[str, str]:
    name, _, number = item.partition("=")
    return name.strip().lower(), number.strip()


def _number(written: str) -> Decimal:
    number = Decimal(written)
    if not number.is_finite():
        raise ValueError(written)
    return number
