"""What an override would change: the promotion's values, the live ones, the new ones (C1)."""

from typing import Any

import msgspec

from bot.app.core import HomeContext
from bot.kernel.canonical import digest
from bot.lifecycle.command_payloads import OverrideManagedLevels
from bot.lifecycle.documents import ManagedAsset
from bot.lifecycle.states import AssetState
from bot.storage.documents import MANAGED_STATE

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


def level_changes(
    context: HomeContext, asset: str, payload: OverrideManagedLevels
) -> tuple[tuple[LevelChange, ...], str]:
    """Return each named level's change, and the digest of what is there and what is asked for.

    The digest binds a confirmation to what was seen: after any other change of the coin it is another.
    """
    entry = context.store.read(MANAGED_STATE).content.managed_assets.get(asset)
    entry = entry or ManagedAsset(state=AssetState.FROZEN)
    live = entry.overrides or {}
    changes = tuple(
        LevelChange(
            name=kept,
            approved=_plain(getattr(entry, kept)),
            now=_plain(live.get(kept, getattr(entry, kept))),
            then=_plain(value),
        )
        for name, kept in _FIELDS.items()
        if (value := getattr(payload, name)) is not None
    )
    asked = [[change.name, change.then] for change in changes]
    return changes, digest({"entry": entry, "asked": asked})


def _plain(value: Any) -> Any:
    """Return a level as people read it; a switch as on or off."""
    if hasattr(value, "get"):
        return "on" if value.get("enabled") else "off"
    return value
