"""T04, the one door into the bot's hands: what it asks for, and each no by its own code."""

import datetime as dt
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from bot.kernel.errors import StopRuleBrokenError
from bot.lifecycle.command_payloads import LevelOverrides, RejectManagedProposal, ReleaseManagedAsset
from bot.lifecycle.documents import Exits
from bot.lifecycle.events import EventType
from bot.lifecycle.policy import LifecyclePolicy
from bot.lifecycle.states import AssetState
from bot.lifecycle.trailing_terms import TrailingTerms
from tests.unit.lifecycle.lifecycle_world import (
    DIGEST,
    POLICY,
    D,
    LifecycleWorld,
    offer,
    types_of,
    variant,
    world_at,
)


@pytest.fixture
def world() -> LifecycleWorld:
    """A world whose proposal waits for a decision."""
    return world_at(AssetState.RISK_PROPOSED)


def refused_offer(world: LifecycleWorld, code: str, **changes: Any) -> str:
    """Return why an approval of a file with these changes is refused."""
    told = offer(world.proposal_id(), **changes)
    return world.refused(world.approval(), code, facts=world.facts(changed_offer=told)).why


def refused_facts(world: LifecycleWorld, code: str, **changes: Any) -> str:
    """Return why an approval on these facts is refused."""
    return world.refused(world.approval(), code, facts=world.facts(**changes)).why


def with_policy(**changes: Any) -> LifecycleWorld:
    policy: LifecyclePolicy = msgspec.structs.replace(POLICY, **changes)
    return world_at(AssetState.RISK_PROPOSED, policy)


def test_an_approval_agrees_exactly_what_was_read(world: LifecycleWorld) -> None:
    change = world.approve()
    entry = world.entry()
    assert entry.state is AssetState.MANAGED_ACTIVE
    assert (entry.approved_quantity, entry.stop_loss, entry.take_profit) == (D(10), D(90), D(130))
    assert (entry.reference_price, entry.reference_regime, entry.atr) == (D(100), "BULL", D(4))
    assert (entry.synthetic_entry, entry.synthetic_entry_method) == (D(100), "current_price")
    assert (entry.variant, entry.strategy_group, entry.max_allocation_usdt) == (
        "recommended",
        "t1_core",
        D(1_000),
    )
    assert (entry.proposal_digest, entry.exits) == (DIGEST, Exits.ON)
    assert (entry.promoted_at, entry.promoted_by_user_id) == (world.now, "ann")
    assert entry.requested_by_user_id is None
    assert world.content.pending_proposals == {}
    assert types_of(change) == [EventType.ASSET_PROMOTED, EventType.SYNTHETIC_ENTRY_SET]
    told = change.events[0].data
    assert (told["price"], told["wallet_quantity"], told["confirm"]) == (D(100), D(25), "SOL:recommended")


def test_a_decided_proposal_is_not_decided_again(world: LifecycleWorld) -> None:
    """R3: of two admins one is applied, the other is told that it was decided."""
    first = world.approval()
    facts = world.facts()
    world.approve()
    world.refused(first, "proposal_already_decided", facts=facts, actor="user_bob")
    world.refused(RejectManagedProposal(proposal_id=first.proposal_id), "proposal_already_decided")


def test_a_declined_proposal_cannot_be_approved(world: LifecycleWorld) -> None:
    approval, facts = world.approval(), world.facts()
    world.say(RejectManagedProposal(proposal_id=world.proposal_id()))
    world.refused(approval, "proposal_already_decided", facts=facts)


@pytest.mark.parametrize(
    "state", [AssetState.MANAGED_DRIFT_ALERT, AssetState.RELEASE_PENDING, AssetState.EXIT_EXECUTED]
)
def test_a_decided_proposal_stays_decided_wherever_the_coin_went(state: AssetState) -> None:
    world = world_at(state)
    world.refused(world.approval(), "proposal_already_decided", facts=world.facts())


def test_a_typo_does_not_burn_the_proposal(world: LifecycleWorld) -> None:
    world.refused(world.approval(confirm="SOL:recomended"), "confirmation_wrong", facts=world.facts())
    world.approve()


def test_another_proposals_id_is_not_current(world: LifecycleWorld) -> None:
    world.refused(world.approval(proposal_id="older"), "proposal_not_current", facts=world.facts())


@pytest.mark.parametrize(
    "state", [AssetState.FROZEN, AssetState.PROPOSAL_PENDING, AssetState.PROPOSAL_ABORTED]
)
def test_nothing_is_approved_where_nothing_waits(state: AssetState) -> None:
    world = world_at(state)
    refusal = world.refused(world.approval(), "transition_not_allowed", facts=world.facts())
    assert state in refusal.why
    assert AssetState.RISK_PROPOSED in refusal.why


@pytest.mark.parametrize("seconds", [0, 1])
def test_an_expired_proposal_is_refused_from_the_second_of_its_end(
    world: LifecycleWorld, seconds: int
) -> None:
    world.wait(days=7, seconds=seconds)
    world.refused(world.approval(), "proposal_expired", facts=world.facts())


