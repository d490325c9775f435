"""A command that was applied while the database was gone gets its row, once, whoever is killed when."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bot.app.runtime import worker_once
from bot.commands.sender import CommandSender
from bot.lifecycle.commands import CommandRow, CommandState, CommandType
from bot.lifecycle.states import AssetState
from bot.storage.files.file_ops import FileOps
from bot.storage.process_info import start_token
from bot.storage.reports import Alarm, AlarmCode
from bot.storage.unbooked import UnbookedSpool
from tests.fakes.bot_process import REPOSITORY, bot, bot_process, until
from tests.fakes.bot_world import BotWorld, bot_world, words_of
from tests.fakes.database_world import database_world
from tests.fakes.home_checks import assert_home_is_whole
from tests.fakes.postgres_server import PostgresServer

SOLD = ["exit_sent", "exit_filled", "closed"]
PAUSE = ("pause", "SOL", "--exits", "on")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[BotWorld]:
    with bot_world(tmp_path / "home") as made:
        made.hand_over("SOL")
        yield made
        assert_home_is_whole(made.app)


def files(world: BotWorld) -> list[Path]:
    return sorted(world.app.home.unbooked.glob("*")) if world.app.home.unbooked.is_dir() else []


def rows(world: BotWorld, command_type: CommandType) -> list[CommandRow]:
    return [row for row in world.app.queue.list(asset="SOL", limit=50) if row.type == command_type]


def take_database_away(world: BotWorld) -> Callable[[], None]:
    """Put a folder in the file's place; returns what brings the file back."""
    world.app.queue.close()
    folder = world.app.home.sql.parent
    aside = folder.with_name("sql-aside")
    folder.rename(aside)
    folder.write_bytes(b"")  # where no folder is, no new database can come to be

    def bring_back() -> None:
        folder.unlink()
        aside.rename(folder)

    return bring_back


def test_a_pause_without_the_database_gets_its_row_when_it_is_back(world: BotWorld) -> None:
    bring_back = take_database_away(world)
    said = bot(world.root, *PAUSE)
    assert said.returncode == 0, said.stderr
    assert world.entry("SOL").state is AssetState.MANAGED_PAUSED
    assert len(files(world)) == 1
    assert bot(world.root, "worker", "--once").returncode != 0, "the database is still away"
    assert len(files(world)) == 1
    bring_back()
    for _ in range(2):
        done = bot(world.root, "worker", "--once")
        assert done.returncode == 0, done.stderr
    assert files(world) == []
    [row] = rows(world, CommandType.PAUSE_MANAGED_ASSET)
    assert row.outcome is not None
    assert (row.state, row.outcome.code) == (CommandState.APPLIED, "applied")
    assert row.outcome.applied_serial is not None
    assert "repeated" not in row.outcome.detail


def test_a_refusal_without_the_database_keeps_its_words(world: BotWorld) -> None:
    bring_back = take_database_away(world)
    assert bot(world.root, *PAUSE).returncode == 0
    assert bot(world.root, *PAUSE).returncode != 0
    bring_back()
    worker_once(world.app)
    refused, applied = rows(world, CommandType.PAUSE_MANAGED_ASSET)
    assert applied.state is CommandState.APPLIED
    assert refused.state is CommandState.PRECONDITION_REJECTED
    assert refused.outcome is not None
    assert refused.outcome.detail["fix"], "the whole outcome, not what the refusals remember"


def test_the_next_command_that_the_database_takes_books_it(world: BotWorld) -> None:
    bring_back = take_database_away(world)
    assert bot(world.root, *PAUSE).returncode == 0
    bring_back()
    assert bot(world.root, "resume", "SOL", "--reason", "go on", "--no-wait").returncode == 0
    assert files(world) == []
    assert len(rows(world, CommandType.PAUSE_MANAGED_ASSET)) == 1


def test_rows_of_a_loop_that_is_gone_follow_in_their_order(world: BotWorld) -> None:
    world.fall_to_stop("SOL")
    assert words_of(world.cycle()) == SOLD  # whose sender is never asked to book
    assert len(files(world)) == 2
    world.restart()
    assert words_of(world.cycle()) == []
    worker_once(world.app)
    types = [row.type for row in world.app.queue.list(asset="SOL", limit=2)]
    assert types == [CommandType.RECORD_MANAGED_EXIT, CommandType.OPEN_EXIT_INTENT]
    assert files(world) == []


def test_status_says_that_the_daemon_has_no_database_until_it_has(world: BotWorld) -> None:
    """What a person paused meanwhile gets its row from the daemon."""
    told = "the commands database does not answer"

    def warned() -> bool:
        return any(
            told in line for line in json.loads(bot(world.root, "status", "--json").stdout)["warnings"]
        )

    with bot_process(world.root, "worker", BOT_WORKER_SAFETY_POLL_S="1") as daemon:
        until(daemon.is_up, "the worker")
        assert not warned()
        bring_back = take_database_away(world)
        until(warned, "the warning")
        assert "commands: " not in bot(world.root, "status").stdout
        assert bot(world.root, *PAUSE).returncode == 0
        assert len(files(world)) == 1
        bring_back()
        until(lambda: not files(world), "the booking")
        until(lambda: not warned(), "the end of the warning")
        assert daemon.end() == 0
    assert len(rows(world, CommandType.PAUSE_MANAGED_ASSET)) == 1


