"""What the edges do: put a command on the bus, wait for its outcome, or apply it here.

An edge that asks for something gets an `Answer`: the row as it stands, and whether a worker is there.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from bot.commands.registry import RISK_LOWERING
from bot.holdings.baseline import BaselineContent, capture, with_frozen_quote
from bot.kernel.errors import DatabaseUnavailableError, ExchangeAnswerError, StateFileError
from bot.lifecycle.command_payloads import Payload
from bot.lifecycle.commands import CommandOutcome, CommandRow, CommandType, NewCommand
from bot.lifecycle.states import IN_THE_BOTS_HANDS, AssetState
from bot.storage.documents import MANAGED_STATE
from bot.storage.heartbeat import read_heartbeat
from bot.storage.private_files import read_json, write_json

if TYPE_CHECKING:
    from bot.app.wiring import App

_LOOK_EVERY_S = 0.02
_WORKER_GRACE_S = 1.0
"""How long what lowers risk is left to a worker before the edge applies it itself."""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a command so far."""

    uid: str
    type: CommandType
    asset: str
    outcome: CommandOutcome | None
    worker_alive: bool
    applied_here: bool = False


def worker_is_alive(app: "App") -> bool:
    """Say whether a `run` or `worker` process works in this home."""
    heartbeat = read_heartbeat(app.home)
    return heartbeat is not None and heartbeat.is_alive


def send(
    app: "App",
    command_type: CommandType,
    asset: str,
    payload: Payload | Mapping[str, Any],
    *,
    wait_s: float,
    apply_here: bool = False,
    idempotency_key: str | None = None,
    on_wait: Callable[[CommandRow], None] | None = None,
) -> Answer:
    """Enqueue a command of the acting person and wait for its outcome.

    Args:
        app: The home.
        command_type: What is asked.
        asset: For which asset, `*` for all.
        payload: Checked against its schema.
        wait_s: How long to wait for a worker's outcome; 0 only enqueues.
        apply_here: Apply it in this process when no worker does at once (what lowers risk does not wait).
        idempotency_key: The client's own; the same key again gives the same answer.
        on_wait: Told of the command once it is on the bus and its outcome is waited for.

    Raises:
        UsageError, RefusedError: It was not put on the bus.
        DatabaseUnavailableError: The bus did not answer, and the command may not be applied here.
    """
    command = app.maker.make(command_type, asset, payload, actor=app.actor, idempotency_key=idempotency_key)
    may_apply_here = apply_here and command_type in RISK_LOWERING
    try:
        row = _enqueue(app, command, mends=may_apply_here)
    except DatabaseUnavailableError:
        if not may_apply_here:
            raise
        outcome = app.sender.apply_past_database(command)  # safety does not wait for a database
        return _answer(app, command.uid, command_type, asset, outcome, here=True)
    app.sender.book_waiting()  # the database is there: what was applied without it gets its row now
    if row.outcome is not None:
        return _answer(app, row.uid, command_type, asset, row.outcome)
    if on_wait is not None and wait_s > 0 and (may_apply_here or worker_is_alive(app)):
        on_wait(row)
    if may_apply_here:
        if worker_is_alive(app):
            row = wait_for(app, row, min(wait_s, _WORKER_GRACE_S))
        here = row.outcome is None  # nobody works, or whoever does hangs at something else
        if here:
            row = _apply_here(app, row)
        return _answer(app, row.uid, command_type, asset, row.outcome, here=here)
    if wait_s > 0 and worker_is_alive(app):
        row = wait_for(app, row, wait_s)
    return _answer(app, row.uid, command_type, asset, row.outcome)


def _apply_here(app: "App", row: CommandRow) -> CommandRow:
    """Apply a command in this process, and all that was asked of its asset before: their order is kept.

    What another process has in hand at this moment is looked at again until it is told.
    """
    deadline = app.clock.monotonic() + _WORKER_GRACE_S
    while True:
        app.worker.drain(asset=row.asset)
        row = app.queue.get(row.uid) or row
        if row.outcome is not None or app.clock.monotonic() >= deadline:
            return row
        app.clock.sleep(_LOOK_EVERY_S)


