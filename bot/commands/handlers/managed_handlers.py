"""Handlers of commands that change the managed state: which rule decides which command.

Read, let the one rule decide, write: state and events in one commit (SR-12).
"""

from collections.abc import Callable, Sequence
from typing import Any

from bot.kernel.errors import StopRuleBrokenError
from bot.lifecycle import (
    buy_rules,
    drift_rules,
    exit_rules,
    holding_rules,
    late_fills,
    proposal_rules,
    resting_stop_rules,
)
from bot.lifecycle.approval_rules import ApprovalFacts, approve
from bot.lifecycle.change import Act, Change
from bot.lifecycle.command_payloads import ApproveManagedProposal, Payload
from bot.lifecycle.commands import CommandType as C
from bot.lifecycle.documents import ManagedStateContent
from bot.lifecycle.events import Event
from bot.lifecycle.stop_rules import check_stop_rules
from bot.lifecycle.trading_halt_rules import halt, resume_trading, update_halt
from bot.storage.commit import CommitResult
from bot.storage.documents import AppliedCommand
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
    C.FLAG_MANAGED_DRIFT: drift_rules.flag_drift,
    C.UPDATE_MANAGED_DRIFT: drift_rules.update_drift,
    C.SET_REFERENCE_REGIME: drift_rules.set_reference_regime,
    C.OVERRIDE_MANAGED_LEVELS: holding_rules.override_levels,
    C.FORCE_MANAGED_EXIT: holding_rules.force_exit,
    C.OPEN_EXIT_INTENT: exit_rules.open_intent,
    C.CLOSE_EXIT_INTENT: exit_rules.close_intent,
    C.RECORD_MANAGED_EXIT: late_fills.record_exit_or_late_fill,
    C.HALT_TRADING: halt,
    C.UPDATE_TRADING_HALT: update_halt,
    C.RESUME_TRADING: resume_trading,
    C.OPEN_BUY_INTENT: buy_rules.open_buy,
    C.CLOSE_BUY_INTENT: buy_rules.close_buy,
    C.RECORD_MANAGED_BUY: buy_rules.record_buy,
    C.OPEN_RESTING_STOP: resting_stop_rules.open_resting_stop,
    C.CLOSE_RESTING_STOP: resting_stop_rules.close_resting_stop,
}


def decide(content: ManagedStateContent, act: Act, payload: Payload, facts: ApprovalFacts | None) -> Change:
    """Let the one rule of this command decide.

    Raises:
        RefusedError: The rule said no.
        StopRuleBrokenError: An approval without facts (SR-12): nobody promotes blindly; or an answer that
            breaks SR-12 or DR-11.
    """
    change = _decided(content, act, payload, facts)
    check_stop_rules(content, change.content, change.events, act)
    return change


def _decided(content: ManagedStateContent, act: Act, payload: Payload, facts: ApprovalFacts | None) -> Change:
    if isinstance(payload, ApproveManagedProposal):
        if facts is None:
            raise StopRuleBrokenError("SR-12", f"{act.asset}: approval", why="No facts were fetched for it.")
        return approve(content, act, payload, facts)
    return RULES[act.type](content, act, payload)


def write(
    transaction: Transaction,
    content: ManagedStateContent,
    commands: Sequence[AppliedCommand],
    events: Sequence[Event],
) -> CommitResult:
    """Commit what the rules of these commands made of the content, one after another, in one version."""
    return write_managed_state(transaction, content, commands=commands, events=events)
