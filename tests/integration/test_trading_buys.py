"""Buying in agreed steps on the real box: each step once, within its caps, and sold with the rest."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bot.execution.orders import Side
from bot.lifecycle.commands import CommandState, CommandType
from bot.lifecycle.states import AssetState
from bot.trading.cycle import LoopSettings, TradingLoop
from tests.fakes.bot_world import BotWorld, bot_world, words_of
from tests.fakes.buying_world import ALLOCATION, TERMS, D, agree, buying_world, fall_to_step
from tests.fakes.home_checks import assert_home_is_whole, audit_types
from tests.fakes.hooked_gateway import Hook, Killed, hooked, kill

BOUGHT = ["buy_sent", "buy_filled"]
POST_ORDER: dict[str, Any] = {"path": "order", "method": "POST"}
HANDED_OVER = D(5)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[BotWorld]:
    with buying_world(tmp_path / "home") as made:
        yield made
        made.box.control.clear_faults()
        assert_within_every_promise(made)
        assert_home_is_whole(made.app)


def traded(world: BotWorld, side: Side) -> tuple[Decimal, Decimal]:
    """Return what the account really traded: base units (less base fees for buys), and quote units."""
    trades = [trade for trade in world.app.gateway.own_trades("SOL/USDT") if trade.side == side]
    fees = sum((trade.fee for trade in trades if trade.fee_asset == "SOL" and side is Side.BUY), D(0))
    quote = sum((trade.quantity * trade.price for trade in trades), D(0))
    return sum((trade.quantity for trade in trades), D(0)) - fees, quote


def assert_within_every_promise(world: BotWorld) -> None:
    entry = world.entry("SOL")
    bought, paid = traded(world, Side.BUY)
    sold, _ = traded(world, Side.SELL)
    assert paid <= TERMS["max_additional_usdt"]
    assert sold <= HANDED_OVER + bought
    if entry.buy_intent is None:
        assert entry.state is not AssetState.EXIT_EXECUTED or world.balances()["SOL"] == 25 + bought - sold
        assert (entry.bought_quantity or 0, entry.bought_quote or 0) == (bought, paid)


def buys(world: BotWorld) -> int:
    return len(
        {trade.order_id for trade in world.app.gateway.own_trades("SOL/USDT") if trade.side == Side.BUY}
    )


def loop_with(world: BotWorld, **hooks: dict[str, Hook]) -> TradingLoop:
    app = world.app
    return TradingLoop(
        app.store,
        hooked(app.gateway, **hooks),
        app.sender,
        clock=app.clock,
        ids=app.ids,
        settings=LoopSettings(quote="USDT", buys=app.loop._settings.buys),
    )


def die_at(world: BotWorld, when: str, call: str) -> None:
    """Run a cycle that ends before or after a call, and go on as a new process."""
    hooks: dict[str, dict[str, Hook]] = {when: {call: kill}}
    loop = loop_with(world, **hooks)

    def live() -> None:
        for _ in range(3):  # the first cycle verifies the coin and reads its regime
            loop.run_once(world.clock.now())

    with pytest.raises(Killed):
        live()
    world.restart()


def cycles(world: BotWorld, count: int = 3) -> list[str]:
    """Run some cycles and return all their words: a new process needs one to verify and to read."""
    return [word for _ in range(count) for word in words_of(world.cycle())]


@pytest.mark.smoke
def test_a_price_that_falls_by_steps_buys_each_step_once_and_the_stop_sells_all_of_it(
    world: BotWorld,
) -> None:
    for step in (1, 2, 3):
        fall_to_step(world, step)
        assert words_of(world.cycle()) == BOUGHT
        assert words_of(world.cycle()) == ["followed"]
        assert words_of(world.cycle()) == []
        assert world.entry("SOL").bought_steps == step
    fall_to_step(world, 4)
    assert cycles(world) == []
    entry, position = world.entry("SOL"), world.position("SOL")
    assert buys(world) == 3
    assert position.quantity == HANDED_OVER + (entry.bought_quantity or 0)
    assert position.paid_usdt == entry.bought_quote
    world.fall_to_stop("SOL")
    assert words_of(world.cycle()) == ["exit_sent", "exit_filled", "closed"]
    sold = world.entry("SOL")
    assert sold.state is AssetState.EXIT_EXECUTED
    left = HANDED_OVER + (entry.bought_quantity or 0) - (sold.sold_quantity or 0)
    assert 0 <= left < world.app.gateway.markets()["SOL/USDT"].step_size, "all of it, but for a fee's dust"
    assert audit_types(world.app, "SOL").count("buy_executed") == 3


def test_a_price_that_falls_through_all_steps_at_once_buys_one_of_them(world: BotWorld) -> None:
    fall_to_step(world, 3)
    assert words_of(world.cycle()) == BOUGHT
    assert cycles(world) == ["followed"]
    assert buys(world) == 1


def test_by_default_nothing_is_bought_and_nothing_is_asked_for_it(tmp_path: Path) -> None:
    with bot_world(tmp_path / "home") as made:
        made.hand_over("SOL", quantity=HANDED_OVER)
        agree(made, TERMS)
        made.cycle()
        fall_to_step(made, 1)
        before = len(made.box.control.requests())
        report = made.cycle()
        asked = [r["path"] for r in made.box.control.requests()[before:]]
        assert words_of(report) == []
        made.wait(61)
        assert made.orders_sent() == 0
        assert "/api/v3/order" not in asked


@pytest.mark.parametrize("restarted", [False, True], ids=["same_process", "restarted"])
@pytest.mark.parametrize(
    "fault", [{"action": "drop_after"}, {"action": "status_after", "status": 504}], ids=["dropped", "504"]
)
def test_a_buy_whose_answer_was_lost_is_found_and_booked_once(
    world: BotWorld, fault: dict[str, Any], *, restarted: bool
) -> None:
    fall_to_step(world, 1)
    world.box.control.add_fault(**POST_ORDER, **fault)
    assert words_of(world.cycle()) == ["buy_sent", "buy_unknown"]
    if restarted:
        world.restart()
    assert words_of(world.cycle())[0] == "buy_filled"
    cycles(world)
    assert (buys(world), world.entry("SOL").bought_steps) == (1, 1)


def test_a_buy_that_never_arrived_frees_its_step_once_that_is_certain(world: BotWorld) -> None:
    fall_to_step(world, 1)
    world.box.control.add_fault("drop_before", **POST_ORDER)
    assert words_of(world.cycle()) == ["buy_sent", "buy_unknown"]
    assert words_of(world.cycle()) == ["buy_unknown"], "nothing else is bought meanwhile"
    world.wait(31)
    words = words_of(world.cycle())
    assert words[0] == "buy_never_arrived"
    assert "buy_filled" in [*words, *cycles(world)]
    assert buys(world) == 1


def test_a_refused_buy_is_tried_again_later_and_costs_nothing(world: BotWorld) -> None:
    fall_to_step(world, 1)
    fault: dict[str, Any] = {"status": 400, "code": -2010, "message": "Account has insufficient balance"}
    world.box.control.add_fault("status_before", **POST_ORDER, **fault)
    assert words_of(world.cycle()) == ["buy_sent", "buy_rejected"]
    assert words_of(world.cycle()) == []
    world.wait(6)
    assert words_of(world.cycle()) == BOUGHT
    assert buys(world) == 1


@pytest.mark.parametrize(
    ("when", "call"),
    [
        ("before", "submit"),
        ("after", "submit"),
        ("before", "wallet"),
        ("after", "wallet"),
        ("before", "tickers"),
    ],
)
def test_a_process_that_ends_at_any_step_of_a_buy_buys_its_step_once(
    world: BotWorld, when: str, call: str
) -> None:
    fall_to_step(world, 1)
    die_at(world, when, call)
    cycles(world)
    world.wait(31)
    cycles(world, 4)
    assert (buys(world), world.entry("SOL").bought_steps, world.entry("SOL").buy_intent) == (1, 1, None)


def test_processes_that_end_while_they_look_a_buy_up_book_it_once(world: BotWorld) -> None:
    fall_to_step(world, 1)
    world.box.control.add_fault("drop_after", **POST_ORDER)
    world.cycle()
    for when in ("before", "after"):
        world.restart()
        die_at(world, when, "find_order")
    assert words_of(world.cycle())[0] == "buy_filled"
    cycles(world)
    assert audit_types(world.app, "SOL").count("buy_executed") == 1


def test_a_stop_that_is_hit_while_a_buy_is_unknown_sells_what_has_arrived_at_once_and_the_rest_later(
    world: BotWorld,
) -> None:
    fall_to_step(world, 1)
    world.box.control.add_fault("drop_after", **POST_ORDER)
    assert words_of(world.cycle()) == ["buy_sent", "buy_unknown"]
    world.box.control.add_fault("status_before", path="order", method="GET", status=503, times=3)
    world.fall_to_stop("SOL")
    words = words_of(world.cycle())
    assert words == ["unavailable", "exit_sent", "exit_awaits_buy", "followed"]
    assert traded(world, Side.SELL)[0] == HANDED_OVER, "what has not arrived is not sold"
    assert world.entry("SOL").state is AssetState.MANAGED_ACTIVE
    world.box.control.clear_faults()
    words = cycles(world)
    assert world.entry("SOL").state is AssetState.EXIT_EXECUTED, words
    bought, _ = traded(world, Side.BUY)
    assert 0 <= HANDED_OVER + bought - traded(world, Side.SELL)[0] < D("0.001")


def test_a_stop_that_is_hit_beside_a_buy_that_never_arrived_ends_as_the_agreed_exit(world: BotWorld) -> None:
    fall_to_step(world, 1)
    world.box.control.add_fault("drop_before", **POST_ORDER)
    assert words_of(world.cycle()) == ["buy_sent", "buy_unknown"]
    world.fall_to_stop("SOL")
    assert "exit_awaits_buy" in words_of(world.cycle())
    world.wait(31)
    cycles(world, 2)
    assert world.entry("SOL").state is AssetState.EXIT_EXECUTED
    assert traded(world, Side.SELL)[0] == HANDED_OVER


@pytest.mark.parametrize("why", ["pause", "halt", "no_step", "bear", "capital"])
def test_nothing_is_bought_while_something_speaks_against_it(world: BotWorld, why: str) -> None:
    match why:
        case "pause":
            world.pause("SOL", "on")
        case "halt":
            assert world.ask(CommandType.HALT_TRADING, "*", text="stop").state is CommandState.APPLIED
        case "no_step":
            agree(world, {"steps": 0, "step_pct": D(0), "max_additional_usdt": D(0)})
        case "bear":
            world.app.loop._buys._regimes._seen["SOL"] = _bear(world)
        case _:
            world.environ = {}
            world.restart()
    fall_to_step(world, 1)
    cycles(world)
    assert buys(world) == 0


def _bear(world: BotWorld) -> Any:
    seen = world.app.loop._buys._regimes.seen("SOL")
    assert seen is not None
    return msgspec.structs.replace(seen, name="BEAR")


def test_an_allocation_without_room_says_once_that_it_cut_the_buy(world: BotWorld) -> None:
    entry = world.entry("SOL")
    assert entry.reference_price is not None
    agree(world, TERMS, max_allocation_usdt=HANDED_OVER * entry.reference_price + 1)
    fall_to_step(world, 1)
    report = world.cycle()
    assert words_of(report) == ["buy_denied"]
    assert "soft cap" in report.steps[0].sentence
    assert words_of(world.cycle()) == []
    agree(world, TERMS, max_allocation_usdt=ALLOCATION)
    assert words_of(world.cycle()) == BOUGHT


def test_the_hard_cap_cuts_the_step_that_would_pass_it_and_tells(tmp_path: Path) -> None:
    """CAP-1, M4."""
    with buying_world(tmp_path / "home", environ={"BOT_RISK_INVESTABLE_CAPITAL_USDT": "250"}) as made:
        told = audit_types(made.app, "SOL").count("allocation_capped")  # the approval's own word
        for step in (1, 2, 3):
            fall_to_step(made, step)
            cycles(made, 2)
        bought = made.entry("SOL")
        assert bought.bought_steps == 2
        assert D(245) < (bought.bought_quote or 0) <= D(250)
        assert audit_types(made.app, "SOL").count("allocation_capped") == told + 1


def test_a_restart_verifies_bought_coins_and_an_owner_who_takes_some_is_noticed(world: BotWorld) -> None:
    """D1 and D2 count own buys in."""
    fall_to_step(world, 1)
    cycles(world, 2)
    world.restart()
    assert "unverified" not in cycles(world, 2)
    world.box.control.withdraw("SOL", D(20) + D("0.5"))
    report = world.cycle()
    assert "drift" in " ".join(words_of(report)), words_of(report)
    assert world.entry("SOL").state is AssetState.MANAGED_DRIFT_ALERT


def test_a_stop_that_rests_at_the_exchange_grows_with_what_was_bought_and_sells_all_of_it(
    tmp_path: Path,
) -> None:
    with buying_world(tmp_path / "home", environ={"BOT_TRADING_RESTING_STOP": "on"}) as made:
        cycles(made, 2)
        resting = made.entry("SOL").resting_stop
        assert resting is not None
        assert resting.quantity == HANDED_OVER
        fall_to_step(made, 1)
        assert words_of(made.cycle())[:2] == BOUGHT
        words = cycles(made, 4)
        entry = made.entry("SOL")
        assert entry.resting_stop is not None, words
        step = made.app.gateway.markets()["SOL/USDT"].step_size
        assert 0 <= HANDED_OVER + (entry.bought_quantity or 0) - entry.resting_stop.quantity < step
        made.fall_to_stop("SOL")
        cycles(made, 3)
        assert made.entry("SOL").state is AssetState.EXIT_EXECUTED
        sold, bought = traded(made, Side.SELL)[0], traded(made, Side.BUY)[0]
        assert 0 <= HANDED_OVER + bought - sold < step
        assert_home_is_whole(made.app)


def test_nothing_is_bought_while_the_database_is_gone_and_the_step_waits(world: BotWorld) -> None:
    fall_to_step(world, 1)
    for path in world.app.home.sql.parent.iterdir():
        path.unlink()
    report = world.cycle()
    assert words_of(report) == ["buy_denied"]
    assert report.steps[0].data["gate"] == "database"
    assert words_of(world.cycle()) == [], "told once, and asked for again later"
    assert buys(world) == 0
    world.wait(6)
    assert words_of(world.cycle()) == BOUGHT
