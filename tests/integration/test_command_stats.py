"""The bus's figures from real rows, on both screens that show them."""

import datetime as dt
import json
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from bot.app.doctor import Verdict, examine_home
from bot.commands.outcomes import failed_outcome
from bot.lifecycle.commands import CommandState, CommandType
from bot.observability.queue_words import queue_words
from bot.storage.heartbeat import Heartbeat, write_heartbeat
from bot.storage.process_info import start_token, this_process
from tests.fakes.bot_process import bot
from tests.fakes.bot_world import BotWorld, bot_world
from tests.fakes.database_world import database_world
from tests.fakes.postgres_server import NoPostgresError, PostgresServer

DAY = dt.timedelta(days=1)


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    try:
        made = PostgresServer()
    except NoPostgresError as error:
        pytest.skip(f"no PostgreSQL: {error}")
    yield made
    made.close()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[BotWorld]:
    with bot_world(tmp_path / "home") as made:
        yield made


def enqueue(world: BotWorld, command_type: CommandType = CommandType.PAUSE_MANAGED_ASSET) -> int:
    words = {"exits": "on"} if command_type is CommandType.PAUSE_MANAGED_ASSET else {"reason": "go on"}
    made = world.app.maker.make(command_type, "SOL", words, actor=world.app.actor)
    return world.app.queue.enqueue(made).id


def fill(world: BotWorld) -> None:
    """Leave one applied, one refused, one failed and one waiting command behind the baseline's own."""
    world.hand_over("SOL")
    enqueue(world)
    world.wait(4)
    world.app.worker.drain()
    world.ask(CommandType.PAUSE_MANAGED_ASSET, "SOL", exits="on")  # the same again is refused
    enqueue(world, CommandType.RESUME_MANAGED_ASSET)
    row = world.app.queue.queued(limit=1)[0]
    world.app.queue.count_attempts([row.id], "a worker")
    world.app.queue.finish({row.uid: failed_outcome("command_failed", "made up")})
    waiting = enqueue(world)
    world.app.queue.count_attempts([waiting], "a worker")
    world.app.queue.count_attempts([waiting], "a worker")
    world.wait(90)


def test_figures_come_from_the_rows_of_all_processes(world: BotWorld) -> None:
    fill(world)
    world.restart()
    figures = world.app.queue.figures(window=DAY, at_most=100, count_failed=True)
    by_type = {line.type: line for line in figures.by_type}
    pause = by_type[CommandType.PAUSE_MANAGED_ASSET]
    assert (pause.applied, pause.precondition_rejected, pause.failed, pause.attempts_max) == (1, 1, 0, 1)
    assert pause.times.max_s == pytest.approx(4, abs=0.01)
    assert by_type[CommandType.RESUME_MANAGED_ASSET].failed == 1
    assert (figures.waiting, figures.waiting_attempts_max, figures.failed_kept) == (1, 2, 1)
    assert figures.oldest_waiting_s == pytest.approx(90, abs=0.01)
    world.wait(10)
    enqueue(world)
    later = world.app.queue.figures(window=DAY, at_most=100)
    assert (later.waiting, later.waiting_attempts_max) == (2, 2)
    assert later.oldest_waiting_s == pytest.approx(100, abs=0.01), "the first one's"
    assert figures.finished == sum(row.finished_at is not None for row in world.app.queue.list(limit=100))


def test_only_the_newest_rows_within_the_window_count(world: BotWorld) -> None:
    fill(world)
    assert world.app.queue.figures(window=DAY, at_most=2).finished == 1, "the failed one; one waits"
    world.wait(7_200)
    old = world.app.queue.figures(window=dt.timedelta(hours=1), at_most=100, count_failed=True)
    assert old.finished == 0
    assert old.failed_kept == 1
    assert old.waiting == 1


def test_postgresql_gives_the_same_figures_by_its_own_clock(tmp_path: Path, server: PostgresServer) -> None:
    with database_world(tmp_path / "home", server) as world:
        fill(world)
        figures = world.app.queue.figures(window=100 * 365 * DAY, at_most=100, count_failed=True)
        assert (figures.waiting, figures.waiting_attempts_max, figures.failed_kept) == (1, 2, 1)
        assert {line.type for line in figures.by_type} >= {CommandType.PAUSE_MANAGED_ASSET}


def test_the_screen_the_document_and_the_collectors_text_say_the_same(world: BotWorld) -> None:
    fill(world)
    words = ("commands", "stats", "--hours", str(24 * 366))
    screen = bot(world.root, *words)
    assert screen.returncode == 0, screen.stderr
    assert "1 waiting" in screen.stdout
    assert "1 failed among all that are kept" in screen.stdout
    assert "bot commands ls --state failed" in screen.stderr
    document = json.loads(bot(world.root, *words, "--json").stdout)
    assert document["schema"] == "bot-command-stats-1"
    assert document["data"]["failed_kept"] == 1
    text = bot(world.root, *words, "--prometheus").stdout
    assert "managed_holdings_commands_failed_kept 1\n" in text
    assert "managed_holdings_commands_waiting 1\n" in text


def test_the_doctor_warns_of_commands_that_wait_long_or_have_failed(world: BotWorld) -> None:
    def verdicts() -> dict[str, Verdict]:
        checks = examine_home(world.app, exchange=False)
        return {check.name: check.verdict for check in checks if check.name in {"queue", "failed commands"}}

    assert verdicts() == {"queue": Verdict.PASS, "failed commands": Verdict.PASS}
    fill(world)
    assert verdicts() == {"queue": Verdict.WARN, "failed commands": Verdict.WARN}
    world.app.worker.drain()
    assert verdicts() == {"queue": Verdict.PASS, "failed commands": Verdict.WARN}
    assert world.app.queue.list(state=CommandState.QUEUED) == []


def test_a_thread_that_hangs_is_told_by_status_and_doctor(world: BotWorld) -> None:
    home = world.app.home
    figures = world.app.queue.figures(window=DAY, at_most=100)
    me = this_process("test")
    beat = Heartbeat(
        pid=me.pid,
        host=me.host,
        process_started_at=me.process_started_at,
        start_token=start_token(me.pid),
        version="test",
        what="run",
        at=world.clock.now(),
        queue=figures,
    )
    write_heartbeat(home, beat)
    assert f"commands: {queue_words(figures)}" in bot(world.root, "status").stdout
    assert "of the bot hangs" not in bot(world.root, "status").stdout
    write_heartbeat(home, msgspec.structs.replace(beat, queue=None, database_gone=True))
    assert "! the commands database does not answer" in bot(world.root, "status").stdout
    told = json.loads(bot(world.root, "status", "--json").stdout)["warnings"]
    assert any("commands database does not answer" in warning for warning in told)
    write_heartbeat(home, msgspec.structs.replace(beat, late=("commands",)))
    assert "! the commands thread of the bot hangs" in bot(world.root, "status").stdout
    found = {check.name: check for check in examine_home(world.app, exchange=False)}["heartbeat"]
    assert found.verdict is Verdict.WARN
    assert "hangs: commands" in found.found
