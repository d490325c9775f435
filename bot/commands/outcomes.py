"""Outcomes of commands: how they are made, remembered by a document, and found again.

A command that was applied stands in a document's ring, later in the audit log; one that was refused
stands in the refusals. All three are final: whoever asks again gets the same answer.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Protocol

import msgspec

from bot.kernel.canonical import digest
from bot.kernel.errors import BotError
from bot.kernel.reasons import reason_for
from bot.lifecycle.commands import CommandOutcome, CommandState, NewCommand
from bot.storage.commit import CommitResult
from bot.storage.state_store import AppliedCommand, RefusalRecord, Transaction


class Delivered(Protocol):
    """What tells one delivery of a command from another: a command or its row."""

    @property
    def uid(self) -> str:
        """Return the command's id."""
        ...

    @property
    def actor(self) -> str:
        """Return who sends it."""
        ...

    @property
    def request_hash(self) -> str:
        """Return the digest of what is asked."""
        ...

    @property
    def created_at(self) -> dt.datetime:
        """Return when it was made."""
        ...


def refusal_outcome(error: BotError) -> CommandOutcome:
    """Return a rule's no as an outcome: what and why in one sentence each, the help in the detail."""
    return CommandOutcome(
        state=CommandState.PRECONDITION_REJECTED,
        code=error.code,
        reason=f"{error.what}. {error.why}",
        detail={"what": error.what, "why": error.why, "fix": error.fix},
    )


def failed_outcome(code: str, evidence: str) -> CommandOutcome:
    """Return the outcome of a command that could not be worked on."""
    return CommandOutcome(
        state=CommandState.FAILED, code=code, reason=reason_for(code).sentence, detail={"evidence": evidence}
    )


def applied_outcome(detail: Mapping[str, Any], result: CommitResult | None, uid: str) -> CommandOutcome:
    """Return a yes with its figures, and with the place of its commit if there was one."""
    outcome = CommandOutcome(state=CommandState.APPLIED, code="applied", reason="applied", detail=detail)
    if result is None:
        return outcome
    places = {"serial": result.serial, "audit_sequences": list(result.sequences_of(uid))}
    return msgspec.structs.replace(outcome, detail={**detail, **places}, applied_serial=result.serial)


def command_digest(command: Delivered) -> str:
    """Return what makes two deliveries of one command the same."""
    return digest({"uid": command.uid, "request": command.request_hash, "actor": command.actor})


def ring_entry(command: NewCommand, detail: Mapping[str, Any]) -> AppliedCommand:
    """Return what the document remembers of a command that is applied with these figures."""
    outcome = applied_outcome(detail, None, command.uid)
    plain = msgspec.to_builtins(outcome, builtin_types=(Decimal,))
    return AppliedCommand(uid=command.uid, digest=command_digest(command), outcome=plain, serial=0)


def refusal_record(command: NewCommand, outcome: CommandOutcome, now: dt.datetime) -> RefusalRecord:
    """Return what the refusals' chain remembers of a command."""
    return RefusalRecord(
        at=now,
        command_id=command.uid,
        type=command.type.value,
        asset=command.asset,
        actor=command.actor,
        code=outcome.code,
        reason=outcome.reason,
    )


def told_before(transaction: Transaction, commands: Sequence[Delivered]) -> dict[str, CommandOutcome]:
    """Return, by uid, what became of these very commands before, applied or refused; both are final."""
    told: dict[str, CommandOutcome] = {}
    made_at: dict[str, dt.datetime] = {}
    for command in commands:
        known = transaction.applied(command.uid)
        if known is None:
            made_at[command.uid] = command.created_at
        else:
            told[command.uid] = _remembered(command, known)
    for uid, serial in transaction.applied_earlier(made_at).items():
        told[uid] = CommandOutcome(
            state=CommandState.APPLIED,
            code="applied",
            reason="applied",
            detail={"serial": serial, "repeated": True},
            applied_serial=serial,
        )
        made_at.pop(uid)
    for uid, refusal in transaction.refused(made_at).items():
        told[uid] = CommandOutcome(
            state=CommandState.PRECONDITION_REJECTED,
            code=refusal["code"],
            reason=refusal["reason"],
            detail={"repeated": True},
        )
    return told


def _remembered(command: Delivered, known: AppliedCommand) -> CommandOutcome:
    if known.digest != command_digest(command):
        return failed_outcome(
            "idempotency_conflict", f"id {command.uid} was applied before with other content"
        )
    outcome = msgspec.convert(dict(known.outcome), CommandOutcome)
    detail = {**outcome.detail, "serial": known.serial, "repeated": True}
    return msgspec.structs.replace(outcome, applied_serial=known.serial, detail=detail)
