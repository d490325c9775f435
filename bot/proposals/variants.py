"""The plans of a proposal: each variant of the policy with levels, size and whether it may be approved."""

from decimal import Decimal

import msgspec

from bot.kernel.market import MarketRules
from bot.kernel.money import floor_to_step
from bot.proposals.document import SizingLimits, VariantTerms
from bot.proposals.entry import SyntheticEntry
from bot.proposals.indicators import to_places
from bot.proposals.levels import PlanLevels, distance_pct, plan_levels, stop_is_far_enough
from bot.proposals.measures import Measures
from bot.proposals.parts import Note
from bot.proposals.policy import ProposalPolicy, VariantName, VariantPolicy
from bot.proposals.sizing import CENT, Size, size_variant
from bot.proposals.wording import say


class PlanFrame(msgspec.Struct, frozen=True, kw_only=True):
    """What all variants of one proposal share."""

    asset: str
    environment: str
    rules: MarketRules
    measures: Measures
    limits: SizingLimits
    held: Decimal
    """The wallet's total, base units."""
    requested_quantity: Decimal
    """What the variants are cut from: what was asked for, at most what is held."""
    entry: SyntheticEntry
    policy: ProposalPolicy
    language: str


def make_variants(frame: PlanFrame) -> tuple[VariantTerms, ...]:
    """Return the terms of every variant of the policy, in its order (the recommended one first)."""
    levels = {
        variant.name: plan_levels(
            variant,
            reference=frame.measures.reference,
            atr=frame.measures.atr,
            around=frame.measures.around,
            rules=frame.rules,
            policy=frame.policy,
        )
        for variant in frame.policy.variants
    }
    base_stop = levels[VariantName.RECOMMENDED].stop
    return tuple(_terms(variant, levels[variant.name], base_stop, frame) for variant in frame.policy.variants)


def _terms(variant: VariantPolicy, plan: PlanLevels, base_stop: Decimal, frame: PlanFrame) -> VariantTerms:
    reference = frame.measures.reference
    size = size_variant(
        share=variant.share,
        base_stop=base_stop,
        stop=plan.stop,
        reference=reference,
        requested_quantity=frame.requested_quantity,
        limits=frame.limits,
        rules=frame.rules,
    )
    objection = _objection(variant, plan, size, frame)
    return VariantTerms(
        variant=variant.name,
        stop_loss=plan.stop,
        stop_loss_pct=to_places(distance_pct(reference, plan.stop), 2),
        take_profit=plan.target,
        take_profit_pct=to_places(distance_pct(reference, plan.target), 2),
        rr_ratio=to_places((plan.target - reference) / (reference - plan.stop), 2),
        quantity=size.quantity,
        max_allocation_usdt=size.max_allocation_usdt,
        max_allocation_pct_of_portfolio=size.max_allocation_pct_of_portfolio,
        allocation_limited_by=size.limited_by.value,
        loss_at_stop_usdt=size.loss_at_stop_usdt,
        trailing_stop_enabled=variant.trailing_stop,
        # No risk model knows how to size a DCA plan yet, so none is proposed (Q-MH-13).
        dca_recommended=False,
        dca_settings=None,
        allowed=objection is None,
        not_allowed=objection,
    )


def _objection(variant: VariantPolicy, plan: PlanLevels, size: Size, frame: PlanFrame) -> Note | None:
    """Return the first reason for which this variant cannot be approved here, or None."""
    policy, rules, language, asset = frame.policy, frame.rules, frame.language, frame.asset
    if variant.name not in policy.allowed_variants:
        sentence = say(
            language, "variant_not_allowed", variant=variant.name.value, environment=frame.environment
        )
        return Note(code="variant_not_allowed", sentence=sentence)
    if not plan.inside_filters:
        sentence = say(language, "price_out_of_filters", stop=plan.stop, target=plan.target)
        return Note(code="price_out_of_filters", sentence=sentence)
    if size.quantity <= 0 or size.quantity < rules.min_quantity:
        sentence = say(
            language, "quantity_too_small", quantity=size.quantity, asset=asset, minimum=rules.min_quantity
        )
        return Note(code="quantity_too_small", sentence=sentence)
    # At the stop, because an exit that the exchange refuses leaves the coin unprotected.
    value = size.quantity * plan.stop
    if value < rules.min_notional:
        sentence = say(
            language, "notional_too_small", value=floor_to_step(value, CENT), minimum=rules.min_notional
        )
        return Note(code="notional_too_small", sentence=sentence)
    reference, minimum = frame.measures.reference, policy.min_stop_distance_pct
    if not stop_is_far_enough(entry=frame.entry.value, reference=reference, stop=plan.stop, min_pct=minimum):
        sentence = say(
            language,
            "stop_too_close",
            stop=plan.stop,
            minimum=minimum,
            entry=frame.entry.value,
            reference=reference,
        )
        return Note(code="stop_too_close", sentence=sentence)
    return None
