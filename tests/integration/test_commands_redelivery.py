"""A command that comes late: a refusal is final, the ring is not all, a full disk is no attempt."""

import errno
import os
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import pytest

from bot.app.wiring import App
from bot.commands.apply import CommandApplier
from bot.commands.bus import CommandQueue
from bot.commands.command_worker import CommandWorker
from bot.kernel.errors import LockHeldError, StateWriteError, StorageError
from bot.lifecycle.commands import CommandOutcome, CommandRow, CommandState, CommandType, NewCommand
from bot.lifecycle.states import AssetState
from bot.storage.commit import UnreadableContentError
from bot.storage.documents import MANAGED_STATE
from bot.storage.files.file_ops import FileOps
from bot.storage.state_store import StateStore
from tests.fakes.bot_world import BotWorld, bot_world
from tests.fakes.home_checks import assert_home_is_whole, audit_types, refusal_codes

PAUSE = CommandType.PAUSE_MANAGED_ASSET
RESUME = CommandType.RESUME_MANAGED_ASSET
APPROVE = CommandType.APPROVE_MANAGED_PROPOSAL


@pytest.fixture
def world(tmp_path: Path) -> Iterator[BotWorld]:
    with bot_world(tmp_path / "home") as made:
        yield made
        assert_home_is_whole(made.app)


def made(world: BotWorld, command_type: CommandType, **payload: Any) -> NewCommand:
    return world.app.maker.make(command_type, "SOL", payload, actor=world.app.actor)


class _Before:
    """An applier that lets something happen before it begins: a worker that was stopped right there."""

    def __init__(self, applier: CommandApplier, happens: Callable[[], object]) -> None:
        self._applier = applier
        self._happens: Callable[[], object] | None = happens

    def apply_group(self, commands: Sequence[NewCommand]) -> list[CommandOutcome]:
        if self._happens is not None:
            self._happens()
            self._happens = None
        return self._applier.apply_group(commands)

    def stored_outcome(self, command: NewCommand) -> CommandOutcome | None:
        return self._applier.stored_outcome(command)


def worker_before(app: App, happens: Callable[[], object]) -> CommandWorker:
    return CommandWorker(app.queue, cast("CommandApplier", _Before(app.applier, happens)), name="late")


def row_of(world: BotWorld, uid: str) -> CommandRow:
    row = world.app.queue.get(uid)
    assert row is not None
    return row


# ---- a refusal is final -----------------------------------------------------------------------------


def test_a_command_that_was_refused_is_not_applied_by_a_worker_that_was_stopped(world: BotWorld) -> None:
    world.propose("SOL")
    price = world.app.gateway.ticker("SOL/USDT").last
    command = made(world, APPROVE, **world.approval("SOL"))
    world.set_price("SOL", price * Decimal("0.5"))
    world.app.queue.enqueue(command)
    late = App(world.root, environ={}, clock=world.clock)

    def another_answers() -> None:
        world.app.worker.drain()
        assert row_of(world, command.uid).state is CommandState.PRECONDITION_REJECTED
        world.set_price("SOL", price)

    (done,) = worker_before(late, another_answers).drain()
    late.close()
    assert (done.outcome.state, done.outcome.code) == (CommandState.PRECONDITION_REJECTED, "proposal_stale")
    assert done.contradicted is None
    assert world.managed.state_of("SOL") is AssetState.RISK_PROPOSED
    assert refusal_codes(world.app) == ["proposal_stale"]


def test_a_refusal_is_found_behind_many_later_ones(world: BotWorld) -> None:
    first = made(world, PAUSE, exits="on")
    assert world.app.applier.apply(first).code == "transition_not_allowed"
    for _ in range(300):
        world.app.applier.apply(made(world, PAUSE, exits="on"))
    world.hand_over("SOL")
    assert world.app.store.refusals.path.stat().st_size > 128 * 1024, "more than two blocks"
    again = world.app.applier.apply(first)
    assert (again.code, again.detail) == ("transition_not_allowed", {"repeated": True})
    assert world.managed.state_of("SOL") is AssetState.MANAGED_ACTIVE
    assert len(refusal_codes(world.app)) == 301


def test_a_refusal_whose_answer_was_lost_keeps_its_code_when_the_attempts_are_spent(world: BotWorld) -> None:
    command = made(world, PAUSE, exits="on")
    row = world.app.queue.enqueue(command)
    world.app.applier.apply(command)
    for _ in range(3):
        world.app.queue.count_attempts([row.id], "killed")
    (done,) = world.app.worker.drain()
    assert done.outcome.code == "transition_not_allowed"


def test_an_outcome_that_contradicts_the_one_that_was_told_is_handed_on(world: BotWorld) -> None:
    world.hand_over("SOL")
    command = made(world, PAUSE, exits="on")
    world.app.queue.enqueue(command)
    told = CommandOutcome(state=CommandState.FAILED, code="attempts_spent", reason="spent")
    (done,) = worker_before(world.app, lambda: world.app.queue.finish({command.uid: told})).drain()
    assert (done.outcome.code, done.contradicted and done.contradicted.code) == ("attempts_spent", "applied")


# ---- what has left the ring -------------------------------------------------------------------------


