"""Cards: the races R1 to R6, the conflicts C1 to C3 and the dangers M1 to M5, on a whole home."""

import datetime as dt
import json
import threading
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bot.app.clock import SystemClock
from bot.app.operations import capture_baseline
from bot.app.settings_table import SETTINGS
from bot.app.wiring import App, fact_limits, proposal_policy
from bot.commands.apply import CommandApplier
from bot.commands.bus import CommandMaker
from bot.commands.proposal_maker import ProposalMaker
from bot.lifecycle.approval_rules import ApprovalFacts
from bot.lifecycle.command_payloads import ApproveManagedProposal
from bot.lifecycle.commands import CommandOutcome, CommandState, CommandType, NewCommand
from bot.lifecycle.states import AssetState
from bot.storage.documents import BASELINE_HOLDINGS, MANAGED_STATE
from bot.storage.rebuild import compare_with_live
from bot.storage.schema_check import product_schemas
from tests.fakes.bot_world import BotWorld
from tests.fakes.cli_calls import call, call_process
from tests.fakes.fake_clock import FakeClock
from tests.fakes.sequential_ids import SequentialIds

ROUNDS = 5


class ProcessLike:
    """A second process's view of the same home: its own store, clock and ids, facts said by the test."""

    def __init__(self, home: Path, now: dt.datetime, *, life: int) -> None:
        self.app = App(home, clock=FakeClock(now), ids=SequentialIds(first=life * 1_000_000))
        self.applier = CommandApplier(
            self.app.store,
            clock=self.app.clock,
            policy=lambda: self.app.settings.lifecycle_policy(),  # noqa: PLW0108 - settings may be reloaded
            users=lambda: self.app.settings.users,
            facts=self,
        )
        self.maker = CommandMaker(
            clock=self.app.clock,
            ids=self.app.ids,
            schemas=product_schemas(),
            users=self.app.settings.users,
        )

    def facts_for(self, asset: str, payload: ApproveManagedProposal) -> ApprovalFacts:
        facts = self.app.applier._facts
        assert facts is not None
        return facts.facts_for(asset, payload)

    def make(self, command: CommandType, asset: str, actor: str, **words: Any) -> NewCommand:
        return self.maker.make(command, asset, words, actor=actor)


