"""Broken files, foreign databases, dead exchanges: each has its answer and its exit code."""

import os
import pwd
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bot.app.connection import BoxConnection, write_box
from bot.storage.home import Home
from tests.fakes.cli_calls import REPOSITORY, call


def assert_refused(home: Path, code: int, *parts: str, words: tuple[str, ...] = ("status",)) -> None:
    said = call(home, *words)
    assert said.code == code, said
    assert [part for part in parts if part not in said.err] == [], said.err
    assert len(said.err.splitlines()) >= 4


def test_no_home(tmp_path: Path) -> None:
    for words in (
        ("status",),
        ("pause", "SOL"),
        ("worker", "--once"),
        ("holdings", "ls"),
        ("commands", "ls"),
    ):
        assert_refused(tmp_path / "nothing", 3, "[home_missing]", "bot init", words=words)
    assert not (tmp_path / "nothing").exists()


def test_a_home_is_made_once(tmp_path: Path) -> None:
    made = call(tmp_path / "new", "init")
    assert (made.code, "bot box serve" in made.err) == (0, True)
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o700
    assert_refused(tmp_path / "new", 5, "[home_exists]", words=("init",))
    assert call(tmp_path / "new", "status").code == 0


# ---- environments and settings --------------------------------------------------------------------


@pytest.mark.parametrize("name", ["mainnet", "live", "production"])
def test_mainnet_is_refused_at_init(tmp_path: Path, name: str) -> None:
    words = ("init", "--environment", name)
    assert_refused(tmp_path / "new", 5, "[environment_refused]", "sandbox, paper or testnet", words=words)
    assert not (tmp_path / "new").exists()


def test_an_unknown_environment_is_refused_at_init(tmp_path: Path) -> None:
    words = ("init", "--environment", "moon")
    assert_refused(tmp_path / "new", 3, "[setting_invalid]", "moon", words=words)
    assert not (tmp_path / "new").exists()


