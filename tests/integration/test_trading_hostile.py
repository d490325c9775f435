"""What a hostile exchange, a stepping clock and a change in mid-cycle must not bring about."""

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest

from bot.exchange.gateway import Gateway
from bot.execution.orders import Accepted, OrderReport, OrderStatus, Unknown
from bot.kernel.errors import ExchangeRefusedError
from bot.lifecycle.commands import CommandType
from bot.lifecycle.states import AssetState
from bot.storage.documents import MANAGED_STATE
from bot.trading.cycle import LoopSettings, TradingLoop
from tests.fakes.bot_world import BotWorld, bot_world, words_of
from tests.fakes.fake_clock import FakeClock
from tests.fakes.hooked_gateway import hooked


@pytest.fixture
def world(tmp_path: Path) -> Iterator[BotWorld]:
    with bot_world(tmp_path / "home") as made:
        yield made
        sold = sum((trade.quantity for trade in made.app.gateway.own_trades("SOL/USDT")), Decimal(0))
        assert sold <= (made.entry("SOL").approved_quantity or Decimal(0)), "never more than was approved"


class Odd:
    """The world's gateway with some calls answered otherwise."""

    def __init__(self, gateway: Gateway, **calls: Any) -> None:
        self._gateway = gateway
        self._calls = calls

    def __getattr__(self, name: str) -> Any:
        return self._calls.get(name) or getattr(self._gateway, name)


def loop_over(world: BotWorld, gateway: object) -> TradingLoop:
    app = world.app
    return TradingLoop(
        app.store,
        cast("Gateway", gateway),
        app.sender,
        clock=app.clock,
        ids=app.ids,
        settings=LoopSettings(quote="USDT"),
    )


def step_clock(world: BotWorld, seconds: float) -> None:
    clock = cast("FakeClock", world.clock)
    clock.set_wall(clock.now() + dt.timedelta(seconds=seconds))


def test_a_pause_before_the_first_cycle_keeps_the_agreed_stop_armed(world: BotWorld) -> None:
    world.propose("SOL")
    world.ask(CommandType.APPROVE_MANAGED_PROPOSAL, "SOL", **world.approval("SOL"))
    world.pause("SOL", "on")
    world.fall_to_stop("SOL")
    world.cycle()
    assert world.managed.state_of("SOL") is AssetState.EXIT_EXECUTED


def test_a_clock_that_jumps_forward_does_not_make_an_order_in_transit_count_as_lost(world: BotWorld) -> None:
    world.hand_over("SOL", quantity=Decimal(5))
    world.fall_to_stop("SOL")
    in_transit: list[Any] = []

    def submit(approved: Any) -> Any:
        in_transit.append(approved)
        return Unknown(client_order_id=approved.order.client_order_id, text="connection reset")

    loop = loop_over(world, Odd(world.app.gateway, submit=submit))
    assert words_of(loop.run_once(world.clock.now())) == ["exit_sent", "unknown"]
    world.wait(1)
    step_clock(world, 3_600)
    assert words_of(loop.run_once(world.clock.now())) == ["unknown"], "only real time lets a request die"
    assert isinstance(world.app.gateway.submit(in_transit[0]), Accepted), "it arrives after all"
    assert "exit_filled" in words_of(loop.run_once(world.clock.now()))
    assert len(in_transit) == 1


def test_a_clock_that_jumps_back_does_not_switch_the_stop_off(world: BotWorld) -> None:
    world.hand_over("SOL")
    world.fall_to_stop("SOL")
    world.box.control.add_fault("drop_before", path="order", method="POST")
    world.cycle()
    step_clock(world, -7_200)
    world.wait(31)
    report = world.cycle()
    assert words_of(report)[:2] == ["never_arrived", "exit_sent"]
    assert world.managed.state_of("SOL") is AssetState.EXIT_EXECUTED


def test_waiting_for_an_unknown_order_is_an_alarm_in_every_cycle(world: BotWorld) -> None:
    world.hand_over("SOL")
    world.fall_to_stop("SOL")
    world.box.control.add_fault("drop_before", path="order", method="POST")
    world.cycle()
    assert [step.what for step in world.cycle().alarms] == ["unknown"]


def test_an_order_that_the_exchange_told_of_is_not_soon_believed_to_be_gone(world: BotWorld) -> None:
    """A replica that lags says "no such order" of one that rests and fills."""
    world.hand_over("SOL", quantity=Decimal(5))
    world.fall_to_stop("SOL")

    def submit(approved: Any) -> Accepted:
        order = approved.order
        return Accepted(
            report=OrderReport(
                client_order_id=order.client_order_id,
                exchange_order_id="77",
                symbol=order.symbol,
                side=order.side,
                status=OrderStatus.OPEN,
                quantity=order.quantity,
                updated_at=world.clock.now(),
            )
        )

    loop = loop_over(world, Odd(world.app.gateway, submit=submit, find_order=lambda *_: None))
    assert words_of(loop.run_once(world.clock.now()))[:2] == ["exit_sent", "exit_open"]
    for _ in range(4):
        world.wait(40)
        assert words_of(loop.run_once(world.clock.now())) == ["unknown"]
    assert world.entry("SOL").exit_intent is not None