_KILLED = """
import os, signal, sys
from pathlib import Path
from bot.app.wiring import App
from bot.lifecycle.commands import CommandType
from tests.fakes.bot_world import START
from tests.fakes.fake_clock import FakeClock

app = App(Path(sys.argv[1]), clock=FakeClock(START))
def die(*_, **__): os.kill(os.getpid(), signal.SIGKILL)
when = sys.argv[2]
if when == "before_apply":
    app.applier.apply = die
elif when == "after_apply":
    whole = app.applier.apply
    app.applier.apply = lambda command: (whole(command), die())
elif when == "before_insert":
    app.queue.insert_finished = die
elif when == "after_insert":
    insert = app.queue.insert_finished
    app.queue.insert_finished = lambda *words: (insert(*words), die())
command = app.maker.make(CommandType.PAUSE_MANAGED_ASSET, "SOL", {"exits": "on"}, actor=app.actor)
app.sender.apply_past_database(command)
app.sender.book_waiting()
"""


@pytest.mark.parametrize(
    ("when", "booked"), [("before_apply", 0), ("after_apply", 1), ("before_insert", 1), ("after_insert", 1)]
)
def test_a_process_that_is_killed_leaves_exactly_the_rows_of_what_was_applied(
    world: BotWorld, when: str, booked: int
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _KILLED, str(world.root), when],
        cwd=REPOSITORY,
        env=dict(os.environ),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert len(files(world)) == 1
    worker_once(world.app)
    worker_once(world.app)
    found = rows(world, CommandType.PAUSE_MANAGED_ASSET)
    assert [row.state for row in found] == [CommandState.APPLIED] * booked
    assert (world.entry("SOL").state is AssetState.MANAGED_PAUSED) is bool(booked)
    assert files(world) == []


def test_what_another_living_process_has_in_hand_is_left_to_it(world: BotWorld) -> None:
    app = world.app
    command = app.maker.make(CommandType.PAUSE_MANAGED_ASSET, "SOL", {"exits": "on"}, actor=app.actor)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        UnbookedSpool(app.home).keep(command)
        [path] = files(world)
        entry = json.loads(path.read_bytes())
        path.write_text(json.dumps(entry | {"pid": other.pid, "start_token": start_token(other.pid)}))
        worker_once(app)
        assert len(files(world)) == 1
        other.communicate(b"\n")
    worker_once(app)
    assert files(world) == []
    assert rows(world, CommandType.PAUSE_MANAGED_ASSET) == []


@pytest.mark.parametrize("damage", [b"", b"{", b'{"command": 1}', b"\xff\xfe", b"[]"])
def test_a_damaged_file_is_set_aside_with_an_alarm_and_stops_nothing(world: BotWorld, damage: bytes) -> None:
    alarms: list[Alarm] = []
    world.app.on_alarm = alarms.append
    bring_back = take_database_away(world)
    assert bot(world.root, *PAUSE).returncode == 0
    bring_back()
    odd = world.app.home.unbooked / "01ODD.json"
    odd.write_bytes(damage)
    worker_once(world.app)
    assert [alarm.code for alarm in alarms] == [AlarmCode.UNBOOKED_SET_ASIDE]
    kept = alarms[0].kept_at
    assert kept is not None
    assert kept.read_bytes() == damage
    assert files(world) == []
    assert len(rows(world, CommandType.PAUSE_MANAGED_ASSET)) == 1, "the others are booked all the same"


class _FullForTheSpool(FileOps):
    def before(self, operation: str, target: str) -> None:
        if operation in {"open", "mkdir"} and "unbooked" in target:
            raise OSError(28, "No space left on device")


def test_a_spool_that_takes_nothing_is_told_and_stops_no_exit(world: BotWorld) -> None:
    world.restart()
    app, alarms = world.app, list[Alarm]()
    spool = UnbookedSpool(app.home, file_ops=_FullForTheSpool())
    app.__dict__["sender"] = CommandSender(
        app.maker, app.applier, app.queue, spool=spool, on_alarm=alarms.append
    )
    world.fall_to_stop("SOL")
    assert words_of(world.cycle()) == SOLD
    assert world.orders_sent() == 1
    assert {alarm.code for alarm in alarms} == {AlarmCode.UNBOOKED_NOT_KEPT}
    assert app.sender.book_waiting() == 0, "this process knows them still"
    assert len(rows(world, CommandType.RECORD_MANAGED_EXIT)) == 1


def test_a_command_whose_row_is_there_already_costs_its_file_only(world: BotWorld) -> None:
    bring_back = take_database_away(world)
    assert bot(world.root, *PAUSE).returncode == 0
    bring_back()
    [path] = files(world)
    kept = shutil.copy(path, world.root / "kept.json")
    worker_once(world.app)
    first = rows(world, CommandType.PAUSE_MANAGED_ASSET)
    shutil.copy(kept, path)
    worker_once(world.app)
    assert rows(world, CommandType.PAUSE_MANAGED_ASSET) == first
    assert files(world) == []


def test_rows_of_a_sale_without_the_server_outlive_the_process(
    postgres: PostgresServer, tmp_path: Path
) -> None:
    with database_world(tmp_path / "home", postgres) as world:
        world.hand_over("SOL")
        world.fall_to_stop("SOL")
        postgres.stop()
        try:
            assert words_of(world.cycle()) == SOLD
            assert world.app.sender.book_waiting() == 2
            world.restart()
        finally:
            postgres.start()
        worker_once(world.app)
        types = [row.type for row in world.app.queue.list(asset="SOL", limit=2)]
        assert types == [CommandType.RECORD_MANAGED_EXIT, CommandType.OPEN_EXIT_INTENT]
        assert files(world) == []
