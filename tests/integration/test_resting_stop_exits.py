"""A stop that rests at the exchange is out of the way, and confirmed to be, before anything else is sold."""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest

from bot.exchange.gateway import Gateway
from bot.kernel.market import Ticker
from bot.lifecycle.commands import CommandState, CommandType
from bot.lifecycle.states import AssetState
from bot.trading.cycle import LoopSettings, TradingLoop
from bot.trading.resting_stop import RestingStopSettings
from tests.fakes.bot_world import BotWorld, bot_world, words_of
from tests.fakes.home_checks import assert_home_is_whole, audit_types
from tests.fakes.hooked_gateway import Hook, Killed, hooked, kill
from tests.integration.test_resting_stop import ON, assert_sold_once, resting, trigger_without_filling

D = Decimal


@pytest.fixture
def world(tmp_path: Path) -> Iterator[BotWorld]:
    with bot_world(tmp_path / "home", environ=ON) as made:
        made.hand_over("SOL")
        yield made
        assert_home_is_whole(made.app)
        assert made.box.control.state()["balances_conserved"]


def rise_to_target(world: BotWorld) -> None:
    world.set_price("SOL", (world.entry("SOL").take_profit or D(0)) * D("1.01"))


def loop_with(world: BotWorld, **hooks: dict[str, Hook]) -> TradingLoop:
    return loop_on(world, hooked(world.app.gateway, **hooks))


def loop_on(world: BotWorld, gateway: Gateway) -> TradingLoop:
    app = world.app
    return TradingLoop(
        app.store,
        gateway,
        app.sender,
        clock=app.clock,
        ids=app.ids,
        settings=LoopSettings(quote="USDT", resting_stop=lambda: RestingStopSettings(is_on=True)),
    )


def die_at(world: BotWorld, when: str, call: str) -> None:
    """Run a cycle that ends before or after a call, and go on as a new process."""
    hooks: dict[str, dict[str, Hook]] = {when: {call: kill}}
    loop = loop_with(world, **hooks)
    with pytest.raises(Killed):
        loop.run_once(world.clock.now())
    world.restart()


def settle(world: BotWorld) -> None:
    """Let the bot come to rest; it may have to wait until no request can arrive any more."""
    for _ in range(4):
        world.cycle()
        assert_promise_kept(world)
        world.wait(31)
    world.cycle()
    assert_promise_kept(world)


def assert_promise_kept(world: BotWorld) -> None:
    """What was sold, with every order that rests at its full size, is at most what was approved."""
    approved = world.entry("SOL").approved_quantity or D(0)
    open_now = sum((D(order["origQty"]) - D(order["executedQty"]) for order in resting(world)), D(0))
    assert 25 - world.balances()["SOL"] + open_now <= approved
    assert len(resting(world)) <= 1


# ---- exits --------------------------------------------------------------------------------------------


def test_a_target_cancels_the_stop_and_sells_all_of_it_in_one_cycle(world: BotWorld) -> None:
    rise_to_target(world)
    assert words_of(world.cycle())[:3] == ["stop_cancelled", "exit_sent", "exit_filled"]
    assert_sold_once(world)
    assert audit_types(world.app, "SOL")[-3:] == [
        "resting_stop_closed",
        "exit_intent_opened",
        "exit_executed",
    ]


def test_an_ordered_sale_cancels_the_stop_first(world: BotWorld) -> None:
    outcome = world.ask(CommandType.FORCE_MANAGED_EXIT, "SOL", confirm="SOL:exit", reason="out")
    assert outcome.state is CommandState.APPLIED
    assert words_of(world.cycle())[:3] == ["stop_cancelled", "exit_sent", "exit_filled"]
    assert_sold_once(world)


def test_an_exit_followed_by_a_new_stop_never_sells_what_was_not_handed_over(world: BotWorld) -> None:
    """The exit sells a part; the stop that is placed then covers the rest of what was approved, no more."""
    approved = world.entry("SOL").approved_quantity or D(0)
    rise_to_target(world)
    world.box.control.add_fault("partial_fill", path="order", method="POST", share="0.25")
    words = words_of(world.cycle())
    assert words[:3] == ["stop_cancelled", "exit_sent", "exit_partly_filled"]
    world.set_price("SOL", D("146.71"))
    world.cycle()
    (order,) = resting(world)
    sold = world.entry("SOL").sold_quantity or D(0)
    assert 0 < sold < approved
    assert D(order["origQty"]) == approved - sold
    world.app.close()
    world.fall_to_stop("SOL")
    world.restart()
    settle(world)
    assert world.entry("SOL").state is AssetState.EXIT_EXECUTED
    assert 25 - world.balances()["SOL"] == approved


