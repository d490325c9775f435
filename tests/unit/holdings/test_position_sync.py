"""Positions follow the managed state: taken over without buying, closed and never deleted."""

import datetime as dt
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from bot.holdings.position_sync import synced
from bot.holdings.positions import Position, PositionsContent
from bot.lifecycle.documents import (
    ExitIntent,
    ExitReason,
    Exits,
    ManagedAsset,
    ManagedStateContent,
    ReleaseMode,
)
from bot.lifecycle.states import IN_THE_BOTS_HANDS, AssetState

D = Decimal
NOW = dt.datetime(2026, 5, 3, 12, tzinfo=dt.UTC)
LATER = NOW + dt.timedelta(minutes=5)
ENTRY = ManagedAsset(
    state=AssetState.MANAGED_ACTIVE,
    exits=Exits.ON,
    current_proposal_id="p1",
    approved_quantity=D(10),
    reference_price=D(100),
    synthetic_entry=D(80),
    stop_loss=D(90),
    take_profit=D(130),
)
NOTHING = PositionsContent()
INTENT = ExitIntent(
    client_order_id="o1",
    quantity=D(10),
    reason=ExitReason.STOP_LOSS,
    trigger_price=D(90),
    opened_at=NOW,
    filled_quantity=D(4),
    filled_quote=D(360),
)


def changed(value: Any, **changes: Any) -> Any:
    return msgspec.structs.replace(value, **changes)


def sync(
    entry: ManagedAsset, positions: PositionsContent = NOTHING, now: dt.datetime = NOW
) -> PositionsContent:
    return synced(ManagedStateContent(managed_assets={"SOL": entry}), positions, quote="USDT", now=now)


def taken_over(entry: ManagedAsset = ENTRY) -> PositionsContent:
    return sync(entry)


def sol(positions: PositionsContent) -> Position:
    return positions.positions["SOL/USDT"]


def test_an_active_coin_is_taken_over_as_it_was_agreed() -> None:
    assert sol(taken_over()) == Position(
        asset="SOL",
        quantity=D(10),
        entry_price=D(80),
        reference_price=D(100),
        stop_loss=D(90),
        take_profit=D(130),
        proposal_id="p1",
        opened_at=NOW,
        approved_quantity=D(10),
    )


ARMED = (AssetState.MANAGED_ACTIVE, AssetState.MANAGED_PAUSED)


@pytest.mark.parametrize("state", [state for state in AssetState if state not in ARMED])
def test_no_state_without_armed_exits_opens_a_position(state: AssetState) -> None:
    assert sync(changed(ENTRY, state=state)) is NOTHING


def test_a_pause_before_the_first_cycle_leaves_the_agreed_exits_watched() -> None:
    assert sol(sync(changed(ENTRY, state=AssetState.MANAGED_PAUSED))) == sol(taken_over())


def test_a_graceful_release_before_the_first_cycle_leaves_the_agreed_exits_watched() -> None:
    entry = changed(ENTRY, state=AssetState.RELEASE_PENDING, release_mode=ReleaseMode.GRACEFUL)
    assert sol(sync(entry)) == sol(taken_over())


def test_hands_off_before_the_first_cycle_tracks_nothing() -> None:
    assert sync(changed(ENTRY, state=AssetState.MANAGED_PAUSED, exits=Exits.OFF)) is NOTHING


def test_a_second_look_changes_nothing_at_all() -> None:
    positions = taken_over()
    assert sync(ENTRY, positions, LATER) is positions


@pytest.mark.parametrize("state", sorted(IN_THE_BOTS_HANDS))
def test_what_is_open_stays_tracked_while_the_coin_is_in_the_bots_hands(state: AssetState) -> None:
    positions = taken_over()
    after = sync(changed(ENTRY, state=state, sold_quantity=D(3), sold_quote=D(270)), positions, LATER)
    assert (sol(after).quantity, sol(after).sold_quantity, sol(after).proceeds_usdt) == (D(7), D(3), D(270))
    assert (sol(after).opened_at, sol(after).is_open) == (NOW, True)


def test_fills_of_the_open_order_are_counted() -> None:
    entry = changed(ENTRY, sold_quantity=D(2), sold_quote=D(180), exit_intent=INTENT)
    position = sol(sync(entry, taken_over(), LATER))
    assert (position.quantity, position.sold_quantity, position.proceeds_usdt) == (D(4), D(6), D(540))


def test_live_levels_are_the_ones_that_a_person_set() -> None:
    """C1: the managed state keeps the promotion's, the position has the live ones."""
    live = {"stop_loss": D(95), "take_profit": D(140), "synthetic_entry": D(70)}
    position = sol(sync(changed(ENTRY, overrides=live), taken_over(), LATER))
    assert (position.stop_loss, position.take_profit, position.entry_price) == (D(95), D(140), D(70))
    assert position.reference_price == D(100)


def test_after_the_exit_the_position_is_closed_with_its_last_figures() -> None:
    entry = changed(ENTRY, state=AssetState.EXIT_EXECUTED, sold_quantity=D(10), sold_quote=D(900))
    positions = sync(entry, taken_over(), LATER)
    assert (sol(positions).closed_at, sol(positions).quantity) == (LATER, D(0))
    assert sol(positions).proceeds_usdt == D(900)
    assert sync(entry, positions, LATER + dt.timedelta(hours=1)) is positions


@pytest.mark.parametrize("state", [AssetState.FROZEN, AssetState.PROPOSAL_PENDING, AssetState.RISK_PROPOSED])
def test_a_position_whose_coin_left_the_bots_hands_is_closed_and_kept(state: AssetState) -> None:
    positions = sync(ManagedAsset(state=state), taken_over(), LATER)
    assert (sol(positions).closed_at, sol(positions).quantity) == (LATER, D(10))


def test_a_new_promotion_opens_a_new_position_in_the_same_place() -> None:
    closed = sync(ManagedAsset(state=AssetState.FROZEN), taken_over(), LATER)
    again = LATER + dt.timedelta(days=1)
    position = sol(sync(changed(ENTRY, current_proposal_id="p2", approved_quantity=D(5)), closed, again))
    assert (position.proposal_id, position.quantity) == ("p2", D(5))
    assert (position.opened_at, position.closed_at) == (again, None)


def test_a_promotion_that_was_paused_at_once_replaces_the_earlier_position() -> None:
    paused = changed(ENTRY, current_proposal_id="p2", state=AssetState.MANAGED_PAUSED)
    assert sol(sync(paused, taken_over(), LATER)).proposal_id == "p2"


def test_a_quantity_is_never_below_zero() -> None:
    assert sol(taken_over(changed(ENTRY, sold_quantity=D(11)))).quantity == 0


def test_a_position_whose_coin_a_restore_removed_is_closed_and_the_order_is_by_name() -> None:
    orphan = changed(sol(taken_over()), asset="ZEC")
    closed = changed(sol(taken_over()), asset="ETH", closed_at=NOW)
    before = PositionsContent(positions={"ZEC/USDT": orphan, "ETH/USDT": closed})
    after = sync(ENTRY, before, LATER)
    assert list(after.positions) == ["ETH/USDT", "SOL/USDT", "ZEC/USDT"]
    assert after.positions["ETH/USDT"] is closed
    assert after.positions["ZEC/USDT"] == changed(orphan, closed_at=LATER)
