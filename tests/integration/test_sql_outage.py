"""With the database gone exits still work, and everything is caught up when it is back."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.app.database import rebuild
from bot.app.runtime import run_once, worker_once
from bot.kernel.errors import DatabaseUnavailableError
from bot.lifecycle.commands import CommandState, CommandType
from bot.lifecycle.states import AssetState
from tests.fakes.bot_world import BotWorld, words_of
from tests.fakes.database_world import cache_of, database_world
from tests.fakes.home_checks import assert_home_is_whole, command_states
from tests.fakes.postgres_server import PostgresServer

SOLD = ["exit_sent", "exit_filled", "closed"]


@pytest.fixture
def world(postgres: PostgresServer, tmp_path: Path) -> Iterator[BotWorld]:
    with database_world(tmp_path / "home", postgres) as made:
        yield made
        assert_home_is_whole(made.app)


def assert_caught_up(world: BotWorld) -> None:
    """The rows of what was done meanwhile are there, and the cache is what the files give."""
    world.wait(2)
    assert worker_once(world.app).unreached is None
    types = [row.type for row in world.app.queue.list(asset="SOL", limit=2)]
    assert types == [CommandType.RECORD_MANAGED_EXIT, CommandType.OPEN_EXIT_INTENT]
    assert command_states(world.app) == {CommandState.APPLIED}
    kept = cache_of(world)
    assert kept.history[-1]["event_type"] == "managed.exit_executed"
    rebuild(world.app)
    assert cache_of(world) == kept


def test_an_exit_works_while_the_server_is_stopped(world: BotWorld, postgres: PostgresServer) -> None:
    world.hand_over("SOL")
    world.fall_to_stop("SOL")
    postgres.stop()
    try:
        report = world.cycle()
        assert words_of(report) == SOLD
        assert world.app.sender.book_waiting() == 2
        with pytest.raises(DatabaseUnavailableError):
            world.app.queue.list()
    finally:
        postgres.start()
    assert world.orders_sent() == 1
    assert_caught_up(world)


def test_one_pass_says_that_the_database_is_gone_and_sells_all_the_same(
    world: BotWorld, postgres: PostgresServer
) -> None:
    world.hand_over("SOL")
    world.fall_to_stop("SOL")
    postgres.stop()
    try:
        report = run_once(world.app)
    finally:
        postgres.start()
    assert report.unreached is not None
    assert report.unreached["code"] == "database_unavailable"
    assert report.cycle is not None
    assert words_of(report.cycle) == SOLD
    assert_caught_up(world)


def test_a_bot_that_starts_while_the_server_is_stopped_sells(
    world: BotWorld, postgres: PostgresServer
) -> None:
    world.hand_over("SOL")
    world.fall_to_stop("SOL")
    postgres.stop()
    try:
        world.restart()
        assert words_of(world.cycle()) == SOLD
    finally:
        postgres.start()
    assert_caught_up(world)


def test_the_cache_catches_up_even_if_the_process_that_sold_is_gone(
    world: BotWorld, postgres: PostgresServer
) -> None:
    world.hand_over("SOL")
    world.fall_to_stop("SOL")
    postgres.stop()
    try:
        assert words_of(world.cycle()) == SOLD
        world.restart()
    finally:
        postgres.start()
    worker_once(world.app)
    kept = cache_of(world)
    assert kept.history[-1]["event_type"] == "managed.exit_executed"
    rebuild(world.app)
    assert cache_of(world) == kept


def test_a_server_that_was_restarted_costs_no_command(world: BotWorld, postgres: PostgresServer) -> None:
    world.hand_over("SOL")
    postgres.stop()
    postgres.start()
    assert world.pause("SOL", "off").state is CommandState.APPLIED


def test_an_exit_works_while_the_embedded_file_is_gone(tmp_path: Path) -> None:
    with database_world(tmp_path / "home", None) as world:
        world.hand_over("SOL")
        world.fall_to_stop("SOL")
        for path in world.app.home.sql.parent.iterdir():
            path.unlink()
        assert words_of(world.cycle()) == SOLD
        assert world.managed.state_of("SOL") is AssetState.EXIT_EXECUTED
        with pytest.raises(DatabaseUnavailableError, match=r"commands\.db is gone"):
            worker_once(world.app)  # what waited in it is lost, so this is said once
        assert_caught_up(world)
        assert_home_is_whole(world.app)


def test_old_finished_commands_go_with_a_pass_and_not_twice_a_day(tmp_path: Path) -> None:
    with database_world(tmp_path / "home", None) as world:
        world.hand_over("SOL")
        known = len(world.app.queue.list(limit=100))
        world.wait(89 * 86_400)
        worker_once(world.app)
        assert len(world.app.queue.list(limit=100)) == known
        world.wait(2 * 86_400)
        worker_once(world.app)
        assert world.app.queue.list(limit=100) == []
        assert cache_of(world).history, "what happened stays"
