"""The table of transitions: every edge, and a typed no for everything that is not in it."""

from decimal import Decimal
from typing import NamedTuple

import pytest

from bot.commands.registry import SPECS
from bot.kernel.errors import RefusedError
from bot.lifecycle.approval_rules import ApprovalFacts
from bot.lifecycle.commands import CommandType as C
from bot.lifecycle.events import EventType as E
from bot.lifecycle.states import (
    AWAITING,
    IN_THE_BOTS_HANDS,
    MEANING,
    ActorKind,
    actor_kind,
    user_of,
)
from bot.lifecycle.states import AssetState as S
from bot.lifecycle.transitions import EDGES, TRANSITIONS, Edge, transition
from tests.unit.lifecycle.lifecycle_world import (
    ACTORS,
    DIRECT,
    LifecycleWorld,
    types_of,
    words_for,
    world_at,
)

# The table as the specification prints it: number, from, to, who, command, events.
TABLE_TEXT = """
T01 frozen proposal_pending user request_managed_proposal asset_proposal_requested
T02 proposal_pending risk_proposed bot complete_managed_proposal asset_proposal_generated
T03 proposal_pending proposal_aborted bot abort_managed_proposal asset_proposal_aborted
T04 risk_proposed managed_active user approve_managed_proposal asset_promoted+synthetic_entry_set
T05 risk_proposed proposal_rejected user reject_managed_proposal asset_proposal_rejected
T06 risk_proposed frozen system expire_managed_proposal asset_proposal_expired
T07 managed_active managed_paused user pause_managed_asset asset_paused
T08 managed_paused managed_active user resume_managed_asset asset_resumed
T09 managed_paused release_pending user release_managed_asset asset_release_requested
T10 managed_active managed_drift_alert bot flag_managed_drift drift_detected
T11 managed_drift_alert managed_active user resume_managed_asset operator_override+asset_resumed
T12 managed_drift_alert release_pending user release_managed_asset asset_release_requested
T13 managed_active exit_executed bot record_managed_exit exit_executed
T14 release_pending frozen system complete_managed_release asset_released
T15 exit_executed frozen user release_managed_asset asset_released
T16 exit_executed proposal_pending user request_managed_proposal asset_proposal_requested
T17 proposal_aborted frozen system settle_managed_asset asset_refrozen
T18 proposal_rejected frozen system settle_managed_asset asset_refrozen
T19 managed_paused exit_executed bot record_managed_exit exit_executed
T20 managed_drift_alert exit_executed bot record_managed_exit exit_executed
"""


class Row(NamedTuple):
    """One line of the specification's table."""

    number: str
    source: S
    target: S
    who: ActorKind
    command: C
    events: list[E]


def read_row(line: str) -> Row:
    number, source, target, who, command, events = line.split()
    told = [E(f"managed.{event}") for event in events.split("+")]
    return Row(number, S(source), S(target), ActorKind(who), C(command), told)


TABLE = [read_row(line) for line in TABLE_TEXT.split("\n") if line]
each_row = pytest.mark.parametrize("row", TABLE, ids=[row.number for row in TABLE])
NO_EDGES = [(state, command) for state in S for command in C if (state, command) not in TRANSITIONS]
# Steps inside a state: allowed although no edge of the table is taken.
INSIDE = {
    (S.PROPOSAL_PENDING, C.BEGIN_MANAGED_PROPOSAL),
    (S.MANAGED_PAUSED, C.FLAG_MANAGED_DRIFT),
    (S.MANAGED_DRIFT_ALERT, C.UPDATE_MANAGED_DRIFT),
    *((state, C.OVERRIDE_MANAGED_LEVELS) for state in (S.MANAGED_ACTIVE, S.MANAGED_PAUSED)),
    *((state, C.FORCE_MANAGED_EXIT) for state in (S.MANAGED_ACTIVE, S.MANAGED_PAUSED)),
    *((state, C.OPEN_EXIT_INTENT) for state in IN_THE_BOTS_HANDS),
    *((state, C.OPEN_RESTING_STOP) for state in IN_THE_BOTS_HANDS),
}


COMMANDS = sorted(
    {edge.command for edge in EDGES}
    | {command for _, command in INSIDE}
    | {C.CLOSE_EXIT_INTENT, C.CLOSE_RESTING_STOP}
)


