"""R4: a pause with `exits: off` and an exit in every order that a seed can make, with a step at every call.

The exchange is the paper gateway, which keeps the gateway contract; it must never see an order whose
intent came after the applied pause: with a daemon, with `worker --once`, with neither.
"""

import datetime as dt
import shutil
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest

from bot.app import operations
from bot.app.runtime import worker_once
from bot.exchange.gateway import Gateway
from bot.exchange.paper_gateway import PaperGateway
from bot.exchange.paper_ledger import MemoryLedgerStore
from bot.kernel.market import Candle
from bot.lifecycle import command_payloads as p
from bot.lifecycle.commands import CommandOutcome, CommandState, CommandType
from bot.lifecycle.documents import Exits
from bot.storage.documents import POSITIONS
from bot.storage.rebuild import compare_with_live
from tests.fakes.fake_clock import FakeClock
from tests.fakes.home_checks import assert_home_is_whole
from tests.faults.tally import Tally, sized
from tests.faults.turns import TurnApp, Turns
from tests.property.home_world import HomeWorld
from tests.unit.exchange.fake_market import FakeMarket
from tests.unit.lifecycle.lifecycle_world import DIGEST, NOW, completed, offer, variant

ABOVE, BELOW = ("99.9", "100", "100.1"), ("94.4", "94.5", "94.6")
STOP, APPROVED, HELD = Decimal(95), Decimal(10), Decimal(25)
CYCLES = 2
STEPS = 80
"""About as many as a cycle with a sale has."""
SEARCHED_EVERY = 10
"""Orders of steps between two looks at everything in the home."""


class Market(FakeMarket):
    """SOL, with as many days as anybody asks for."""

    def candles(self, symbol: str, timeframe: str, *, limit: int) -> tuple[Candle, ...]:
        assert (symbol, timeframe) == ("SOL/USDT", "1d")
        price = Decimal(100)
        day = Candle(opened_at=NOW, open=price, high=price, low=price, close=price, volume=price)
        ages = (dt.timedelta(days=limit - number) for number in range(limit))
        return tuple(msgspec.structs.replace(day, opened_at=NOW - age) for age in ages)


def paper(quote: tuple[str, str, str]) -> tuple[PaperGateway, MemoryLedgerStore]:
    """Return an account of 25 SOL where SOL stands as told."""
    market, ledger = Market(), MemoryLedgerStore()
    market.quote(*quote)
    opening = {"SOL": HELD, "USDT": Decimal(1_000)}
    return PaperGateway(market, ledger, FakeClock(NOW), opening=opening), ledger


