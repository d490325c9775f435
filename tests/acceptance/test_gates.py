"""The acceptance gates by name: no unmanaged position, parity, recovery, trade ids, reports, tick to fill."""

import shutil
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from bot.app.order_views import ledger_of, positions
from bot.execution.order_record import repeated_trade_ids
from bot.kernel.money import ZERO
from bot.lifecycle.commands import CommandState, CommandType
from bot.lifecycle.states import IN_THE_BOTS_HANDS, AssetState
from bot.storage.documents import POSITIONS
from bot.storage.order_journal import OrderJournal
from bot.storage.rebuild import compare_with_live
from tests.fakes.bot_world import BotWorld, bot_world, words_of
from tests.fakes.cli_calls import call
from tests.fakes.home_checks import assert_home_is_whole

D = Decimal
COINS = ("SOL", "ETH")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[BotWorld]:
    with bot_world(tmp_path / "home", seed=22) as made:
        for coin in COINS:
            made.hand_over(coin)
        yield made
        assert_home_is_whole(made.app)


def journal_of(world: BotWorld) -> OrderJournal:
    journal = OrderJournal(world.app.home.orders_log)
    journal.refresh()
    return journal


def tracked(world: BotWorld) -> set[str]:
    known = world.app.store.read(POSITIONS).content.positions
    return {item.asset for item in known.values() if item.is_open}


def managed(world: BotWorld) -> set[str]:
    entries = world.managed.managed_assets
    return {asset for asset, entry in entries.items() if entry.state in IN_THE_BOTS_HANDS}


def test_zero_unmanaged_positions(world: BotWorld) -> None:
    """At every step of a life, what is tracked is what is in the bot's hands, and nothing else."""
    assert tracked(world) == managed(world) == set(COINS)
    world.fall_to_stop("SOL")
    world.cycle()
    assert tracked(world) == managed(world) == {"ETH"}
    world.pause("ETH", "on")
    world.cycle()
    assert tracked(world) == managed(world) == {"ETH"}
    world.ask(CommandType.RELEASE_MANAGED_ASSET, "ETH", mode="immediate")
    world.app.scheduler.run_due(world.clock.now())
    world.cycle()
    assert tracked(world) == managed(world) == set()
    assert world.managed.state_of("ETH") is AssetState.FROZEN


def test_zero_unmanaged_positions_also_holds_for_coins_that_nobody_handed_over(tmp_path: Path) -> None:
    with bot_world(tmp_path / "home") as world:
        world.set_price("SOL", D(1))
        world.cycle()
        assert tracked(world) == managed(world) == set()
        assert world.orders_sent() == 0


def test_projection_parity(world: BotWorld) -> None:
    """State rebuilt from the log == live; position == journal == exchange, to the last digit."""
    world.box.control.add_fault("partial_fill", path="order", method="POST", share="0.3")
    world.fall_to_stop("SOL")
    for _ in range(4):
        world.cycle()
        world.wait(5)
    assert compare_with_live(world.app.store) == []
    entry, journal = world.entry("SOL"), journal_of(world)
    trades = world.app.gateway.own_trades("SOL/USDT")
    sold = sum((trade.quantity for trade in trades), ZERO)
    brought = sum((trade.quantity * trade.price for trade in trades), ZERO)
    assert sold == entry.sold_quantity == entry.approved_quantity
    assert brought == entry.sold_quote
    assert sum((record.filled_quantity for record in journal.records.values()), ZERO) == sold
    position = world.position("SOL")
    assert (position.sold_quantity, position.proceeds_usdt) == (sold, brought)
    ledger, agrees = ledger_of(position, tuple(journal.records.values()), quote="USDT")
    assert agrees
    assert (ledger.quantity, ledger.sold_quantity, ledger.proceeds) == (position.quantity, sold, brought)
    assert ledger.fees == {"USDT": sum((trade.fee for trade in trades), ZERO)}
    assert ledger.realised == brought - sold * position.entry_price - ledger.fees["USDT"]


@pytest.mark.parametrize("lost", [False, True], ids=["answered", "answer lost"])
def test_recovery_from_restart(world: BotWorld, *, lost: bool) -> None:
    """Whatever was in flight, a new process ends where the old one would have, and guards the others."""
    if lost:
        world.box.control.add_fault("status_after", path="order", method="POST", status=504)
    world.fall_to_stop("SOL")
    world.cycle()
    world.restart()
    world.app.recover()
    world.cycle()
    assert world.managed.state_of("SOL") is AssetState.EXIT_EXECUTED
    assert 25 - world.balances()["SOL"] == world.entry("SOL").approved_quantity
    world.fall_to_stop("ETH")
    assert "exit_filled" in words_of(world.cycle()), "the other coin's stop is armed again"
    assert world.orders_sent() == 2


def test_no_duplicated_trade_ids(world: BotWorld) -> None:
    """Answers that come twice, late and again after a restart book every trade once."""
    world.box.control.add_fault("partial_fill", path="order", method="POST", share="0.5")
    world.box.control.add_fault("drop_after", path="order", method="POST", nth=2)
    for coin in COINS:
        world.fall_to_stop(coin)
    for _ in range(5):
        world.cycle()
        world.wait(8)
        world.restart()
    journal = journal_of(world)
    told = [fill.trade_id for record in journal.records.values() for fill in record.fills]
    assert len(told) == len(set(told)) >= 3
    assert not repeated_trade_ids(journal.records.values())
    for coin in COINS:
        known = {trade.trade_id for trade in world.app.gateway.own_trades(f"{coin}/USDT")}
        mine = (r for r in journal.records.values() if r.birth.asset == coin)
        assert {fill.trade_id for record in mine for fill in record.fills} == known


def test_report_failures_do_not_touch_trading(world: BotWorld) -> None:
    """No folder for reports, no screen that can be written, no database: the stop is sold all the same."""
    home = world.app.home
    (home.proposals / "reports").write_text("not a folder", encoding="utf-8")
    failed = call(world.root, "proposals", "report", str(world.entry("SOL").current_proposal_id))
    assert failed.code != 0, "the report fails"
    home.circuit.mkdir()
    (home.run / "unverified.json").mkdir()
    world.restart()
    world.fall_to_stop("SOL")
    steps = words_of(world.cycle())
    assert steps[:2] == ["exit_sent", "exit_filled"]
    shutil.rmtree(home.circuit)


def test_tick_to_fill(world: BotWorld) -> None:
    """The first cycle that sees the price below the stop ends with the sale booked."""
    assert words_of(world.cycle()) == []
    world.fall_to_stop("SOL")
    report = world.cycle()
    assert words_of(report) == ["exit_sent", "exit_filled", "closed"]
    (record,) = journal_of(world).records.values()
    assert record.state.value == "closed"
    assert record.booked_quantity == record.filled_quantity == world.entry("SOL").approved_quantity


def test_the_figures_on_the_screen_are_those_of_the_exchange(world: BotWorld) -> None:
    world.set_price("SOL", (world.entry("SOL").take_profit or ZERO) + 1)
    world.cycle()
    (line,) = positions(world.app, asset="SOL").lines
    (trade,) = world.app.gateway.own_trades("SOL/USDT")
    assert line.proceeds == trade.quantity * trade.price
    assert line.realised_since_hand_over == line.proceeds - trade.quantity * line.reference_price - trade.fee
    outcome = world.ask(CommandType.RELEASE_MANAGED_ASSET, "SOL", mode="graceful")
    assert outcome.state is CommandState.APPLIED
