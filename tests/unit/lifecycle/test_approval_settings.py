"""What a home's settings change about an approval and an override (Q-MH-3, Q-MH-13, four eyes)."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from bot.lifecycle.approval_rules import ApprovalFacts
from bot.lifecycle.command_payloads import LevelOverrides, OverrideManagedLevels, ResumeManagedAsset
from bot.lifecycle.dca_terms import DcaTerms, written_out
from bot.lifecycle.policy import OVERRIDABLE, Feature, OverrideDepth
from bot.lifecycle.states import AssetState
from tests.unit.lifecycle.lifecycle_world import POLICY, D, LifecycleWorld, offer, variant, world_at

TERMS = DcaTerms(steps=2, step_pct=D(3), max_additional_usdt=D(100))
ALL_OVERRIDES: dict[str, Any] = {
    "stop_loss": D(80),
    "take_profit": D(140),
    "max_allocation_usdt": D(900),
    "trailing": {"enabled": True},
    "dca": TERMS,
}
STEPS: dict[str, Any] = {"quantity_step": D("0.1")}


def proposed(**policy: Any) -> LifecycleWorld:
    return world_at(AssetState.RISK_PROPOSED, msgspec.structs.replace(POLICY, **policy))


def approved_with(world: LifecycleWorld, facts: ApprovalFacts, **overrides: Any) -> Decimal:
    """Return the quantity that was handed over."""
    world.say(world.approval(overrides=LevelOverrides(**overrides)), facts=facts)
    return world.entry().approved_quantity or D(0)


# ---- a lower allocation -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("allocation", "quantity"), [("1000", "10"), ("999", "9.9"), ("555", "5.5"), ("10", "0.1")]
)
def test_a_lower_allocation_hands_over_less_on_the_exchanges_grid(allocation: str, quantity: str) -> None:
    world = proposed()
    assert approved_with(world, world.facts(**STEPS), max_allocation_usdt=D(allocation)) == D(quantity)


def test_a_higher_allocation_never_hands_over_more_than_was_read() -> None:
    world = proposed()
    assert approved_with(world, world.facts(**STEPS), max_allocation_usdt=D(5_000)) == D(10)


def test_an_allocation_that_still_covers_a_part_leaves_it_whole() -> None:
    """The quantity was limited by the request, not by the allocation."""
    world = proposed()
    part = offer(world.proposal_id(), variants={"recommended": variant(quantity=D(5))})
    facts = world.facts(changed_offer=part)
    assert approved_with(world, facts, max_allocation_usdt=D(600)) == D(5)


def test_an_allocation_too_low_for_one_step_is_refused() -> None:
    world = proposed()
    words = world.approval(overrides=LevelOverrides(max_allocation_usdt=D(9)))
    world.refused(words, "quantity_invalid", facts=world.facts(**STEPS))


def test_without_the_exchanges_grid_no_allocation_is_lowered() -> None:
    world = proposed()
    words = world.approval(overrides=LevelOverrides(max_allocation_usdt=D(500)))
    world.refused(words, "market_unavailable", facts=world.facts())


# ---- depth --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ALL_OVERRIDES)
@pytest.mark.parametrize("depth", OverrideDepth)
def test_an_approvals_overrides_keep_to_the_depth(name: str, depth: OverrideDepth) -> None:
    """Q-MH-3."""
    world = proposed(override_depth=depth)
    words = world.approval(overrides=LevelOverrides(**{name: ALL_OVERRIDES[name]}))
    facts = world.facts(**STEPS)
    if depth is OverrideDepth.MEDIUM or name in {"stop_loss", "take_profit"}:
        world.say(words, facts=facts)
    else:
        assert name in world.refused(words, "override_too_deep", facts=facts).what


def test_the_strategy_group_is_in_no_depth() -> None:
    """Q-MH-3."""
    assert not any("strategy_group" in fields for fields in OVERRIDABLE.values())


def test_a_later_override_keeps_to_the_depth_too() -> None:
    """C1."""
    minimal = msgspec.structs.replace(POLICY, override_depth=OverrideDepth.MINIMAL)
    world = world_at(AssetState.MANAGED_ACTIVE, minimal)
    world.refused(OverrideManagedLevels(reason="x", synthetic_entry_value=D(95)), "override_too_deep")
    world.say(OverrideManagedLevels(reason="x", stop_loss=D(95)))


def test_an_override_keeps_the_smallest_distance() -> None:
    """M3, also after the promotion."""
    world = world_at(AssetState.MANAGED_ACTIVE)
    world.refused(OverrideManagedLevels(reason="x", stop_loss=D("99.5")), "stop_too_close")
    world.refused(OverrideManagedLevels(reason="x", synthetic_entry_value=D("90.5")), "stop_too_close")
    world.say(OverrideManagedLevels(reason="x", stop_loss=D(99)))


# ---- disabled features --------------------------------------------------------------------------------


def test_a_disabled_aggressive_variant_cannot_be_approved() -> None:
    """Q-MH-13, M1."""
    world = proposed(disabled=(Feature.AGGRESSIVE_VARIANT,))
    words = world.approval(variant="aggressive", confirm="SOL:aggressive")
    world.refused(words, "variant_not_allowed", facts=world.facts())
    world.approve()


def test_disabled_averaging_comes_in_neither_by_a_proposal_nor_by_an_override() -> None:
    """Q-MH-13."""
    world = proposed(disabled=(Feature.DCA,))
    words = world.approval(overrides=LevelOverrides(dca=TERMS))
    world.refused(words, "feature_disabled", facts=world.facts())
    told = offer(world.proposal_id(), variants={"recommended": variant(dca=written_out(TERMS))})
    world.refused(world.approval(), "feature_disabled", facts=world.facts(changed_offer=told))
    world.approve()
    world.refused(OverrideManagedLevels(reason="x", dca=TERMS), "feature_disabled")


def test_a_disabled_recommendation_of_t2_cannot_be_approved() -> None:
    """Q-MH-13."""
    world = proposed(disabled=(Feature.T2_RECOMMENDATION,))
    told = offer(world.proposal_id(), strategy_group="t2_pump_dump")
    world.refused(world.approval(), "feature_disabled", facts=world.facts(changed_offer=told))
    proposed().say(world.approval(), facts=world.facts(changed_offer=told))


def test_what_is_not_disabled_is_let_through() -> None:
    world = proposed()
    assert world.policy.disabled == ()
    approve = world.approval(overrides=LevelOverrides(dca=TERMS))
    world.say(approve, facts=world.facts())
    assert world.entry().dca == written_out(TERMS)


# ---- four eyes ----------------------------------------------------------------------------------------


def test_with_four_eyes_the_requester_does_not_approve_and_another_admin_does() -> None:
    world = proposed(four_eyes=True)
    world.refused(world.approval(), "four_eyes", facts=world.facts(), actor="user_ann")
    world.say(world.approval(), facts=world.facts(), actor="user_bob")
    assert world.entry().promoted_by_user_id == "bob"


def test_without_four_eyes_the_requester_may_approve() -> None:
    world = proposed()
    world.say(world.approval(), facts=world.facts(), actor="user_ann")


# ---- resume out of a drift ----------------------------------------------------------------------------


@pytest.mark.parametrize("reason", ["", "  "])
def test_an_overruled_alert_needs_its_reason(reason: str) -> None:
    """T11."""
    world = world_at(AssetState.MANAGED_DRIFT_ALERT)
    world.refused(ResumeManagedAsset(reason=reason, override=True), "reason_missing")
    world.say(ResumeManagedAsset(reason="looked at it", override=True))
