"""Engines beside everything else: several coins at once, nobody waits for one, each can be stopped."""

import threading
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import pytest

from bot.app.clock import SystemClock
from bot.app.engine_threads import EngineThreads
from bot.app.runtime import worker_once
from bot.commands.engine_steps import STEPS, EngineStep
from bot.commands.proposal_facts import ReadOnlyExchange
from bot.commands.proposal_maker import ProposalMaker, ProposalResult
from bot.kernel.errors import StateWriteError
from bot.lifecycle.commands import CommandState, CommandType
from bot.lifecycle.states import AssetState
from bot.storage.engine_progress import EngineProgress, read_progress
from tests.fakes.bot_process import bot_process, until
from tests.fakes.bot_world import BotWorld, bot_world
from tests.fakes.cli_calls import call
from tests.fakes.home_checks import assert_home_is_whole

REQUEST = CommandType.REQUEST_MANAGED_PROPOSAL
COINS = ("DOGE", "ETH", "SOL")
WALLET = {"SOL": Decimal(25), "ETH": Decimal(2), "DOGE": Decimal(12_000), "USDT": Decimal(10_000)}
LIMIT_S = 30


class Gates:
    """A gateway whose candles of a coin come only when the test lets them."""

    def __init__(self, gateway: object) -> None:
        self._gateway = gateway
        self.reached = {coin: threading.Event() for coin in COINS}
        self.open = {coin: threading.Event() for coin in COINS}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._gateway, name)

    def candles(self, symbol: str, *words: Any, **named: Any) -> Any:
        coin = symbol.split("/", maxsplit=1)[0]
        self.reached[coin].set()
        assert self.open[coin].wait(LIMIT_S)
        return cast("Any", self._gateway).candles(symbol, *words, **named)

    def wait_for(self, *coins: str) -> None:
        """Wait until these coins' engines hang at the candles."""
        for coin in coins:
            assert self.reached[coin].wait(LIMIT_S), coin

    def let(self, *coins: str) -> None:
        """Let these coins' candles come."""
        for coin in coins:
            self.open[coin].set()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[BotWorld]:
    with bot_world(tmp_path / "home", wallet=WALLET) as made:
        yield made
        assert_home_is_whole(made.app)
        assert read_progress(made.app.home) == {}


@pytest.fixture
def gates(world: BotWorld) -> Iterator[Gates]:
    """The app's engine with gates; whatever still hangs at the end is let go."""
    made = Gates(world.app.gateway)
    usual = world.app.engine
    world.app.__dict__["engine"] = ProposalMaker(
        world.app.store,
        cast("ReadOnlyExchange", made),
        sender=world.app.sender,
        clock=world.clock,
        ids=world.app.ids,
        policy=usual._policy,
        proposal_policy=usual._proposal_policy,
        limits=usual._limits,
        language=lambda: "en",
    )
    yield made
    made.let(*COINS)


def request(world: BotWorld, coins: Sequence[str] = COINS) -> None:
    for coin in coins:
        assert world.ask(REQUEST, coin).state is CommandState.APPLIED


def assert_came_first(world: BotWorld, one: tuple[str, str], other: tuple[str, str]) -> None:
    """Fail unless the audit tells the one event (coin, type) before the other."""
    told = [
        (str(record["asset"]), str(record["type"]).removeprefix("managed."))
        for record in world.app.store.audit.records()
    ]
    assert told.index(one) < told.index(other)


def step_of(world: BotWorld, coin: str) -> EngineProgress | None:
    return read_progress(world.app.home).get(coin)


def test_as_many_coins_as_there_are_threads_are_worked_on_at_once(world: BotWorld, gates: Gates) -> None:
    request(world)
    ended, results = threading.Event(), list[ProposalResult]()
    engines = EngineThreads(world.app, wake=ended.set)
    engines.start_waiting()
    gates.wait_for("DOGE", "ETH")
    engines.start_waiting()
    assert engines.running == ("DOGE", "ETH")  # engine.threads is 2
    assert step_of(world, "SOL") is None
    gates.let("ETH")
    assert ended.wait(LIMIT_S)
    engines.gather(results.append)
    assert [(result.asset, result.code) for result in results] == [("ETH", "applied")]
    engines.start_waiting()
    gates.wait_for("SOL")
    assert engines.running == ("DOGE", "SOL")
    assert world.managed.state_of("DOGE") is AssetState.PROPOSAL_PENDING  # begun first, overtaken
    gates.let(*COINS)
    engines.join()
    engines.gather(results.append)
    assert {result.asset for result in results} == set(COINS)


def test_what_an_engine_does_can_be_seen_from_outside(world: BotWorld, gates: Gates) -> None:
    request(world, ["SOL"])
    engines = EngineThreads(world.app)
    engines.start_waiting()
    gates.wait_for("SOL")
    seen = step_of(world, "SOL")
    assert seen is not None
    assert (seen.step, seen.number, seen.of) == (
        EngineStep.CANDLES,
        STEPS.index(EngineStep.CANDLES) + 1,
        len(STEPS),
    )
    assert seen.proposal_id == world.managed.pending_proposals["SOL"].proposal_id
    said = call(world.root, "status")
    assert "SOL: a proposal is being made: step 3 of 5, candles, " in said.out
    (waiting,) = call(world.root, "status", "--json").document()["data"]["waiting"]
    assert (waiting["engine"]["step"], waiting["engine"]["number"]) == ("candles", 3)
    gates.let("SOL")
    engines.join()
    assert step_of(world, "SOL") is None


