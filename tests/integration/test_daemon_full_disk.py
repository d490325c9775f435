"""The daemon on a disk that takes nothing: it says so and goes on."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from bot.app.runtime import Daemon
from bot.app.wiring import App
from bot.kernel.errors import (
    BotError,
    LockHeldError,
    RecoveryNeedsOperatorError,
    StateFileError,
    StateWriteError,
)
from bot.storage.heartbeat import read_heartbeat
from tests.fakes.bot_process import until
from tests.fakes.bot_world import bot_world


def test_a_heartbeat_that_cannot_be_written_is_told_once_and_ends_nothing(tmp_path: Path) -> None:
    with bot_world(tmp_path / "home") as world:
        home = world.app.home
        home.heartbeat.mkdir(parents=True)  # nothing can be put in the place of a folder
        told: list[str] = []
        looks = iter(range(1000))

        def tell(word: str, figures: Mapping[str, Any]) -> None:
            told.append(f"{word} {figures.get('in', '')}".strip())

        daemon = Daemon(world.app, trades=False, tell=tell)
        check = daemon._signs.tick

        def beat() -> None:
            check()
            look = next(looks)
            if look == 2:
                home.heartbeat.rmdir()
            if look == 3:
                assert read_heartbeat(home) is not None, "space is back, and so is the sign of life"
                daemon.stop()

        daemon._signs.tick = beat  # type: ignore[method-assign] # to look between two beats
        daemon.run()
        assert told[0] == "alarm heartbeat"
        assert told.count("alarm heartbeat") == 1
        assert told[-1] == "stopped"
        until(lambda: not home.heartbeat.exists(), "the end")


def _read_a_damaged_file() -> None:
    raise StateFileError("the public file is damaged")


class _Unmendable(App):
    """An app whose recovery fails."""

    failure: BotError

    def recover(self) -> Any:
        raise self.failure


@pytest.mark.parametrize("failure", [LockHeldError("held"), StateWriteError("full")])
def test_a_recovery_that_cannot_be_done_now_ends_nothing(tmp_path: Path, failure: BotError) -> None:
    app = _Unmendable(tmp_path, environ={})
    app.failure = failure
    told: list[str] = []
    daemon = Daemon(app, trades=False, tell=lambda _, figures: told.append(figures["code"]))
    with daemon._told_and_tried_again("commands"):
        _read_a_damaged_file()
    assert told == ["state_file_invalid", failure.code]


def test_a_recovery_that_needs_a_person_ends_the_process(tmp_path: Path) -> None:
    app = _Unmendable(tmp_path, environ={})
    app.failure = RecoveryNeedsOperatorError("contradiction")
    daemon = Daemon(app, trades=False, tell=lambda *_: None)
    with pytest.raises(RecoveryNeedsOperatorError), daemon._told_and_tried_again("commands"):
        raise StateFileError("the public file is damaged")
