"""The content of `managed_state.json`: what is agreed for each asset, and which proposals wait.

A key that does not apply is absent. Money is quote units (USDT) or base units as the name says.
"""

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Any

import msgspec

from bot.kernel.money import ZERO
from bot.lifecycle.states import AssetState
from bot.lifecycle.trailing_terms import Trail

HISTORY_KEPT = 10
"""Newest entries kept inline per asset; all of it is in the audit log."""


class Exits(StrEnum):
    """Whether the agreed exits keep working in a pause (Q-MH-8, C2)."""

    ON = "on"
    OFF = "off"


class ReleaseMode(StrEnum):
    """How a coin goes back (Q-MH-4); a release never sells by itself."""

    GRACEFUL = "graceful"
    IMMEDIATE = "immediate"


class ExitReason(StrEnum):
    """Why the bot sells a managed coin."""

    STOP_LOSS = "stop_loss"
    TAKE_PROFIT = "take_profit"
    FORCE_EXIT = "force_exit"


class ExitIntent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """R4: an exit order that may be sent, committed before anything is sent."""

    client_order_id: str
    quantity: Decimal
    reason: ExitReason
    trigger_price: Decimal
    opened_at: dt.datetime
    filled_quantity: Decimal = ZERO
    filled_quote: Decimal = ZERO
    exchange_order_id: str | None = None
    """The exchange's own id, once it has told of the order: such an order surely arrived."""
    trail: Trail | None = None
    """What lifted the stop above the agreed one, where it followed the price."""


