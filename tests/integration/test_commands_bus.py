"""The bus on real files: the same key gives the same answer, poison ends, two deciders, two workers."""

import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest

from bot.commands.apply import ApprovalFactsSource, CommandApplier
from bot.commands.bus import CommandQueue
from bot.commands.command_worker import CommandWorker
from bot.kernel.errors import RefusedError
from bot.lifecycle.approval_rules import ApprovalFacts
from bot.lifecycle.command_payloads import ApproveManagedProposal
from bot.lifecycle.commands import CommandState, CommandType, NewCommand
from bot.lifecycle.documents import Exits
from bot.lifecycle.states import AssetState
from bot.storage.documents import MANAGED_STATE
from tests.fakes.bot_world import BotWorld, bot_world
from tests.fakes.home_checks import assert_home_is_whole, audit_types, refusal_codes
from tests.fakes.hooked_gateway import Killed

PAUSE = CommandType.PAUSE_MANAGED_ASSET
APPROVE = CommandType.APPROVE_MANAGED_PROPOSAL
REQUEST = CommandType.REQUEST_MANAGED_PROPOSAL


@pytest.fixture
def world(tmp_path: Path) -> Iterator[BotWorld]:
    with bot_world(tmp_path / "home") as made:
        yield made
        assert_home_is_whole(made.app)


def made(
    world: BotWorld, command_type: CommandType, asset: str, key: str | None, **payload: Any
) -> NewCommand:
    app = world.app
    return app.maker.make(command_type, asset, payload, actor=app.actor, idempotency_key=key)


# ---- the same request again -----------------------------------------------------------------------


def test_the_same_key_gives_the_same_answer_before_and_after_it_was_applied(world: BotWorld) -> None:
    world.hand_over("SOL")
    first = world.app.queue.enqueue(made(world, PAUSE, "SOL", "click", exits="on"))
    assert world.app.queue.enqueue(made(world, PAUSE, "SOL", "click", exits="on")).uid == first.uid
    assert len(world.app.worker.drain()) == 1
    again = world.app.queue.enqueue(made(world, PAUSE, "SOL", "click", exits="on"))
    assert again.uid == first.uid
    assert again.outcome is not None
    assert again.outcome.state is CommandState.APPLIED
    assert world.app.worker.drain() == []
    assert audit_types(world.app, "SOL").count("asset_paused") == 1


def test_the_same_key_for_something_else_is_refused(world: BotWorld) -> None:
    world.hand_over("SOL")
    world.app.queue.enqueue(made(world, PAUSE, "SOL", "click", exits="on"))
    with pytest.raises(RefusedError) as caught:
        world.app.queue.enqueue(made(world, PAUSE, "SOL", "click", exits="off"))
    assert caught.value.code == "idempotency_conflict"


def test_a_command_delivered_twice_is_applied_once_also_after_a_restart(world: BotWorld) -> None:
    world.hand_over("SOL")
    command = made(world, PAUSE, "SOL", None, exits="off")
    first = world.app.applier.apply(command)
    serial = world.app.store.read(MANAGED_STATE).meta.serial
    world.restart()
    second = world.app.applier.apply(command)
    assert (second.state, second.applied_serial) == (first.state, first.applied_serial)
    assert second.detail["repeated"] is True
    forged = msgspec.structs.replace(command, request_hash="0" * 64)
    assert world.app.applier.apply(forged).code == "idempotency_conflict"
    assert world.app.store.read(MANAGED_STATE).meta.serial == serial


def test_a_refused_command_and_a_dry_run_change_no_document(world: BotWorld) -> None:
    before = {kind: path.read_bytes() for kind, path in _public_files(world).items()}
    assert world.ask(PAUSE, "SOL", exits="on").state is CommandState.PRECONDITION_REJECTED
    assert refusal_codes(world.app) == ["transition_not_allowed"]
    command = made(world, REQUEST, "SOL", None)
    assert world.app.applier.apply(command, dry_run=True).state is CommandState.APPLIED
    assert {kind: path.read_bytes() for kind, path in _public_files(world).items()} == before
    assert world.managed.state_of("SOL") is AssetState.FROZEN


def _public_files(world: BotWorld) -> dict[str, Path]:
    home = world.app.home
    return {path.name: path for path in home.state.glob("*.json")} | {"audit": home.audit_log}


# ---- poison ---------------------------------------------------------------------------------------


class _Facts:
    """Approval facts that strike for one asset, and are the real ones for all others."""

    def __init__(self, world: BotWorld, asset: str, strike: Callable[[], None]) -> None:
        self._world = world
        self._asset = asset
        self._strike = strike

    def facts_for(self, asset: str, payload: ApproveManagedProposal) -> ApprovalFacts:
        if asset == self._asset:
            self._strike()
        return cast("ApprovalFactsSource", self._world.app.applier._facts).facts_for(asset, payload)


def worker_with(world: BotWorld, facts: ApprovalFactsSource) -> CommandWorker:
    app = world.app
    applier = CommandApplier(
        app.store,
        clock=app.clock,
        policy=app.settings.lifecycle_policy,
        users=lambda: app.settings.users,
        facts=facts,
    )
    return CommandWorker(app.queue, applier, name="test")


def two_approvals_wait(world: BotWorld) -> list[str]:
    assets = ("SOL", "ETH")
    for asset in assets:
        world.propose(asset)
    commands = [made(world, APPROVE, asset, None, **world.approval(asset)) for asset in assets]
    return [world.app.queue.enqueue(command).uid for command in commands]


def outcomes(world: BotWorld, uids: list[str]) -> list[tuple[str, str]]:
    rows = [world.app.queue.get(uid) for uid in uids]
    return [(row.state.value, row.outcome.code if row.outcome else "") for row in rows if row is not None]


