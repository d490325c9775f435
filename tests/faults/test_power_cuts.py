"""A power cut at every call: every picture that the disk may show afterwards is made and recovered from.

A kill cannot show a missing flush, because the system keeps what was written; this can.
"""

import contextlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Protocol

import pytest

from bot.storage.documents import MANAGED_STATE
from bot.storage.state_store import StateStore
from tests.fakes.command_group import APPLIED
from tests.fakes.storage_faults import copy_home, open_store
from tests.faults.disk_model import Disk, Image, JournalOps, Model, Note, PowerCut, image_of, lay_out
from tests.faults.tally import IS_LONG, Tally, sized
from tests.faults.verdicts import (
    add_sol,
    apply_group,
    group_problem,
    problem,
    recover_only,
    refusal_problem,
    refuse_one,
)

PUBLIC = "state/managed_state.json"
NEWEST = "backups/managed_state/00000002.json"
BOTH: tuple[Model, Model] = ("ordered", "weak")


class Verdict(Protocol):
    """Says what is wrong with a home, or None."""

    def __call__(self, root: Path, /, *, must_be_new: bool) -> str | None: ...


class Bench:
    """One home on which pictures are laid out, one after the other, each only once."""

    def __init__(self, template: Path, folder: Path, verdict: Verdict) -> None:
        self._root = copy_home(template, folder / "picture")
        self._verdict = verdict
        self._tried: set[tuple[frozenset[tuple[str, tuple[bytes, int]]], bool]] = set()
        self.bad: list[str] = []

    @property
    def count(self) -> int:
        return len(self._tried)

    def try_out(self, image: Image, *, must_be_new: bool, at: str) -> None:
        key = (frozenset(image.items()), must_be_new)
        if key in self._tried:
            return
        self._tried.add(key)
        lay_out(image, self._root)
        wrong = self._verdict(self._root, must_be_new=must_be_new)
        if wrong is not None:
            self.bad.append(f"{at}: {wrong}")


def _cuts(base: Image, notes: list[Note], model: Model, first: int = 0) -> Iterator[tuple[int, Image]]:
    """Yield (calls that happened, picture) of a cut after each call from `first` on."""
    disk = Disk.of(base, model)
    for number, note in enumerate(notes):
        if number >= first:
            yield from ((number, image) for image in disk.images())
        disk.apply(note)
    yield from ((len(notes), image) for image in disk.images())


def _journal(root: Path, work: Callable[[StateStore], None], *, cut_at: int | None = None) -> JournalOps:
    ops = JournalOps(root)
    ops.cut_at = cut_at
    with contextlib.suppress(PowerCut):
        work(open_store(root, ops))
    return ops


def _shown_from(notes: list[Note]) -> int:
    """Return after how many calls everybody can read the last change: from then on it may not go away."""
    shown = [number for number, note in enumerate(notes) if note.what == "rename" and note.path == PUBLIC]
    return shown[-1] + 1


def _commit_the_same(store: StateStore) -> None:
    """Make one more version, with nothing new but its audit record."""
    with store.transaction() as work:
        work.commit(MANAGED_STATE, work.current(MANAGED_STATE).content, commands=[], events=[])


def _commit_twice(store: StateStore) -> None:
    """Build on a commit of the same process: what the first one left unflushed shows in the second."""
    _commit_the_same(store)
    add_sol(store)


@pytest.mark.parametrize("model", BOTH)
@pytest.mark.parametrize(
    ("work", "verdict"),
    [(add_sol, problem), (_commit_twice, problem), (apply_group, group_problem)],
    ids=["one commit", "two commits", "a group"],
)
def test_after_a_power_cut_anywhere_in_a_commit_the_state_is_old_or_new(
    template: Path,
    tmp_path: Path,
    tally: Tally,
    model: Model,
    work: Callable[[StateStore], None],
    verdict: Verdict,
) -> None:
    ops = _journal(copy_home(template, tmp_path / "live"), work)
    bench = Bench(template, tmp_path, verdict)
    for happened, image in _cuts(image_of(template), ops.notes, model):
        must_be_new = happened >= _shown_from(ops.notes)
        bench.try_out(image, must_be_new=must_be_new, at=f"cut after {happened} of {len(ops.notes)} calls")
    kind = "a commit of a group" if work is apply_group else "a commit"
    tally.add(f"power cut in {kind}, {model} disk (pictures)", bench.count, bench.bad)
    assert bench.count > 10


