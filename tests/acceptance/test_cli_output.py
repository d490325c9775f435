"""Rules 1, 2, 4 and 11 of the command line: what goes where, and how it looks."""

import datetime as dt
import json
import re
import signal
import subprocess
from pathlib import Path

import pytest

from tests.fakes.cli_calls import REPOSITORY, Said, argv, call, call_process, call_terminal

ESCAPE = "\x1b"
READING = (
    ("status",),
    ("holdings", "ls"),
    ("holdings", "show", "ETH"),
    ("proposals", "ls"),
    ("proposals", "show", "SOL"),
    ("baseline", "show"),
    ("commands", "ls"),
    ("audit", "tail"),
    ("audit", "show", "ETH"),
    ("audit", "verify"),
    ("state", "check"),
    ("settings", "show", "--origin"),
)
CHANGING = (
    ("baseline", "capture"),
    ("baseline", "apply", "--no-wait"),
    ("propose", "DOGE", "--no-wait"),
    ("propose", "DOGE", "--dry-run"),
    ("pause", "ETH"),
    ("resume", "ETH", "--no-wait"),
    ("release", "ETH", "--pause"),
    ("reject", "SOL", "--no-wait"),
    ("worker", "--once"),
    ("run", "--once"),
)


def assert_is_one_document(said: Said) -> dict[str, object]:
    document = said.document()  # anything before or behind it would not parse
    assert isinstance(document, dict)
    assert re.fullmatch(r"bot-[a-z-]+-\d+", str(document["schema"]))
    moment = str(document["generated_at"])
    assert moment.endswith("Z")
    assert dt.datetime.fromisoformat(moment).tzinfo is not None
    assert document["environment"] == "sandbox"
    assert isinstance(document["warnings"], list)
    return document


@pytest.mark.parametrize("words", [*READING, *CHANGING], ids=" ".join)
def test_with_json_every_command_prints_one_document(home: Path, words: tuple[str, ...]) -> None:
    said = call(home, *words, "--json")
    assert said.code == 0, said
    assert "data" in assert_is_one_document(said)


def test_several_coins_are_one_document(home: Path) -> None:
    said = call(home, "propose", "DOGE", "ETH", "--json", "--dry-run")
    document = assert_is_one_document(said)
    results = document["data"]
    assert isinstance(results, list)
    assert [result["asset"] for result in results] == ["DOGE", "ETH"]
    assert [result["exit_code"] for result in results] == [0, 5]
    assert said.code == 8, "one went well, one did not"


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("holdings", "show", "XYZ"), 5),
        (("proposals", "show", "zzz"), 5),
        (("pause", "SOL"), 5),
        (("nonsense",), 2),
        (("pause",), 2),
        (("commands", "show", "ffff"), 2),
    ],
)
def test_a_failing_call_with_json_prints_one_document_too(
    home: Path, words: tuple[str, ...], code: int
) -> None:
    said = call(home, *words, "--json")
    assert said.code == code, said
    document = assert_is_one_document(said)
    if "error" in document:
        error = document["error"]
        assert isinstance(error, dict)
        assert error["exit_code"] == code
        assert {"code", "what", "why", "unchanged", "fix"} <= set(error)


def test_a_check_that_fails_is_one_document_with_its_exit_code(home: Path) -> None:
    (home / "state" / "positions.json").write_text("{", encoding="utf-8")
    said = call(home, "state", "check", "--json")
    assert said.code == 3
    assert_is_one_document(said)


def test_a_broken_chain_is_one_document_with_its_exit_code(home: Path) -> None:
    log = home / "state" / "audit" / "audit.jsonl"
    log.write_bytes(log.read_bytes().replace(b"ETH", b"ETC", 1))
    said = call(home, "audit", "verify", "--json")
    assert said.code == 3
    assert_is_one_document(said)
    told = call(home, "audit", "verify")
    assert (told.code, "[audit_invalid]" in told.err, "line" in told.err) == (3, True, True)


@pytest.mark.parametrize("words", READING, ids=" ".join)
def test_data_goes_to_standard_output_in_plain_lines(home: Path, words: tuple[str, ...]) -> None:
    said = call(home, *words)
    assert said.code == 0, said
    assert ESCAPE not in said.out + said.err
    assert not re.search(r"[│┃╭╰━─┏┗]", said.out)
    assert [line for line in said.out.splitlines() if line != line.rstrip()] == []


def test_the_talk_goes_to_standard_error(home: Path) -> None:
    said = call(home, "proposals", "show", "SOL")
    assert "To approve: bot approve SOL" in said.err
    assert "To approve" not in said.out


@pytest.mark.parametrize("words", READING, ids=" ".join)
def test_every_screen_begins_with_environment_home_worker_and_time(
    home: Path, words: tuple[str, ...]
) -> None:
    first = call(home, *words).out.splitlines()[0]
    pattern = r"SANDBOX \(.*no real money\) \| (?P<home>.+) \| no worker running \| \d{4}-\d\d-\d\d [\d:]{8}Z"
    found = re.fullmatch(pattern, first)
    assert found
    assert found["home"] == str(home)


NUMBERS = re.compile(r"\d[\d,]*\.?\d*")


@pytest.mark.parametrize("columns", [60, 80, 100, 160, 200])
def test_no_width_cuts_a_number(home: Path, columns: int) -> None:
    for words in (("holdings", "ls"), ("proposals", "show", "SOL"), ("audit", "tail", "-n", "3")):
        plain = call(home, *words).out.split("\n", 1)[1]
        shown = call_terminal(home, *words, columns=columns, variables={"NO_COLOR": "1"})
        assert shown.code == 0
        lines = shown.out.splitlines()
        assert max(len(line.rstrip()) for line in lines if str(home) not in line) <= columns
        missing = set(NUMBERS.findall(plain)) - set(NUMBERS.findall(shown.out))
        assert missing == set()
        assert "…" not in shown.out


def test_no_color_means_no_escape_codes_on_a_terminal(home: Path) -> None:
    assert ESCAPE in call_terminal(home, "status").out
    assert ESCAPE not in call_terminal(home, "status", variables={"NO_COLOR": "1"}).out


def test_the_words_are_the_same_with_and_without_a_terminal(home: Path) -> None:
    on_terminal = call_terminal(home, "holdings", "ls", columns=200, variables={"NO_COLOR": "1"})
    piped = call_process(home, "holdings", "ls")
    assert on_terminal.out.splitlines()[1:] == piped.out.splitlines()[1:]


def test_watched_status_is_a_stream_of_json_lines(home: Path) -> None:
    watch = subprocess.Popen(
        argv(home, "status", "--watch", "--json"), cwd=REPOSITORY, stdout=subprocess.PIPE, text=True
    )
    assert watch.stdout is not None
    with watch:
        try:
            lines = [watch.stdout.readline(), watch.stdout.readline()]
        finally:
            watch.send_signal(signal.SIGINT)
        assert watch.wait(timeout=20) == 130
    assert [json.loads(line)["schema"] for line in lines] == ["bot-status-1"] * 2


def test_unprotected_coins_are_said_in_words(home: Path) -> None:
    said = call(home, "status")
    assert "NOT PROTECTED" in said.out
    assert "! nobody watches the exits of ETH" in said.out
    assert any("ETH" in warning for warning in call(home, "status", "--json").document()["warnings"])


def test_status_tells_who_you_are(home: Path) -> None:
    assert re.search(r"you are \w+ \(admin\)", call(home, "status").out)
    (home / "bot.toml").write_text('environment = "sandbox"\n', encoding="utf-8")
    assert "no user of this home, looking on" in call(home, "status").out
