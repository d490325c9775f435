"""Rule 6: what a change says, who applies it, and what its exit code means."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bot.app.clock import SystemClock
from bot.storage.files.locks import hold
from bot.storage.heartbeat import read_heartbeat
from bot.storage.home import Home
from tests.fakes.cli_calls import REPOSITORY, argv, call


def state_of(home: Path, asset: str) -> str:
    return str(call(home, "holdings", "show", asset, "--json").document()["data"]["holding"]["state"])


def set_role(home: Path, role: str) -> None:
    file = home / "bot.toml"
    file.write_text(file.read_text(encoding="utf-8").replace('"admin"', f'"{role}"'), encoding="utf-8")


@contextmanager
def daemon(home: Path, *words: str) -> Iterator[subprocess.Popen[str]]:
    """Run `bot run` or `bot worker` until the body is done; it must end in order."""
    process = subprocess.Popen(
        argv(home, *words), cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    clock = SystemClock()
    deadline = clock.monotonic() + 20
    try:
        while (beat := read_heartbeat(Home(home))) is None or not beat.is_alive:
            assert process.poll() is None, process.communicate()
            assert clock.monotonic() < deadline
            clock.sleep(0.02)
        yield process
    finally:
        process.terminate()
        out, err = process.communicate(timeout=20)
        assert process.returncode == 0, (out, err)


def test_pause_applies_itself_when_no_worker_is_there(home: Path) -> None:
    said = call(home, "pause", "ETH")
    assert said.code == 0
    assert "ETH: managed_active -> managed_paused (applied here, no worker needed)" in said.out
    assert "serial " in said.out
    assert "audit #" in said.out
    assert state_of(home, "ETH") == "managed_paused"


def test_no_wait_only_enqueues(home: Path) -> None:
    said = call(home, "pause", "ETH", "--no-wait")
    assert said.code == 0
    assert "is queued as " in said.out
    assert "bot worker --once" in said.err
    assert state_of(home, "ETH") == "managed_active"
    assert "managed_active -> managed_paused" in call(home, "worker", "--once").out


@pytest.mark.parametrize(
    "words",
    [
        ("propose", "DOGE"),
        ("reject", "SOL"),
        ("baseline", "apply"),
    ],
    ids=" ".join,
)
def test_without_a_worker_it_says_so_and_the_outcome_is_open(home: Path, words: tuple[str, ...]) -> None:
    call(home, "baseline", "capture")
    said = call(home, *words)
    assert said.code == 8
    assert "is queued as " in said.out
    assert "No worker is running. Apply what waits: bot worker --once" in said.err


def test_with_a_worker_it_waits_for_the_outcome(home: Path) -> None:
    with daemon(home, "run"):
        said = call(home, "pause", "ETH")
        assert (said.code, said.out.splitlines()[0]) == (0, "ETH: managed_active -> managed_paused")
        refused = call(home, "pause", "ETH")
        assert (refused.code, "[paused_already]" in refused.err) == (5, True)
        made = call(home, "propose", "DOGE")
        assert made.code == 0, made
        assert "DOGE: proposal_pending -> risk_proposed" in made.out
        unknown = call(home, "propose", "DOG")
        assert (unknown.code, "[unknown_asset]" in unknown.err) == (5, True)
        assert "Did you mean DOGE?" in unknown.err
        assert "worker running" not in call(home, "status").out.splitlines()[0]
        assert call(home, "run").code == 11, "one bot per home"
        assert call(home, "run", "--once").code == 11
        assert "[already_running]" in call(home, "worker").err


def test_a_dry_run_follows_the_rules_and_changes_nothing(home: Path) -> None:
    before = (home / "state" / "managed_state.json").read_bytes()
    said = call(home, "pause", "ETH", "--dry-run")
    assert (said.code, said.out) == (
        0,
        "ETH: would be: managed_active -> managed_paused; nothing was changed (dry run)\n",
    )
    assert call(home, "pause", "SOL", "--dry-run").code == 5
    assert (home / "state" / "managed_state.json").read_bytes() == before


def test_the_same_key_gives_the_same_answer_and_another_request_is_refused(home: Path) -> None:
    first = call(home, "pause", "ETH", "--key", "k-1", "--json").document()["data"]
    again = call(home, "pause", "ETH", "--key", "k-1", "--json").document()["data"]
    assert first["uid"] == again["uid"]
    assert first["outcome"]["applied_serial"] == again["outcome"]["applied_serial"]
    other = call(home, "pause", "ETH", "--exits", "off", "--key", "k-1")
    assert (other.code, "[idempotency_conflict]" in other.err) == (5, True)


def test_release_pauses_first_when_asked(home: Path) -> None:
    refused = call(home, "release", "ETH")
    assert (refused.code, "[pause_first]" in refused.err) == (5, True)
    assert "bot pause ETH, then bot release ETH" in refused.err
    said = call(home, "release", "ETH", "--pause", "--mode", "immediate")
    assert said.code == 0
    assert "managed_active -> managed_paused" in said.out
    assert "managed_paused -> release_pending" in said.out
    call(home, "worker", "--once")
    assert state_of(home, "ETH") == "frozen"


def test_an_error_has_four_lines_and_no_traceback(home: Path) -> None:
    said = call(home, "pause", "SOL")
    lines = said.err.splitlines()
    assert len(lines) == 4
    assert lines[0].startswith("Error: ")
    assert lines[0].endswith("[transition_not_allowed]")
    assert [line[:13] for line in lines[1:]] == ["  why:       ", "  unchanged: ", "  to do:     "]
    assert "bot holdings show SOL" in lines[3]


def test_a_viewer_reads_and_changes_nothing(home: Path) -> None:
    set_role(home, "viewer")
    assert call(home, "status").code == 0
    for words in (("pause", "ETH"), ("propose", "DOGE"), ("reject", "SOL"), ("release", "ETH")):
        said = call(home, *words)
        assert (said.code, "[role_missing]" in said.err) == (4, True)


def test_an_operator_lowers_risk_and_asks_but_does_not_decide(home: Path) -> None:
    set_role(home, "operator")
    assert call(home, "pause", "ETH").code == 0
    assert call(home, "propose", "DOGE", "--no-wait").code == 0
    digest = call(home, "proposals", "show", "SOL", "--json").document()["data"]["digest"]
    for words in (
        ("approve", "SOL", "--confirm", "SOL:recommended", "--digest", digest[:8]),
        ("reject", "SOL"),
        ("resume", "ETH", "--override"),
        ("baseline", "clear"),
    ):
        assert call(home, *words).code == 4, words


def test_who_is_no_user_of_the_home_changes_nothing(home: Path) -> None:
    (home / "bot.toml").write_text(
        'environment = "sandbox"\n[users.ann]\nrole = "admin"\nos_user = "somebody-else"\n', encoding="utf-8"
    )
    said = call(home, "pause", "ETH")
    assert (said.code, "is no user of this home" in said.err) == (4, True)


def test_who_you_are_does_not_come_from_a_variable(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    me = call(home, "status", "--json").document()["data"]["you"]
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(name, "somebody-else")
    assert call(home, "status", "--json").document()["data"]["you"] == me


@pytest.mark.timeout(60)
def test_a_held_lock_is_named(home: Path) -> None:
    with hold(Home(home).state_lock, clock=SystemClock(), what="a test", timeout_s=1):
        from_another_process = subprocess.run(
            argv(home, "pause", "ETH"), cwd=REPOSITORY, capture_output=True, text=True, check=False
        )
    assert (from_another_process.returncode, "[lock_held]" in from_another_process.stderr) == (11, True)
    assert state_of(home, "ETH") == "managed_active"
