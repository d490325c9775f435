"""Two workers on one queue: what one has in hand, or has just told, is neither lost nor overtaken."""

from collections.abc import Sequence
from typing import Any, cast

import pytest

from bot.app.operations import send as send_and_wait
from bot.app.wiring import App
from bot.commands.bus import CommandQueue
from bot.commands.command_worker import CommandWorker, WorkedCommand, command_of
from bot.lifecycle.commands import CommandRow, CommandState, CommandType

REQUEST = CommandType.REQUEST_MANAGED_PROPOSAL
PAUSE = CommandType.PAUSE_MANAGED_ASSET


def send(app: App, command_type: CommandType, asset: str, **payload: Any) -> CommandRow:
    return app.queue.enqueue(app.maker.make(command_type, asset, payload, actor=app.actor))


def told(done: Sequence[WorkedCommand]) -> list[tuple[str, str]]:
    return [(item.row.asset, item.outcome.code) for item in done]


class _Counting:
    """A queue whose first row of an asset is in another worker's hand, once."""

    def __init__(self, queue: CommandQueue, taken: int) -> None:
        self._queue = queue
        self._taken: int | None = taken

    def __getattr__(self, name: str) -> Any:
        return getattr(self._queue, name)

    def count_attempts(self, row_ids: Sequence[int], worker: str) -> dict[int, int]:
        taken, self._taken = self._taken, None
        return self._queue.count_attempts([row for row in row_ids if row != taken], worker)


def test_behind_a_command_that_another_worker_has_in_hand_its_asset_waits(app: App) -> None:
    first = send(app, REQUEST, "SOL")
    send(app, PAUSE, "SOL", exits="on")
    send(app, REQUEST, "ADA")
    queue = cast("CommandQueue", _Counting(app.queue, first.id))
    done = CommandWorker(queue, app.applier, name="late").drain()
    assert told(done) == [
        ("ADA", "applied"),
        ("SOL", "applied"),
        ("SOL", "transition_not_allowed"),
    ], "the pause was decided on what the request had made"


class _FinishedMeanwhile:
    """A queue whose first row gets its outcome elsewhere after the rows were read."""

    def __init__(self, app: App, first: CommandRow) -> None:
        self._app = app
        self._first: CommandRow | None = first

    def __getattr__(self, name: str) -> Any:
        return getattr(self._app.queue, name)

    def queued(self, **words: Any) -> list[CommandRow]:
        rows = self._app.queue.queued(**words)
        if self._first is not None:
            self._app.queue.finish({self._first.uid: self._app.applier.apply(command_of(self._first))})
            self._first = None
        return rows


class _InHand(_FinishedMeanwhile):
    """A queue whose first row stays in another worker's hand."""

    def queued(self, **words: Any) -> list[CommandRow]:
        return self._app.queue.queued(**words)

    def count_attempts(self, row_ids: Sequence[int], worker: str) -> dict[int, int]:
        taken = self._first
        assert taken is not None
        return self._app.queue.count_attempts([row for row in row_ids if row != taken.id], worker)


def test_behind_a_command_that_another_worker_has_just_finished_nothing_waits(app: App) -> None:
    first = send(app, REQUEST, "SOL")
    second = send(app, PAUSE, "SOL", exits="on")
    queue = cast("CommandQueue", _FinishedMeanwhile(app, first))
    (done,) = CommandWorker(queue, app.applier, name="late").drain(asset="SOL")
    assert (done.row.uid, done.outcome.code) == (second.uid, "transition_not_allowed")
    left = app.queue.get(second.uid)
    assert left is not None
    assert left.attempts == 1


def test_what_stands_behind_a_command_in_other_hands_counts_no_attempt(app: App) -> None:
    first = send(app, REQUEST, "SOL")
    second = send(app, PAUSE, "SOL", exits="on")
    assert CommandWorker(cast("CommandQueue", _InHand(app, first)), app.applier, name="late").drain() == []
    left = app.queue.get(second.uid)
    assert left is not None
    assert (left.state, left.attempts) == (CommandState.QUEUED, 0)


def test_what_lowers_risk_is_looked_at_again_while_another_worker_has_it_in_hand(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = app.queue.count_attempts
    free = iter([False, False, True])

    def count_attempts(row_ids: Sequence[int], worker: str) -> dict[int, int]:
        return counted(row_ids, worker) if next(free) else {}

    monkeypatch.setattr(app.queue, "count_attempts", count_attempts)
    words = {"exits": "on"}
    answer = send_and_wait(app, PAUSE, "SOL", words, wait_s=0, apply_here=True)
    assert answer.outcome is not None
    assert (answer.outcome.code, next(free, None)) == ("transition_not_allowed", None)
