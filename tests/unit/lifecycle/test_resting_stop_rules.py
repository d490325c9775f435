"""Rules of the stop that rests at the exchange: never twice, never more than was approved."""

import datetime as dt
from decimal import Decimal

import pytest

from bot.lifecycle import command_payloads as p
from bot.lifecycle.documents import Exits, ReleaseMode
from bot.lifecycle.events import EventType
from bot.lifecycle.exit_rules import filled_in_flight, orders_in_flight, promised_rest
from bot.lifecycle.resting_stop_rules import unsold, why_it_must_go, why_no_resting_stop
from bot.lifecycle.states import IN_THE_BOTS_HANDS, AssetState
from bot.lifecycle.trailing_terms import Trail, TrailingTerms
from tests.unit.lifecycle.lifecycle_world import (
    NOW,
    D,
    LifecycleWorld,
    exit_opened,
    filled,
    stop_opened,
    types_of,
    world_at,
)


@pytest.fixture
def active() -> LifecycleWorld:
    return world_at(AssetState.MANAGED_ACTIVE)


@pytest.fixture
def rests() -> LifecycleWorld:
    world = world_at(AssetState.MANAGED_ACTIVE)
    world.say(stop_opened())
    return world


def closed(order_id: str = "s1") -> p.CloseRestingStop:
    return p.CloseRestingStop(client_order_id=order_id, reason_code="cancelled", text="cancelled")


def stop_filled(quantity: Decimal | int, *, is_final: bool = True) -> p.RecordManagedExit:
    status = "filled" if is_final else "partially_filled"
    return filled(quantity, client_order_id="s1", is_final=is_final, order_status=status)


def code_of(world: LifecycleWorld) -> str | None:
    """Return why the coin stands where it stands."""
    reason = world.entry().reason
    return reason.code if reason is not None else None


# ---- the promise --------------------------------------------------------------------------------------


def test_an_exit_followed_by_a_new_stop_must_not_sell_coins_that_were_never_handed_over(
    active: LifecycleWorld,
) -> None:
    active.open_exit(10)
    active.say(filled(4, order_status="expired"))
    active.refused(stop_opened(10), "exit_quantity_exceeds_promise")
    active.say(stop_opened(6))
    assert promised_rest(active.entry()) == 0
    assert unsold(active.entry()) == 6


def test_a_stop_counts_at_its_full_size_and_what_it_filled_counts_once(rests: LifecycleWorld) -> None:
    assert promised_rest(rests.entry()) == 0
    rests.say(stop_filled(3, is_final=False))
    assert promised_rest(rests.entry()) == 0
    assert unsold(rests.entry()) == 7
    assert filled_in_flight(rests.entry()) == (D(3), D(270))
    rests.say(stop_filled(3))
    assert rests.entry().resting_stop is None
    assert promised_rest(rests.entry()) == unsold(rests.entry()) == 7
    assert rests.entry().sold_quantity == 3
    assert filled_in_flight(rests.entry()) == (D(0), D(0))


@pytest.mark.parametrize("quantity", [0, -1, "10.001", 11])
def test_a_stop_over_more_than_is_left_is_refused(active: LifecycleWorld, quantity: str) -> None:
    active.refused(stop_opened(D(quantity)), "exit_quantity_exceeds_promise")


def test_no_exit_leaves_while_a_stop_is_on_record_and_no_stop_while_an_exit_is(
    rests: LifecycleWorld, active: LifecycleWorld
) -> None:
    rests.refused(exit_opened(1), "stop_is_resting")
    rests.refused(stop_opened(1, "s2"), "stop_is_resting")
    active.open_exit(1)
    active.refused(stop_opened(1), "exit_in_flight")
    assert len(orders_in_flight(rests.entry())) == len(orders_in_flight(active.entry())) == 1


def test_a_fill_that_goes_back_or_beyond_the_order_is_refused(rests: LifecycleWorld) -> None:
    rests.say(stop_filled(3, is_final=False))
    rests.refused(stop_filled(2), "exchange_answer_invalid")
    rests.refused(stop_filled(11), "exchange_answer_invalid")


# ---- where it may rest --------------------------------------------------------------------------------


@pytest.mark.parametrize("state", sorted(set(AssetState) - IN_THE_BOTS_HANDS))
def test_a_coin_outside_the_bots_hands_has_no_stop(state: AssetState) -> None:
    world_at(state).refused(stop_opened(), "transition_not_allowed")


def test_what_lets_no_exit_leave_lets_no_stop_rest(active: LifecycleWorld) -> None:
    active.say(stop_opened())
    assert why_it_must_go(active.content, "SOL") is None
    active.pause(Exits.OFF)
    assert why_it_must_go(active.content, "SOL") == "exits_are_off"
    active.say(closed())
    active.refused(stop_opened(1, "s2"), "exits_are_off")


@pytest.mark.parametrize("kind", ["qty", "wallet_external", "environment_reset"])
def test_a_quantity_in_doubt_takes_the_stop_away(rests: LifecycleWorld, kind: str) -> None:
    rests.drift(kind)
    assert why_it_must_go(rests.content, "SOL") == "drift_unresolved"