class RestingStop(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """R4: a protective stop that may rest at the exchange, committed before it is sent.

    It stands here until the exchange has said how it ended: till then it counts at its full size.
    """

    client_order_id: str
    quantity: Decimal
    stop_price: Decimal
    limit_price: Decimal
    opened_at: dt.datetime
    filled_quantity: Decimal = ZERO
    filled_quote: Decimal = ZERO
    exchange_order_id: str | None = None
    """The exchange's own id, once it has told of the order: such an order surely arrived."""

    @property
    def remaining(self) -> Decimal:
        """Return the base units that it locks at the exchange, as far as its fills are booked."""
        return self.quantity - self.filled_quantity


class LateFill(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """All that has been booked of an exit order which told of fills after it had ended."""

    filled_quantity: Decimal
    filled_quote: Decimal
    fee_quantity: Decimal = ZERO


class BuyIntent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """R4: a buy order that may be sent, committed before anything is sent; it costs its limit at most."""

    client_order_id: str
    quantity: Decimal
    limit_price: Decimal
    step: int
    """Which of the agreed steps it is, from 1."""
    trigger_price: Decimal
    opened_at: dt.datetime
    filled_quantity: Decimal = ZERO
    filled_quote: Decimal = ZERO
    fee_quantity: Decimal = ZERO
    """Base units that the exchange took as its fees so far, as far as it has told."""
    exchange_order_id: str | None = None
    """The exchange's own id, once it has told of the order: such an order surely arrived."""


class ReasonNote(msgspec.Struct, frozen=True, kw_only=True):
    """Why the asset stands where it stands: a code for programs, a sentence for people."""

    code: str
    text: str


class Drift(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What differs between reality and record."""

    kind: str
    fingerprint: str
    detected_at: dt.datetime
    evidence: Mapping[str, Any]
    accepted: bool = False
    """A person saw it and let the bot go on with it as it is."""
    gone_at: dt.datetime | None = None
    """Since when it is not there any more; an alert stays until a person resumes."""


_PLAIN_WORDS = {"from_state": "from", "to_state": "to"}


class HistoryEntry(msgspec.Struct, frozen=True, kw_only=True, rename=_PLAIN_WORDS):
    """One step of the asset, as in the source's data model."""

    ts: dt.datetime
    from_state: AssetState
    to_state: AssetState
    actor: str
    event_type: str


class ManagedAsset(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One asset's agreement; exists once the asset has left frozen, and is authoritative then."""

    state: AssetState
    exits: Exits | None = None
    reason: ReasonNote | None = None
    current_proposal_id: str | None = None
    proposal_digest: str | None = None
    variant: str | None = None
    approved_quantity: Decimal | None = None
    sold_quantity: Decimal | None = None
    """Base units sold since the promotion by closed intents; an open one counts at full size."""
    sold_quote: Decimal | None = None
    """Quote units that these sells brought, before fees."""
    fee_quantity: Decimal | None = None
    """Base units that the exchange took as fees for these sells: gone from the wallet, sold to nobody."""
    bought_quantity: Decimal | None = None
    """Base units that the bot's own closed buys brought, less the fees taken from the coin itself."""
    bought_quote: Decimal | None = None
    """Quote units that these buys cost, before fees."""
    bought_steps: int | None = None
    """The newest of the agreed steps that is bought."""
    last_buy_price: Decimal | None = None
    """The price at which the newest step was due: the next one waits on a rung below it."""
    reference_price: Decimal | None = None
    reference_regime: str | None = None
    atr: Decimal | None = None
    synthetic_entry: Decimal | None = None
    synthetic_entry_method: str | None = None
    stop_loss: Decimal | None = None
    take_profit: Decimal | None = None
    trailing: Mapping[str, Any] | None = None
    dca: Mapping[str, Any] | None = None
    max_allocation_usdt: Decimal | None = None
    strategy_group: str | None = None
    overrides: Mapping[str, Any] | None = None
    """C1: live values set by hand; the promotion's own values above stay as they were approved."""
    requested_quantity: Decimal | None = None
    requested_entry_method: str | None = None
    requested_entry_value: Decimal | None = None
    requested_by_user_id: str | None = None
    proposal_attempts: int | None = None
    promoted_at: dt.datetime | None = None
    promoted_by_user_id: str | None = None
    release_mode: ReleaseMode | None = None
    release_requested_by_user_id: str | None = None
    cooldown_until: dt.datetime | None = None
    held_at: dt.datetime | None = None
    """When the last pause was asked for; what was asked before it and raises risk comes too late."""
    drift: Drift | None = None
    """The gravest one; what else was found beside it stands in `further_drifts`."""
    further_drifts: tuple[Drift, ...] = ()
    force_exit: bool | None = None
    exit_intent: ExitIntent | None = None
    buy_intent: BuyIntent | None = None
    resting_stop: RestingStop | None = None
    late_fills: Mapping[str, LateFill] | None = None
    """By client order id: orders of which more was told after they had ended."""
    transitions: int = 0
    history: tuple[HistoryEntry, ...] = ()

    @property
    def promised_quantity(self) -> Decimal:
        """Return the base units that may be sold in all: what was handed over, and what own buys brought."""
        return (self.approved_quantity or ZERO) + (self.bought_quantity or ZERO)


class TradingHalt(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Trading of the whole bot is halted: no buy, no new trade, until a person resumes it."""

    code: str
    """Why: `stale_data`, `stale_loop`, or `halted_by_hand`."""
    text: str
    since: dt.datetime
    by: str
    exits: Exits
    """Whether the agreed exits keep working meanwhile, on fresh prices."""
    held_at: dt.datetime
    """When a halt was last asked for; a resume that was asked for before it comes too late."""
    cause_gone_at: dt.datetime | None = None
    """Since when the watchdog does not see the cause any more; the halt stays until a person resumes."""


def _nothing_yet() -> dict[str, Any]:
    return {}


class PendingProposal(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A proposal that is being made, or that waits for a decision."""

    proposal_id: str
    state: AssetState
    requested_at: dt.datetime
    requested_by_user_id: str
    expires_at: dt.datetime


class ManagedStateContent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The managed state: assets that have left frozen, proposals that wait, and a halt if there is one."""

    managed_assets: Mapping[str, ManagedAsset] = msgspec.field(default_factory=_nothing_yet)
    pending_proposals: Mapping[str, PendingProposal] = msgspec.field(default_factory=_nothing_yet)
    trading_halt: TradingHalt | None = None

    def state_of(self, asset: str) -> AssetState:
        """Return the asset's state; what is not listed is frozen (DR-2, D5)."""
        entry = self.managed_assets.get(asset)
        return entry.state if entry is not None else AssetState.FROZEN
