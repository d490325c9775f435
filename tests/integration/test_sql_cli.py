"""`bot db` as an operator types it, and a worker process that a server wakes."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bot.app.new_home import initialise_home
from bot.app.operations import worker_is_alive
from bot.cli.entry import run
from bot.kernel.exit_codes import ExitCode
from bot.lifecycle.commands import CommandState, CommandType
from bot.lifecycle.states import AssetState
from bot.storage.sql.engine import open_engine, writing
from bot.storage.sql.tables import HEAD, meta
from tests.fakes.database_world import database_world
from tests.fakes.postgres_server import PostgresServer


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return initialise_home(tmp_path / "home", environment="sandbox").root


def test_an_empty_server_asks_for_the_upgrade_and_then_works(
    root: Path, postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BOT_DATABASE_URL", postgres.new_database())
    words = ["--home", str(root)]
    assert run([*words, "commands", "ls"]) == ExitCode.INVALID_FILE
    assert "bot db upgrade" in capsys.readouterr().err
    assert run([*words, "db", "upgrade"]) == ExitCode.OK
    assert f"was empty and is {HEAD} now" in capsys.readouterr().out
    assert run([*words, "db", "upgrade"]) == ExitCode.OK
    assert f"is {HEAD} already" in capsys.readouterr().out
    assert run([*words, "commands", "ls"]) == ExitCode.OK


def test_a_copy_is_refused_until_it_claims_the_queue(
    root: Path, postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    url = postgres.new_database()
    monkeypatch.setenv("BOT_DATABASE_URL", url)
    words = ["--home", str(root)]
    for last in (["db", "upgrade"], ["commands", "ls"]):
        assert run([*words, *last]) == ExitCode.OK
    engine = open_engine(root, database_url=url)
    with writing(engine) as connection:
        connection.execute(meta.update().where(meta.c.key == "host").values(value="elsewhere"))
    engine.dispose()
    assert run([*words, "commands", "ls"]) == ExitCode.INVALID_FILE
    assert "bot db claim" in capsys.readouterr().err
    assert run([*words, "db", "claim"]) == ExitCode.OK
    assert run([*words, "commands", "ls"]) == ExitCode.OK


def test_the_cache_is_rebuilt_in_the_home_s_own_file(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--home", str(root), "db", "rebuild-cache", "--json"]) == ExitCode.OK
    document = json.loads(capsys.readouterr().out)
    assert document["schema"] == "bot-db-1"
    assert document["data"] == {"proposals": 0, "history": 0}


def test_a_worker_process_is_woken_by_the_server(tmp_path: Path, postgres: PostgresServer) -> None:
    with database_world(tmp_path / "home", postgres) as world:
        world.hand_over("SOL")
        environ = {**os.environ, **world.environ, "BOT_WORKER_SAFETY_POLL_S": "60"}
        command = [sys.executable, "-m", "bot.main", "--home", str(world.root), "worker"]
        worker = subprocess.Popen(command, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        try:
            until(lambda: worker_is_alive(world.app), worker)
            time.sleep(1)  # noqa: TID251 - a process in real time: it has looked once and waits now
            ask = world.app.maker.make(
                CommandType.PAUSE_MANAGED_ASSET, "SOL", {"exits": "on"}, actor=world.app.actor
            )
            row = world.app.queue.enqueue(ask)
            until(lambda: (world.app.queue.get(row.uid) or row).outcome is not None, worker)
        finally:
            worker.send_signal(signal.SIGTERM)
            told = worker.communicate(timeout=30)[1]
        assert worker.returncode == ExitCode.OK, told
        done = world.app.queue.get(row.uid)
        assert done is not None
        assert done.state is CommandState.APPLIED
        assert world.managed.state_of("SOL") is AssetState.MANAGED_PAUSED


def until(is_so: object, worker: subprocess.Popen[bytes]) -> None:
    """Wait up to twenty seconds, far less than the safety poll."""
    assert callable(is_so)
    deadline = time.monotonic() + 20
    while not is_so():
        assert worker.poll() is None, worker.communicate()[1]
        assert time.monotonic() < deadline
        time.sleep(0.02)  # noqa: TID251 - another process in real time
