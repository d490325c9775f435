"""The engine: facts in, a proposal or an abort out; the same facts give the same bytes.

Rules that it keeps:
- SR-11: without a risk model version nothing is proposed.
- SR-14: no strategy group outside the allow-list leaves it.
- DR-12: the result carries its version, its inputs' digests and its own digest.
- R2 is the caller's: it fetches the balance again just before the file is written.
- M1, M3, Q-MH-2, Q-MH-13: which variants may be approved here, each with its reason.
"""

import datetime as dt
from decimal import Context, Decimal, localcontext

from bot.kernel.money import ZERO, plain
from bot.proposals.abort import Abort, abort
from bot.proposals.assemble import Occasion, assemble
from bot.proposals.document import Proposal, VariantTerms, sealed
from bot.proposals.entry import synthetic_entry
from bot.proposals.facts import ProposalFacts, ProposalRequest
from bot.proposals.inputs import InputRecord
from bot.proposals.measures import closed_daily, measure
from bot.proposals.policy import ProposalPolicy
from bot.proposals.preconditions import (
    refuse_asset,
    refuse_balance,
    refuse_market,
    refuse_peg,
    require_coherent,
    require_quantity,
)
from bot.proposals.regime import RegimeDetector, RuleRegimeDetector
from bot.proposals.rehearsal import rehearse
from bot.proposals.sizing import sizing_limits
from bot.proposals.strategy import choose_strategy, may_recommend
from bot.proposals.variants import PlanFrame, make_variants
from bot.proposals.wording import say

_PRECISION = 50
"""Digits of every intermediate decimal: nobody's ambient context can change a proposal."""


def make_proposal(
    *,
    proposal_id: str,
    proposal_version: int,
    request: ProposalRequest,
    facts: ProposalFacts,
    policy: ProposalPolicy,
    now: dt.datetime,
    ttl: dt.timedelta,
    inputs: tuple[InputRecord, ...],
    language: str = "en",
    detector: RegimeDetector | None = None,
) -> Proposal | Abort:
    """Make the proposal for one coin.

    Args:
        proposal_id: Unique; becomes the file's name.
        proposal_version: 1 for an asset's first proposal, then counting up.
        request: What the operator asked for.
        facts: Everything that was fetched.
        policy: The risk model; `policy_for(environment)`.
        now: Time of generation, aware.
        ttl: How long the proposal may be approved (Q-MH-1).
        inputs: The records of `collect_inputs(facts, policy)`.
        language: `en` or `de`, of every sentence inside.
        detector: Reads the regime; the rules by default.

    Returns:
        The proposal with its digest, or why there is none.

    Raises:
        ExchangeAnswerError: When the facts contradict themselves.
        UsageError: For a manual entry without a price.
        RefusedError: For a requested quantity that is not above zero.
    """
    with localcontext(Context(prec=_PRECISION)):
        require_quantity(request)
        require_coherent(facts)
        held = facts.wallet.total(request.asset) or ZERO
        refused = _refusal(request.asset, facts, policy, language)
        if refused is not None:
            return refused
        reader = detector or RuleRegimeDetector(policy.regime)
        frame = _frame(request, facts, policy, held, language, reader)
        variants = make_variants(frame)
        if not any(terms.allowed for terms in variants):
            return _nothing_fits(frame, variants)
        choice = choose_strategy(request.asset, frame.measures, policy, language)
        group = choice.recommendation.strategy_group
        if not may_recommend(group, policy):
            return abort("strategy_not_allowed", say(language, "strategy_not_allowed", group=group))
        occasion = Occasion(
            proposal_id=proposal_id,
            proposal_version=proposal_version,
            request=request,
            now=now,
            ttl=ttl,
            inputs=inputs,
        )
        rehearsal = rehearse(frame, variants, reader.history(frame.measures.daily))
        return sealed(assemble(occasion, facts, frame, variants, choice, rehearsal))


def _refusal(asset: str, facts: ProposalFacts, policy: ProposalPolicy, language: str) -> Abort | None:
    daily = closed_daily(facts)
    return (
        refuse_asset(asset, facts, policy, language)
        or refuse_balance(asset, facts, language)
        or refuse_market(facts, daily, policy, language)
        or refuse_peg(asset, facts, daily, policy, language)
    )


def _frame(
    request: ProposalRequest,
    facts: ProposalFacts,
    policy: ProposalPolicy,
    held: Decimal,
    language: str,
    detector: RegimeDetector,
) -> PlanFrame:
    offered = plain(held if request.requested_quantity is None else min(request.requested_quantity, held))
    measures = measure(facts, closed_daily(facts), quantity=offered, policy=policy, detector=detector)
    return PlanFrame(
        asset=request.asset,
        environment=facts.environment,
        rules=facts.rules,
        measures=measures,
        limits=sizing_limits(
            portfolio_value=facts.portfolio_value_usdt,
            risk_share=policy.risk_per_trade_share,
            concentration_share=policy.concentration_cap_share,
            investable=facts.investable_capital_usdt,
        ),
        held=held,
        requested_quantity=offered,
        entry=synthetic_entry(
            request, facts, held=held, tick=measures.tick, policy=policy, language=language
        ),
        policy=policy,
        language=language,
    )


def _nothing_fits(frame: PlanFrame, variants: tuple[VariantTerms, ...]) -> Abort:
    reasons = " ".join(
        f"{terms.variant.value}: {terms.not_allowed.sentence}" for terms in variants if terms.not_allowed
    )
    sentence = say(
        frame.language,
        "nothing_fits",
        quantity=frame.requested_quantity,
        asset=frame.asset,
        reasons=reasons,
    )
    return abort("price_out_of_filters", sentence)
