"""The watchdog on a real home: it halts once, keeps what it sees of the cause, and never ends a halt."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bot.commands.sender import CommandSender
from bot.kernel.errors import DatabaseUnavailableError
from bot.lifecycle.commands import CommandOutcome, CommandState, CommandType, NewCommand
from bot.lifecycle.documents import Exits, TradingHalt
from bot.storage.documents import MANAGED_STATE
from bot.storage.sql.home_queue import HomeQueue
from bot.storage.unbooked import UnbookedSpool
from bot.trading.watchdog import Watchdog, WatchLimits
from tests.fakes.bot_world import BotWorld, bot_world
from tests.fakes.home_checks import assert_home_is_whole, audit_types

LIMITS = WatchLimits(stale_data_s=20, stale_loop_s=30, cycle_s=5, exits=Exits.ON)


class Watched:
    """A bot with a coin in its hands, and its watchdog; second by second."""

    def __init__(self, world: BotWorld) -> None:
        self.world = world
        self.limits = LIMITS
        self.alarms: list[str] = []
        self.told: list[str] = []
        self.begin()

    def begin(self) -> None:
        app = self.world.app
        self.dog = Watchdog(
            app.store, app.sender, app.loop.signs, clock=self.world.clock, limits=lambda: self.limits
        )

    def live(self, seconds: int, *, loop: bool = True) -> None:
        """Let time pass; every fifth second a cycle, unless the loop hangs."""
        for second in range(seconds):
            if loop and second % 5 == 0:
                self.world.cycle()
            for step in self.dog.look():
                self.told.append(step.what)
                if step.alarm:
                    self.alarms.append(step.what)
            self.world.wait(1)

    def resume(self, code: str, *, accept: bool = False) -> CommandOutcome:
        words = {"confirm": f"resume:{code}", "reason": "looked", "accept": accept}
        return self.world.ask(CommandType.RESUME_TRADING, "*", **words)

    @property
    def halted(self) -> TradingHalt:
        """Return the halt that must be there."""
        found = self.halt()
        assert found is not None
        return found

    def halt(self) -> TradingHalt | None:
        return self.world.managed.trading_halt


class AwayQueue(HomeQueue):
    """A database that takes no row."""

    def insert_finished(self, new: NewCommand, outcome: CommandOutcome) -> None:
        raise DatabaseUnavailableError(f"{new.type} {outcome.code}")


def frozen_box(world: BotWorld) -> None:
    """Let the box tell no prices any more."""
    world.box.control.add_fault("status_before", path="ticker/24hr", status=503, times=1_000_000)


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    with bot_world(tmp_path / "home") as world:
        world.hand_over("SOL")
        yield Watched(world)
        assert_home_is_whole(world.app)


def test_a_bot_that_sees_fresh_prices_is_never_halted(watched: Watched) -> None:
    watched.live(120)
    assert (watched.told, watched.halt()) == ([], None)


def test_stale_data_halts_trading_once_and_is_alarmed_once(watched: Watched) -> None:
    watched.live(6)
    frozen_box(watched.world)
    watched.live(15)
    assert watched.halt() is None
    watched.live(60)
    halt = watched.halt()
    assert halt is not None
    assert (halt.code, halt.by, halt.exits) == ("stale_data", "bot", Exits.ON)
    assert "SOL" in halt.text
    assert watched.alarms == ["trading_halted"]
    assert audit_types(watched.world.app, "*").count("trading_halted") == 1


def test_a_loop_that_hangs_halts_trading_by_a_clock_of_the_watchdogs_own(watched: Watched) -> None:
    watched.limits = msgspec.structs.replace(LIMITS, stale_data_s=0)
    watched.live(6)
    watched.live(33, loop=False)
    assert watched.halt() is None, "30 s beyond the pause of 5 s between two cycles"
    watched.live(5, loop=False)
    assert (watched.halted.code, watched.alarms) == ("stale_loop", ["trading_halted"])


@pytest.mark.parametrize("off", ["stale_data_s", "stale_loop_s"])
def test_a_limit_of_zero_is_off(watched: Watched, off: str) -> None:
    limits: dict[str, Any] = {"stale_data_s": 0, "stale_loop_s": 0}
    watched.limits = msgspec.structs.replace(LIMITS, **limits)
    watched.live(200, loop=False)
    assert watched.halt() is None
    watched.limits = msgspec.structs.replace(LIMITS, **{off: 0})
    watched.live(60, loop=False)
    assert not watched.halted.code.startswith(off.removesuffix("_s"))


def test_the_setting_takes_the_exits_with_the_halt(watched: Watched) -> None:
    watched.limits = msgspec.structs.replace(LIMITS, exits=Exits.OFF)
    watched.live(60, loop=False)
    assert watched.halted.exits is Exits.OFF
    watched.world.fall_to_stop("SOL")
    watched.live(10)
    assert watched.world.orders_sent() == 0


def test_the_stop_waits_for_a_fresh_price_and_fires_on_it_in_the_halt(watched: Watched) -> None:
    """Q-MH-8: a hiccup of the data does not switch the stop off, it makes it wait."""
    world = watched.world
    watched.live(6)
    world.fall_to_stop("SOL")
    frozen_box(world)
    watched.live(60)
    assert watched.halt() is not None
    assert world.orders_sent() == 0
    world.box.control.clear_faults()
    watched.live(10)
    assert world.orders_sent() == 1
    assert world.entry("SOL").reason is not None
    assert watched.halt() is not None, "the exit does not end the halt"


def test_the_cause_that_goes_away_ends_no_halt_but_lets_a_person_end_it(watched: Watched) -> None:
    frozen_box(watched.world)
    watched.live(40)
    assert watched.resume("stale_data").code == "halt_cause_present"
    watched.world.box.control.clear_faults()
    watched.live(10)
    assert watched.told == ["trading_halted", "halt_cause_is_gone"]
    assert watched.halt() is not None
    assert watched.resume("stale_data").state is CommandState.APPLIED
    watched.live(60)
    assert watched.halt() is None


def test_what_a_person_accepted_halts_again_only_after_it_was_gone(watched: Watched) -> None:
    frozen_box(watched.world)
    watched.live(40)
    assert watched.resume("stale_data", accept=True).state is CommandState.APPLIED
    watched.live(100)
    assert watched.halt() is None
    watched.world.box.control.clear_faults()
    watched.live(10)
    frozen_box(watched.world)
    watched.live(40)
    assert watched.halt() is not None
    assert watched.alarms == ["trading_halted", "trading_halted"]


def test_another_cause_halts_in_spite_of_one_that_was_accepted(watched: Watched) -> None:
    frozen_box(watched.world)
    watched.live(30)
    watched.resume("stale_data", accept=True)
    watched.live(50, loop=False)
    assert watched.halted.code == "stale_loop"


def test_a_halt_survives_a_restart_and_the_new_watchdog_needs_proof_of_life(watched: Watched) -> None:
    frozen_box(watched.world)
    watched.live(40)
    before = watched.halt()
    watched.world.restart()
    watched.begin()
    watched.live(10)
    assert watched.halt() == before, "nothing good was seen yet"
    assert watched.resume("stale_data").code == "halt_cause_present"
    watched.world.box.control.clear_faults()
    watched.live(10)
    assert watched.told[-1] == "halt_cause_is_gone"
    assert watched.alarms == ["trading_halted"], "a restart alarms nobody a second time"


def test_a_halt_by_hand_is_never_overwritten_by_the_watchdog(watched: Watched) -> None:
    watched.world.ask(CommandType.HALT_TRADING, "*", text="moving house")
    before = watched.halt()
    watched.live(60, loop=False)
    assert watched.halt() == before
    assert watched.told == []


def test_a_machine_that_slept_gives_the_loop_its_time_anew(watched: Watched) -> None:
    watched.live(10)
    watched.world.wait(3_600)
    watched.live(5, loop=False)
    assert watched.halt() is None
    watched.live(60, loop=False)
    assert watched.halt() is not None


def test_a_halt_waits_for_no_database_and_its_row_follows(watched: Watched) -> None:
    app = watched.world.app
    gone = AwayQueue(app.home, clock=app.clock, lineage=app.store.read(MANAGED_STATE).meta.lineage)
    sender = CommandSender(app.maker, app.applier, gone, spool=UnbookedSpool(app.home), on_alarm=print)
    signs = app.loop.signs
    watched.dog = Watchdog(app.store, sender, signs, clock=app.clock, limits=lambda: LIMITS)
    watched.live(60, loop=False)
    assert watched.halt() is not None
    assert sender.book_waiting() == 1
    assert app.sender.book_waiting() == 0
    assert CommandType.HALT_TRADING in {row.type for row in app.queue.list(limit=100)}


def test_a_pause_a_halt_and_an_order_in_flight_meet_and_the_fill_is_booked(watched: Watched) -> None:
    """A halt with exits off while an exit is in flight: nothing further is sent, the fill is not lost."""
    world = watched.world
    world.box.control.add_fault("drop_after", path="order", method="POST")
    world.fall_to_stop("SOL")
    world.cycle()
    assert world.entry("SOL").exit_intent is not None
    outcome = world.ask(CommandType.HALT_TRADING, "*", text="hands off", exits="off")
    assert outcome.detail["orders_in_flight"] == ["SOL"]
    watched.live(10)
    assert world.entry("SOL").exit_intent is None
    assert world.orders_sent() == 1
    assert world.entry("SOL").sold_quantity == world.entry("SOL").approved_quantity
    assert world.balances()["SOL"] == Decimal(25) - (world.entry("SOL").sold_quantity or 0)
