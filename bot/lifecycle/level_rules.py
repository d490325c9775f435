"""What holds for levels and overrides, at an approval and later alike (M3, Q-MH-3, Q-MH-13).

1. Stop < reference < target.
2. The stop keeps the environment's smallest distance from the entry (M3).
3. An override keeps to the home's depth (Q-MH-3): the strategy group is never among its fields.
4. What is disabled stays out, also by an override (Q-MH-13).
"""

from collections.abc import Collection, Mapping
from decimal import Decimal
from typing import Any

import msgspec

from bot.kernel.errors import RefusedError
from bot.kernel.money import HUNDRED, ZERO, text
from bot.lifecycle.change import Act
from bot.lifecycle.command_payloads import LevelOverrides
from bot.lifecycle.policy import OVERRIDABLE, Feature


def named_levels(given: LevelOverrides) -> dict[str, Any]:
    """Return the levels that somebody named, as plain data: what a document keeps."""
    plain: dict[str, Any] = msgspec.to_builtins(given, builtin_types=(Decimal,))
    return plain


def check_order(asset: str, *, stop_loss: Decimal, reference: Decimal, take_profit: Decimal) -> None:
    """Refuse levels that are not stop < reference < target (`levels_out_of_order`)."""
    if not ZERO < stop_loss < reference < take_profit:
        raise RefusedError(
            f"{asset}: stop {text(stop_loss)}, reference {text(reference)}, target {text(take_profit)}"
            " are not in this order",
            code="levels_out_of_order",
        )


def check_distance(act: Act, *, stop_loss: Decimal, reference: Decimal, entry: Decimal) -> None:
    """Refuse a stop that is too close to where the coin came from or stands now (`stop_too_close`)."""
    # A coin bought far below the stop is in profit there: only the market's distance can hurt (M3).
    nearest = reference if entry <= stop_loss else min(entry, reference)
    distance_pct = (nearest - stop_loss) / nearest * HUNDRED
    if distance_pct < act.policy.min_entry_stop_pct:
        raise RefusedError(
            f"{act.asset}: the stop lies {distance_pct:.2f} % below the entry",
            code="stop_too_close",
            why=f"At least {text(act.policy.min_entry_stop_pct)} % is required in {act.policy.environment}.",
        )


def check_override_depth(act: Act, fields: Collection[str]) -> None:
    """Refuse fields that lie deeper than this home lets an override go (`override_too_deep`, Q-MH-3)."""
    allowed = OVERRIDABLE[act.policy.override_depth]
    deeper = sorted(set(fields) - allowed)
    if deeper:
        raise RefusedError(
            f"{act.asset}: {', '.join(deeper)} may not be overridden here",
            code="override_too_deep",
            why=f"The depth is {act.policy.override_depth}: {', '.join(sorted(allowed))}.",
        )


def check_features(act: Act, *, dca: object = None, strategy_group: str = "") -> None:
    """Refuse averaging and the pump-and-dump group where they are disabled (`feature_disabled`, Q-MH-13)."""
    asked = {
        Feature.DCA: bool(dca) and not (isinstance(dca, Mapping) and dca.get("steps") == 0),
        Feature.T2_RECOMMENDATION: strategy_group == "t2_pump_dump",
    }
    for feature, is_asked in asked.items():
        if is_asked and feature in act.policy.disabled:
            raise RefusedError(
                f"{act.asset}: {feature} is disabled in {act.policy.environment}", code="feature_disabled"
            )
