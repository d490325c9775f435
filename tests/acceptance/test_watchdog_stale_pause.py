"""The gate `watchdog_stale_pause`: a real `bot run` stops trading on stale data or a stale loop, for good.

The box is frozen or made slow from outside; the daemon, the watchdog's thread and the commands are real.
"""

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.app.clock import SystemClock
from bot.lifecycle.documents import Exits, TradingHalt
from tests.fakes.bot_process import BotProcess, bot, bot_process, until
from tests.fakes.bot_world import BotWorld, bot_world
from tests.fakes.home_checks import assert_home_is_whole, audit_types

QUICK = {
    "BOT_WATCHDOG_STALE_DATA_S": "2",
    "BOT_WATCHDOG_STALE_LOOP_S": "0",
    "BOT_WORKER_SAFETY_POLL_S": "0.2",
    "BOT_EXCHANGE_TIMEOUT_S": "1",
}
ALWAYS = 1_000_000


@pytest.fixture
def world(tmp_path: Path) -> Iterator[BotWorld]:
    clock = SystemClock()
    with bot_world(tmp_path / "home", clock=clock, start=clock.now()) as made:
        made.hand_over("SOL")
        yield made
        made.box.control.clear_faults()
        with made.app.store.transaction():
            pass  # recovers, as every start does
        assert_home_is_whole(made.app)


def freeze(world: BotWorld) -> None:
    """Let the box answer nobody: no price, no balance, no order."""
    world.box.control.add_fault("status_before", status=503, times=ALWAYS)


def keep_prices_away(world: BotWorld) -> None:
    """Let the box answer again, all but the prices."""
    world.box.control.clear_faults()
    world.box.control.add_fault("status_before", path="ticker/24hr", status=503, times=ALWAYS)


def halt_of(world: BotWorld) -> TradingHalt | None:
    return world.managed.trading_halt


def halted(world: BotWorld) -> TradingHalt:
    found = halt_of(world)
    assert found is not None
    return found


def alarms(daemon: BotProcess) -> list[str]:
    return [str(line["what"]) for line in daemon.told() if line["event"] == "alarm" and "sentence" in line]


def resume(world: BotWorld, *more: str, code: str = "stale_data") -> int:
    words = ("trading", "resume", "--confirm", f"resume:{code}", "--reason", "looked", *more)
    return bot(world.root, *words).returncode


def test_watchdog_stale_pause(world: BotWorld) -> None:
    """Frozen data halts trading; it stays halted over kill and restart, and only a person ends it."""
    with bot_process(world.root, "run", **QUICK) as daemon:
        assert halt_of(world) is None
        freeze(world)
        until(lambda: halt_of(world), "the halt")
        assert (halted(world).code, halted(world).by, halted(world).exits) == ("stale_data", "bot", Exits.ON)
        until(lambda: "trading_halted" in alarms(daemon), "the alarm")
        told = bot(world.root, "status")
        assert "TRADING IS HALTED: no fresh price" in told.stdout
        assert daemon.end(signal.SIGKILL) != 0
    keep_prices_away(world)
    before = halted(world)
    with bot_process(world.root, "run", **QUICK) as daemon:
        assert halted(world) == before
        assert resume(world) == 5, "the cause is there"
        world.fall_to_stop("SOL")
        world.box.control.clear_faults()
        until(lambda: world.managed.state_of("SOL").value == "exit_executed", "the stop, on a fresh price")
        until(lambda: halted(world).cause_gone_at, "the cause is seen to be gone")
        assert alarms(daemon).count("trading_halted") == 0, "nobody is alarmed twice"
        assert resume(world) == 0
        until(lambda: halt_of(world) is None, "the resume")
        assert daemon.end() == 0
    types = audit_types(world.app, "*")
    halts = [name for name in types if name.startswith("trading_")]
    assert halts == ["trading_halted", "trading_halt_updated", "trading_resumed"]
    assert world.orders_sent() == 1


def test_watchdog_stale_pause_on_a_loop_that_hangs_in_one_call(world: BotWorld) -> None:
    slow = {
        "BOT_WATCHDOG_STALE_DATA_S": "0",
        "BOT_WATCHDOG_STALE_LOOP_S": "1",
        "BOT_EXCHANGE_TIMEOUT_S": "60",
    }
    with bot_process(world.root, "run", **QUICK | slow) as daemon:
        world.box.control.add_fault("delay", path="ticker/24hr", method="GET", seconds=4.0, times=ALWAYS)
        until(lambda: halt_of(world), "the halt, while the loop still waits")
        assert halted(world).code == "stale_loop"
        until(lambda: "trading_halted" in alarms(daemon), "the alarm")
        world.box.control.clear_faults()
        until(lambda: halted(world).cause_gone_at, "the loop comes round again")
        assert halt_of(world) is not None
        assert resume(world, code="stale_loop") == 0
        assert daemon.end() == 0


def test_a_resume_with_the_cause_accepted_is_an_admins_and_is_not_taken_back(world: BotWorld) -> None:
    with bot_process(world.root, "run", **QUICK) as daemon:
        freeze(world)
        until(lambda: halt_of(world), "the halt")
        assert resume(world, "--accept") == 0
        until(lambda: halt_of(world) is None, "the resume")
        seen = len(daemon.told())
        until(lambda: len(daemon.told()) > seen + 3, "some more cycles")
        assert halt_of(world) is None
        assert alarms(daemon).count("trading_halted") == 1


def test_a_halt_by_hand_works_with_no_bot_running_and_with_one(world: BotWorld) -> None:
    said = bot(world.root, "trading", "halt", "--reason", "moving house", "--json")
    assert (said.returncode, json.loads(said.stdout)["data"]["applied_here"]) == (0, True)
    with bot_process(world.root, "run", **QUICK):
        again = bot(world.root, "trading", "halt", "--exits", "off")
        assert again.returncode == 0
        assert "TRADING IS HALTED: moving house [halted_by_hand]" in bot(world.root, "status").stdout
        world.fall_to_stop("SOL")
        told = bot(world.root, "explain", "SOL", "--offline").stdout
        assert "trading_halted" in told
        assert "NOT PROTECTED: trading is halted with exits off" in told
        doctor = bot(world.root, "doctor", "--offline").stdout
        assert "WARN  trading: halted since" in doctor
        assert resume(world, code="halted_by_hand") == 0
        until(lambda: world.managed.state_of("SOL").value == "exit_executed", "the stop after the resume")
    assert world.orders_sent() == 1
