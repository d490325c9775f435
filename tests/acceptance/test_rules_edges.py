"""Cards: the steps back and out (T13, T14, T15, T17, T18, T19), through the command line and the loop."""

import contextlib
import io
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.cli.entry import run
from bot.lifecycle.documents import HistoryEntry
from bot.lifecycle.states import AssetState
from tests.fakes.bot_world import WALLET, BotWorld, bot_world
from tests.fakes.home_checks import assert_home_is_whole, audit_of, audit_types

HOUR_S = 3_600
FROZEN, SOLD = AssetState.FROZEN, AssetState.EXIT_EXECUTED
PAUSED, ACTIVE = AssetState.MANAGED_PAUSED, AssetState.MANAGED_ACTIVE
RELEASING = AssetState.RELEASE_PENDING
REJECTED, ABORTED = AssetState.PROPOSAL_REJECTED, AssetState.PROPOSAL_ABORTED


@pytest.fixture
def world(tmp_path: Path) -> Iterator[BotWorld]:
    with bot_world(tmp_path / "home") as made:
        yield made
        assert_home_is_whole(made.app)


@pytest.fixture
def held(world: BotWorld) -> BotWorld:
    """SOL is in the bot's hands."""
    world.hand_over("SOL")
    return world


def say(world: BotWorld, *words: str) -> int:
    """Run one command at the world's time; return its exit code."""
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        return run(["--home", str(world.root), *words], clock=world.clock)


def one_pass(world: BotWorld) -> AssetState:
    """Let the bot do everything that is due, once, and say where SOL stands then."""
    assert say(world, "run", "--once") == 0
    return world.managed.state_of("SOL")


def last_step(world: BotWorld) -> HistoryEntry:
    return world.entry("SOL").history[-1]


def assert_stepped(world: BotWorld, source: AssetState, actor: str, target: AssetState, event: str) -> None:
    """The record, the coin's history and the audit tell of the same step."""
    step = last_step(world)
    assert (step.from_state, step.to_state) == (source, target)
    assert step.actor == actor
    assert step.event_type == f"managed.{event}"
    told = [r for r in audit_of(world.app, "SOL") if r["type"] == f"managed.{event}"]
    assert len(told) == 1
    assert told[0]["actor"] == actor
    assert told[0]["before"]["managed"]["state"] == source
    assert world.managed.state_of("SOL") is target


def test_t13_the_agreed_stop_sells_the_coin_and_the_bot_books_it(held: BotWorld) -> None:
    assert one_pass(held) is ACTIVE
    held.fall_to_stop("SOL")
    assert one_pass(held) is SOLD
    assert_stepped(held, ACTIVE, "bot", SOLD, "exit_executed")
    entry = held.entry("SOL")
    assert entry.sold_quantity == entry.approved_quantity == WALLET["SOL"] - held.balances()["SOL"]
    assert held.orders_sent() == 1


def test_t14_the_system_completes_a_release_that_a_person_asked_for(held: BotWorld) -> None:
    assert say(held, "pause", "SOL") == 0
    assert say(held, "release", "SOL", "--mode", "graceful") == 0
    assert one_pass(held) is RELEASING, "the agreed exit is awaited"
    held.fall_to_stop("SOL")
    assert one_pass(held) is FROZEN
    assert_stepped(held, RELEASING, "system", FROZEN, "asset_released")
    assert audit_types(held.app, "SOL")[-4:] == [
        "asset_release_requested",
        "exit_intent_opened",
        "exit_executed",
        "asset_released",
    ]
    assert held.orders_sent() == 1


def test_t14_an_immediate_release_is_completed_without_a_sale(held: BotWorld) -> None:
    assert say(held, "pause", "SOL") == 0
    assert say(held, "release", "SOL", "--mode", "immediate") == 0
    assert one_pass(held) is FROZEN
    assert_stepped(held, RELEASING, "system", FROZEN, "asset_released")
    assert (held.orders_sent(), held.balances()["SOL"]) == (0, WALLET["SOL"])


def test_t15_after_an_exit_the_coin_is_frozen_by_a_person_alone(held: BotWorld) -> None:
    """DR-11: no pass of the bot or the system does it, however long it takes."""
    held.fall_to_stop("SOL")
    assert one_pass(held) is SOLD
    for _ in range(3):
        held.advance(24 * HOUR_S)
        assert one_pass(held) is SOLD
    assert say(held, "release", "SOL", "--mode", "graceful") == 0
    assert held.managed.state_of("SOL") is FROZEN
    assert_stepped(held, SOLD, held.app.actor, FROZEN, "asset_released")
    assert held.app.actor.startswith("user_")


def test_t17_an_aborted_request_is_frozen_by_the_systems_next_pass(world: BotWorld) -> None:
    world.box.control.withdraw("SOL", WALLET["SOL"])
    assert say(world, "propose", "SOL", "--no-wait") == 0
    world.app.worker.drain()
    world.app.engine.make_waiting()
    assert world.managed.state_of("SOL") is ABORTED
    assert one_pass(world) is FROZEN
    assert_stepped(world, ABORTED, "system", FROZEN, "asset_refrozen")
    assert audit_types(world.app, "SOL")[-2:] == ["asset_proposal_aborted", "asset_refrozen"]


def test_t18_a_rejected_coin_is_frozen_by_the_system_when_its_rest_is_over(world: BotWorld) -> None:
    world.propose("SOL")
    assert say(world, "reject", "SOL", "--reason", "not now", "--no-wait") == 0
    assert one_pass(world) is REJECTED
    world.advance(24 * HOUR_S - 60)
    assert one_pass(world) is REJECTED, "it rests for a day"
    world.advance(60)
    assert one_pass(world) is FROZEN
    assert_stepped(world, REJECTED, "system", FROZEN, "asset_refrozen")


def test_t19_in_a_pause_with_exits_on_the_agreed_stop_still_sells(held: BotWorld) -> None:
    assert say(held, "pause", "SOL", "--exits", "on") == 0
    assert one_pass(held) is PAUSED
    held.fall_to_stop("SOL")
    assert one_pass(held) is SOLD
    assert_stepped(held, PAUSED, "bot", SOLD, "exit_executed")
    assert held.orders_sent() == 1


def test_t19_an_order_in_flight_is_booked_although_the_exits_were_turned_off(held: BotWorld) -> None:
    held.fall_to_stop("SOL")
    held.box.control.add_fault("drop_after", path="order", method="POST")
    say(held, "run", "--once")
    assert held.entry("SOL").exit_intent is not None, "it left, and its answer was lost"
    assert say(held, "pause", "SOL", "--exits", "off") == 0
    assert one_pass(held) is SOLD
    assert_stepped(held, PAUSED, "bot", SOLD, "exit_executed")
    assert held.orders_sent() == 1
