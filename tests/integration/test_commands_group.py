"""Group commit on real files: one commit for what waits, and everybody's own answer."""

import datetime as dt
import errno
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn, cast

import msgspec
import pytest

from bot.app.wiring import App
from bot.commands.bus import CommandQueue
from bot.commands.command_worker import CommandWorker, WorkedCommand, command_of
from bot.commands.group import DECIDE_AT_MOST_S, GROUP_MAX
from bot.kernel.errors import LockHeldError, StateWriteError
from bot.lifecycle.commands import CommandRow, CommandState, CommandType, NewCommand
from bot.storage.commit import UnreadableContentError
from bot.storage.documents import MANAGED_STATE
from bot.storage.files.file_ops import FileOps
from bot.storage.state_store import StateStore
from tests.fakes.command_group import applier_on, apply_all, command, the_group
from tests.fakes.fake_clock import START, FakeClock
from tests.fakes.home_checks import refusal_codes
from tests.fakes.storage_faults import new_store, open_store

REQUEST = CommandType.REQUEST_MANAGED_PROPOSAL
PAUSE = CommandType.PAUSE_MANAGED_ASSET
ASSETS = ("ADA", "BTC", "DOGE", "ETH", "SOL")


def send(app: App, command_type: CommandType, asset: str, **payload: Any) -> CommandRow:
    return app.queue.enqueue(app.maker.make(command_type, asset, payload, actor=app.actor))


def serial(app: App) -> int:
    return app.store.read(MANAGED_STATE).meta.serial


def told(done: Sequence[WorkedCommand]) -> list[tuple[str, str]]:
    return [(item.row.asset, item.outcome.code) for item in done]


# ---- one commit, single answers ---------------------------------------------------------------------


def test_what_waits_is_applied_in_one_commit_with_single_outcomes_and_audit_records(app: App) -> None:
    rows = [send(app, REQUEST, asset) for asset in ASSETS]
    before = serial(app)
    done = app.worker.drain()
    assert told(done) == [(asset, "applied") for asset in ASSETS]
    assert serial(app) == before + 1
    assert {item.outcome.applied_serial for item in done} == {before + 1}
    for row, item in zip(rows, done, strict=True):
        records = list(app.store.audit.records(command_id=row.uid))
        assert [record["sequence"] for record in records] == item.outcome.detail["audit_sequences"]
        assert {(record["asset"], record["serial"]) for record in records} == {(row.asset, before + 1)}
        kept = app.queue.get(row.uid)
        assert kept is not None
        assert (kept.outcome, kept.attempts) == (item.outcome, 1)


def test_a_refused_command_in_a_group_disturbs_no_other(app: App) -> None:
    before = serial(app)
    for asset in ("ADA", "BTC"):
        send(app, REQUEST, asset)
    refused = send(app, PAUSE, "DOGE", exits="on")
    send(app, REQUEST, "ETH")
    done = app.worker.drain()
    assert told(done)[0] == ("DOGE", "transition_not_allowed"), "what lowers risk goes first"
    assert told(done)[1:] == [(asset, "applied") for asset in ("ADA", "BTC", "ETH")]
    assert serial(app) == before + 1
    assert [record["command_id"] for record in app.store.refusals.records()] == [refused.uid]
    assert set(app.store.read(MANAGED_STATE).content.managed_assets) == {"ADA", "BTC", "ETH"}


def test_the_order_of_one_asset_is_kept_inside_a_group(app: App) -> None:
    send(app, REQUEST, "SOL")
    send(app, PAUSE, "SOL", exits="on")
    send(app, REQUEST, "SOL")
    before = serial(app)
    done = app.worker.drain()
    assert [item.row.type for item in done] == [REQUEST, PAUSE, REQUEST]
    assert [item.outcome.code for item in done] == [
        "applied",
        "transition_not_allowed",
        "proposal_in_progress",
    ]
    assert serial(app) == before + 1
    assert refusal_codes(app) == ["transition_not_allowed", "proposal_in_progress"]


