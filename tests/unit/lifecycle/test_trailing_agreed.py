"""What may be agreed about a stop that follows the price, at an approval and by an override."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from bot.lifecycle.command_payloads import LevelOverrides, OverrideManagedLevels, ResumeManagedAsset
from bot.lifecycle.states import AssetState
from bot.lifecycle.trailing import plan_of
from bot.lifecycle.trailing_terms import TrailingTerms
from tests.unit.lifecycle.lifecycle_world import POLICY, D, LifecycleWorld, offer, variant, world_at

ON = TrailingTerms(enabled=True)


def terms(**numbers: Any) -> TrailingTerms:
    return TrailingTerms(enabled=True, **{name: D(value) for name, value in numbers.items()})


def override(trailing: TrailingTerms, **levels: Any) -> OverrideManagedLevels:
    return OverrideManagedLevels(reason="x", trailing=trailing, **levels)


def agreed(world: LifecycleWorld) -> Any:
    entry = world.entry()
    return (entry.overrides or {}).get("trailing", entry.trailing)


@pytest.fixture
def active() -> LifecycleWorld:
    """SOL at 100 with an ATR of 4, stop 90, target 130."""
    return world_at(AssetState.MANAGED_ACTIVE)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (ON, {"distance": "10"}),
        (terms(distance="5.5"), {"distance": "5.5"}),
        (terms(distance_pct=4), {"distance": "4"}),
        (terms(distance_atr="1.5"), {"distance": "6"}),
        (terms(activation_price=110), {"activation_price": "110", "distance": "10"}),
        (terms(activation_pct=8, distance=3), {"activation_price": "108", "distance": "3"}),
        (terms(activation_atr=2, distance=3), {"activation_price": "108", "distance": "3"}),
        (terms(activation_price=120, distance_pct=5), {"activation_price": "120", "distance": "6"}),
    ],
)
def test_terms_are_kept_as_prices(active: LifecycleWorld, given: TrailingTerms, kept: dict[str, str]) -> None:
    change = active.say(override(given))
    wanted = {"enabled": True} | {name: D(value) for name, value in kept.items()}
    assert agreed(active) == wanted
    assert change.events[0].data["difference"]["trailing"] == {"from": None, "to": wanted}


def test_a_trailing_stop_is_switched_off_again(active: LifecycleWorld) -> None:
    active.say(override(ON))
    active.say(override(TrailingTerms(enabled=False)))
    assert agreed(active) == {"enabled": False}
    assert plan_of(active.entry()) is None


@pytest.mark.parametrize(
    "wrong",
    [
        terms(distance=0),
        terms(distance=-1),
        terms(activation_price=0),
        terms(distance=5, distance_pct=5),
        terms(distance_pct=5, distance_atr=1),
        terms(activation_price=110, activation_atr=1),
        terms(activation_price=130, distance=5),
        terms(activation_price=131, distance=5),
        terms(distance=100),
        terms(distance_pct=100),
        msgspec.structs.replace(terms(distance=5), enabled=False),
    ],
)
def test_terms_that_make_no_sense_are_refused(active: LifecycleWorld, wrong: TrailingTerms) -> None:
    active.refused(override(wrong), "trailing_invalid")


def test_a_distance_within_the_noise_is_refused() -> None:
    """M3: counted from where the stop begins to follow."""
    active = world_at(AssetState.MANAGED_ACTIVE)
    active.refused(override(terms(distance="0.99")), "stop_too_close")
    active.refused(override(terms(activation_price=120, distance="1.19")), "stop_too_close")
    active.say(override(terms(activation_price=120, distance="1.2")))
    strict = world_at(
        AssetState.MANAGED_ACTIVE, msgspec.structs.replace(POLICY, min_entry_stop_pct=Decimal(5))
    )
    strict.refused(override(terms(distance="4.99")), "stop_too_close")
    strict.say(override(terms(distance=5)))


def test_an_override_counts_the_distance_from_the_stop_that_it_sets(active: LifecycleWorld) -> None:
    active.say(override(ON, stop_loss=D(95)))
    assert agreed(active) == {"enabled": True, "distance": D(5)}
    active.refused(override(terms(activation_price=126), take_profit=D(125)), "trailing_invalid")


def test_the_trailing_stop_of_a_variant_is_agreed_with_its_distance() -> None:
    world = world_at(AssetState.RISK_PROPOSED)
    told = offer(world.proposal_id(), variants={"recommended": variant(trailing={"enabled": True})})
    world.say(world.approval(), facts=world.facts(changed_offer=told))
    assert agreed(world) == {"enabled": True, "distance": D(10)}


def test_a_variant_without_a_trailing_stop_agrees_on_none(active: LifecycleWorld) -> None:
    assert agreed(active) is None


def test_an_approval_refuses_what_an_override_refuses() -> None:
    world = world_at(AssetState.RISK_PROPOSED)
    wrong = LevelOverrides(trailing=terms(distance=5, distance_pct=5))
    world.refused(world.approval(overrides=wrong), "trailing_invalid", facts=world.facts())
    world.say(world.approval(overrides=LevelOverrides(trailing=terms(distance=5))), facts=world.facts())
    assert agreed(world) == {"enabled": True, "distance": D(5)}


def test_a_new_reference_moves_no_stop(active: LifecycleWorld) -> None:
    """T11: what was agreed stays as far behind as it was."""
    active.say(override(terms(activation_pct=8, distance_atr=1)))
    before = plan_of(active.entry())
    active.drift("price", current_price=D(120))
    active.say(ResumeManagedAsset(reason="x", override=True, accept="current"))
    assert active.entry().reference_price == D(120)
    assert plan_of(active.entry()) == before
