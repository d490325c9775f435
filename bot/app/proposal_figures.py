"""How a proposal's numbers are written for people: the same text on the screen and in the report.

Amounts of money have two decimals and thousands apart; every other number is written exactly as the
document has it, so that what is read can be found there.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from bot.app.proposal_paths import Leaf, Leaves, leaves_of
from bot.kernel.money import HUNDRED, text

VARIANTS = ("recommended", "conservative", "aggressive")
NOTHING = "-"

_MONEY = ("_usdt", "_quote")
_OF_MARKET = (
    "current_price",
    "atr_14d",
    "liquidity_score",
    "support_level",
    "resistance_level",
    "spread_pct",
    "regime",
)
_OF_VARIANT = (
    "quantity",
    "stop_loss",
    "stop_loss_pct",
    "take_profit",
    "take_profit_pct",
    "rr_ratio",
    "loss_at_stop_usdt",
    "max_allocation_usdt",
)
_OF_REHEARSAL = (
    "sample_size",
    "independent_samples",
    "stop_hit_pct",
    "target_hit_pct",
    "neither_pct",
    "median_result_pct",
    "worst_result_pct",
    "median_days_held",
)


def shown_paths(document: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what every screen of a proposal must show, as far as this proposal has it."""
    leaves = leaves_of(document)
    paths = [
        "wallet.quantity",
        "position_value_usdt",
        *(f"market_context.{name}" for name in _OF_MARKET),
        "risk_recommendation.synthetic_entry_value",
        *(f"variants.{variant}.{name}" for variant in VARIANTS for name in _OF_VARIANT),
        *(f"rehearsal.variants.{variant}.{name}" for variant in VARIANTS for name in _OF_REHEARSAL),
        "confidence.overall_score",
    ]
    return tuple(path for path in paths if path in leaves)


def written(path: str, value: Leaf) -> str:
    """Return a value as people read it, by what its path says it is."""
    if value is None:
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Decimal | int):
        return money(value) if path.endswith(_MONEY) else text(Decimal(value))
    return str(value)


def figures(document: Mapping[str, Any]) -> dict[str, str]:
    """Return every value of a proposal as people read it, by path."""
    leaves: Leaves = leaves_of(document)
    return {path: written(path, value) for path, value in leaves.items()}


def money(value: Decimal | int) -> str:
    """Return an amount with two decimals, thousands apart."""
    return f"{Decimal(value):,.2f}"


def share(part: Decimal | int, whole: Decimal | int) -> str:
    """Return a part of a whole in percent, one decimal."""
    whole = Decimal(whole)
    return f"{Decimal(part) / whole * HUNDRED:.1f} %" if whole else NOTHING


def variants_in(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the terms of all variants, the recommended one first."""
    return [document["risk_recommendation"], *document["alternative_proposals"]]


def all_notes(document: Mapping[str, Any]) -> list[str]:
    """Return every sentence that warns: the context's, why a variant is not allowed, the rehearsal's."""
    sentences = [note["sentence"] for note in document["context_warnings"]["notes"]]
    sentences += [
        f"{terms['variant']}: {terms['not_allowed']['sentence']}"
        for terms in variants_in(document)
        if not terms["allowed"]
    ]
    rehearsal = document.get("rehearsal") or {}
    return sentences + [note["sentence"] for note in rehearsal.get("warnings", ())]