def test_the_earlier_end_counts_the_files_or_the_states(world: LifecycleWorld) -> None:
    refused_offer(world, "proposal_expired", expires_at=world.now)
    world.wait(days=7)
    refused_offer(world, "proposal_expired", expires_at=world.now + dt.timedelta(days=9))


def test_until_its_last_second_a_proposal_may_be_approved(world: LifecycleWorld) -> None:
    world.wait(days=6, hours=23, minutes=59, seconds=59)
    world.approve()


def test_other_bytes_than_the_files_are_refused(world: LifecycleWorld) -> None:
    world.refused(world.approval(proposal_digest="e" * 64), "digest_mismatch", facts=world.facts())
    refused_offer(world, "digest_mismatch", digest="e" * 64)


def test_a_file_about_another_coin_is_no_such_proposal(world: LifecycleWorld) -> None:
    refused_offer(world, "no_such_proposal", asset="ETH")


def test_a_file_with_another_id_is_no_such_proposal(world: LifecycleWorld) -> None:
    told = offer("another")
    world.refused(world.approval(), "no_such_proposal", facts=world.facts(changed_offer=told))


def test_a_file_of_another_environment_is_no_such_proposal(world: LifecycleWorld) -> None:
    assert "sandbox" in refused_offer(world, "no_such_proposal", environment="testnet")


@pytest.mark.parametrize(
    "typed", ["", "sol:recommended", "SOL:Recommended", "SOL:recommended ", "SOL", "SOL:conservative"]
)
def test_the_confirmation_counts_to_the_letter(world: LifecycleWorld, typed: str) -> None:
    """Q-MH-11, DR-4."""
    refusal = world.refused(world.approval(confirm=typed), "confirmation_wrong", facts=world.facts())
    assert "SOL:recommended" in refusal.why


def test_a_variant_that_the_file_does_not_have_is_unknown(world: LifecycleWorld) -> None:
    wanted = world.approval(variant="bold", confirm="SOL:bold")
    assert "conservative" in world.refused(wanted, "variant_unknown", facts=world.facts()).why


def test_a_variant_that_the_environment_does_not_offer_is_not_allowed() -> None:
    """Q-MH-2."""
    world = with_policy(variants=("recommended", "conservative"))
    wanted = world.approval(variant="aggressive", confirm="SOL:aggressive")
    world.refused(wanted, "variant_not_allowed", facts=world.facts())


def test_a_variant_that_the_file_blocks_is_not_allowed(world: LifecycleWorld) -> None:
    blocked = {"recommended": variant(blocked="Its stop is nearer than one percent.")}
    assert "one percent" in refused_offer(world, "variant_not_allowed", variants=blocked)


@pytest.mark.parametrize("group", ["t3_copy_trading", "", "t9"])
def test_a_strategy_group_off_the_allow_list_is_refused(world: LifecycleWorld, group: str) -> None:
    refused_offer(world, "strategy_not_allowed", strategy_group=group)


@pytest.mark.parametrize(
    "levels",
    [
        {"stop_loss": D(100)},
        {"stop_loss": D(101)},
        {"take_profit": D(100)},
        {"take_profit": D(99)},
        {"stop_loss": D(0)},
    ],
)
def test_stop_reference_and_target_stand_in_this_order(
    world: LifecycleWorld, levels: dict[str, Decimal]
) -> None:
    refused_offer(world, "levels_out_of_order", variants={"recommended": variant(**levels)})


@pytest.mark.parametrize("terms", [{"quantity": D(0)}, {"max_allocation_usdt": D(0)}])
def test_nothing_is_agreed_about_a_quantity_or_an_allocation_of_zero(
    world: LifecycleWorld, terms: dict[str, Decimal]
) -> None:
    refused_offer(world, "quantity_invalid", variants={"recommended": variant(**terms)})


@pytest.mark.parametrize(
    ("entry", "stop", "code"),
    [
        (100, "99.01", "stop_too_close"),  # 0.99 % below both
        (100, "99", None),  # exactly 1 %
        (95, "94.5", "stop_too_close"),  # the entry lies nearer than the market
        (95, "94.05", None),
        (150, "99.5", "stop_too_close"),  # bought dearer: the market's distance counts
        (150, "98", None),
        (20, "99.5", "stop_too_close"),  # in profit beyond the stop: the market's distance counts
        (20, "90", None),
        (90, "90", None),  # bought at the stop itself: nothing is lost there
        ("90.01", "90", "stop_too_close"),
    ],
)
def test_the_stop_keeps_its_distance_from_entry_and_market(
    world: LifecycleWorld, entry: int | str, stop: str, code: str | None
) -> None:  # M3, with the holding that is in profit at its stop
    told = offer(
        world.proposal_id(),
        synthetic_entry=D(entry),
        variants={"recommended": variant(stop_loss=D(stop))},
    )
    facts = world.facts(changed_offer=told)
    if code is not None:
        assert "1 %" in world.refused(world.approval(), code, facts=facts).why
    else:
        world.say(world.approval(), facts=facts)
        assert world.entry().synthetic_entry == D(entry)


