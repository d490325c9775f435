"""Commands that come again after they have left every document's ring: only the logs remember them.

Several processes look commands up in one log, each with an index of its own, while all of them append.
"""

import datetime as dt
import random
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from bot.app.new_home import initialise_home
from bot.app.wiring import App
from bot.lifecycle.commands import CommandState, CommandType, NewCommand
from bot.storage.commit import APPLIED_KEPT
from bot.storage.documents import MANAGED_STATE
from tests.fakes.command_group import apply_all
from tests.fakes.fake_clock import START, FakeClock
from tests.fakes.home_checks import assert_home_is_whole
from tests.fakes.sequential_ids import SequentialIds
from tests.faults.processes import all_well
from tests.faults.tally import Tally, sized

COUNT = APPLIED_KEPT + 100


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    """A new home."""
    initialise_home(tmp_path / "home", environment="sandbox")
    app = _app(tmp_path / "home")
    yield app
    assert_home_is_whole(app)
    app.close()


def _app(root: Path) -> App:
    return App(root, environ={}, clock=FakeClock(START), ids=SequentialIds())


def _requests(app: App) -> list[NewCommand]:
    """Return a request for each of many coins; a second one for a coin would be refused."""
    return [
        app.maker.make(CommandType.REQUEST_MANAGED_PROPOSAL, f"C{number}", {}, actor=app.actor)
        for number in range(COUNT)
    ]


def _refused(app: App, commands: list[NewCommand]) -> list[NewCommand]:
    """Return a pause for each coin, which nothing that waits for a proposal can take."""
    return [
        app.maker.make(CommandType.PAUSE_MANAGED_ASSET, command.asset, {"exits": "on"}, actor=app.actor)
        for command in commands[::3]
    ]


def _deliver(root: Path, commands: list[NewCommand], number: int) -> None:
    """Apply everything in an order of one's own, singly and in groups."""
    own = _app(root)
    chance = random.Random(number)
    mixed = list(commands)
    chance.shuffle(mixed)
    while mixed:
        size = chance.choice((1, 3, 40))
        apply_all(own.applier, mixed[:size])
        mixed = mixed[size:]
    own.close()


def test_what_another_process_applied_and_the_ring_forgot_is_not_applied_again(
    app: App, tally: Tally
) -> None:
    commands = _requests(app)
    app.applier.apply(commands[0])  # this process has its index from here on
    all_well([partial(_deliver_in_order, app.home.root, commands)])
    meta = app.store.read(MANAGED_STATE).meta
    assert meta.applied_floor > 0
    again = apply_all(app.applier, commands)
    assert {outcome.state for outcome in again} == {CommandState.APPLIED}
    assert all(outcome.detail["repeated"] for outcome in again)
    assert app.store.read(MANAGED_STATE).meta.serial == meta.serial
    tally.add("command that left the ring, delivered again", COUNT)


def _deliver_in_order(root: Path, commands: list[NewCommand]) -> None:
    own = _app(root)
    apply_all(own.applier, commands)
    own.close()


def test_processes_that_deliver_the_same_commands_at_once_apply_and_refuse_each_once(
    app: App, tally: Tally
) -> None:
    commands = _requests(app)
    apply_all(app.applier, commands)
    pauses = _refused(app, commands)
    resent = [*commands, *pauses]
    for turn in range(sized(1, 6)):
        all_well([partial(_deliver, app.home.root, resent, 10 * turn + number) for number in range(3)])
    told = [str(record["command_id"]) for record in app.store.audit.records()]
    assert {uid: told.count(uid) for uid in (command.uid for command in commands)} == {
        command.uid: 1 for command in commands
    }
    refusals = [str(record["command_id"]) for record in app.store.refusals.records()]
    assert sorted(refusals) == sorted(command.uid for command in pauses)
    tally.add("command that left the ring, delivered again", 3 * len(resent) * sized(1, 6))


def test_a_clock_that_steps_back_by_hours_hides_no_command(app: App, tally: Tally) -> None:
    commands = _requests(app)
    early = App(
        app.home.root, environ={}, clock=FakeClock(START - dt.timedelta(hours=20)), ids=SequentialIds()
    )
    apply_all(early.applier, commands)  # their records are older than they are themselves
    early.close()
    meta = app.store.read(MANAGED_STATE).meta
    again = apply_all(app.applier, commands)
    assert [outcome.detail.get("repeated") for outcome in again] == [True] * COUNT
    assert app.store.read(MANAGED_STATE).meta.serial == meta.serial
    tally.add("command that left the ring, delivered again", COUNT)
