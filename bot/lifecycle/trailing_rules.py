"""What may be agreed about a stop that follows the price, and how it is kept: as prices.

1. Activation and distance are each said in at most one way, above zero (`trailing_invalid`).
2. The activation lies below the target: what is sold there never trails.
3. The distance keeps the smallest one of a stop (M3, `stop_too_close`), counted from where the stop begins
   to follow: a stop within the market's noise is a sale, not a guard.
4. Percents and ATRs become prices here, so that a later reference or ATR moves no stop.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec

from bot.kernel.errors import RefusedError
from bot.kernel.money import HUNDRED, ZERO, plain, text
from bot.lifecycle.change import Act
from bot.lifecycle.trailing_terms import TrailingTerms

_ACTIVATIONS = ("activation_price", "activation_pct", "activation_atr")
_DISTANCES = ("distance", "distance_pct", "distance_atr")


class Ground(NamedTuple):
    """What the terms are counted from: quote units per coin."""

    reference: Decimal
    atr: Decimal
    stop_loss: Decimal
    take_profit: Decimal


def agreed_trailing(act: Act, agreed: Mapping[str, Any] | None, ground: Ground) -> dict[str, Any] | None:
    """Return the terms as they are kept: on or off, the activation price and the distance.

    Args:
        act: Who asks for what; its policy has the smallest distance.
        agreed: `TrailingTerms` as plain data, or None where nothing was said.
        ground: The levels of the same agreement.

    Raises:
        RefusedError: `trailing_invalid`, `stop_too_close`.
    """
    if agreed is None:
        return None
    terms = _terms(act, agreed)
    if not terms.enabled:
        return {"enabled": False}
    activation, distance = _prices(terms, ground)
    begins = activation or ground.reference
    if activation is not None and activation >= ground.take_profit:
        raise _invalid(
            act,
            f"it would begin to follow at {text(activation)}, and the target is {text(ground.take_profit)}",
        )
    if distance >= begins:
        raise _invalid(act, f"a distance of {text(distance)} leaves no stop above zero")
    _check_width(act, distance, begins)
    kept = {"enabled": True, "activation_price": activation, "distance": plain(distance)}
    return {name: value for name, value in kept.items() if value is not None}


def _terms(act: Act, agreed: Mapping[str, Any]) -> TrailingTerms:
    try:
        terms = msgspec.convert(dict(agreed), TrailingTerms)
    except msgspec.ValidationError as error:
        raise _invalid(act, str(error)) from error
    numbers = {name: value for name in (*_ACTIVATIONS, *_DISTANCES) if (value := getattr(terms, name))}
    said = [name for name in (*_ACTIVATIONS, *_DISTANCES) if getattr(terms, name) is not None]
    if not terms.enabled and said:
        raise _invalid(act, f"switched off, and yet {', '.join(said)} is named")
    if any(value <= ZERO for value in numbers.values()) or len(numbers) != len(said):
        raise _invalid(act, "every number is above zero")
    for names in (_ACTIVATIONS, _DISTANCES):
        if len(twice := [name for name in names if name in numbers]) > 1:
            raise _invalid(act, f"{' and '.join(twice)} say the same thing twice")
    return terms


def _prices(terms: TrailingTerms, ground: Ground) -> tuple[Decimal | None, Decimal]:
    """Return the activation price and the distance."""
    activation = terms.activation_price
    if terms.activation_pct is not None:
        activation = ground.reference * (HUNDRED + terms.activation_pct) / HUNDRED
    elif terms.activation_atr is not None:
        activation = ground.reference + terms.activation_atr * ground.atr
    distance = terms.distance
    if terms.distance_pct is not None:
        distance = (activation or ground.reference) * terms.distance_pct / HUNDRED
    elif terms.distance_atr is not None:
        distance = terms.distance_atr * ground.atr
    return (
        None if activation is None else plain(activation),
        ground.reference - ground.stop_loss if distance is None else distance,
    )


def _check_width(act: Act, distance: Decimal, begins: Decimal) -> None:
    width_pct = distance / begins * HUNDRED
    if width_pct < act.policy.min_entry_stop_pct:
        raise RefusedError(
            f"{act.asset}: the stop would follow {width_pct:.2f} % behind the price",
            code="stop_too_close",
            why=f"At least {text(act.policy.min_entry_stop_pct)} % is required in {act.policy.environment}.",
        )


def _invalid(act: Act, why: str) -> RefusedError:
    return RefusedError(
        f"{act.asset}: the stop cannot follow the price like this", code="trailing_invalid", why=f"{why}."
    )
