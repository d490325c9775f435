"""`tail`, `--since`, `--follow`, `--tz`, completion."""

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.fakes.cli_calls import REPOSITORY, argv, call


def test_since_counts_back_from_now(home: Path) -> None:
    assert len(call(home, "audit", "tail", "--since", "1 hour ago", "--json").document()["data"]) > 5
    assert call(home, "audit", "tail", "--since", "now", "--json").document()["data"] == []
    some = call(home, "audit", "tail", "--since", "1 hour ago", "-n", "2", "--json").document()["data"]
    assert len(some) == 2


def test_a_time_without_a_zone_is_an_error(home: Path) -> None:
    said = call(home, "audit", "tail", "--since", "2026-05-01T12:00")
    assert (said.code, "names no zone" in said.err) == (2, True)


def test_commands_tail_shows_the_newest_last(home: Path) -> None:
    call(home, "pause", "ETH")
    rows = call(home, "commands", "tail", "--json").document()["data"]
    assert rows[-1]["type"] == "pause_managed_asset"
    assert call(home, "commands", "tail", "-n", "1").out.splitlines()[-1].split()[3] == "pause_managed_asset"


@pytest.mark.parametrize(
    ("words", "kind"),
    [(("commands", "tail"), "pause_managed_asset"), (("audit", "tail"), "managed.asset_paused")],
)
def test_what_is_followed_is_told_as_it_comes(home: Path, words: tuple[str, ...], kind: str) -> None:
    following = subprocess.Popen(
        argv(home, *words, "-n", "1", "--follow", "--json"), cwd=REPOSITORY, stdout=subprocess.PIPE, text=True
    )
    assert following.stdout is not None
    with following:
        try:
            first = json.loads(following.stdout.readline())
            assert first["data"]["type"] != kind
            assert call(home, "pause", "ETH").code == 0
            seen = json.loads(following.stdout.readline())
        finally:
            following.send_signal(signal.SIGINT)
        assert following.wait(timeout=20) == 130
    assert seen["data"]["type"] == kind


def test_local_time_is_added_where_it_is_asked_for(home: Path) -> None:
    said = call(home, "--tz", "Asia/Tokyo", "holdings", "show", "ETH")
    assert " JST)" in said.out
    assert "Z (" in said.out.splitlines()[0]
    assert call(home, "--tz", "Moon", "status").code == 2
    assert "JST" not in call(home, "--tz", "Asia/Tokyo", "holdings", "show", "ETH", "--json").out


def test_an_unknown_command_id_gets_a_hint(home: Path) -> None:
    uid = call(home, "pause", "ETH", "--json").document()["data"]["uid"]
    slip = uid[:7] + ("0" if uid[7] != "0" else "1")
    said = call(home, "commands", "show", slip)
    assert (said.code, f"Did you mean {uid[:8]}?" in said.err) == (2, True)


def completions(home: Path, *words: str) -> list[str]:
    """Return what bash is offered for the last word."""
    line = ["bot", "--home", str(home), *words]
    done = subprocess.run(
        argv(home)[:3],
        cwd=REPOSITORY,
        env={
            **os.environ,
            "_BOT_COMPLETE": "bash_complete",
            "COMP_WORDS": " ".join(line),
            "COMP_CWORD": str(len(line) - 1),
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert done.stderr == ""
    return [item.partition(",")[2] for item in done.stdout.split()]


def test_the_shell_completes_commands_coins_and_ids(home: Path) -> None:
    uid = call(home, "pause", "ETH", "--json").document()["data"]["uid"]
    assert completions(home, "rele") == ["release"]
    assert completions(home, "pause", "e") == ["ETH"]
    assert completions(home, "holdings", "show", "S") == ["SOL"]
    assert uid in completions(home, "commands", "show", uid[:6])
    assert completions(home, "explain", "pause_f") == ["pause_first"]
    assert completions(home / "nowhere", "pause", "E") == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_its_script(home: Path, shell: str) -> None:
    said = call(home, "completion", shell)
    assert (said.code, "_BOT_COMPLETE" in said.out) == (0, True)
    assert call(home, "completion", shell, "--json").document()["data"]["script"] in said.out