def test_a_command_that_kills_its_worker_ends_as_failed_after_three_attempts_and_others_proceed(
    world: BotWorld,
) -> None:
    uids = two_approvals_wait(world)

    def strike() -> None:
        raise Killed

    worker = worker_with(world, _Facts(world, "SOL", strike))
    for _ in range(3):
        with pytest.raises(Killed):
            worker.drain()
        assert outcomes(world, uids) == [("queued", ""), ("queued", "")]
    worker.drain()
    assert outcomes(world, uids) == [("failed", "attempts_spent"), ("applied", "applied")]
    assert world.managed.state_of("SOL") is AssetState.RISK_PROPOSED
    assert world.managed.state_of("ETH") is AssetState.MANAGED_ACTIVE


def test_a_command_that_hits_a_defect_fails_alone(world: BotWorld) -> None:
    uids = two_approvals_wait(world)

    def strike() -> None:
        raise ZeroDivisionError("a defect")

    worker_with(world, _Facts(world, "SOL", strike)).drain()
    assert outcomes(world, uids) == [("failed", "command_failed"), ("applied", "applied")]


# ---- several deciders, several workers ------------------------------------------------------------


class _Interleaved:
    """A queue that lets another worker go first, right before an attempt is counted."""

    def __init__(self, queue: CommandQueue, first: Callable[[], object]) -> None:
        self._queue = queue
        self._first: Callable[[], object] | None = first

    def __getattr__(self, name: str) -> Any:
        return getattr(self._queue, name)

    def count_attempts(self, row_ids: Sequence[int], worker: str) -> dict[int, int]:
        if self._first is not None:
            go, self._first = self._first, None
            go()
        return self._queue.count_attempts(row_ids, worker)


def test_a_worker_whose_command_another_one_finished_goes_on_with_the_next(world: BotWorld) -> None:
    uids = two_approvals_wait(world)
    other = world.app.worker
    queue = cast("CommandQueue", _Interleaved(world.app.queue, lambda: other.drain(asset="SOL")))
    done = CommandWorker(queue, world.app.applier, name="late").drain()
    assert outcomes(world, uids) == [("applied", "applied")] * 2
    assert [item.row.asset for item in done] == ["ETH"]
    assert audit_types(world.app, "SOL").count("asset_promoted") == 1


def test_many_workers_at_the_same_command_do_not_spend_its_attempts(world: BotWorld) -> None:
    uids = two_approvals_wait(world)
    first = world.app.queue.get(uids[0])
    assert first is not None

    def others() -> None:
        for name in ("a", "b", "c"):
            world.app.queue.count_attempts([first.id], name)

    queue = cast("CommandQueue", _Interleaved(world.app.queue, others))
    CommandWorker(queue, world.app.applier, name="late").drain()
    assert outcomes(world, uids) == [("applied", "applied")] * 2


_APPLY_AT_THE_GUN = """
import sys
from pathlib import Path
import msgspec
from bot.app.wiring import App
from bot.lifecycle.commands import NewCommand
app = App(Path(sys.argv[1]), environ={})
command = msgspec.json.decode(sys.argv[2], type=NewCommand)
app.gateway.ticker("SOL/USDT")
print("ready", flush=True)
sys.stdin.readline()
outcome = app.applier.apply(command)
print(outcome.state.value, outcome.code, flush=True)
app.close()
"""


def test_two_approvals_at_the_same_time_from_two_processes_make_one_promotion(tmp_path: Path) -> None:
    """R3: one applied, one told that it was decided before."""
    from bot.app.clock import SystemClock

    with bot_world(tmp_path / "home", clock=SystemClock(), start=SystemClock().now()) as world:
        world.propose("SOL")
        commands = [made(world, APPROVE, "SOL", None, **world.approval("SOL")) for _ in range(2)]
        assert commands[0].uid != commands[1].uid
        deciders = [
            subprocess.Popen(
                [sys.executable, "-c", _APPLY_AT_THE_GUN, str(world.root), msgspec.json.encode(command)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for command in commands
        ]
        for decider in deciders:
            assert decider.stdout is not None
            assert decider.stdout.readline() == "ready\n"
        told = []
        for decider in deciders:
            assert decider.stdin is not None
            decider.stdin.write("go\n")
            decider.stdin.flush()
        for decider in deciders:
            told.append(decider.communicate(timeout=60)[0].strip())
            assert decider.returncode == 0
        assert sorted(told) == ["applied applied", "precondition_rejected proposal_already_decided"]
        assert audit_types(world.app, "SOL").count("asset_promoted") == 1
        assert_home_is_whole(world.app)


def test_a_pause_goes_before_what_raises_risk_and_one_coins_commands_keep_their_order(
    world: BotWorld,
) -> None:
    world.hand_over("SOL")
    world.propose("ETH")
    queue = world.app.queue
    queue.enqueue(made(world, APPROVE, "ETH", None, **world.approval("ETH")))
    queue.enqueue(made(world, PAUSE, "SOL", None, exits="off"))
    queue.enqueue(made(world, CommandType.RESUME_MANAGED_ASSET, "SOL", None, reason="go on"))
    queue.enqueue(made(world, PAUSE, "SOL", None, exits="on"))
    done = [(item.row.asset, item.row.type, item.outcome.code) for item in world.app.worker.drain()]
    assert done[0] == ("SOL", PAUSE, "applied")
    assert [kind for asset, kind, _ in done if asset == "SOL"] == [
        PAUSE, CommandType.RESUME_MANAGED_ASSET, PAUSE,
    ]  # fmt: skip
    assert {code for _, _, code in done} == {"applied"}
    assert world.entry("SOL").exits is Exits.ON