def test_a_proposal_that_no_engine_works_on_is_told_as_such(world: BotWorld) -> None:
    request(world, ["SOL"])
    assert "being made, no engine is at work on it now" in call(world.root, "status").out


def test_a_pause_and_an_approval_are_applied_while_engines_hang(world: BotWorld, gates: Gates) -> None:
    gates.let("ETH", "SOL")
    world.hand_over("ETH")
    world.propose("SOL")
    request(world, ["DOGE"])
    engines = EngineThreads(world.app)
    engines.start_waiting()
    gates.wait_for("DOGE")
    assert world.pause("ETH", "on").code == "applied"
    approved = world.ask(CommandType.APPROVE_MANAGED_PROPOSAL, "SOL", **world.approval("SOL"))
    assert approved.code == "applied"
    assert world.cycle().watched  # the loop goes round as well
    assert engines.running == ("DOGE",)
    assert world.managed.state_of("DOGE") is AssetState.PROPOSAL_PENDING
    gates.let("DOGE")
    engines.join()
    assert_came_first(world, ("ETH", "asset_paused"), ("DOGE", "asset_proposal_generated"))


def test_an_engine_that_is_asked_to_stop_leaves_its_request_to_the_next_worker(
    world: BotWorld, gates: Gates
) -> None:
    request(world, ["SOL"])
    stop, results = threading.Event(), list[ProposalResult]()
    engines = EngineThreads(world.app, should_stop=stop.is_set)
    engines.start_waiting()
    gates.wait_for("SOL")
    first = world.managed.pending_proposals["SOL"].proposal_id
    stop.set()
    gates.let("SOL")
    engines.join()
    engines.gather(results.append)
    assert results == []
    assert world.managed.state_of("SOL") is AssetState.PROPOSAL_PENDING
    engines.start_waiting()
    assert engines.running == ()
    world.restart()
    (result,) = worker_once(world.app).proposals
    assert result.code == "applied"
    assert result.proposal_id != first


def test_three_interruptions_end_the_request(world: BotWorld, gates: Gates) -> None:
    request(world, ["SOL"])
    for _ in range(3):
        stop = threading.Event()
        engines = EngineThreads(world.app, should_stop=stop.is_set)
        gates.reached["SOL"].clear()
        gates.open["SOL"].clear()
        engines.start_waiting()
        gates.wait_for("SOL")
        stop.set()
        gates.let("SOL")
        engines.join()
    (result,) = EngineThreads(world.app).make_all()
    assert result.code == "interrupted"
    assert world.managed.state_of("SOL") is AssetState.PROPOSAL_ABORTED


def test_one_coin_that_fails_keeps_no_other_from_its_proposal(world: BotWorld, gates: Gates) -> None:
    request(world)
    usual, results = world.app.engine, list[ProposalResult]()

    class DiskFull:
        waiting = usual.waiting

        def make(self, asset: str, **named: Any) -> ProposalResult | None:
            if asset == "DOGE":
                raise StateWriteError("full")
            return usual.make(asset, **named)

    world.app.__dict__["engine"] = DiskFull()
    gates.let(*COINS)
    engines = EngineThreads(world.app)
    engines.start_waiting()
    engines.join()
    with pytest.raises(StateWriteError, match="full"):
        engines.gather(results.append)
    engines.start_waiting()
    assert "DOGE" not in engines.running, "it rests before it is tried again"
    engines.join()
    engines.gather(results.append)
    assert {result.asset for result in results} == {"ETH", "SOL"}
    world.wait(6)
    world.app.__dict__["engine"] = usual
    assert [result.asset for result in engines.make_all()] == ["DOGE"]


def test_one_pass_of_a_worker_makes_several_proposals(world: BotWorld) -> None:
    for coin in COINS:
        world.app.queue.enqueue(world.app.maker.make(REQUEST, coin, {}, actor=world.app.actor))
    report = worker_once(world.app)
    assert [(result.asset, result.code) for result in report.proposals] == [
        (coin, "applied") for coin in COINS
    ]


def test_a_daemon_applies_a_pause_while_the_exchange_keeps_the_engine_waiting(tmp_path: Path) -> None:
    clock = SystemClock()
    with bot_world(tmp_path / "home", clock=clock, start=clock.now(), wallet=WALLET) as world:
        world.hand_over("ETH")
        app = world.app
        world.box.control.add_fault("delay", path="klines", seconds=6)
        with bot_process(world.root, "worker") as daemon:
            app.queue.enqueue(app.maker.make(REQUEST, "SOL", {}, actor=app.actor))
            until(lambda: (seen := step_of(world, "SOL")) and seen.step == "candles", "the engine to hang")
            words = {"exits": "on"}
            pause = app.maker.make(CommandType.PAUSE_MANAGED_ASSET, "ETH", words, actor=app.actor)
            uid = app.queue.enqueue(pause).uid
            until(lambda: (row := app.queue.get(uid)) and row.outcome, "the pause")
            seen = step_of(world, "SOL")
            assert seen is not None, "the pause was applied before the engine went on"
            assert seen.step == "candles"
            until(lambda: world.managed.state_of("SOL") is AssetState.RISK_PROPOSED, "the proposal")
            assert daemon.end() == 0
        assert_came_first(world, ("ETH", "asset_paused"), ("SOL", "asset_proposal_generated"))
        assert read_progress(world.app.home) == {}
        assert_home_is_whole(world.app)
