"""A broken stop rule ends its own act, is told to the audit, and disturbs nobody else."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.app.runtime import OnceReport
from bot.commands.apply import CommandApplier
from bot.commands.command_worker import CommandWorker
from bot.lifecycle.commands import CommandState, CommandType
from bot.lifecycle.states import AssetState
from tests.fakes.bot_world import BotWorld, bot_world
from tests.fakes.home_checks import assert_home_is_whole


@pytest.fixture
def world(tmp_path: Path) -> Iterator[BotWorld]:
    with bot_world(tmp_path / "home") as made:
        yield made
        assert_home_is_whole(made.app)


def test_sr_12_an_approval_without_facts_is_stopped_audited_and_takes_nobody_down(world: BotWorld) -> None:
    world.hand_over("ETH")
    world.propose("SOL")
    app = world.app
    blind = CommandApplier(
        app.store,
        clock=app.clock,
        policy=app.settings.lifecycle_policy,
        users=lambda: app.settings.users,
        facts=None,
    )
    words = world.approval("SOL")
    approval = app.maker.make(CommandType.APPROVE_MANAGED_PROPOSAL, "SOL", words, actor=app.actor)
    pause = app.maker.make(CommandType.PAUSE_MANAGED_ASSET, "ETH", {"exits": "on"}, actor=app.actor)
    for command in (approval, pause):
        app.queue.enqueue(command)
    before = world.managed.managed_assets["SOL"]

    done = CommandWorker(app.queue, blind, name="blind").drain()

    codes = {item.row.asset: item.outcome.code for item in done}
    assert codes == {"SOL": "stop_rule_broken", "ETH": "applied"}
    assert world.managed.managed_assets["SOL"] == before
    assert world.managed.state_of("ETH") is AssetState.MANAGED_PAUSED
    told = [r for r in app.store.audit.records(type_prefix="system.") if "stop_rule" in r["type"]]
    assert [(r["asset"], r["data"]["rule"], r["data"]["command_id"]) for r in told] == [
        ("SOL", "SR-12", approval.uid)
    ]
    assert OnceReport(scheduled=(), commands=tuple(done), proposals=()).has_failures
    again = blind.apply(approval)
    assert (again.state, again.code) == (CommandState.PRECONDITION_REJECTED, "stop_rule_broken")
    assert len([r for r in app.store.audit.records() if "stop_rule" in r["type"]]) == 1
