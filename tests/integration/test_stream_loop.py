"""The loop as the market asks for it: one wake, one round, the same gates, never a second sale."""

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bot.app.clock import SystemClock
from bot.lifecycle.commands import CommandType
from bot.lifecycle.states import AssetState
from bot.trading.follower import MarketFollower
from bot.trading.market_watch import Wake
from bot.trading.report import CycleReport
from tests.fakes.bot_process import until
from tests.fakes.bot_world import ORDER, BotWorld, bot_world
from tests.fakes.home_checks import assert_home_is_whole

CYCLE_S = 3_600.0
"""So long that no cycle helps by its time alone."""


class Following:
    """One bot that listens, its rounds run by hand as its thread would."""

    def __init__(self, world: BotWorld) -> None:
        self.world = world
        self.follower: MarketFollower = world.app.follower
        self.steps: list[str] = []
        self.cycles = self.rounds = 0

    def settle(self) -> None:
        """Run what the streams ask for until they ask for nothing more."""
        while wake := self.follower.wait(0.4):
            self.act(wake)

    def settle_as(self, wanted: AssetState) -> None:
        """Run what the streams ask for until SOL stands there; the exchange's news may take its time."""

        def stands_there() -> bool:
            self.settle()
            return state(self.world) is wanted

        until(stands_there, f"SOL to be {wanted}")

    def next(self) -> Wake:
        """Return the next wake by a price, an order or another's trade; the rest is acted upon."""
        for _ in range(20):
            wake = self.follower.wait(5)
            if wake.priced or wake.ordered or wake.foreign:
                return wake
            self.act(wake)
        raise AssertionError("the loop was not woken")

    def act(self, wake: Wake) -> None:
        """Do what the trading thread does with a wake."""
        report: CycleReport | None
        if wake.priced or wake.ordered or wake.balance:
            report = self.follower.react(wake)
            if report is not None:
                self.rounds += 1
                self.steps += [step.what for step in report.steps]
        if wake.cycle or wake.foreign:
            self.cycles += 1
            self.steps += [step.what for step in self.follower.cycle(wake).steps]

    def last_price(self) -> Decimal:
        """Return the newest trade of SOL that is trusted, or zero."""
        seen = self.follower._watch.price("SOL/USDT")
        return Decimal(0) if seen is None else seen.trade.price

    def asked(self) -> list[str]:
        """Return the paths that the exchange was asked since the last call."""
        rows = [f"{row['method']} {row['path'].removeprefix('/api/v3/')}" for row in self._requests()]
        fresh, self._known = rows[getattr(self, "_known", 0) :], len(rows)
        return fresh

    def _requests(self) -> list[dict[str, Any]]:
        return self.world.box.control.requests()


@contextmanager
def following(world: BotWorld) -> Iterator[Following]:
    made = Following(world)
    made.follower.start()
    try:
        made.act(Wake(cycle="start"))
        until(lambda: all(h.live_since for h in made.follower.health()), "the streams")
        made.settle()
        made.asked()
        made.steps.clear()
        made.cycles = made.rounds = 0
        yield made
    finally:
        made.follower.close()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[BotWorld]:
    clock = SystemClock()
    with bot_world(tmp_path / "home", clock=clock, start=clock.now()) as made:
        made.hand_over("SOL")
        yield made
        assert_home_is_whole(made.app)


def state(world: BotWorld, asset: str = "SOL") -> AssetState:
    return world.managed.state_of(asset)


def test_a_stop_that_is_crossed_is_sold_in_one_round_with_one_request(world: BotWorld) -> None:
    with following(world) as bot:
        world.fall_to_stop("SOL")
        bot.act(bot.next())
        assert state(world) is AssetState.EXIT_EXECUTED
        assert bot.asked() == ["POST order"], "price and balances were known, nothing else was asked"
        assert (bot.rounds, bot.cycles) == (1, 0)
    assert world.orders_sent() == 1
    assert world.entry("SOL").sold_quantity == world.entry("SOL").approved_quantity


def test_a_target_that_is_reached_is_sold_alike(world: BotWorld) -> None:
    with following(world) as bot:
        world.set_price("SOL", (world.entry("SOL").take_profit or Decimal(0)) * Decimal("1.01"))
        bot.act(bot.next())
    assert state(world) is AssetState.EXIT_EXECUTED


def test_a_price_that_came_back_before_the_loop_looked_sells_nothing(world: BotWorld) -> None:
    price = world.box.control.price("SOL/USDT")
    with following(world) as bot:
        world.fall_to_stop("SOL")
        wake = bot.next()
        world.set_price("SOL", price)
        until(lambda: bot.last_price() >= price, "the recovery")
        bot.act(wake)
        assert bot.steps == []
        world.fall_to_stop("SOL")
        bot.act(bot.next())  # armed again
    assert state(world) is AssetState.EXIT_EXECUTED


