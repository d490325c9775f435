"""How large one buy is: an equal part of what was agreed, cut by each cap, and bounded by its price. Pure.

1. The step's amount, then the soft cap, then the hard cap, then the free quote that may be spent; the one
   that cut last is named, because a person wants to know which of them to raise.
2. The order is a limit order that never rests: it pays at most `limit_price`, a little above the ask, so
   that quantity x limit price is the most that it can cost. That amount is what the caps are held against.
3. Quantities round down to the exchange's step; a buy that the exchange would refuse as too small is none.
"""

from decimal import Decimal
from typing import Literal

import msgspec

from bot.kernel.market import MarketRules
from bot.kernel.money import ZERO, ceil_to_step, floor_to_step
from bot.lifecycle.buy_caps import BuyRoom

CappedBy = Literal["soft_cap", "hard_cap", "spendable_quote"]
SLIPPAGE_SHARE = Decimal("0.005")
"""How far above the ask a buy may reach: a thin first level shall not leave most of the step unbought."""


class BuySize(msgspec.Struct, frozen=True, kw_only=True):
    """One buy: base units, quote units per coin at most, and what made it smaller than its step."""

    quantity: Decimal
    limit_price: Decimal
    capped_by: CappedBy | None = None

    @property
    def cost_at_most(self) -> Decimal:
        """Return the quote units that it can cost at most, before fees."""
        return self.quantity * self.limit_price


def size_buy(room: BuyRoom, *, spendable: Decimal, ask: Decimal, rules: MarketRules) -> BuySize:
    """Return the size of the next buy; a quantity of zero where the caps leave less than a sellable lot.

    Args:
        room: What the step, the soft and the hard cap leave, in quote units.
        spendable: Free quote less what the baseline keeps for the owner, in quote units.
        ask: The best ask, above zero.
        rules: The market's filters.
    """
    amount, capped_by = room.step, None
    caps: tuple[tuple[CappedBy, Decimal], ...] = (
        ("soft_cap", room.soft_cap),
        ("hard_cap", room.hard_cap),
        ("spendable_quote", spendable),
    )
    for name, most in caps:
        if most < amount:
            amount, capped_by = max(ZERO, most), name
    limit_price = ceil_to_step(ask * (1 + SLIPPAGE_SHARE), rules.tick_size)
    quantity = floor_to_step(amount / limit_price, rules.step_size)
    if rules.max_quantity:
        quantity = min(quantity, floor_to_step(rules.max_quantity, rules.step_size))
    if rules.is_dust(quantity, ask):
        quantity = ZERO
    return BuySize(quantity=quantity, limit_price=limit_price, capped_by=capped_by)
