"""Killed with SIGKILL: at every disk call by a hook, and at system calls by strace, which knows no hook.

`tests/integration/test_storage_faults.py` sweeps commit, recovery and first start by the hook; here are
the refusal and the mending of damage. strace counts calls, so it is told to kill at the n-th of a name;
where it is not installed those tests are skipped and say so.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from bot.storage.state_store import StateStore
from tests.conftest import REPOSITORY
from tests.fakes.storage_faults import KillingOps, copy_home, open_store, run_and_die
from tests.faults.tally import IS_LONG, Tally, sized
from tests.faults.verdicts import (
    apply_group,
    group_problem,
    problem,
    recover_only,
    refusal_problem,
    refuse_one,
)

Verdict = Callable[[Path], str | None]

KILLED = -signal.SIGKILL
"""strace ends as what it traces did; a shell would call it 137."""
CALLS = "openat,write,fsync,rename,link,linkat,close,unlink,unlinkat,ftruncate,fchmod,chmod,flock,pwrite64"
DECIDING = frozenset({"link", "linkat", "rename", "fsync", "unlink", "ftruncate"})
"""What a short run kills at; the long run takes every call on the home's files."""

_CALL = re.compile(r"^(?:\d+ +)?(\w+)\(")
needs_strace = pytest.mark.skipif(
    shutil.which("strace") is None, reason="strace is not installed (apt install strace)"
)


def _under_strace(words: list[str], log: Path, work: str, root: Path) -> subprocess.CompletedProcess[str]:
    command = ["strace", "-f", "-y", "-qq", "-o", str(log), "-e", f"trace={CALLS}", *words]
    # With --seccomp-bpf strace 6.1 delivers no signal, silently: never add it.
    command += [sys.executable, "-B", "-m", "tests.faults.worker_process", work, str(root)]
    environ = {**os.environ, "PYTHONHASHSEED": "0"}
    return subprocess.run(
        command, cwd=REPOSITORY, env=environ, capture_output=True, text=True, timeout=60, check=False
    )


def _calls_on_the_home(work: str, root: Path, log: Path) -> list[tuple[str, int]]:
    """Return (call, its number among the calls of that name) for every call on the home's files."""
    run = _under_strace([], log, work, root)
    assert run.returncode == 0, run.stderr
    counted: Counter[str] = Counter()
    found: list[tuple[str, int]] = []
    for line in log.read_text(errors="replace").splitlines():
        call = _CALL.match(line)
        if call is None:
            continue
        counted[call[1]] += 1
        if str(root) in line:
            found.append((call[1], counted[call[1]]))
    return found


def _places(calls: list[tuple[str, int]]) -> list[tuple[str, int]]:
    """Return where to kill: everywhere, or where it decides."""
    return calls if IS_LONG else [place for place in calls if place[0] in DECIDING]


def _kill(work: str, root: Path, log: Path, place: tuple[str, int]) -> None:
    name, number = place
    run = _under_strace(["-e", f"inject={name}:signal=KILL:when={number}"], log, work, root)
    assert run.returncode == KILLED, f"{work} was not killed at {place}: {run.returncode} {run.stderr[-300:]}"


@needs_strace
@pytest.mark.parametrize(
    ("work", "verdict", "kind"),
    [("add", problem, "a commit"), ("group", group_problem, "a commit of a group")],
    ids=["one command", "a group"],
)
def test_killed_at_system_calls_of_a_commit_the_state_is_old_or_new(
    template: Path, tmp_path: Path, tally: Tally, work: str, verdict: Verdict, kind: str
) -> None:
    calls = _calls_on_the_home(work, copy_home(template, tmp_path / "recorded"), tmp_path / "log")
    assert {"openat", "write", "fsync", "rename", "unlink", "close"} <= {name for name, _ in calls}
    bad: list[str] = []
    places = _places(calls)
    for number, place in enumerate(places):
        root = copy_home(template, tmp_path / f"home-{number}")
        _kill(work, root, tmp_path / "log", place)
        wrong = verdict(root)
        bad += [f"{place}: {wrong}"] if wrong else []
    tally.add(f"kill -9 at a system call of {kind} (strace)", len(places), bad)