def test_a_group_of_refusals_changes_no_document(app: App) -> None:
    before = serial(app)
    for asset in ASSETS:
        send(app, PAUSE, asset, exits="on")
    assert {item.outcome.state for item in app.worker.drain()} == {CommandState.PRECONDITION_REJECTED}
    assert serial(app) == before
    assert refusal_codes(app) == ["transition_not_allowed"] * len(ASSETS)


def test_a_command_on_another_document_stands_alone_between_groups(app: App) -> None:
    send(app, REQUEST, "ADA")
    everything = app.maker.make(CommandType.CLEAR_BASELINE_HOLDINGS, "*", {}, actor=app.actor)
    app.queue.enqueue(everything)
    send(app, REQUEST, "BTC")
    before = serial(app)
    done = app.worker.drain()
    assert told(done) == [("ADA", "applied"), ("*", "applied"), ("BTC", "applied")]
    assert serial(app) == before + 2, "one group before it, one behind it"


# ---- crashes, duplicates, several workers -------------------------------------------------------------


def test_a_group_whose_answers_were_lost_is_answered_as_then(app: App) -> None:
    rows = [send(app, REQUEST, asset) for asset in ASSETS]
    send(app, PAUSE, "SOL", exits="on")
    waiting = [command_of(row) for row in app.queue.queued(limit=10)]
    first = apply_all(app.applier, waiting)  # and killed before the database was told
    before = serial(app)
    done = app.worker.drain()
    assert [item.outcome.code for item in done] == [outcome.code for outcome in first]
    assert [item.outcome.applied_serial for item in done] == [outcome.applied_serial for outcome in first]
    assert all(item.outcome.detail["repeated"] for item in done)
    assert serial(app) == before
    for row in rows:
        assert len(list(app.store.audit.records(command_id=row.uid))) == 1
    assert refusal_codes(app) == ["transition_not_allowed"]


def test_a_command_delivered_twice_within_a_group_is_applied_once(app: App) -> None:
    first, second = (app.maker.make(REQUEST, asset, {}, actor=app.actor) for asset in ("ADA", "BTC"))
    outcomes = apply_all(app.applier, [first, second, first, second, second])
    assert [outcome.detail.get("repeated", False) for outcome in outcomes] == [False, False, True, True, True]
    assert len({outcome.applied_serial for outcome in outcomes}) == 1


def test_another_command_under_an_applied_id_fails_alone(app: App) -> None:
    first, second = (app.maker.make(REQUEST, asset, {}, actor=app.actor) for asset in ("ADA", "BTC"))
    forged = command(first.uid, REQUEST, "DOGE")
    codes = [outcome.code for outcome in apply_all(app.applier, [first, forged, second])]
    assert codes == ["applied", "idempotency_conflict", "applied"]


# ---- poison -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("poison", "error"),
    [
        (command("NOT-AN-ID", REQUEST, "XRP"), UnreadableContentError),
        (command("poison", PAUSE, "XRP", {"reason": "\ud800"}), UnicodeEncodeError),
    ],
    ids=["at the commit", "before the lock"],
)
def test_a_poison_command_is_found_among_many_and_its_error_raised_alone(
    app: App, poison: NewCommand, error: type[Exception]
) -> None:
    applier = applier_on(app.store)
    group = [command(f"u-{asset.lower()}", REQUEST, asset) for asset in ASSETS]
    group.insert(2, poison)
    codes: list[str] = []

    def go_on() -> None:
        while len(codes) < len(group):
            codes.extend(outcome.code for outcome in applier.apply_group(group[len(codes) :]))

    with pytest.raises(error):
        go_on()
    assert codes == ["applied", "applied"]
    codes = [outcome.code for outcome in apply_all(applier, group[3:])]
    assert codes == ["applied"] * 3
    assert set(app.store.read(MANAGED_STATE).content.managed_assets) == set(ASSETS)


class _Delivers:
    """A queue that hands one more command out, which nobody would have been able to put on it."""

    def __init__(self, queue: CommandQueue, row: CommandRow) -> None:
        self._queue = queue
        self._row: CommandRow | None = row

    def __getattr__(self, name: str) -> Any:
        return getattr(self._queue, name)

    def queued(self, *, limit: int, asset: str | None = None) -> list[CommandRow]:
        row, self._row = self._row, None
        rows = self._queue.queued(limit=limit, asset=asset)
        return rows if row is None else [rows[0], row, *rows[1:]]

    def count_attempts(self, row_ids: Sequence[int], worker: str) -> dict[int, int]:
        return {**self._queue.count_attempts(row_ids, worker), 999: 1}


