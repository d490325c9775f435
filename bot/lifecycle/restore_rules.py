"""Bringing a kept version, or a wanted hand edit, back as the live managed state.

1. No order may be in flight: neither the live nor the wanted content has an open exit intent or a resting
   stop, or buys (R4).
2. A coin comes into the bot's hands by an approval only (T04, SR-12). These commands may let a coin go
   (DR-11: the admin who sends them is the user's act, told per asset), never take one.
3. The agreed terms stay, no more is handed over than now, and what was sold or bought stays so.
4. A proposal that was decided or ran out does not come back (R3).
5. A trading halt is none of their business: it stays as it is, and only `resume_trading` ends it.
6. One event per changed asset with its before and after, so that the log alone still gives the state.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

import msgspec

from bot.kernel.errors import RefusedError
from bot.kernel.ids import is_asset
from bot.kernel.money import ZERO, text
from bot.lifecycle.change import Act, Change, entry_of, records_of
from bot.lifecycle.documents import ManagedAsset, ManagedStateContent
from bot.lifecycle.events import Event, EventType
from bot.lifecycle.exit_rules import orders_in_flight
from bot.lifecycle.states import AWAITING, IN_THE_BOTS_HANDS, AssetState

_AGREED = (
    *("current_proposal_id", "proposal_digest", "variant", "strategy_group"),
    *("promoted_at", "promoted_by_user_id", "synthetic_entry", "synthetic_entry_method"),
    *("stop_loss", "take_profit", "trailing", "dca", "max_allocation_usdt"),
)
"""Fields that an approval fixes for as long as the coin is in the bot's hands."""

_NEVER_BY_HAND = (
    *("approved_quantity", "sold_quantity", "sold_quote", "reference_price", "reference_regime", "atr"),
    *("bought_quantity", "bought_quote", "bought_steps", "last_buy_price"),
    *("fee_quantity", "late_fills", "overrides", "drift", "further_drifts"),
)
"""Further fields of such a coin that change by their own commands, never by a hand edit."""


def changed_assets(before: ManagedStateContent, after: ManagedStateContent) -> tuple[str, ...]:
    """Return the assets of which the two contents say different things, sorted."""
    names = {
        *(*before.managed_assets, *before.pending_proposals),
        *(*after.managed_assets, *after.pending_proposals),
    }
    return tuple(sorted(name for name in names if records_of(before, name) != records_of(after, name)))


def merged(
    live: ManagedStateContent, base: ManagedStateContent, edited: ManagedStateContent
) -> ManagedStateContent:
    """Return the live content with what a hand changed between `base` and `edited`, and nothing else.

    Raises:
        RefusedError: `state_changed`: an edited asset has changed by command since.
    """
    touched = changed_assets(base, edited)
    moved_on = sorted(set(touched) & set(changed_assets(base, live)))
    if moved_on:
        raise RefusedError(
            f"{', '.join(moved_on)} changed by command since the file was edited.",
            code="state_changed",
            why="The edit would undo that without anybody having seen it.",
        )
    assets, pending = dict(live.managed_assets), dict(live.pending_proposals)
    for name in touched:
        assets.pop(name, None)
        pending.pop(name, None)
        if name in edited.managed_assets:
            assets[name] = edited.managed_assets[name]
        if name in edited.pending_proposals:
            pending[name] = edited.pending_proposals[name]
    return msgspec.structs.replace(
        live, managed_assets=dict(sorted(assets.items())), pending_proposals=dict(sorted(pending.items()))
    )


