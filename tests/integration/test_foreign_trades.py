"""Trades that are not the bot's, found while it runs: whose turn it is, what it costs, what it explains."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from bot.lifecycle.states import AssetState
from bot.storage.order_journal import OrderJournal
from bot.trading.trades_check import ROUND_S
from tests.fakes.bot_world import BotWorld, bot_world, words_of
from tests.fakes.cli_calls import call
from tests.fakes.home_checks import assert_home_is_whole

SOL = "SOL/USDT"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[BotWorld]:
    with bot_world(tmp_path / "home") as made:
        made.hand_over("SOL")
        made.cycle()
        yield made
        assert_home_is_whole(made.app)


def asked_for_trades(world: BotWorld, since: int) -> int:
    lines = world.box.control.requests()[since:]
    return sum(line["path"].endswith("myTrades") for line in lines)


def test_a_foreign_trade_is_found_within_a_minute_while_the_bot_runs(world: BotWorld) -> None:
    world.box.control.external_trade(SOL, "SELL", "2")
    assert words_of(world.cycle()) == []
    world.wait(ROUND_S)
    report = world.cycle()
    assert words_of(report) == ["foreign_trade"]
    (step,) = report.alarms
    assert step.data["quantity"] == Decimal(2)
    world.wait(ROUND_S)
    assert words_of(world.cycle()) == []


def test_a_word_of_the_account_stream_has_the_trades_read_in_the_next_cycle(world: BotWorld) -> None:
    world.box.control.external_trade(SOL, "SELL", "2")
    world.app.loop.ask_for_trades("SOL")
    assert words_of(world.cycle()) == ["foreign_trade"]


def test_a_foreign_sale_that_leaves_too_little_is_named_in_the_evidence_of_the_drift(world: BotWorld) -> None:
    world.box.control.external_trade(SOL, "SELL", "20")
    report = world.cycle()
    assert words_of(report) == ["foreign_trade", "drift"]
    entry = world.entry("SOL")
    assert entry.state is AssetState.MANAGED_DRIFT_ALERT
    assert entry.drift is not None
    (sale,) = entry.drift.evidence["foreign_sales"]
    journal = OrderJournal(world.app.home.orders_log)
    journal.refresh()
    (trade,) = journal.foreign_trades
    assert (sale["trade_id"], sale["quantity"]) == (trade.trade_id, Decimal(20))
    assert (sale["price"], sale["order_id"]) == (trade.price, trade.order_id)
    assert sale["executed_at"].startswith("2026-05-03T12:00:00")
    assert f"trade {trade.trade_id}" in entry.drift.evidence["told"]
    shown = call(world.root, "drift", "SOL").out
    assert f"sold by an order that is not the bot's: 20 at {trade.price}" in shown


def test_a_withdrawal_is_drift_without_a_trade_to_name(world: BotWorld) -> None:
    world.box.control.withdraw("SOL", "20")
    assert words_of(world.cycle()) == ["drift"]
    entry = world.entry("SOL")
    assert entry.drift is not None
    assert "foreign_sales" not in entry.drift.evidence


def test_a_foreign_purchase_is_told_and_changes_nothing(world: BotWorld) -> None:
    before = world.entry("SOL")
    world.box.control.external_trade(SOL, "BUY", "2")
    world.wait(ROUND_S)
    assert words_of(world.cycle()) == ["foreign_trade"]
    assert world.entry("SOL") == before


def test_only_what_was_found_since_the_hand_over_explains_a_short_wallet(tmp_path: Path) -> None:
    with bot_world(tmp_path / "home") as world:
        world.hand_over("ETH")
        world.box.control.external_trade("ETH/USDT", "SELL", "0.1")
        world.app.loop.ask_for_trades("ETH")
        world.wait(1)
        assert "foreign_trade" in words_of(world.cycle())
        found_at = world.clock.now()
        world.wait(5)
        journal = OrderJournal(world.app.home.orders_log)
        journal.refresh()
        assert len(journal.foreign_since("ETH/USDT", found_at)) == 1
        assert journal.foreign_since("ETH/USDT", world.clock.now()) == ()


def test_trades_are_read_a_few_coins_per_cycle_each_coin_once_a_minute(tmp_path: Path) -> None:
    environ = {"BOT_TRADING_OWN_TRADES_READS_PER_CYCLE": "1"}
    with bot_world(tmp_path / "home", environ=environ) as world:
        for asset in ("SOL", "ETH"):
            world.hand_over(asset)
        world.cycle()
        world.wait(ROUND_S)
        per_cycle = []
        for _ in range(4):
            seen = len(world.box.control.requests())
            world.cycle()
            per_cycle.append(asked_for_trades(world, seen))
            world.wait(1)
        assert per_cycle == [1, 1, 0, 0]


def test_with_the_setting_at_zero_only_what_is_asked_for_is_read(tmp_path: Path) -> None:
    environ = {"BOT_TRADING_OWN_TRADES_READS_PER_CYCLE": "0"}
    with bot_world(tmp_path / "home", environ=environ) as world:
        world.hand_over("SOL")
        world.cycle()
        world.box.control.external_trade(SOL, "SELL", "2")
        world.wait(10 * ROUND_S)
        assert words_of(world.cycle()) == []
        world.app.loop.ask_for_trades("SOL")
        assert words_of(world.cycle()) == ["foreign_trade"]


def test_a_wiped_exchange_costs_a_handful_of_reads_and_one_alarm(world: BotWorld) -> None:
    seen = len(world.box.control.requests())
    world.box.control.wipe()
    world.cycle()
    assert asked_for_trades(world, seen) <= 5
