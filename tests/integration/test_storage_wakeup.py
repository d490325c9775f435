"""Another process's command wakes the worker at once, and waiting costs next to nothing."""

import os
import struct
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.storage.home import Home, create_home
from bot.storage.sql.command_table import CommandTable
from bot.storage.sql.wakeup import CommandWakeup
from tests.contract.command_queue_contract import new
from tests.fakes.fake_clock import FakeClock


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = create_home(tmp_path / "home")
    CommandTable.open(home, clock=FakeClock(), lineage="life").close()
    return home


@pytest.fixture(params=[True, False], ids=["inotify", "polling"])
def wakeup(home: Home, request: pytest.FixtureRequest) -> Iterator[CommandWakeup]:
    with CommandWakeup(home.sql, use_inotify=request.param) as wakeup:
        assert wakeup.wait(0.05) in {True, False}  # settles
        yield wakeup


def test_a_command_of_another_process_wakes_within_a_tenth_of_a_second(
    home: Home, wakeup: CommandWakeup
) -> None:
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            table = CommandTable.open(home, clock=FakeClock(), lineage="life")
            for number in range(5):
                time.sleep(0.3)  # noqa: TID251 - another process in real time
                table.enqueue(new(f"c{number}"))
                os.write(write, struct.pack("d", time.monotonic()))
            table.close()
        finally:
            os._exit(0)
    os.close(write)
    delays = []
    for _ in range(5):
        assert wakeup.wait(5.0)
        woken_at = time.monotonic()
        (enqueued_at,) = struct.unpack("d", os.read(read, 8))
        delays.append(woken_at - enqueued_at)
        while wakeup.wait(0.05):  # what was left of this commit
            pass
    os.close(read)
    os.waitpid(child, 0)
    assert max(delays) < 0.1, delays


def test_without_news_the_time_runs_out(wakeup: CommandWakeup) -> None:
    while wakeup.wait(0.1):
        pass
    assert not wakeup.wait(0.1)


def test_a_notice_in_the_same_process_wakes_at_once_even_beforehand(wakeup: CommandWakeup) -> None:
    wakeup.notify()
    assert wakeup.wait(5)
    threading.Timer(0.05, wakeup.notify).start()
    started = time.monotonic()
    assert wakeup.wait(5)
    assert time.monotonic() - started < 1


def test_a_rolled_back_or_read_transaction_wakes_nobody(home: Home, wakeup: CommandWakeup) -> None:
    table = CommandTable.open(home, clock=FakeClock(), lineage="life")
    while wakeup.wait(0.1):
        pass
    table.queued(limit=5)
    assert not wakeup.wait(0.1)
    table.close()


def test_waiting_costs_less_than_half_a_percent_of_a_core(wakeup: CommandWakeup) -> None:
    while wakeup.wait(0.1):
        pass
    used, started = time.process_time(), time.monotonic()
    wakeup.wait(2.0)
    share = (time.process_time() - used) / (time.monotonic() - started)
    assert share < 0.005


def test_a_database_that_comes_later_or_is_replaced_wakes(tmp_path: Path) -> None:
    home = create_home(tmp_path / "home")
    with CommandWakeup(home.sql) as wakeup:
        assert not wakeup.wait(0.02)
        table = CommandTable.open(home, clock=FakeClock(), lineage="life")
        assert wakeup.wait(2)
        table.close()
