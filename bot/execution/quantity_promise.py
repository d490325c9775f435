"""The quantity promise: never more is sold than was handed over.

For each managed coin, at every moment: what was sold since the promotion, with open and unknown orders
at full size, is at most the approved quantity. Whatever the wallet shows, the rest is the owner's.
"""

from decimal import Decimal

from bot.kernel.market import MarketRules
from bot.kernel.money import ZERO, floor_to_step
from bot.lifecycle.documents import ManagedAsset
from bot.lifecycle.exit_rules import promised_rest


def sellable_quantity(entry: ManagedAsset, *, wallet_free: Decimal, rules: MarketRules) -> Decimal:
    """Return how much an exit order may sell now, on the exchange's step.

    Args:
        entry: The asset's agreement.
        wallet_free: Base units that are not locked in orders.
        rules: The market's filters.
    """
    quantity = min(promised_rest(entry), wallet_free)
    if rules.max_market_quantity is not None and rules.max_market_quantity > ZERO:
        quantity = min(quantity, rules.max_market_quantity)
    if rules.max_quantity is not None and rules.max_quantity > ZERO:
        quantity = min(quantity, rules.max_quantity)
    return max(ZERO, floor_to_step(quantity, rules.step_size))


def is_dust(quantity: Decimal, price: Decimal, rules: MarketRules) -> bool:
    """Say whether the exchange accepts no order for this quantity at this price."""
    return rules.is_dust(quantity, price)
