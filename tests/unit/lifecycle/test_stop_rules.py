"""The net below the rules, and what the audit log tells of a refusal."""

import msgspec
import pytest

from bot.kernel.errors import BotError, RefusedError, StopRuleBrokenError
from bot.lifecycle.change import Act
from bot.lifecycle.command_payloads import AbortManagedProposal
from bot.lifecycle.commands import CommandType
from bot.lifecycle.documents import ManagedAsset, ManagedStateContent
from bot.lifecycle.events import Event, EventType
from bot.lifecycle.policy_guard import PolicyChangeBlockedError
from bot.lifecycle.refusal_events import refusal_events
from bot.lifecycle.states import IN_THE_BOTS_HANDS
from bot.lifecycle.states import AssetState as S
from bot.lifecycle.stop_rules import check_stop_rules
from tests.unit.lifecycle.lifecycle_world import NOW, POLICY, types_of, world_at

OUTSIDE = sorted(set(S) - IN_THE_BOTS_HANDS - {S.EXIT_EXECUTED})


def at(state: S, **fields: object) -> ManagedStateContent:
    return ManagedStateContent(managed_assets={"SOL": ManagedAsset(state=state, **fields)})  # type: ignore[arg-type]  # fields by name


def act(actor: str) -> Act:
    return Act(
        command_id="c-1",
        type=CommandType.SETTLE_MANAGED_ASSET,
        actor=actor,
        asset="SOL",
        now=NOW,
        accepted_at=NOW,
        policy=POLICY,
    )


def event(kind: EventType, asset: str = "SOL") -> Event:
    return Event(type=kind, asset=asset, actor="user_ann", command_id="c-1")


@pytest.mark.parametrize("source", OUTSIDE)
@pytest.mark.parametrize("target", sorted(IN_THE_BOTS_HANDS))
def test_sr_12_no_coin_is_promoted_without_its_approval_event(source: S, target: S) -> None:
    for events in ([], [event(EventType.ASSET_PAUSED)], [event(EventType.ASSET_PROMOTED, "ETH")]):
        with pytest.raises(StopRuleBrokenError, match="SR-12") as broken:
            check_stop_rules(at(source), at(target), events, act("user_ann"))
        assert broken.value.rule == "SR-12"
    check_stop_rules(at(source), at(target), [event(EventType.ASSET_PROMOTED)], act("user_ann"))


@pytest.mark.parametrize("source", [*sorted(IN_THE_BOTS_HANDS), S.EXIT_EXECUTED])
@pytest.mark.parametrize("actor", ["bot", "system"])
def test_dr_11_only_a_persons_act_leads_from_managed_to_frozen(source: S, actor: str) -> None:
    with pytest.raises(StopRuleBrokenError, match="DR-11"):
        check_stop_rules(at(source), at(S.FROZEN), [], act(actor))
    check_stop_rules(at(source), at(S.FROZEN), [], act("user_ann"))
    released = at(source, release_requested_by_user_id="ann")
    check_stop_rules(released, at(S.FROZEN), [], act(actor))


@pytest.mark.parametrize("source", OUTSIDE)
def test_what_was_never_handed_over_may_go_to_frozen_by_the_systems_pass(source: S) -> None:
    check_stop_rules(at(source), at(S.FROZEN), [], act("system"))


def test_a_coin_that_nobody_touched_is_not_looked_at() -> None:
    content = at(S.MANAGED_ACTIVE)
    check_stop_rules(content, msgspec.structs.replace(content, pending_proposals={}), [], act("bot"))


@pytest.mark.parametrize(
    ("code", "rule"), [("model_version_missing", "SR-11"), ("strategy_not_allowed", "SR-14")]
)
def test_an_abort_because_of_a_stop_rule_tells_of_it(code: str, rule: str) -> None:
    world = world_at(S.PROPOSAL_PENDING)
    words = AbortManagedProposal(proposal_id=world.proposal_id(), reason_code=code, sentence="broken")
    change = world.say(words)
    assert types_of(change) == [EventType.ASSET_PROPOSAL_ABORTED, EventType.STOP_RULE_BROKEN]
    assert change.events[1].data["rule"] == rule
    assert change.events[1].asset == "SOL"
    assert world.state() is S.PROPOSAL_ABORTED


def told(error: BotError) -> list[tuple[str, str]]:
    found = refusal_events(error, asset="SOL", actor="user_ann", refused="pause", command_id="c-9")
    assert all(one.command_id == "" and one.data["command_id"] == "c-9" for one in found)
    assert all(one.before is None and one.after is None for one in found)
    return [(one.type.value, one.asset) for one in found]


def test_a_broken_stop_rule_a_denial_and_a_blocked_policy_are_told_and_other_refusals_are_not() -> None:
    assert told(StopRuleBrokenError("SR-12", "x", why="y")) == [("system.stop_rule_broken", "SOL")]
    assert told(RefusedError("x", code="role_missing")) == [("access.denied", "SOL")]
    assert told(RefusedError("x", code="pause_first")) == []


def test_a_blocked_policy_change_is_told_of_each_coin() -> None:
    """C3."""
    both = ManagedStateContent(
        managed_assets={name: ManagedAsset(state=S.MANAGED_ACTIVE) for name in ("SOL", "ETH")}
    )
    error = PolicyChangeBlockedError(both, ["SOL", "ETH"])
    assert told(error) == [("managed.policy_change_blocked", "ETH"), ("managed.policy_change_blocked", "SOL")]
    assert "ETH (managed_active), SOL (managed_active)" in error.what
