"""After a restart nothing is sold on memory: what cannot be verified gets no order, and that is shown."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import pytest

from bot.app.views import status
from bot.exchange.gateway import Gateway
from bot.execution.order_record import OrderBirth, OrderEvent, OrderRecord
from bot.execution.order_states import OrderState, Trigger
from bot.execution.orders import OrderReport, OrderRequest, OrderStatus, OrderType, Side
from bot.kernel.errors import AuditError, ExchangeUnavailableError
from bot.lifecycle.command_payloads import OpenExitIntent
from bot.lifecycle.commands import CommandType
from bot.lifecycle.documents import ExitReason
from bot.lifecycle.states import AssetState
from bot.risk.verdict import Approved
from bot.storage.order_journal import OrderJournal
from bot.storage.unverified import read_unverified
from bot.trading.cycle import LoopSettings, TradingLoop
from tests.fakes.bot_world import BotWorld, bot_world, words_of
from tests.fakes.home_checks import assert_home_is_whole

OWN_ID = "mh-SOL-" + "a" * 24
SOLD = ["exit_sent", "exit_filled", "closed"]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[BotWorld]:
    with bot_world(tmp_path / "home") as made:
        made.hand_over("SOL")
        made.restart()
        yield made
        assert_home_is_whole(made.app)


class Deaf:
    """The world's gateway, of which some calls find nobody until they are let through."""

    def __init__(self, gateway: Gateway, *deaf: str) -> None:
        self._gateway = gateway
        self.deaf = set(deaf)

    def __getattr__(self, name: str) -> Any:
        if name in self.deaf:
            return self._nobody
        return getattr(self._gateway, name)

    def _nobody(self, *_: Any, **__: Any) -> Any:
        raise ExchangeUnavailableError("Nobody answered.")


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


def journal_of(world: BotWorld) -> OrderJournal:
    journal = OrderJournal(world.app.home.orders_log)
    journal.refresh()
    return journal


def only_order(world: BotWorld) -> OrderRecord:
    (record,) = journal_of(world).records.values()
    return record


def request(client_order_id: str, quantity: Decimal, price: Decimal | None = None) -> Approved[OrderRequest]:
    order = OrderRequest(
        client_order_id=client_order_id,
        symbol="SOL/USDT",
        side=Side.SELL,
        order_type=OrderType.MARKET if price is None else OrderType.LIMIT,
        quantity=quantity,
        limit_price=price,
    )
    return Approved(order=order, gates=())


def birth(quantity: str = "1") -> OrderBirth:
    return OrderBirth(
        asset="SOL",
        symbol="SOL/USDT",
        side=Side.SELL,
        order_type=OrderType.MARKET,
        quantity=Decimal(quantity),
        reason="stop_loss",
    )


def write(world: BotWorld, name: str, *triggers: Trigger, report: OrderReport | None = None) -> None:
    now = world.clock.now()
    events = [OrderEvent(at=now, client_order_id=name, asset="SOL", birth=birth())]
    events += [
        OrderEvent(
            at=now,
            client_order_id=name,
            asset="SOL",
            trigger=trigger,
            report=report if trigger.value.startswith("told_") else None,
        )
        for trigger in triggers
    ]
    journal_of(world).append(*events)


@pytest.mark.parametrize("silent", ["open_orders", "wallet"])
def test_what_the_exchange_does_not_tell_leaves_the_coin_without_orders_and_says_so(
    world: BotWorld, silent: str
) -> None:
    world.fall_to_stop("SOL")
    gateway = Deaf(world.app.gateway, silent)
    loop = loop_over(world, gateway)
    report = loop.run_once(world.clock.now())
    assert [step.what for step in report.alarms] == ["unverified"]
    assert world.orders_sent() == 0
    (line,) = (one for one in status(world.app, world.clock.now()).holdings if one.asset == "SOL")
    assert line.unprotected
    assert "did not tell" in (line.unverified or "")
    assert words_of(loop.run_once(world.clock.now())) == [], "one alarm per reason"
    gateway.deaf.clear()
    assert words_of(loop.run_once(world.clock.now())) == ["verified", *SOLD]
    assert read_unverified(world.app.home) == {}


def test_a_coin_that_is_short_in_the_wallet_gets_no_order_after_a_restart(world: BotWorld) -> None:
    world.box.control.withdraw("SOL", "20")
    world.fall_to_stop("SOL")
    assert words_of(world.cycle()) == ["unverified", "drift"]
    assert world.orders_sent() == 0
    assert world.managed.state_of("SOL") is AssetState.MANAGED_DRIFT_ALERT


def test_an_orphan_order_keeps_every_order_of_its_coin_back_until_it_is_gone(world: BotWorld) -> None:
    world.hand_over("ETH")
    world.restart()
    gateway = world.app.gateway
    gateway.submit(request(OWN_ID, Decimal(1), Decimal(160)))
    world.fall_to_stop("SOL")
    world.fall_to_stop("ETH")
    report = world.cycle()
    assert {step.asset: step.what for step in report.alarms}["SOL"] == "unverified"
    assert OWN_ID in read_unverified(world.app.home)["SOL"]
    assert world.managed.state_of("ETH") is AssetState.EXIT_EXECUTED, "the other coin keeps its guard"
    assert world.managed.state_of("SOL") is AssetState.MANAGED_ACTIVE
    gateway.cancel("SOL/USDT", OWN_ID)
    assert words_of(world.cycle())[:3] == ["verified", "exit_sent", "exit_filled"]


