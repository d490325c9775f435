"""Cards: the operator's questions Q-MH-1 to Q-MH-15, each as the setting that answers it, on a whole home."""

import datetime as dt
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bot.app.wiring import App
from bot.lifecycle.command_payloads import EntryMethod
from bot.lifecycle.commands import CommandOutcome, CommandType
from bot.lifecycle.documents import ManagedAsset
from bot.lifecycle.states import AssetState
from bot.storage.documents import MANAGED_STATE
from tests.fakes.cli_calls import call

APPROVE, REQUEST = CommandType.APPROVE_MANAGED_PROPOSAL, CommandType.REQUEST_MANAGED_PROPOSAL


def settle_on(home: Path, **settings: str) -> None:
    """Apply settings by command; dots stand as double underscores."""
    pairs = {name.replace("__", "."): value for name, value in settings.items()}
    words = [f"{name}={value}" for name, value in pairs.items()]
    call(home, "settings", "set", *words, "--confirm", ",".join(sorted(pairs)), "--no-wait")
    call(home, "worker", "--once")


def tighten(home: Path, *words: str) -> None:
    """Apply settings that raise no risk."""
    assert call(home, "settings", "set", *words, "--no-wait").code == 0
    call(home, "worker", "--once")


def entry(home: Path, asset: str) -> ManagedAsset:
    return App(home).store.read(MANAGED_STATE).content.managed_assets[asset]


def state(home: Path, asset: str) -> AssetState:
    return App(home).store.read(MANAGED_STATE).content.state_of(asset)


def ask(home: Path, command: CommandType, asset: str, **words: Any) -> CommandOutcome:
    app = App(home)
    made = app.maker.make(command, asset, words, actor=app.actor)
    outcome = app.applier.apply(made)
    app.close()
    return outcome


def approve(home: Path, asset: str, variant: str = "recommended", **more: Any) -> CommandOutcome:
    known = entry(home, asset)
    words = {
        "proposal_id": known.current_proposal_id,
        "proposal_digest": known.proposal_digest,
        "variant": variant,
        "confirm": f"{asset}:{variant}",
        **more,
    }
    return ask(home, APPROVE, asset, **words)


def sold(home: Path, asset: str) -> None:
    """Book a full exit, as the loop does."""
    app = App(home)
    known = entry(home, asset)
    quantity, price = known.approved_quantity or Decimal(0), known.stop_loss or Decimal(0)
    steps: tuple[tuple[CommandType, dict[str, Any]], ...] = (
        (
            CommandType.OPEN_EXIT_INTENT,
            {
                "client_order_id": "o1",
                "quantity": quantity,
                "reason": "stop_loss",
                "trigger_price": price,
            },
        ),
        (
            CommandType.RECORD_MANAGED_EXIT,
            {
                "client_order_id": "o1",
                "exchange_order_id": "x1",
                "order_status": "filled",
                "is_final": True,
                "filled_quantity": quantity,
                "filled_quote": quantity * price,
            },
        ),
    )
    for command, words in steps:
        assert app.applier.apply(app.maker.make(command, asset, words, actor="bot")).code == "applied"
    app.close()


def test_q_mh_1_a_proposal_may_be_decided_for_its_time(home: Path) -> None:
    app = App(home)
    pending = app.store.read(MANAGED_STATE).content.pending_proposals["SOL"]
    assert pending.expires_at - pending.requested_at >= dt.timedelta(days=7) - dt.timedelta(minutes=5)
    tighten(home, "lifecycle.proposal_ttl_hours=24")
    ask(home, REQUEST, "DOGE")
    shorter = App(home).store.read(MANAGED_STATE).content.pending_proposals["DOGE"]
    assert shorter.expires_at - shorter.requested_at == dt.timedelta(hours=24)


def test_q_mh_2_only_the_offered_variants_may_be_approved(home: Path) -> None:
    tighten(home, "lifecycle.variants=recommended,conservative")
    assert approve(home, "SOL", "aggressive").code == "variant_not_allowed"
    assert approve(home, "SOL", "conservative").code == "applied"


def test_q_mh_3_an_override_goes_as_deep_as_the_setting(home: Path) -> None:
    tighten(home, "lifecycle.override_depth=minimal")
    assert approve(home, "SOL", overrides={"trailing": {"enabled": True}}).code == "override_too_deep"
    settle_on(home, lifecycle__override_depth="medium")
    assert approve(home, "SOL", overrides={"trailing": {"enabled": True}}).code == "applied"


@pytest.mark.parametrize("mode", ["graceful", "immediate"])
def test_q_mh_4_a_release_is_graceful_or_immediate_and_sells_nothing_by_itself(home: Path, mode: str) -> None:
    call(home, "pause", "ETH")
    assert call(home, "release", "ETH", "--mode", mode).code == 0
    call(home, "worker", "--once")
    expected = AssetState.RELEASE_PENDING if mode == "graceful" else AssetState.FROZEN
    assert state(home, "ETH") is expected
    if mode == "graceful":  # the choice may still be made sharper
        assert call(home, "release", "ETH", "--mode", "immediate").code == 0
        call(home, "worker", "--once")
        assert state(home, "ETH") is AssetState.FROZEN


