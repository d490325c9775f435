"""How much may be spent on one more buy of a coin: three caps, from the record alone. Pure.

1. The step: an equal part of what was agreed for averaging, and never more than is left of it.
2. The soft cap, `max_allocation_usdt`: what was handed over and is left, at the reference price, and what
   the bot's own buys cost, this one included.
3. The hard cap, `investable_capital_usdt` (CAP-1): what the bot's own buys cost in all coins that are in its
   hands, this one included; zero means that the bot buys nothing.
An open buy counts at the most that it can cost. Costs are before fees, as `bought_quote` is.
"""

from decimal import ROUND_CEILING, Decimal

import msgspec

from bot.kernel.money import HUNDRED, ONE, ZERO
from bot.lifecycle.dca_terms import DcaTerms, terms_in
from bot.lifecycle.documents import ManagedAsset, ManagedStateContent
from bot.lifecycle.states import IN_THE_BOTS_HANDS


class BuyRoom(msgspec.Struct, frozen=True, kw_only=True):
    """What one more buy may cost under each cap, in quote units, never below zero."""

    step: Decimal
    soft_cap: Decimal
    hard_cap: Decimal


def dca_of(entry: ManagedAsset) -> DcaTerms | None:
    """Return the averaging that counts now: the promotion's, unless a person set another (C1)."""
    terms = terms_in((entry.overrides or {}).get("dca", entry.dca))
    return None if terms is None or terms.is_off else terms


def committed_to(entry: ManagedAsset) -> Decimal:
    """Return what the bot's buys of the coin cost, an open one at the most that it can cost."""
    intent = entry.buy_intent
    open_cost = ZERO if intent is None else intent.quantity * intent.limit_price
    return (entry.bought_quote or ZERO) + open_cost


def committed_to_all(content: ManagedStateContent) -> Decimal:
    """Return the same over all coins that are in the bot's hands."""
    entries = content.managed_assets.values()
    return sum((committed_to(entry) for entry in entries if entry.state in IN_THE_BOTS_HANDS), ZERO)


def worth_at_cost(entry: ManagedAsset) -> Decimal:
    """Return what the soft cap is compared with: the handed-over rest at the reference, and own buys."""
    handed_over = max(ZERO, (entry.approved_quantity or ZERO) - (entry.sold_quantity or ZERO))
    return handed_over * (entry.reference_price or ZERO) + committed_to(entry)


def room_for(content: ManagedStateContent, asset: str, terms: DcaTerms, *, investable: Decimal) -> BuyRoom:
    """Return what one more buy of the coin may cost.

    Args:
        content: The managed state; the coin has an entry in it.
        asset: The coin.
        terms: The averaging that counts now.
        investable: The hard cap, in quote units.
    """
    entry = content.managed_assets[asset]
    allocation = Decimal(
        (entry.overrides or {}).get("max_allocation_usdt", entry.max_allocation_usdt) or ZERO
    )
    left_of_terms = terms.max_additional_usdt - committed_to(entry)
    return BuyRoom(
        step=max(ZERO, min(terms.per_step_usdt, left_of_terms)),
        soft_cap=max(ZERO, allocation - worth_at_cost(entry)),
        hard_cap=max(ZERO, investable - committed_to_all(content)),
    )


def next_step_price(entry: ManagedAsset, terms: DcaTerms) -> Decimal:
    """Return the price at or below which the next step may be bought, in quote units per coin.

    Steps lie on a ladder below the reference price. The next one is the first rung that lies at least half
    a step below the newest buy: a price that falls through several rungs at once buys one step there.
    """
    reference = entry.reference_price or ZERO
    width = reference * terms.step_pct / HUNDRED
    if entry.last_buy_price is None or width <= ZERO:
        return reference - width
    reached = (reference - entry.last_buy_price + width / 2) / width
    return reference - width * max(ONE, reached.to_integral_value(ROUND_CEILING))
