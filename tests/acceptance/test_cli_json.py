"""Every command of the tree answers with `--json`: one document, or a stream of them (rule 1)."""

import datetime as dt
import json
import re
import signal
import subprocess
from pathlib import Path

import click
import pytest

from tests.acceptance.test_cli_help import LEAVES
from tests.fakes.cli_calls import REPOSITORY, argv, call

CALLS: dict[tuple[str, ...], tuple[str, ...]] = {
    ("init",): (),
    ("status",): (),
    ("doctor",): ("--offline",),
    ("holdings", "ls"): (),
    ("holdings", "show"): ("ETH",),
    ("propose",): ("DOGE", "--no-wait"),
    ("proposals", "diff"): ("SOL",),
    ("proposals", "explain"): ("SOL",),
    ("proposals", "ls"): (),
    ("proposals", "report"): ("SOL",),
    ("proposals", "show"): ("SOL",),
    ("proposals", "verify"): ("SOL",),
    ("suggestions",): (),
    ("approve",): ("SOL", "--confirm", "SOL:recommended", "--digest", "00000000"),
    ("reject",): ("SOL", "--no-wait"),
    ("pause",): ("ETH",),
    ("resume",): ("ETH", "--no-wait"),
    ("release",): ("ETH", "--pause"),
    ("override",): ("ETH", "--take-profit", "99999", "--reason", "x", "--dry-run"),
    ("exit",): ("ETH", "--dry-run"),
    ("drift",): ("--offline",),
    ("orders", "ls"): (),
    ("orders", "show"): ("mh-",),
    ("positions", "ls"): (),
    ("positions", "show"): ("ETH", "--offline"),
    ("trading", "halt"): ("--dry-run",),
    ("trading", "resume"): ("--dry-run",),
    ("trading", "status"): (),
    ("explain",): ("ETH",),
    ("baseline", "apply"): ("--no-wait",),
    ("baseline", "capture"): (),
    ("baseline", "clear"): ("--dry-run",),
    ("baseline", "show"): (),
    ("run",): ("--once",),
    ("worker",): ("--once",),
    ("commands", "ls"): (),
    ("commands", "show"): ("ffff",),
    ("commands", "stats"): (),
    ("commands", "tail"): (),
    ("audit", "show"): ("ETH",),
    ("audit", "tail"): (),
    ("audit", "verify"): (),
    ("state", "adopt"): ("state/quarantine/nothing.json",),
    ("state", "backup"): ("copy",),
    ("state", "check"): (),
    ("state", "diff"): (),
    ("state", "rebuild"): (),
    ("state", "restore"): ("1", "--dry-run"),
    ("state", "show"): (),
    ("db", "claim"): (),
    ("db", "rebuild-cache"): (),
    ("db", "upgrade"): (),
    ("settings", "clear"): ("--dry-run",),
    ("settings", "set"): ("trading.cycle_s=5", "--dry-run"),
    ("settings", "show"): (),
    ("users", "add"): ("zoe", "--role", "viewer", "--os-user", "zoe", "--dry-run"),
    ("users", "ls"): (),
    ("users", "remove"): ("zoe", "--dry-run"),
    ("users", "set-role"): ("zoe", "viewer", "--dry-run"),
    ("users", "whoami"): (),
    ("completion",): ("bash",),
}
"""One call of each command; what it answers, yes or no, is one document."""

ELSEWHERE = {("demo",), ("box", "serve")}
"""The demo has a file of its own, tests/acceptance/test_demo.py; the box is asked below."""


def test_no_command_of_the_tree_is_left_out() -> None:
    assert {*CALLS, *ELSEWHERE} == set(LEAVES)


@pytest.mark.parametrize("path", CALLS, ids=" ".join)
def test_with_json_it_prints_one_document_whatever_the_answer(
    home: Path, path: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(home)
    said = call(home, *path, *CALLS[path], "--json")
    document = json.loads(said.out)  # anything before or behind it would not parse
    assert re.fullmatch(r"bot-[a-z-]+-\d+", document["schema"])
    assert dt.datetime.fromisoformat(document["generated_at"]).tzinfo is not None
    assert document["generated_at"].endswith("Z")
    assert document["environment"] == "sandbox"
    assert isinstance(document["warnings"], list)
    assert ("data" in document) is not ("error" in document)
    assert "Traceback" not in said.err
    assert said.code != 1, said
    if "error" in document:
        assert document["error"]["exit_code"] == said.code


@pytest.mark.parametrize("path", LEAVES, ids=" ".join)
def test_what_sends_a_command_takes_all_three_sending_options(path: tuple[str, ...]) -> None:
    found = {option for parameter in LEAVES[path].params for option in parameter.opts}
    sending = {"--wait", "--dry-run", "--key"}
    assert found & sending in (set(), sending)
    for parameter in LEAVES[path].params:
        if "--wait" in parameter.opts:
            assert "--no-wait" in parameter.secondary_opts


@pytest.mark.parametrize("path", LEAVES, ids=" ".join)
def test_what_names_a_coin_completes_it(path: tuple[str, ...]) -> None:
    for parameter in LEAVES[path].params:
        if isinstance(parameter, click.Argument) and parameter.name in {"asset", "assets"}:
            assert parameter._custom_shell_complete is not None


@pytest.mark.parametrize(
    "words",
    [("status", "--watch"), ("audit", "tail", "--follow"), ("commands", "tail", "--follow")],
    ids=" ".join,
)
def test_a_stream_is_documents_line_by_line(home: Path, words: tuple[str, ...]) -> None:
    stream = subprocess.Popen(
        argv(home, *words, "--json"),
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert stream.stdout is not None
    with stream:
        try:
            document = json.loads(stream.stdout.readline())
        finally:
            stream.send_signal(signal.SIGINT)
        assert stream.wait(timeout=20) == 130
    assert {"schema", "generated_at", "environment", "warnings", "data"} <= set(document)


def test_the_box_says_in_one_line_how_to_reach_it(tmp_path: Path) -> None:
    box = subprocess.Popen(
        argv(tmp_path, "box", "serve", "--port", "0", "--json"),
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert box.stdout is not None
    with box:
        try:
            address = json.loads(box.stdout.readline())
        finally:
            box.terminate()
    assert {"rest_url", "api_key", "control_url"} <= set(address)
