"""T04, the one door into the bot's hands.

Refused unless all of these hold, each with its own code:

1. the state is `risk_proposed`, the id is the current one, nobody decided it (R3);
2. it is not expired; the digest is that of the file's exact bytes;
3. the typed confirmation equals `<ASSET>:<variant>` to the letter (Q-MH-11, DR-4);
4. the variant exists and is allowed here; the strategy group is on the allow-list (SR-14);
5. overrides keep to Q-MH-3; stop < reference < target; the stop is far enough from the entry (M3);
   a lower allocation lowers the quantity with it, a higher one never raises it;
6. the facts are young; the wallet holds the quantity (unknown is not zero);
7. neither price nor balance moved too far since (`proposal_stale`);
8. where four eyes are asked for, they are not the requester's.

SR-12: the promotion and its approval event are one commit, because they are one `Change`.
"""

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec

from bot.kernel.clock import iso_z
from bot.kernel.errors import RefusedError
from bot.kernel.money import HUNDRED, ZERO, floor_to_step, text
from bot.lifecycle.change import Act, Change, entry_of, move
from bot.lifecycle.command_payloads import ApproveManagedProposal
from bot.lifecycle.dca_terms import check_terms
from bot.lifecycle.documents import Exits, ManagedStateContent
from bot.lifecycle.events import EventType
from bot.lifecycle.level_rules import (
    check_distance,
    check_features,
    check_order,
    check_override_depth,
    named_levels,
)
from bot.lifecycle.policy import Feature
from bot.lifecycle.proposal_rules import decidable_proposal
from bot.lifecycle.states import user_of
from bot.lifecycle.trailing_rules import Ground, agreed_trailing


class VariantOffer(msgspec.Struct, frozen=True, kw_only=True):
    """One variant as the proposal offers it; `blocked` says why it may not be chosen here."""

    quantity: Decimal
    stop_loss: Decimal
    take_profit: Decimal
    max_allocation_usdt: Decimal
    trailing: Mapping[str, Any] | None = None
    dca: Mapping[str, Any] | None = None
    blocked: str | None = None


class ProposalOffer(msgspec.Struct, frozen=True, kw_only=True):
    """What an approval needs of the proposal file, as it lies on the disk."""

    proposal_id: str
    asset: str
    environment: str
    digest: str
    expires_at: dt.datetime
    strategy_group: str
    reference_price: Decimal
    reference_regime: str
    atr: Decimal
    wallet_quantity: Decimal
    synthetic_entry: Decimal
    synthetic_entry_method: str
    variants: Mapping[str, VariantOffer]


class ApprovalFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What was fetched before the lock: the file, the price, the balance, with their time.

    None means that the exchange did not tell.
    """

    offer: ProposalOffer
    price: Decimal | None
    wallet_quantity: Decimal | None
    quantity_step: Decimal | None = None
    """The exchange's grid for quantities, in base units."""
    observed_at: dt.datetime


def approve(
    content: ManagedStateContent, act: Act, payload: ApproveManagedProposal, facts: ApprovalFacts
) -> Change:
    """T04: promote the asset with exactly the terms that were read."""
    pending = decidable_proposal(content, act, payload.proposal_id)
    _check_four_eyes(act, pending.requested_by_user_id)
    offer = facts.offer
    _check_document(act, payload, offer, min(pending.expires_at, offer.expires_at))
    _check_recorded_digest(act, offer, entry_of(content, act.asset).proposal_digest)
    variant = _chosen_variant(act, payload, offer)
    terms = _with_overrides(act, variant, payload, facts)
    check_features(act, dca=terms.dca, strategy_group=offer.strategy_group)
    _check_levels(act, offer, terms)
    terms = _with_trailing(act, offer, terms)
    _check_facts(act, offer, terms, facts)
    capped = ZERO < act.policy.investable_capital_usdt < terms.max_allocation_usdt
    user = user_of(act.actor)
    events = [EventType.ASSET_PROMOTED, EventType.SYNTHETIC_ENTRY_SET]
    if payload.overrides is not None:
        events.append(EventType.OPERATOR_OVERRIDE)
    if capped:  # M4, CAP-1: said here, enforced where the bot would buy
        events.append(EventType.ALLOCATION_CAPPED)
    change = move(
        content,
        act,
        *events,
        fresh=True,
        set_fields=_agreement(offer, terms, payload.variant)
        | {"promoted_at": act.now, "promoted_by_user_id": user},
        data={
            "proposal_id": offer.proposal_id,
            "proposal_digest": offer.digest,
            "variant": payload.variant,
            "confirm": payload.confirm,
            "approved_by_user_id": user,
            "price": facts.price,
            "wallet_quantity": facts.wallet_quantity,
            "facts_observed_at": iso_z(facts.observed_at),
        },
    )
    detail = {
        **change.detail,
        "approved_quantity": terms.quantity,
        "stop_loss": terms.stop_loss,
        "take_profit": terms.take_profit,
        "allocation_capped": capped,
    }
    return msgspec.structs.replace(change, detail=detail)


