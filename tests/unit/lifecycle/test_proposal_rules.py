"""Asking for a proposal, the engine's answer, a no, and the timed pass."""

import datetime as dt

import msgspec
import pytest

from bot.lifecycle import command_payloads as p
from bot.lifecycle.events import EventType
from bot.lifecycle.states import AssetState
from tests.unit.lifecycle.lifecycle_world import (
    DIGEST,
    DIRECT,
    D,
    LifecycleWorld,
    completed,
    types_of,
    world_at,
)


@pytest.fixture
def frozen() -> LifecycleWorld:
    return LifecycleWorld()


def aborted(proposal_id: str) -> p.AbortManagedProposal:
    return p.AbortManagedProposal(
        proposal_id=proposal_id, reason_code="no_balance", sentence="Nothing there."
    )


# ---- request ------------------------------------------------------------------------------------------


def test_a_request_keeps_what_was_asked_and_by_whom(frozen: LifecycleWorld) -> None:
    frozen.request(
        quantity=D("7.5"),
        synthetic_entry_method=p.EntryMethod.MANUAL,
        synthetic_entry_value=D(20),
    )
    entry, pending = frozen.entry(), frozen.content.pending_proposals["SOL"]
    assert (entry.requested_quantity, entry.requested_entry_method) == (D("7.5"), "manual")
    assert (entry.requested_entry_value, entry.requested_by_user_id) == (D(20), "ann")
    assert pending.proposal_id == entry.current_proposal_id == "c-1"
    assert pending.state is AssetState.PROPOSAL_PENDING
    assert (pending.requested_at, pending.requested_by_user_id) == (frozen.now, "ann")
    assert pending.expires_at == frozen.now + dt.timedelta(days=7)


@pytest.mark.parametrize("quantity", [D(0), D(-1)])
def test_a_quantity_is_above_zero(frozen: LifecycleWorld, quantity: object) -> None:
    frozen.refused(msgspec.structs.replace(p.RequestManagedProposal(), quantity=quantity), "quantity_invalid")


@pytest.mark.parametrize("value", [None, D(0), D(-1)])
def test_a_manual_entry_needs_its_price(frozen: LifecycleWorld, value: object) -> None:
    words = p.RequestManagedProposal(synthetic_entry_method=p.EntryMethod.MANUAL)
    frozen.refused(msgspec.structs.replace(words, synthetic_entry_value=value), "manual_entry_needs_value")


def test_the_quote_cannot_be_handed_over(frozen: LifecycleWorld) -> None:
    frozen.refused(p.RequestManagedProposal(), "quote_not_manageable", asset="USDT")


def test_a_second_request_is_refused_while_the_engine_works_and_while_a_proposal_waits() -> None:
    world = world_at(AssetState.PROPOSAL_PENDING)
    world.refused(p.RequestManagedProposal(), "proposal_in_progress")
    world.complete()
    world.refused(p.RequestManagedProposal(), "transition_not_allowed")


def test_after_an_exit_a_coin_goes_via_frozen_unless_the_setting_says_direct() -> None:
    """Q-MH-9: T15 then T01, or T16."""
    world = world_at(AssetState.EXIT_EXECUTED)
    world.refused(p.RequestManagedProposal(), "reengage_via_frozen")
    world.say(p.ReleaseManagedAsset())
    world.request()
    assert world.entry().sold_quantity is None
    direct = world_at(AssetState.EXIT_EXECUTED, DIRECT)
    assert direct.request().detail["transition"] == "T16"
    assert direct.entry().approved_quantity is None


# ---- begin: an engine that was interrupted ------------------------------------------------------------


def test_the_first_start_keeps_the_id_and_an_interrupted_one_goes_on_under_a_new_id() -> None:
    world = world_at(AssetState.PROPOSAL_PENDING)
    first = world.say(p.BeginManagedProposal(proposal_id="c-1", new_proposal_id="n-1"))
    assert (first.detail["proposal_id"], first.detail["attempt"]) == ("c-1", 1)
    second = world.say(p.BeginManagedProposal(proposal_id="c-1", new_proposal_id="n-2"))
    assert (second.detail["proposal_id"], second.detail["attempt"]) == ("n-2", 2)
    assert world.proposal_id() == world.content.pending_proposals["SOL"].proposal_id == "n-2"
    assert world.state() is AssetState.PROPOSAL_PENDING
    world.refused(completed("c-1", world.now), "proposal_not_current")
    world.say(completed("n-2", world.now))


def test_the_fourth_start_is_refused_and_the_engine_may_only_abort() -> None:
    world = world_at(AssetState.PROPOSAL_PENDING)
    current = "c-1"
    for number in range(3):
        begun = world.say(p.BeginManagedProposal(proposal_id=current, new_proposal_id=f"n-{number}"))
        current = str(begun.detail["proposal_id"])
    refusal = world.refused(p.BeginManagedProposal(proposal_id=current, new_proposal_id="n-9"), "interrupted")
    assert "3 times" in refusal.what
    world.say(p.AbortManagedProposal(proposal_id=current, reason_code="interrupted", sentence="Three times."))
    assert world.state() is AssetState.PROPOSAL_ABORTED