def _enqueue(app: "App", command: NewCommand, *, mends: bool) -> CommandRow:
    """Put it on the bus; what lowers risk mends a damaged state file first instead of giving up."""
    try:
        return app.queue.enqueue(command)
    except StateFileError:
        if not mends:
            raise
    app.recover()
    return app.queue.enqueue(command)


def dry_run(
    app: "App", command_type: CommandType, asset: str, payload: Payload | Mapping[str, Any]
) -> CommandOutcome:
    """Run the same rules on the real state and change nothing."""
    command = app.maker.make(command_type, asset, payload, actor=app.actor)
    return app.applier.apply(command, dry_run=True)


def wait_for(app: "App", row: CommandRow, wait_s: float) -> CommandRow:
    """Return the row once it has an outcome, or as it stands when the time is up."""
    deadline = app.clock.monotonic() + wait_s
    while row.outcome is None and app.clock.monotonic() < deadline:
        app.clock.sleep(_LOOK_EVERY_S)
        row = app.queue.get(row.uid) or row
    return row


def wait_for_proposal(app: "App", asset: str, wait_s: float, tick: Callable[[], None]) -> AssetState:
    """Return the asset's state once the engine has answered, or as it stands when the time is up."""
    deadline = app.clock.monotonic() + wait_s
    state = app.store.read(MANAGED_STATE).content.state_of(asset)
    while state is AssetState.PROPOSAL_PENDING and app.clock.monotonic() < deadline:
        app.clock.sleep(_LOOK_EVERY_S * 2)
        tick()
        state = app.store.read(MANAGED_STATE).content.state_of(asset)
    return state


def capture_baseline(app: "App", *, freeze_quote: bool = False) -> BaselineContent:
    """Read the wallet and keep its description for `apply`; coins in the bot's hands are marked.

    With `freeze_quote` the quote that is there now is the owner's: the bot may spend what comes later.

    Raises:
        ExchangeError: The wallet could not be read, or not completely.
    """
    wallet = app.gateway.wallet()
    if not wallet.complete:
        raise ExchangeAnswerError(
            "The wallet was not told completely, so it is not captured.", why="Missing is not zero."
        )
    content = capture(wallet, quote=app.settings["quote"], source=app.gateway.capabilities.name)
    if freeze_quote:
        content = with_frozen_quote(content, app.settings["quote"])
    managed = app.store.read(MANAGED_STATE).content
    assets = {
        name: msgspec.structs.replace(entry, policy_lifecycle_managed=True)
        if managed.state_of(name) in IN_THE_BOTS_HANDS
        else entry
        for name, entry in content.assets.items()
    }
    content = msgspec.structs.replace(content, assets=assets)
    write_json(_capture_path(app), _plain(content))
    return content


def captured_baseline(app: "App") -> dict[str, Any]:
    """Return the description that `capture` kept.

    Raises:
        StateFileError: Nothing was captured yet.
    """
    data = read_json(_capture_path(app))
    if not isinstance(data, dict):
        raise StateFileError(
            "No wallet was captured yet.", code="baseline_not_applied", fix="bot baseline capture"
        )
    return data


def _capture_path(app: "App") -> Path:
    return app.home.run / "baseline_capture.json"


def _plain(value: object) -> Any:
    return msgspec.to_builtins(value, builtin_types=(Decimal,))


def _answer(
    app: "App",
    uid: str,
    command_type: CommandType,
    asset: str,
    outcome: CommandOutcome | None,
    *,
    here: bool = False,
) -> Answer:
    return Answer(
        uid=uid,
        type=command_type,
        asset=asset,
        outcome=outcome,
        worker_alive=worker_is_alive(app),
        applied_here=here,
    )
