"""Applying one command: facts, lock, recovery, dedupe, rule, commit, answer.

The one path for everybody: the worker, the trading loop for its own commands, and the CLI where it
applies a pause itself. Steps 1 to 11 of `nothing_is_lost.md`; SQL (step 12) is the caller's.
"""

import datetime as dt
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Protocol

import msgspec

from bot.commands.bus import parse_payload
from bot.commands.handlers import baseline_handlers, managed_handlers, restore_handlers
from bot.commands.registry import Document, spec_of
from bot.kernel.canonical import digest
from bot.kernel.clock import Clock
from bot.kernel.errors import BotError, RefusedError, StateConflictError
from bot.kernel.reasons import reason_for
from bot.lifecycle.approval_rules import ApprovalFacts
from bot.lifecycle.change import Act
from bot.lifecycle.command_payloads import (
    AdoptManagedState,
    ApproveManagedProposal,
    Payload,
    RestoreManagedState,
)
from bot.lifecycle.commands import CommandOutcome, CommandState, NewCommand
from bot.lifecycle.policy import LifecyclePolicy
from bot.lifecycle.roles import RoleBook
from bot.storage.state_store import AppliedCommand, RefusalRecord, StateStore, Transaction

_CONFLICT_TRIES = 3


class ApprovalFactsSource(Protocol):
    """Fetches what an approval is decided on; may use the network, so never under the lock."""

    def facts_for(self, asset: str, payload: ApproveManagedProposal) -> ApprovalFacts:
        """Return the proposal file's offer with price and balance of now.

        Raises:
            BotError: The file is missing or cannot be trusted. An exchange that does not answer is
                no error: its facts are None.
        """
        ...