def ready_for(number: str, state: S) -> LifecycleWorld:
    """Return a world at which this edge may be taken."""
    world = world_at(state, DIRECT)
    if number in {"T13", "T19", "T20"}:
        world.open_exit()
    if number == "T18":
        world.wait(hours=24)
    return world


def facts_for(world: LifecycleWorld, command: C) -> ApprovalFacts | None:
    return world.facts() if command is C.APPROVE_MANAGED_PROPOSAL else None


def test_the_table_is_the_specifications_table() -> None:
    told = [Edge(row.number, row.source, row.command, row.who, row.target) for row in TABLE]
    assert told == list(EDGES)
    assert [edge.number for edge in EDGES] == [f"T{number:02}" for number in range(1, 21)]
    assert len(TRANSITIONS) == len(EDGES)


@each_row
def test_an_edge_leads_where_it_says_and_tells_of_it(row: Row) -> None:
    world = ready_for(row.number, row.source)
    steps = world.entry().transitions if "SOL" in world.content.managed_assets else 0
    change = world.say(words_for(world, row.command), facts=facts_for(world, row.command))
    assert world.state() is row.target
    assert types_of(change) == row.events
    assert change.detail["transition"] == row.number
    assert (change.detail["from"], change.detail["to"]) == (row.source, row.target)
    newest = world.entry().history[-1]
    assert (newest.from_state, newest.to_state, newest.ts) == (row.source, row.target, world.now)
    assert actor_kind(newest.actor) is row.who
    assert newest.event_type == row.events[0]
    assert world.entry().transitions == steps + 1


@each_row
def test_an_edge_belongs_to_one_kind_of_actor(row: Row) -> None:
    for kind in set(ActorKind) - {row.who}:
        world = ready_for(row.number, row.source)
        refusal = world.refused(
            words_for(world, row.command),
            "role_missing",
            actor=ACTORS[kind],
            facts=facts_for(world, row.command),
        )
        assert row.who in refusal.why
        assert kind in refusal.why


@pytest.mark.parametrize(("state", "command"), NO_EDGES)
def test_what_is_not_in_the_table_is_refused_naming_state_and_command_whoever_asks(
    state: S, command: C
) -> None:
    for actor in ACTORS.values():
        with pytest.raises(RefusedError) as refusal:
            transition(state, command, actor)
        assert state in refusal.value.what
        assert command in refusal.value.what
        assert state in refusal.value.why
        targets = {edge.target for edge in EDGES if edge.command is command}
        assert all(target in refusal.value.why for target in targets)
        assert refusal.value.code != "role_missing"


@pytest.mark.parametrize("state", S)
@pytest.mark.parametrize("command", COMMANDS)
def test_a_rule_takes_an_edge_of_the_table_or_stays_or_refuses(state: S, command: C) -> None:
    """Whatever is asked at whatever state: no third way, and a no changes nothing."""
    world = world_at(state, DIRECT)
    world.wait(hours=25)
    facts = facts_for(world, command)
    payload = words_for(world, command)
    edge = TRANSITIONS.get((state, command))
    needs_intent = {C.RECORD_MANAGED_EXIT, C.CLOSE_EXIT_INTENT, C.CLOSE_RESTING_STOP}
    if command in needs_intent or (edge is None and (state, command) not in INSIDE):
        with pytest.raises(RefusedError) as refusal:
            world.try_out(payload, facts=facts)
        assert refusal.value.what
        assert world.state() is state
        return
    change = world.say(payload, facts=facts)
    assert world.state() is (edge.target if edge else state)
    assert change.events


@pytest.mark.parametrize(
    ("state", "command", "code"),
    [
        (S.PROPOSAL_PENDING, C.REQUEST_MANAGED_PROPOSAL, "proposal_in_progress"),
        (S.MANAGED_ACTIVE, C.RELEASE_MANAGED_ASSET, "pause_first"),
        (S.PROPOSAL_REJECTED, C.REQUEST_MANAGED_PROPOSAL, "cooldown_running"),
        (S.PROPOSAL_REJECTED, C.REJECT_MANAGED_PROPOSAL, "proposal_already_decided"),
        (S.MANAGED_ACTIVE, C.REJECT_MANAGED_PROPOSAL, "proposal_already_decided"),
        (S.MANAGED_ACTIVE, C.RESUME_MANAGED_ASSET, "transition_not_allowed"),
    ],
)
def test_a_refusal_that_people_meet_often_has_its_own_code(state: S, command: C, code: str) -> None:
    world = world_at(state)
    world.refused(words_for(world, command), code)
    with pytest.raises(RefusedError) as refusal:
        transition(state, command, "user_ann")
    assert refusal.value.code == code


