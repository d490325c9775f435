"""`bot run` killed or stopped around an exit: at most one sale, and everything whole afterwards."""

import datetime as dt
import signal
import threading
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from bot.app.clock import SystemClock
from bot.lifecycle.commands import CommandType
from bot.lifecycle.documents import Exits
from bot.lifecycle.states import AssetState
from tests.fakes.bot_process import bot, bot_process, until
from tests.fakes.bot_world import BotWorld, bot_world
from tests.fakes.fake_clock import FakeClock
from tests.fakes.home_checks import assert_home_is_whole, audit_types

WALLET = {name: Decimal(amount) for name, amount in (("SOL", 25), ("ETH", 2), ("BTC", 1), ("USDT", 10_000))}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[BotWorld]:
    clock = SystemClock()
    with bot_world(tmp_path / "home", clock=clock, start=clock.now(), wallet=WALLET) as made:
        yield made
        with made.app.store.transaction():
            pass  # recovers, as every start does
        assert_home_is_whole(made.app)


def orders_at_the_box(world: BotWorld) -> int:
    return int(world.box.control.state()["orders"])


def go_on_later(world: BotWorld) -> None:
    """Start anew when every look-up has settled: half a minute later by the bot's clock."""
    world.clock = FakeClock(SystemClock().now() + dt.timedelta(seconds=30))
    world.restart()


def assert_sold_once(world: BotWorld, asset: str) -> None:
    for _ in range(3):
        world.cycle()
    entry = world.entry(asset)
    assert entry.state is AssetState.EXIT_EXECUTED
    assert WALLET[asset] - world.balances().get(asset, Decimal(0)) == entry.sold_quantity
    assert entry.sold_quantity == entry.approved_quantity
    assert audit_types(world.app, asset).count("exit_executed") == 1
    sold = [trade for trade in world.app.gateway.own_trades(f"{asset}/USDT") if trade.side == "sell"]
    assert sum((trade.quantity for trade in sold), Decimal(0)) == entry.sold_quantity


@pytest.mark.parametrize("how", ["another_daemon", "one_pass"])
def test_killed_between_intent_and_answer_the_order_is_found_and_booked(world: BotWorld, how: str) -> None:
    """The request is on its way when the process dies; it is executed a second later all the same."""
    world.hand_over("SOL")
    world.box.control.add_fault("delay", path="order", method="POST", seconds=1.0)
    with bot_process(world.root, "run") as daemon:
        world.fall_to_stop("SOL")
        until(lambda: world.entry("SOL").exit_intent is not None, "the intent")
        threading.Event().wait(0.2)
        assert daemon.end(signal.SIGKILL) == -signal.SIGKILL
    assert orders_at_the_box(world) == 0, "it died before the answer"
    assert world.entry("SOL").exit_intent is not None
    if how == "another_daemon":
        with bot_process(world.root, "run") as daemon:
            until(lambda: world.managed.state_of("SOL") is AssetState.EXIT_EXECUTED, "the booking")
            assert daemon.end() == 0
    else:
        until(lambda: orders_at_the_box(world) == 1, "the late order")
        done = bot(world.root, "run", "--once")
        assert done.returncode == 0, done.stderr
    assert orders_at_the_box(world) == 1
    assert_sold_once(world, "SOL")


def test_killed_at_many_moments_around_an_exit_every_coin_is_sold_once(world: BotWorld) -> None:
    assets = ("SOL", "ETH", "BTC")
    for asset in assets:
        world.hand_over(asset, "conservative")
    for asset, after_s in zip(assets, (0.02, 0.06, 0.1), strict=True):
        with bot_process(world.root, "run", BOT_TRADING_CYCLE_S="0.05") as daemon:
            world.fall_to_stop(asset)
            threading.Event().wait(after_s)
            daemon.end(signal.SIGKILL)
    threading.Event().wait(0.2)
    go_on_later(world)
    world.cycle()
    world.wait(31)  # killed between intent and order, nothing was sent: believed after half a minute
    for asset in assets:
        assert_sold_once(world, asset)
    assert orders_at_the_box(world) == len(assets)


def test_killed_while_commands_are_applied_every_one_of_them_is_there_once(world: BotWorld) -> None:
    world.hand_over("SOL")
    app = world.app
    uids = []
    for turn in range(40):
        kind = CommandType.RESUME_MANAGED_ASSET if turn % 2 else CommandType.PAUSE_MANAGED_ASSET
        words = {"reason": "go on"} if turn % 2 else {"exits": "on"}
        uids.append(app.queue.enqueue(app.maker.make(kind, "SOL", words, actor=app.actor)).uid)
    for _ in range(2):
        with bot_process(world.root, "run") as daemon:
            daemon.end(signal.SIGKILL)
    done = bot(world.root, "worker", "--once")
    assert done.returncode == 0, done.stderr
    rows = [app.queue.get(uid) for uid in uids]
    codes = [row.outcome.code for row in rows if row is not None and row.outcome is not None]
    assert codes == ["applied"] * len(uids)
    kinds = audit_types(app, "SOL")
    assert (kinds.count("asset_paused"), kinds.count("asset_resumed")) == (20, 20)


def test_a_pause_does_not_wait_for_a_daemon_that_hangs(world: BotWorld) -> None:
    """Safety does not wait: the command line applies the pause itself, under the same lock."""
    world.hand_over("SOL")
    with bot_process(world.root, "run") as daemon:
        daemon.process.send_signal(signal.SIGSTOP)
        began = time.perf_counter()
        done = bot(world.root, "pause", "SOL", "--exits", "off")
        took = time.perf_counter() - began
        daemon.process.send_signal(signal.SIGCONT)
        assert done.returncode == 0, done.stderr
        assert took < 8
        assert world.entry("SOL").exits is Exits.OFF
        world.fall_to_stop("SOL")
        until(lambda: daemon.is_up() and daemon.told(), "the daemon to go on")
        threading.Event().wait(0.5)
        assert daemon.end() == 0
    assert world.orders_sent() == 0


def test_a_pause_does_not_wait_for_an_approval_that_hangs_at_the_exchange(world: BotWorld) -> None:
    world.hand_over("SOL")
    world.propose("ETH")
    with bot_process(world.root, "run", BOT_TRADING_CYCLE_S="60") as daemon:
        world.box.control.add_fault("delay", path="ticker/24hr", seconds=10, times=100)
        app = world.app
        words = world.approval("ETH")
        command = app.maker.make(CommandType.APPROVE_MANAGED_PROPOSAL, "ETH", words, actor=app.actor)
        app.queue.enqueue(command)
        threading.Event().wait(0.3)
        began = time.perf_counter()
        done = bot(world.root, "pause", "SOL", "--exits", "off")
        assert done.returncode == 0, done.stderr
        assert time.perf_counter() - began < 8
        assert world.entry("SOL").exits is Exits.OFF
        assert world.managed.state_of("ETH") is AssetState.RISK_PROPOSED, "the approval still waits"
        daemon.end(signal.SIGKILL)
