"""One command delivered many times, one key used twice, a database that is lost or another home's."""

import datetime as dt
import shutil
from collections.abc import Callable, Iterator
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bot.app.new_home import initialise_home
from bot.app.wiring import App
from bot.holdings.baseline import capture
from bot.holdings.wallet import Balance, WalletSnapshot
from bot.kernel.errors import RefusedError, StorageError
from bot.lifecycle.commands import CommandState, CommandType, NewCommand
from bot.storage.documents import MANAGED_STATE
from tests.fakes.command_group import apply_all
from tests.fakes.fake_clock import START, FakeClock
from tests.fakes.home_checks import assert_home_is_whole
from tests.fakes.sequential_ids import SequentialIds
from tests.fakes.storage_faults import add_asset
from tests.faults.processes import all_well
from tests.faults.tally import Tally, sized

ASSETS = ("ADA", "BTC", "DOGE", "ETH", "SOL")


def _app(root: Path, first_id: int = 1) -> App:
    return App(root, environ={}, clock=FakeClock(START), ids=SequentialIds(first_id))


def _commands(app: App) -> list[NewCommand]:
    """Return a request for every coin."""
    ask = partial(app.maker.make, CommandType.REQUEST_MANAGED_PROPOSAL, actor=app.actor)
    return [ask(asset, {}) for asset in ASSETS]


def _baseline(app: App) -> NewCommand:
    one = Balance(free=Decimal(5), used=Decimal(0), total=Decimal(5))
    wallet = WalletSnapshot(balances=dict.fromkeys((*ASSETS, "USDT"), one), observed_at=START, complete=True)
    content: dict[str, Any] = msgspec.to_builtins(
        capture(wallet, quote="USDT", source="test"), builtin_types=(Decimal, dt.datetime)
    )
    plain = {**content, "captured_at": "2024-01-01T00:00:00Z"}
    return app.maker.make(CommandType.APPLY_BASELINE_HOLDINGS, "*", {"baseline": plain}, actor=app.actor)


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    """A home with a baseline of five coins."""
    initialise_home(tmp_path / "home", environment="sandbox")
    app = _app(tmp_path / "home")
    app.queue.enqueue(_baseline(app))
    (done,) = app.worker.drain()
    assert done.outcome.state is CommandState.APPLIED, done.outcome
    yield app
    app.close()


def _deliver_all(root: Path, commands: list[NewCommand]) -> None:
    """Apply every command, as a worker does that knows nothing of the others."""
    own = _app(root, first_id=1_000)
    for command in commands:
        outcome = own.applier.apply(command)
        assert outcome.state is CommandState.APPLIED, outcome
    own.close()


def _deliver_together(root: Path, commands: list[NewCommand]) -> None:
    """Apply them in groups, two of which overlap in one command."""
    own = _app(root, first_id=1_000)
    for group in (commands[:3], [*commands[2:], commands[0]]):
        for outcome in apply_all(own.applier, group):
            assert outcome.state is CommandState.APPLIED, outcome
    own.close()


def _drain(root: Path) -> None:
    own = _app(root, first_id=1_000)
    own.worker.drain()
    own.close()


def _serial(app: App) -> int:
    return app.store.read(MANAGED_STATE).meta.serial


@pytest.mark.parametrize("deliver", [_deliver_all, _deliver_together], ids=["singly", "in groups"])
def test_a_command_delivered_to_four_processes_is_applied_once_and_answered_four_times(
    app: App, tally: Tally, deliver: Callable[[Path, list[NewCommand]], None]
) -> None:
    before = _serial(app)
    commands = _commands(app)
    for _ in range(sized(1, 10)):
        all_well([partial(deliver, app.home.root, commands)] * 4)
    if deliver is _deliver_all:
        assert _serial(app) == before + len(commands)
    for command in commands:
        assert len(list(app.store.audit.records(command_id=command.uid))) == 1
    assert_home_is_whole(app)
    tally.add("command delivered to four processes", 4 * len(commands) * sized(1, 10))


def test_four_workers_at_one_queue_finish_every_command_once(app: App, tally: Tally) -> None:
    commands = _commands(app)
    for command in commands:
        app.queue.enqueue(command)
    app.close()
    all_well([partial(_drain, app.home.root)] * 4)
    again = _app(app.home.root)
    for command in commands:
        row = again.queue.get(command.uid)
        assert row is not None
        assert row.state is CommandState.APPLIED, row.outcome
        assert len(list(again.store.audit.records(command_id=command.uid))) == 1
    assert_home_is_whole(again)
    again.close()
    tally.add("four workers at one queue (commands)", len(commands))


def test_a_key_that_is_used_twice_is_one_command_or_a_refusal(app: App, tally: Tally) -> None:
    first, other = _commands(app)[:2]
    row = app.queue.enqueue(first)
    again = app.queue.enqueue(msgspec.structs.replace(first, uid="another-delivery"))
    assert again.uid == row.uid
    stolen = msgspec.structs.replace(other, idempotency_key=first.idempotency_key)
    with pytest.raises(RefusedError) as refused:
        app.queue.enqueue(stolen)
    assert refused.value.code == "idempotency_conflict"
    app.worker.drain()
    assert [entry.state for entry in app.queue.list(state=CommandState.QUEUED)] == []
    tally.add("key used twice", 2)


def test_a_lost_database_applies_nothing_twice(app: App, tally: Tally) -> None:
    commands = _commands(app)
    for command in commands:
        app.queue.enqueue(command)
    app.worker.drain()
    before = _serial(app)
    app.close()
    for path in app.home.sql.parent.iterdir():
        path.unlink()
    again = _app(app.home.root)
    for command in commands:  # their senders never got an answer and send them again
        again.queue.enqueue(command)
    outcomes = [work.outcome for work in again.worker.drain()]
    assert [outcome.state for outcome in outcomes] == [CommandState.APPLIED] * len(commands)
    assert _serial(again) == before
    assert_home_is_whole(again)
    again.close()
    tally.add("lost or foreign database", 1)


def test_the_database_of_another_home_is_refused(app: App, tmp_path: Path, tally: Tally) -> None:
    initialise_home(tmp_path / "other", environment="sandbox")
    other = _app(tmp_path / "other")
    other.queue.enqueue(_baseline(other))
    other.close()
    app.close()
    for path in app.home.sql.parent.iterdir():
        path.unlink()
    shutil.copy(other.home.sql, app.home.sql)
    again = _app(app.home.root)
    with pytest.raises(StorageError) as refused:
        again.queue.list()
    assert refused.value.code == "database_foreign"
    tally.add("lost or foreign database", 1)


def test_a_store_without_a_queue_remembers_its_commands_too(app: App, tally: Tally) -> None:
    add_asset(app.store, "XRP")
    with pytest.raises(RefusedError):
        add_asset(app.store, "XRP")
    tally.add("key used twice", 1)
