"""Averaging as it is agreed: how many steps, how far apart, and for how much at most. Pure.

1. The shape is that of a proposal's `dca_settings`: `steps`, `step_pct`, `max_additional_usdt`, and no more.
2. Steps are counted from the reference price downwards, so all of them must fit above zero.
3. `steps: 0` with zeroes beside it means: buy nothing (any more). Nothing is bought without such terms.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec

from bot.kernel.errors import RefusedError
from bot.kernel.money import HUNDRED, ZERO, text

MOST_STEPS = 20
NARROWEST_STEP_PCT = Decimal("0.1")
WIDEST_STEP_PCT = Decimal(50)


class DcaTerms(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Buying more of a coin in steps below its reference price."""

    steps: int
    step_pct: Decimal
    """Percent of the reference price between two steps."""
    max_additional_usdt: Decimal
    """Quote units for all steps together; each may cost an equal part."""

    @property
    def is_off(self) -> bool:
        """Say whether these terms let nothing be bought."""
        return self.steps == 0

    @property
    def per_step_usdt(self) -> Decimal:
        """Return what one step may cost at most, in quote units."""
        return self.max_additional_usdt / self.steps if self.steps else ZERO


OFF = DcaTerms(steps=0, step_pct=ZERO, max_additional_usdt=ZERO)


def check_terms(asset: str, terms: DcaTerms | None) -> None:
    """Refuse terms that no market could follow (`dca_invalid`)."""
    if terms is None or terms == OFF:
        return
    problems = []
    if not 1 <= terms.steps <= MOST_STEPS:
        problems.append(f"{terms.steps} steps, expected 1 to {MOST_STEPS}")
    if not NARROWEST_STEP_PCT <= terms.step_pct <= WIDEST_STEP_PCT:
        limits = f"{text(NARROWEST_STEP_PCT)} to {text(WIDEST_STEP_PCT)} %"
        problems.append(f"a step of {text(terms.step_pct)} %, expected {limits}")
    elif terms.steps * terms.step_pct >= HUNDRED:
        problems.append(f"{terms.steps} steps of {text(terms.step_pct)} % lead to a price of zero")
    if terms.max_additional_usdt <= ZERO:
        problems.append("nothing to spend")
    if problems:
        raise RefusedError(
            f"{asset}: averaging cannot be agreed like that",
            code="dca_invalid",
            why=f"{'; '.join(problems)}.",
        )


def terms_in(written: Mapping[str, Any] | None) -> DcaTerms | None:
    """Return the terms that a document holds, or None where it holds none that can be followed.

    Documents of earlier releases held any words here, and nothing was ever bought on them.
    """
    if written is None or set(written) != set(DcaTerms.__struct_fields__):
        return None
    numbers = [written[name] for name in DcaTerms.__struct_fields__]
    if not all(isinstance(number, int | Decimal) and not isinstance(number, bool) for number in numbers):
        return None
    steps, step_pct, most = (Decimal(number) for number in numbers)
    if steps != int(steps):
        return None
    terms = DcaTerms(steps=int(steps), step_pct=step_pct, max_additional_usdt=most)
    try:
        check_terms("", terms)
    except RefusedError:
        return None
    return terms


def written_out(terms: DcaTerms) -> dict[str, Any]:
    """Return the terms as documents keep them."""
    return {name: getattr(terms, name) for name in DcaTerms.__struct_fields__}
