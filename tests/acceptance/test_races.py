"""Cards: the races R1 to R6, each between real processes on one home, with the exchange in a box."""

import functools
import random
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bot.app.wiring import App
from bot.lifecycle.documents import ManagedAsset
from bot.lifecycle.states import AssetState
from bot.storage.documents import MANAGED_STATE
from bot.storage.rebuild import compare_with_live
from tests.fakes.bot_process import REPOSITORY, argv, bot_process, until
from tests.fakes.bot_world import ORDER, BotWorld
from tests.fakes.cli_calls import call, call_process
from tests.fakes.racer import Racer, race, racers, told
from tests.faults.tally import sized

ROUNDS = sized(4, 40)
WEEK_S = 8 * 24 * 3600
PAUSE_OFF: dict[str, Any] = {
    "do": "send",
    "command": "pause_managed_asset",
    "asset": "ETH",
    "words": {"exits": "off"},
}


@pytest.fixture(scope="module")
def pair() -> Iterator[list[Racer]]:
    """Two processes at the starting line."""
    with racers(2) as both:
        yield both


@pytest.fixture
def new_home(prepared: BotWorld, tmp_path: Path) -> Callable[[int], Path]:
    """Make another copy of the prepared home for each round."""
    return lambda number: Path(shutil.copytree(prepared.root, tmp_path / f"round-{number}"))


def entry_of(home: Path, asset: str) -> ManagedAsset:
    """Return the coin's entry, once the log alone gives the same."""
    app = App(home)
    assert compare_with_live(app.store) == []
    assert app.store.audit.verify().is_whole
    return app.store.read(MANAGED_STATE).content.managed_assets[asset]


def told_of(home: Path, asset: str, word: str) -> list[dict[str, Any]]:
    """Return the audit records of one kind, oldest first."""
    return [
        dict(record)
        for record in App(home).store.audit.records(asset=asset)
        if record["type"] == f"managed.{word}"
    ]


def proposals_of(home: Path) -> list[str]:
    """Return the names of the proposal files."""
    return sorted(path.name for path in (home / "risk_proposals").glob("*.json"))


def approval_of(home: Path) -> dict[str, Any]:
    entry = entry_of(home, "SOL")
    return {
        "proposal_id": entry.current_proposal_id,
        "proposal_digest": entry.proposal_digest,
        "variant": "recommended",
        "confirm": "SOL:recommended",
    }


def test_r1_a_person_and_the_bot_write_one_coin_at_once_and_neither_is_lost(
    pair: list[Racer], new_home: Callable[[int], Path]
) -> None:
    for number in range(ROUNDS):
        home = new_home(number)
        flag = {"drift_kind": "price", "evidence": {"current_price": 1}, "fingerprint": "f"}
        person = {"do": "apply", "home": home, "command": "pause_managed_asset", "asset": "ETH"}
        bot = {"do": "apply", "home": home, "command": "flag_managed_drift", "asset": "ETH", "actor": "bot"}
        paused, flagged = race(
            (pair[0], person | {"words": {"exits": "on"}}), (pair[1], bot | {"words": flag})
        )
        assert flagged["code"] == "applied"
        if paused["code"] == "applied":  # the drift came second and stands in the pause
            assert entry_of(home, "ETH").state is AssetState.MANAGED_PAUSED
            assert entry_of(home, "ETH").drift is not None
        else:
            assert paused["code"] == "transition_not_allowed"
            assert entry_of(home, "ETH").state is AssetState.MANAGED_DRIFT_ALERT


def test_r2_coins_that_leave_while_the_engine_works_abort_the_proposal(
    prepared: BotWorld, new_home: Callable[[int], Path]
) -> None:
    """The owner withdraws between the engine's first look into the wallet and its last."""
    home, control = new_home(0), prepared.box.control
    before = proposals_of(home)
    seen = len(control.requests())
    control.add_fault("delay", path="depth", seconds=1.0)
    call(home, "propose", "DOGE", "--no-wait")
    with subprocess.Popen(
        argv(home, "worker", "--once"), cwd=REPOSITORY, stdout=subprocess.DEVNULL
    ) as engine:
        until(lambda: any(r["path"].endswith("/account") for r in control.requests()[seen:]), "a first look")
        control.withdraw("DOGE", "12000")
        try:
            assert engine.wait(timeout=30) == 0
        finally:
            control.deposit("DOGE", "12000")
            control.clear_faults()
    (aborted,) = told_of(home, "DOGE", "asset_proposal_aborted")
    assert aborted["data"]["reason_code"] == "no_balance"
    assert proposals_of(home) == before


def test_r3_two_admins_approve_at_once_and_one_promotion_comes_of_it(
    pair: list[Racer], new_home: Callable[[int], Path]
) -> None:
    for number in range(ROUNDS):
        home = new_home(number)
        job = {"do": "apply", "home": home, "command": "approve_managed_proposal", "asset": "SOL"}
        job["words"] = approval_of(home)
        codes = [answer["code"] for answer in race(*((racer, job) for racer in pair))]
        assert sorted(codes) == ["applied", "proposal_already_decided"]
        assert len(told_of(home, "SOL", "asset_promoted")) == 1
        assert entry_of(home, "SOL").state is AssetState.MANAGED_ACTIVE


def fall(world: BotWorld, home: Path) -> None:
    """Let ETH fall below its stop; the wallet holds what it held at first."""
    missing = Decimal(2) - world.balances()["ETH"]
    if missing > 0:
        world.box.control.deposit("ETH", missing)
    world.set_price("ETH", (entry_of(home, "ETH").stop_loss or Decimal(0)) * Decimal("0.995"))


