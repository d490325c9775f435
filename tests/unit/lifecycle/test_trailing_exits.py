"""A sale at a stop that has followed the price: allowed under the lock, told in the record, nothing else."""

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest

from bot.lifecycle.command_payloads import CloseExitIntent, OpenExitIntent, OverrideManagedLevels
from bot.lifecycle.documents import ExitReason
from bot.lifecycle.events import EventType
from bot.lifecycle.states import AssetState
from bot.lifecycle.trailing_terms import Trail, TrailingTerms
from tests.unit.lifecycle.lifecycle_world import NOW, D, LifecycleWorld, filled, types_of, world_at

TRAIL = Trail(highest_price=D(125), tick_size=D("0.01"), trailing_from=NOW - dt.timedelta(hours=1))
"""With a distance of ten: the stop stands at 115."""


def sale(price: Decimal | int | str, trail: Trail | None = TRAIL, **changes: Any) -> OpenExitIntent:
    words: dict[str, Any] = {
        "client_order_id": "o1",
        "quantity": D(10),
        "reason": ExitReason.STOP_LOSS,
        "trigger_price": D(price),
        "trail": trail,
    }
    return OpenExitIntent(**words | changes)


def override(**levels: Any) -> OverrideManagedLevels:
    return OverrideManagedLevels(reason="x", **levels)


@pytest.fixture
def trailing() -> LifecycleWorld:
    """SOL at 100, stop 90, target 130; the stop follows ten below the price."""
    world = world_at(AssetState.MANAGED_ACTIVE)
    world.say(override(trailing=TrailingTerms(enabled=True)))
    return world


def test_a_sale_at_the_stop_that_followed_the_price_is_agreed(trailing: LifecycleWorld) -> None:
    change = trailing.say(sale(115))
    assert types_of(change) == [EventType.EXIT_INTENT_OPENED]
    assert change.events[0].data == {"stop_loss": D(115), "agreed_stop_loss": D(90)}
    intent = trailing.entry().exit_intent
    assert intent is not None
    assert (intent.reason, intent.trail) == (ExitReason.STOP_LOSS, TRAIL)


def test_a_sale_above_that_stop_is_refused(trailing: LifecycleWorld) -> None:
    why = trailing.refused(sale("115.01"), "exit_not_due").why
    assert "The stop is 115," in why


def test_without_what_is_on_record_the_agreed_stop_counts(trailing: LifecycleWorld) -> None:
    trailing.refused(sale(115, None), "exit_not_due")
    trailing.say(sale(90, None))


def test_a_sale_below_the_agreed_stop_needs_no_trail_in_its_record(trailing: LifecycleWorld) -> None:
    change = trailing.say(sale(89))
    intent = trailing.entry().exit_intent
    assert intent is not None
    assert intent.trail is None
    assert change.events[0].data == {}


def test_a_coin_whose_stop_stands_still_is_not_sold_on_a_trail() -> None:
    world = world_at(AssetState.MANAGED_ACTIVE)
    world.refused(sale(115), "exit_not_due")


@pytest.mark.parametrize(
    "levels",
    [
        {"trailing": TrailingTerms(enabled=False)},
        {"trailing": TrailingTerms(enabled=True, distance=D(12))},
        {"trailing": TrailingTerms(enabled=True, activation_price=D(126), distance=D(10))},
    ],
)
def test_what_a_person_changed_in_between_decides_under_the_lock(
    trailing: LifecycleWorld, levels: dict[str, Any]
) -> None:
    """R4: the ground moved between the loop's look and the commit."""
    trailing.say(override(**levels))
    trailing.refused(sale(115), "exit_not_due")


def test_a_stop_that_a_person_set_above_it_counts(trailing: LifecycleWorld) -> None:
    low = Trail(highest_price=D(101), tick_size=D("0.01"), trailing_from=NOW)
    trailing.say(override(stop_loss=D(95)))
    trailing.say(sale(95, low))
    intent = trailing.entry().exit_intent
    assert intent is not None
    assert intent.trail is None


def test_the_end_of_such_a_sale_says_that_the_stop_had_followed(trailing: LifecycleWorld) -> None:
    trailing.say(sale(115))
    trailing.say(filled(10, filled_quote=D(1_150)))
    reason = trailing.entry().reason
    assert reason is not None
    assert (reason.code, reason.text) == ("exit_stop_loss", "sold at the stop that had followed the price up")


def test_an_ended_intent_leaves_the_trailing_stop_as_it_was(trailing: LifecycleWorld) -> None:
    trailing.say(sale(115))
    trailing.say(CloseExitIntent(client_order_id="o1", reason_code="never_arrived", text="gone"))
    trailing.refused(sale(116), "exit_not_due")
    trailing.say(sale(115, client_order_id="o2"))