def test_a_poison_command_fails_alone_and_all_others_of_its_group_are_applied(app: App) -> None:
    rows = [send(app, REQUEST, asset) for asset in ASSETS]
    words = {"reason": "\ud800"}
    poison = msgspec.structs.replace(rows[0], id=999, uid="poison", asset="XRP", type=PAUSE, payload=words)
    queue = cast("CommandQueue", _Delivers(app.queue, poison))
    done = CommandWorker(queue, app.applier, name="w").drain()
    expected = [(asset, "applied") for asset in ASSETS]
    expected.insert(1, ("XRP", "command_failed"))
    assert told(done) == expected


def test_a_command_that_was_tried_before_is_tried_alone(app: App) -> None:
    rows = [send(app, REQUEST, asset) for asset in ASSETS]
    app.queue.count_attempts([rows[1].id], "a worker that died")
    before = serial(app)
    done = app.worker.drain()
    assert told(done) == [(asset, "applied") for asset in ASSETS]
    serials = [item.outcome.applied_serial for item in done]
    assert serials == [before + 1, before + 2, before + 3, before + 3, before + 3]


class _Held:
    """A store whose lock somebody else holds."""

    def read_up(self, since: dt.datetime) -> None:
        pass

    def transaction(self) -> NoReturn:
        raise LockHeldError("the lock is held")


def test_storage_trouble_gives_all_attempts_of_a_group_back(app: App) -> None:
    rows = [send(app, REQUEST, asset) for asset in ASSETS]
    worker = CommandWorker(app.queue, applier_on(cast("StateStore", _Held())), name="late")
    with pytest.raises(LockHeldError):
        worker.drain()
    for row in rows:
        kept = app.queue.get(row.uid)
        assert kept is not None
        assert (kept.state, kept.attempts) == (CommandState.QUEUED, 0)
    assert told(app.worker.drain()) == [(asset, "applied") for asset in ASSETS]


# ---- bounds -------------------------------------------------------------------------------------------


class _SlowClock(FakeClock):
    """A clock that every look at takes a part of the time for which a group may decide."""

    def monotonic(self) -> float:
        self.advance(DECIDE_AT_MOST_S * 0.4)
        return super().monotonic()


def test_the_lock_is_not_held_for_a_group_that_takes_too_long(app: App) -> None:
    applier = applier_on(app.store, _SlowClock(START))
    assert [outcome.code for outcome in applier.apply_group(the_group())] == ["applied"] * 2 + [
        "transition_not_allowed"
    ]


def test_a_group_has_its_greatest_size(app: App) -> None:
    names = [f"C{number}" for number in range(GROUP_MAX + 20)]
    before = serial(app)
    outcomes = apply_all(
        applier_on(app.store), [command(f"u-{name.lower()}", REQUEST, name) for name in names]
    )
    assert len(outcomes) == len(names)
    assert serial(app) == before + 2


class _NoRoomForRefusals(FileOps):
    """A disk that is just full enough for one more refusal not to fit."""

    is_full = True

    def write(self, descriptor: int, data: bytes | memoryview) -> int:
        if self.is_full and "refusals" in str(Path(f"/proc/self/fd/{descriptor}").readlink()):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return super().write(descriptor, data)


def test_a_disk_that_takes_no_refusal_keeps_no_answer_from_those_before_it(tmp_path: Path) -> None:
    new_store(tmp_path / "store")
    disk = _NoRoomForRefusals()
    applier = applier_on(open_store(tmp_path / "store", disk))
    group = the_group()
    first = applier.apply_group(group)
    assert [outcome.code for outcome in first] == ["applied", "applied"]
    with pytest.raises(StateWriteError):
        applier.apply_group(group[2:])
    disk.is_full = False
    again = applier.apply_group(group[2:])
    assert [(outcome.code, outcome.detail.get("repeated")) for outcome in again] == [
        ("transition_not_allowed", None),
        ("applied", True),
    ]
