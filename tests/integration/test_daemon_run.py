"""`bot run` as a process: quick, alone in its home, clean at its end."""

import json
import signal
import statistics
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.app.clock import SystemClock
from bot.lifecycle.commands import CommandState, CommandType
from bot.lifecycle.states import AssetState
from bot.storage.files.locks import PidLock
from bot.storage.proposal_reader import list_proposal_ids
from tests.fakes.bot_process import BotProcess, argv, bot, bot_process, until
from tests.fakes.bot_world import BotWorld, bot_world
from tests.fakes.home_checks import assert_home_is_whole, audit_types

SLOW_POLL = {"BOT_WORKER_SAFETY_POLL_S": "60"}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[BotWorld]:
    clock = SystemClock()
    with bot_world(tmp_path / "home", clock=clock, start=clock.now()) as made:
        yield made
        with made.app.store.transaction():
            pass  # recovers, as every start does
        assert_home_is_whole(made.app)


def enqueue(world: BotWorld, command_type: CommandType, asset: str, **payload: object) -> str:
    app = world.app
    return app.queue.enqueue(app.maker.make(command_type, asset, payload, actor=app.actor)).uid


def finished(world: BotWorld, uid: str) -> CommandState | None:
    row = world.app.queue.get(uid)
    return row.state if row is not None and row.outcome is not None else None


def time_to_apply(world: BotWorld, command_type: CommandType, asset: str, **payload: object) -> float:
    began = time.perf_counter()
    uid = enqueue(world, command_type, asset, **payload)
    until(lambda: finished(world, uid), "the outcome")
    assert finished(world, uid) is CommandState.APPLIED
    return time.perf_counter() - began


def test_what_is_enqueued_is_applied_at_once_and_sigterm_ends_it_cleanly(world: BotWorld) -> None:
    world.hand_over("SOL")
    with bot_process(world.root, "run", **SLOW_POLL) as daemon:
        took = []
        for _ in range(5):
            took.append(time_to_apply(world, CommandType.PAUSE_MANAGED_ASSET, "SOL", exits="on"))
            took.append(time_to_apply(world, CommandType.RESUME_MANAGED_ASSET, "SOL", reason="go on"))
        assert statistics.median(took) < 0.5, took
        began = time.perf_counter()
        enqueue(world, CommandType.REQUEST_MANAGED_PROPOSAL, "ETH")
        until(lambda: world.managed.state_of("ETH") is AssetState.RISK_PROPOSED, "the proposal")
        assert time.perf_counter() - began < 5, "the engine was woken, it did not wait for its poll"
        assert daemon.end() == 0
        assert [line["event"] for line in daemon.told()][-1] == "stopped"
    assert not world.app.home.heartbeat.exists()
    with PidLock(world.app.home.pid_file):
        pass  # free again


def test_a_second_bot_is_refused_while_once_and_the_command_line_work_beside_it(world: BotWorld) -> None:
    with bot_process(world.root, "run", **SLOW_POLL) as daemon:
        for words in (["run"], ["worker"]):
            second = bot(world.root, *words)
            assert second.returncode == 11
            assert str(daemon.pid) in second.stderr
        once = bot(world.root, "worker", "--once")
        assert (once.returncode, once.stderr) == (0, "")
        asked = bot(world.root, "propose", "SOL", "--json")
        assert asked.returncode == 0, asked.stderr
        status = json.loads(bot(world.root, "status", "--json").stdout)
        assert json.dumps(daemon.pid) in json.dumps(status)
        assert daemon.is_up()
        assert daemon.end(signal.SIGINT) == 0
    assert world.managed.state_of("SOL") is AssetState.RISK_PROPOSED


