"""A command on the server wakes the worker at once; a server that is gone is a plain wait."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.storage.home import Home, create_home
from bot.storage.sql.command_table import CommandTable
from bot.storage.sql.maintenance import upgrade_database
from bot.storage.sql.postgres_wakeup import PostgresWakeup
from bot.storage.sql.wakeup import CommandWakeup
from bot.storage.sql.waking import open_wakeup
from tests.contract.command_queue_contract import APPLIED, new
from tests.fakes.fake_clock import FakeClock
from tests.fakes.postgres_server import PostgresServer


@pytest.fixture
def url(postgres: PostgresServer, tmp_path: Path) -> str:
    url = postgres.new_database()
    upgrade_database(create_home(tmp_path / "home"), database_url=url)
    return url


@pytest.fixture
def table(url: str, tmp_path: Path) -> Iterator[CommandTable]:
    table = CommandTable.open(Home(tmp_path / "home"), clock=FakeClock(), lineage="life", database_url=url)
    yield table
    table.close()


def test_a_command_wakes_within_a_tenth_of_a_second(table: CommandTable, url: str) -> None:
    with PostgresWakeup(url) as wakeup:
        assert wakeup.wait(5), "a new connection counts as news"
        assert not wakeup.wait(0.05)
        sent_at: list[float] = []

        def send(uid: str) -> None:
            table.enqueue(new(uid))
            sent_at.append(time.monotonic())

        delays = []
        for number in range(5):
            threading.Timer(0.05, send, [f"c{number}"]).start()
            assert wakeup.wait(5)
            woken_at = time.monotonic()
            while len(sent_at) <= number:
                time.sleep(0.001)  # noqa: TID251 - another thread in real time
            delays.append(woken_at - sent_at[-1])
            assert not wakeup.wait(0.05), "one command is one wake-up"
        assert max(delays) < 0.1, delays


def test_an_outcome_and_a_repeated_request_wake_nobody(table: CommandTable, url: str) -> None:
    table.enqueue(new("a"))
    with PostgresWakeup(url) as wakeup:
        assert wakeup.wait(5)
        table.enqueue(new("a"))
        table.finish({"a": APPLIED})
        assert not wakeup.wait(0.2)


def test_a_notice_in_the_same_process_wakes_at_once_even_beforehand(url: str) -> None:
    with PostgresWakeup(url) as wakeup:
        wakeup.notify()
        assert wakeup.wait(5)
        assert wakeup.wait(5), "the new connection"
        threading.Timer(0.05, wakeup.notify).start()
        started = time.monotonic()
        assert wakeup.wait(5)
        assert time.monotonic() - started < 1


def test_a_server_that_restarts_is_listened_to_again(
    table: CommandTable, url: str, postgres: PostgresServer
) -> None:
    with PostgresWakeup(url) as wakeup:
        assert wakeup.wait(5)
        postgres.stop()
        try:
            started = time.monotonic()
            assert not wakeup.wait(0.3)
            assert time.monotonic() - started >= 0.25, "no busy loop while it is gone"
        finally:
            postgres.start()
        assert wakeup.wait(5), "the new connection counts as news"
        table.enqueue(new("later"))
        assert wakeup.wait(5)


def test_the_address_decides_what_wakes(url: str, tmp_path: Path) -> None:
    with (
        open_wakeup(Home(tmp_path / "home").sql) as embedded,
        open_wakeup(tmp_path, database_url=url) as server,
    ):
        assert isinstance(embedded, CommandWakeup)
        assert isinstance(server, PostgresWakeup)
