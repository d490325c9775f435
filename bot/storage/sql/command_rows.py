"""A command's row and its columns, both ways.

What cannot be read in a row is that row's own trouble, never that of the rows beside it: it comes back
with `unreadable` saying what and why. The bus writes no such row; somebody who went around it may.
"""

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from bot.kernel.canonical import canonical_bytes
from bot.kernel.clock import from_iso, from_millis, iso_z
from bot.kernel.errors import UsageError
from bot.lifecycle.commands import CommandOutcome, CommandRow, CommandState, CommandType, NewCommand
from bot.storage.files.json_codec import NotStrictJsonError, decode_strict

DEPTH_READ_MAX = 100
"""Far deeper than any payload that the bus takes, and far from what a screen's own recursion bears."""

NO_TIME = from_millis(0)
"""Stands for a time that cannot be read."""

_BEGINNING = 60


def columns_of(new: NewCommand) -> dict[str, Any]:
    """Return the columns of a command as it is asked for.

    Raises:
        UsageError: Its payload has no JSON form.
    """
    return {
        "uid": new.uid,
        "type": new.type.value,
        "asset": new.asset,
        "priority": new.priority,
        "payload": _json(new.payload),
        "actor": new.actor,
        "idempotency_key": new.idempotency_key,
        "request_hash": new.request_hash,
        "created_at": iso_z(new.created_at),
    }


def outcome_columns(outcome: CommandOutcome, now: str) -> dict[str, Any]:
    """Return the columns of an outcome that was told at `now` (ISO-8601).

    Raises:
        ValueError: It is none: queued.
        UsageError: Its detail has no JSON form.
    """
    if outcome.state is CommandState.QUEUED:
        raise ValueError("an outcome is final; queued is none")
    return {
        "state": outcome.state.value,
        "finished_at": now,
        "outcome_code": outcome.code,
        "outcome_reason": outcome.reason,
        "outcome_detail": _json(outcome.detail),
        "applied_serial": outcome.applied_serial,
    }


def row_of(row: Mapping[Any, Any]) -> CommandRow:
    """Return a row as a value; it never fails, whatever somebody wrote there."""
    trouble: list[str] = []
    finished = row["finished_at"]
    outcome = None
    if finished is not None:
        finished = _read(_time, row, "finished_at", NO_TIME, trouble)
        outcome = CommandOutcome(
            state=CommandState(row["state"]),
            code=row["outcome_code"],
            reason=row["outcome_reason"] or "",
            detail=_read(_fields, row, "outcome_detail", {}, trouble) if row["outcome_detail"] else {},
            applied_serial=row["applied_serial"],
        )
    return CommandRow(
        id=row["id"],
        uid=row["uid"],
        type=_read(CommandType, row, "type", str(row["type"]), trouble),
        asset=row["asset"],
        priority=row["priority"],
        payload=_read(_fields, row, "payload", {}, trouble),
        actor=row["actor"],
        idempotency_key=row["idempotency_key"],
        request_hash=row["request_hash"],
        created_at=_read(_time, row, "created_at", NO_TIME, trouble),
        state=CommandState(row["state"]),
        attempts=row["attempts"],
        finished_at=finished,
        outcome=outcome,
        unreadable="; ".join(trouble) or None,
    )


def time_or_none(text: str | None) -> dt.datetime | None:
    """Return the time that a column tells, or None where it tells none."""
    try:
        return None if text is None else _time(text)
    except (ValueError, OverflowError):
        return None


def _read(
    read: Callable[[str], Any], row: Mapping[Any, Any], column: str, otherwise: object, trouble: list[str]
) -> Any:
    """Return what a column says; what cannot be read is told in `trouble`, with how it begins."""
    value = row[column]
    try:
        if not isinstance(value, str):
            raise ValueError("it is no text")  # noqa: TRY004, TRY301 - one way for all that is unreadable
        return read(value)
    except (ValueError, OverflowError) as error:
        trouble.append(f"{column}: {error} (it begins {str(value)[:_BEGINNING]!a})")
        return otherwise


def _time(text: str) -> dt.datetime:
    return from_iso(text)


def _fields(text: str) -> dict[str, Any]:
    data = text.encode("utf-8", "backslashreplace")
    value = decode_strict(data)
    if not isinstance(value, dict):
        raise NotStrictJsonError("it is no object of names and values")
    # Counting brackets is quick, and only too many of them are worth a closer look.
    if data.count(b"{") + data.count(b"[") > DEPTH_READ_MAX and _depth(value) > DEPTH_READ_MAX:
        raise NotStrictJsonError("nested too deeply")
    return value


def _depth(value: object) -> int:
    deepest, levels = 0, [(1, value)]
    while levels:
        depth, item = levels.pop()
        deepest = max(deepest, depth)
        inner = item.values() if isinstance(item, dict) else item if isinstance(item, list) else ()
        levels += [(depth + 1, each) for each in inner]
    return deepest


def _json(value: Mapping[str, Any]) -> str:
    """Return canonical JSON; Decimals keep their exact text."""
    try:
        return canonical_bytes(dict(value)).decode()
    except (msgspec.MsgspecError, TypeError) as error:
        raise UsageError(
            "The command cannot be kept: its content has no JSON form.", why=f"{error}."
        ) from error
