"""A heartbeat names a process, and a dead one is not taken for it."""

import os
from pathlib import Path

import msgspec

from bot.storage.heartbeat import Heartbeat, read_heartbeat, write_heartbeat
from bot.storage.home import create_home
from bot.storage.process_info import is_process_alive, process_started_at, start_token, this_process
from tests.fakes.fake_clock import FakeClock


def _own(clock: FakeClock) -> Heartbeat:
    return Heartbeat(
        pid=os.getpid(),
        host=this_process("1").host,
        process_started_at=process_started_at(os.getpid()),
        start_token=start_token(os.getpid()),
        version="1",
        what="worker",
        at=clock.now(),
        loop_at=clock.now(),
    )


def test_a_heartbeat_is_read_back(tmp_path: Path, clock: FakeClock) -> None:
    home = create_home(tmp_path / "home")
    assert read_heartbeat(home) is None
    write_heartbeat(home, _own(clock))
    assert read_heartbeat(home) == _own(clock)
    assert [path.name for path in home.run.iterdir()] == ["heartbeat.json"]


def test_a_broken_heartbeat_is_none(tmp_path: Path) -> None:
    home = create_home(tmp_path / "home")
    home.heartbeat.write_text("{")
    assert read_heartbeat(home) is None


def test_only_the_very_process_is_alive(clock: FakeClock) -> None:
    own = _own(clock)
    assert own.is_alive
    assert not msgspec.structs.replace(own, host="elsewhere").is_alive
    earlier = {"start_token": "boot:1"}
    assert not msgspec.structs.replace(own, **earlier).is_alive, "the pid was used again"
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
    assert not is_process_alive(child, None), "a zombie does nothing any more"
    os.waitpid(child, 0)
    assert not is_process_alive(child, None)
