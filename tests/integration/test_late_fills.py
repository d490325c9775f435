"""Orders that were given up and tell of fills later: booked once, whatever happens in between."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bot.execution.order_record import OrderEvent
from bot.execution.order_states import Trigger
from bot.execution.orders import OrderRequest, OrderType, Side
from bot.kernel.money import ZERO
from bot.lifecycle.command_payloads import OpenExitIntent
from bot.lifecycle.commands import CommandType
from bot.lifecycle.documents import ExitReason
from bot.lifecycle.states import AssetState
from bot.risk.verdict import Approved
from bot.storage.order_journal import OrderJournal
from bot.trading.trades_check import ROUND_S
from tests.fakes.bot_world import BotWorld, bot_world, words_of
from tests.fakes.home_checks import assert_home_is_whole

LOST_ID = "mh-SOL-" + "b" * 24


@pytest.fixture
def world(tmp_path: Path) -> Iterator[BotWorld]:
    with bot_world(tmp_path / "home") as made:
        made.hand_over("SOL")
        made.cycle()
        yield made
        assert_home_is_whole(made.app)


def give_up(world: BotWorld, quantity: Decimal) -> None:
    """Open an intent whose order is believed to have got lost; the price is calm again afterwards."""
    calm = world.box.control.price("SOL/USDT")
    world.fall_to_stop("SOL")
    intent = OpenExitIntent(
        client_order_id=LOST_ID,
        quantity=quantity,
        reason=ExitReason.STOP_LOSS,
        trigger_price=world.box.control.price("SOL/USDT"),
    )
    world.app.sender.send(CommandType.OPEN_EXIT_INTENT, "SOL", intent, actor="bot")
    world.set_price("SOL", calm)
    world.cycle()
    world.wait(31)
    assert "never_arrived" in words_of(world.cycle())


def arrives(world: BotWorld, quantity: Decimal) -> None:
    """Let the request that was held up somewhere reach the exchange after all."""
    order = OrderRequest(
        client_order_id=LOST_ID,
        symbol="SOL/USDT",
        side=Side.SELL,
        order_type=OrderType.MARKET,
        quantity=quantity,
    )
    world.app.gateway.submit(Approved(order=order, gates=()))


def journal_of(world: BotWorld) -> OrderJournal:
    journal = OrderJournal(world.app.home.orders_log)
    journal.refresh()
    return journal


def test_an_order_that_was_given_up_and_sold_later_is_booked_once_and_no_drift_follows(
    world: BotWorld,
) -> None:
    give_up(world, Decimal(1))
    approved = world.entry("SOL").approved_quantity or ZERO
    arrives(world, Decimal(1))
    world.wait(ROUND_S)
    report = world.cycle()
    assert words_of(report) == ["late_fill", "late_fill_booked", "followed"]
    assert [step.what for step in report.alarms] == ["late_fill", "late_fill_booked"]
    entry = world.entry("SOL")
    assert (entry.state, entry.sold_quantity) == (AssetState.MANAGED_ACTIVE, Decimal(1))
    assert entry.drift is None
    for _ in range(3):
        world.wait(ROUND_S)
        assert words_of(world.cycle()) == []
    assert world.entry("SOL").sold_quantity == Decimal(1)
    position = world.position("SOL")
    assert (position.quantity, position.sold_quantity) == (approved - 1, Decimal(1))
    (record,) = journal_of(world).records.values()
    assert record.unbooked_quantity == ZERO
    assert position.proceeds_usdt == record.filled_quote


def test_a_late_fill_explains_a_short_wallet_before_it_is_called_drift(world: BotWorld) -> None:
    owners = 25 - (world.entry("SOL").approved_quantity or ZERO)
    world.box.control.withdraw("SOL", str(owners))
    give_up(world, Decimal(5))
    arrives(world, Decimal(5))
    report = world.cycle()  # no turn is due: the wallet alone tells
    assert words_of(report) == ["late_fill", "late_fill_booked"]
    assert world.entry("SOL").drift is None
    assert words_of(world.cycle()) == ["followed"]
    assert words_of(world.cycle()) == []


def test_what_is_left_after_a_late_fill_is_all_that_the_next_exit_sells(world: BotWorld) -> None:
    approved = world.entry("SOL").approved_quantity or ZERO
    give_up(world, Decimal(5))
    arrives(world, Decimal(5))
    world.wait(ROUND_S)
    world.cycle()
    world.fall_to_stop("SOL")
    world.cycle()
    entry = world.entry("SOL")
    assert entry.state is AssetState.EXIT_EXECUTED
    assert entry.sold_quantity == approved == 25 - world.balances()["SOL"]


def test_an_order_that_sold_all_after_it_was_given_up_is_the_exit(world: BotWorld) -> None:
    approved = world.entry("SOL").approved_quantity or ZERO
    give_up(world, approved)
    world.pause("SOL", "off")
    arrives(world, approved)
    world.wait(ROUND_S)
    assert "late_fill_booked" in words_of(world.cycle())
    entry = world.entry("SOL")
    assert (entry.state, entry.sold_quantity) == (AssetState.EXIT_EXECUTED, approved)


def test_what_was_sold_beyond_the_promise_is_booked_as_it_is_and_alarmed(world: BotWorld) -> None:
    approved = world.entry("SOL").approved_quantity or ZERO
    give_up(world, Decimal(2))
    world.fall_to_stop("SOL")
    assert "exit_filled" in words_of(world.cycle())
    arrives(world, Decimal(2))
    world.restart()
    world.app.loop.ask_for_trades("SOL")
    report = world.cycle()
    booked = next(step for step in report.steps if step.what == "late_fill_booked")
    assert booked.alarm
    assert booked.data["exceeds_promise"]
    assert "2 more than was handed over" in booked.sentence
    entry = world.entry("SOL")
    assert (entry.state, entry.sold_quantity) == (AssetState.EXIT_EXECUTED, approved + 2)


def test_a_process_that_ends_between_the_booking_and_its_line_books_nothing_twice(world: BotWorld) -> None:
    give_up(world, Decimal(1))
    arrives(world, Decimal(1))
    world.wait(ROUND_S)
    world.cycle()
    path = world.app.home.orders_log
    lines = path.read_bytes().splitlines(keepends=True)
    last = max(number for number, line in enumerate(lines) if b'"order.booked"' in line)
    path.write_bytes(b"".join(lines[:last]))
    world.restart()
    assert journal_of(world).records[LOST_ID].unbooked_quantity == 1
    world.cycle()
    assert world.entry("SOL").sold_quantity == Decimal(1)
    assert journal_of(world).records[LOST_ID].unbooked_quantity == ZERO


def test_a_process_that_ends_between_the_trade_and_its_booking_books_it_at_the_next_start(
    world: BotWorld,
) -> None:
    give_up(world, Decimal(1))
    arrives(world, Decimal(1))
    report = world.app.gateway.find_order("SOL/USDT", LOST_ID)
    assert report is not None
    told = OrderEvent(
        at=world.clock.now(),
        client_order_id=LOST_ID,
        asset="SOL",
        trigger=Trigger.TOLD_FILLED,
        report=report,
    )
    journal_of(world).append(told)
    world.restart()
    assert "late_fill_booked" in words_of(world.cycle())
    assert world.entry("SOL").sold_quantity == Decimal(1)


def test_a_fill_under_an_agreement_that_is_over_is_told_and_not_booked(world: BotWorld) -> None:
    give_up(world, Decimal(1))
    world.pause("SOL", "on")
    world.ask(CommandType.RELEASE_MANAGED_ASSET, "SOL", mode="immediate")
    world.cycle()
    assert world.managed.state_of("SOL") is AssetState.FROZEN
    arrives(world, Decimal(1))
    world.restart()
    world.app.loop.ask_for_trades("SOL")
    assert words_of(world.cycle()) == ["closed", "late_fill"]
    assert words_of(world.cycle()) == []
    assert world.entry("SOL").sold_quantity is None
    assert journal_of(world).records[LOST_ID].unbooked_quantity == 1


def test_what_is_booked_stays_known_where_the_journal_has_a_gap_and_the_exchange_denies_the_order(
    world: BotWorld,
) -> None:
    world.fall_to_stop("SOL")
    world.cycle()
    path = world.app.home.orders_log
    lines = path.read_bytes().splitlines(keepends=True)
    cut = next(number for number, line in enumerate(lines) if b"told_filled" in line)
    path.write_bytes(b"".join(lines[:cut]))
    absent: dict[str, Any] = {"status": 400, "code": -2013, "message": "Order does not exist."}
    world.box.control.add_fault("status_before", path="order", method="GET", times=4, **absent)
    world.restart()
    world.app.loop.ask_for_trades("SOL")
    assert words_of(world.cycle()) == []
    journal = journal_of(world)
    (record,) = journal.records.values()
    assert record.filled_quantity == record.booked_quantity == world.entry("SOL").sold_quantity
    assert record.exchange_order_id is not None
    assert journal.foreign_trades == ()
