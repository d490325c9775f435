"""Puts the measured and decided parts together into the document's tree."""

import datetime as dt

import msgspec

from bot.kernel.clock import to_utc
from bot.kernel.money import ZERO, plain
from bot.proposals.confidence import rate
from bot.proposals.document import (
    GENERATED_BY,
    SCHEMA_REFERENCE,
    MarketContext,
    Proposal,
    RegimeBasis,
    RequestRecord,
    RiskRecommendation,
    VariantTerms,
    WalletRecord,
)
from bot.proposals.facts import ProposalFacts, ProposalRequest
from bot.proposals.inputs import InputRecord
from bot.proposals.parts import Note
from bot.proposals.policy import VariantName
from bot.proposals.rehearsal import recommended_of
from bot.proposals.rehearsal_document import Rehearsal
from bot.proposals.strategy import StrategyChoice
from bot.proposals.variants import PlanFrame
from bot.proposals.warnings import context_warnings
from bot.proposals.wording import say


class Occasion(msgspec.Struct, frozen=True, kw_only=True):
    """What makes this proposal this one: its id, version, time and inputs."""

    proposal_id: str
    proposal_version: int
    request: ProposalRequest
    now: dt.datetime
    ttl: dt.timedelta
    inputs: tuple[InputRecord, ...]


def assemble(
    occasion: Occasion,
    facts: ProposalFacts,
    frame: PlanFrame,
    variants: tuple[VariantTerms, ...],
    choice: StrategyChoice,
    rehearsal: Rehearsal | None,
) -> Proposal:
    """Return the proposal, its digest still empty."""
    request, generated_at = occasion.request, to_utc(occasion.now)
    recommended = next(terms for terms in variants if terms.variant is VariantName.RECOMMENDED)
    return Proposal(
        schema_reference=SCHEMA_REFERENCE,
        proposal_id=occasion.proposal_id,
        asset=request.asset,
        digest="",
        symbol=facts.symbol,
        environment=facts.environment,
        venue=facts.venue,
        proposal_version=occasion.proposal_version,
        risk_model_version=frame.policy.risk_model_version,
        generated_at=generated_at,
        generated_by=GENERATED_BY,
        expires_at=generated_at + occasion.ttl,
        language=frame.language,
        request=_request_record(request),
        wallet=_wallet_record(request.asset, facts),
        requested_quantity=frame.requested_quantity,
        position_value_usdt=plain(frame.requested_quantity * frame.measures.reference),
        market_context=_market_context(frame),
        strategy_recommendation=choice.recommendation,
        risk_recommendation=_risk_recommendation(frame, recommended),
        alternative_proposals=tuple(terms for terms in variants if terms is not recommended),
        context_warnings=context_warnings(
            facts, frame, choice=choice, further=_notes(request, frame, recommended)
        ),
        confidence=rate(frame, choice, recommended, recommended_of(rehearsal)),
        rehearsal=rehearsal,
        inputs=occasion.inputs,
    )


def _request_record(request: ProposalRequest) -> RequestRecord:
    asked, value = request.requested_quantity, request.synthetic_entry_value
    return RequestRecord(
        quantity=None if asked is None else plain(asked),
        synthetic_entry_method=request.synthetic_entry_method,
        synthetic_entry_value=None if value is None else plain(value),
    )


def _wallet_record(asset: str, facts: ProposalFacts) -> WalletRecord:
    # A complete answer without the coin never comes this far: `no_balance` aborts first.
    balance = facts.wallet.balances[asset]
    return WalletRecord(
        quantity=plain(balance.total),
        free=plain(balance.free),
        used=plain(balance.used),
        observed_at=to_utc(facts.wallet.observed_at),
    )


def _market_context(frame: PlanFrame) -> MarketContext:
    measures, language = frame.measures, frame.language
    liquidity, regime, around = measures.liquidity, measures.regime, measures.around
    window = frame.policy.swing_window_bars
    return MarketContext(
        current_price=measures.reference,
        atr_14d=measures.atr,
        volatility_30d_pct=measures.volatility_pct,
        volume_24h_usdt=measures.volume_24h_usdt,
        spread_pct=liquidity.spread_pct,
        liquidity_score=liquidity.score,
        sell_cost_bps=liquidity.sell_cost_bps,
        sell_cost_reason=_book_too_thin(frame) if liquidity.sell_cost_bps is None else None,
        depth_1pct_usdt=liquidity.depth_1pct_usdt,
        regime=regime.name,
        regime_confidence=regime.confidence,
        regime_basis=RegimeBasis(
            detector=regime.detector,
            score=regime.score,
            trend=regime.trend,
            momentum=regime.momentum,
            drawdown_pct=regime.drawdown_pct,
            volatility_ratio=regime.volatility_ratio,
            days_in_regime=regime.days,
        ),
        support_level=around.support,
        support_reason=say(language, "no_support", bars=window) if around.support is None else None,
        resistance_level=around.resistance,
        resistance_reason=say(language, "no_resistance", bars=window) if around.resistance is None else None,
        daily_bars=len(measures.daily),
        observed_at=to_utc(measures.observed_at),
    )


def _book_too_thin(frame: PlanFrame) -> str:
    return say(
        frame.language,
        "book_too_thin",
        asset=frame.asset,
        quantity=frame.requested_quantity,
        bid_quantity=frame.measures.liquidity.bid_quantity,
    )


def _risk_recommendation(frame: PlanFrame, recommended: VariantTerms) -> RiskRecommendation:
    return RiskRecommendation(
        **msgspec.structs.asdict(recommended),
        reference_price=frame.measures.reference,
        synthetic_entry_method=frame.entry.method,
        synthetic_entry_value=frame.entry.value,
        entry_price_source=frame.entry.source,
        limits=frame.limits,
    )


def _notes(request: ProposalRequest, frame: PlanFrame, recommended: VariantTerms) -> tuple[Note, ...]:
    notes: list[Note] = list(frame.entry.notes)
    asked, held, language = request.requested_quantity, frame.held, frame.language
    if asked is not None and asked > held:
        sentence = say(language, "less_than_requested", asked=asked, asset=frame.asset, held=held)
        notes.append(Note(code="less_than_requested", sentence=sentence))
    allocation, capital = recommended.max_allocation_usdt, frame.limits.investable_capital_usdt
    # Zero is not a cap that was hit: it says that the bot buys nothing at all.
    if ZERO < capital < allocation:
        sentence = say(language, "above_investable", allocation=allocation, capital=capital)
        notes.append(Note(code="above_investable", sentence=sentence))
    return tuple(notes)
