"""Handlers that bring a kept version, or a hand edit that was set aside, back under a new serial.

A file is never copied over: the content is decided on by the rules and committed like any other change.
"""

from collections.abc import Mapping
from typing import Any

from bot.commands.handlers.handled import Handled, RingEntry
from bot.holdings.baseline import BaselineContent, not_handed_over
from bot.kernel.errors import RefusedError
from bot.lifecycle.change import Act
from bot.lifecycle.command_payloads import AdoptManagedState, RestoreManagedState
from bot.lifecycle.documents import ManagedStateContent
from bot.lifecycle.restore_rules import bring_back, merged
from bot.storage.documents import BASELINE_HOLDINGS, MANAGED_STATE
from bot.storage.managed_state_writer import write_managed_state
from bot.storage.state_store import Transaction


def handle(
    transaction: Transaction,
    act: Act,
    payload: RestoreManagedState | AdoptManagedState,
    ring_entry: RingEntry | None,
) -> Handled:
    """Decide a restore or an adoption on the state as it is under the lock, and commit the answer.

    Without `ring_entry` it is tried out and nothing is written.

    Raises:
        RefusedError: Unknown serial or file, or a rule said no; nothing was written.
    """
    live = transaction.current(MANAGED_STATE).content
    wanted, data = _wanted(transaction, live, payload)
    change = bring_back(live, act, wanted, data=data)
    _check_baseline(transaction.current(BASELINE_HOLDINGS).content, wanted)
    if ring_entry is None:
        return Handled(detail=change.detail)
    result = write_managed_state(
        transaction, change.content, commands=[ring_entry(change.detail)], events=change.events
    )
    return Handled(detail=change.detail, result=result)


def _wanted(
    transaction: Transaction, live: ManagedStateContent, payload: RestoreManagedState | AdoptManagedState
) -> tuple[ManagedStateContent, Mapping[str, Any]]:
    if isinstance(payload, RestoreManagedState):
        kept = transaction.kept(MANAGED_STATE, payload.serial)
        return kept.content, {"restored_from": payload.serial}
    edited = transaction.edited(MANAGED_STATE, payload.file_digest)
    base = transaction.kept(MANAGED_STATE, edited.meta.serial)
    wanted = merged(live, base.content, edited.content)
    return wanted, {"adopted_file": payload.file_digest, "edited_serial": edited.meta.serial}


def _check_baseline(baseline: BaselineContent, wanted: ManagedStateContent) -> None:
    """D4: the bot would refuse to start on a baseline that says managed where nothing is."""
    orphaned = not_handed_over(baseline.assets, wanted.managed_assets)
    if orphaned:
        raise RefusedError(
            f"{', '.join(orphaned)}: the baseline says managed, and the content does not know it",
            code="content_not_allowed",
            why="The bot would refuse to start with such a pair (D4).",
        )