def test_a_nonsense_price_in_one_answer_does_not_make_the_rest_dust(world: BotWorld) -> None:
    world.hand_over("SOL")
    world.fall_to_stop("SOL")
    real = world.app.gateway.submit

    def submit(approved: Any) -> Accepted:
        small = msgspec.structs.replace(approved.order, quantity=Decimal("0.1"))
        answer = real(msgspec.structs.replace(approved, order=small))
        assert isinstance(answer, Accepted)
        odd = msgspec.structs.replace(
            answer.report, quantity=approved.order.quantity, filled_quote=Decimal("0.00001")
        )
        return Accepted(report=msgspec.structs.replace(odd, status=OrderStatus.EXPIRED))

    report = loop_over(world, Odd(world.app.gateway, submit=submit)).run_once(world.clock.now())
    assert "exit_partly_filled" in words_of(report)
    assert world.managed.state_of("SOL") is AssetState.MANAGED_ACTIVE, "the rest keeps its stop"


def test_a_stop_that_was_lowered_in_mid_cycle_is_not_sold_at_the_old_level(world: BotWorld) -> None:
    stop = world.hand_over("SOL").stop_loss or Decimal(0)
    world.fall_to_stop("SOL")
    lower = (stop * Decimal("0.9")).quantize(Decimal("0.01"))

    def override() -> None:
        words = {"stop_loss": lower, "reason": "wider"}
        assert world.ask(CommandType.OVERRIDE_MANAGED_LEVELS, "SOL", **words).code == "applied"

    loop = loop_over(world, hooked(world.app.gateway, after={"tickers": override}))
    assert "intent_refused" in words_of(loop.run_once(world.clock.now()))
    assert world.orders_sent() == 0


def test_an_ordered_sale_that_was_withdrawn_in_mid_cycle_is_not_sold(world: BotWorld) -> None:
    world.hand_over("SOL")
    world.ask(CommandType.FORCE_MANAGED_EXIT, "SOL", confirm="SOL:exit", reason="out")

    def withdraw() -> None:
        assert world.pause("SOL", "off").code == "applied"
        world.wait(1)
        assert world.ask(CommandType.RESUME_MANAGED_ASSET, "SOL", reason="go on").code == "applied"

    loop = loop_over(world, hooked(world.app.gateway, after={"wallet": withdraw}))
    assert "intent_refused" in words_of(loop.run_once(world.clock.now()))
    assert world.orders_sent() == 0


def test_a_resume_that_was_asked_for_before_the_pause_does_not_undo_it(world: BotWorld) -> None:
    world.hand_over("SOL")
    world.pause("SOL", "on")
    app = world.app
    world.wait(1)
    early = app.maker.make(CommandType.RESUME_MANAGED_ASSET, "SOL", {"reason": "go on"}, actor=app.actor)
    world.wait(1)
    assert world.pause("SOL", "off").code == "applied"
    outcome = app.applier.apply(early)
    assert outcome.code == "state_changed"
    assert world.entry("SOL").state is AssetState.MANAGED_PAUSED
    world.wait(1)
    assert world.ask(CommandType.RESUME_MANAGED_ASSET, "SOL", reason="go on").code == "applied"


def test_one_coins_trouble_does_not_end_the_guard_of_the_others(world: BotWorld) -> None:
    world.hand_over("ETH")
    world.hand_over("SOL")
    world.fall_to_stop("ETH")
    world.fall_to_stop("SOL")
    real = world.app.gateway.submit

    def submit(approved: Any) -> Any:
        if approved.order.symbol == "ETH/USDT":
            raise OverflowError("date value out of range")
        return real(approved)

    report = loop_over(world, Odd(world.app.gateway, submit=submit)).run_once(world.clock.now())
    alarms = [(step.asset, step.what) for step in report.alarms]
    assert alarms == [("ETH", "failed"), ("ETH", "drift")], "and its price has left the band"
    assert world.managed.state_of("SOL") is AssetState.EXIT_EXECUTED


def test_a_market_that_is_gone_does_not_take_the_prices_of_the_others(world: BotWorld) -> None:
    world.hand_over("ETH")
    world.hand_over("SOL")
    world.fall_to_stop("SOL")

    def refused(*_: Any) -> Any:
        raise ExchangeRefusedError("Invalid symbol.")

    def ticker(symbol: str) -> Any:
        return refused() if symbol == "ETH/USDT" else world.app.gateway.ticker(symbol)

    odd = Odd(world.app.gateway, tickers=refused, ticker=ticker)
    report = loop_over(world, odd).run_once(world.clock.now())
    assert ("ETH", "no_price") in [(step.asset, step.what) for step in report.alarms]
    assert world.managed.state_of("SOL") is AssetState.EXIT_EXECUTED


def test_a_proposal_file_that_was_replaced_is_not_approved(world: BotWorld) -> None:
    """The state remembers the digest that the engine wrote, and only that file may be approved."""
    world.propose("SOL", quantity=Decimal(5))
    app = world.app
    content = world.managed
    words = world.approval("SOL")
    entry = msgspec.structs.replace(content.managed_assets["SOL"], proposal_digest="0" * 64)
    changed = msgspec.structs.replace(content, managed_assets={**content.managed_assets, "SOL": entry})
    with app.store.transaction() as transaction:
        transaction.commit(MANAGED_STATE, changed, commands=(), events=())
    outcome = world.ask(CommandType.APPROVE_MANAGED_PROPOSAL, "SOL", **words)
    assert outcome.code == "digest_mismatch"
    assert "replaced" in outcome.reason
