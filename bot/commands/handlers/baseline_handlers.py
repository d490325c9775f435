"""Handlers of commands that change the baseline (C3, DR-2, DR-7)."""

from collections.abc import Mapping
from typing import Any

import msgspec

from bot.commands.handlers.handled import Handled, RingEntry
from bot.holdings.baseline import BaselineContent, Policy, not_handed_over, wallet_signature
from bot.kernel.errors import RefusedError
from bot.lifecycle.change import Act
from bot.lifecycle.command_payloads import ApplyBaselineHoldings, Payload
from bot.lifecycle.documents import ManagedStateContent
from bot.lifecycle.events import Event, EventType
from bot.lifecycle.policy_guard import refuse_blocked
from bot.storage.baseline_writer import write_baseline
from bot.storage.documents import BASELINE_HOLDINGS, MANAGED_STATE
from bot.storage.state_store import Transaction


class BaselineChange(msgspec.Struct, frozen=True, kw_only=True):
    """The new baseline with its events."""

    content: BaselineContent
    events: tuple[Event, ...]
    detail: Mapping[str, Any] = {}


def decide(
    baseline: BaselineContent, managed: ManagedStateContent, act: Act, payload: Payload
) -> BaselineChange:
    """Apply or clear the baseline.

    Raises:
        RefusedError: `managed_is_never_default` (DR-2), `wallet_signature_mismatch` (DR-7),
            `policy_change_blocked` (C3), `payload_invalid`.
    """
    if isinstance(payload, ApplyBaselineHoldings):
        return _apply(managed, act, payload)
    return _clear(baseline, managed, act)


def handle(transaction: Transaction, act: Act, payload: Payload, ring_entry: RingEntry | None) -> Handled:
    """Decide one command on the baseline as it is under the lock, and commit the answer.

    Without `ring_entry` it is tried out and nothing is written; raises as `decide` does.
    """
    baseline = transaction.current(BASELINE_HOLDINGS).content
    change = decide(baseline, transaction.current(MANAGED_STATE).content, act, payload)
    if ring_entry is None:
        return Handled(detail=change.detail)
    result = write_baseline(
        transaction, change.content, commands=[ring_entry(change.detail)], events=change.events
    )
    return Handled(detail=change.detail, result=result)


def _apply(managed: ManagedStateContent, act: Act, payload: ApplyBaselineHoldings) -> BaselineChange:
    try:
        wanted = msgspec.convert(dict(payload.baseline), BaselineContent)
    except msgspec.ValidationError as error:
        raise RefusedError("the baseline does not fit", code="payload_invalid", why=str(error)) from error
    if wanted.default_policy_for_unlisted is not Policy.FROZEN:
        raise RefusedError(
            f"default_policy_for_unlisted is {wanted.default_policy_for_unlisted}",
            code="managed_is_never_default",
        )
    unknown = not_handed_over(wanted.assets, managed.managed_assets)
    if unknown:  # D4: a start with such a baseline would be refused
        raise RefusedError(
            f"{', '.join(unknown)}: the baseline says managed, but nobody handed them over",
            code="managed_is_never_default",
        )
    signature = wallet_signature(wanted.assets, wanted.tradable_quote)
    if wanted.wallet_signature != signature:
        raise RefusedError("the baseline's signature does not fit", code="wallet_signature_mismatch")
    frozen = [name for name, entry in wanted.assets.items() if entry.policy is Policy.FROZEN]
    left_out = [name for name in managed.managed_assets if name not in wanted.assets]  # D5: frozen as well
    lifecycle_managed = {name for name, entry in wanted.assets.items() if entry.policy_lifecycle_managed}
    refuse_blocked(managed, frozen + left_out, lifecycle_managed=lifecycle_managed)
    counts = {"assets": len(wanted.assets), "frozen": len(frozen)}
    return BaselineChange(
        content=wanted, events=(_event(EventType.BASELINE_APPLIED, act, counts),), detail=counts
    )


def _clear(baseline: BaselineContent, managed: ManagedStateContent, act: Act) -> BaselineChange:
    refuse_blocked(managed, managed.managed_assets, lifecycle_managed=())
    counts = {"assets": len(baseline.assets)}
    return BaselineChange(
        content=BaselineContent(), events=(_event(EventType.BASELINE_CLEARED, act, counts),), detail=counts
    )


def _event(event: EventType, act: Act, data: Mapping[str, Any]) -> Event:
    return Event(type=event, asset="*", actor=act.actor, command_id=act.command_id, data=data)