def test_mainnet_is_refused_by_variable_and_by_file(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setenv("BOT_ENVIRONMENT", "mainnet")
        assert_refused(home, 5, "[environment_refused]")
        assert_refused(home, 5, "[environment_refused]", words=("run", "--once"))
    file = home / "bot.toml"
    file.write_text(file.read_text(encoding="utf-8").replace('"sandbox"', '"mainnet"'), encoding="utf-8")
    assert_refused(home, 5, "[environment_refused]")


def test_a_home_keeps_its_environment(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOT_ENVIRONMENT", "testnet")
    assert_refused(home, 3, "This home belongs to sandbox, not to testnet")


def test_an_unknown_setting_is_an_error_wherever_it_stands(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setenv("BOT_TRADING_CYCLES_S", "3")
        assert_refused(home, 3, "[setting_unknown]", "environment", "Did you mean BOT_TRADING_CYCLE_S?")
    with (home / "bot.toml").open("a", encoding="utf-8") as file:
        file.write("\n[trading]\ncycles_s = 3\n")
    assert_refused(home, 3, "[setting_unknown]", "bot.toml", "Did you mean trading.cycle_s?")


def test_a_setting_file_that_cannot_be_read_names_the_line(home: Path) -> None:
    (home / "bot.toml").write_text('environment = "sandbox"\nquote = = "USDT"\n', encoding="utf-8")
    assert_refused(home, 3, "[setting_invalid]", "bot.toml", "line 2")


# ---- state files ----------------------------------------------------------------------------------


def state_file(home: Path) -> Path:
    return home / "state" / "managed_state.json"


def break_file(home: Path, how: str) -> None:
    file = state_file(home)
    text = file.read_text(encoding="utf-8")
    if how == "truncated":
        text = text[: len(text) // 2]
    elif how == "duplicate key":
        text = text.replace('"state": ', '"state": "frozen",\n      "state": ', 1)
    elif how == "hand edited":
        text = text.replace('"managed_active"', '"exit_executed"', 1)
    file.write_text(text, encoding="utf-8")


@pytest.mark.parametrize(
    ("how", "tells"),
    [
        ("truncated", ("line ",)),
        ("duplicate key", ("'state' stands twice",)),
        ("hand edited", ("it was edited",)),
    ],
)
def test_a_broken_state_file_is_refused_and_named(home: Path, how: str, tells: tuple[str, ...]) -> None:
    break_file(home, how)
    broken = state_file(home).read_bytes()
    for words in (("status",), ("holdings", "ls"), ("approve", "SOL")):
        assert_refused(home, 3, "[state_file_invalid]", "managed_state.json", *tells, words=words)
    assert_refused(home, 3, "managed_state.json", words=("state", "check"))
    assert state_file(home).read_bytes() == broken, "looking mends nothing"


def test_a_value_that_no_schema_allows_is_named_with_line_and_path(home: Path) -> None:
    file = home / "state" / "baseline_holdings.json"
    text = file.read_text(encoding="utf-8").replace('"policy": "frozen"', '"policy": "frozzen"', 1)
    file.write_text(text, encoding="utf-8")
    line = 1 + text[: text.index('"frozzen"')].count("\n")
    parts = (f"baseline_holdings.json line {line}", "assets.DOGE.policy", '"frozzen"', '"tradable_quote"')
    assert_refused(home, 3, "[state_file_invalid]", *parts, words=("baseline", "show"))


@pytest.mark.parametrize("how", ["truncated", "duplicate key", "hand edited"])
def test_the_worker_sets_a_broken_state_file_aside_and_restores_the_truth(home: Path, how: str) -> None:
    before = call(home, "holdings", "ls", "--json").document()["data"]
    break_file(home, how)
    said = call(home, "worker", "--once")
    assert said.code == 0, said
    assert "ALARM" in said.err
    assert call(home, "holdings", "ls", "--json").document()["data"] == before
    assert any((home / "state" / "quarantine").iterdir())
    assert call(home, "state", "check").code == 0


def test_pausing_does_not_wait_for_a_mended_file(home: Path) -> None:
    break_file(home, "truncated")
    said = call(home, "pause", "ETH")
    assert (said.code, "ALARM" in said.err) == (0, True), said
    assert "managed_active -> managed_paused" in said.out


def test_a_damaged_settings_document_does_not_lock_the_home(home: Path) -> None:
    (home / "state" / "runtime_config.json").write_text("{", encoding="utf-8")
    assert_refused(home, 3, "runtime_config.json")
    assert call(home, "worker", "--once").code == 0
    assert call(home, "status").code == 0


# ---- exchange and database ------------------------------------------------------------------------


def test_without_a_box_it_says_how_to_start_one(home: Path) -> None:
    (home / "state" / "run" / "box.json").unlink()
    told = f"bot --home {home} box serve"
    assert_refused(home, 7, "[exchange_unavailable]", told, words=("baseline", "capture"))
    assert call(home, "propose", "DOGE").code == 8
    said = call(home, "worker", "--once")
    assert (said.code, told in said.err) == (7, True)
    assert "DOGE: request_managed_proposal" in said.out, "what was done is told"
    assert "nothing of it is lost" in said.err
    assert call(home, "worker", "--once", "--json").document()["data"]["unreached"]["code"]
    assert call(home, "status").code == 0
    assert call(home, "pause", "ETH").code == 0


def test_a_dead_exchange_is_unavailable(home: Path) -> None:
    gone = BoxConnection(
        rest_url="http://127.0.0.1:9/api/v3",
        ws_url="ws://127.0.0.1:9",
        api_key="k",
        secret="s",  # noqa: S106 - nobody is there to take it
        control_url="http://127.0.0.1:9",
        control_token="t",  # noqa: S106 - as above
        pid=1,
    )
    write_box(Home(home), gone)
    assert_refused(home, 7, "[exchange_unavailable]", "no answer", words=("baseline", "capture"))
    assert call(home, "status").code == 0


def test_a_broken_database_stops_no_pause(home: Path) -> None:
    for path in (home / "state" / "sql").iterdir():
        path.unlink()
    (home / "state" / "sql" / "commands.db").write_bytes(b"this is no database " * 300)
    assert_refused(home, 7, "[database_unavailable]", words=("commands", "ls"))
    assert_refused(home, 7, "[database_unavailable]", words=("propose", "DOGE"))
    assert call(home, "pause", "ETH").code == 0


def test_a_database_of_another_home_is_refused(home: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    call(other, "init")
    call(other, "propose", "SOL", "--no-wait")
    for path in (home / "state" / "sql").iterdir():
        path.unlink()
    shutil.copy(other / "state" / "sql" / "commands.db", home / "state" / "sql" / "commands.db")
    assert_refused(home, 3, "[database_foreign]", words=("commands", "ls"))


def test_an_address_outside_is_refused_before_it_is_called(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BOT_EXCHANGE_REST_URL", "https://api.binance.com/api/v3")
    monkeypatch.setenv("BOT_EXCHANGE_API_KEY", "key")
    monkeypatch.setenv("BOT_EXCHANGE_SECRET", "hush-hush")
    assert_refused(home, 5, "[host_not_allowed]", words=("baseline", "capture"))


# ---- disk -----------------------------------------------------------------------------------------

# It runs once before it changes the account, because the other one may not read this one's Python.
_AS_ANOTHER = """
import contextlib, io, os, sys
from bot.cli.entry import run
with contextlib.redirect_stdout(io.StringIO()):
    assert run([*sys.argv[1:3], "status"]) == 0
    assert run([*sys.argv[1:3], "commands", "ls"]) == 0
    assert run([*sys.argv[1:3], "pause", "--help"]) == 0
os.setgroups([]); os.setgid(65534); os.setuid(65534)
sys.exit(run(sys.argv[1:]))
"""


@pytest.mark.skipif(os.getuid() != 0, reason="it takes a second account, one that may only read")
def test_on_a_disk_that_only_reads_screens_work_and_changes_are_refused(home: Path) -> None:
    parents = {
        path: path.stat().st_mode & 0o7777 for path in home.parents if path.stat().st_mode & 0o55 != 0o55
    }
    file = home / "bot.toml"
    lines = file.read_text(encoding="utf-8").splitlines()
    account = pwd.getpwuid(65_534).pw_name
    told = [f'os_user = "{account}"' if line.startswith("os_user") else line for line in lines]
    file.write_text("\n".join(told), encoding="utf-8")
    for path in [home, *home.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    for path in parents:
        path.chmod(0o755)
    try:
        for words, code in ((("status",), 0), (("holdings", "ls"), 0), (("pause", "ETH"), 3)):
            done = subprocess.run(
                [sys.executable, "-c", _AS_ANOTHER, "--home", str(home), *words],
                cwd=REPOSITORY,
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == code, done
            assert "Traceback" not in done.stderr
    finally:
        for path, mode in parents.items():
            path.chmod(mode)
