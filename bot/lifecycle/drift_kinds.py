"""Which drifts are recorded of a coin, and which of them let no order leave (§7)."""

from typing import Any

from bot.lifecycle.documents import Drift, ManagedAsset
from bot.lifecycle.states import IN_THE_BOTS_HANDS, AssetState

DRIFT_THAT_KEEPS_EXITS = ("price", "regime")
"""The market moved, the quantity is not in doubt: the agreed stop and target stay armed (T20)."""

_BASIS = (
    *("current_proposal_id", "approved_quantity", "bought_quantity", "sold_quantity"),
    *("reference_price", "reference_regime"),
)


def basis_of(entry: ManagedAsset) -> dict[str, Any]:
    """Return the fields of the agreement that a comparison rests on; evidence names them as `basis`."""
    return {name: value for name in _BASIS if (value := getattr(entry, name)) is not None}


def drifts_of(entry: ManagedAsset) -> tuple[Drift, ...]:
    """Return every recorded drift, the gravest first."""
    return (entry.drift, *entry.further_drifts) if entry.drift is not None else ()


def is_unresolved(entry: ManagedAsset) -> bool:
    """Say whether a drift is recorded that nobody accepted."""
    return any(not drift.accepted for drift in drifts_of(entry))


def doubts_quantity(entry: ManagedAsset) -> bool:
    """Say whether the quantity itself is in doubt, so that no order at all may leave."""
    if entry.state not in IN_THE_BOTS_HANDS:
        return False
    known = drifts_of(entry)
    if not known:  # an alert that does not say what differs doubts everything
        return entry.state is AssetState.MANAGED_DRIFT_ALERT
    return any(not drift.accepted and drift.kind not in DRIFT_THAT_KEEPS_EXITS for drift in known)
