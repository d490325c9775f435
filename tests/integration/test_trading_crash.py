"""A process that ends at any point around an exit, and a database that does not answer."""

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from bot.commands.sender import CommandSender
from bot.lifecycle.commands import CommandOutcome, CommandType
from bot.lifecycle.states import AssetState
from bot.trading.cycle import LoopSettings, TradingLoop
from tests.fakes.bot_world import BotWorld, bot_world, words_of
from tests.fakes.home_checks import assert_home_is_whole, audit_types
from tests.fakes.hooked_gateway import Hook, Killed, hooked, kill

SOLD = ["exit_sent", "exit_filled", "closed"]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[BotWorld]:
    with bot_world(tmp_path / "home") as made:
        made.hand_over("SOL")
        made.fall_to_stop("SOL")
        yield made
        assert_home_is_whole(made.app)


def loop_with(world: BotWorld, **hooks: dict[str, Hook]) -> TradingLoop:
    app = world.app
    return TradingLoop(
        app.store,
        hooked(app.gateway, **hooks),
        app.sender,
        clock=app.clock,
        ids=app.ids,
        settings=LoopSettings(quote="USDT"),
    )


def die_at(world: BotWorld, when: str, call: str) -> None:
    """Run a cycle that ends before or after a call, and go on as a new process."""
    hooks: dict[str, dict[str, Hook]] = {when: {call: kill}}
    loop = loop_with(world, **hooks)
    with pytest.raises(Killed):
        loop.run_once(world.clock.now())
    world.restart()


def assert_sold_once(world: BotWorld) -> None:
    entry = world.entry("SOL")
    assert entry.state is AssetState.EXIT_EXECUTED
    assert 25 - world.balances()["SOL"] == entry.sold_quantity == entry.approved_quantity
    assert world.orders_sent() == 1
    assert audit_types(world.app, "SOL").count("exit_executed") == 1


@pytest.mark.parametrize(("when", "call"), [("before", "tickers"), ("after", "wallet"), ("after", "markets")])
def test_a_process_that_ends_before_its_intent_leaves_nothing_and_the_next_one_sells(
    world: BotWorld, when: str, call: str
) -> None:
    die_at(world, when, call)
    assert world.entry("SOL").exit_intent is None
    assert words_of(world.cycle()) == SOLD
    assert_sold_once(world)


def test_a_process_that_ends_between_intent_and_order_sells_nothing_until_that_is_certain(
    world: BotWorld,
) -> None:
    die_at(world, "before", "submit")
    assert world.entry("SOL").exit_intent is not None
    assert words_of(world.cycle()) == ["unknown"]
    assert world.orders_sent() == 0
    world.wait(31)
    assert words_of(world.cycle()) == ["never_arrived", *SOLD]
    assert_sold_once(world)


def test_a_process_that_ends_between_order_and_booking_sells_once(world: BotWorld) -> None:
    die_at(world, "after", "submit")
    assert world.entry("SOL").exit_intent is not None
    assert words_of(world.cycle()) == ["exit_filled", "closed"]
    assert_sold_once(world)


def test_processes_that_end_again_and_again_while_they_look_an_order_up_sell_once(world: BotWorld) -> None:
    world.box.control.add_fault("drop_after", path="order", method="POST")
    world.cycle()
    for when in ("before", "after"):
        world.restart()
        die_at(world, when, "find_order")
    assert words_of(world.cycle()) == ["exit_filled", "closed"]
    assert_sold_once(world)


def test_two_loops_on_one_home_send_one_order(world: BotWorld) -> None:
    """A daemon and a `run --once` at the same moment: the second one finds the intent of the first."""
    second = loop_with(world)
    reports = []
    first = loop_with(world, after={"wallet": lambda: reports.append(second.run_once(world.clock.now()))})
    report = first.run_once(world.clock.now())
    assert words_of(reports[0]) == SOLD
    assert words_of(report)[0] == "intent_refused"
    assert_sold_once(world)


_HOLD_THE_DATABASE = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.readline()
connection.execute("ROLLBACK")
connection.close()
"""


def test_an_exit_never_waits_for_the_database(world: BotWorld) -> None:
    """A process of its own holds the write lock: within one process such locks do not hold."""
    blocker = subprocess.Popen(
        [sys.executable, "-c", _HOLD_THE_DATABASE, str(world.app.home.sql)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with blocker:
        assert blocker.stdout is not None
        assert blocker.stdout.readline() == "held\n"
        left_after: list[float] = []
        began = time.perf_counter()

        def note_and_let_go() -> None:
            left_after.append(time.perf_counter() - began)
            blocker.communicate("go\n", timeout=30)

        report = loop_with(world, before={"submit": note_and_let_go}).run_once(world.clock.now())
    assert words_of(report) == SOLD
    assert left_after[0] < 1.0, "the order left without the database"
    assert world.app.sender.book_waiting() == 0
    types = [row.type for row in world.app.queue.list(asset="SOL", limit=2)]
    assert types == [CommandType.RECORD_MANAGED_EXIT, CommandType.OPEN_EXIT_INTENT]
    assert_sold_once(world)


class _SlowSender:
    """Commits as the real one does, but an intent takes its time."""

    def __init__(self, world: BotWorld, seconds: float) -> None:
        self._world = world
        self._seconds = seconds
        self.book_waiting = world.app.sender.book_waiting

    def send(self, command_type: CommandType, *arguments: Any, **named: Any) -> CommandOutcome:
        outcome = self._world.app.sender.send(command_type, *arguments, **named)
        if command_type is CommandType.OPEN_EXIT_INTENT:
            self._world.wait(self._seconds)
        return outcome


def test_an_intent_that_took_long_to_commit_sends_no_order(world: BotWorld) -> None:
    """Held up past the look-up's patience, the process could sell a second time; so it does not sell."""
    app = world.app
    slow = TradingLoop(
        app.store,
        app.gateway,
        cast("CommandSender", _SlowSender(world, 31)),
        clock=app.clock,
        ids=app.ids,
        settings=LoopSettings(quote="USDT"),
    )
    report = slow.run_once(world.clock.now())
    assert words_of(report) == ["held_up"]
    assert report.alarms
    assert world.orders_sent() == 0
    assert world.entry("SOL").exit_intent is None, "who knows that nothing was sent need not wait"
    assert words_of(world.cycle()) == SOLD
    assert_sold_once(world)
