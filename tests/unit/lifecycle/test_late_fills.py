"""Late fills as a rule: booked once, for their own agreement, and the exit where nothing is left."""

from decimal import Decimal
from typing import Any

import pytest

from bot.lifecycle import command_payloads as p
from bot.lifecycle.documents import ExitReason, LateFill, ReleaseMode
from bot.lifecycle.events import EventType
from bot.lifecycle.exit_rules import promised_rest
from bot.lifecycle.states import AssetState as S
from tests.unit.lifecycle.lifecycle_world import LifecycleWorld, world_at

ORDER = "mh-SOL-1"
D = Decimal


def late(world: LifecycleWorld, filled: str, quote: str = "900", *, booked: str = "0", **changes: Any) -> Any:
    words: dict[str, Any] = {
        "client_order_id": ORDER,
        "exchange_order_id": "77",
        "order_status": "filled",
        "is_final": True,
        "filled_quantity": D(filled),
        "filled_quote": D(quote),
        "late": p.LateBasis(
            proposal_id=world.proposal_id(),
            reason=ExitReason.STOP_LOSS,
            booked_quantity=D(booked),
        ),
    }
    return p.RecordManagedExit(**words | changes)


def test_a_late_fill_is_sold_and_counts_in_the_promise() -> None:
    world = world_at(S.MANAGED_ACTIVE)
    change = world.say(late(world, "4"))
    entry = world.entry()
    assert (entry.state, entry.sold_quantity, entry.sold_quote) == (S.MANAGED_ACTIVE, D(4), D(900))
    assert promised_rest(entry) == D(6)
    assert [event.type for event in change.events] == [EventType.EXIT_INTENT_CLOSED]
    assert change.events[0].data["late_quantity"] == D(4)


def test_the_same_late_fill_is_booked_once() -> None:
    world = world_at(S.MANAGED_ACTIVE)
    world.say(late(world, "4"))
    world.refused(late(world, "4"), "late_fill_known")
    assert world.entry().sold_quantity == D(4)


def test_of_a_late_fill_that_grows_only_what_is_new_is_added() -> None:
    world = world_at(S.MANAGED_ACTIVE)
    world.say(late(world, "4", "400"))
    fees = (p.PaidFee(asset="SOL", amount=D("0.01")), p.PaidFee(asset="BNB", amount=D(1)))
    world.say(late(world, "6", "610", fees=fees))
    entry = world.entry()
    assert (entry.sold_quantity, entry.sold_quote, entry.fee_quantity) == (D(6), D(610), D("0.01"))
    known = LateFill(filled_quantity=D(6), filled_quote=D(610), fee_quantity=D("0.01"))
    assert entry.late_fills == {ORDER: known}


def test_what_was_booked_when_the_order_ended_is_not_booked_again() -> None:
    world = world_at(S.MANAGED_ACTIVE)
    world.say(late(world, "4", booked="3"))
    assert world.entry().sold_quantity == D(1)
    world.refused(late(world, "4", booked="0"), "late_fill_known")


def test_a_stale_word_on_what_was_booked_does_not_book_twice() -> None:
    """Two processes looked at the audit at the same moment; the second one's base is older than the state."""
    world = world_at(S.MANAGED_ACTIVE)
    first, second = late(world, "4"), late(world, "7")
    world.say(first)
    world.say(second)
    assert world.entry().sold_quantity == D(7)


@pytest.mark.parametrize(
    ("state", "number"),
    [(S.MANAGED_ACTIVE, "T13"), (S.MANAGED_PAUSED, "T19"), (S.MANAGED_DRIFT_ALERT, "T20")],
)
def test_a_late_fill_that_leaves_nothing_is_the_exit(state: S, number: str) -> None:
    world = world_at(state)
    change = world.say(late(world, "10"))
    assert world.state() is S.EXIT_EXECUTED
    assert change.detail["transition"] == number
    assert world.entry().reason is not None


def test_a_rest_that_is_dust_is_the_exit_too() -> None:
    world = world_at(S.MANAGED_ACTIVE)
    world.say(late(world, "9.99", rest_is_dust=True))
    assert world.state() is S.EXIT_EXECUTED


def test_more_than_was_promised_is_booked_as_it_is() -> None:
    world = world_at(S.MANAGED_ACTIVE)
    world.say(late(world, "12"))
    entry = world.entry()
    assert (entry.state, entry.sold_quantity, promised_rest(entry)) == (S.EXIT_EXECUTED, D(12), D(0))


def test_a_coin_that_is_sold_already_counts_the_late_fill_and_stays_sold() -> None:
    world = world_at(S.MANAGED_ACTIVE)
    world.say(late(world, "10"))
    world.say(late(world, "2", client_order_id="mh-SOL-2"))
    assert (world.state(), world.entry().sold_quantity) == (S.EXIT_EXECUTED, D(12))


def test_on_its_way_back_a_late_fill_of_all_leaves_the_rest_to_the_systems_pass() -> None:
    world = world_at(S.MANAGED_PAUSED)
    world.say(p.ReleaseManagedAsset(mode=ReleaseMode.GRACEFUL))
    change = world.say(late(world, "10"))
    assert world.state() is S.RELEASE_PENDING
    assert change.events[0].type is EventType.EXIT_EXECUTED


def test_an_order_of_another_agreement_is_not_booked() -> None:
    world = world_at(S.MANAGED_ACTIVE)
    basis = p.LateBasis(proposal_id="another", reason=ExitReason.STOP_LOSS)
    world.refused(late(world, "4", late=basis), "late_fill_of_other_agreement")


@pytest.mark.parametrize("state", [S.FROZEN, S.RISK_PROPOSED, S.PROPOSAL_REJECTED])
def test_a_coin_that_is_not_in_the_bots_hands_books_nothing(state: S) -> None:
    world = world_at(state)
    world.refused(late(world, "4"), "late_fill_of_other_agreement")


def test_an_order_in_flight_is_booked_the_ordinary_way_only() -> None:
    world = world_at(S.MANAGED_ACTIVE)
    intent = p.OpenExitIntent(
        client_order_id=ORDER, quantity=D(10), reason=ExitReason.STOP_LOSS, trigger_price=D(80)
    )
    world.say(intent)
    world.refused(late(world, "4"), "exit_in_flight")


def test_while_another_order_is_in_flight_the_fill_counts_and_the_exit_waits_for_its_end() -> None:
    world = world_at(S.MANAGED_ACTIVE)
    other = p.OpenExitIntent(
        client_order_id="mh-SOL-2", quantity=D(10), reason=ExitReason.STOP_LOSS, trigger_price=D(80)
    )
    world.say(other)
    world.say(late(world, "10"))
    assert (world.state(), world.entry().sold_quantity) == (S.MANAGED_ACTIVE, D(10))
    world.say(
        p.CloseExitIntent(client_order_id="mh-SOL-2", reason_code="never_arrived", text="no such order")
    )
    assert world.state() is S.MANAGED_ACTIVE
    world.say(late(world, "10"))
    assert (world.state(), world.entry().sold_quantity) == (S.EXIT_EXECUTED, D(10))