def test_the_least_distance_is_the_environments(world: LifecycleWorld) -> None:
    strict = with_policy(min_entry_stop_pct=D(11))
    strict.refused(strict.approval(), "stop_too_close", facts=strict.facts())
    world.approve()


def test_an_unknown_balance_is_not_zero(world: LifecycleWorld) -> None:
    refused_facts(world, "balance_unknown", wallet_quantity=None)


def test_an_unknown_price_is_no_price(world: LifecycleWorld) -> None:
    refused_facts(world, "price_unknown", price=None)


def test_facts_of_sixty_seconds_hold_and_of_sixty_one_do_not(world: LifecycleWorld) -> None:
    refused_facts(world, "facts_too_old", observed_at=world.now - dt.timedelta(seconds=61))
    world.say(world.approval(), facts=world.facts(observed_at=world.now - dt.timedelta(seconds=60)))


def test_what_the_wallet_does_not_hold_is_not_handed_over(world: LifecycleWorld) -> None:
    assert "10 are to be" in refused_facts(world, "balance_too_small", wallet_quantity=D("9.999"))
    refused_facts(world, "balance_too_small", wallet_quantity=D(0))


@pytest.mark.parametrize("price", [D("104.01"), D("95.99")])
def test_a_price_further_away_than_one_atr_makes_the_proposal_stale(
    world: LifecycleWorld, price: Decimal
) -> None:
    assert "4.01" in refused_facts(world, "proposal_stale", price=price)


@pytest.mark.parametrize("price", [D(104), D(96)])
def test_a_price_of_exactly_one_atr_is_not_stale(world: LifecycleWorld, price: Decimal) -> None:
    world.say(world.approval(), facts=world.facts(price=price))


@pytest.mark.parametrize("quantity", [D("26.26"), D("23.74")])
def test_a_balance_that_drifted_more_than_five_percent_makes_the_proposal_stale(
    world: LifecycleWorld, quantity: Decimal
) -> None:
    assert "5.04 %" in refused_facts(world, "proposal_stale", wallet_quantity=quantity)


@pytest.mark.parametrize("quantity", [D("26.25"), D("23.75")])
def test_a_balance_of_exactly_five_percent_is_not_stale(world: LifecycleWorld, quantity: Decimal) -> None:
    world.say(world.approval(), facts=world.facts(wallet_quantity=quantity))


def test_overrides_change_levels_and_are_told(world: LifecycleWorld) -> None:
    """Q-MH-3."""
    terms = TrailingTerms(enabled=True)
    wanted = LevelOverrides(stop_loss=D(92), take_profit=D(140), trailing=terms)
    change = world.approve(overrides=wanted)
    entry = world.entry()
    assert (entry.stop_loss, entry.take_profit) == (D(92), D(140))
    assert entry.trailing == {"enabled": True, "distance": D(8)}  # as far as the stop lies below 100
    assert entry.approved_quantity == D(10)
    assert EventType.OPERATOR_OVERRIDE in types_of(change)


def test_overrides_keep_to_the_same_rules(world: LifecycleWorld) -> None:
    facts = world.facts()
    for code, levels in {
        "levels_out_of_order": LevelOverrides(stop_loss=D(101)),
        "stop_too_close": LevelOverrides(stop_loss=D("99.5")),
        "quantity_invalid": LevelOverrides(max_allocation_usdt=D(-1)),
    }.items():
        world.refused(world.approval(overrides=levels), code, facts=facts)


def test_the_strategy_group_cannot_be_overridden() -> None:
    with pytest.raises(msgspec.ValidationError, match="strategy_group"):
        msgspec.convert({"strategy_group": "t3_copy_trading"}, LevelOverrides)


def test_an_allocation_above_the_investable_capital_is_said() -> None:
    """M4, CAP-1."""
    world = with_policy(investable_capital_usdt=D(999))
    change = world.approve()
    assert types_of(change)[-1] is EventType.ALLOCATION_CAPPED
    assert change.detail["allocation_capped"] is True
    enough = with_policy(investable_capital_usdt=D(1_000))
    assert EventType.ALLOCATION_CAPPED not in types_of(enough.approve())


def test_nobody_promotes_without_facts(world: LifecycleWorld) -> None:
    """SR-12."""
    with pytest.raises(StopRuleBrokenError, match="SR-12"):
        world.say(world.approval())
    assert world.state() is AssetState.RISK_PROPOSED


def test_a_promotion_starts_from_an_empty_entry() -> None:
    """What an earlier life of the coin left is gone: its sales, its release, its cool-down."""
    world = world_at(AssetState.EXIT_EXECUTED)
    sold = world.entry()
    assert sold.sold_quantity == D(10)
    world.say(ReleaseManagedAsset())
    world.request()
    world.complete()
    world.approve()
    entry = world.entry()
    assert (entry.sold_quantity, entry.sold_quote, entry.exit_intent, entry.force_exit) == (None,) * 4
    assert entry.transitions == sold.transitions + 4
    assert entry.history[: len(sold.history)] == sold.history
