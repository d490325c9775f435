"""Settings by command: shown before, typed where they raise risk, and counting at once, everywhere."""

from pathlib import Path
from typing import Any

import pytest

from bot.app.wiring import App
from bot.lifecycle.command_payloads import ApplyRuntimeConfig
from bot.lifecycle.commands import CommandType
from bot.storage.documents import MANAGED_STATE, RUNTIME_CONFIG
from tests.acceptance.test_cli_changes import daemon
from tests.fakes.cli_calls import Said, call, call_terminal

COOLDOWN, CAPITAL = "lifecycle.cooldown_hours", "risk.investable_capital_usdt"


def applied(home: Path) -> dict[str, Any]:
    """Let the worker apply what waits; return the applied settings."""
    call(home, "worker", "--once")
    return dict(App(home).store.read(RUNTIME_CONFIG).content.settings)


def origin_of(home: Path, name: str) -> tuple[str, str]:
    rows = call(home, "settings", "show", "--json").document()["data"]
    row = next(row for row in rows if row["name"] == name)
    return row["value"], row["origin"]


def set_(home: Path, *words: str) -> Said:
    return call(home, "settings", "set", *words)


def test_a_setting_is_changed_by_a_command_and_its_origin_is_told(home: Path) -> None:
    said = set_(home, f"{COOLDOWN}=48")
    assert said.code == 8  # nobody works: it is queued
    assert "24   48" in said.out
    assert applied(home) == {COOLDOWN: 48}
    assert origin_of(home, COOLDOWN) == ("48", "runtime config")
    tail = call(home, "audit", "tail", "--json").out
    assert "runtime_config.applied" in tail


def test_several_settings_change_together_and_one_falls_back_alone(home: Path) -> None:
    set_(home, f"{COOLDOWN}=48", "risk.blacklist=XRP,TRX")
    assert applied(home) == {COOLDOWN: 48, "risk.blacklist": ["XRP", "TRX"]}
    said = call(home, "settings", "clear", COOLDOWN, "--confirm", COOLDOWN)
    assert said.code == 8
    assert applied(home) == {"risk.blacklist": ["XRP", "TRX"]}
    call(home, "settings", "clear", "--confirm", "risk.blacklist")
    assert applied(home) == {}
    assert "runtime_config.cleared" in call(home, "audit", "tail", "--json").out


def test_what_raises_risk_needs_its_name_typed(home: Path) -> None:
    """DR-4."""
    said = set_(home, f"{CAPITAL}=500")
    assert said.code == 2
    assert f"--confirm {CAPITAL}" in said.err
    assert set_(home, f"{CAPITAL}=500", "--confirm", COOLDOWN).code == 5
    assert applied(home) == {}
    assert set_(home, f"{CAPITAL}=500", "--confirm", CAPITAL).code == 8
    assert applied(home) == {CAPITAL: 500}


def test_on_a_terminal_the_name_is_typed_after_the_difference_is_shown(home: Path) -> None:
    said = call_terminal(home, "settings", "set", f"{CAPITAL}=500", types=f"{CAPITAL}\n")
    assert said.code == 8, said.out
    assert "raises risk" in said.out
    assert applied(home) == {CAPITAL: 500}


def test_a_dry_run_shows_the_difference_and_changes_nothing(home: Path) -> None:
    said = set_(home, f"{CAPITAL}=500", "--dry-run")
    assert (said.code, "raises risk" in said.out) == (0, True)
    assert applied(home) == {}
    told = set_(home, f"{CAPITAL}=500", "--dry-run", "--json").document()["data"]
    assert told["outcome"]["detail"]["changes"] == [
        {"name": CAPITAL, "before": "0", "after": "500", "raises_risk": True}
    ]


@pytest.mark.parametrize(
    ("words", "code", "reason"),
    [
        (["lifecycle.cooldown=3"], 3, "setting_unknown"),
        ([f"{COOLDOWN}=soon"], 3, "setting_invalid"),
        (["quote=EUR"], 5, "setting_not_changeable"),
        (["exchange.secret=x"], 5, "setting_not_changeable"),
        ([COOLDOWN], 2, "usage"),
        (["=3"], 2, "usage"),
    ],
)
def test_what_cannot_be_applied_is_refused_before_anybody_is_asked(
    home: Path, words: list[str], code: int, reason: str
) -> None:
    said = set_(home, *words)
    assert said.code == code
    assert f"[{reason}]" in said.err
    assert applied(home) == {}


def test_clearing_what_was_never_applied_is_told(home: Path) -> None:
    said = call(home, "settings", "clear", COOLDOWN)
    assert (said.code, "not applied" in said.err) == (3, True)


def test_a_variable_that_wins_is_warned_about(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOT_LIFECYCLE_COOLDOWN_HOURS", "3")
    assert "BOT_LIFECYCLE_COOLDOWN_HOURS wins" in set_(home, f"{COOLDOWN}=48").out
    applied(home)
    assert origin_of(home, COOLDOWN) == ("3", "environment (BOT_LIFECYCLE_COOLDOWN_HOURS)")
    shown = call(home, "settings", "show", "--json").document()
    assert [COOLDOWN in warning for warning in shown["warnings"]] == [True]
    assert f"! {COOLDOWN} was applied" in call(home, "settings", "show").out


def test_two_admins_who_looked_at_the_same_settings_do_not_undo_each_other(home: Path) -> None:
    app = App(home)
    serial = app.store.read(RUNTIME_CONFIG).meta.serial
    for name in (COOLDOWN, "cli.wait_s"):
        words = ApplyRuntimeConfig(settings={name: 30}, based_on_serial=serial)
        app.queue.enqueue(app.maker.make(CommandType.APPLY_RUNTIME_CONFIG, "*", words, actor=app.actor))
    first, second = (item.outcome.code for item in app.worker.drain())
    app.close()
    assert (first, second) == ("applied", "state_changed")


def test_another_processs_change_counts_at_once_in_one_that_runs(home: Path) -> None:
    running = App(home)
    assert running.settings[COOLDOWN] == 24
    set_(home, f"{COOLDOWN}=48")
    applied(home)
    assert running.settings[COOLDOWN] == 48
    assert running.settings.lifecycle_policy().cooldown.days == 2
    running.close()


def test_a_damaged_file_of_settings_leaves_the_last_good_ones_and_is_mended(home: Path) -> None:
    set_(home, f"{COOLDOWN}=48")
    applied(home)
    running = App(home)
    assert running.settings[COOLDOWN] == 48
    path = running.home.runtime_config
    path.chmod(0o600)
    path.write_bytes(path.read_bytes().replace(b"48", b"12"))
    assert running.settings[COOLDOWN] == 48
    running.recover()
    running.close()
    assert origin_of(home, COOLDOWN) == ("48", "runtime config")


def test_a_running_bot_follows_at_once(home: Path) -> None:
    with daemon(home, "worker"):
        said = set_(home, f"{COOLDOWN}=48")
        assert said.code == 0, said.err
        assert call(home, "reject", "SOL").code == 0
    entry = App(home).store.read(MANAGED_STATE).content.managed_assets["SOL"]
    assert entry.cooldown_until is not None
    assert (entry.cooldown_until - entry.history[-1].ts).total_seconds() == 48 * 3600
