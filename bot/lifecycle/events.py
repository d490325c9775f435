"""What happened, in the past tense: every event is one record of the audit log.

DR-6: prefixes are strict. DR-13: `managed.*` events are made by the code of this folder only.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import msgspec


class EventType(StrEnum):
    """Every event that the audit log can hold."""

    ASSET_PROPOSAL_REQUESTED = "managed.asset_proposal_requested"
    ASSET_PROPOSAL_GENERATED = "managed.asset_proposal_generated"
    ASSET_PROPOSAL_ABORTED = "managed.asset_proposal_aborted"
    ASSET_PROPOSAL_EXPIRED = "managed.asset_proposal_expired"
    ASSET_PROPOSAL_REJECTED = "managed.asset_proposal_rejected"
    ASSET_PROMOTED = "managed.asset_promoted"
    ASSET_PAUSED = "managed.asset_paused"
    ASSET_RESUMED = "managed.asset_resumed"
    ASSET_RELEASE_REQUESTED = "managed.asset_release_requested"
    ASSET_RELEASED = "managed.asset_released"
    SYNTHETIC_ENTRY_SET = "managed.synthetic_entry_set"
    SYNTHETIC_ENTRY_ADJUSTED = "managed.synthetic_entry_adjusted"
    DRIFT_DETECTED = "managed.drift_detected"
    OPERATOR_OVERRIDE = "managed.operator_override"
    EXIT_EXECUTED = "managed.exit_executed"
    POLICY_CHANGE_BLOCKED = "managed.policy_change_blocked"
    ALLOCATION_CAPPED = "managed.allocation_capped"
    ASSET_REFROZEN = "managed.asset_refrozen"
    ASSET_PROPOSAL_BEGUN = "managed.asset_proposal_begun"
    EXIT_INTENT_OPENED = "managed.exit_intent_opened"
    EXIT_INTENT_CLOSED = "managed.exit_intent_closed"
    BUY_INTENT_OPENED = "managed.buy_intent_opened"
    BUY_INTENT_CLOSED = "managed.buy_intent_closed"
    BUY_EXECUTED = "managed.buy_executed"
    RESTING_STOP_OPENED = "managed.resting_stop_opened"
    RESTING_STOP_CLOSED = "managed.resting_stop_closed"
    DRIFT_UPDATED = "managed.drift_updated"
    DRIFT_CLEARED = "managed.drift_cleared"
    REFERENCE_REGIME_SET = "managed.reference_regime_set"
    TRADING_HALTED = "managed.trading_halted"
    TRADING_HALT_UPDATED = "managed.trading_halt_updated"
    TRADING_RESUMED = "managed.trading_resumed"
    BASELINE_APPLIED = "baseline.applied"
    BASELINE_CLEARED = "baseline.cleared"
    RUNTIME_CONFIG_APPLIED = "runtime_config.applied"
    RUNTIME_CONFIG_CLEARED = "runtime_config.cleared"
    ACCESS_USER_ADDED = "access.user_added"
    ACCESS_USER_ROLE_SET = "access.user_role_set"
    ACCESS_USER_REMOVED = "access.user_removed"
    ACCESS_DENIED = "access.denied"
    STATE_INITIALISED = "state.initialised"
    STATE_COMMITTED = "state.committed"
    STATE_QUARANTINED = "state.quarantined"
    STATE_HEALED = "state.healed"
    STATE_RESTORED = "state.restored"
    STATE_ADOPTED = "state.adopted"
    PROCESS_STARTED = "system.process_started"
    PROCESS_STOPPED = "system.process_stopped"
    STOP_RULE_BROKEN = "system.stop_rule_broken"
    PROPOSAL_ORPHANED = "system.proposal_orphaned"


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One fact, ready for the audit log.

    `before` and `after` are what the documents hold for the asset, `{"managed": entry or null,
    "pending": entry or null}` with plain JSON values, so that the log alone rebuilds the state.
    Events that are about no asset carry `asset = "*"` and may leave both out.
    """

    type: EventType
    asset: str
    actor: str
    command_id: str
    before: Mapping[str, Any] | None = None
    after: Mapping[str, Any] | None = None
    data: Mapping[str, Any] = {}
