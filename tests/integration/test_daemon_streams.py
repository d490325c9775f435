"""`bot run` with its streams: exits without a cycle, gaps in mid-exit, a clean end."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.app.clock import SystemClock
from bot.lifecycle.commands import CommandType
from bot.lifecycle.states import AssetState
from tests.fakes.bot_process import BotProcess, bot, bot_process, until
from tests.fakes.bot_world import ORDER, BotWorld, bot_world
from tests.fakes.home_checks import assert_home_is_whole

HOURLY = {"BOT_TRADING_CYCLE_S": "3600", "BOT_EXCHANGE_STREAM_SILENCE_S": "1"}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[BotWorld]:
    clock = SystemClock()
    with bot_world(tmp_path / "home", clock=clock, start=clock.now()) as made:
        made.hand_over("SOL")
        yield made
        with made.app.store.transaction():
            pass  # recovers, as every start does
        assert_home_is_whole(made.app)


def follows(world: BotWorld) -> set[str]:
    return {name for row in world.box.control.streams() for name in row["streams"]}


def listens(world: BotWorld, *names: str) -> bool:
    has_account = any(row["account_subscriptions"] for row in world.box.control.streams())
    return has_account and follows(world) == {f"{name.lower()}usdt@trade" for name in names}


def sold(world: BotWorld, asset: str = "SOL") -> bool:
    return world.managed.state_of(asset) is AssetState.EXIT_EXECUTED


def words_of(daemon: BotProcess, event: str) -> list[str]:
    return [line.get("what", "") for line in daemon.told() if line["event"] == event]


def settled(daemon: BotProcess, world: BotWorld, *names: str) -> None:
    """Wait until the daemon listens, and has looked at everything once more because of that."""
    until(lambda: listens(world, *names), "the subscriptions")
    until(lambda: any("live" in words for words in words_of(daemon, "stream")), "the cycle behind them")
    time.sleep(0.3)  # noqa: TID251 - a quiet moment of a process that tells nothing of it


def test_a_crossed_stop_is_sold_without_waiting_for_a_cycle(world: BotWorld) -> None:
    with bot_process(world.root, "run", **HOURLY) as daemon:
        settled(daemon, world, "SOL")
        began = time.perf_counter()
        world.fall_to_stop("SOL")
        until(lambda: sold(world), "the exit")
        assert time.perf_counter() - began < 5
        until(lambda: not follows(world), "the end of the subscription")
        status = json.loads(bot(world.root, "status", "--json").stdout)
        kinds = [row["kind"] for row in status["data"]["worker"]["streams"]]
        assert kinds == ["market", "account"]
        assert "streams: market stream has nothing to follow; account stream live" in (
            bot(world.root, "status").stdout
        )
        began = time.perf_counter()
        assert daemon.end() == 0
        assert time.perf_counter() - began < 5
    assert world.orders_sent() == 1


def test_an_approval_is_followed_and_an_order_of_a_person_is_carried_out_at_once(world: BotWorld) -> None:
    with bot_process(world.root, "run", **HOURLY) as daemon:
        settled(daemon, world, "SOL")
        world.propose("ETH")
        world.ask(CommandType.APPROVE_MANAGED_PROPOSAL, "ETH", **world.approval("ETH"))
        assert (
            bot(world.root, "pause", "SOL", "--exits", "on").returncode == 0
        )  # a change that the bot applies
        until(lambda: listens(world, "SOL", "ETH"), "the new coin")
        until(
            lambda: " ".join(words_of(daemon, "stream")).count("the market stream is live") > 1,
            "its first look",
        )
        world.fall_to_stop("ETH")
        until(lambda: sold(world, "ETH"), "the exit of a coin that was approved a moment ago")
        assert daemon.end() == 0
    assert not sold(world)


def test_a_pause_with_exits_off_holds_against_the_stream(world: BotWorld) -> None:
    with bot_process(world.root, "run", **HOURLY) as daemon:
        settled(daemon, world, "SOL")
        assert bot(world.root, "pause", "SOL", "--exits", "off").returncode == 0
        world.fall_to_stop("SOL")
        assert not sold(world)
        assert bot(world.root, "resume", "SOL", "--reason", "go on").returncode == 0
        until(lambda: sold(world), "the exit that the resume allows")
        assert daemon.end() == 0
    assert world.orders_sent() == 1


def test_a_connection_that_breaks_in_mid_exit_costs_no_sale_and_doubles_none(world: BotWorld) -> None:
    with bot_process(world.root, "run", **HOURLY) as daemon:
        settled(daemon, world, "SOL")
        world.box.control.add_fault("drop_after", method=ORDER[0], path=ORDER[1])
        world.box.control.add_fault("disconnect", event="executionReport")
        world.fall_to_stop("SOL")
        until(lambda: sold(world), "the exit, found again behind the gap")
        assert daemon.end() == 0
    assert world.orders_sent() == 1
    assert 25 - world.balances()["SOL"] == world.entry("SOL").approved_quantity


def test_streams_may_be_switched_off_and_the_cycle_does_it_all(world: BotWorld) -> None:
    with bot_process(world.root, "run", BOT_EXCHANGE_STREAMS="off", BOT_TRADING_CYCLE_S="0.1") as daemon:
        world.fall_to_stop("SOL")
        until(lambda: sold(world), "the exit by polling")
        assert world.box.control.streams() == []
        assert daemon.end() == 0