def _agreement(offer: ProposalOffer, terms: VariantOffer, variant: str) -> dict[str, Any]:
    """Return the fields that say what was agreed."""
    return {
        "exits": Exits.ON,
        "current_proposal_id": offer.proposal_id,
        "proposal_digest": offer.digest,
        "variant": variant,
        "approved_quantity": terms.quantity,
        "reference_price": offer.reference_price,
        "reference_regime": offer.reference_regime,
        "atr": offer.atr,
        "synthetic_entry": offer.synthetic_entry,
        "synthetic_entry_method": offer.synthetic_entry_method,
        "stop_loss": terms.stop_loss,
        "take_profit": terms.take_profit,
        "trailing": terms.trailing,
        "dca": terms.dca,
        "max_allocation_usdt": terms.max_allocation_usdt,
        "strategy_group": offer.strategy_group,
    }


def _check_document(
    act: Act, payload: ApproveManagedProposal, offer: ProposalOffer, expires_at: dt.datetime
) -> None:
    if (offer.proposal_id, offer.asset) != (payload.proposal_id, act.asset):
        raise RefusedError(
            f"{act.asset}: the file is about {offer.asset}, proposal {offer.proposal_id}",
            code="no_such_proposal",
        )
    if offer.environment != act.policy.environment:
        raise RefusedError(
            f"{act.asset}: the proposal was made for {offer.environment}",
            code="no_such_proposal",
            why=f"This home works in {act.policy.environment}.",
        )
    if act.now >= expires_at:
        raise RefusedError(
            f"{act.asset}: the proposal ran out at {iso_z(expires_at)}", code="proposal_expired"
        )
    if payload.proposal_digest != offer.digest:
        raise RefusedError(
            f"{act.asset}: the approval names digest {payload.proposal_digest[:8]}",
            code="digest_mismatch",
            why=f"The file's digest is {offer.digest[:8]}.",
        )


def _check_recorded_digest(act: Act, offer: ProposalOffer, recorded: str | None) -> None:
    if offer.digest != recorded:
        raise RefusedError(
            f"{act.asset}: the proposal's file was replaced",
            code="digest_mismatch",
            why=f"The engine wrote {(recorded or 'nothing')[:8]}, the file is {offer.digest[:8]} now.",
        )


def _chosen_variant(act: Act, payload: ApproveManagedProposal, offer: ProposalOffer) -> VariantOffer:
    expected = f"{act.asset}:{payload.variant}"
    if payload.confirm != expected:
        raise RefusedError(
            f"{act.asset}: the confirmation is wrong",
            code="confirmation_wrong",
            why=f"Expected {expected!r} to the letter, got {payload.confirm!r}.",
        )
    variant = offer.variants.get(payload.variant)
    if variant is None:
        raise RefusedError(
            f"{act.asset}: there is no variant {payload.variant!r}",
            code="variant_unknown",
            why=f"The proposal has {', '.join(sorted(offer.variants))}.",
        )
    disabled = payload.variant == "aggressive" and Feature.AGGRESSIVE_VARIANT in act.policy.disabled
    if payload.variant not in act.policy.variants or disabled:
        raise RefusedError(
            f"{act.asset}: {payload.variant} is not offered in {act.policy.environment}",
            code="variant_not_allowed",
        )
    if variant.blocked is not None:
        raise RefusedError(
            f"{act.asset}: {payload.variant} cannot be chosen",
            code="variant_not_allowed",
            why=f"The proposal marks it as not allowed: {variant.blocked}",
        )
    if offer.strategy_group not in act.policy.strategy_allowlist:
        raise RefusedError(
            f"{act.asset}: strategy group {offer.strategy_group} is blocked", code="strategy_not_allowed"
        )
    return variant