def test_an_interrupted_start_without_a_new_id_is_refused() -> None:
    world = world_at(AssetState.PROPOSAL_PENDING)
    world.say(p.BeginManagedProposal(proposal_id="c-1"))
    world.refused(p.BeginManagedProposal(proposal_id="c-1"), "interrupted")


# ---- the engine's answer ------------------------------------------------------------------------------


def test_a_finished_proposal_waits_with_the_files_digest_and_end() -> None:
    world = world_at(AssetState.PROPOSAL_PENDING)
    world.wait(minutes=1)
    change = world.complete()
    pending = world.content.pending_proposals["SOL"]
    assert world.entry().proposal_digest == DIGEST
    assert (pending.state, pending.expires_at) == (
        AssetState.RISK_PROPOSED,
        world.now + dt.timedelta(days=7),
    )
    assert change.events[0].data == {"proposal_id": "c-1", "proposal_digest": DIGEST}


def test_the_engine_answers_only_for_the_current_request() -> None:
    world = world_at(AssetState.PROPOSAL_PENDING)
    world.refused(completed("older", world.now), "proposal_not_current")
    world.refused(aborted("older"), "proposal_not_current")
    world.refused(p.BeginManagedProposal(proposal_id="older"), "proposal_not_current")


def test_the_engine_answers_once() -> None:
    world = world_at(AssetState.RISK_PROPOSED)
    world.refused(completed(world.proposal_id(), world.now), "proposal_not_current")
    world.refused(aborted(world.proposal_id()), "proposal_not_current")


def test_an_abort_keeps_its_reason_and_no_line_waits() -> None:
    world = world_at(AssetState.PROPOSAL_ABORTED)
    reason = world.entry().reason
    assert reason is not None
    assert (reason.code, reason.text) == ("no_balance", "Nothing is there.")
    assert world.content.pending_proposals == {}


# ---- a no, the end of time, and rest ------------------------------------------------------------------


def test_a_no_starts_the_cool_down_and_keeps_its_reason() -> None:
    """Q-MH-12."""
    world = world_at(AssetState.RISK_PROPOSED)
    world.say(p.RejectManagedProposal(proposal_id=world.proposal_id(), reason="too dear"))
    entry = world.entry()
    assert entry.cooldown_until == world.now + dt.timedelta(hours=24)
    assert entry.reason is not None
    assert entry.reason.text == "too dear"
    assert world.content.pending_proposals == {}


def test_the_cool_down_holds_to_its_last_second() -> None:
    world = world_at(AssetState.PROPOSAL_REJECTED)
    world.wait(hours=23, minutes=59, seconds=59)
    world.refused(p.SettleManagedAsset(reason="over"), "not_settled")
    refusal = world.refused(p.RequestManagedProposal(), "cooldown_running")
    assert "2026-05-04T12:00:00Z" in refusal.why
    world.wait(seconds=1)
    world.say(p.SettleManagedAsset(reason="over"))
    assert world.state() is AssetState.FROZEN
    assert world.entry().cooldown_until is None
    world.request()


def test_an_aborted_request_settles_at_once_and_says_why_it_failed() -> None:
    """T17 without a cool-down."""
    world = world_at(AssetState.PROPOSAL_ABORTED)
    reason = world.entry().reason
    world.say(p.SettleManagedAsset(reason="aborted"))
    assert world.entry().reason == reason
    assert world.entry().current_proposal_id is None
    world.request()


def test_only_the_current_proposal_can_be_declined() -> None:
    world = world_at(AssetState.RISK_PROPOSED)
    world.refused(p.RejectManagedProposal(proposal_id="older"), "proposal_not_current")


def test_a_proposal_expires_at_its_time_and_may_be_asked_again_at_once() -> None:
    """T06 has no cool-down."""
    world = world_at(AssetState.RISK_PROPOSED)
    words = p.ExpireManagedProposal(proposal_id=world.proposal_id(), cause="ttl")
    world.wait(days=6, hours=23, minutes=59, seconds=59)
    world.refused(words, "not_expired")
    world.wait(seconds=1)
    change = world.say(words)
    assert types_of(change) == [EventType.ASSET_PROPOSAL_EXPIRED]
    assert (world.entry().cooldown_until, world.content.pending_proposals) == (None, {})
    world.request()


def test_a_stale_proposal_expires_before_its_time() -> None:
    world = world_at(AssetState.RISK_PROPOSED)
    world.say(p.ExpireManagedProposal(proposal_id=world.proposal_id(), cause="stale"))
    assert world.state() is AssetState.FROZEN
    reason = world.entry().reason
    assert reason is not None
    assert "stale" in reason.text


def test_the_pass_expires_only_the_proposal_that_it_looked_at() -> None:
    world = world_at(AssetState.RISK_PROPOSED)
    world.refused(p.ExpireManagedProposal(proposal_id="older", cause="stale"), "proposal_not_current")
    expired = p.ExpireManagedProposal(proposal_id=world.proposal_id(), cause="stale")
    world.approve()
    world.refused(expired, "proposal_already_decided")
