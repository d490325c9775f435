"""The payload of every command type. `schemas/commands/<type>.schema.json` says the same to others."""

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Any, Literal

from bot.kernel.money import ZERO
from bot.lifecycle.buy_payloads import CloseBuyIntent, OpenBuyIntent, RecordManagedBuy
from bot.lifecycle.commands import CommandType
from bot.lifecycle.dca_terms import DcaTerms
from bot.lifecycle.documents import ExitReason, Exits, ReleaseMode
from bot.lifecycle.payload import PaidFee as PaidFee  # noqa: PLC0414 - all payloads are found by this module
from bot.lifecycle.payload import Payload as Payload  # noqa: PLC0414 - all payloads are found by this module
from bot.lifecycle.roles import Role
from bot.lifecycle.trailing_terms import Trail, TrailingTerms


class EntryMethod(StrEnum):
    """How the declared entry price is found (Q-MH-10)."""

    CURRENT_PRICE = "current_price"
    COST_BASIS = "cost_basis"
    VWAP = "vwap"
    MANUAL = "manual"


class RequestManagedProposal(Payload, frozen=True, kw_only=True):
    """Ask for a proposal; `quantity` is what the owner is willing to hand over (default: the total)."""

    quantity: Decimal | None = None
    synthetic_entry_method: EntryMethod = EntryMethod.CURRENT_PRICE
    synthetic_entry_value: Decimal | None = None


class CompleteManagedProposal(Payload, frozen=True, kw_only=True):
    """The engine has written a proposal file."""

    proposal_id: str
    proposal_digest: str
    generated_at: dt.datetime
    expires_at: dt.datetime


class AbortManagedProposal(Payload, frozen=True, kw_only=True):
    """The engine could make no proposal."""

    proposal_id: str
    reason_code: str
    sentence: str


class BeginManagedProposal(Payload, frozen=True, kw_only=True):
    """The engine takes the request up; after an interruption under a new id."""

    proposal_id: str
    new_proposal_id: str | None = None


class LevelOverrides(Payload, frozen=True, kw_only=True):
    """What an approval or an override may change (Q-MH-3): never the strategy group."""

    stop_loss: Decimal | None = None
    take_profit: Decimal | None = None
    max_allocation_usdt: Decimal | None = None
    trailing: TrailingTerms | None = None
    dca: DcaTerms | None = None


class ApproveManagedProposal(Payload, frozen=True, kw_only=True):
    """Approve one variant of exactly the bytes that were read."""

    proposal_id: str
    proposal_digest: str
    variant: str
    confirm: str
    overrides: LevelOverrides | None = None


class RejectManagedProposal(Payload, frozen=True, kw_only=True):
    """Decline a proposal; the cool-down starts."""

    proposal_id: str
    reason: str | None = None


class ExpireManagedProposal(Payload, frozen=True, kw_only=True):
    """The system's pass found a proposal over its time, or stale."""

    proposal_id: str
    cause: Literal["ttl", "stale"] = "ttl"


class PauseManagedAsset(Payload, frozen=True, kw_only=True):
    """No new trade; `exits` says whether the agreed exits keep working."""

    exits: Exits = Exits.ON
    reason: str | None = None


class ResumeManagedAsset(Payload, frozen=True, kw_only=True):
    """Trade again; after a drift alert only with `override`."""

    reason: str
    override: bool = False
    accept: Literal["current"] | None = None


class ReleaseManagedAsset(Payload, frozen=True, kw_only=True):
    """Give the coin back; a release never sells by itself."""

    mode: ReleaseMode = ReleaseMode.GRACEFUL


class CompleteManagedRelease(Payload, frozen=True, kw_only=True):
    """The system's pass found nothing of the bot's left on a coin that is on its way back."""

    reason: str


class SettleManagedAsset(Payload, frozen=True, kw_only=True):
    """The system's pass puts an aborted or rejected request to rest."""

    reason: str


DriftKind = Literal["qty", "wallet_external", "price", "regime", "environment_reset"]


class FlagManagedDrift(Payload, frozen=True, kw_only=True):
    """The bot found that reality and record differ."""

    drift_kind: DriftKind
    evidence: Mapping[str, Any]
    fingerprint: str