def test_a_command_that_has_left_the_ring_is_not_applied_again(world: BotWorld) -> None:
    world.hand_over("SOL")
    old = made(world, PAUSE, exits="on")
    first = world.app.applier.apply(old)
    for _ in range(101):
        world.app.applier.apply(made(world, RESUME, reason="go on"))
        world.app.applier.apply(made(world, PAUSE, exits="on"))
    world.app.applier.apply(made(world, RESUME, reason="go on"))
    meta = world.app.store.read(MANAGED_STATE).meta
    assert meta.applied_floor > 0
    assert old.uid not in meta.applied
    told = audit_types(world.app, "SOL").count("asset_paused")
    again = world.app.applier.apply(old)
    assert (again.state, again.applied_serial) == (CommandState.APPLIED, first.applied_serial)
    assert again.detail["repeated"] is True
    assert world.managed.state_of("SOL") is AssetState.MANAGED_ACTIVE
    assert audit_types(world.app, "SOL").count("asset_paused") == told


# ---- storage trouble is no attempt ------------------------------------------------------------------


@pytest.mark.parametrize("error", [StateWriteError("the disk is full"), LockHeldError("the lock is held")])
def test_storage_trouble_spends_no_attempts_and_the_pause_is_applied_after_it(
    world: BotWorld, error: StorageError
) -> None:
    world.hand_over("SOL")
    command = made(world, PAUSE, exits="off")
    world.app.queue.enqueue(command)

    def strike() -> None:
        raise error

    for _ in range(5):
        with pytest.raises(type(error)):
            worker_before(world.app, strike).drain()
        assert row_of(world, command.uid).attempts == 0
    (done,) = world.app.worker.drain()
    assert done.outcome.code == "applied"
    assert world.managed.state_of("SOL") is AssetState.MANAGED_PAUSED


def test_content_that_no_reader_would_accept_spends_its_attempts(world: BotWorld) -> None:
    command = made(world, PAUSE, exits="off")
    world.app.queue.enqueue(command)

    def strike() -> None:
        raise UnreadableContentError("a defect")

    for _ in range(3):
        with pytest.raises(UnreadableContentError):
            worker_before(world.app, strike).drain()
    (done,) = world.app.worker.drain()
    assert done.outcome.code == "attempts_spent"


def test_an_attempt_is_given_back_on_a_waiting_row_only(world: BotWorld) -> None:
    queue: CommandQueue = world.app.queue
    row = queue.enqueue(made(world, PAUSE, exits="off"))
    queue.give_attempts_back([row.id])
    assert row_of(world, row.uid).attempts == 0
    queue.count_attempts([row.id], "a")
    world.app.worker.drain()
    queue.give_attempts_back([row.id])
    assert row_of(world, row.uid).attempts == 2


# ---- a full disk while a refusal is written ---------------------------------------------------------


class _FullRefusals(FileOps):
    """A disk that takes ten bytes of a refusal and no more."""

    def __init__(self, number: int, *, truncates: bool = True) -> None:
        self.is_full = True
        self._number = number
        self._truncates = truncates

    def _concerned(self, descriptor: int) -> bool:
        name = Path(f"/proc/self/fd/{descriptor}").readlink().name
        return self.is_full and name == "refusals.jsonl"

    def write(self, descriptor: int, data: bytes | memoryview) -> int:
        if not self._concerned(descriptor):
            return super().write(descriptor, data)
        if len(data) > 10 and bytes(data[:1]) == b"{":
            return super().write(descriptor, memoryview(data)[:10])
        raise OSError(self._number, os.strerror(self._number))

    def truncate(self, descriptor: int, size: int) -> None:
        if not self._truncates and self._concerned(descriptor):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        super().truncate(descriptor, size)


def _refuse_on(world: BotWorld, ops: FileOps) -> tuple[StateStore, str]:
    store = world.app.store
    other = StateStore(
        world.app.home,
        clock=world.clock,
        ids=world.app.ids,
        writer=store._writer,
        environment=store.environment,
        file_ops=ops,
    )
    applier = CommandApplier(
        other,
        clock=world.clock,
        policy=world.app.settings.lifecycle_policy,
        users=lambda: world.app.settings.users,
        facts=None,
    )
    with pytest.raises(StorageError) as caught:
        applier.apply(made(world, PAUSE, exits="on"))
    return other, caught.value.code


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT], ids=["ENOSPC", "EDQUOT"])
def test_a_full_disk_under_a_refusal_leaves_no_trace_and_stops_nothing(world: BotWorld, number: int) -> None:
    world.app.applier.apply(made(world, PAUSE, exits="on"))
    before = world.app.store.refusals.path.read_bytes()
    ops = _FullRefusals(number)
    store, code = _refuse_on(world, ops)
    assert code == "state_write_failed"
    assert store.refusals.path.read_bytes() == before
    ops.is_full = False
    with store.transaction():
        pass  # the store goes on
    assert store.refusals.verify().is_whole


def test_a_refusal_that_cannot_be_taken_back_or_failed_otherwise_stops_the_store(world: BotWorld) -> None:
    for ops in (_FullRefusals(errno.ENOSPC, truncates=False), _FullRefusals(errno.EIO)):
        store, code = _refuse_on(world, ops)
        assert code == "state_unsure"
        with pytest.raises(StorageError) as caught, store.transaction():
            pass
        assert caught.value.code == "state_unsure"
        with StateStore.transaction(_fresh(world)):
            pass  # the next start mends it


def _fresh(world: BotWorld) -> StateStore:
    world.restart()
    return world.app.store
