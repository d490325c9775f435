"""`bot orders` and `bot positions`: what was sent, what came of it, and what it was worth."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from bot.app.circuit_file import keep_circuit
from bot.exchange.guards import BreakerState, Circuit
from bot.kernel.exit_codes import ExitCode
from tests.fakes.bot_world import BotWorld, bot_world
from tests.fakes.cli_calls import call


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BotWorld]:
    """SOL sold at its stop, its answer lost; ETH in the bot's hands; one sale of the owner's."""
    with bot_world(tmp_path_factory.mktemp("orders") / "home", seed=22) as made:
        made.hand_over("SOL")
        made.hand_over("ETH")
        made.box.control.external_trade("SOL/USDT", "SELL", "1")
        made.fall_to_stop("SOL")
        made.box.control.add_fault("drop_after", path="order", method="POST")
        made.cycle()
        made.cycle()
        yield made


def test_the_list_holds_every_order_and_what_was_not_the_bots(world: BotWorld) -> None:
    said = call(world.root, "orders", "ls", "--json")
    data = said.document()["data"]
    (order,) = data["orders"]
    assert (order["birth"]["asset"], order["state"]) == ("SOL", "closed")
    assert order["filled_quantity"] == order["booked_quantity"] == order["birth"]["quantity"]
    (foreign,) = data["foreign_trades"]
    assert foreign["quantity"] == 1
    plain = call(world.root, "orders", "ls").out
    assert order["client_order_id"] in plain
    assert "no order of the bot's made" in plain
    assert call(world.root, "orders", "ls", "--live", "--json").document()["data"]["orders"] == []
    assert call(world.root, "orders", "ls", "--asset", "eth", "--json").document()["data"] == {
        "foreign_trades": [],
        "orders": [],
    }


def test_an_order_is_shown_by_the_beginning_of_its_id_with_all_that_happened(world: BotWorld) -> None:
    said = call(world.root, "orders", "show", "mh-SOL", "--json")
    data = said.document()["data"]
    happened = [event.get("trigger", "created") for event in data["events"]]
    assert happened == ["created", "submit", "answer_lost", "told_filled", "booked"]
    assert [fill["trade_id"] for fill in data["order"]["fills"]] != []
    plain = call(world.root, "orders", "show", "mh-SOL").out
    assert "answer_lost" in plain
    assert "trade " in plain


def test_an_order_that_nobody_knows_is_a_usage_error_with_what_to_do(world: BotWorld) -> None:
    said = call(world.root, "orders", "show", "mh-XXX")
    assert said.code == ExitCode.USAGE
    assert "no_such_order" in said.err
    assert "bot orders ls" in said.err


def test_positions_tell_quantity_profit_and_fees(world: BotWorld) -> None:
    lines = call(world.root, "positions", "ls", "--json").document()["data"]
    by_coin = {line["asset"]: line for line in lines}
    sold, held = by_coin["SOL"], by_coin["ETH"]
    assert (sold["is_open"], sold["quantity"]) == (False, 0)
    assert sold["realised"] < 0
    assert set(sold["fees"]) == {"USDT"}
    assert held["is_open"]
    assert held["price"] == float(world.box.control.price("ETH/USDT"))
    plain = call(world.root, "positions", "ls").out
    assert "closed" in plain
    assert "USDT" in plain


def test_a_position_is_measured_by_both_yardsticks(world: BotWorld) -> None:
    plain = call(world.root, "positions", "show", "ETH", "--offline").out
    assert "declared basis" in plain
    assert "hand-over" in plain
    shown = call(world.root, "positions", "show", "SOL", "--json").document()["data"]
    assert shown["realised"] == shown["realised_since_hand_over"], "its basis was the price at the hand-over"


def test_a_coin_without_a_position_is_a_usage_error(world: BotWorld) -> None:
    said = call(world.root, "positions", "show", "DOGE")
    assert said.code != 0
    assert "unknown_asset" in said.err


def test_positions_are_told_without_an_exchange_and_say_that_prices_are_missing(world: BotWorld) -> None:
    world.app.home.box.rename(world.app.home.box.with_suffix(".gone"))
    try:
        said = call(world.root, "positions", "ls", "--json").document()
    finally:
        world.app.home.box.with_suffix(".gone").rename(world.app.home.box)
    assert any("told no prices" in warning for warning in said["warnings"])
    assert all("price" not in line for line in said["data"])


def test_a_journal_that_lacks_sales_is_told_and_changes_no_sum(world: BotWorld, tmp_path: Path) -> None:
    path = world.app.home.orders_log
    path.rename(tmp_path / "orders.jsonl")
    try:
        said = call(world.root, "positions", "show", "SOL", "--offline", "--json").document()
    finally:
        (tmp_path / "orders.jsonl").rename(path)
    assert any("journal does not hold all sales of SOL" in warning for warning in said["warnings"])
    assert Decimal(str(said["data"]["sold_quantity"])) == world.position("SOL").sold_quantity


def test_an_open_circuit_shows_in_the_status_and_says_what_it_blocks(world: BotWorld) -> None:
    state = BreakerState(circuit=Circuit.OPEN, since=world.clock.now())
    keep_circuit(world.app.home, state)
    try:
        said = call(world.root, "status", "--json").document()
        plain = call(world.root, "status").out
    finally:
        world.app.home.circuit.unlink()
    assert said["data"]["exchange"]["circuit"] == "open"
    assert said["data"]["exchange"]["blocks"] == "purchases"
    assert "the circuit is open" in plain
    assert "exits and approvals go on" in plain
    assert "exchange" not in call(world.root, "status", "--json").document()["data"]


def test_an_open_circuit_outlives_its_process_and_holds_no_exit_back(tmp_path: Path) -> None:
    with bot_world(tmp_path / "home") as world:
        world.hand_over("SOL")
        world.box.control.add_fault("status_before", path="ticker/24hr", status=503, times=60)
        for _ in range(6):
            world.cycle()
        assert world.app.gateway.state.circuit is Circuit.OPEN
        world.restart()
        assert world.app.gateway.state.circuit is Circuit.OPEN, "a restart does not heal an exchange"
        world.box.control.clear_faults()
        world.fall_to_stop("SOL")
        assert "exit_filled" in [step.what for step in world.cycle().steps]
