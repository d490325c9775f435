"""R4/C2: a pause and an exit at the same moment, in every order; and what each kind of pause means."""

from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from bot.lifecycle.commands import CommandOutcome, CommandState, CommandType
from bot.lifecycle.documents import Exits
from bot.lifecycle.states import AssetState
from bot.trading.cycle import LoopSettings, TradingLoop
from tests.fakes.bot_world import BotWorld, bot_world, words_of
from tests.fakes.home_checks import assert_home_is_whole, audit_of, audit_types
from tests.fakes.hooked_gateway import Hook, hooked


@pytest.fixture
def world(tmp_path: Path) -> Iterator[BotWorld]:
    with bot_world(tmp_path / "home") as made:
        made.hand_over("SOL")
        yield made
        assert_home_is_whole(made.app)


def loop_with(world: BotWorld, **hooks: dict[str, Hook]) -> TradingLoop:
    app = world.app
    return TradingLoop(
        app.store,
        hooked(app.gateway, **hooks),
        app.sender,
        clock=app.clock,
        ids=app.ids,
        settings=LoopSettings(quote="USDT"),
    )


def pausing(world: BotWorld, exits: str, answers: list[CommandOutcome]) -> Callable[[], None]:
    return lambda: answers.append(world.pause("SOL", exits))


@pytest.mark.smoke
@pytest.mark.parametrize("moment", ["tickers", "wallet"])
def test_a_pause_committed_before_the_intent_keeps_every_order_back(world: BotWorld, moment: str) -> None:
    """The loop has decided to sell already; the pause comes between its look and its intent."""
    world.fall_to_stop("SOL")
    answers: list[CommandOutcome] = []
    loop = loop_with(world, after={moment: pausing(world, "off", answers)})
    report = loop.run_once(world.clock.now())
    assert words_of(report) == ["intent_refused"]
    assert answers[0].state is CommandState.APPLIED
    assert "order_in_flight" not in answers[0].detail
    for _ in range(3):
        assert loop.run_once(world.clock.now()).steps == ()
        world.wait(60)
    assert world.orders_sent() == 0
    assert world.managed.state_of("SOL") is AssetState.MANAGED_PAUSED
    assert "exit_intent_opened" not in audit_types(world.app, "SOL")


@pytest.mark.smoke
def test_a_pause_after_the_intent_names_the_order_in_flight_and_its_fill_is_booked(world: BotWorld) -> None:
    world.fall_to_stop("SOL")
    answers: list[CommandOutcome] = []
    loop = loop_with(world, before={"submit": pausing(world, "off", answers)})
    report = loop.run_once(world.clock.now())
    assert words_of(report) == ["exit_sent", "exit_filled", "closed"]
    assert answers[0].state is CommandState.APPLIED
    assert answers[0].detail["order_in_flight"] == report.steps[0].data["client_order_id"]
    assert (report.steps[1].data["from"], report.steps[1].data["to"]) == (
        "managed_paused", "exit_executed",  # T19
    )  # fmt: skip
    assert world.orders_sent() == 1
    entry = world.entry("SOL")
    assert entry.sold_quantity == entry.approved_quantity
    assert audit_types(world.app, "SOL")[-3:] == ["exit_intent_opened", "asset_paused", "exit_executed"]


def test_a_late_fill_is_booked_although_the_coin_was_paused_meanwhile(world: BotWorld) -> None:
    world.fall_to_stop("SOL")
    world.box.control.add_fault("drop_after", path="order", method="POST")
    assert words_of(world.cycle()) == ["exit_sent", "unknown"]
    in_flight = world.entry("SOL").exit_intent
    assert in_flight is not None
    outcome = world.pause("SOL", "off")
    assert outcome.detail["order_in_flight"] == in_flight.client_order_id
    world.restart()
    assert words_of(world.cycle()) == ["exit_filled", "closed"]
    assert world.managed.state_of("SOL") is AssetState.EXIT_EXECUTED
    assert world.orders_sent() == 1
    last = audit_of(world.app, "SOL")[-1]
    assert last["type"] == "managed.exit_executed"
    assert last["before"]["managed"]["state"] == "managed_paused"


def test_an_order_that_never_arrived_is_not_sent_anew_while_exits_are_off(world: BotWorld) -> None:
    world.fall_to_stop("SOL")
    world.box.control.add_fault("drop_before", path="order", method="POST")
    world.cycle()
    world.pause("SOL", "off")
    world.wait(31)
    assert words_of(world.cycle()) == ["never_arrived"]
    for _ in range(3):
        world.wait(60)
        assert world.cycle().steps == ()
    assert world.orders_sent() == 1, "only the one that was lost"
    assert world.balances()["SOL"] == 25
    assert world.ask(CommandType.RESUME_MANAGED_ASSET, "SOL", reason="go on").code == "applied"
    assert words_of(world.cycle()) == ["exit_sent", "exit_filled", "closed"]


def test_a_pause_with_exits_on_keeps_the_agreed_exits_working(world: BotWorld) -> None:
    assert world.pause("SOL", "on").state is CommandState.APPLIED
    assert world.cycle().watched == ("SOL",)
    world.fall_to_stop("SOL")
    assert words_of(world.cycle()) == ["exit_sent", "exit_filled", "closed"]
    assert world.managed.state_of("SOL") is AssetState.EXIT_EXECUTED


def test_a_pause_with_exits_off_holds_until_a_person_resumes(world: BotWorld) -> None:
    world.pause("SOL", "off")
    world.fall_to_stop("SOL")
    for _ in range(3):
        report = world.cycle()
        assert (report.watched, report.steps) == ((), ())
        world.restart()
    assert world.entry("SOL").exits is Exits.OFF
    assert world.orders_sent() == 0
    world.ask(CommandType.RESUME_MANAGED_ASSET, "SOL", reason="go on")
    assert words_of(world.cycle()) == ["exit_sent", "exit_filled", "closed"]
    assert world.orders_sent() == 1


def test_a_graceful_release_keeps_the_exits_and_its_fill_frees_the_coin(world: BotWorld) -> None:
    assert world.ask(CommandType.RELEASE_MANAGED_ASSET, "SOL", mode="graceful").code == "pause_first"
    world.pause("SOL", "on")
    world.ask(CommandType.RELEASE_MANAGED_ASSET, "SOL", mode="graceful")
    assert world.app.scheduler.run_due(world.clock.now()) == [], "the agreed exit is still awaited"
    world.fall_to_stop("SOL")
    assert words_of(world.cycle())[:2] == ["exit_sent", "exit_filled"]
    world.app.scheduler.run_due(world.clock.now())
    assert world.managed.state_of("SOL") is AssetState.FROZEN  # T14
    assert world.orders_sent() == 1
    assert world.cycle().watched == ()


def test_an_immediate_release_sells_nothing_and_the_coin_is_never_touched_again(world: BotWorld) -> None:
    before = world.balances()
    world.pause("SOL", "on")
    world.ask(CommandType.RELEASE_MANAGED_ASSET, "SOL", mode="immediate")
    world.fall_to_stop("SOL")
    assert world.cycle().watched == ()
    world.app.scheduler.run_due(world.clock.now())
    assert world.managed.state_of("SOL") is AssetState.FROZEN
    for price in (Decimal(1), Decimal(10_000)):
        world.set_price("SOL", price)
        assert world.cycle().watched == ()
    assert world.orders_sent() == 0
    assert world.balances() == before
