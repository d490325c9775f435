"""Applying commands: facts, lock, recovery, dedupe, rule, commit, answer.

The one path for everybody: the worker with all that waits, the trading loop for its own commands, and
the CLI where it applies a pause itself; one command is a group of one. Steps 1 to 11 of
`nothing_is_lost.md`; SQL (step 12) is the caller's.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Protocol

from bot.commands.bus import parse_payload
from bot.commands.group import (
    DECIDE_AT_MOST_S,
    FACTS_WITHIN_S,
    Group,
    GroupSize,
    Prepared,
    beginning,
    shares_a_commit,
)
from bot.commands.handlers import baseline_handlers, restore_handlers, runtime_config_handlers
from bot.commands.handlers.handled import Handled
from bot.commands.outcomes import Delivered, applied_outcome, ring_entry, told_before
from bot.commands.registry import spec_of
from bot.kernel.clock import Clock
from bot.kernel.errors import (
    BotError,
    RefusedError,
    StateConflictError,
    StopRuleBrokenError,
    StorageError,
)
from bot.lifecycle.approval_rules import ApprovalFacts
from bot.lifecycle.change import Act
from bot.lifecycle.command_payloads import (
    AdoptManagedState,
    ApproveManagedProposal,
    Payload,
    RestoreManagedState,
)
from bot.lifecycle.commands import CommandOutcome, NewCommand
from bot.lifecycle.policy import LifecyclePolicy
from bot.lifecycle.roles import RoleBook
from bot.lifecycle.runtime_config import SettingsReviewer, no_settings
from bot.lifecycle.states import ActorKind, actor_kind
from bot.storage.commit import UnreadableContentError
from bot.storage.state_store import StateStore, Transaction

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
        review: SettingsReviewer = no_settings,
    ) -> None:
        self._store = store
        self._clock = clock
        self._policy = policy
        self._users = users
        self._facts = facts
        self._review = review
        self._size = GroupSize()

    def apply(self, command: NewCommand, *, dry_run: bool = False) -> CommandOutcome:
        """Apply a command and return its outcome; the same command again returns the same outcome.

        Raises:
            BotError: Storage trouble (lock held, disk refused, copies contradict): the command has no
                outcome and stays queued. A rule's no is an outcome, not an error.
        """
        return self._apply([command], dry_run=dry_run)[0]

    def apply_group(self, commands: Sequence[NewCommand]) -> list[CommandOutcome]:
        """Apply the first of these commands in one commit; returns their outcomes, in order.

        One at least, all at most; the caller comes again with the rest. Commands that were applied or
        refused before are answered as then.

        Args:
            commands: In the order in which they must be applied.

        Raises:
            BotError: Storage trouble: none of them has an outcome, all stay queued.
            Exception: Any other error is the first command's own.
        """
        group = beginning(commands, most=self._size.most)
        try:
            return self._apply(group)
        except StorageError as error:
            if len(group) == 1 or not isinstance(error, StateConflictError | UnreadableContentError):
                raise
        except Exception:
            if len(group) == 1:
                raise
        # One of them spoils it for all. Fewer together, until it stands alone; what was committed in
        # spite of an error is found and told by its id.
        return self.apply_group(group[: len(group) // 2])

    def stored_outcome(self, command: Delivered) -> CommandOutcome | None:
        """Return the outcome of a command that is in the state or was refused already, or None."""
        with self._store.transaction() as transaction:
            return told_before(transaction, [command]).get(command.uid)

    def _apply(self, commands: Sequence[NewCommand], *, dry_run: bool = False) -> list[CommandOutcome]:
        prepared = self._prepare(commands)
        self._store.read_up(min(command.created_at for command in commands))
        for _ in range(_CONFLICT_TRIES):
            try:
                with self._store.transaction() as transaction:
                    return self._decide(transaction, prepared, dry_run=dry_run)
            except StateConflictError:
                continue  # another writer was first although we hold the lock: look again
        first = commands[0]
        raise StateConflictError(f"{first.type} for {first.asset} met another writer {_CONFLICT_TRIES} times")

    def _prepare(self, commands: Sequence[NewCommand]) -> list[Prepared]:
        """Fetch what the rules need, before the lock; a defect ends the group before its command.

        A slow exchange ends it as well, so that nobody's facts grow old while another's are fetched.
        """
        prepared: list[Prepared] = []
        users = self._users()
        begun_s = self._clock.monotonic()
        for command in commands:
            if prepared and self._clock.monotonic() - begun_s > FACTS_WITHIN_S:
                break
            try:
                payload = parse_payload(command.type, command.payload)
                spec_of(command.type).check_sender(command.actor, users, command.payload)
                facts = self._fetch_facts(command, payload)
            except BotError as error:
                prepared.append(Prepared(command=command, error=error))
            except Exception:
                if not prepared:
                    raise
                break
            else:
                prepared.append(Prepared(command=command, payload=payload, facts=facts))
        return prepared

    def _fetch_facts(self, command: NewCommand, payload: Payload) -> ApprovalFacts | None:
        if not isinstance(payload, ApproveManagedProposal) or self._facts is None:
            return None
        return self._facts.facts_for(command.asset, payload)

    def _decide(
        self, transaction: Transaction, prepared: Sequence[Prepared], *, dry_run: bool
    ) -> list[CommandOutcome]:
        """Decide one command after another, and commit; a defect ends the group before its command."""
        begun_s = self._clock.monotonic()
        told = told_before(transaction, [item.command for item in prepared])
        policy = self._policy()
        group = Group(transaction)
        for item in prepared:
            if len(group) and self._clock.monotonic() - begun_s > DECIDE_AT_MOST_S:
                break
            known = told.get(item.command.uid)
            if known is not None:
                group.is_told(item, known)
                continue
            act = self._act(item.command, policy)
            try:
                self._decide_one(transaction, group, item, act, dry_run=dry_run)
            except (RefusedError, StopRuleBrokenError) as error:
                group.is_refused(item, act, error)
            except StorageError:
                raise
            except Exception:
                if not len(group):
                    raise
                break
        outcomes = group.finish(dry_run=dry_run)
        if len(outcomes) > 1:
            self._size.was_held(self._clock.monotonic() - begun_s)
        return outcomes

    def _act(self, command: NewCommand, policy: LifecyclePolicy) -> Act:
        return Act(
            command_id=command.uid,
            type=command.type,
            actor=command.actor,
            asset=command.asset,
            now=self._clock.now(),
            accepted_at=command.created_at,
            policy=policy,
        )

    def _decide_one(
        self, transaction: Transaction, group: Group, item: Prepared, act: Act, *, dry_run: bool
    ) -> None:
        if item.error is not None:
            group.is_refused(item, act, item.error)
            return
        if actor_kind(act.actor) is ActorKind.USER:
            # Facts may have taken long: who lost the right meanwhile decides nothing any more.
            spec_of(act.type).check_sender(act.actor, self._users(), item.command.payload)
        if shares_a_commit(item.command.type):
            group.decide(item, act)
        else:
            handled = self._handle_alone(transaction, item, act, dry_run=dry_run)
            group.is_told(item, applied_outcome(handled.detail, handled.result, item.command.uid))

    def _handle_alone(self, transaction: Transaction, item: Prepared, act: Act, *, dry_run: bool) -> Handled:
        """Decide a command that changes another document, or all of the managed state: it commits itself."""
        remember = None if dry_run else partial(ring_entry, item.command)
        payload = item.payload
        if isinstance(payload, RestoreManagedState | AdoptManagedState):
            return restore_handlers.handle(transaction, act, payload, remember)
        if isinstance(payload, runtime_config_handlers.RuntimePayload):
            return runtime_config_handlers.handle(
                transaction, act, payload, remember, book=self._users(), review=self._review
            )
        if payload is None:
            raise ValueError("a command without its payload cannot be decided")
        return baseline_handlers.handle(transaction, act, payload, remember)
