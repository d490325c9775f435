"""The demo: the whole job by the commands that a person types, and what is left when it is killed."""

import json
import os
import random
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from bot.app.clock import SystemClock
from tests.fakes.cli_calls import REPOSITORY, argv, call, environment

CLOCK = SystemClock()
LEFT_OVER = "left-over"
STATES = {
    "SOL": ["frozen", "proposal_pending", "risk_proposed", "managed_active", "exit_executed"],
    "ETH": ["frozen", "proposal_pending", "risk_proposed", "managed_active"],
    "DOGE": ["frozen", "proposal_pending", "risk_proposed"],
}


def processes_of(home: Path) -> list[int]:
    """Return the processes that were started for this home and still run."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if entry.name.isdigit() and str(home).encode() in words:
            found.append(int(entry.name))
    return found


def wait_until_alone(home: Path) -> None:
    deadline = CLOCK.monotonic() + 15
    while processes_of(home):
        assert CLOCK.monotonic() < deadline, f"still there: {processes_of(home)}"
        CLOCK.sleep(0.05)


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """A demo that ran to its end, and all that it printed."""
    home = tmp_path_factory.mktemp("demo") / "home"
    killed_early = subprocess.Popen(argv(home, "demo"), cwd=REPOSITORY, stdout=subprocess.DEVNULL)
    while not (home / "bot.toml").exists():
        assert killed_early.poll() is None
        CLOCK.sleep(0.02)
    killed_early.kill()
    killed_early.wait()
    wait_until_alone(home)
    (home / LEFT_OVER).write_text("of an earlier demo", encoding="utf-8")
    began = CLOCK.monotonic()
    done = subprocess.run(
        argv(home, "demo"),
        cwd=REPOSITORY,
        env=environment(BOT_ENVIRONMENT="testnet", BOT_CLI_WAIT_S="0"),  # the caller's shell changes nothing
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert CLOCK.monotonic() - began < 60
    yield home, done.stdout
    wait_until_alone(home)


@pytest.mark.parametrize("asset", STATES)
def test_each_step_is_printed_with_the_state_before_and_after(told: tuple[Path, str], asset: str) -> None:
    steps = re.findall(rf"^  {asset}: (\w+) -> (\w+)", told[1], re.MULTILINE)
    path = [steps[0][0], *(after for _, after in steps)]
    assert [state for state in path if state != "managed_drift_alert"] == STATES[asset]  # the loop may see it
    assert [before for before, _ in steps] == path[:-1]


def test_it_leaves_one_coin_at_each_stage(told: tuple[Path, str]) -> None:
    lines = call(told[0], "holdings", "ls", "--json").document()["data"]
    assert {line["asset"]: line["state"] for line in lines} == {
        "SOL": "exit_executed",
        "ETH": "managed_active",
        "DOGE": "risk_proposed",
        "BTC": "frozen",
        "USDT": "frozen",
    }


def test_the_market_reaches_the_target_within_a_screen(told: tuple[Path, str]) -> None:
    prices = re.findall(r"^ +\d+ h   SOL ([\d.]+)(.*)$", told[1], re.MULTILINE)
    assert 3 <= len(prices) <= 15
    assert prices[-1][1] == ": the target is reached"
    assert "sold 16.656 of 16.656 handed over" in told[1]


def test_it_ends_with_three_commands_that_work(told: tuple[Path, str]) -> None:
    home, printed = told
    tail = printed[printed.index("Three commands to try next") :]
    suggested = re.findall(rf"bot --home {re.escape(str(home))} (.+)", tail)[:3]
    assert len(suggested) == 3
    for words in suggested:
        assert call(home, *words.split()).code == 0


def test_its_documents_are_valid_for_an_independent_tool(told: tuple[Path, str]) -> None:
    home = told[0]
    files = [*(home / "state").glob("*.json"), *(home / "risk_proposals").glob("*.json")]
    assert len(files) == 4 + 3
    for path in files:
        document = json.loads(path.read_bytes())
        schema = json.loads((path.parent / document["$schema"]).read_bytes())
        assert [error.message for error in Draft202012Validator(schema).iter_errors(document)] == []


def test_the_checks_are_clean_and_no_process_stays(told: tuple[Path, str]) -> None:
    home = told[0]
    assert call(home, "state", "check").code == 0
    assert call(home, "audit", "verify").code == 0
    wait_until_alone(home)


def test_the_folder_of_an_earlier_demo_was_made_new(told: tuple[Path, str]) -> None:
    assert not (told[0] / LEFT_OVER).exists()


@pytest.mark.parametrize("kind", ["somebody's files", "a home of work"])
def test_a_folder_that_the_demo_did_not_make_is_refused(tmp_path: Path, kind: str) -> None:
    folder = tmp_path / "precious"
    if kind == "a home of work":
        call(folder, "init")
    else:
        folder.mkdir()
        (folder / "thesis.txt").write_text("years of work", encoding="utf-8")
    before = sorted(folder.rglob("*"))
    said = call(folder, "demo")
    assert (said.code, "was not made by the demo" in said.err) == (2, True)
    assert sorted(folder.rglob("*")) == before


_RANDOM = random.Random(20)
MOMENTS_S = [_RANDOM.uniform(*part) for part in ((0.4, 1.5), (1.5, 4), (4, 8))]


@pytest.mark.parametrize("after_s", MOMENTS_S, ids=lambda moment: f"{moment:.1f}s")
def test_killed_anywhere_it_leaves_a_home_that_can_be_understood(tmp_path: Path, after_s: float) -> None:
    home = tmp_path / "home"
    demo = subprocess.Popen(
        argv(home, "demo"), cwd=REPOSITORY, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    CLOCK.sleep(after_s)
    os.kill(demo.pid, signal.SIGKILL)
    demo.wait()
    wait_until_alone(home)  # its children end by themselves
    status, drained = call(home, "status"), call(home, "worker", "--once")
    if not (home / "bot.toml").exists():  # killed before there was a home
        assert (status.code, drained.code) == (3, 3)
        return
    if status.code == 3:  # killed within `bot init`: a start is completed by starting again
        assert call(home, "init").code == 0
        status, drained = call(home, "status"), call(home, "worker", "--once")
    assert status.code == 0, status
    assert drained.code in {0, 7}, drained  # 7: a proposal waits, and the box is gone
    assert call(home, "state", "check").code == 0
    assert call(home, "audit", "verify").code == 0