@pytest.fixture(scope="module")
def handed_over(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which 10 of 25 SOL are in the bot's hands, with a stop at 95; to be copied."""
    world = HomeWorld(tmp_path_factory.mktemp("handed-over") / "home")

    def say(payload: p.Payload) -> None:
        command = world.make(payload, "SOL")
        assert command is not None
        world.remember_request(command, payload)
        world.enqueue(command)
        world.drain()
        assert world.outcome(command).state is CommandState.APPLIED

    say(p.RequestManagedProposal())
    current = world.proposal_id("SOL")
    say(completed(current, world.now))
    words: dict[str, Any] = {"proposal_id": current, "proposal_digest": DIGEST, "variant": "recommended"}
    approval = p.ApproveManagedProposal(confirm="SOL:recommended", **words)
    terms = {"recommended": variant(stop_loss=STOP, quantity=APPROVED)}
    world.know(approval, "SOL", world.facts(changed_offer=offer(current, variants=terms)))
    say(approval)
    world.app.close()
    app = TurnApp(world.root, Turns(0, cut_below=1), paper(ABOVE)[0], life=99, clock=FakeClock(NOW))
    app.loop.run_once(NOW)
    assert app.store.read(POSITIONS).content.positions["SOL/USDT"].quantity == APPROVED
    app.close()
    return world.root


class Scene(NamedTuple):
    """One home with its exchange, and the parts that act on it."""

    root: Path
    turns: Turns
    exchange: Gateway

    def view(self, life: int) -> TurnApp:
        """Return a process's view with all its parts built, so that no step lies inside a building."""
        app = TurnApp(self.root, self.turns, self.exchange, life=life, clock=FakeClock(NOW))
        _ = (app.loop, app.worker, app.scheduler, app.actor, app.queue.queued(limit=1))
        return app


Actors = tuple[dict[str, Callable[[], object]], list[TurnApp]]


def _cycles(app: TurnApp) -> None:
    for _ in range(CYCLES):
        app.loop.run_once(NOW)


def _asks(app: TurnApp) -> None:
    command = app.maker.make(CommandType.PAUSE_MANAGED_ASSET, "SOL", {"exits": "off"}, actor=app.actor)
    app.queue.enqueue(command)


def _has_asked(app: TurnApp) -> bool:
    return any(row.type is CommandType.PAUSE_MANAGED_ASSET for row in app.queue.list())


def with_a_daemon(scene: Scene) -> Actors:
    """Worker and loop share a process; a person only puts the pause onto the bus."""
    daemon, person = scene.view(1), scene.view(2)

    def works() -> None:
        while not _has_asked(daemon):
            daemon.worker.drain()
            scene.turns.step(blocked=True)
        daemon.worker.drain()

    return {"loop": lambda: _cycles(daemon), "worker": works, "person": lambda: _asks(person)}, [
        daemon,
        person,
    ]


def with_a_single_pass(scene: Scene) -> Actors:
    """`run` trades; the pause is put onto the bus and a `worker --once` of its own applies it."""
    bot, person = scene.view(1), scene.view(2)

    def asks_and_works() -> None:
        _asks(person)
        scene.turns.step()
        worker_once(person)

    return {"loop": lambda: _cycles(bot), "once": asks_and_works}, [bot, person]


def with_neither(scene: Scene) -> Actors:
    """No worker lives: the command line applies the pause itself."""
    bot, person = scene.view(1), scene.view(2)

    def pauses() -> None:
        operations.send(
            person,
            CommandType.PAUSE_MANAGED_ASSET,
            "SOL",
            p.PauseManagedAsset(exits=Exits.OFF),
            wait_s=0,
            apply_here=True,
        )

    return {"loop": lambda: _cycles(bot), "person": pauses}, [bot, person]


def told(app: TurnApp) -> tuple[CommandOutcome, int | None, dict[str, int]]:
    """Return the pause's answer, its place in the audit, and the place of each order's intent."""
    (row,) = (row for row in app.queue.list() if row.type is CommandType.PAUSE_MANAGED_ASSET)
    assert row.outcome is not None
    paused_at: int | None = None
    intents: dict[str, int] = {}
    for record in app.store.audit.records(asset="SOL"):
        match record["type"]:
            case "managed.asset_paused":
                paused_at = record["sequence"]
            case "managed.exit_intent_opened":
                intent = record["after"]["managed"]["exit_intent"]
                intents.setdefault(intent["client_order_id"], record["sequence"])
            case _:
                pass
    return row.outcome, paused_at, intents


def played(root: Path, seed: int, form: Callable[[Scene], Actors]) -> tuple[str, list[str]]:
    """Play one order of steps; returns how it went, and what was wrong."""
    exchange, ledger = paper(BELOW)
    turns = Turns(seed, cut_below=STEPS)
    works, views = form(Scene(root, turns, exchange))
    turns.run(works)
    after = Scene(root, Turns(seed, cut_below=1), exchange).view(3)
    _cycles(after)
    outcome, paused_at, intents = told(after)
    kept = ledger.load()
    assert kept is not None
    orders = [order.request.client_order_id for order in kept.orders]
    wrong = [f"an order left without its intent: {o}" for view in views for o in view.sent_without_intent]
    wrong += [f"order {o} has no intent" for o in orders if o not in intents]
    applied = outcome.state is CommandState.APPLIED
    if applied != (paused_at is not None):
        wrong.append(f"the answer {outcome.code} is not what the audit tells")
    late = [o for o in orders if paused_at is not None and intents.get(o, paused_at) >= paused_at]
    wrong += [f"order {o} came of an intent after the pause" for o in late]
    sold = HELD - kept.holdings["SOL"]
    if sold > APPROVED or len(orders) > 1:
        wrong.append(f"{sold} SOL were sold in {len(orders)} orders")
    named = outcome.detail.get("order_in_flight")
    before = [o for o, place in intents.items() if paused_at is not None and place < paused_at]
    if named is not None and named not in before:
        wrong.append(f"the answer names {named}, which is not on its way")
    if applied and before and named is None:
        wrong.append("the answer does not name the order in flight")
    if seed % SEARCHED_EVERY == 0:
        assert_home_is_whole(after)
    wrong += compare_with_live(after.store)
    for view in (*views, after):
        view.close()
    word = "sold before the pause" if not applied else "order in flight" if before else "paused before"
    return word, [f"seed {seed}: {sentence}" for sentence in wrong]


@pytest.mark.parametrize("form", [with_a_daemon, with_a_single_pass, with_neither])
def test_no_order_leaves_after_the_pause_in_any_order_of_steps(
    handed_over: Path, tmp_path: Path, tally: Tally, form: Callable[[Scene], Actors]
) -> None:
    rounds = sized(100, 3_400)
    seen: Counter[str] = Counter()
    wrong: list[str] = []
    for seed in range(rounds):
        root = Path(shutil.copytree(handed_over, tmp_path / str(seed)))
        word, losses = played(root, seed, form)
        seen[word] += 1
        wrong += losses
        shutil.rmtree(root)
    assert {"order in flight", "paused before"} <= set(seen), f"not every case was met: {seen}"
    tally.add(f"R4: pause and exit {form.__name__.replace('_', ' ')} (orders of steps)", rounds, wrong)
