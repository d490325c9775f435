"""A running bot works with `bot.toml` as it was at its start: a slip in the editor takes no guard away."""

import signal
from pathlib import Path

from bot.app.clock import SystemClock
from bot.lifecycle.commands import CommandState, CommandType
from tests.fakes.bot_process import bot_process, until
from tests.fakes.bot_world import bot_world


def test_a_setting_that_is_applied_while_the_file_is_broken_ends_no_daemon(tmp_path: Path) -> None:
    clock = SystemClock()
    with bot_world(tmp_path / "home", clock=clock, start=clock.now()) as world:
        app = world.app
        assert app.settings["lifecycle.cooldown_hours"] == 24
        with bot_process(world.root, "run", BOT_WORKER_SAFETY_POLL_S="0.1") as daemon:
            app.home.settings_file.write_text("half a lin", encoding="utf-8")
            words = {"settings": {"lifecycle.cooldown_hours": 48}}
            command = app.maker.make(CommandType.APPLY_RUNTIME_CONFIG, "*", words, actor=app.actor)
            row = app.queue.enqueue(command)

            def outcome() -> object:
                found = app.queue.get(row.uid)
                return found is not None and found.outcome

            until(outcome, "the outcome")
            done = app.queue.get(row.uid)
            assert done is not None
            assert done.outcome is not None
            assert done.outcome.state is CommandState.APPLIED
            cycles = daemon.words().count("\n")
            other = app.maker.make(
                CommandType.CLEAR_RUNTIME_CONFIG,
                "*",
                {"confirm": "lifecycle.cooldown_hours"},
                actor=app.actor,
            )
            row = app.queue.enqueue(other)
            until(outcome, "the next command's outcome")
            assert daemon.words().count("\n") >= cycles
            assert daemon.end(signal.SIGTERM) == 0, daemon.words()
