"""The proposal as a document: its tree, its digest, and the way there and back.

Fields come in the order in which a person reads them. Numbers are exact decimals in fixed notation,
prices on the exchange's tick, quantities on its step, times UTC. `schemas/risk_proposal.schema.json`
says the same to other languages.
"""

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec

from bot.kernel.canonical import digest_without
from bot.lifecycle.command_payloads import EntryMethod
from bot.proposals.inputs import InputRecord
from bot.proposals.parts import Note, Part
from bot.proposals.policy import VariantName
from bot.proposals.regime import RegimeName
from bot.proposals.rehearsal_document import Rehearsal

SCHEMA_REFERENCE = "../schemas/risk_proposal.schema.json"
GENERATED_BY = "bot_proposal_engine"


class RequestRecord(Part, frozen=True, kw_only=True):
    """What was asked for."""

    quantity: Decimal | None = None
    synthetic_entry_method: EntryMethod
    synthetic_entry_value: Decimal | None = None


class WalletRecord(Part, frozen=True, kw_only=True):
    """The coin in the wallet: `quantity` = `free` + `used`, base units."""

    quantity: Decimal
    free: Decimal
    used: Decimal
    observed_at: dt.datetime


class RegimeBasis(Part, frozen=True, kw_only=True):
    """The measurements that the regime was read from."""

    detector: str
    score: Decimal
    trend: Decimal
    momentum: Decimal
    drawdown_pct: Decimal
    volatility_ratio: Decimal
    days_in_regime: int | None = None
    """Closed days since the regime last changed; absent where the detector keeps no memory."""


class MarketContext(Part, frozen=True, kw_only=True):
    """The market at the time of the proposal."""

    current_price: Decimal
    atr_14d: Decimal
    volatility_30d_pct: Decimal
    volume_24h_usdt: Decimal
    spread_pct: Decimal
    liquidity_score: Decimal
    sell_cost_bps: Decimal | None
    sell_cost_reason: str | None = None
    depth_1pct_usdt: Decimal
    regime: RegimeName
    regime_confidence: Decimal
    regime_basis: RegimeBasis
    support_level: Decimal | None
    support_reason: str | None = None
    resistance_level: Decimal | None
    resistance_reason: str | None = None
    daily_bars: int
    observed_at: dt.datetime


class StrategyRecommendation(Part, frozen=True, kw_only=True):
    """The strategy group, from the allow-list only (SR-14)."""

    strategy_group: str
    rationale: str
    alternative_groups: tuple[str, ...]


class FeeNotCounted(Part, frozen=True, kw_only=True):
    """Fees paid in a third coin whose price at that time is not known."""

    asset: str
    amount: Decimal


class EntrySource(Part, frozen=True, kw_only=True):
    """Where the synthetic entry's value comes from."""

    sentence: str
    first_at: dt.datetime | None = None
    last_at: dt.datetime | None = None
    rows: int | None = None
    covered_quantity: Decimal | None = None
    unpriced_quantity: Decimal | None = None
    fees_not_counted: tuple[FeeNotCounted, ...] | None = None
    trade_ids: tuple[str, ...] | None = None


class DcaSettings(Part, frozen=True, kw_only=True):
    """Buying more in steps below the entry; no risk model proposes it yet."""

    steps: int
    step_pct: Decimal
    max_additional_usdt: Decimal


class VariantTerms(Part, frozen=True, kw_only=True):
    """One plan that can be approved: its levels, its quantity and what it can cost."""

    variant: VariantName
    stop_loss: Decimal
    stop_loss_pct: Decimal
    take_profit: Decimal
    take_profit_pct: Decimal
    rr_ratio: Decimal
    quantity: Decimal
    max_allocation_usdt: Decimal
    max_allocation_pct_of_portfolio: Decimal
    allocation_limited_by: str
    loss_at_stop_usdt: Decimal
    trailing_stop_enabled: bool
    dca_recommended: bool
    dca_settings: DcaSettings | None
    allowed: bool
    not_allowed: Note | None = None
    """Why not, present only when `allowed` is false."""