@needs_strace
def test_killed_in_a_commit_and_at_system_calls_of_the_recovery_the_state_is_old_or_new(
    template: Path, tmp_path: Path, tally: Tally
) -> None:
    recorded = _calls_on_the_home("add", copy_home(template, tmp_path / "recorded"), tmp_path / "log")
    link = next(place for place in recorded if place[0] in {"link", "linkat"})
    flushes = [place for place in recorded if place[0] == "fsync"]
    # Killed right after the link, everything after it is the recovery's work.
    first = [flushes[-3]] if not IS_LONG else [link, *flushes[-4:]]
    bad: list[str] = []
    tried = 0
    for start in first:
        killed = copy_home(template, tmp_path / f"killed-{tried}")
        _kill("add", killed, tmp_path / "log", start)
        copy = copy_home(killed, tmp_path / f"again-{tried}")
        for place in _places(_calls_on_the_home("recover", copy, tmp_path / "log")):
            root = copy_home(killed, tmp_path / f"home-{tried}")
            _kill("recover", root, tmp_path / "log", place)
            wrong = problem(root)
            bad += [f"{start} then {place}: {wrong}"] if wrong else []
            tried += 1
    tally.add("kill -9 at a system call of a recovery (strace)", tried, bad)


def _killed_everywhere(
    template: Path, folder: Path, work: Callable[[StateStore], None]
) -> Iterator[tuple[int, Path]]:
    """Yield (call, home) for a kill before every disk call of the work."""
    at, killed = 0, True
    while killed:
        root = copy_home(template, folder / f"home-{at}")
        ops = KillingOps(at)
        killed = run_and_die(partial(work, open_store(root, ops)))
        yield at, root
        at += 1


def test_killed_at_every_call_a_refusal_is_whole_or_not_there(
    template: Path, tmp_path: Path, tally: Tally
) -> None:
    tried = 0
    bad: list[str] = []
    for at, root in _killed_everywhere(template, tmp_path, refuse_one):
        wrong = refusal_problem(root)
        bad += [f"{at}: {wrong}"] if wrong else []
        tried += 1
    tally.add("kill -9 at a disk call while a refusal is kept", tried, bad)


def test_killed_at_every_call_a_group_is_whole_or_not_there(
    template: Path, tmp_path: Path, tally: Tally
) -> None:
    tried = 0
    bad: list[str] = []
    for at, root in _killed_everywhere(template, tmp_path, apply_group):
        wrong = group_problem(root)
        bad += [f"{at}: {wrong}"] if wrong else []
        tried += 1
    tally.add("kill -9 at a disk call of a commit of a group", tried, bad)
    assert tried > 20


def test_killed_in_a_group_and_in_its_recovery_it_is_whole_or_not_there(
    template: Path, tmp_path: Path, tally: Tally
) -> None:
    tried = 0
    bad: list[str] = []
    for at, killed in _killed_everywhere(template, tmp_path / "first", apply_group):
        if at % sized(5, 1):
            continue
        for again, root in _killed_everywhere(killed, tmp_path / f"second-{at}", recover_only):
            wrong = group_problem(root)
            bad += [f"{at} then {again}: {wrong}"] if wrong else []
            tried += 1
    tally.add("kill -9 in a commit of a group, then in its recovery", tried, bad)
    assert tried > 40


def test_killed_at_every_call_while_damage_is_mended_nothing_is_worse(
    template: Path, tmp_path: Path, tally: Tally
) -> None:
    damaged = copy_home(template, tmp_path / "damaged")
    version = damaged / "backups/managed_state/00000002.json"
    version.chmod(0o600)
    version.write_bytes(b"damaged")
    public = damaged / "state/positions.json"
    public.write_bytes(b"edited")
    tried = 0
    bad: list[str] = []
    for at, root in _killed_everywhere(damaged, tmp_path, recover_only):
        wrong = problem(root, alarms=True)
        bad += [f"{at}: {wrong}"] if wrong else []
        tried += 1
    tally.add("kill -9 at a disk call while damage is mended", tried, bad)
    assert tried > 30
