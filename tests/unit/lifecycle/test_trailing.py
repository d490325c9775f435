"""The stop that follows the price: when it begins, how far behind it stays, what is worth a record."""

import datetime as dt
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from bot.lifecycle.documents import ManagedAsset
from bot.lifecycle.states import AssetState
from bot.lifecycle.trailing import Plan, agreed_stop, kept_trail, live_stop, observed, plan_of, stop_at
from bot.lifecycle.trailing_terms import Trail

D = Decimal
NOW = dt.datetime(2026, 5, 3, 12, tzinfo=dt.UTC)
LATER = NOW + dt.timedelta(minutes=5)
CENT = D("0.01")
ENTRY = ManagedAsset(
    state=AssetState.MANAGED_ACTIVE,
    reference_price=D(100),
    stop_loss=D(90),
    take_profit=D(160),
    trailing={"enabled": True, "distance": D(10)},
)
PLAN = Plan(stop_loss=D(90), activation_price=D(0), distance=D(10))


def entry(**changes: Any) -> ManagedAsset:
    return msgspec.structs.replace(ENTRY, **changes)


def trail(highest: Decimal | int, tick: Decimal = CENT) -> Trail:
    return Trail(highest_price=D(highest), tick_size=tick, trailing_from=NOW)


def see(price: Decimal | int | str, recorded: Trail | None = None, plan: Plan = PLAN) -> Trail | None:
    return observed(plan, recorded, D(price), tick_size=CENT, now=LATER)


# ---- what is agreed -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "terms",
    [
        None,
        {},
        {"enabled": False},
        {"enabled": True, "distance_atr": D(2)},  # from before numbers became prices at the agreement
        {"enabled": True, "activation_pct": D(2)},
        {"atr": D(2)},
        {"enabled": "yes"},
        {"enabled": True, "distance": "far"},
    ],
)
def test_a_stop_without_readable_terms_stands_still(terms: dict[str, Any] | None) -> None:
    assert plan_of(entry(trailing=terms)) is None
    assert live_stop(entry(trailing=terms), trail(150)) == D(90)


def test_terms_without_numbers_keep_the_distance_between_reference_and_stop_and_begin_at_once() -> None:
    assert plan_of(entry(trailing={"enabled": True})) == PLAN
    assert plan_of(entry(trailing={"enabled": True}, stop_loss=D(92))) == Plan(D(92), D(0), D(8))


def test_a_persons_terms_and_stop_come_before_the_promotions() -> None:
    live = entry(overrides={"trailing": {"enabled": True, "distance": D(6)}, "stop_loss": D(93)})
    assert plan_of(live) == Plan(D(93), D(0), D(6))
    assert agreed_stop(live) == D(93)
    assert plan_of(entry(overrides={"trailing": {"enabled": False}})) is None


# ---- the stop -----------------------------------------------------------------------------------------


def test_the_stop_is_the_agreed_one_as_long_as_nothing_is_on_record() -> None:
    assert live_stop(ENTRY, None) == D(90)


def test_the_stop_lies_its_distance_below_the_highest_price() -> None:
    assert live_stop(ENTRY, trail(120)) == D(110)


def test_the_stop_never_lies_below_the_agreed_one() -> None:
    assert live_stop(ENTRY, trail(99)) == D(90)


def test_the_stop_is_rounded_down_to_the_tick() -> None:
    assert stop_at(PLAN, D("120.129"), CENT) == D("110.12")
    assert stop_at(PLAN, D("120.129"), D("0.5")) == D(110)
    assert stop_at(PLAN, D("120.129"), D(0)) == D("110.129")


def test_below_its_activation_the_stop_stands_still_and_from_it_on_it_follows() -> None:
    plan = PLAN._replace(activation_price=D(115))
    assert stop_at(plan, D("114.99"), CENT) == D(90)
    assert stop_at(plan, D(115), CENT) == D(105)


# ---- what is recorded ---------------------------------------------------------------------------------


def test_a_new_highest_price_is_recorded_with_the_moment_in_which_the_stop_began_to_follow() -> None:
    first = see(105)
    assert first == Trail(highest_price=D(105), tick_size=CENT, trailing_from=LATER)
    assert see(110, trail(105)) == Trail(highest_price=D(110), tick_size=CENT, trailing_from=NOW)


def test_a_lower_or_equal_price_changes_nothing() -> None:
    assert see(105, trail(105)) is None
    assert see(104, trail(105)) is None
    assert see(50, trail(105)) is None


def test_a_rise_below_a_hundredth_of_the_distance_is_not_worth_a_record() -> None:
    assert see("105.09", trail(105)) is None
    assert see("105.1", trail(105)) == Trail(highest_price=D("105.1"), tick_size=CENT, trailing_from=NOW)


def test_a_rise_below_a_tick_is_not_worth_a_record() -> None:
    plan = PLAN._replace(distance=D("0.02"))
    assert observed(plan, trail(105), D("105.009"), tick_size=CENT, now=NOW) is None
    assert observed(plan, trail(105), D("105.01"), tick_size=CENT, now=NOW) is not None


def test_a_price_below_the_activation_is_not_recorded_however_high_it_is() -> None:
    plan = PLAN._replace(activation_price=D(115))
    assert see("114.99", plan=plan) is None
    assert see(115, plan=plan) == Trail(highest_price=D(115), tick_size=CENT, trailing_from=LATER)


def test_a_stop_that_a_person_set_higher_waits_until_the_price_is_its_distance_above_it() -> None:
    plan = PLAN._replace(stop_loss=D(98))
    assert see(108, plan=plan) is None
    assert see(109, plan=plan) is not None


def test_a_later_activation_begins_anew() -> None:
    later = entry(overrides={"trailing": {"enabled": True, "distance": D(10), "activation_price": D(130)}})
    assert kept_trail(later, trail(120)) is None
    assert kept_trail(later, trail(130)) == trail(130)
    assert see(131, trail(120), PLAN._replace(activation_price=D(130))) == Trail(
        highest_price=D(131), tick_size=CENT, trailing_from=LATER
    )


def test_what_is_switched_off_is_forgotten() -> None:
    assert kept_trail(entry(trailing={"enabled": False}), trail(120)) is None
    assert kept_trail(ENTRY, None) is None
