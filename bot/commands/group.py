"""Commands that are decided together: one after another over the growing content, then one commit.

1. A group takes the beginning of what waits, in order, and never reorders: the order per asset stays.
2. A command that changes another document than the managed state, or all of it, stands alone.
3. Each command has its own answer: what is refused leaves the content as it was for those behind it,
   what is applied has its own ring entry and its own audit records. The commit comes first, then the
   refusals: nobody is told of a no that was decided on content which never came to be.
4. The lock is held for a bounded time: after `DECIDE_AT_MOST_S` no further command is decided, and the
   caller comes again with the rest. A commit that took longer than `HOLD_AT_MOST_S` halves the next group.
"""

from collections.abc import Sequence

import msgspec

from bot.commands.handlers import managed_handlers
from bot.commands.outcomes import applied_outcome, refusal_outcome, refusal_record, ring_entry
from bot.commands.registry import Document, spec_of
from bot.kernel.errors import BotError, StateWriteError
from bot.lifecycle.approval_rules import ApprovalFacts
from bot.lifecycle.change import Act, Change
from bot.lifecycle.command_payloads import Payload
from bot.lifecycle.commands import CommandOutcome, CommandType, NewCommand
from bot.lifecycle.documents import ManagedStateContent
from bot.lifecycle.events import Event
from bot.lifecycle.refusal_events import refusal_events
from bot.storage.commit import CommitResult
from bot.storage.documents import MANAGED_STATE
from bot.storage.state_store import Transaction

GROUP_MAX = 100
"""Commands in one commit at most: it bounds the document's outbox."""
FACTS_MAX = 5
"""Of these, commands for which the exchange is asked first, so that the first answers are still fresh."""
FACTS_WITHIN_S = 5.0
"""Asking ends here: what was not asked for yet is a later group's."""
GROUP_LEAST = 25
"""A group never shrinks below this: a large document is written all the more seldom then."""
DECIDE_AT_MOST_S = 0.02
HOLD_AT_MOST_S = 0.05


class GroupSize:
    """How many commands one commit may take on this machine, with a document as large as it is now."""

    def __init__(self) -> None:
        self.most = GROUP_MAX

    def was_held(self, seconds: float) -> None:
        """Learn from how long the lock was held for a group."""
        if seconds > HOLD_AT_MOST_S:
            self.most = max(GROUP_LEAST, self.most // 2)
        elif seconds < HOLD_AT_MOST_S / 2:
            self.most = min(GROUP_MAX, self.most * 2)


class Prepared(msgspec.Struct, frozen=True, kw_only=True):
    """A command with what its rule needs; `error` refuses it before any rule is asked."""

    command: NewCommand
    payload: Payload | None = None
    facts: ApprovalFacts | None = None
    error: BotError | None = None


class _Decided(msgspec.Struct, frozen=True, kw_only=True):
    """One command's answer inside the group; exactly one of the three is there."""

    prepared: Prepared
    act: Act | None = None
    told: CommandOutcome | None = None
    change: Change | None = None
    refusal: BotError | None = None


class Group:
    """The commands of one transaction, on their way to one commit of the managed state."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
        self._content: ManagedStateContent = transaction.current(MANAGED_STATE).content
        self._decided: list[_Decided] = []

    def __len__(self) -> int:
        """Return how many commands have their answer."""
        return len(self._decided)

    def is_told(self, prepared: Prepared, outcome: CommandOutcome) -> None:
        """Take a command whose outcome is there already."""
        self._decided.append(_Decided(prepared=prepared, told=outcome))

    def is_refused(self, prepared: Prepared, act: Act, error: BotError) -> None:
        """Take a command's no; the content stays as it is."""
        self._decided.append(_Decided(prepared=prepared, act=act, refusal=error))

    def decide(self, prepared: Prepared, act: Act) -> None:
        """Let the rule decide on the content as those before left it.

        Raises:
            RefusedError: The rule said no; the group is as it was.
        """
        payload = prepared.payload
        if payload is None:
            raise ValueError("a command without its payload cannot be decided")
        change = managed_handlers.decide(self._content, act, payload, prepared.facts)
        self._content = change.content
        self._decided.append(_Decided(prepared=prepared, act=act, change=change))

    def finish(self, *, dry_run: bool = False) -> list[CommandOutcome]:
        """Commit what was decided, remember the refusals, and return every outcome in order.

        Where the disk takes no refusal any more, those before the first one have their answer all the same.

        Raises:
            StorageError: As `Transaction.commit` and `Transaction.refuse`; nobody has an answer.
        """
        result = None if dry_run else self._commit()
        outcomes = [self._outcome(decided, result) for decided in self._decided]
        refusals = {
            place: refusal_record(decided.prepared.command, outcomes[place], decided.act.now)
            for place, decided in enumerate(self._decided)
            if decided.refusal is not None and decided.act is not None
        }
        if refusals and not dry_run:
            try:
                self._transaction.refuse(*refusals.values())
            except StateWriteError:
                outcomes = outcomes[: min(refusals)]
                if not outcomes:
                    raise
        return outcomes

    def _commit(self) -> CommitResult | None:
        events: list[Event] = []
        commands = []
        for decided in self._decided:
            if decided.change is not None:
                commands.append(ring_entry(decided.prepared.command, decided.change.detail))
                events.extend(decided.change.events)
            elif decided.refusal is not None:
                events.extend(_events_of_refusal(decided.prepared.command, decided.refusal))
        if commands:
            return managed_handlers.write(self._transaction, self._content, commands, events)
        if events:  # a crash before the refusal is kept tells them once more when the command comes again
            self._transaction.record(events)
        return None

    @staticmethod
    def _outcome(decided: _Decided, result: CommitResult | None) -> CommandOutcome:
        if decided.told is not None:
            return decided.told
        if decided.refusal is not None:
            return refusal_outcome(decided.refusal)
        detail = {} if decided.change is None else decided.change.detail
        return applied_outcome(detail, result, decided.prepared.command.uid)


def beginning(commands: Sequence[NewCommand], *, most: int = GROUP_MAX) -> Sequence[NewCommand]:
    """Return the first commands that may be decided together; one at least, `most` at most."""
    first = spec_of(commands[0].type)
    if not shares_a_commit(first.type):
        return commands[:1]
    most = min(most, FACTS_MAX) if first.needs_facts else most
    uids: set[str] = set()
    for count, command in enumerate(commands[:most]):
        same_kind = shares_a_commit(command.type) and spec_of(command.type).needs_facts is first.needs_facts
        if not same_kind or command.uid in uids:  # delivered twice: the second is told the first's outcome
            return commands[:count]
        uids.add(command.uid)
    return commands[:most]


def shares_a_commit(command_type: CommandType) -> bool:
    """Say whether a command changes the managed state in one place, and nothing else."""
    spec = spec_of(command_type)
    return spec.document is Document.MANAGED_STATE and not spec.is_alone


def _events_of_refusal(command: NewCommand, error: BotError) -> tuple[Event, ...]:
    return refusal_events(
        error,
        asset=command.asset,
        actor=command.actor,
        refused=command.type.value,
        command_id=command.uid,
    )