def test_an_exit_does_not_leave_before_the_cancel_is_confirmed(world: BotWorld) -> None:
    rise_to_target(world)
    world.box.control.add_fault("status_before", path="order", method="DELETE", times=50)
    report = world.cycle()
    assert "stop_not_cancelled" in words_of(report)
    assert "exit_sent" not in words_of(report)
    assert world.orders_sent() == 1
    assert len(resting(world)) == 1, "what is on record as resting does rest"
    world.box.control.clear_faults()
    settle(world)
    assert_sold_once(world)


def test_a_cancel_whose_answer_is_lost_is_looked_up_and_the_exit_follows(world: BotWorld) -> None:
    rise_to_target(world)
    world.box.control.add_fault("drop_after", path="order", method="DELETE")
    settle(world)
    assert_sold_once(world)
    assert world.orders_sent() == 2


def test_a_stop_that_fills_while_it_is_being_cancelled_is_booked_and_nothing_more_is_sold(
    world: BotWorld,
) -> None:
    rise_to_target(world)
    loop = loop_with(world, before={"cancel": lambda: world.fall_to_stop("SOL")})
    loop.run_once(world.clock.now())
    settle(world)
    assert_sold_once(world)
    assert world.orders_sent() == 1


def test_a_part_that_fills_while_it_is_being_cancelled_leaves_the_rest_to_the_exit(world: BotWorld) -> None:
    stop = world.entry("SOL").resting_stop
    assert stop is not None
    rise_to_target(world)

    def fill_a_part() -> None:
        trigger_without_filling(world)
        world.box.control.fill("SOL/USDT", stop.client_order_id, D(3))

    loop_with(world, before={"cancel": fill_a_part}).run_once(world.clock.now())
    settle(world)
    assert_sold_once(world)


class _OddPrices:
    """The exchange with a bid far away from the last price: no market can have such prices."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def __getattr__(self, name: str) -> Any:
        return getattr(self._gateway, name)

    def tickers(self, symbols: Sequence[str]) -> dict[str, Ticker]:
        told = self._gateway.tickers(symbols)
        return {name: msgspec.structs.replace(one, bid=one.last / 10) for name, one in told.items()}


def test_a_price_that_no_market_can_have_cancels_no_stop(world: BotWorld) -> None:
    """The exit's own gates are asked before the stop is given up for it."""
    rise_to_target(world)
    loop = loop_on(world, cast("Gateway", _OddPrices(world.app.gateway)))
    loop.run_once(world.clock.now())
    assert "denied" in words_of(loop.run_once(world.clock.now()))
    assert len(resting(world)) == 1
    assert words_of(world.cycle())[:3] == ["stop_cancelled", "exit_sent", "exit_filled"]
    assert_sold_once(world)


# ---- hands off ----------------------------------------------------------------------------------------


def test_a_pause_with_exits_off_names_the_stop_and_shows_it_until_its_end_is_confirmed(
    world: BotWorld,
) -> None:
    name = resting(world)[0]["clientOrderId"]
    outcome = world.pause("SOL", "off")
    assert outcome.detail["resting_stop"] == name
    world.box.control.add_fault("status_before", path="order", method="DELETE", times=50)
    assert "stop_not_cancelled" in words_of(world.cycle())
    assert world.entry("SOL").resting_stop is not None, "shown as resting until the exchange says it is not"
    world.box.control.clear_faults()
    assert words_of(world.cycle()) == ["stop_cancelled"]
    assert world.entry("SOL").resting_stop is None
    assert resting(world) == []
    assert words_of(world.cycle()) == []
    world.ask(CommandType.RESUME_MANAGED_ASSET, "SOL", reason="go on")
    assert words_of(world.cycle()) == ["stop_rests"]


def test_a_pause_with_exits_on_keeps_the_stop(world: BotWorld) -> None:
    world.pause("SOL", "on")
    assert words_of(world.cycle()) == []
    assert len(resting(world)) == 1


def test_a_fill_after_the_pause_is_booked(world: BotWorld) -> None:
    """T19: the stop was on its way out; the exchange was faster."""
    world.pause("SOL", "off")
    world.fall_to_stop("SOL")
    assert words_of(world.cycle())[0] == "stop_filled"
    assert_sold_once(world)


def test_a_release_waits_until_the_stop_is_gone(world: BotWorld) -> None:
    world.pause("SOL", "on")
    world.ask(CommandType.RELEASE_MANAGED_ASSET, "SOL", mode="immediate")
    world.app.scheduler.run_due(world.clock.now())
    assert world.entry("SOL").state is AssetState.RELEASE_PENDING, "its stop still rests"
    assert words_of(world.cycle()) == ["stop_cancelled", "released"]
    assert world.entry("SOL").state is AssetState.FROZEN
    assert resting(world) == []
    assert world.balances()["SOL"] == 25


