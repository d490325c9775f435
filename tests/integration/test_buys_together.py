"""Buys beside what else happens at once: stops that fill, answers that lag, orders that vanish."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bot.execution.orders import OrderReport, OrderStatus, Side, Submission, Unknown
from bot.lifecycle.states import AssetState
from bot.risk.verdict import Approved
from bot.trading.cycle import LoopSettings, TradingLoop
from bot.trading.report import Step
from bot.trading.resting_stop import RestingStopSettings
from tests.fakes.bot_world import BotWorld
from tests.fakes.buying_world import D, buying_world, fall_to_step

OWNERS = D(20)
"""What of the 25 SOL was not handed over."""


@pytest.fixture
def world(tmp_path: Path) -> Iterator[BotWorld]:
    with buying_world(tmp_path / "home", environ={"BOT_RISK_INVESTABLE_CAPITAL_USDT": "600"}) as made:
        yield made


class Talk:
    """A gateway that tells the truth, but for what a test lets it keep back."""

    def __init__(self, world: BotWorld) -> None:
        self._gateway = world.app.gateway
        self.loses_buys = False
        """A buy never arrives, and its answer is lost."""
        self.loses_answers = False
        """A buy arrives, and its answer is lost."""
        self.denies_orders = False
        self.tells_no_fees = False
        self.stop_is_selling = False
        """A resting sale is told as filled in part."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._gateway, name)

    def submit(self, approved: Approved[Any]) -> Submission:
        order_id = approved.order.client_order_id
        if approved.order.side is Side.BUY and self.loses_buys:
            return Unknown(client_order_id=order_id, text="lost")
        answer = self._gateway.submit(approved)
        if approved.order.side is Side.BUY and self.loses_answers:
            return Unknown(client_order_id=order_id, text="lost")
        return answer

    def find_order(self, symbol: str, client_order_id: str) -> OrderReport | None:
        report = None if self.denies_orders else self._gateway.find_order(symbol, client_order_id)
        if report is None:
            return None
        if report.side is Side.BUY:
            return msgspec.structs.replace(report, fees=(), fills=()) if self.tells_no_fees else report
        if self.stop_is_selling and not report.status.is_final:
            part = {"status": OrderStatus.PARTIALLY_FILLED, "filled_quantity": D(2), "filled_quote": D(260)}
            return msgspec.structs.replace(report, **part)
        return report


class Bot:
    """The loop on such a gateway."""

    def __init__(self, world: BotWorld, *, rests: bool = False) -> None:
        app, self.world, self.talk = world.app, world, Talk(world)
        self.loop = TradingLoop(
            app.store,
            self.talk,
            app.sender,
            clock=app.clock,
            ids=app.ids,
            settings=LoopSettings(
                quote="USDT",
                buys=app.loop._settings.buys,
                resting_stop=lambda: RestingStopSettings(is_on=rests),
            ),
        )

    def steps(self, cycles: int = 1, *, wait: float = 0) -> list[Step]:
        told: list[Step] = []
        for _ in range(cycles):
            self.world.wait(wait)
            told += self.loop.run_once(self.world.clock.now()).steps
        return told

    def words(self, cycles: int = 1, *, wait: float = 0) -> list[str]:
        return [step.what for step in self.steps(cycles, wait=wait)]


def test_a_buy_whose_fees_are_told_late_is_booked_with_them_and_the_owners_coins_stay(
    world: BotWorld,
) -> None:
    bot = Bot(world)
    bot.talk.loses_answers = bot.talk.tells_no_fees = True
    bot.steps()
    fall_to_step(world, 1)
    assert "buy_sent" in bot.words(2)
    assert bot.words()[0] == "buy_fees_awaited"
    assert not world.entry("SOL").bought_quantity, "not booked before its fee is known"
    bot.talk.tells_no_fees = False
    assert bot.words()[0] == "buy_filled"
    assert world.entry("SOL").bought_quantity == world.balances()["SOL"] - 25
    world.fall_to_stop("SOL")
    bot.steps(2)
    assert world.entry("SOL").state is AssetState.EXIT_EXECUTED
    assert world.balances()["SOL"] >= OWNERS


def test_a_buy_whose_fees_are_never_told_is_booked_after_a_while_and_alarmed(world: BotWorld) -> None:
    bot = Bot(world)
    bot.talk.loses_answers = bot.talk.tells_no_fees = True
    bot.steps()
    fall_to_step(world, 1)
    assert "buy_fees_awaited" in bot.words(3)
    steps = bot.steps(wait=31)
    assert [step.what for step in steps][:2] == ["buy_filled", "buy_without_fees"]
    assert steps[1].alarm
    assert world.entry("SOL").bought_steps == 1


def test_nothing_is_bought_back_after_a_resting_stop_sold_beside_a_buy_that_never_arrived(
    world: BotWorld,
) -> None:
    bot = Bot(world, rests=True)
    bot.steps(2)
    world.wait(2)
    calm = fall_to_step(world, 1)
    bot.talk.loses_buys = True
    assert "buy_unknown" in bot.words()
    world.fall_to_stop("SOL")  # the stop fills at the exchange
    bot.steps()
    world.wait(5)
    world.set_price("SOL", calm)
    bot.steps(3, wait=9)
    bot.talk.loses_buys = False
    bot.steps(6, wait=9)
    assert not world.entry("SOL").bought_quantity


def test_nothing_more_is_bought_beside_a_buy_that_was_told_after_it_was_given_up(world: BotWorld) -> None:
    bot = Bot(world)
    bot.steps()
    bot.talk.loses_answers = bot.talk.denies_orders = True
    fall_to_step(world, 1)
    assert "buy_unknown" in bot.words(2)
    assert "buy_never_arrived" in bot.words(wait=31)
    bot.talk.loses_answers = bot.talk.denies_orders = False
    steps: list[Step] = []
    for step in (1, 1, 2, 2, 3, 3, 3, 3):
        world.wait(61)
        fall_to_step(world, step)
        steps += bot.steps()
    paid = 10_000 - world.balances()["USDT"]
    told = [step for step in steps if step.data.get("gate") == "late_buy"]
    assert [step.alarm for step in told] == [True], "alarmed once"
    assert paid <= 600, f"{paid} were paid, {world.entry('SOL').bought_quote} are booked"


def test_nothing_is_bought_while_a_resting_stop_is_selling(world: BotWorld) -> None:
    Bot(world, rests=True).steps(2)
    bot = Bot(world, rests=True)
    bot.talk.stop_is_selling = True
    bot.steps()
    assert world.entry("SOL").resting_stop is not None
    fall_to_step(world, 1)
    bot.steps()
    assert not world.entry("SOL").bought_quantity