class CommandApplier:
    """Applies commands to the state files, exactly once each."""

    def __init__(
        self,
        store: StateStore,
        *,
        clock: Clock,
        policy: Callable[[], LifecyclePolicy],
        users: Callable[[], RoleBook],
        facts: ApprovalFactsSource | None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._policy = policy
        self._users = users
        self._facts = facts

    def apply(self, command: NewCommand, *, dry_run: bool = False) -> CommandOutcome:
        """Apply a command and return its outcome; the same command again returns the same outcome.

        Raises:
            BotError: Storage trouble (lock held, disk refused, copies contradict): the command has no
                outcome and stays queued. A rule's no is an outcome, not an error.
        """
        try:
            payload = parse_payload(command.type, command.payload)
            spec_of(command.type).check_sender(command.actor, self._users(), command.payload)
            facts = self._fetch_facts(command, payload)
        except BotError as error:
            return self._refuse(command, error, dry_run=dry_run)
        for _ in range(_CONFLICT_TRIES):
            try:
                return self._apply_locked(command, payload, facts, dry_run=dry_run)
            except StateConflictError:
                continue  # another writer was first although we hold the lock: look again
        raise StateConflictError(
            f"{command.type} for {command.asset} met another writer {_CONFLICT_TRIES} times"
        )

    def stored_outcome(self, command: NewCommand) -> CommandOutcome | None:
        """Return the outcome of a command that is in the state or was refused already, or None."""
        with self._store.transaction() as transaction:
            return _outcome_told_before(transaction, command)

    def _fetch_facts(self, command: NewCommand, payload: Payload) -> ApprovalFacts | None:
        if not isinstance(payload, ApproveManagedProposal) or self._facts is None:
            return None
        return self._facts.facts_for(command.asset, payload)

    def _apply_locked(
        self, command: NewCommand, payload: Payload, facts: ApprovalFacts | None, *, dry_run: bool
    ) -> CommandOutcome:
        with self._store.transaction() as transaction:
            told = _outcome_told_before(transaction, command)
            if told is not None:
                return told
            act = Act(
                command_id=command.uid,
                type=command.type,
                actor=command.actor,
                asset=command.asset,
                now=self._clock.now(),
                accepted_at=command.created_at,
                policy=self._policy(),
            )
            try:
                return self._decide(transaction, command, act, payload, facts, dry_run=dry_run)
            except RefusedError as error:
                outcome = refusal_outcome(error)
                if not dry_run:
                    transaction.refuse(_refusal_record(command, outcome, act.now))
                return outcome

    def _decide(
        self,
        transaction: Transaction,
        command: NewCommand,
        act: Act,
        payload: Payload,
        facts: ApprovalFacts | None,
        *,
        dry_run: bool,
    ) -> CommandOutcome:
        def remember(detail: Mapping[str, Any]) -> AppliedCommand:
            return _ring_entry(command, _applied(detail))

        ring_entry = None if dry_run else remember
        if spec_of(command.type).document is Document.BASELINE_HOLDINGS:
            handled = baseline_handlers.handle(transaction, act, payload, ring_entry)
        elif isinstance(payload, RestoreManagedState | AdoptManagedState):
            handled = restore_handlers.handle(transaction, act, payload, ring_entry)
        else:
            handled = managed_handlers.handle(transaction, act, payload, facts, ring_entry)
        outcome = _applied(handled.detail)
        if handled.result is None:
            return outcome
        serial, sequences = handled.result.serial, handled.result.audit_sequences
        detail = {**outcome.detail, "serial": serial, "audit_sequences": list(sequences)}
        return msgspec.structs.replace(outcome, detail=detail, applied_serial=serial)

    def _refuse(self, command: NewCommand, error: BotError, *, dry_run: bool) -> CommandOutcome:
        outcome = refusal_outcome(error)
        if not dry_run:
            with self._store.transaction() as transaction:
                told = _outcome_told_before(transaction, command)
                if told is not None:
                    return told
                transaction.refuse(_refusal_record(command, outcome, self._clock.now()))
        return outcome


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


def command_digest(command: NewCommand) -> str:
    """Return what makes two deliveries of one command the same."""
    return digest({"uid": command.uid, "request": command.request_hash, "actor": command.actor})


def _applied(detail: Mapping[str, Any]) -> CommandOutcome:
    return CommandOutcome(state=CommandState.APPLIED, code="applied", reason="applied", detail=detail)


def _ring_entry(command: NewCommand, outcome: CommandOutcome) -> AppliedCommand:
    plain = msgspec.to_builtins(outcome, builtin_types=(Decimal,))
    return AppliedCommand(uid=command.uid, digest=command_digest(command), outcome=plain, serial=0)


def _outcome_told_before(transaction: Transaction, command: NewCommand) -> CommandOutcome | None:
    """Return what became of the very command before, applied or refused; both are final."""
    known = transaction.applied(command.uid)
    if known is not None:
        return _stored_outcome(command, known)
    serial = transaction.applied_earlier(command.uid, made_at=command.created_at)
    if serial is not None:
        outcome = _applied({"serial": serial, "repeated": True})
        return msgspec.structs.replace(outcome, applied_serial=serial)
    refusal = transaction.refused(command.uid, made_at=command.created_at)
    if refusal is not None:
        return CommandOutcome(
            state=CommandState.PRECONDITION_REJECTED,
            code=refusal["code"],
            reason=refusal["reason"],
            detail={"repeated": True},
        )
    return None


def _stored_outcome(command: NewCommand, known: AppliedCommand) -> CommandOutcome:
    if known.digest != command_digest(command):
        return failed_outcome(
            "idempotency_conflict", f"id {command.uid} was applied before with other content"
        )
    outcome = msgspec.convert(dict(known.outcome), CommandOutcome)
    detail = {**outcome.detail, "serial": known.serial, "repeated": True}
    return msgspec.structs.replace(outcome, applied_serial=known.serial, detail=detail)


def _refusal_record(command: NewCommand, outcome: CommandOutcome, now: dt.datetime) -> RefusalRecord:
    return RefusalRecord(
        at=now,
        command_id=command.uid,
        type=command.type.value,
        asset=command.asset,
        actor=command.actor,
        code=outcome.code,
        reason=outcome.reason,
    )