def test_a_graceful_release_ends_with_the_stop_that_fills(world: BotWorld) -> None:
    world.pause("SOL", "on")
    world.ask(CommandType.RELEASE_MANAGED_ASSET, "SOL", mode="graceful")
    assert words_of(world.cycle()) == []
    world.app.close()
    world.fall_to_stop("SOL")
    world.restart()
    words = words_of(world.cycle())
    assert words[0] == "stop_filled"
    assert "released" in words
    assert world.entry("SOL").state is AssetState.FROZEN


def test_a_drift_of_the_price_keeps_the_stop(world: BotWorld) -> None:
    """T20: otherwise an alert would switch the stop off in a crash."""
    entry = world.entry("SOL")
    world.set_price("SOL", (entry.reference_price or D(0)) + (entry.atr or D(0)) * D("2.1"))
    if D(world.box.control.state()["prices"]["SOLUSDT"]) >= (entry.take_profit or D(0)):
        pytest.fail("the drift lies beyond the target in this market")
    assert "drift" in words_of(world.cycle())
    world.cycle()
    assert world.entry("SOL").state is AssetState.MANAGED_DRIFT_ALERT
    assert len(resting(world)) == 1


def test_a_quantity_in_doubt_takes_the_stop_away(world: BotWorld) -> None:
    """§7: no order at all; the owner took coins that the stop did not lock, then the rest."""
    name = resting(world)[0]["clientOrderId"]
    world.app.gateway.cancel("SOL/USDT", name)
    world.box.control.withdraw("SOL", D(20))
    words = words_of(world.cycle())
    assert words[0] == "stop_gone"
    for _ in range(2):
        world.cycle()
    assert world.entry("SOL").drift is not None
    assert resting(world) == []


def test_a_wiped_exchange_closes_the_stop_with_its_code(world: BotWorld) -> None:
    world.box.control.wipe()
    assert "unknown" in words_of(world.cycle())
    world.wait(301)
    words = words_of(world.cycle())
    assert "vanished" in words
    closed = [r for r in world.app.store.audit.records(asset="SOL") if r["type"].endswith("stop_closed")]
    assert closed[-1]["data"]["reason_code"] == "vanished"


# ---- killed at every step -----------------------------------------------------------------------------


@pytest.mark.parametrize(("when", "call"), [("before", "submit"), ("after", "submit"), ("after", "wallet")])
def test_a_process_that_ends_while_it_places_a_stop_leaves_one_stop_in_the_end(
    tmp_path: Path, when: str, call: str
) -> None:
    with bot_world(tmp_path / "home", environ={}) as world:
        world.hand_over("SOL")
        world.environ = ON
        world.restart()
        die_at(world, when, call)
        settle(world)
        assert len(resting(world)) == 1
        stop = world.entry("SOL").resting_stop
        assert stop is not None
        assert stop.client_order_id == resting(world)[0]["clientOrderId"]
        assert_home_is_whole(world.app)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("call", ["cancel", "submit", "wallet", "tickers", "markets"])
def test_a_process_that_ends_while_it_sells_at_the_target_sells_once(
    world: BotWorld, when: str, call: str
) -> None:
    rise_to_target(world)
    die_at(world, when, call)
    settle(world)
    assert_sold_once(world)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("call", ["cancel", "submit"])
def test_a_process_that_ends_while_it_moves_a_stop_leaves_the_new_one(
    world: BotWorld, when: str, call: str
) -> None:
    world.ask(CommandType.OVERRIDE_MANAGED_LEVELS, "SOL", stop_loss=140, reason="tighter")
    die_at(world, when, call)
    settle(world)
    (order,) = resting(world)
    assert D(order["stopPrice"]) == 140


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_process_that_ends_while_it_asks_for_a_filled_stop_books_it_once(
    world: BotWorld, when: str
) -> None:
    world.app.close()
    world.fall_to_stop("SOL")
    world.restart()
    die_at(world, when, "find_order")
    settle(world)
    assert_sold_once(world)
    assert world.orders_sent() == 1


def test_an_answer_that_is_lost_while_a_stop_is_placed_makes_no_second_one(tmp_path: Path) -> None:
    with bot_world(tmp_path / "home", environ=ON) as world:
        world.box.control.add_fault("drop_after", path="order", method="POST")
        world.hand_over("SOL")
        assert len(resting(world)) == 1
        assert words_of(world.cycle()) == ["stop_rests"]
        assert world.orders_sent() == 1
        assert_home_is_whole(world.app)


def test_a_stop_that_the_exchange_refuses_is_alarmed_and_tried_again_later(tmp_path: Path) -> None:
    with bot_world(tmp_path / "home", environ=ON) as world:
        world.box.control.add_fault(
            "status_before",
            path="order",
            method="POST",
            status=400,
            code=-1013,
            message="Filter failure: NOTIONAL",
        )
        world.hand_over("SOL")
        assert world.entry("SOL").resting_stop is None
        assert words_of(world.cycle()) == []
        world.wait(6)
        assert words_of(world.cycle()) == ["stop_rests"]