def at_once(*acts: tuple[ProcessLike, NewCommand]) -> list[CommandOutcome]:
    """Apply commands from several processes' views at the same moment."""
    barrier = threading.Barrier(len(acts))
    outcomes: dict[int, CommandOutcome] = {}

    def act(number: int, process: ProcessLike, command: NewCommand) -> None:
        barrier.wait()
        outcomes[number] = process.applier.apply(command)

    threads = [
        threading.Thread(target=act, args=(number, process, command))
        for number, (process, command) in enumerate(acts)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [outcomes[number] for number in range(len(acts))]


def approval_of(home: Path, asset: str) -> dict[str, Any]:
    entry = App(home).store.read(MANAGED_STATE).content.managed_assets[asset]
    return {
        "proposal_id": entry.current_proposal_id,
        "proposal_digest": entry.proposal_digest,
        "variant": "recommended",
        "confirm": f"{asset}:recommended",
    }


def state_of(home: Path, asset: str) -> AssetState:
    app = App(home)
    assert compare_with_live(app.store) == []
    return app.store.read(MANAGED_STATE).content.state_of(asset)


@pytest.mark.parametrize("_round", range(ROUNDS))
def test_r1_a_person_and_the_bot_write_one_coin_at_once_and_one_of_them_wins(home: Path, _round: int) -> None:
    now = SystemClock().now()
    person, bot = ProcessLike(home, now, life=1), ProcessLike(home, now, life=2)
    pause = person.make(CommandType.PAUSE_MANAGED_ASSET, "ETH", person.app.actor, exits="off")
    words = {"drift_kind": "price", "evidence": {"current_price": 1}, "fingerprint": "f"}
    flag = bot.make(CommandType.FLAG_MANAGED_DRIFT, "ETH", "bot", **words)
    paused, flagged = at_once((person, pause), (bot, flag))
    final = state_of(home, "ETH")
    if paused.state is CommandState.APPLIED:  # the drift, coming second, is recorded in the pause
        assert (final, flagged.code) == (AssetState.MANAGED_PAUSED, "applied")
    else:
        assert (final, paused.code) == (AssetState.MANAGED_DRIFT_ALERT, "transition_not_allowed")


def test_r2_a_coin_that_is_not_there_aborts_the_proposal(home: Path) -> None:
    """The engine looks into the wallet itself; that it does so again before it writes is shown elsewhere."""
    call(home, "propose", "XRP", "--no-wait")
    call(home, "worker", "--once")
    entry = App(home).store.read(MANAGED_STATE).content.managed_assets["XRP"]
    assert entry.reason is not None
    assert entry.state in {AssetState.PROPOSAL_ABORTED, AssetState.FROZEN}
    assert entry.reason.code in {"no_balance", "market_unavailable"}


@pytest.mark.parametrize("_round", range(ROUNDS))
def test_r3_two_admins_approve_at_once_and_one_promotion_comes_of_it(home: Path, _round: int) -> None:
    now = SystemClock().now()
    processes = [ProcessLike(home, now, life=life) for life in (1, 2)]
    words = approval_of(home, "SOL")
    codes = [
        outcome.code
        for outcome in at_once(
            *(
                (one, one.make(CommandType.APPROVE_MANAGED_PROPOSAL, "SOL", one.app.actor, **words))
                for one in processes
            )
        )
    ]
    assert sorted(codes) == ["applied", "proposal_already_decided"]
    promoted = [r for r in App(home).store.audit.records(asset="SOL") if r["type"].endswith("promoted")]
    assert len(promoted) == 1


@pytest.mark.parametrize("_round", range(ROUNDS))
def test_r6_expiry_and_approval_at_once_decide_the_proposal_once(home: Path, _round: int) -> None:
    now = SystemClock().now()
    person, system = ProcessLike(home, now, life=1), ProcessLike(home, now + dt.timedelta(days=8), life=2)
    words = approval_of(home, "SOL")
    approve = person.make(CommandType.APPROVE_MANAGED_PROPOSAL, "SOL", person.app.actor, **words)
    expire = system.make(
        CommandType.EXPIRE_MANAGED_PROPOSAL, "SOL", "system", proposal_id=words["proposal_id"], cause="ttl"
    )
    approved, expired = at_once((person, approve), (system, expire))
    states = sorted((approved.state, expired.state))
    assert states == [CommandState.APPLIED, CommandState.PRECONDITION_REJECTED]
    is_approved = approved.state is CommandState.APPLIED
    assert state_of(home, "SOL") is (AssetState.MANAGED_ACTIVE if is_approved else AssetState.FROZEN)


def test_r1_two_processes_pause_one_coin_at_once(home: Path) -> None:
    """Two real processes, each applying the pause itself."""
    codes: list[int] = []
    threads = [
        threading.Thread(target=lambda: codes.append(call_process(home, "pause", "ETH").code))
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(codes) == [0, 5]
    assert state_of(home, "ETH") is AssetState.MANAGED_PAUSED


def test_c1_an_override_leaves_what_was_promised_and_tells_the_difference(home: Path) -> None:
    before = App(home).store.read(MANAGED_STATE).content.managed_assets["ETH"]
    stop = (before.stop_loss or Decimal(0)) * Decimal("1.01")
    app = App(home)
    words = {"reason": "tighter", "stop_loss": stop, "synthetic_entry_value": before.synthetic_entry}
    made = app.maker.make(CommandType.OVERRIDE_MANAGED_LEVELS, "ETH", words, actor=app.actor)
    assert app.applier.apply(made).code == "applied"
    after = app.store.read(MANAGED_STATE).content.managed_assets["ETH"]
    assert (after.stop_loss, after.synthetic_entry) == (before.stop_loss, before.synthetic_entry)
    assert (after.overrides or {})["stop_loss"] == stop
    told = list(app.store.audit.records(asset="ETH", type_prefix="managed."))[-2:]
    assert [record["type"].partition(".")[2] for record in told] == [
        "operator_override",
        "synthetic_entry_adjusted",
    ]
    assert told[0]["data"]["difference"]["stop_loss"] == {"from": before.stop_loss, "to": stop}


def test_c2_once_paused_with_exits_off_nothing_is_sold_until_a_person_resumes(
    home: Path, prepared: BotWorld
) -> None:
    entry = App(home).store.read(MANAGED_STATE).content.managed_assets["ETH"]
    assert entry.stop_loss is not None
    assert entry.take_profit is not None
    before = prepared.orders_sent()
    price = prepared.box.control.price("ETH/USDT")
    assert call(home, "pause", "ETH", "--exits", "off").code == 0
    for reached in (entry.stop_loss * Decimal("0.99"), entry.take_profit * Decimal("1.01")):
        prepared.set_price("ETH", reached)
        assert call(home, "run", "--once").code == 0
        assert prepared.orders_sent() == before
    prepared.set_price("ETH", price)
    assert state_of(home, "ETH") is AssetState.MANAGED_PAUSED


def test_c3_a_baseline_that_would_freeze_a_managed_coin_is_refused_and_the_audit_tells(home: Path) -> None:
    serial = App(home).store.read(BASELINE_HOLDINGS).meta.serial
    call(home, "baseline", "apply", "--no-wait")
    assert "would freeze ETH (managed_active)" in call(home, "worker", "--once").out
    app = App(home)
    assert app.store.read(BASELINE_HOLDINGS).meta.serial == serial
    told = [r for r in app.store.audit.records(asset="ETH") if "policy_change_blocked" in r["type"]]
    assert len(told) == 1
    assert told[0]["data"]["refused"] == "apply_baseline_holdings"
    assert state_of(home, "ETH") is AssetState.MANAGED_ACTIVE


def test_c3_after_a_release_the_coin_may_be_frozen(home: Path) -> None:
    for words in (("pause", "ETH"), ("release", "ETH", "--mode", "immediate"), ("worker", "--once")):
        call(home, *words)
    assert state_of(home, "ETH") is AssetState.FROZEN
    call(home, "baseline", "apply", "--no-wait")
    assert "apply_baseline_holdings" in call(home, "worker", "--once").out
    assert state_of(home, "ETH") is AssetState.FROZEN


def test_m1_what_mainnet_disables_cannot_be_approved(home: Path) -> None:
    """With mainnet's own defaults; mainnet itself is closed (DR-3)."""
    strict = {one.name: one.default_in("mainnet") for one in SETTINGS}
    for name in ("lifecycle.variants", "lifecycle.disabled"):
        call(home, "settings", "set", f"{name}={','.join(strict[name])}", "--no-wait")
        call(home, "worker", "--once")
    app = App(home)
    for variant, code in (("aggressive", "variant_not_allowed"), ("recommended", "applied")):
        words = approval_of(home, "SOL") | {"variant": variant, "confirm": f"SOL:{variant}"}
        made = app.maker.make(CommandType.APPROVE_MANAGED_PROPOSAL, "SOL", words, actor=app.actor)
        assert app.applier.apply(made).code == code


def test_m2_a_promotion_leaves_the_wallets_signature_as_it_was(home: Path) -> None:
    app = App(home)
    before = capture_baseline(app)
    made = app.maker.make(
        CommandType.APPROVE_MANAGED_PROPOSAL, "SOL", approval_of(home, "SOL"), actor=app.actor
    )
    assert app.applier.apply(made).code == "applied"
    after = capture_baseline(app)
    assert after.assets["SOL"].policy_lifecycle_managed
    assert not before.assets["SOL"].policy_lifecycle_managed
    assert after.wallet_signature == before.wallet_signature


def test_m5_a_wish_for_copy_trading_ends_as_the_core_group_with_a_warning(home: Path) -> None:
    call(home, "propose", "DOGE", "--no-wait")
    app = App(home)
    app.worker.drain()
    wish = msgspec.structs.replace(proposal_policy(app), preferred_strategy_group="t3_copy_trading")
    maker = ProposalMaker(
        app.store,
        app.gateway,
        sender=app.sender,
        clock=app.clock,
        ids=app.ids,
        policy=app.settings.lifecycle_policy,
        proposal_policy=lambda: wish,
        limits=lambda: fact_limits(app),
        language=lambda: "en",
    )
    (made,) = maker.make_waiting()
    assert made.code == "applied"
    files = (json.loads(path.read_bytes()) for path in app.home.proposals.glob("*.json"))
    (told,) = (file for file in files if file["asset"] == "DOGE")
    assert told["strategy_recommendation"]["strategy_group"] == "t1_core"
    assert "strategy_fallback" in {warning["code"] for warning in told["context_warnings"]["notes"]}


def test_m3_a_stop_too_close_to_the_entry_is_refused_also_by_an_override(home: Path) -> None:
    app = App(home)
    entry = app.store.read(MANAGED_STATE).content.managed_assets["ETH"]
    close = (entry.reference_price or Decimal(0)) * Decimal("0.995")
    words = {"reason": "tight", "stop_loss": close.quantize(Decimal("0.01"))}
    made = app.maker.make(CommandType.OVERRIDE_MANAGED_LEVELS, "ETH", words, actor=app.actor)
    assert app.applier.apply(made).code == "stop_too_close"


def test_m4_an_allocation_above_the_capital_is_said_at_the_promotion(home: Path) -> None:
    capital = "risk.investable_capital_usdt"
    call(home, "settings", "set", f"{capital}=1", "--confirm", capital)
    call(home, "worker", "--once")
    app = App(home)
    made = app.maker.make(
        CommandType.APPROVE_MANAGED_PROPOSAL, "SOL", approval_of(home, "SOL"), actor=app.actor
    )
    assert app.applier.apply(made).code == "applied"
    types = [record["type"] for record in app.store.audit.records(asset="SOL")]
    assert types[-1].endswith("allocation_capped")