@pytest.mark.parametrize("kind", ["price", "regime"])
def test_a_drift_of_the_market_keeps_it(rests: LifecycleWorld, kind: str) -> None:
    rests.drift(kind)
    assert why_it_must_go(rests.content, "SOL") is None


def test_an_ordered_sale_takes_the_stop_away(rests: LifecycleWorld) -> None:
    rests.say(p.ForceManagedExit(confirm="SOL:exit", reason="out"))
    assert why_it_must_go(rests.content, "SOL") == "force_exit"
    rests.say(closed())
    assert why_no_resting_stop(rests.content, "SOL") == "force_exit"


def test_an_immediate_release_takes_it_away_and_ends_only_without_it(rests: LifecycleWorld) -> None:
    rests.pause()
    rests.say(p.ReleaseManagedAsset(mode=ReleaseMode.IMMEDIATE))
    rests.refused(p.CompleteManagedRelease(reason="x"), "stop_is_resting")
    rests.say(closed())
    rests.say(p.CompleteManagedRelease(reason="x"))
    assert rests.state() is AssetState.FROZEN


@pytest.mark.parametrize(
    ("stop", "limit"), [("90.01", 89), (90, "90.01"), (90, 0), (0, 0), (130, 129), (131, 89)]
)
def test_a_stop_above_what_was_agreed_or_without_a_limit_below_it_is_refused(
    active: LifecycleWorld, stop: str, limit: str
) -> None:
    active.refused(stop_opened(stop_price=D(stop), limit_price=D(limit)), "levels_out_of_order")


def test_a_stop_that_followed_the_price_rests_where_the_record_puts_it(active: LifecycleWorld) -> None:
    terms = TrailingTerms(enabled=True, distance=D(8))
    active.say(p.OverrideManagedLevels(reason="follow", trailing=terms))
    trail = Trail(highest_price=D(110), tick_size=D("0.01"), trailing_from=NOW)
    raised = stop_opened(stop_price=D(102), limit_price=D(101), trail=trail)
    active.refused(stop_opened(stop_price=D(102), limit_price=D(101)), "levels_out_of_order")
    active.refused(stop_opened(stop_price=D(103), limit_price=D(101), trail=trail), "levels_out_of_order")
    active.say(raised)
    assert active.entry().resting_stop is not None


# ---- how it ends --------------------------------------------------------------------------------------


def test_a_full_fill_is_the_agreed_exit(rests: LifecycleWorld) -> None:
    change = rests.say(stop_filled(10))
    assert types_of(change) == [EventType.EXIT_EXECUTED]
    assert change.detail["transition"] == "T13"
    assert code_of(rests) == "exit_stop_loss"
    assert change.events[0].data["exit_reason"] == "stop_loss"


def test_a_fill_in_a_pause_and_in_a_drift_of_the_price_is_booked(rests: LifecycleWorld) -> None:
    paused, alerted = rests, world_at(AssetState.MANAGED_ACTIVE)
    alerted.say(stop_opened())
    alerted.drift("price")
    paused.pause(Exits.OFF)
    assert paused.say(stop_filled(10)).detail["transition"] == "T19"
    assert alerted.say(stop_filled(10)).detail["transition"] == "T20"


def test_a_fill_on_the_way_back_lets_the_release_end(rests: LifecycleWorld) -> None:
    rests.pause()
    rests.say(p.ReleaseManagedAsset(mode=ReleaseMode.GRACEFUL))
    rests.say(stop_filled(10))
    assert rests.state() is AssetState.RELEASE_PENDING
    rests.say(p.CompleteManagedRelease(reason="exit filled"))


def test_a_stop_that_is_cancelled_keeps_the_reason_why_the_coin_stands_where_it_stands(
    rests: LifecycleWorld,
) -> None:
    rests.pause(Exits.OFF)
    change = rests.say(closed())
    assert types_of(change) == [EventType.RESTING_STOP_CLOSED]
    assert rests.entry().resting_stop is None
    assert code_of(rests) == "paused_by_user"


def test_a_stop_that_vanished_keeps_what_was_booked_of_it(rests: LifecycleWorld) -> None:
    rests.say(stop_filled(3, is_final=False))
    rests.say(closed())
    assert (rests.entry().sold_quantity, rests.entry().sold_quote) == (D(3), D(270))


def test_another_order_is_not_the_one_that_rests(rests: LifecycleWorld) -> None:
    rests.refused(closed("s2"), "no_resting_stop")
    rests.refused(filled(1, client_order_id="s2"), "no_exit_intent")


def test_a_pause_names_the_stop(rests: LifecycleWorld) -> None:
    assert rests.pause(Exits.OFF).detail["resting_stop"] == "s1"


def test_a_quantity_is_not_accepted_while_a_stop_may_be_selling_it(rests: LifecycleWorld) -> None:
    rests.drift("wallet_external", current_quantity=D(8))
    rests.refused(p.ResumeManagedAsset(reason="x", override=True, accept="current"), "exit_in_flight")


def test_the_stop_is_committed_with_its_time(rests: LifecycleWorld) -> None:
    stop = rests.entry().resting_stop
    assert stop is not None
    assert stop.opened_at == rests.now
    assert stop.opened_at.tzinfo is dt.UTC
    assert stop.remaining == 10