def orders_sent(world: BotWorld) -> int:
    return sum((r["method"], r["path"]) == ORDER for r in world.box.control.requests())


def answer_of(home: Path, uid: str) -> dict[str, Any] | None:
    """Return a command's outcome, once there is one."""
    app = App(home)
    row = app.queue.get(uid)
    app.close()
    return None if row is None or row.outcome is None else told(row.outcome)


def judge(racer: Racer, world: BotWorld, home: Path, paused: dict[str, Any], sent: int) -> str:
    """Compare what the box saw with what the audit tells of intents and the pause."""
    intents = {
        record["after"]["managed"]["exit_intent"]["client_order_id"]: record["sequence"]
        for record in told_of(home, "ETH", "exit_intent_opened")
    }
    pauses = [record["sequence"] for record in told_of(home, "ETH", "asset_paused")]
    assert sent <= len(intents), "an order left without an intent"
    assert (paused["state"] == "applied") is bool(pauses)
    before = [order for order, place in intents.items() if pauses and place < pauses[0]]
    if pauses:
        assert list(intents) == before, "an intent came after the applied pause"
        assert sent == len(before)
        assert paused["in_flight"] in {*before, None}
    for _ in range(2):
        again = orders_sent(world)
        race((racer, {"do": "run_once", "home": home}))
        assert not pauses or orders_sent(world) == again
    return "sold first" if not pauses else "in flight" if before else "paused first"


@pytest.mark.parametrize("way", ["neither", "once"])
def test_r4_a_pause_and_an_exit_at_once_and_no_order_leaves_after_the_pause(
    pair: list[Racer], prepared: BotWorld, new_home: Callable[[int], Path], way: str
) -> None:
    """`run --once` sells while the command line pauses: by itself, or by a `worker --once`."""
    seen: Counter[str] = Counter()
    chance = random.Random(way)
    price = prepared.box.control.price("ETH/USDT")
    for number in range(sized(4, 100)):
        home = new_home(number)
        fall(prepared, home)
        sent = orders_sent(prepared)
        pause = PAUSE_OFF | {"home": home, "apply_here": way == "neither", "once": way == "once"}
        pause["wait_s"] = chance.uniform(0, 0.4)
        _, paused = race((pair[0], {"do": "run_once", "home": home}), (pair[1], pause))
        seen[judge(pair[0], prepared, home, paused, orders_sent(prepared) - sent)] += 1
    prepared.set_price("ETH", price)
    assert sum(seen.values()) == sized(4, 100)


def test_r4_with_a_daemon_no_order_leaves_after_the_pause(
    pair: list[Racer], prepared: BotWorld, new_home: Callable[[int], Path]
) -> None:
    """A living `bot run` sells and applies the pause, in threads of its own."""
    chance = random.Random(4)
    price = prepared.box.control.price("ETH/USDT")
    for number in range(sized(2, 40)):
        home = new_home(number)
        prepared.set_price("ETH", price)
        with bot_process(home, "run") as daemon:
            pair[0].take(**PAUSE_OFF, home=home, apply_here=False, wait_s=chance.uniform(0, 0.3))
            pair[0].is_ready()
            sent = orders_sent(prepared)
            pair[0].go()
            fall(prepared, home)
            uid = pair[0].end()["uid"]
            until(functools.partial(answer_of, home, uid), "the pause's outcome")
            assert daemon.end() == 0
        paused = answer_of(home, uid)
        assert paused is not None
        judge(pair[0], prepared, home, paused, orders_sent(prepared) - sent)
    prepared.set_price("ETH", price)


def test_r5_a_pause_applied_before_the_next_cycle_simply_holds(
    pair: list[Racer], prepared: BotWorld, new_home: Callable[[int], Path]
) -> None:
    home = new_home(0)
    price = prepared.box.control.price("ETH/USDT")
    assert call_process(home, "pause", "ETH", "--exits", "off").code == 0
    fall(prepared, home)
    sent = orders_sent(prepared)
    for _ in range(2):
        race((pair[0], {"do": "run_once", "home": home}))
    prepared.set_price("ETH", price)
    assert orders_sent(prepared) == sent
    assert told_of(home, "ETH", "exit_intent_opened") == []
    assert entry_of(home, "ETH").state is AssetState.MANAGED_PAUSED


def test_r6_expiry_and_approval_at_once_decide_the_proposal_once(
    pair: list[Racer], new_home: Callable[[int], Path]
) -> None:
    for number in range(ROUNDS):
        home = new_home(number)
        words = approval_of(home)
        approve = {"do": "apply", "home": home, "command": "approve_managed_proposal", "asset": "SOL"}
        expire = {
            "do": "apply",
            "home": home,
            "command": "expire_managed_proposal",
            "asset": "SOL",
            "actor": "system",
            "ahead_s": WEEK_S,
            "words": {"proposal_id": words["proposal_id"], "cause": "ttl"},
        }
        approved, expired = race((pair[0], approve | {"words": words}), (pair[1], expire))
        assert sorted((approved["state"], expired["state"])) == ["applied", "precondition_rejected"]
        assert "proposal_already_decided" in {approved["code"], expired["code"]} or (
            approved["code"] == "transition_not_allowed"  # frozen again, the old proposal is forgotten
        )
        app = App(home)
        state = app.store.read(MANAGED_STATE).content.state_of("SOL")
        is_approved = approved["state"] == "applied"
        assert state is (AssetState.MANAGED_ACTIVE if is_approved else AssetState.FROZEN)