def bring_back(
    content: ManagedStateContent, act: Act, wanted: ManagedStateContent, *, data: Mapping[str, Any]
) -> Change:
    """Make the wanted content the live one.

    Args:
        content: The live content.
        act: `restore_managed_state` or `adopt_managed_state`.
        wanted: What is to be the content afterwards.
        data: Where it came from, for every event.

    Raises:
        RefusedError: `content_unchanged`, `exit_in_flight` or `content_not_allowed` with every objection.
    """
    wanted = msgspec.structs.replace(wanted, trading_halt=content.trading_halt)
    changed = changed_assets(content, wanted)
    if not changed:
        raise RefusedError("Nothing would change.", code="content_unchanged")
    buying = sorted(
        name
        for name, entry in [*content.managed_assets.items(), *wanted.managed_assets.items()]
        if entry.buy_intent is not None
    )
    if buying:
        raise RefusedError(
            f"{buying[0]}: a buy order is open in the live or in the wanted content",
            code="buy_in_flight",
            why="What it buys could not be booked afterwards.",
        )
    in_flight = sorted(
        name
        for name, entry in [*content.managed_assets.items(), *wanted.managed_assets.items()]
        if orders_in_flight(entry)
    )
    if in_flight:
        raise RefusedError(
            f"{in_flight[0]}: an order is in flight in the live or in the wanted content",
            code="exit_in_flight",
            why="What it fills could not be booked afterwards.",
            fix=f"Wait until it is booked: bot holdings show {in_flight[0]}; or choose another version.",
        )
    by_hand = act.type.value.startswith("adopt")
    objections = [line for name in changed for line in _objections(content, wanted, name, by_hand=by_hand)]
    if objections:
        raise RefusedError(
            f"{len(objections)} of the changes are not allowed.",
            code="content_not_allowed",
            why=" ".join(objections),
        )
    event = EventType.STATE_ADOPTED if by_hand else EventType.STATE_RESTORED
    events = tuple(
        Event(
            type=event,
            asset=name,
            actor=act.actor,
            command_id=act.command_id,
            before=records_of(content, name),
            after=records_of(wanted, name),
            data=data,
        )
        for name in changed
    )
    return Change(content=wanted, events=events, detail={**data, "changed": list(changed)})


def _objections(
    content: ManagedStateContent, wanted: ManagedStateContent, asset: str, *, by_hand: bool
) -> Iterator[str]:
    live, entry = entry_of(content, asset), entry_of(wanted, asset)
    if not is_asset(asset):
        yield f"{asset!r} is no asset."
    yield from _proposal_objections(content, wanted, asset)
    if entry.state is AssetState.RELEASE_PENDING and (
        entry.release_requested_by_user_id is None or entry.release_mode is None
    ):
        yield f"{asset}: nobody asked for its release (DR-11)."
    if entry.state not in IN_THE_BOTS_HANDS:
        return
    if live.state not in IN_THE_BOTS_HANDS or live.promoted_at != entry.promoted_at:
        yield f"{asset} stands at {live.state}: it comes into the bot's hands by an approval only (T04)."
        return
    fixed = (*_AGREED, "force_exit", *(_NEVER_BY_HAND if by_hand else ()))
    for name in fixed:
        if getattr(entry, name) != getattr(live, name):
            yield f"{asset}: {name} changes by a command of its own only."
    yield from _promise_objections(asset, live, entry)


def _proposal_objections(
    content: ManagedStateContent, wanted: ManagedStateContent, asset: str
) -> Iterator[str]:
    entry, pending = entry_of(wanted, asset), wanted.pending_proposals.get(asset)
    if (pending is not None) != (entry.state in AWAITING):
        yield f"{asset}: a proposal is listed exactly while one is made or waits, not at {entry.state}."
        return
    if pending is None:
        return
    if pending.state is not entry.state or pending.proposal_id != entry.current_proposal_id:
        yield f"{asset}: its entry and its pending proposal contradict each other."
    elif content.pending_proposals.get(asset) != pending:
        yield f"{asset}: a proposal that was decided, or ran out, does not come back (R3)."


def _promise_objections(asset: str, live: ManagedAsset, entry: ManagedAsset) -> Iterator[str]:
    approved, now = (one.approved_quantity or ZERO for one in (entry, live))
    if approved > now:
        yield f"{asset}: {text(approved)} would be in the bot's hands, {text(now)} are."
    bought = _bought(entry), _bought(live)
    if bought[0] != bought[1]:
        yield f"{asset}: {text(bought[1][0])} were bought, the content knows of {text(bought[0][0])}."
    sold = _sold(entry), _sold(live)
    if sold[0] < sold[1]:
        yield f"{asset}: {text(sold[1])} were sold, and the content knows of {text(sold[0])} only."


def _bought(entry: ManagedAsset) -> tuple[Decimal, Decimal, int]:
    return entry.bought_quantity or ZERO, entry.bought_quote or ZERO, entry.bought_steps or 0


def _sold(entry: ManagedAsset) -> Decimal:
    return entry.sold_quantity or ZERO
