"""Taking positions over from the managed state, without buying: pure, so that a restart repeats it.

1. An asset is taken over while its agreed exits are armed: active, paused with exits on, on its way back
   gracefully. What is open already stays tracked in every state of the bot's hands.
2. Quantity, own buys and proceeds follow from what the managed state books; live levels are the
   promotion's unless a person set others (C1).
3. While a drift of quantity (D1) is recorded, the position's quantities stay as they were found: they are
   the evidence. Its levels follow all the same, so that a stop that a person moves counts.
4. A stop that follows the price is derived anew from the highest price on record and the agreement of now,
   so an override counts at once; switched off, or out of reach of its activation, the record is dropped.
5. A position whose asset left the bot's hands is closed, never deleted, until the coin is promoted again.
"""

import datetime as dt
from typing import Any

import msgspec

from bot.holdings.positions import Position, PositionsContent
from bot.kernel.ids import pair_of
from bot.kernel.money import ZERO
from bot.lifecycle.documents import ManagedAsset, ManagedStateContent
from bot.lifecycle.drift_kinds import drifts_of
from bot.lifecycle.exit_rules import filled_in_flight, why_no_exit
from bot.lifecycle.states import IN_THE_BOTS_HANDS, AssetState
from bot.lifecycle.trailing import kept_trail, live_stop


def synced(
    managed: ManagedStateContent, positions: PositionsContent, *, quote: str, now: dt.datetime
) -> PositionsContent:
    """Return the positions as the managed state asks for them (the same object if nothing differs)."""
    wanted = dict(positions.positions)
    for asset, entry in managed.managed_assets.items():
        symbol = pair_of(asset, quote)
        current = wanted.get(symbol)
        follower = _follow(asset, entry, current, now)
        if follower is not None:
            wanted[symbol] = follower
    for symbol, position in positions.positions.items():  # rule 5, where a restore left no entry at all
        if position.is_open and position.asset not in managed.managed_assets:
            wanted[symbol] = msgspec.structs.replace(position, closed_at=now)
    if wanted == dict(positions.positions):
        return positions
    return PositionsContent(positions=dict(sorted(wanted.items())))


def _follow(asset: str, entry: ManagedAsset, current: Position | None, now: dt.datetime) -> Position | None:
    is_current = current is not None and current.is_open and current.proposal_id == entry.current_proposal_id
    if entry.state in IN_THE_BOTS_HANDS:
        if is_current and current is not None and any(drift.kind == "qty" for drift in drifts_of(entry)):
            return msgspec.structs.replace(_live(asset, entry, current, now), **_quantities(current))
        # Whoever's exits are armed is tracked, also where a pause or a release came before the first cycle.
        if is_current or why_no_exit(entry) in {None, "exit_in_flight"}:
            return _live(asset, entry, current if is_current else None, now)
        return None
    if current is None or not current.is_open:
        return None
    if entry.state is AssetState.EXIT_EXECUTED and entry.current_proposal_id == current.proposal_id:
        live = _live(asset, entry, current, now)
        return msgspec.structs.replace(live, closed_at=now)
    return msgspec.structs.replace(current, closed_at=now)


def _quantities(current: Position) -> dict[str, Any]:
    """Return what D1 compares with the agreement."""
    return {
        "quantity": current.quantity,
        "approved_quantity": current.approved_quantity,
        "bought_quantity": current.bought_quantity,
        "paid_usdt": current.paid_usdt,
        "sold_quantity": current.sold_quantity,
        "proceeds_usdt": current.proceeds_usdt,
    }


def _live(asset: str, entry: ManagedAsset, current: Position | None, now: dt.datetime) -> Position:
    overrides = entry.overrides or {}
    trail = kept_trail(entry, current.trail) if current is not None else None
    quantity_in_flight, quote_in_flight = filled_in_flight(entry)
    sold = (entry.sold_quantity or ZERO) + quantity_in_flight
    proceeds = (entry.sold_quote or ZERO) + quote_in_flight
    return Position(
        asset=asset,
        quantity=max(ZERO, entry.promised_quantity - sold),
        entry_price=overrides.get("synthetic_entry", entry.synthetic_entry),
        reference_price=entry.reference_price or ZERO,
        stop_loss=live_stop(entry, trail),
        take_profit=overrides.get("take_profit", entry.take_profit),
        proposal_id=entry.current_proposal_id or "",
        approved_quantity=entry.approved_quantity,
        opened_at=current.opened_at if current is not None else now,
        bought_quantity=entry.bought_quantity or ZERO,
        paid_usdt=entry.bought_quote or ZERO,
        sold_quantity=sold,
        proceeds_usdt=proceeds,
        highest_price=trail.highest_price if trail is not None else None,
        trailing_from=trail.trailing_from if trail is not None else None,
        tick_size=trail.tick_size if trail is not None else None,
    )