def test_the_daemon_takes_over_follows_and_sells_once(world: BotWorld) -> None:
    with bot_process(world.root, "run") as daemon:
        enqueue(world, CommandType.REQUEST_MANAGED_PROPOSAL, "SOL")
        until(lambda: world.managed.state_of("SOL") is AssetState.RISK_PROPOSED, "the proposal")
        time_to_apply(world, CommandType.APPROVE_MANAGED_PROPOSAL, "SOL", **world.approval("SOL"))
        until(lambda: any(line.get("what") == "taken_over" for line in daemon.told()), "taking over")
        world.fall_to_stop("SOL")
        until(lambda: world.managed.state_of("SOL") is AssetState.EXIT_EXECUTED, "the exit")
        assert daemon.end() == 0
    entry = world.entry("SOL")
    assert 25 - world.balances()["SOL"] == entry.sold_quantity == entry.approved_quantity
    assert world.orders_sent() == 1


def test_two_people_who_approve_at_the_same_time_make_one_promotion(world: BotWorld) -> None:
    """R3, over the bus: the second one is told that it was decided, with the exit code of a no."""
    digest = world.propose("SOL").proposal_digest or ""
    with bot_process(world.root, "run") as daemon:
        words = ("approve", "SOL", "--confirm", "SOL:recommended", "--digest", digest[:8])
        people = [
            subprocess.Popen(
                argv(world.root, *words), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
            )
            for _ in range(2)
        ]
        told = [person.communicate(timeout=60) for person in people]
        assert sorted(person.returncode for person in people) == [0, 5], told
        assert any("[proposal_already_decided]" in errors for _, errors in told)
        assert daemon.is_up()
    assert audit_types(world.app, "SOL").count("asset_promoted") == 1


def test_two_one_shot_workers_at_once_make_one_proposal(world: BotWorld) -> None:
    uid = enqueue(world, CommandType.REQUEST_MANAGED_PROPOSAL, "SOL")
    workers = [
        subprocess.Popen(argv(world.root, "worker", "--once"), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(2)
    ]
    told = [worker.communicate(timeout=60) for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0], told
    assert finished(world, uid) is CommandState.APPLIED
    assert world.managed.state_of("SOL") is AssetState.RISK_PROPOSED
    assert len(list_proposal_ids(world.app.home)) == 1


def test_an_exchange_that_is_away_ends_neither_the_daemon_nor_the_watch(world: BotWorld) -> None:
    """Without streams: one that still told the price would have an order sent, and its answer looked up."""
    world.hand_over("SOL")
    environ = {"BOT_EXCHANGE_TIMEOUT_S": "1", "BOT_EXCHANGE_STREAMS": "off"}
    with bot_process(world.root, "run", **environ) as daemon:
        world.box.control.add_fault("drop_before", times=100_000)
        world.fall_to_stop("SOL")
        until(lambda: any(line["event"] == "alarm" for line in daemon.told()), "the alarm")
        assert time_to_apply(world, CommandType.PAUSE_MANAGED_ASSET, "SOL", exits="on") < 5
        assert daemon.is_up()
        world.box.control.clear_faults()
        until(lambda: world.managed.state_of("SOL") is AssetState.EXIT_EXECUTED, "the exit")
        assert daemon.end() == 0
    assert world.box.control.state()["orders"] == 1


def test_a_hand_edit_under_the_daemon_is_mended_and_the_watch_goes_on(world: BotWorld) -> None:
    world.hand_over("SOL")
    path = world.app.home.managed_state
    with bot_process(world.root, "run") as daemon:
        whole = path.read_bytes()
        path.write_bytes(whole.replace(b"managed_active", b"managed_paused"))
        until(lambda: path.read_bytes() != whole and b"managed_active" in path.read_bytes(), "the mending")
        assert daemon.is_up()
        world.fall_to_stop("SOL")
        until(lambda: world.managed.state_of("SOL") is AssetState.EXIT_EXECUTED, "the exit")
        assert daemon.end() == 0
    assert "state.quarantined" in [record["type"] for record in world.app.store.audit.records()]
    assert len(list(world.app.home.quarantine.iterdir())) == 1


def test_a_daemon_that_was_killed_leaves_a_home_that_the_next_one_takes(world: BotWorld) -> None:
    with bot_process(world.root, "run") as daemon:
        assert daemon.end(signal.SIGKILL) == -signal.SIGKILL
    assert world.app.home.heartbeat.exists()
    with bot_process(world.root, "run") as daemon:
        assert isinstance(daemon, BotProcess)
        assert daemon.end() == 0