def test_a_resting_order_of_the_owners_is_no_orphan(world: BotWorld) -> None:
    world.app.gateway.submit(request("web_1234", Decimal(1), Decimal(160)))
    world.fall_to_stop("SOL")
    assert words_of(world.cycle()) == SOLD


def test_an_order_that_the_exchange_forgot_is_told_once_as_a_ghost(world: BotWorld) -> None:
    report = OrderReport(
        client_order_id=OWN_ID,
        exchange_order_id="77",
        symbol="SOL/USDT",
        side=Side.SELL,
        status=OrderStatus.OPEN,
        quantity=Decimal(1),
        updated_at=world.clock.now(),
    )
    write(world, OWN_ID, Trigger.SUBMIT, Trigger.TOLD_OPEN, report=report)
    assert words_of(world.cycle()) == ["ghost_order"]
    assert only_order(world).state is OrderState.CLOSED
    world.restart()
    assert words_of(world.cycle()) == []


def test_an_order_of_which_nothing_was_booked_is_settled_at_the_next_start_and_told(world: BotWorld) -> None:
    world.app.gateway.submit(request(OWN_ID, Decimal(1)))
    write(world, OWN_ID, Trigger.SUBMIT)
    assert words_of(world.cycle()) == ["late_fill"]
    record = only_order(world)
    assert (record.state, record.filled_quantity) == (OrderState.CLOSED, Decimal(1))
    assert record.unbooked_quantity == 1
    assert len(record.fills) == 1


def test_an_order_that_was_booked_before_its_line_was_written_is_settled_without_a_word(
    world: BotWorld,
) -> None:
    """The process ended between the booking in the managed state and the journal."""
    world.fall_to_stop("SOL")
    world.cycle()
    path = world.app.home.orders_log
    lines = path.read_bytes().splitlines(keepends=True)
    cut = next(number for number, line in enumerate(lines) if b"told_filled" in line)
    path.write_bytes(b"".join(lines[:cut]))
    world.restart()
    assert words_of(world.cycle()) == []
    record = only_order(world)
    assert record.state is OrderState.CLOSED
    assert record.booked_quantity == record.filled_quantity == world.entry("SOL").sold_quantity


def test_an_intent_whose_line_was_never_written_is_written_down_before_it_is_asked_for(
    world: BotWorld,
) -> None:
    """The process ended between the commit of the intent and the journal."""
    world.fall_to_stop("SOL")
    intent = OpenExitIntent(
        client_order_id=OWN_ID,
        quantity=Decimal(1),
        reason=ExitReason.STOP_LOSS,
        trigger_price=world.box.control.price("SOL/USDT"),
    )
    world.app.sender.send(CommandType.OPEN_EXIT_INTENT, "SOL", intent, actor="bot")
    assert words_of(world.cycle()) == ["unknown"]
    assert only_order(world).state is OrderState.CREATED
    world.wait(60)
    assert "never_arrived" in words_of(world.cycle())
    ended = journal_of(world).records[OWN_ID]
    assert (ended.state, ended.birth.quantity) == (OrderState.CLOSED, Decimal(1))


def test_a_foreign_trade_is_told_once_for_good(world: BotWorld) -> None:
    world.cycle()
    world.box.control.external_trade("SOL/USDT", "SELL", "2")
    world.restart()
    report = world.cycle()
    assert words_of(report) == ["foreign_trade"]
    assert report.steps[0].alarm
    world.restart()
    assert words_of(world.cycle()) == []
    (trade,) = journal_of(world).foreign_trades
    assert (trade.quantity, trade.side) == (Decimal(2), "sell")


def test_what_was_traded_before_the_first_look_is_nobodys_business(tmp_path: Path) -> None:
    with bot_world(tmp_path / "home") as world:
        world.box.control.external_trade("SOL/USDT", "SELL", "2")
        world.hand_over("SOL")
        world.restart()
        assert words_of(world.cycle()) == []


def test_an_order_that_arrives_after_it_was_given_up_is_told_as_a_late_fill(world: BotWorld) -> None:
    world.cycle()
    write(world, OWN_ID, Trigger.SUBMIT, Trigger.ANSWER_LOST, Trigger.TOLD_ABSENT, Trigger.BOOKED)
    world.app.gateway.submit(request(OWN_ID, Decimal(1)))
    world.restart()
    report = world.cycle()
    assert words_of(report) == ["late_fill"]
    record = only_order(world)
    assert (record.state, record.filled_quantity) == (OrderState.CLOSED, Decimal(1))


def test_a_journal_with_a_damaged_line_stops_the_start_and_names_it(world: BotWorld) -> None:
    write(world, OWN_ID, Trigger.SUBMIT)
    path = world.app.home.orders_log
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b"stop_loss", b"take_gain", 1))
    try:
        with pytest.raises(AuditError, match=r"Line 2 of .*orders\.jsonl"):
            world.app.loop.check_start()
    finally:
        path.write_bytes(whole)


def test_a_torn_last_line_is_cut_and_its_order_asked_for_again(world: BotWorld) -> None:
    world.app.gateway.submit(request(OWN_ID, Decimal(1)))
    write(world, OWN_ID, Trigger.SUBMIT)
    path = world.app.home.orders_log
    path.write_bytes(path.read_bytes()[:-40])
    world.restart()
    world.app.recover()
    world.cycle()
    assert only_order(world).state is OrderState.CLOSED


def test_a_verified_coin_costs_no_further_requests(world: BotWorld) -> None:
    world.cycle()
    before = len(world.box.control.requests())
    world.cycle()
    asked = [line["path"] for line in world.box.control.requests()[before:]]
    assert not [path for path in asked if path.endswith(("openOrders", "myTrades"))]
