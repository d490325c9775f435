"""Rule 9: Ctrl-C once finishes the step, twice stops and says what is not known."""

import signal
import subprocess
import sys
from pathlib import Path

from bot.app.clock import SystemClock
from bot.storage.home import Home
from tests.fakes.cli_calls import REPOSITORY, argv, call

_HANGING = """
import sys
from pathlib import Path
from bot.app.clock import SystemClock
from bot.storage.heartbeat import Heartbeat, write_heartbeat
from bot.storage.home import Home
from bot.storage.process_info import this_process, start_token
me = this_process("0")
write_heartbeat(Home(Path(sys.argv[1])), Heartbeat(
    pid=me.pid, host=me.host, process_started_at=me.process_started_at, start_token=start_token(me.pid),
    version="0", what="worker", at=SystemClock().now()))
print("alive", flush=True)
sys.stdin.read()
"""


def test_ctrl_c_twice_stops_the_wait_and_names_the_command(home: Path) -> None:
    worker = subprocess.Popen(
        [sys.executable, "-c", _HANGING, str(home)],
        cwd=REPOSITORY,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with worker:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "alive\n"
        asking = subprocess.Popen(
            argv(home, "reject", "SOL"),
            cwd=REPOSITORY,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert asking.stderr is not None
        waits = asking.stderr.readline()
        assert waits.startswith("SOL: waiting for the outcome of reject_managed_proposal (")
        asking.send_signal(signal.SIGINT)
        said = asking.stderr.readline() + asking.stderr.readline()
        assert "This step is finished first; Ctrl-C again stops at once." in said
        assert asking.poll() is None, "once: the step goes on"
        asking.send_signal(signal.SIGINT)
        _, rest = asking.communicate(timeout=20)
        worker.terminate()
    assert asking.returncode == 130
    assert "[stopped_by_person]" in rest
    assert "whether it was applied is not known" in rest
    uid = waits.split("(")[1][:8]
    assert f"to do:     bot commands show {uid}" in rest
    assert call(home, "commands", "show", uid, "--json").document()["data"]["state"] == "queued"


def test_a_daemon_ends_in_order_at_the_first_ctrl_c(home: Path) -> None:
    process = subprocess.Popen(
        argv(home, "worker"), cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    clock = SystemClock()
    deadline = clock.monotonic() + 20
    while not Home(home).heartbeat.exists() and clock.monotonic() < deadline:
        clock.sleep(0.05)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert (process.returncode, "stopped" in out) == (0, True), err