def _with_overrides(
    act: Act, variant: VariantOffer, payload: ApproveManagedProposal, facts: ApprovalFacts
) -> VariantOffer:
    given = payload.overrides
    if given is None:
        return variant
    chosen = named_levels(given)
    check_override_depth(act, chosen)
    check_terms(act.asset, given.dca)
    terms = msgspec.structs.replace(variant, **chosen)
    if ZERO < terms.max_allocation_usdt < variant.max_allocation_usdt:
        terms = msgspec.structs.replace(terms, quantity=_lowered_quantity(act, terms, facts))
    return terms


def _lowered_quantity(act: Act, terms: VariantOffer, facts: ApprovalFacts) -> Decimal:
    """Return what a lower allocation hands over: less of the coin, on the exchange's grid."""
    affordable = terms.max_allocation_usdt / facts.offer.reference_price
    if affordable >= terms.quantity:
        return terms.quantity
    if facts.quantity_step is None:
        raise RefusedError(
            f"{act.asset}: the exchange's quantity step is not known",
            code="market_unavailable",
            why="A lower allocation hands over less, and less must be on the exchange's grid.",
        )
    return floor_to_step(affordable, facts.quantity_step)


def _check_levels(act: Act, offer: ProposalOffer, terms: VariantOffer) -> None:
    reference, stop = offer.reference_price, terms.stop_loss
    check_order(act.asset, stop_loss=stop, reference=reference, take_profit=terms.take_profit)
    if terms.max_allocation_usdt <= ZERO or terms.quantity <= ZERO:
        raise RefusedError(f"{act.asset}: quantity or allocation is not above zero", code="quantity_invalid")
    check_distance(act, stop_loss=stop, reference=reference, entry=offer.synthetic_entry)


def _with_trailing(act: Act, offer: ProposalOffer, terms: VariantOffer) -> VariantOffer:
    ground = Ground(offer.reference_price, offer.atr, terms.stop_loss, terms.take_profit)
    return msgspec.structs.replace(terms, trailing=agreed_trailing(act, terms.trailing, ground))


def _check_four_eyes(act: Act, requested_by: str) -> None:
    if act.policy.four_eyes and requested_by == user_of(act.actor):
        raise RefusedError(
            f"{act.asset}: {requested_by} asked for this proposal, and may not approve it", code="four_eyes"
        )


def _check_facts(act: Act, offer: ProposalOffer, terms: VariantOffer, facts: ApprovalFacts) -> None:
    age = act.now - facts.observed_at
    if age > act.policy.approval_facts_max_age:
        raise RefusedError(
            f"{act.asset}: price and balance are {age.total_seconds():.0f} s old", code="facts_too_old"
        )
    if facts.wallet_quantity is None:
        raise RefusedError(f"{act.asset}: the balance is not known", code="balance_unknown")
    if facts.price is None:
        raise RefusedError(f"{act.asset}: the price is not known", code="price_unknown")
    if facts.wallet_quantity < terms.quantity:
        raise RefusedError(
            f"{act.asset}: the wallet holds {text(facts.wallet_quantity)}",
            code="balance_too_small",
            why=f"{text(terms.quantity)} are to be handed over.",
        )
    away = abs(facts.price - offer.reference_price)
    allowed = act.policy.stale_after_atr * offer.atr
    if away > allowed:
        raise RefusedError(
            f"{act.asset}: the price is {text(facts.price)}, the proposal's reference"
            f" {text(offer.reference_price)}",
            code="proposal_stale",
            why=f"It moved {text(away)}, more than the allowed {text(allowed)}.",
        )
    drift_pct = abs(facts.wallet_quantity - offer.wallet_quantity) / offer.wallet_quantity * HUNDRED
    if drift_pct > act.policy.quantity_drift_pct:
        raise RefusedError(
            f"{act.asset}: the wallet holds {text(facts.wallet_quantity)},"
            f" the proposal saw {text(offer.wallet_quantity)}",
            code="proposal_stale",
            why=f"That is {drift_pct:.2f} % off, more than {text(act.policy.quantity_drift_pct)} %.",
        )
