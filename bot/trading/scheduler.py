"""The system's timed pass: expire, settle, complete releases. Every act is a command by `system`.

DR-11: it brings an asset back to frozen only where the table says so, and a managed one only with a
user's release in the history.
"""

import datetime as dt

from bot.commands.sender import CommandSender
from bot.kernel.money import ZERO
from bot.lifecycle.command_payloads import (
    CompleteManagedRelease,
    ExpireManagedProposal,
    Payload,
    SettleManagedAsset,
)
from bot.lifecycle.commands import CommandState, CommandType
from bot.lifecycle.documents import ManagedAsset, ReleaseMode
from bot.lifecycle.exit_rules import orders_in_flight, promised_rest
from bot.lifecycle.states import AssetState
from bot.storage.documents import MANAGED_STATE
from bot.storage.state_store import StateStore
from bot.trading.report import Step


class Scheduler:
    """Does what is due, once per call."""

    def __init__(self, store: StateStore, sender: CommandSender) -> None:
        self._store = store
        self._sender = sender

    def run_due(self, now: dt.datetime) -> list[Step]:
        """Expire, settle and complete what is due at `now`; returns what was done."""
        content = self._store.read(MANAGED_STATE).content
        steps: list[Step] = []
        for asset, entry in content.managed_assets.items():
            pending = content.pending_proposals.get(asset)
            expires_at = pending.expires_at if pending is not None else None
            due = _due(entry, expires_at, now)
            if due is None:
                continue
            command_type, payload = due
            outcome = self._sender.send(command_type, asset, payload, actor="system")
            if outcome.state is CommandState.APPLIED:
                sentence = f"{outcome.detail['from']} -> {outcome.detail['to']}"
                steps.append(Step(asset=asset, what=command_type.value, sentence=sentence))
        return steps


def _due(
    entry: ManagedAsset, expires_at: dt.datetime | None, now: dt.datetime
) -> tuple[CommandType, Payload] | None:
    match entry.state:
        case AssetState.RISK_PROPOSED if expires_at is not None and now >= expires_at:
            payload = ExpireManagedProposal(proposal_id=entry.current_proposal_id or "", cause="ttl")
            return CommandType.EXPIRE_MANAGED_PROPOSAL, payload
        case AssetState.PROPOSAL_ABORTED:
            return CommandType.SETTLE_MANAGED_ASSET, SettleManagedAsset(reason="aborted, nothing to wait for")
        case AssetState.PROPOSAL_REJECTED if entry.cooldown_until is None or now >= entry.cooldown_until:
            return CommandType.SETTLE_MANAGED_ASSET, SettleManagedAsset(reason="the cool-down is over")
        case AssetState.RELEASE_PENDING if (release := due_release(entry)) is not None:
            return CommandType.COMPLETE_MANAGED_RELEASE, release
        case _:
            return None


def due_release(entry: ManagedAsset) -> CompleteManagedRelease | None:
    """Return the words of T14 where nothing of the bot's is left on a coin that is on its way back."""
    if entry.state is not AssetState.RELEASE_PENDING or not _nothing_left(entry):
        return None
    reason = "released immediately" if entry.release_mode is ReleaseMode.IMMEDIATE else "exit filled"
    return CompleteManagedRelease(reason=reason)


def _nothing_left(entry: ManagedAsset) -> bool:
    """Say whether no order of the bot's is open and nothing waits for an agreed exit."""
    if orders_in_flight(entry) or entry.buy_intent is not None:
        return False
    immediate = entry.release_mode is ReleaseMode.IMMEDIATE
    exited = entry.reason is not None and entry.reason.code.startswith("exit_")
    return immediate or exited or promised_rest(entry) <= ZERO
