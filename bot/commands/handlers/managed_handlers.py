"""Handlers of commands that change the managed state: which rule decides which command.

Read, let the one rule decide, write: state and events in one commit (SR-12).
"""

from collections.abc import Callable
from typing import Any

from bot.commands.handlers.handled import Handled, RingEntry
from bot.kernel.errors import StopRuleBrokenError
from bot.lifecycle import exit_rules, holding_rules, proposal_rules
from bot.lifecycle.approval_rules import ApprovalFacts, approve
from bot.lifecycle.change import Act, Change
from bot.lifecycle.command_payloads import ApproveManagedProposal, Payload
from bot.lifecycle.commands import CommandType as C
from bot.lifecycle.documents import ManagedStateContent
from bot.storage.documents import MANAGED_STATE
from bot.storage.managed_state_writer import write_managed_state
from bot.storage.state_store import Transaction

Rule = Callable[[ManagedStateContent, Act, Any], Change]

RULES: dict[C, Rule] = {
    C.REQUEST_MANAGED_PROPOSAL: proposal_rules.request,
    C.BEGIN_MANAGED_PROPOSAL: proposal_rules.begin,
    C.COMPLETE_MANAGED_PROPOSAL: proposal_rules.complete,
    C.ABORT_MANAGED_PROPOSAL: proposal_rules.abort,
    C.REJECT_MANAGED_PROPOSAL: proposal_rules.reject,
    C.EXPIRE_MANAGED_PROPOSAL: proposal_rules.expire,
    C.SETTLE_MANAGED_ASSET: proposal_rules.settle,
    C.PAUSE_MANAGED_ASSET: holding_rules.pause,
    C.RESUME_MANAGED_ASSET: holding_rules.resume,
    C.RELEASE_MANAGED_ASSET: holding_rules.release,
    C.COMPLETE_MANAGED_RELEASE: holding_rules.complete_release,
    C.FLAG_MANAGED_DRIFT: holding_rules.flag_drift,
    C.OVERRIDE_MANAGED_LEVELS: holding_rules.override_levels,
    C.FORCE_MANAGED_EXIT: holding_rules.force_exit,
    C.OPEN_EXIT_INTENT: exit_rules.open_intent,
    C.CLOSE_EXIT_INTENT: exit_rules.close_intent,
    C.RECORD_MANAGED_EXIT: exit_rules.record_exit,
}


def decide(content: ManagedStateContent, act: Act, payload: Payload, facts: ApprovalFacts | None) -> Change:
    """Let the one rule of this command decide.

    Raises:
        RefusedError: The rule said no.
        StopRuleBrokenError: An approval without facts (SR-12): nobody promotes blindly.
    """
    if isinstance(payload, ApproveManagedProposal):
        if facts is None:
            raise StopRuleBrokenError("SR-12", f"{act.asset}: approval", why="No facts were fetched for it.")
        return approve(content, act, payload, facts)
    return RULES[act.type](content, act, payload)


def handle(
    transaction: Transaction,
    act: Act,
    payload: Payload,
    facts: ApprovalFacts | None,
    ring_entry: RingEntry | None,
) -> Handled:
    """Decide one command on the managed state as it is under the lock, and commit the answer.

    Args:
        transaction: Holds the lock.
        act: The command.
        payload: Its typed payload.
        facts: Of an approval.
        ring_entry: What to remember of the command; None tries it out and writes nothing.

    Raises:
        RefusedError: The rule said no; nothing was written.
    """
    change = decide(transaction.current(MANAGED_STATE).content, act, payload, facts)
    if ring_entry is None:
        return Handled(detail=change.detail)
    result = write_managed_state(
        transaction, change.content, commands=[ring_entry(change.detail)], events=change.events
    )
    return Handled(detail=change.detail, result=result)
