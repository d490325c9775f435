"""The stop that rests at the exchange: placed, kept where it was agreed, and filled while the bot is dead."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bot.execution.orders import OrderRequest, OrderType, Side
from bot.lifecycle.commands import CommandState, CommandType
from bot.lifecycle.states import AssetState
from bot.risk.verdict import Approved
from tests.fakes.bot_world import BotWorld, bot_world, words_of
from tests.fakes.home_checks import assert_home_is_whole, audit_of, audit_types

D = Decimal
ON = {"BOT_TRADING_RESTING_STOP": "on"}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[BotWorld]:
    with bot_world(tmp_path / "home", environ=ON) as made:
        made.hand_over("SOL")
        yield made
        assert_home_is_whole(made.app)


def resting(world: BotWorld) -> list[dict[str, Any]]:
    """Return the orders that rest at the box."""
    return list(world.box.control.state()["open_orders"])


def requests_of(world: BotWorld, cycles: int = 1) -> list[tuple[str, str]]:
    """Return what cycles ask of the exchange."""
    before = len(world.box.control.requests())
    for _ in range(cycles):
        world.cycle()
    return [(r["method"], r["path"]) for r in world.box.control.requests()[before:]]


def assert_sold_once(world: BotWorld) -> None:
    """Say that what was agreed was sold, once, whoever sold it."""
    entry = world.entry("SOL")
    assert entry.state is AssetState.EXIT_EXECUTED
    assert entry.resting_stop is None
    assert 25 - world.balances()["SOL"] == entry.sold_quantity == entry.approved_quantity
    assert resting(world) == []
    assert audit_types(world.app, "SOL").count("exit_executed") == 1


def change_setting(world: BotWorld, **settings: Any) -> None:
    """Apply settings as an admin does; they take effect at once."""
    words: dict[str, Any] = {name.replace("__", "."): value for name, value in settings.items()}
    risky = ",".join(sorted(words))
    outcome = world.ask(CommandType.APPLY_RUNTIME_CONFIG, "*", settings=words, confirm=risky)
    assert outcome.state is CommandState.APPLIED, outcome
    world.restart()


# ---- placed and kept --------------------------------------------------------------------------------


def test_a_coin_that_is_handed_over_gets_a_stop_at_the_exchange(world: BotWorld) -> None:
    entry, (order,) = world.entry("SOL"), resting(world)
    stop = entry.resting_stop
    assert stop is not None
    assert stop.exchange_order_id == str(order["orderId"])
    assert (order["type"], order["side"]) == ("STOP_LOSS_LIMIT", "SELL")
    assert entry.stop_loss is not None
    assert D(order["stopPrice"]) == stop.stop_price <= entry.stop_loss
    assert entry.stop_loss - stop.stop_price < D("0.01"), "on the grid, never above what was agreed"
    assert D(order["price"]) == stop.limit_price == D("130.54")
    assert D(order["origQty"]) == stop.quantity == entry.approved_quantity
    assert audit_types(world.app, "SOL")[-2:] == ["resting_stop_opened", "resting_stop_opened"]


def test_the_intent_is_committed_before_the_order_and_names_it(world: BotWorld) -> None:
    first, second = audit_of(world.app, "SOL")[-2:]
    (order,) = resting(world)
    assert first["after"]["managed"]["resting_stop"]["client_order_id"] == order["clientOrderId"]
    assert "exchange_order_id" not in first["after"]["managed"]["resting_stop"]
    assert second["after"]["managed"]["resting_stop"]["exchange_order_id"] == str(order["orderId"])


def test_without_the_setting_nothing_rests(tmp_path: Path) -> None:
    with bot_world(tmp_path / "home") as made:
        made.hand_over("SOL")
        assert words_of(made.cycle()) == []
        assert resting(made) == []


def test_a_steady_cycle_asks_nothing_more_because_of_the_stop(tmp_path: Path, world: BotWorld) -> None:
    world.cycle()
    with bot_world(tmp_path / "without") as plain:
        plain.hand_over("SOL")
        plain.cycle()
        assert requests_of(world, 5) == requests_of(plain, 5)


def test_once_a_minute_all_open_orders_are_looked_at_together(world: BotWorld) -> None:
    world.cycle()
    world.advance(61)
    assert ("GET", "/api/v3/openOrders") in requests_of(world)
    assert ("GET", "/api/v3/openOrders") not in requests_of(world, 3)


def test_locked_coins_are_still_there_so_no_drift_is_told(world: BotWorld) -> None:
    for _ in range(3):
        assert words_of(world.cycle()) == []
    assert world.entry("SOL").drift is None


def test_a_moved_stop_is_cancelled_confirmed_and_placed_anew(world: BotWorld) -> None:
    old = resting(world)[0]["clientOrderId"]
    outcome = world.ask(CommandType.OVERRIDE_MANAGED_LEVELS, "SOL", stop_loss=140, reason="tighter")
    assert outcome.state is CommandState.APPLIED
    assert words_of(world.cycle()) == ["followed", "stop_cancelled", "stop_rests"]
    (order,) = resting(world)
    assert D(order["stopPrice"]) == D(140)
    assert order["clientOrderId"] != old
    assert words_of(world.cycle()) == []


def test_a_stop_that_follows_the_price_follows_it_at_the_exchange_too(world: BotWorld) -> None:
    outcome = world.ask(
        CommandType.OVERRIDE_MANAGED_LEVELS,
        "SOL",
        trailing={"enabled": True, "distance": 10},
        reason="let it run",
    )
    assert outcome.state is CommandState.APPLIED, outcome
    world.cycle()
    world.set_price("SOL", D(150))
    words = words_of(world.cycle())
    assert words[-2:] == ["stop_cancelled", "stop_rests"]
    (order,) = resting(world)
    assert D(order["stopPrice"]) == world.position("SOL").stop_loss > 139
    world.app.close()
    world.set_price("SOL", D("139.5"))
    world.restart()
    assert "stop_filled" in words_of(world.cycle())
    assert_sold_once(world)
    reason = world.entry("SOL").reason
    assert reason is not None
    assert "followed the price" in reason.text


def test_a_halt_with_exits_off_takes_the_stop_away(world: BotWorld) -> None:
    outcome = world.ask(CommandType.HALT_TRADING, "*", text="maintenance", exits="off")
    assert outcome.state is CommandState.APPLIED, outcome
    assert "stop_cancelled" in words_of(world.cycle())
    assert resting(world) == []


def test_switching_the_setting_off_takes_the_stop_away_and_on_again_brings_it_back(tmp_path: Path) -> None:
    with bot_world(tmp_path / "home") as world:
        change_setting(world, trading__resting_stop="on")
        world.hand_over("SOL")
        assert len(resting(world)) == 1
        change_setting(world, trading__resting_stop="off")
        assert words_of(world.cycle()) == ["stop_cancelled"]
        assert resting(world) == []
        change_setting(world, trading__resting_stop="on")
        assert words_of(world.cycle()) == ["stop_rests"]


def test_a_stop_cancelled_by_hand_is_alarmed_and_placed_again_once(world: BotWorld) -> None:
    for words in (["stop_gone", "stop_rests"], ["stop_gone", "stop_not_placed"]):
        world.app.gateway.cancel("SOL/USDT", resting(world)[0]["clientOrderId"])
        report = world.cycle()
        assert words_of(report) == words
        assert report.alarms
    assert words_of(world.cycle()) == []
    assert resting(world) == []
    world.fall_to_stop("SOL")
    assert words_of(world.cycle())[:2] == ["exit_sent", "exit_filled"], "the loop guards it all the same"


def test_what_the_owner_locks_himself_hides_a_cancelled_stop_for_a_minute_only(world: BotWorld) -> None:
    gateway = world.app.gateway
    gateway.cancel("SOL/USDT", resting(world)[0]["clientOrderId"])
    own = OrderRequest(
        client_order_id="web-1",
        symbol="SOL/USDT",
        side=Side.SELL,
        order_type=OrderType.LIMIT,
        quantity=D(20),
        limit_price=D(300),
    )
    gateway.submit(Approved(order=own, gates=()))
    assert words_of(world.cycle()) == []
    world.wait(61)
    assert "stop_gone" in words_of(world.cycle())


# ---- the market fills it ----------------------------------------------------------------------------


def test_a_stop_that_fills_while_the_bot_is_dead_is_booked_once_at_the_restart(world: BotWorld) -> None:
    world.app.close()
    world.fall_to_stop("SOL")
    world.restart()
    assert words_of(world.cycle())[:1] == ["stop_filled"]
    assert_sold_once(world)
    world.restart()
    world.cycle()
    assert_sold_once(world)
    assert world.orders_sent() == 1
    line = audit_of(world.app, "SOL")[-1]
    assert line["data"]["exit_reason"] == "stop_loss"
    assert (world.entry("SOL").reason or pytest.fail("no reason")).code == "exit_stop_loss"


def test_a_stop_that_fills_while_the_loop_runs_is_booked_and_nothing_else_is_sold(world: BotWorld) -> None:
    world.fall_to_stop("SOL")
    world.cycle()
    world.cycle()
    assert_sold_once(world)
    assert world.orders_sent() == 1


def test_a_price_that_falls_through_the_limit_is_the_loops_to_sell(world: BotWorld) -> None:
    trigger_without_filling(world)
    assert words_of(world.cycle())[:3] == ["stop_cancelled", "exit_sent", "exit_filled"]
    assert_sold_once(world)


def test_a_part_that_filled_is_not_sold_again_by_the_loops_exit(world: BotWorld) -> None:
    stop = world.entry("SOL").resting_stop
    assert stop is not None
    trigger_without_filling(world)
    world.box.control.fill("SOL/USDT", stop.client_order_id, D(3))
    words = words_of(world.cycle())
    assert words[:3] == ["stop_partly_filled", "exit_sent", "exit_filled"]
    assert_sold_once(world)


def trigger_without_filling(world: BotWorld) -> None:
    """Let the price jump through stop and limit at once, so that the sale rests above the market."""
    world.set_price("SOL", (world.entry("SOL").stop_loss or D(0)) * D("0.9"))
