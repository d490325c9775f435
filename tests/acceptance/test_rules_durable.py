"""Cards: the durable rules and stop rules, each on a whole home through the command line or the bus."""

import stat
from pathlib import Path
from typing import Any

import pytest

from bot.app.operations import captured_baseline
from bot.app.wiring import App
from bot.lifecycle.commands import CommandOutcome, CommandType
from bot.lifecycle.states import AssetState
from bot.storage.documents import ALL_KINDS, BASELINE_HOLDINGS, MANAGED_STATE
from tests.fakes.cli_calls import call


def ask(app: App, command: CommandType, asset: str, actor: str | None = None, **words: Any) -> CommandOutcome:
    """Put a command on the bus and let the worker apply what waits."""
    made = app.maker.make(command, asset, words, actor=actor or app.actor)
    row = app.queue.enqueue(made)
    app.worker.drain()
    done = app.queue.get(row.uid)
    assert done is not None
    assert done.outcome is not None
    return done.outcome


def serials(app: App) -> dict[str, int]:
    return {kind.name: app.store.read(kind).meta.serial for kind in ALL_KINDS}


def approve_sol(home: Path) -> None:
    digest = App(home).store.read(MANAGED_STATE).content.managed_assets["SOL"].proposal_digest or ""
    call(home, "approve", "SOL", "--confirm", "SOL:recommended", "--digest", digest[:8])
    assert "SOL" in call(home, "worker", "--once").out


@pytest.fixture
def app(home: Path) -> App:
    return App(home)


def test_dr_1_a_state_file_changes_by_commands_only(home: Path, app: App) -> None:
    """What a hand writes into the file does not count; every version has the record that brought it."""
    path = app.home.public("managed_state")
    path.chmod(0o600)
    path.write_bytes(path.read_bytes().replace(b'"managed_active"', b'"exit_executed"'))
    call(home, "worker", "--once")
    content = App(home).store.read(MANAGED_STATE).content
    assert content.state_of("ETH") is AssetState.MANAGED_ACTIVE
    for kind in ALL_KINDS:
        known = {r["serial"] for r in app.store.audit.records() if r.get("document") == kind.name}
        assert set(app.store.serials(kind)) <= known


def test_dr_2_managed_is_never_a_default(app: App) -> None:
    words = captured_baseline(app) | {"default_policy_for_unlisted": "managed"}
    outcome = ask(app, CommandType.APPLY_BASELINE_HOLDINGS, "*", baseline=words)
    assert outcome.code == "managed_is_never_default"


@pytest.mark.parametrize("name", ["mainnet", "live", "production"])
def test_dr_3_real_money_is_refused(tmp_path: Path, name: str) -> None:
    said = call(tmp_path / "new", "init", "--environment", name)
    assert said.code in {3, 5}
    assert not (tmp_path / "new" / "state" / "managed_state.json").exists()


@pytest.mark.parametrize(
    "words",
    [
        ("approve", "SOL", "--confirm", "ETH:recommended", "--digest", "DIGEST"),
        ("exit", "ETH", "--confirm", "SOL:exit"),
        ("users", "set-role", "ann", "admin", "--confirm", "eve:admin"),
        ("settings", "set", "risk.investable_capital_usdt=5", "--confirm", "yes"),
    ],
)
def test_dr_4_a_confirmation_names_the_very_thing(home: Path, words: tuple[str, ...]) -> None:
    digest = App(home).store.read(MANAGED_STATE).content.managed_assets["SOL"].proposal_digest or ""
    said = call(home, *(word.replace("DIGEST", digest) for word in words))
    assert (said.code, "[confirmation_wrong]" in said.err) == (5, True), said.err


def test_dr_5_every_change_leaves_the_version_before_it(home: Path, app: App) -> None:
    before = serials(app)["managed_state"]
    kept = app.home.versions("managed_state")
    assert call(home, "pause", "ETH").code == 0
    names = {path.name for path in kept.iterdir()}
    assert {f"{before:08}.json", f"{before + 1:08}.json"} <= names
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o440 for path in kept.iterdir())