def test_q_mh_5_many_coins_are_asked_for_at_once_and_each_goes_its_own_way(home: Path) -> None:
    call(home, "propose", "DOGE", "XRP", "--no-wait")
    call(home, "worker", "--once")
    assert state(home, "DOGE") is AssetState.RISK_PROPOSED
    assert state(home, "XRP") is not AssetState.RISK_PROPOSED


def test_q_mh_6_the_bots_own_ideas_change_no_state(home: Path) -> None:
    before = App(home).store.read(MANAGED_STATE).meta.serial
    tighten(home, "proposals.suggestions=on")
    assert call(home, "status").code == 0
    assert App(home).store.read(MANAGED_STATE).meta.serial == before


@pytest.mark.parametrize("exits", ["on", "off"])
def test_q_mh_8_a_pause_says_whether_the_exits_stay_on(home: Path, exits: str) -> None:
    call(home, "pause", "ETH", "--exits", exits)
    assert entry(home, "ETH").exits == exits
    app = App(home)
    quantity = entry(home, "ETH").approved_quantity
    words = {"client_order_id": "o1", "quantity": quantity, "reason": "stop_loss", "trigger_price": 1}
    made = app.maker.make(CommandType.OPEN_EXIT_INTENT, "ETH", words, actor="bot")
    assert app.applier.apply(made).code == ("applied" if exits == "on" else "exits_are_off")


def test_q_mh_9_after_an_exit_the_way_back_leads_via_frozen_unless_it_is_direct(home: Path) -> None:
    """T15, T16."""
    sold(home, "ETH")
    assert state(home, "ETH") is AssetState.EXIT_EXECUTED
    assert ask(home, REQUEST, "ETH").code == "reengage_via_frozen"
    settle_on(home, lifecycle__reengage="direct")
    outcome = ask(home, REQUEST, "ETH")
    assert (outcome.code, outcome.detail["transition"]) == ("applied", "T16")


@pytest.mark.parametrize("method", EntryMethod)
def test_q_mh_10_the_entry_price_is_the_operators_choice(home: Path, method: EntryMethod) -> None:
    words: dict[str, Any] = {"synthetic_entry_method": method.value}
    if method is EntryMethod.MANUAL:
        assert ask(home, REQUEST, "DOGE", **words).code == "manual_entry_needs_value"
        words["synthetic_entry_value"] = Decimal("0.05")
    assert ask(home, REQUEST, "DOGE", **words).code == "applied"
    assert entry(home, "DOGE").requested_entry_method == method


@pytest.mark.parametrize("typed", ["SOL", "SOL:Recommended", "sol:recommended", "SOL:conservative", " "])
def test_q_mh_11_the_confirmation_is_coin_and_variant_to_the_letter(home: Path, typed: str) -> None:
    assert approve(home, "SOL", confirm=typed).code == "confirmation_wrong"
    assert state(home, "SOL") is AssetState.RISK_PROPOSED


def test_q_mh_12_after_a_no_the_coin_rests_for_the_set_time(home: Path) -> None:
    tighten(home, "lifecycle.cooldown_hours=48")
    proposal = entry(home, "SOL").current_proposal_id
    assert ask(home, CommandType.REJECT_MANAGED_PROPOSAL, "SOL", proposal_id=proposal).code == "applied"
    rejected = entry(home, "SOL")
    assert rejected.cooldown_until == rejected.history[-1].ts + dt.timedelta(hours=48)
    assert ask(home, REQUEST, "SOL").code == "cooldown_running"
    call(home, "worker", "--once")
    assert state(home, "SOL") is AssetState.PROPOSAL_REJECTED


def test_q_mh_13_what_is_disabled_is_refused(home: Path) -> None:
    tighten(home, "lifecycle.disabled=aggressive_variant,dca")
    assert approve(home, "SOL", "aggressive").code == "variant_not_allowed"
    terms = {"steps": 2, "step_pct": 3, "max_additional_usdt": 100}
    assert approve(home, "SOL", overrides={"dca": terms}).code == "feature_disabled"
    assert approve(home, "SOL").code == "applied"


def test_q_mh_14_a_single_pass_without_a_daemon_does_the_same_work(home: Path) -> None:
    call(home, "propose", "DOGE", "--no-wait")
    done = call(home, "worker", "--once")
    assert done.code == 0
    assert state(home, "DOGE") is AssetState.RISK_PROPOSED


def test_q_mh_15_the_files_are_the_truth_and_the_database_can_be_lost(home: Path) -> None:
    before = App(home).store.read(MANAGED_STATE).content
    for path in App(home).home.sql.parent.glob(f"{App(home).home.sql.name}*"):
        path.unlink()
    assert call(home, "pause", "ETH").code == 0
    after = App(home).store.read(MANAGED_STATE).content
    assert after.state_of("ETH") is AssetState.MANAGED_PAUSED
    assert after.managed_assets["SOL"] == before.managed_assets["SOL"]