class UpdateManagedDrift(Payload, frozen=True, kw_only=True):
    """A recorded drift has other figures now, or is gone."""

    drift_kind: DriftKind
    evidence: Mapping[str, Any]
    gone: bool = False


class SetReferenceRegime(Payload, frozen=True, kw_only=True):
    """The first clear regime after a SIDEWAYS reference."""

    regime: Literal["BULL", "BEAR"]
    evidence: Mapping[str, Any]


class OverrideManagedLevels(LevelOverrides, frozen=True, kw_only=True):
    """C1: set live levels by hand."""

    reason: str
    synthetic_entry_value: Decimal | None = None


class ForceManagedExit(Payload, frozen=True, kw_only=True):
    """Sell the managed quantity at market; `confirm` is `<ASSET>:exit`."""

    confirm: str
    reason: str


class OpenExitIntent(Payload, frozen=True, kw_only=True):
    """R4: the loop commits that it is about to send this exit order."""

    client_order_id: str
    quantity: Decimal
    reason: ExitReason
    trigger_price: Decimal
    trail: Trail | None = None
    """What the stop hangs on where it followed the price."""


class CloseExitIntent(Payload, frozen=True, kw_only=True):
    """The order behind an intent ended without a full exit, or never existed."""

    client_order_id: str
    reason_code: str
    text: str
    filled_quantity: Decimal = ZERO
    filled_quote: Decimal = ZERO


class LateBasis(Payload, frozen=True, kw_only=True):
    """The order had ended before: under which agreement it was sent, and what was booked of it then."""

    proposal_id: str
    reason: ExitReason
    booked_quantity: Decimal = ZERO
    booked_quote: Decimal = ZERO
    booked_fee: Decimal = ZERO


class RecordManagedExit(Payload, frozen=True, kw_only=True):
    """What an exit order has filled so far, cumulative."""

    client_order_id: str
    exchange_order_id: str
    order_status: str
    is_final: bool
    filled_quantity: Decimal
    filled_quote: Decimal
    fees: tuple[PaidFee, ...] = ()
    rest_is_dust: bool = False
    """What is left of the agreed quantity is below what the exchange accepts."""
    late: LateBasis | None = None
    """Given for an order whose intent is closed: what it filled beyond that is booked, once."""


class OpenRestingStop(Payload, frozen=True, kw_only=True):
    """R4: the loop commits that it is about to send this protective stop."""

    client_order_id: str
    quantity: Decimal
    stop_price: Decimal
    limit_price: Decimal
    trail: Trail | None = None
    """What is on record of a stop that follows the price."""


class CloseRestingStop(Payload, frozen=True, kw_only=True):
    """The exchange has said that the stop does not rest any more, or that it never arrived."""

    client_order_id: str
    reason_code: str
    text: str


HaltCause = Literal["stale_data", "stale_loop"]


class HaltTrading(Payload, frozen=True, kw_only=True):
    """Halt trading of the whole bot; `cause` is the watchdog's own, a person gives none."""

    text: str
    exits: Exits = Exits.ON
    cause: HaltCause | None = None


class UpdateTradingHalt(Payload, frozen=True, kw_only=True):
    """The watchdog sees the cause of a halt no more, or sees it again."""

    cause_is_there: bool
    text: str


class ResumeTrading(Payload, frozen=True, kw_only=True):
    """Let the bot trade again; `confirm` is `resume:<code of the halt>`, `accept` goes on with its cause."""

    confirm: str
    reason: str
    accept: bool = False


class ApplyBaselineHoldings(Payload, frozen=True, kw_only=True):
    """A captured wallet becomes the baseline."""

    baseline: Mapping[str, Any]


class ApplyRuntimeConfig(Payload, frozen=True, kw_only=True):
    """All settings that shall be applied, by dotted name; those left out fall back to the files.

    `based_on_serial` is the serial of `runtime_config.json` that was looked at: another one by now is
    `state_changed`. `confirm` names the settings that raise risk, sorted, joined by commas (DR-4).
    """

    settings: Mapping[str, Any]
    based_on_serial: int | None = None
    confirm: str | None = None


