"""Where a protective stop should rest at the exchange, and whether the one that rests may stay; pure.

1. It rests at the level that counts, on the exchange's price grid, never above it.
2. It sells down to a limit some way below its level: too near, and a fast fall passes it by; the exchange's
   own lowest price (PERCENT_PRICE) bounds it. Where the price falls through the limit, the loop cancels the
   stop and sells at market.
3. It covers what is left of what was handed over and is there, on the exchange's step, if the exchange takes
   so little at the limit price.
4. What rests stays while it is right to within one tick, or with a trailing stop within a share of the level:
   each replacement is a moment without a stop.
"""

from decimal import Decimal

import msgspec

from bot.kernel.market import MarketRules
from bot.kernel.money import ZERO, ceil_to_step, floor_to_step
from bot.lifecycle.documents import ManagedAsset
from bot.lifecycle.resting_stop_rules import trails, unsold

_BPS = Decimal(10_000)
TRAILING_SHARE = Decimal("0.001")
"""A trailing stop is moved at the exchange once its level has moved by this share of it."""


class StopPlan(msgspec.Struct, frozen=True, kw_only=True):
    """A stop as it should rest: quantity in base units, prices in quote units per coin."""

    quantity: Decimal
    stop_price: Decimal
    limit_price: Decimal


class NoStop(msgspec.Struct, frozen=True, kw_only=True):
    """No stop can rest, and why: a word for programs, a sentence for people."""

    why: str
    sentence: str


def planned_stop(
    entry: ManagedAsset,
    *,
    stop_loss: Decimal,
    take_profit: Decimal,
    last: Decimal,
    wallet_free: Decimal,
    rules: MarketRules,
    buffer_bps: Decimal,
) -> StopPlan | NoStop:
    """Return the stop that should rest now, whatever rests already.

    Args:
        entry: The asset's agreement.
        stop_loss: The level that counts, in quote units per coin.
        take_profit: The target that counts.
        last: The last traded price.
        wallet_free: Base units that are not locked; what a stop of this coin locks already counts as well.
        rules: The market's filters.
        buffer_bps: How far below its level it may sell, in hundredths of a percent.
    """
    stop_price = floor_to_step(stop_loss, rules.tick_size)
    if not ZERO < stop_price < last < take_profit:
        return NoStop(why="exit_due", sentence="an exit is due: the loop sells at market")
    lowest = max(ceil_to_step(last * (rules.lowest_sell_share or ZERO), rules.tick_size), rules.min_price)
    limit_price = max(floor_to_step(stop_price * (1 - buffer_bps / _BPS), rules.tick_size), lowest)
    if not ZERO < limit_price <= stop_price:
        sentence = f"the exchange takes no sale below {lowest}, so no stop at {stop_price}"
        return NoStop(why="stop_too_far", sentence=sentence)
    stop = entry.resting_stop
    there = wallet_free + (stop.remaining if stop is not None else ZERO)
    quantity = min(unsold(entry), there)
    if rules.max_quantity is not None and rules.max_quantity > ZERO:
        quantity = min(quantity, rules.max_quantity)
    quantity = floor_to_step(max(ZERO, quantity), rules.step_size)
    if rules.is_dust(quantity, limit_price):
        return NoStop(why="too_little", sentence="the exchange takes no order for so little")
    return StopPlan(quantity=quantity, stop_price=stop_price, limit_price=limit_price)


def is_right(entry: ManagedAsset, plan: StopPlan, rules: MarketRules) -> bool:
    """Say whether the stop that is on record may stay; one that has begun to fill always may."""
    stop = entry.resting_stop
    if stop is None or stop.filled_quantity > ZERO:
        return stop is not None
    share = TRAILING_SHARE if trails(entry) else ZERO
    enough = max(rules.tick_size, plan.stop_price * share)
    if enough > ZERO and abs(plan.stop_price - stop.stop_price) >= enough:
        return False
    more = plan.quantity - stop.quantity
    return more == ZERO or (more > ZERO and rules.is_dust(more, plan.limit_price))
