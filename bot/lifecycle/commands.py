"""Commands as values: what is asked, by whom, and how it ended. Imperative, frozen."""

import datetime as dt
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import msgspec


class CommandType(StrEnum):
    """Every command that changes a document (DR-1: nothing else does)."""

    REQUEST_MANAGED_PROPOSAL = "request_managed_proposal"
    COMPLETE_MANAGED_PROPOSAL = "complete_managed_proposal"
    ABORT_MANAGED_PROPOSAL = "abort_managed_proposal"
    BEGIN_MANAGED_PROPOSAL = "begin_managed_proposal"
    APPROVE_MANAGED_PROPOSAL = "approve_managed_proposal"
    REJECT_MANAGED_PROPOSAL = "reject_managed_proposal"
    EXPIRE_MANAGED_PROPOSAL = "expire_managed_proposal"
    PAUSE_MANAGED_ASSET = "pause_managed_asset"
    RESUME_MANAGED_ASSET = "resume_managed_asset"
    RELEASE_MANAGED_ASSET = "release_managed_asset"
    COMPLETE_MANAGED_RELEASE = "complete_managed_release"
    SETTLE_MANAGED_ASSET = "settle_managed_asset"
    FLAG_MANAGED_DRIFT = "flag_managed_drift"
    UPDATE_MANAGED_DRIFT = "update_managed_drift"
    SET_REFERENCE_REGIME = "set_reference_regime"
    OVERRIDE_MANAGED_LEVELS = "override_managed_levels"
    FORCE_MANAGED_EXIT = "force_managed_exit"
    OPEN_EXIT_INTENT = "open_exit_intent"
    CLOSE_EXIT_INTENT = "close_exit_intent"
    RECORD_MANAGED_EXIT = "record_managed_exit"
    OPEN_BUY_INTENT = "open_buy_intent"
    CLOSE_BUY_INTENT = "close_buy_intent"
    RECORD_MANAGED_BUY = "record_managed_buy"
    OPEN_RESTING_STOP = "open_resting_stop"
    CLOSE_RESTING_STOP = "close_resting_stop"
    HALT_TRADING = "halt_trading"
    UPDATE_TRADING_HALT = "update_trading_halt"
    RESUME_TRADING = "resume_trading"
    APPLY_BASELINE_HOLDINGS = "apply_baseline_holdings"
    CLEAR_BASELINE_HOLDINGS = "clear_baseline_holdings"
    APPLY_RUNTIME_CONFIG = "apply_runtime_config"
    CLEAR_RUNTIME_CONFIG = "clear_runtime_config"
    ADD_USER = "add_user"
    SET_USER_ROLE = "set_user_role"
    REMOVE_USER = "remove_user"
    RESTORE_MANAGED_STATE = "restore_managed_state"
    ADOPT_MANAGED_STATE = "adopt_managed_state"


class CommandState(StrEnum):
    """How far a command has come; all but `queued` are final."""

    QUEUED = "queued"
    APPLIED = "applied"
    PRECONDITION_REJECTED = "precondition_rejected"
    FAILED = "failed"


class NewCommand(msgspec.Struct, frozen=True, kw_only=True):
    """A command as it is asked for.

    `uid` is public; `idempotency_key` is the client's own per attempt; `request_hash` is the digest
    of type, asset and payload; a lower `priority` is applied first between assets.
    """

    uid: str
    type: CommandType
    asset: str
    priority: int
    payload: Mapping[str, Any]
    actor: str
    idempotency_key: str
    request_hash: str
    created_at: dt.datetime


class CommandOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """How a command ended: `code` and `reason` say why, `detail` holds figures for people."""

    state: CommandState
    code: str
    reason: str
    detail: Mapping[str, Any] = {}
    applied_serial: int | None = None


class CommandRow(msgspec.Struct, frozen=True, kw_only=True):
    """A command as the bus keeps it; `id` is the order of acceptance."""

    id: int
    uid: str
    type: str
    """A `CommandType`; any other word makes the row unreadable."""
    asset: str
    priority: int
    payload: Mapping[str, Any]
    actor: str
    idempotency_key: str
    request_hash: str
    created_at: dt.datetime
    state: CommandState
    attempts: int = 0
    finished_at: dt.datetime | None = None
    outcome: CommandOutcome | None = None
    unreadable: str | None = None
    """What of the row cannot be read, and why: somebody wrote it around the bus. Then it can only fail."""