class ClearRuntimeConfig(Payload, frozen=True, kw_only=True):
    """Forget all applied settings; `based_on_serial` and `confirm` as in `ApplyRuntimeConfig`."""

    based_on_serial: int | None = None
    confirm: str | None = None


class AddUser(Payload, frozen=True, kw_only=True):
    """Let somebody act from an operating-system account; for an admin `confirm` is `<user>:admin`."""

    user: str
    role: Role
    os_user: str
    confirm: str | None = None


class SetUserRole(Payload, frozen=True, kw_only=True):
    """Give a user another role; for an admin `confirm` is `<user>:admin`."""

    user: str
    role: Role
    confirm: str | None = None


class RemoveUser(Payload, frozen=True, kw_only=True):
    """Let a user act no more."""

    user: str


class NoPayload(Payload, frozen=True, kw_only=True):
    """The command needs no words."""


class RestoreManagedState(Payload, frozen=True, kw_only=True):
    """Bring a backup's content back under a new serial."""

    serial: int


class AdoptManagedState(Payload, frozen=True, kw_only=True):
    """Bring a quarantined hand edit in."""

    file_digest: str


PAYLOADS: dict[CommandType, type[Payload]] = {
    CommandType.REQUEST_MANAGED_PROPOSAL: RequestManagedProposal,
    CommandType.COMPLETE_MANAGED_PROPOSAL: CompleteManagedProposal,
    CommandType.ABORT_MANAGED_PROPOSAL: AbortManagedProposal,
    CommandType.BEGIN_MANAGED_PROPOSAL: BeginManagedProposal,
    CommandType.APPROVE_MANAGED_PROPOSAL: ApproveManagedProposal,
    CommandType.REJECT_MANAGED_PROPOSAL: RejectManagedProposal,
    CommandType.EXPIRE_MANAGED_PROPOSAL: ExpireManagedProposal,
    CommandType.PAUSE_MANAGED_ASSET: PauseManagedAsset,
    CommandType.RESUME_MANAGED_ASSET: ResumeManagedAsset,
    CommandType.RELEASE_MANAGED_ASSET: ReleaseManagedAsset,
    CommandType.COMPLETE_MANAGED_RELEASE: CompleteManagedRelease,
    CommandType.SETTLE_MANAGED_ASSET: SettleManagedAsset,
    CommandType.FLAG_MANAGED_DRIFT: FlagManagedDrift,
    CommandType.UPDATE_MANAGED_DRIFT: UpdateManagedDrift,
    CommandType.SET_REFERENCE_REGIME: SetReferenceRegime,
    CommandType.OVERRIDE_MANAGED_LEVELS: OverrideManagedLevels,
    CommandType.FORCE_MANAGED_EXIT: ForceManagedExit,
    CommandType.OPEN_EXIT_INTENT: OpenExitIntent,
    CommandType.CLOSE_EXIT_INTENT: CloseExitIntent,
    CommandType.RECORD_MANAGED_EXIT: RecordManagedExit,
    CommandType.OPEN_BUY_INTENT: OpenBuyIntent,
    CommandType.CLOSE_BUY_INTENT: CloseBuyIntent,
    CommandType.RECORD_MANAGED_BUY: RecordManagedBuy,
    CommandType.OPEN_RESTING_STOP: OpenRestingStop,
    CommandType.CLOSE_RESTING_STOP: CloseRestingStop,
    CommandType.HALT_TRADING: HaltTrading,
    CommandType.UPDATE_TRADING_HALT: UpdateTradingHalt,
    CommandType.RESUME_TRADING: ResumeTrading,
    CommandType.APPLY_BASELINE_HOLDINGS: ApplyBaselineHoldings,
    CommandType.CLEAR_BASELINE_HOLDINGS: NoPayload,
    CommandType.APPLY_RUNTIME_CONFIG: ApplyRuntimeConfig,
    CommandType.CLEAR_RUNTIME_CONFIG: ClearRuntimeConfig,
    CommandType.ADD_USER: AddUser,
    CommandType.SET_USER_ROLE: SetUserRole,
    CommandType.REMOVE_USER: RemoveUser,
    CommandType.RESTORE_MANAGED_STATE: RestoreManagedState,
    CommandType.ADOPT_MANAGED_STATE: AdoptManagedState,
}