def test_only_a_persons_act_or_a_release_that_a_person_asked_for_leads_from_managed_to_frozen() -> None:
    """DR-11: the bot's hands open by a person's word only."""
    managed = IN_THE_BOTS_HANDS | {S.EXIT_EXECUTED}
    ways = {edge.number: edge.actor for edge in EDGES if edge.source in managed and edge.target is S.FROZEN}
    assert ways == {"T14": ActorKind.SYSTEM, "T15": ActorKind.USER}
    assert not [edge for edge in EDGES if edge.actor is ActorKind.BOT and edge.target is S.FROZEN]
    assert [edge.number for edge in EDGES if edge.target is S.MANAGED_ACTIVE] == ["T04", "T08", "T11"]
    assert all(edge.actor is ActorKind.USER for edge in EDGES if edge.target is S.MANAGED_ACTIVE)


def test_the_sender_of_every_edge_is_the_one_that_the_bus_lets_in() -> None:
    assert {edge.command: edge.actor for edge in EDGES}.items() <= {
        command: spec.actor for command, spec in SPECS.items()
    }.items()


def test_there_are_ten_states_and_each_has_its_sentence() -> None:
    assert len(S) == len(MEANING) == 10
    assert {S.PROPOSAL_PENDING, S.RISK_PROPOSED} == AWAITING


@pytest.mark.parametrize(("actor", "kind"), [("bot", "bot"), ("system", "system"), ("user_ann", "user")])
def test_an_actor_is_a_person_the_bot_or_the_system(actor: str, kind: str) -> None:
    assert actor_kind(actor) == kind


@pytest.mark.parametrize("actor", ["", "user_", "ann", "Bot", "user", "bot "])
def test_any_other_text_is_no_actor(actor: str) -> None:
    with pytest.raises(ValueError, match="no actor"):
        actor_kind(actor)


def test_the_user_id_of_an_actor_is_what_follows_the_prefix() -> None:
    assert user_of("user_ann_smith") == "ann_smith"
    assert user_of("bot") == "bot"


def test_the_history_keeps_the_newest_ten_and_the_count_all() -> None:
    world = world_at(S.MANAGED_ACTIVE)
    for _ in range(6):
        world.pause()
        world.wait(minutes=1)
        world.say(words_for(world, C.RESUME_MANAGED_ASSET))
    entry = world.entry()
    assert entry.transitions == 15
    assert len(entry.history) == 10
    assert entry.history[-1].ts == world.now
    assert entry.history[-1].to_state is S.MANAGED_ACTIVE


def test_an_event_tells_before_and_after_and_the_second_one_starts_where_the_first_ended() -> None:
    world = world_at(S.RISK_PROPOSED)
    change = world.approve()
    first, second = change.events
    assert first.before is not None
    assert first.before["managed"]["state"] == "risk_proposed"
    assert first.before["pending"]["state"] == "risk_proposed"
    assert first.after is not None
    assert first.after["pending"] is None
    assert first.after["managed"]["approved_quantity"] == Decimal(10)
    assert second.before == second.after == first.after
    assert second.data == {}
    assert {event.command_id for event in change.events} == {"c-3"}
    assert {event.actor for event in change.events} == {"user_ann"}


def test_a_rule_never_touches_what_it_was_given() -> None:
    world = world_at(S.MANAGED_ACTIVE)
    before = world.content
    copy = (dict(before.managed_assets), dict(before.pending_proposals))
    world.pause()
    assert (dict(before.managed_assets), dict(before.pending_proposals)) == copy
    assert world.content is not before


def test_two_assets_do_not_disturb_each_other() -> None:
    world = world_at(S.MANAGED_ACTIVE)
    world.say(words_for(world, C.REQUEST_MANAGED_PROPOSAL), asset="ETH")
    assert list(world.content.managed_assets) == ["ETH", "SOL"]
    assert list(world.content.pending_proposals) == ["ETH"]
    assert world.state() is S.MANAGED_ACTIVE