def test_dr_7_a_promotion_changes_neither_the_baseline_nor_its_signature(home: Path, app: App) -> None:
    """M2."""
    before = app.store.read(BASELINE_HOLDINGS)
    approve_sol(home)
    after = App(home).store.read(BASELINE_HOLDINGS)
    assert App(home).store.read(MANAGED_STATE).content.state_of("SOL") is AssetState.MANAGED_ACTIVE
    assert (after.meta.serial, after.content) == (before.meta.serial, before.content)


@pytest.mark.parametrize("actor", ["bot", "system"])
def test_dr_11_neither_bot_nor_system_puts_a_managed_coin_back(app: App, actor: str) -> None:
    tries: dict[str, list[tuple[CommandType, dict[str, Any]]]] = {
        "bot": [(CommandType.FLAG_MANAGED_DRIFT, {"drift_kind": "qty", "evidence": {}, "fingerprint": "f"})],
        "system": [
            (CommandType.COMPLETE_MANAGED_RELEASE, {"reason": "x"}),
            (CommandType.SETTLE_MANAGED_ASSET, {"reason": "x"}),
            (CommandType.EXPIRE_MANAGED_PROPOSAL, {"proposal_id": "x", "cause": "stale"}),
        ],
    }
    for command, words in tries[actor]:
        ask(app, command, "ETH", actor=actor, **words)
        assert app.store.read(MANAGED_STATE).content.state_of("ETH") is not AssetState.FROZEN


def test_dr_12_a_proposal_is_valid_versioned_and_never_changed(home: Path, app: App) -> None:
    entry = app.store.read(MANAGED_STATE).content.managed_assets["SOL"]
    path = app.home.proposals / f"{entry.current_proposal_id}.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o440
    said = call(home, "proposals", "verify", "SOL")
    assert said.code == 0, said.err
    path.chmod(0o600)
    path.write_bytes(path.read_bytes().replace(b"3", b"4", 1))
    words = ("--confirm", "SOL:recommended", "--digest", (entry.proposal_digest or "")[:8])
    assert call(home, "approve", "SOL", *words).code in {3, 5, 6}
    assert App(home).store.read(MANAGED_STATE).content.state_of("SOL") is AssetState.RISK_PROPOSED


def test_sr_12_a_promotion_and_its_approval_are_one_commit(home: Path, app: App) -> None:
    approve_sol(home)
    promoted = [r for r in app.store.audit.records(asset="SOL") if r["type"].endswith("asset_promoted")]
    assert len(promoted) == 1
    record = promoted[0]
    assert record["before"]["managed"]["state"] == "risk_proposed"
    assert record["after"]["managed"]["state"] == "managed_active"
    version = app.store.kept(MANAGED_STATE, record["serial"])
    assert version.content.state_of("SOL") is AssetState.MANAGED_ACTIVE
    assert app.store.kept(MANAGED_STATE, record["serial"] - 1).content.state_of("SOL") is not (
        AssetState.MANAGED_ACTIVE
    )


def test_sr_13_without_a_place_for_its_backup_nothing_is_written(home: Path, app: App) -> None:
    before = serials(app)
    kept = app.home.versions("managed_state")
    kept.rename(kept.with_name("elsewhere"))
    kept.write_text("no folder", encoding="utf-8")
    said = call(home, "pause", "ETH")
    assert said.code != 0
    kept.unlink()
    kept.with_name("elsewhere").rename(kept)
    assert serials(App(home)) == before
    assert App(home).store.read(MANAGED_STATE).content.state_of("ETH") is AssetState.MANAGED_ACTIVE


@pytest.mark.parametrize(
    ("code", "rule"), [("model_version_missing", "SR-11"), ("strategy_not_allowed", "SR-14")]
)
def test_sr_11_sr_14_a_broken_stop_rule_is_audited_and_the_pass_ends_with_failure(
    app: App, code: str, rule: str
) -> None:
    ask(app, CommandType.REQUEST_MANAGED_PROPOSAL, "DOGE")
    entry = app.store.read(MANAGED_STATE).content.managed_assets["DOGE"]
    words = {"proposal_id": entry.current_proposal_id, "reason_code": code, "sentence": "broken"}
    assert ask(app, CommandType.ABORT_MANAGED_PROPOSAL, "DOGE", actor="bot", **words).code == "applied"
    told = [r for r in app.store.audit.records(type_prefix="system.") if "stop_rule" in r["type"]]
    assert [(r["asset"], r["data"]["rule"]) for r in told] == [("DOGE", rule)]
