"""What an override would change: the promotion's values, the live ones, the new ones (C1)."""

from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Any

import msgspec

from bot.app.averaging_view import averaging_view
from bot.app.core import HomeContext
from bot.kernel.canonical import digest
from bot.kernel.money import text
from bot.lifecycle.command_payloads import OverrideManagedLevels
from bot.lifecycle.dca_terms import terms_in
from bot.lifecycle.documents import ManagedAsset
from bot.lifecycle.level_rules import named_levels
from bot.lifecycle.states import AssetState
from bot.lifecycle.trailing_terms import TrailingTerms
from bot.storage.documents import MANAGED_STATE
from bot.strategies.registry import default_trailing

_FIELDS = {
    "stop_loss": "stop_loss",
    "take_profit": "take_profit",
    "max_allocation_usdt": "max_allocation_usdt",
    "trailing": "trailing",
    "dca": "dca",
    "synthetic_entry_value": "synthetic_entry",
}
"""The payload's words and where the entry keeps them."""


class LevelChange(msgspec.Struct, frozen=True, kw_only=True):
    """One level: as it was approved, as it counts now, as it would count then."""

    name: str
    approved: Any
    now: Any
    then: Any


def trailing_of_words(
    context: HomeContext,
    asset: str,
    *,
    switch: str | None,
    activation: tuple[str, Decimal] | None,
    distance: tuple[str, Decimal] | None,
) -> TrailingTerms | None:
    """Return the trailing terms that were typed; `on` without numbers means those of the coin's group.

    Args:
        context: The home.
        asset: The coin.
        switch: `on`, `off` or nothing; numbers alone mean `on`.
        activation: Unit (`price`, `pct`, `atr`) and number, or None.
        distance: The same.
    """
    if switch is None and activation is None and distance is None:
        return None
    if switch != "off" and activation is None and distance is None:
        entry = context.store.read(MANAGED_STATE).content.managed_assets.get(asset)
        return default_trailing(asset, entry.strategy_group if entry is not None else None)
    numbers: dict[str, Decimal] = {}
    for name, told in (("activation", activation), ("distance", distance)):
        if told is not None:
            unit, number = told
            numbers[_NUMBERS[name, unit]] = number
    return msgspec.convert({"enabled": switch != "off", **numbers}, TrailingTerms)


_NUMBERS = {
    (name, unit): f"{name}_{unit}" for name in ("activation", "distance") for unit in ("price", "pct", "atr")
} | {("distance", "price"): "distance"}


def level_changes(
    context: HomeContext,
    asset: str,
    payload: OverrideManagedLevels,
    difference: Mapping[str, Any] = MappingProxyType({}),
) -> tuple[tuple[LevelChange, ...], str]:
    """Return each named level's change, and the digest of what is there and what is asked for.

    The digest binds a confirmation to what was seen: after any other change of the coin it is another.
    `difference` is what a dry run told: there the new values stand as they would be kept.
    """
    entry = context.store.read(MANAGED_STATE).content.managed_assets.get(asset)
    entry = entry or ManagedAsset(state=AssetState.FROZEN)
    live = entry.overrides or {}
    changes = tuple(
        LevelChange(
            name=kept,
            approved=_plain(kept, getattr(entry, kept)),
            now=_plain(kept, live.get(kept, getattr(entry, kept))),
            then=_plain(kept, difference.get(kept, {}).get("to", value)),
        )
        for name, kept in _FIELDS.items()
        if (value := getattr(payload, name)) is not None
    )
    asked = [[change.name, change.then] for change in changes]
    return changes, digest({"entry": entry, "asked": asked})


def _plain(name: str, value: Any) -> Any:
    """Return a level as people read it."""
    if name == "trailing":
        return words_of_trailing(value)
    if name == "dca":
        return words_of_averaging(value)
    if hasattr(value, "items"):
        return ", ".join(f"{part} {number}" for part, number in value.items()) or "off"
    return value


def words_of_trailing(terms: Mapping[str, Any] | None) -> str:
    """Return how a stop follows the price, in few words."""
    if not terms or not terms.get("enabled"):
        return "off"
    parts = ["on"]
    if (distance := terms.get("distance")) is not None:
        parts.append(f"{text(distance)} below the highest price")
    if (activation := terms.get("activation_price")) is not None:
        parts.append(f"from {text(activation)} on")
    return ", ".join(parts)


def words_of_averaging(terms: Mapping[str, Any] | None) -> str:
    """Return what was agreed about buying more, in few words."""
    agreed = terms_in(terms)
    if agreed is None or agreed.is_off:
        return "off"
    steps, step, most = agreed.steps, text(agreed.step_pct), text(agreed.max_additional_usdt)
    return f"{steps} steps of {step} %, {most} in all"


def averaging_notes(context: HomeContext, asset: str, payload: OverrideManagedLevels) -> tuple[str, ...]:
    """Return what a person should know before buying is agreed: what it may cost, and what holds it up."""
    managed = context.store.read(MANAGED_STATE).content
    entry = managed.managed_assets.get(asset)
    if payload.dca is None or payload.dca.is_off or entry is None:
        return ()
    live = {**(entry.overrides or {}), **named_levels(payload)}
    then = msgspec.structs.replace(entry, overrides=live)
    content = msgspec.structs.replace(managed, managed_assets={**managed.managed_assets, asset: then})
    investable = context.settings["risk.investable_capital_usdt"]
    view = averaging_view(content, asset, investable=investable)
    most = text(payload.dca.max_additional_usdt)
    told = [f"the bot may buy {asset} for up to {most} by itself; what it buys is sold with the rest"]
    if view is not None and view.held_up_by is not None:
        told.append(f"as things stand nothing will be bought: {view.held_up_by}")
    return tuple(told)
