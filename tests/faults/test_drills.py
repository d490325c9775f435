"""The drills, one test each, in the words in which they are listed; the table is `drills.py`."""

import random
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bot.execution.order_record import repeated_trade_ids
from bot.kernel.money import ZERO
from bot.lifecycle.states import AssetState
from bot.storage.order_journal import OrderJournal
from bot.trading.cycle import LoopSettings, TradingLoop
from tests.fakes.bot_world import WALLET, BotWorld, bot_world, words_of
from tests.fakes.home_checks import assert_home_is_whole
from tests.fakes.hooked_gateway import Killed, hooked, kill
from tests.faults import courier
from tests.faults.order_scenarios import Mortal, mortal_loop

SOL = "SOL/USDT"
POST: dict[str, Any] = {"path": "order", "method": "POST"}
MOST_CALLS = 60


@pytest.fixture
def world(tmp_path: Path) -> Iterator[BotWorld]:
    with bot_world(tmp_path / "home") as made:
        made.hand_over("SOL")
        made.fall_to_stop("SOL")
        yield made
        assert_home_is_whole(made.app)


def journal_of(world: BotWorld) -> OrderJournal:
    journal = OrderJournal(world.app.home.orders_log)
    journal.refresh()
    return journal


def assert_sold_exactly_once(world: BotWorld) -> None:
    """Approved, sold, booked and written down are one number, to the last digit."""
    entry, records = world.entry("SOL"), journal_of(world).records.values()
    assert entry.state is AssetState.EXIT_EXECUTED
    assert entry.sold_quantity == entry.approved_quantity == WALLET["SOL"] - world.balances()["SOL"]
    assert sum((record.filled_quantity for record in records), ZERO) == entry.sold_quantity
    assert not repeated_trade_ids(records)
    assert not any(record.may_be_live or record.unbooked_quantity for record in records)


def live_on(world: BotWorld, cycles: int = 6, pause_s: float = 10, loop: TradingLoop | None = None) -> None:
    for _ in range(cycles):
        (loop or world.app.loop).run_once(world.clock.now())
        world.wait(pause_s)


def carried(world: BotWorld, *kinds: str) -> tuple[TradingLoop, courier.Courier]:
    messenger = courier.Courier(list(kinds), random.Random(1))
    return mortal_loop(world, Mortal(), messenger), messenger


@pytest.mark.parametrize(
    "fault",
    [
        {"action": "status_after", "status": 504},
        {"action": "delay", "seconds": 1.5},
        {"action": "drop_after"},
    ],
    ids=["504", "timeout", "reset connection"],
)
def test_drill_an_order_whose_answer_was_lost_is_sold_exactly_once(
    tmp_path: Path, fault: dict[str, Any]
) -> None:
    with bot_world(tmp_path / "home", environ={"BOT_EXCHANGE_TIMEOUT_S": "0.5"}) as world:
        world.hand_over("SOL")
        world.fall_to_stop("SOL")
        world.box.control.add_fault(**POST, **fault)
        assert "unknown" in words_of(world.cycle())
        world.restart()
        live_on(world, cycles=20)
        assert world.orders_sent() <= 2, "a request that the timeout cut off may never have arrived"
        assert_sold_exactly_once(world)


def test_drill_duplicate_fills_are_booked_once(world: BotWorld) -> None:
    world.box.control.add_fault("partial_fill", **POST, share="0.4")
    loop, _ = carried(world, courier.TWICE)
    live_on(world, cycles=20, loop=loop)
    assert_sold_exactly_once(world)


def test_drill_late_fills_are_booked_once(tmp_path: Path) -> None:
    """The request arrives after everybody has given it up: more is sold than was wanted, and booked once."""
    rich = {"SOL": Decimal(60), "USDT": Decimal(10_000)}
    with bot_world(tmp_path / "home", wallet=rich) as world:
        world.hand_over("SOL")
        world.fall_to_stop("SOL")
        loop, messenger = carried(world, courier.HELD)
        live_on(world, cycles=5, loop=loop)
        assert world.entry("SOL").state is AssetState.EXIT_EXECUTED, "the next order sold in its place"
        held = messenger.held
        assert held is not None
        messenger.deliver(world.app.gateway)
        told: list[str] = []
        for _ in range(8):
            told += words_of(loop.run_once(world.clock.now()))
            world.wait(20)
        assert told.count("late_fill_booked") == 1
        entry = world.entry("SOL")
        assert entry.sold_quantity == rich["SOL"] - world.balances()["SOL"]
        assert entry.sold_quantity == (entry.approved_quantity or ZERO) + held.order.quantity
        assert_home_is_whole(world.app)


def test_drill_fills_out_of_order_lead_to_the_same_books(world: BotWorld) -> None:
    for share in ("0.5", "0.4", "0.3"):
        world.box.control.add_fault("partial_fill", **POST, share=share)
    loop, _ = carried(world, courier.TWICE)
    live_on(world, cycles=30, loop=loop)
    assert_sold_exactly_once(world)
    assert journal_of(world).foreign_trades == ()


def test_drill_missing_fills_are_found_later(world: BotWorld) -> None:
    world.box.control.add_fault("drop_after", **POST)
    world.box.control.add_fault("drop_before", path="myTrades", times=3)
    loop, _ = carried(world, courier.MISSING)
    live_on(world, cycles=20, loop=loop)
    assert_sold_exactly_once(world)
    trades = {trade.trade_id for trade in world.app.gateway.own_trades(SOL)}
    known = {fill.trade_id for record in journal_of(world).records.values() for fill in record.fills}
    assert known == trades