class SizingLimits(Part, frozen=True, kw_only=True):
    """The caps that the allocations were cut by, in quote units."""

    portfolio_value_usdt: Decimal
    risk_budget_usdt: Decimal
    concentration_cap_usdt: Decimal
    investable_capital_usdt: Decimal


class RiskRecommendation(VariantTerms, frozen=True, kw_only=True):
    """The recommended variant with what all variants share."""

    reference_price: Decimal
    synthetic_entry_method: EntryMethod
    synthetic_entry_value: Decimal
    entry_price_source: EntrySource
    limits: SizingLimits


class Correlation(Part, frozen=True, kw_only=True):
    """Pearson's rho of daily log returns of two markets; null when too few days are common."""

    symbol: str
    with_symbol: str
    rho: Decimal | None
    days: int
    warning: bool


class ContextWarnings(Part, frozen=True, kw_only=True):
    """What speaks against it, or needs a second look."""

    is_blacklisted: bool
    is_stablecoin_or_peg: bool
    concentration_warning: bool
    concentration_pct: Decimal
    correlation_with_existing_positions: tuple[Correlation, ...]
    regime_compatibility: str
    circuit_breaker_state: str
    notes: tuple[Note, ...]


class ConfidencePart(Part, frozen=True, kw_only=True):
    """One part of the overall score, 0 to 1, with its weight."""

    name: str
    score: Decimal
    weight: Decimal


class Confidence(Part, frozen=True, kw_only=True):
    """How sure the engine is, and why, in plain words."""

    overall_score: Decimal
    parts: tuple[ConfidencePart, ...]
    explanation: str


class Proposal(Part, frozen=True, kw_only=True, rename={"schema_reference": "$schema"}):
    """A whole proposal; immutable once written (DR-12)."""

    schema_reference: str
    proposal_id: str
    asset: str
    digest: str
    symbol: str
    environment: str
    venue: str
    proposal_version: int
    risk_model_version: str
    generated_at: dt.datetime
    generated_by: str
    expires_at: dt.datetime
    language: str
    request: RequestRecord
    wallet: WalletRecord
    requested_quantity: Decimal
    position_value_usdt: Decimal
    market_context: MarketContext
    strategy_recommendation: StrategyRecommendation
    risk_recommendation: RiskRecommendation
    alternative_proposals: tuple[VariantTerms, ...]
    context_warnings: ContextWarnings
    confidence: Confidence
    rehearsal: Rehearsal | None = None
    """Absent in proposals of risk models before the second."""
    inputs: tuple[InputRecord, ...]


_READ_FIRST = (
    "variant",
    "reference_price",
    "synthetic_entry_method",
    "synthetic_entry_value",
    "entry_price_source",
)


def to_document(proposal: Proposal) -> dict[str, Any]:
    """Return plain data in reading order, ready for `bot.kernel.canonical.readable_bytes`."""
    document: dict[str, Any] = _lists(msgspec.to_builtins(proposal, builtin_types=(Decimal,)))
    terms = document["risk_recommendation"]
    document["risk_recommendation"] = {name: terms[name] for name in _READ_FIRST} | terms
    return document


def from_document(document: Mapping[str, Any]) -> Proposal:
    """Read a decoded document (numbers as int or Decimal, times as text).

    Raises:
        msgspec.ValidationError: When it is no proposal; callers check the schema first.
    """
    return msgspec.convert(dict(document), Proposal)


def document_digest(document: Mapping[str, Any]) -> str:
    """Return the SHA-256 over the canonical form of the document without its `digest`."""
    return digest_without(document, "digest")


def sealed(proposal: Proposal) -> Proposal:
    """Return the proposal with its own digest filled in."""
    return msgspec.structs.replace(proposal, digest=document_digest(to_document(proposal)))


def variants_of(proposal: Proposal) -> tuple[VariantTerms, ...]:
    """Return all variants, the recommended one first."""
    return (proposal.risk_recommendation, *proposal.alternative_proposals)


def variant_of(proposal: Proposal, name: str) -> VariantTerms | None:
    """Return the terms of a variant, or None if the proposal has none of that name."""
    return next((terms for terms in variants_of(proposal) if terms.variant == name), None)


def _lists(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _lists(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_lists(item) for item in value]
    return value
