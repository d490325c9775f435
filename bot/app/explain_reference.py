"""What a word stands for that somebody wants explained: a reason code, a coin, or a command."""

import datetime as dt
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from bot.app.explain import Refusal, refusal_of
from bot.app.views import did_you_mean
from bot.kernel.errors import DatabaseUnavailableError, UsageError
from bot.kernel.reasons import REASONS, reason_for
from bot.lifecycle.commands import CommandRow, CommandState
from bot.storage.documents import BASELINE_HOLDINGS, MANAGED_STATE

if TYPE_CHECKING:
    from bot.app.wiring import App

_REFUSALS_SHOWN = 5
_CANDIDATES_SHOWN = 10
_SHORTEST_ID = 4


class Kind(StrEnum):
    """What can be explained."""

    CODE = "code"
    ASSET = "asset"
    COMMAND = "command"


class Reference(NamedTuple):
    """A word, understood."""

    kind: Kind
    name: str


class CodeExplanation(msgspec.Struct, frozen=True, kw_only=True):
    """A reason code with where it was met last."""

    code: str
    sentence: str
    fix: str
    exit_code: int
    refusals: tuple[Refusal, ...]


class CommandExplanation(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A command with what became of it and why."""

    uid: str
    type: str
    asset: str
    actor: str
    at: str
    state: str
    code: str | None = None
    sentence: str | None = None
    why: str | None = None
    fix: str | None = None
    step: str | None = None
    transition: str | None = None
    serial: int | None = None
    events: tuple[str, ...] = ()
    payload: dict[str, Any] = {}


def understood(app: "App", word: str) -> Reference:
    """Return what the word stands for.

    Raises:
        UsageError: Nothing of that name, with what was meant perhaps; or several commands.
    """
    if word.lower() in REASONS:
        return Reference(Kind.CODE, word.lower())
    managed = app.store.read(MANAGED_STATE).content.managed_assets
    assets = {*managed, *app.store.read(BASELINE_HOLDINGS).content.assets}
    if word.upper() in assets:
        return Reference(Kind.ASSET, word.upper())
    ids = _command_ids(app, word.lower()) if len(word) >= _SHORTEST_ID else []
    if len(ids) == 1:
        return Reference(Kind.COMMAND, ids[0])
    if ids:
        raise UsageError(
            f"{word} stands for several commands.", why=f"Candidates: {', '.join(ids[:_CANDIDATES_SHOWN])}."
        )
    hint = did_you_mean(word.upper(), assets) or did_you_mean(word.lower(), REASONS)
    raise UsageError(
        f"Nothing is called {word}.",
        why=hint or "It is no coin of this home, no reason code, and no command's id begins like it.",
        fix="bot holdings ls and bot commands ls tell the names.",
    )


def explain_code(app: "App", code: str) -> CodeExplanation:
    """Return a reason's row and the newest commands that met it."""
    row = reason_for(code)
    met = [refusal_of(record) for record in app.store.refusals.records() if record["code"] == code]
    return CodeExplanation(
        code=code,
        sentence=row.sentence,
        fix=row.help,
        exit_code=int(row.exit_code),
        refusals=tuple(met[-_REFUSALS_SHOWN:]),
    )


def explain_command(app: "App", uid: str) -> CommandExplanation:
    """Return what became of a command: from the bus, or from the logs where the database is silent."""
    events = list(app.store.audit.records(command_id=uid))
    told = tuple(f"#{record['sequence']} {record['type']}" for record in events)
    row = _row(app, uid)
    if row is not None:
        return _from_row(row, told)
    for record in app.store.refusals.records(command_id=uid):
        refused = refusal_of(record)
        return CommandExplanation(
            uid=uid,
            type=refused.type,
            asset=refused.asset,
            actor=refused.actor,
            at=refused.at,
            state=CommandState.PRECONDITION_REJECTED.value,
            code=refused.code,
            sentence=reason_for(refused.code).sentence,
            why=refused.reason,
            fix=refused.fix,
        )
    first = events[0]
    return CommandExplanation(
        uid=uid,
        type="(the database does not know it; the audit does)",
        asset=str(first["asset"]),
        actor=str(first["actor"]),
        at=str(first["at"]),
        state=CommandState.APPLIED.value,
        serial=first.get("serial"),
        events=told,
    )


def _from_row(row: CommandRow, events: tuple[str, ...]) -> CommandExplanation:
    outcome = row.outcome
    detail = dict(outcome.detail) if outcome is not None else {}
    refused = outcome is not None and outcome.state is not CommandState.APPLIED
    reason = reason_for(outcome.code) if outcome is not None and refused else None
    return CommandExplanation(
        uid=row.uid,
        type=str(row.type),
        asset=row.asset,
        actor=row.actor,
        at=_iso(row.created_at),
        state=row.state.value,
        code=outcome.code if outcome is not None else None,
        sentence=reason.sentence if reason is not None else None,
        why=str(detail.get("why") or detail.get("evidence") or outcome.reason)
        if outcome is not None and refused
        else None,
        fix=str(detail.get("fix") or reason.help).replace("ASSET", row.asset) if reason is not None else None,
        step=f"{detail['from']} -> {detail['to']}" if "from" in detail else None,
        transition=detail.get("transition"),
        serial=outcome.applied_serial if outcome is not None else None,
        events=events,
        payload=dict(row.payload),
    )


def _iso(moment: dt.datetime) -> str:
    return str(msgspec.to_builtins(moment))


def _row(app: "App", uid: str) -> CommandRow | None:
    try:
        return app.queue.get(uid)
    except DatabaseUnavailableError:
        return None


def _command_ids(app: "App", prefix: str) -> list[str]:
    """Return the ids that begin so: what the logs hold, and what still waits on the bus."""
    records = [*app.store.audit.records(), *app.store.refusals.records()]
    found = {str(record.get("command_id", "")) for record in records}
    found = {uid for uid in found if uid.startswith(prefix)}
    if not found and (row := _row(app, prefix)) is not None:
        found.add(row.uid)
    return sorted(found)
