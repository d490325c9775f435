"""Rights and facts while the exchange is slow: what is decided under the lock rests on what is true there."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bot.commands.apply import CommandApplier
from bot.lifecycle.approval_rules import ApprovalFacts
from bot.lifecycle.command_payloads import ApproveManagedProposal
from bot.lifecycle.commands import CommandOutcome, CommandState, CommandType, NewCommand
from bot.lifecycle.states import AssetState
from tests.fakes.bot_world import BotWorld, bot_world


@pytest.fixture
def world(tmp_path: Path) -> Iterator[BotWorld]:
    with bot_world(tmp_path / "home") as made:
        yield made


class SlowFacts:
    """The home's own facts, and something else that happens while they are fetched."""

    def __init__(self, world: BotWorld, meanwhile: Callable[[], object]) -> None:
        self._world = world
        self._meanwhile = meanwhile

    def facts_for(self, asset: str, payload: ApproveManagedProposal) -> ApprovalFacts:
        facts = self._world.app.applier._facts
        assert facts is not None
        found = facts.facts_for(asset, payload)
        self._meanwhile()
        return found


def applier_over(world: BotWorld, facts: SlowFacts) -> CommandApplier:
    app = world.app
    return CommandApplier(
        app.store,
        clock=app.clock,
        policy=app.settings.lifecycle_policy,
        users=lambda: app.settings.users,
        facts=facts,
        review=app.review_settings,
    )


def approval_of(world: BotWorld, asset: str, actor: str) -> NewCommand:
    words = world.approval(asset)
    return world.app.maker.make(CommandType.APPROVE_MANAGED_PROPOSAL, asset, words, actor=actor)


@pytest.mark.parametrize(
    ("command", "words"),
    [(CommandType.SET_USER_ROLE, {"role": "viewer"}), (CommandType.REMOVE_USER, {})],
)
def test_an_admin_who_loses_the_right_while_the_facts_are_fetched_approves_nothing(
    world: BotWorld, command: CommandType, words: dict[str, str]
) -> None:
    app = world.app
    world.ask(CommandType.ADD_USER, "*", user="bea", role="admin", os_user="bea", confirm="bea:admin")
    world.propose("SOL")

    def lose_the_right() -> None:
        taken = app.applier.apply(app.maker.make(command, "*", {"user": "bea", **words}, actor=app.actor))
        assert taken.state is CommandState.APPLIED, taken

    approval = approval_of(world, "SOL", "user_bea")
    outcome = applier_over(world, SlowFacts(world, lose_the_right)).apply(approval)
    assert (outcome.state, outcome.code) == (CommandState.PRECONDITION_REJECTED, "role_missing")
    assert world.managed.state_of("SOL") is AssetState.RISK_PROPOSED


def test_nobodys_facts_grow_old_while_those_of_others_are_fetched(world: BotWorld) -> None:
    for asset in ("SOL", "ETH"):
        world.propose(asset)
    slow = applier_over(world, SlowFacts(world, lambda: world.wait(40)))
    commands = [approval_of(world, asset, world.app.actor) for asset in ("SOL", "ETH")]
    outcomes: list[CommandOutcome] = []
    while len(outcomes) < len(commands):
        outcomes += slow.apply_group(commands[len(outcomes) :])
    assert [outcome.code for outcome in outcomes] == ["applied", "applied"]
