"""How much of a holding a plan may take, and what it can lose.

The allocation of a coin that is owned already buys nothing, so the investable capital (CAP-1, the hard
cap for buys; zero = the bot buys nothing) does not cut it: it is recorded beside the caps, and an
allocation above it is noted (M4). What cuts it:
1. the position: the requested quantity at the reference price;
2. the concentration cap: a share of the portfolio;
3. the risk budget: a share of the portfolio, divided by the stop's distance, so that the loss at the stop
   never exceeds it, in no variant (M1);
4. the variant's share of the recommended allocation;
5. the largest quantity that the exchange sells in one market order.
All round down: cents for allocations (a whole position keeps its exact value, or a step would be lost),
the exchange's step for quantities; a loss rounds up.
"""

from decimal import Decimal
from enum import StrEnum

import msgspec

from bot.kernel.market import MarketRules
from bot.kernel.money import HUNDRED, ZERO, ceil_to_step, floor_to_step, plain
from bot.proposals.document import SizingLimits

CENT = Decimal("0.01")
_GRIDLESS_STEP = Decimal("0.00000001")


class LimitedBy(StrEnum):
    """Which rule an allocation ended at."""

    POSITION_VALUE = "position_value"
    CONCENTRATION_CAP = "concentration_cap"
    RISK_BUDGET = "risk_budget"
    VARIANT_SHARE = "variant_share"
    EXCHANGE_MAXIMUM = "exchange_maximum"


class Size(msgspec.Struct, frozen=True, kw_only=True):
    """One variant's size."""

    max_allocation_usdt: Decimal
    max_allocation_pct_of_portfolio: Decimal
    quantity: Decimal
    loss_at_stop_usdt: Decimal
    """Quantity times the distance from reference to stop, before fees and slippage."""
    limited_by: LimitedBy


def quantity_step(rules: MarketRules) -> Decimal:
    """Return the exchange's quantity step, or eight decimals where it has none."""
    return rules.step_size if rules.step_size > ZERO else _GRIDLESS_STEP


def largest_market_quantity(rules: MarketRules) -> Decimal | None:
    """Return the largest quantity of one market order, or None where the exchange states none."""
    stated = [limit for limit in (rules.max_quantity, rules.max_market_quantity) if limit]
    return min(stated, default=None)


def allocation_caps(
    limits: SizingLimits, *, position_value: Decimal, reference: Decimal, stop: Decimal
) -> dict[LimitedBy, Decimal]:
    """Return the caps 1 to 3 for a plan with this stop, in quote units."""
    return {
        LimitedBy.POSITION_VALUE: position_value,
        LimitedBy.CONCENTRATION_CAP: limits.concentration_cap_usdt,
        LimitedBy.RISK_BUDGET: limits.risk_budget_usdt * reference / (reference - stop),
    }


def size_variant(
    *,
    share: Decimal,
    base_stop: Decimal,
    stop: Decimal,
    reference: Decimal,
    requested_quantity: Decimal,
    limits: SizingLimits,
    rules: MarketRules,
) -> Size:
    """Return allocation, quantity and loss at the stop of one variant.

    Args:
        share: The variant's part of the recommended allocation.
        base_stop: The stop of the recommended variant, which the shares are measured against.
        stop: This variant's stop, below the reference price.
        reference: Quote per base.
        requested_quantity: Base units that may be taken at most.
        limits: The caps.
        rules: The exchange's filters, for the step.
    """
    position_value = requested_quantity * reference
    base = min(
        allocation_caps(limits, position_value=position_value, reference=reference, stop=base_stop).values()
    )
    caps = allocation_caps(limits, position_value=position_value, reference=reference, stop=stop)
    caps[LimitedBy.VARIANT_SHARE] = share * base
    largest = largest_market_quantity(rules)
    if largest is not None:
        caps[LimitedBy.EXCHANGE_MAXIMUM] = largest * reference
    # The first of equal caps names the reason, and the position itself is the plainest one.
    limited_by = min(caps, key=lambda name: caps[name])
    whole = limited_by in {LimitedBy.POSITION_VALUE, LimitedBy.EXCHANGE_MAXIMUM}
    allocation = max(ZERO, plain(caps[limited_by]) if whole else floor_to_step(caps[limited_by], CENT))
    quantity = floor_to_step(min(requested_quantity, allocation / reference), quantity_step(rules))
    portfolio = limits.portfolio_value_usdt
    return Size(
        max_allocation_usdt=allocation,
        max_allocation_pct_of_portfolio=(
            floor_to_step(allocation / portfolio * HUNDRED, CENT) if portfolio > ZERO else ZERO
        ),
        quantity=quantity,
        loss_at_stop_usdt=ceil_to_step(quantity * (reference - stop), CENT),
        limited_by=limited_by,
    )


def sizing_limits(
    *, portfolio_value: Decimal, risk_share: Decimal, concentration_share: Decimal, investable: Decimal
) -> SizingLimits:
    """Return the caps of a portfolio, rounded down to cents."""
    return SizingLimits(
        portfolio_value_usdt=floor_to_step(portfolio_value, CENT),
        risk_budget_usdt=floor_to_step(portfolio_value * risk_share, CENT),
        concentration_cap_usdt=floor_to_step(portfolio_value * concentration_share, CENT),
        investable_capital_usdt=floor_to_step(investable, CENT),
    )
