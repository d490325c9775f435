"""DR-10: the audit tells which process worked when, and how it ended."""

import os
import signal
from pathlib import Path

import pytest

from bot import __version__
from bot.app.process_timeline import why_it_ended
from bot.kernel.errors import StateWriteError
from tests.fakes.bot_process import bot_process
from tests.fakes.bot_world import BotWorld, bot_world
from tests.fakes.home_checks import assert_home_is_whole


def timeline(world: BotWorld) -> list[tuple[str, dict[str, object]]]:
    records = world.app.store.audit.records(type_prefix="system.process")
    return [(str(record["type"]), dict(record["data"])) for record in records]


@pytest.mark.parametrize("what", ["run", "worker"])
def test_dr_10_start_and_end_of_a_process_are_in_the_audit(tmp_path: Path, what: str) -> None:
    with bot_world(tmp_path / "home") as world:
        with bot_process(world.root, what) as daemon:
            pid = daemon.pid
            assert daemon.end() == 0
        (started, first), (stopped, last) = timeline(world)
        assert (started, stopped) == ("system.process_started", "system.process_stopped")
        assert first["pid"] == last["pid"] == pid
        assert first["what"] == what
        assert first["version"] == __version__
        assert first["host"]
        assert last["why"] == "SIGTERM"
        assert_home_is_whole(world.app)


def test_dr_10_the_start_after_a_kill_tells_of_it(tmp_path: Path) -> None:
    with bot_world(tmp_path / "home") as world:
        with bot_process(world.root, "worker") as daemon:
            killed = daemon.pid
            os.kill(killed, signal.SIGKILL)
            daemon.process.wait()
        with bot_process(world.root, "worker") as daemon:
            daemon.end()
        before = timeline(world)[1][1]["before"]
        assert isinstance(before, dict)
        assert before["pid"] == killed
        assert "killed" in before["why"]


def test_an_end_is_told_in_words() -> None:
    assert why_it_ended(None, signal.SIGINT) == "SIGINT"
    assert why_it_ended(None, None) == "asked to stop"
    assert why_it_ended(StateWriteError("disk full"), None) == "state_write_failed: disk full"
    assert why_it_ended(KeyError("x"), signal.SIGTERM) == "KeyError: 'x'"