@pytest.mark.parametrize("when", ["drop_before", "drop_after"])
def test_drill_a_disconnect_in_mid_exit_sells_once(world: BotWorld, when: str) -> None:
    """The connection is gone with the order on its way, and stays gone for all calls for a while."""
    world.box.control.add_fault(when, **POST)
    for path in ("order", "ticker/24hr", "account", "openOrders", "myTrades"):
        world.box.control.add_fault("drop_before", path=path, method="GET", times=3)
    live_on(world, cycles=20)
    assert_sold_exactly_once(world)


@pytest.mark.parametrize(("status", "words"), [(429, "Too many requests."), (418, "IP banned")])
def test_drill_a_limit_or_a_ban_delays_the_exit_and_sells_once(
    world: BotWorld, status: int, words: str
) -> None:
    for method in ("POST", "GET"):
        world.box.control.add_fault(
            "status_before", path="order", method=method, status=status, code=-1003, message=words, times=2
        )
    world.box.control.add_fault(
        "status_before", path="ticker/24hr", status=status, code=-1003, message=words, times=2
    )
    live_on(world, cycles=30, pause_s=20)
    assert_sold_exactly_once(world)


@pytest.mark.parametrize("skew_ms", [-20_000, 20_000], ids=["behind", "ahead"])
def test_drill_a_skewed_clock_delays_the_exit_and_sells_once(world: BotWorld, skew_ms: int) -> None:
    world.box.control.set_auth_skew(skew_ms)
    live_on(world, cycles=3)
    assert world.entry("SOL").state in {AssetState.MANAGED_ACTIVE, AssetState.EXIT_EXECUTED}
    world.box.control.set_auth_skew(0)
    world.restart()
    live_on(world, cycles=20, pause_s=20)
    assert_sold_exactly_once(world)


def test_drill_a_crash_behind_a_partial_fill_sells_the_rest_once(world: BotWorld) -> None:
    world.box.control.add_fault("partial_fill", **POST, share="0.4")
    app = world.app
    loop = TradingLoop(
        app.store,
        hooked(app.gateway, after={"submit": kill}),
        app.sender,
        clock=app.clock,
        ids=app.ids,
        settings=LoopSettings(quote="USDT"),
    )
    with pytest.raises(Killed):
        loop.run_once(world.clock.now())
    world.restart()
    report = world.cycle()
    assert "exit_partly_filled" in words_of(report)
    live_on(world)
    assert_sold_exactly_once(world)
    assert world.orders_sent() == 2


def test_drill_a_foreign_sale_stops_the_orders_and_is_named(world: BotWorld) -> None:
    entry = world.entry("SOL")
    world.set_price("SOL", (entry.reference_price or ZERO))
    world.box.control.external_trade(SOL, "SELL", "20")
    assert words_of(world.cycle()) == ["foreign_trade", "drift"]
    world.fall_to_stop("SOL")
    live_on(world)
    assert world.orders_sent() == 0
    entry = world.entry("SOL")
    assert entry.state is AssetState.MANAGED_DRIFT_ALERT
    assert entry.drift is not None
    assert entry.drift.evidence["foreign_sales"][0]["quantity"] == Decimal(20)


def test_drill_a_wiped_testnet_is_one_alarm_and_no_order(tmp_path: Path) -> None:
    with bot_world(tmp_path / "home") as world:
        for asset in ("SOL", "ETH"):
            world.hand_over(asset)
        world.box.control.wipe()
        for asset in ("SOL", "ETH"):
            world.box.control.withdraw(asset, str(world.balances()[asset]))
        alarms = [step.what for _ in range(4) for step in world.cycle().alarms]
        assert alarms == ["drift"]
        for asset in ("SOL", "ETH"):
            world.fall_to_stop(asset)
        live_on(world)
        assert world.orders_sent() == 0


@pytest.mark.parametrize("fault", ["drop_after", "partial_fill"])
def test_drill_killed_at_every_step_of_an_exit_it_sells_once_and_keeps_the_other_stop(
    tmp_path: Path, fault: str
) -> None:
    """Each call to the exchange and each commit is a step; a new process goes on from any of them."""
    words: dict[str, Any] = {"share": "0.4"} if fault == "partial_fill" else {}
    for call in range(1, MOST_CALLS):
        with bot_world(tmp_path / f"home-{call}") as world:
            for asset in ("SOL", "ETH"):
                world.hand_over(asset)
            world.fall_to_stop("SOL")
            world.box.control.add_fault(fault, **POST, **words)
            world.restart()
            mortal = Mortal()
            mortal.kill_at(call, after=False)
            is_over = _lived_through(world, mortal)
            world.restart()
            live_on(world)
            assert_sold_exactly_once(world)
            assert world.position("ETH").is_open
            world.fall_to_stop("ETH")
            assert "exit_filled" in words_of(world.cycle()), f"killed at call {call}: the other stop is gone"
            assert_home_is_whole(world.app)
        if is_over:
            assert call > 12, "an exit in two orders has more steps than that"
            return
    pytest.fail(f"an exit takes more than {MOST_CALLS} calls: not every step was tried")


def _lived_through(world: BotWorld, mortal: Mortal) -> bool:
    loop = mortal_loop(world, mortal)
    try:
        for _ in range(3):
            loop.run_once(world.clock.now())
            world.wait(10)
    except Killed:
        return False
    return True
