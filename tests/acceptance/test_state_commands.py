"""`bot state …` and `bot doctor` as a person types them: screens, JSON, exit codes, confirmations."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bot.app.doctor import rights_check
from bot.holdings.wallet import AccountRights
from bot.lifecycle.commands import CommandType
from bot.lifecycle.states import AssetState
from bot.storage.documents import MANAGED_STATE
from bot.storage.private_files import digest_of
from tests.fakes.bot_process import bot
from tests.fakes.bot_world import WALLET, BotWorld, bot_world
from tests.fakes.home_checks import assert_home_is_whole


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BotWorld]:
    with bot_world(tmp_path_factory.mktemp("state") / "home") as made:
        made.hand_over("SOL")
        yield made
        with made.app.store.transaction():
            pass  # recovers, as every start does
        assert_home_is_whole(made.app)


def run(world: BotWorld, *words: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    done = bot(world.root, *words)
    assert done.returncode == code, done.stdout + done.stderr
    return done


def data(world: BotWorld, *words: str, code: int = 0) -> Any:
    return json.loads(run(world, *words, "--json", code=code).stdout)["data"]


def serial(world: BotWorld) -> int:
    return world.app.store.read(MANAGED_STATE).meta.serial


def test_show_tells_what_a_document_says_live_and_as_it_was(shared: BotWorld) -> None:
    assert data(shared, "state", "show")["content"]["managed_assets"]["SOL"]["state"] == "managed_active"
    assert data(shared, "state", "show", "--serial", "1")["content"]["managed_assets"] == {}
    assert "SOL/USDT" in run(shared, "state", "show", "positions").stdout
    assert "managed_state" in run(shared, "state", "show", "nonsense", code=2).stderr
    run(shared, "state", "show", "--serial", "999", code=5)


def test_diff_compares_versions_and_ends_with_10_only_when_asked(shared: BotWorld) -> None:
    found = data(shared, "state", "diff", "1", str(serial(shared)))
    assert found["differences"][0]["path"] == "managed_assets.SOL"
    run(shared, "state", "diff", "1", "--exit-code", code=10)
    run(shared, "state", "diff", "1", "1", "--exit-code")
    assert "Nothing differs" in run(shared, "state", "diff").stdout
    run(shared, "state", "diff", "soon", code=5)


def test_rebuild_says_that_the_audit_alone_gives_the_state(shared: BotWorld) -> None:
    assert "alone gives" in run(shared, "state", "rebuild").stdout
    assert data(shared, "state", "rebuild") == {"differences": []}


def test_a_restore_shows_the_difference_and_wants_its_words(shared: BotWorld) -> None:
    wanted = serial(shared)
    shared.pause("SOL", "off")
    word = str(wanted)
    tried = run(shared, "state", "restore", word, "--dry-run")
    assert "managed_paused" in tried.stdout
    assert "dry run" in tried.stdout
    assert f"restore:{wanted}" in run(shared, "state", "restore", word, code=2).stderr
    assert "confirmation_wrong" in run(shared, "state", "restore", word, "--confirm", "yes", code=5).stderr
    run(shared, "state", "restore", "999", "--dry-run", code=5)
    run(shared, "state", "restore", "soon", code=2)
    assert serial(shared) == wanted + 1
    queued = run(shared, "state", "restore", word, "--confirm", f"restore:{wanted}", code=8)
    assert "worker --once" in queued.stderr
    run(shared, "worker", "--once")
    assert shared.entry("SOL").state is AssetState.MANAGED_ACTIVE


def test_adopt_takes_the_edited_public_file_before_anybody_noticed_it(shared: BotWorld) -> None:
    path = shared.app.home.managed_state
    document = json.loads(path.read_bytes())
    document["managed_assets"]["SOL"] |= {"state": "managed_paused", "exits": "on"}
    path.write_text(json.dumps(document, indent=2), encoding="utf-8")
    digest = digest_of(path)
    assert "managed_paused" in run(shared, "state", "diff").stdout
    run(shared, "state", "adopt", "state/managed_state.json", "--confirm", "adopt:00000000", code=5)
    (kept,) = shared.app.home.quarantine.glob("*-managed_state.json")
    assert digest_of(kept) == digest
    run(shared, "state", "adopt", str(kept), "--confirm", f"adopt:{digest[:8]}", "--no-wait")
    run(shared, "worker", "--once")
    assert shared.entry("SOL").state is AssetState.MANAGED_PAUSED
    run(shared, "state", "adopt", "no-such-file.json", code=3)


def test_a_backup_is_a_home_of_its_own_that_can_be_checked(shared: BotWorld, tmp_path: Path) -> None:
    target = tmp_path / "copy"
    made = data(shared, "state", "backup", str(target))
    assert Path(made["folder"]) == target
    assert made["manifest"]["serials"]["managed_state"] == serial(shared)
    assert bot(target, "state", "check").returncode == 0
    assert bot(target, "state", "rebuild").returncode == 0
    run(shared, "state", "backup", str(target))
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "photo.jpg").touch()
    run(shared, "state", "backup", str(tmp_path / "other"), code=2)
    run(shared, "state", "backup", str(shared.app.home.state), code=2)


def test_doctor_passes_a_sound_home_and_fails_one_whose_file_was_edited(shared: BotWorld) -> None:
    checks = {check["name"]: check for check in data(shared, "doctor")}
    assert checks["balances"]["verdict"] == "PASS"
    assert checks["SQLite"]["verdict"] in {"PASS", "WARN"}
    assert all(check["verdict"] != "FAIL" for name, check in checks.items() if name != "clock")
    assert all(check.get("fix") for check in checks.values() if check["verdict"] != "PASS")
    path = shared.app.home.positions
    kept = path.read_bytes()
    path.write_bytes(kept.replace(b"SOL", b"DOT"))
    told = run(shared, "doctor", "--offline", code=3).stdout
    assert "FAIL  state/positions.json" in told
    assert "to do:" in told
    path.write_bytes(kept)


def test_doctor_tells_the_keys_rights_and_whether_the_balances_match(shared: BotWorld) -> None:
    checks = {check["name"]: check for check in data(shared, "doctor")}
    assert checks["API key rights"]["found"] == "trading on, withdrawals off"
    assert checks["balance match"]["verdict"] == "PASS"
    shared.box.control.withdraw("SOL", WALLET["SOL"])
    try:
        off = {check["name"]: check for check in data(shared, "doctor")}["balance match"]
    finally:
        shared.box.control.deposit("SOL", WALLET["SOL"])
    assert (off["verdict"], "SOL (wallet_external)" in off["found"]) == ("WARN", True), off


@pytest.mark.parametrize(
    ("can_trade", "can_withdraw", "verdict"),
    [(True, False, "PASS"), (True, True, "WARN"), (True, None, "WARN"), (False, False, "FAIL")],
)
def test_doctor_wants_a_key_that_trades_and_cannot_withdraw(
    *, can_trade: bool, can_withdraw: bool | None, verdict: str
) -> None:
    check = rights_check(AccountRights(can_trade=can_trade, can_withdraw=can_withdraw))
    assert (check.verdict, bool(check.fix)) == (verdict, verdict != "PASS")


def test_doctor_warns_when_the_exchange_does_not_answer(tmp_path: Path) -> None:
    assert bot(tmp_path / "home", "init").returncode == 0
    done = bot(tmp_path / "home", "doctor")
    assert done.returncode == 0, done.stdout
    assert "WARN  exchange" in done.stdout


def test_doctor_names_a_setting_that_cannot_be_read(tmp_path: Path) -> None:
    assert bot(tmp_path / "home", "init").returncode == 0
    done = bot(tmp_path / "home", "doctor", BOT_TRADING_CYCLE_S="soon")
    assert done.returncode == 3
    assert "FAIL  settings" in done.stdout


def test_an_operator_may_not_restore(shared: BotWorld) -> None:
    settings = shared.app.home.settings_file
    kept = settings.read_text(encoding="utf-8")
    settings.write_text(kept.replace('"admin"', '"operator"'), encoding="utf-8")
    try:
        run(shared, "state", "restore", "1", "--confirm", "restore:1", code=4)
    finally:
        settings.write_text(kept, encoding="utf-8")
    assert CommandType.RESTORE_MANAGED_STATE not in {
        row.type for row in shared.app.queue.list() if row.state == "queued"
    }