@pytest.mark.parametrize("model", BOTH if IS_LONG else BOTH[1:])
@pytest.mark.parametrize(
    ("change", "uid", "verdict"),
    [(add_sol, "add-sol", problem), (apply_group, APPLIED[-1], group_problem)],
    ids=["one command", "a group"],
)
def test_killed_then_recovered_then_cut_what_the_recovery_said_is_still_true(
    template: Path,
    tmp_path: Path,
    tally: Tally,
    model: Model,
    change: Callable[[StateStore], None],
    uid: str,
    verdict: Verdict,
) -> None:
    base = image_of(template)
    calls = _journal(copy_home(template, tmp_path / "counted"), change).count
    bench = Bench(template, tmp_path, verdict)
    step = sized(3, 1) if change is apply_group else 1
    for kill_at in range(0, calls + 1, step):
        root = copy_home(template, tmp_path / f"live-{kill_at}")
        ops = _journal(root, change, cut_at=kill_at)
        killed_at = len(ops.notes)
        ops.revive()
        store = open_store(root, ops)
        with store.transaction() as work:
            was_new = work.applied(uid) is not None
            told_at = len(ops.notes)
        _commit_the_same(store)  # nothing may be built on what was only seen
        for happened, image in _cuts(base, ops.notes, model, killed_at):
            told = was_new and happened >= told_at
            bench.try_out(image, must_be_new=told, at=f"killed before {kill_at}, cut after {happened}")
    tally.add(f"kill, recovery, power cut, {model} disk (pictures)", bench.count, bench.bad)
    assert bench.count > 40


def _group_with_its_refusal_problem(root: Path, /, *, must_be_new: bool) -> str | None:
    return group_problem(root, must_be_new=must_be_new, told=must_be_new)


@pytest.mark.parametrize("model", BOTH)
@pytest.mark.parametrize(
    ("work", "verdict"),
    [(refuse_one, refusal_problem), (apply_group, _group_with_its_refusal_problem)],
    ids=["alone", "in a group"],
)
def test_after_a_power_cut_an_acknowledged_refusal_is_there(
    template: Path,
    tmp_path: Path,
    tally: Tally,
    model: Model,
    work: Callable[[StateStore], None],
    verdict: Verdict,
) -> None:
    ops = _journal(copy_home(template, tmp_path / "live"), work)
    bench = Bench(template, tmp_path, verdict)
    for happened, image in _cuts(image_of(template), ops.notes, model):
        bench.try_out(image, must_be_new=happened == len(ops.notes), at=f"cut after {happened}")
    tally.add(f"power cut while a refusal is kept, {model} disk (pictures)", bench.count, bench.bad)


def _damaged_version(root: Path) -> None:
    (root / NEWEST).chmod(0o600)
    (root / NEWEST).write_bytes(b"damaged")


def _edited_public(root: Path) -> None:
    (root / PUBLIC).write_bytes((root / PUBLIC).read_bytes().replace(b"1.5", b"150"))


def _torn_audit(root: Path) -> None:
    log = root / "state/audit/audit.jsonl"
    log.write_bytes(log.read_bytes()[:-30])


@pytest.mark.parametrize("damage", [_damaged_version, _edited_public, _torn_audit])
def test_a_power_cut_while_damage_is_mended_makes_nothing_worse(
    template: Path, tmp_path: Path, tally: Tally, damage: Callable[[Path], None]
) -> None:
    root = copy_home(template, tmp_path / "live")
    damage(root)
    base = image_of(root)
    ops = _journal(root, recover_only)
    bench = Bench(template, tmp_path, partial(problem, alarms=True))
    for model in BOTH:
        for happened, image in _cuts(base, ops.notes, model):
            bench.try_out(image, must_be_new=False, at=f"cut after {happened}")
    tally.add("power cut while damage is mended (pictures)", bench.count, bench.bad)
