"""Exits against an exchange that misbehaves: exactly one sale, never above what was handed over."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bot.lifecycle.commands import CommandType
from bot.lifecycle.states import AssetState
from bot.trading.cycle import LoopSettings, TradingLoop
from tests.fakes.bot_world import WALLET, BotWorld, bot_world, words_of
from tests.fakes.home_checks import assert_home_is_whole, audit_of, audit_types
from tests.fakes.hooked_gateway import hooked

SOLD = ["exit_sent", "exit_filled", "closed"]
POST_ORDER: dict[str, Any] = {"path": "order", "method": "POST"}
GARBAGE = {"action": "status_after", "status": 200, "body": "<html>"}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[BotWorld]:
    with bot_world(tmp_path / "home") as made:
        made.hand_over("SOL")
        made.fall_to_stop("SOL")
        yield made
        made.box.control.clear_faults()
        sold = sum((trade.quantity for trade in made.app.gateway.own_trades("SOL/USDT")), Decimal(0))
        assert sold <= (made.entry("SOL").approved_quantity or Decimal(0))
        assert sold == (made.entry("SOL").sold_quantity or Decimal(0))
        assert_home_is_whole(made.app)


def assert_sold_once(world: BotWorld) -> None:
    entry = world.entry("SOL")
    assert entry.state is AssetState.EXIT_EXECUTED
    assert entry.sold_quantity == entry.approved_quantity
    assert world.balances()["SOL"] == WALLET["SOL"] - (entry.sold_quantity or Decimal(0))
    assert world.box.control.state()["orders"] == 1
    assert audit_types(world.app, "SOL").count("exit_executed") == 1


@pytest.mark.smoke
@pytest.mark.parametrize("restarted", [False, True], ids=["same_process", "restarted"])
@pytest.mark.parametrize(
    "fault",
    [{"action": "drop_after"}, {"action": "status_after", "status": 504}, GARBAGE],
    ids=["dropped", "gateway_timeout", "garbage"],
)
def test_an_executed_order_whose_answer_was_lost_is_found_and_booked_once(
    world: BotWorld, fault: dict[str, Any], *, restarted: bool
) -> None:
    world.box.control.add_fault(**POST_ORDER, **fault)
    report = world.cycle()
    assert words_of(report) == ["exit_sent", "unknown"]
    assert [step.what for step in report.alarms] == ["unknown"]
    assert world.managed.state_of("SOL") is AssetState.MANAGED_ACTIVE
    if restarted:
        world.restart()
    assert words_of(world.cycle()) == ["exit_filled", "closed"]
    assert world.cycle().watched == ()
    assert world.orders_sent() == 1
    assert_sold_once(world)
    opened, closed = (audit_of(world.app, "SOL")[n]["after"]["managed"] for n in (-2, -1))
    assert opened["exit_intent"]["client_order_id"] == report.steps[0].data["client_order_id"]
    assert "exit_intent" not in closed


@pytest.mark.parametrize("restarted", [False, True], ids=["same_process", "restarted"])
def test_a_request_lost_on_its_way_counts_as_lost_only_once_it_can_no_longer_arrive(
    world: BotWorld, *, restarted: bool
) -> None:
    world.box.control.add_fault("drop_before", **POST_ORDER)
    first = world.cycle()
    assert words_of(first) == ["exit_sent", "unknown"]
    if restarted:
        world.restart()
    for _ in range(3):
        assert words_of(world.cycle()) == ["unknown"], "it may still arrive: nothing else is sent"
        world.wait(14 if not restarted else 9.9)  # a new process waits the whole time once more
    assert world.orders_sent() == 1
    world.wait(0 if not restarted else 1)
    words = words_of(world.cycle())
    assert words == ["never_arrived", *SOLD]
    closed = next(r for r in audit_of(world.app, "SOL") if r["type"] == "managed.exit_intent_closed")
    assert closed["data"]["reason_code"] == "never_arrived"
    assert closed["data"]["client_order_id"] == first.steps[0].data["client_order_id"]
    assert world.orders_sent() == 2
    assert_sold_once(world)


def test_a_refused_order_closes_its_intent_alarms_and_is_tried_again_with_growing_pauses(
    world: BotWorld,
) -> None:
    message = "Account has insufficient balance for requested action."
    world.box.control.add_fault(
        "status_before", **POST_ORDER, times=3, status=400, code=-2010, message=message
    )
    report = world.cycle()
    assert words_of(report) == ["exit_sent", "rejected"]
    assert [step.sentence for step in report.alarms] == [message]
    entry = world.entry("SOL")
    assert (entry.state, entry.exit_intent) == (AssetState.MANAGED_ACTIVE, None)
    assert entry.reason is not None
    assert (entry.reason.code, entry.reason.text) == ("rejected_insufficient_balance", message)
    tried_after: list[int] = []
    for second in range(1, 60):
        world.wait(1)
        report = world.cycle()
        if "exit_sent" in words_of(report):
            tried_after.append(second)
        elif world.managed.state_of("SOL") is AssetState.MANAGED_ACTIVE:
            assert [step.what for step in report.alarms] == ["waiting"], "never silently unprotected"
    assert tried_after == [5, 15, 35], "pauses of 5, 10 and 20 seconds"
    assert_sold_once(world)
    reasons = [r["data"]["reason_code"] for r in audit_of(world.app, "SOL") if r["type"].endswith("_closed")]
    assert reasons == ["rejected_insufficient_balance"] * 3


@pytest.mark.parametrize("fault", ["drop_before", "status_before"])
def test_an_exchange_that_is_dead_during_the_cycle_alarms_and_crashes_nothing(
    world: BotWorld, fault: str
) -> None:
    world.box.control.add_fault(fault, times=1_000)
    for _ in range(2):
        report = world.cycle()
        assert words_of(report) == ["unavailable"]
        assert len(report.alarms) == 1
    assert world.managed.state_of("SOL") is AssetState.MANAGED_ACTIVE
    assert world.entry("SOL").exit_intent is None
    world.box.control.clear_faults()
    assert words_of(world.cycle()) == SOLD
    assert_sold_once(world)


def test_an_exchange_that_dies_with_an_order_in_flight_is_asked_until_it_tells(world: BotWorld) -> None:
    world.box.control.add_fault("drop_after", **POST_ORDER)
    world.box.control.add_fault("drop_before", times=1_000)
    assert words_of(world.cycle()) == ["unavailable"], "the prices were not told, so nothing was sent"
    world.box.control.clear_faults()
    world.box.control.add_fault("drop_after", **POST_ORDER)
    world.cycle()
    world.box.control.add_fault("drop_before", times=1_000)
    for _ in range(2):
        world.wait(60)
        report = world.cycle()
        assert words_of(report) == ["unavailable"], "silence is no proof that the order is not there"
        assert report.alarms
    world.restart()
    assert words_of(world.cycle()) == ["unavailable"]
    world.box.control.clear_faults()
    assert words_of(world.cycle()) == ["exit_filled", "closed"]
    assert_sold_once(world)


@pytest.mark.parametrize("left", ["6", "2.5"])
def test_what_the_owner_took_away_is_not_sold(world: BotWorld, left: str) -> None:
    world.box.control.withdraw("SOL", WALLET["SOL"] - Decimal(left))
    assert words_of(world.cycle())[:2] == ["exit_sent", "exit_partly_filled"]
    entry = world.entry("SOL")
    assert entry.sold_quantity == Decimal(left)
    assert entry.state is AssetState.MANAGED_DRIFT_ALERT, "the rest is not there (D2)"
    assert "SOL" not in world.balances()
    for _ in range(3):
        assert words_of(world.cycle()) == [], "told once, and no order at all"
    assert world.orders_sent() == 1


def test_a_withdrawal_between_the_look_and_the_order_is_refused_by_the_exchange_and_told(
    world: BotWorld,
) -> None:
    app, control = world.app, world.box.control
    gateway = hooked(app.gateway, before={"submit": lambda: control.withdraw("SOL", Decimal(20))})
    loop = TradingLoop(
        app.store, gateway, app.sender, clock=app.clock, ids=app.ids, settings=LoopSettings(quote="USDT")
    )
    assert words_of(loop.run_once(world.clock.now())) == ["exit_sent", "rejected", "drift"]
    world.wait(5)
    assert words_of(loop.run_once(world.clock.now())) == [], "the quantity is in doubt: no order at all"
    accepted = world.ask(
        CommandType.RESUME_MANAGED_ASSET, "SOL", override=True, accept="current", reason="I took twenty"
    )
    assert accepted.code == "applied"
    assert words_of(loop.run_once(world.clock.now()))[1:3] == ["exit_sent", "exit_filled"]
    assert world.entry("SOL").sold_quantity == Decimal(5)
    assert "SOL" not in world.balances()


def test_a_market_that_takes_only_a_part_gets_the_rest_later_and_never_more(tmp_path: Path) -> None:
    book: dict[str, Any] = {"liquidity": Decimal("0.02"), "book_levels": 1}
    with bot_world(tmp_path / "home", wallet={"SOL": Decimal(60), "USDT": Decimal(30_000)}, **book) as world:
        approved = world.hand_over("SOL").approved_quantity or Decimal(0)
        world.fall_to_stop("SOL")
        orders = 0
        for _ in range(200):
            report = world.cycle()
            if not report.watched:
                break
            orders += "exit_sent" in words_of(report)
            entry = world.entry("SOL")
            sold = entry.sold_quantity or Decimal(0)
            assert Decimal(60) - world.balances()["SOL"] == sold <= approved
            assert world.position("SOL").quantity == approved - sold
            assert entry.exit_intent is None
            world.advance(60)
            if entry.state is AssetState.MANAGED_ACTIVE:
                assert sold < approved
                world.fall_to_stop("SOL")
        assert orders > 1, "the book was deep enough for all of it: the test shows nothing"
        assert world.managed.state_of("SOL") is AssetState.EXIT_EXECUTED
        statuses = [r["data"].get("order_status") for r in audit_of(world.app, "SOL")]
        assert statuses.count("expired") == orders - 1
        rest = approved - (world.entry("SOL").sold_quantity or Decimal(0))
        assert rest * Decimal(150) < 5, "at most dust stays"
        assert world.position("SOL").sold_quantity == approved - rest
        assert_home_is_whole(world.app)