@pytest.mark.parametrize("action", ["event_twice", "event_swapped", "event_late", "event_missing"])
@pytest.mark.parametrize("event", ["trade", "executionReport", "outboundAccountPosition"])
def test_events_that_are_doubled_swapped_late_or_missing_never_double_a_sale(
    world: BotWorld, action: str, event: str
) -> None:
    details: dict[str, Any] = {"seconds": 0.3} if action == "event_late" else {}
    with following(world) as bot:
        for nth in (1, 2):
            world.box.control.add_fault(action, event=event, nth=nth, **details)
        world.fall_to_stop("SOL")
        bot.settle()
        world.set_price("SOL", Decimal(1))  # whatever was held back or lost, the next trade tells
        bot.settle()
        bot.act(Wake(cycle="a cycle's time has come"))
        bot.settle()
    assert state(world) is AssetState.EXIT_EXECUTED
    assert world.orders_sent() == 1
    assert 25 - world.balances()["SOL"] == world.entry("SOL").approved_quantity


def test_a_pause_between_the_wake_and_the_round_holds(world: BotWorld) -> None:
    """R5: the wake decides nothing; the round begins with the state as it is committed."""
    with following(world) as bot:
        world.fall_to_stop("SOL")
        wake = bot.next()
        world.pause("SOL", "off")
        bot.act(wake)
        assert bot.steps == []
    assert world.orders_sent() == 0
    assert state(world) is AssetState.MANAGED_PAUSED


def test_an_order_whose_answer_was_lost_is_booked_when_the_account_tells_of_it(world: BotWorld) -> None:
    with following(world) as bot:
        world.box.control.add_fault("drop_after", method=ORDER[0], path=ORDER[1])
        world.fall_to_stop("SOL")
        bot.act(bot.next())
        assert "unknown" in bot.steps
        bot.settle_as(AssetState.EXIT_EXECUTED)
    assert world.orders_sent() == 1


def test_a_refused_exit_is_not_asked_for_with_every_trade(world: BotWorld) -> None:
    stop_loss = world.entry("SOL").stop_loss or Decimal(0)
    with following(world) as bot:
        world.box.control.withdraw("SOL", "25")
        bot.settle()
        bot.steps.clear()
        rounds = bot.rounds
        for number in range(5):
            world.set_price("SOL", stop_loss - 1 - number)
            bot.settle()
        assert bot.rounds - rounds <= 1
    assert world.orders_sent() == 0


def test_after_a_gap_everything_is_asked_for_before_the_stream_is_trusted_again(world: BotWorld) -> None:
    with following(world) as bot:
        world.box.control.cut_streams("all")
        until(lambda: sum(h.gaps for h in bot.follower.health()) == 2, "the gaps")
        bot.act(bot.follower.wait(5))
        assert bot.follower._watch.price("SOL/USDT") is None
        until(lambda: all(h.live_since for h in bot.follower.health()), "the return")
        bot.settle()
        assert bot.cycles >= 2
        asked = bot.asked()
        assert "GET ticker/24hr" in asked
        assert "GET account" in asked
        world.fall_to_stop("SOL")
        bot.act(bot.next())
        assert bot.asked()[-1] == "POST order"
    assert world.orders_sent() == 1


def test_what_fell_while_nobody_listened_is_found_by_the_first_cycle_behind_the_gap(world: BotWorld) -> None:
    with following(world) as bot:
        world.box.control.add_fault("event_missing", event="trade")
        world.fall_to_stop("SOL")
        assert not bot.follower.wait(0.4).priced
        world.box.control.cut_streams("market")
        until(lambda: bot.follower.health()[0].gaps, "the gap")
        bot.act(bot.follower.wait(5))
    assert state(world) is AssetState.EXIT_EXECUTED


def test_the_owners_own_sale_has_balances_and_trades_asked_for_at_once(world: BotWorld) -> None:
    with following(world) as bot:
        world.box.control.external_trade("SOL/USDT", "SELL", "20")
        wake = bot.next()
        assert wake.foreign == {"SOL/USDT"}
        bot.act(wake)
        bot.settle()
        assert "GET myTrades" in bot.asked()
        assert "foreign_trade" in bot.steps
    assert state(world) is AssetState.MANAGED_DRIFT_ALERT


def test_a_price_that_is_too_old_is_asked_for_at_the_exchange(world: BotWorld) -> None:
    world.app.settings.set("trading.price_max_age_s", Decimal(1)) if hasattr(
        world.app.settings, "set"
    ) else None
    with following(world) as bot:
        world.fall_to_stop("SOL")
        wake = bot.next()
        bot.follower._price_max_age_s = lambda: Decimal(-1)  # nothing in memory is fresh enough
        bot.act(wake)
        assert "GET ticker/24hr" in bot.asked()
    assert state(world) is AssetState.EXIT_EXECUTED


def test_what_is_followed_goes_with_approvals_and_exits(world: BotWorld) -> None:
    with following(world) as bot:
        world.propose("ETH")
        outcome = world.ask(CommandType.APPROVE_MANAGED_PROPOSAL, "ETH", **world.approval("ETH"))
        assert outcome.code == "ok" or outcome.state.value == "applied"
        bot.act(Wake(cycle="the state has changed"))
        until(lambda: bot.follower.health()[0].follows == 2, "ETH is followed")
        bot.settle()
        world.fall_to_stop("SOL")
        bot.act(bot.next())
        until(lambda: bot.follower.health()[0].follows == 1, "SOL is followed no more")
        bot.settle()
        world.fall_to_stop("ETH")
        bot.act(bot.next())
    assert (state(world), state(world, "ETH")) == (AssetState.EXIT_EXECUTED, AssetState.EXIT_EXECUTED)
    assert world.orders_sent() == 2
