"""Two writers without the lock, in every order of their steps: nobody's change is lost.

The lock is what keeps them apart; the link is what keeps the state whole if the lock ever fails.
"""

from collections.abc import Callable
from pathlib import Path

import pytest

from bot.kernel.errors import (
    BotError,
    RecoveryNeedsOperatorError,
    StateConflictError,
    StateUnsureError,
    StateWriteError,
)
from bot.lifecycle.documents import ManagedAsset, ManagedStateContent
from bot.lifecycle.events import Event, EventType
from bot.lifecycle.runtime_config import RuntimeConfigContent
from bot.lifecycle.states import AssetState
from bot.storage.documents import MANAGED_STATE, RUNTIME_CONFIG, AppliedCommand
from bot.storage.files.file_ops import FileOps
from bot.storage.rebuild import compare_with_live
from bot.storage.state_store import StateStore, Transaction
from tests.fakes.storage_faults import assert_all_agree, copy_home, open_store
from tests.faults.tally import IS_LONG, Tally
from tests.faults.two_writers import Writer, turns

Change = Callable[[Transaction, str, str], None]
# After the examination of a recovery, after the link and before its folder's flush, before the publication:
# the places where another writer may make what was seen untrue. The long form adds the audit.
GATES = frozenset({"fsync_folder managed_state", "linked", "rename managed_state.json"})
MORE_GATES = GATES | {"fsync_folder state"}


def _without_the_lock(store: StateStore) -> Transaction:
    found = store._recover()
    lineage = found.snapshots[MANAGED_STATE.name].meta.lineage
    return Transaction(store._context, store._writer, found, lineage)


def _adds(work: Transaction, asset: str, uid: str) -> None:
    entries = work.current(MANAGED_STATE).content.managed_assets
    added = {**entries, asset: ManagedAsset(state=AssetState.FROZEN)}
    plain = {"state": "frozen", "transitions": 0, "history": []}
    event = Event(
        type=EventType.ASSET_RELEASED,
        asset=asset,
        actor="user_ann",
        command_id=uid,
        before={"managed": None, "pending": None},
        after={"managed": plain, "pending": None},
    )
    command = AppliedCommand(uid=uid, digest=uid, outcome={})
    work.commit(MANAGED_STATE, ManagedStateContent(managed_assets=added), commands=[command], events=[event])


def _sets(work: Transaction, name: str, uid: str) -> None:
    settings = {**work.current(RUNTIME_CONFIG).content.settings, name: 1}
    command = AppliedCommand(uid=uid, digest=uid, outcome={})
    work.commit(RUNTIME_CONFIG, RuntimeConfigContent(settings=settings), commands=[command], events=[])


def _write(root: Path, change: Change, name: str) -> Callable[[FileOps], str]:
    """Return a writer that does as the command applier does: on a conflict it looks again."""

    def work(ops: FileOps) -> str:
        store = open_store(root, ops)
        for _ in range(3):
            try:
                transaction = _without_the_lock(store)
                if transaction.applied(name) is None:
                    change(transaction, name.upper(), name)
            except StateConflictError:
                continue
            except StateWriteError:
                return "not done"
            except StateUnsureError:
                return "unsure"
            except RecoveryNeedsOperatorError:
                return "stopped"
            return "done"
        return "gave up"

    return work


def _wrong_after(root: Path, outcomes: dict[str, str], *, may_stop: bool) -> str | None:
    """Return what is wrong: lost, doubled, or there although it was said not to be.

    The link guards one document; two documents on one end of the audit log may end in a named stop.
    """
    store = open_store(root)
    try:
        with store.transaction() as work:
            known = {name for name in outcomes if work.applied(name) is not None}
            seen = set(work.current(MANAGED_STATE).content.managed_assets)
            seen |= set(work.current(RUNTIME_CONFIG).content.settings)
        assert_all_agree(store)
        assert compare_with_live(store) == []
        for name, outcome in outcomes.items():
            assert outcome in {"done", "not done", "unsure", "gave up", "stopped"}, outcome
            assert outcome != "done" or name in known, f"{name} was acknowledged and is gone"
            assert outcome != "not done" or name not in known, f"{name} is there and was said not to be"
            assert (name in known) == (name.upper() in seen), f"{name} is half there"
            told = list(store.audit.records(command_id=name))
            assert len(told) == (name in known), f"the audit has {name} {len(told)} times"
    except RecoveryNeedsOperatorError as error:
        is_named = may_stop and "two writers worked without the lock" in error.why
        one_was_told = set(outcomes.values()) != {"done"}
        return None if is_named and one_was_told and _both_are_kept(store) else f"{outcomes}: {error}"
    except (AssertionError, BotError) as error:
        return f"{outcomes}: {type(error).__name__}: {str(error).splitlines()[0]}"
    return None


def _both_are_kept(store: StateStore) -> bool:
    """Say whether every committed version still lies there for the person who has to decide."""
    context = store._context
    return (context.serials(MANAGED_STATE), context.serials(RUNTIME_CONFIG)) == ([1, 2, 3], [1, 2])


def _steps(root: Path, gates: frozenset[str], change: Change) -> int:
    """Count the turns that a writer takes when it is alone."""
    writer = Writer(gates, _write(root, change, "eth"))
    count = 0
    while writer.outcome == "running":
        writer.step()
        count += 1
    assert writer.outcome == "done"
    return count


@pytest.mark.parametrize(
    ("first", "second"), [(_adds, _adds), (_adds, _sets)], ids=["one document", "two documents"]
)
def test_two_writers_without_the_lock_lose_nothing_in_any_order_of_their_steps(
    template: Path, tmp_path: Path, tally: Tally, first: Change, second: Change
) -> None:
    gates = MORE_GATES if IS_LONG else GATES
    steps = _steps(copy_home(template, tmp_path / "alone"), gates, first)
    bad: list[str] = []
    tried = 0
    for order in turns(steps):
        root = copy_home(template, tmp_path / f"home-{tried}")
        writers = [
            Writer(gates, _write(root, first, "eth")),
            Writer(gates, _write(root, second, "sol")),
        ]
        for turn in order:
            writers[turn].step()
        outcomes = {"eth": writers[0].finish(), "sol": writers[1].finish()}
        wrong = _wrong_after(root, outcomes, may_stop=first is not second)
        bad += [f"{''.join('AB'[turn] for turn in order)} {wrong}"] if wrong else []
        tried += 1
    which = "one document" if first is second else "two documents"
    tally.add(f"two writers without the lock, {which} (orders)", tried, bad)
    assert steps > 4
