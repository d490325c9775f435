"""How easily the position could be sold now, measured in the real order book.

Nothing is extrapolated: where the book is shorter than the position the cost is unknown, which counts
as the worst.
"""

from collections.abc import Sequence
from decimal import Decimal

import msgspec

from bot.kernel.market import BookLevel, OrderBook
from bot.kernel.money import HUNDRED, ONE, ZERO, clamp
from bot.proposals.indicators import to_places
from bot.proposals.policy import LiquidityPolicy

_BPS = Decimal(10_000)
_CENTS = 2


class Liquidity(msgspec.Struct, frozen=True, kw_only=True):
    """What the book and the day's volume say about one quantity."""

    mid_price: Decimal
    spread_pct: Decimal
    """Best ask minus best bid over mid, in percent."""
    sell_cost_bps: Decimal | None
    """Loss against mid when selling the quantity at market now; None where the book is too thin."""
    bid_quantity: Decimal
    """Base units on the bid side of the whole snapshot."""
    depth_1pct_usdt: Decimal
    """Quote units that rest in bids within the depth band below mid."""
    score: Decimal
    """0 (cannot be sold) to 1 (no cost, no weight in the market)."""


def average_sell_price(bids: Sequence[BookLevel], quantity: Decimal) -> Decimal | None:
    """Return the average price of selling into the bids, best first, or None if they do not suffice."""
    left, proceeds = quantity, ZERO
    for level in bids:
        taken = min(left, level.quantity)
        proceeds += taken * level.price
        left -= taken
        if left <= ZERO:
            return proceeds / quantity
    return None


def measure_liquidity(
    book: OrderBook, *, quantity: Decimal, volume_24h_usdt: Decimal, policy: LiquidityPolicy
) -> Liquidity:
    """Measure spread, cost of selling the quantity (base units), depth and the score.

    score = w * cost + (1 - w) * volume, with cost = 1 - cost_bps / cost_at_zero_bps (0 for a book that is
    too thin) and volume = 1 - (position value / 24 h volume) / participation_at_zero, both
    clamped to 0..1; w = `cost_weight`. Needs at least one bid and one ask.
    """
    best_bid, best_ask = book.bids[0].price, book.asks[0].price
    mid = (best_bid + best_ask) / 2
    average = average_sell_price(book.bids, quantity)
    cost_bps = None if average is None else max(ZERO, (mid - average) / mid * _BPS)
    cost_part = ZERO if cost_bps is None else clamp(ONE - cost_bps / policy.cost_at_zero_bps, ZERO, ONE)
    volume_part = ZERO
    if volume_24h_usdt > ZERO:
        participation = quantity * mid / volume_24h_usdt
        volume_part = clamp(ONE - participation / policy.participation_at_zero, ZERO, ONE)
    floor = mid * (ONE - policy.depth_band)
    return Liquidity(
        mid_price=mid,
        spread_pct=to_places((best_ask - best_bid) / mid * HUNDRED, 4),
        sell_cost_bps=None if cost_bps is None else to_places(cost_bps, 2),
        bid_quantity=sum((level.quantity for level in book.bids), ZERO),
        depth_1pct_usdt=to_places(
            sum((level.price * level.quantity for level in book.bids if level.price >= floor), ZERO), _CENTS
        ),
        score=to_places(policy.cost_weight * cost_part + (ONE - policy.cost_weight) * volume_part, 2),
    )
