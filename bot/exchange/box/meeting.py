"""Where the price's path meets an order: limits, stops, trailing stops. Pure; prices in quote per base.

A trailing stop has two lives. With a stop price it first waits for that price; then, and at once
without one, it follows the best price seen and triggers when the price has turned back from there by
`trailing_bps`. What triggers is rounded to the tick, away from the best price.
"""

from decimal import Decimal

from bot.exchange.box.bars import Segment
from bot.exchange.box.orders import Order
from bot.kernel.money import ceil_to_step, floor_to_step

_BASIS = Decimal(10_000)


def trigger_price(order: Order, tick: Decimal) -> Decimal:
    """Return the price at which a stop triggers, or at which a trailing stop begins to follow."""
    if order.extreme is None:
        return order.stop_price
    return trailing_level(order.extreme, order.trailing_bps, tick=tick, is_buy=order.is_buy)


def trailing_level(extreme: Decimal, trailing_bps: int, *, tick: Decimal, is_buy: bool) -> Decimal:
    """Return the price that lies `trailing_bps` behind the best price."""
    if is_buy:
        return ceil_to_step(extreme * (_BASIS + trailing_bps) / _BASIS, tick)
    return floor_to_step(extreme * (_BASIS - trailing_bps) / _BASIS, tick)


def follow(order: Order, price: Decimal) -> None:
    """Tell a trailing stop a price of the path."""
    if order.is_trailing and order.extreme is not None:
        order.extreme = min(order.extreme, price) if order.is_buy else max(order.extreme, price)


def would_follow(order: Order, low: Decimal, high: Decimal) -> bool:
    """Say whether a path within these prices moves the best price of a trailing stop."""
    if not order.is_trailing or order.extreme is None:
        return False
    return low < order.extreme if order.is_buy else high > order.extreme


def meets(order: Order, tick: Decimal, low: Decimal, high: Decimal) -> bool:
    """Say whether a path within these prices fills, triggers or sets off the order."""
    level = level_of(order, tick)
    return level <= high if waits_above(order) else level >= low


def waits_above(order: Order) -> bool:
    """Say whether a rising price reaches the order: sales above the market, stops of purchases."""
    if order.is_trailing:
        return order.is_buy
    return order.triggers_upwards if order.is_waiting else not order.is_buy


def level_of(order: Order, tick: Decimal) -> Decimal:
    """Return the price that the path must reach."""
    return trigger_price(order, tick) if order.is_waiting else order.price


def meeting_price(order: Order, tick: Decimal, position: Decimal) -> Decimal:
    """Return where a path that is at `position` meets the order; at once if it is beyond already."""
    level = level_of(order, tick)
    return max(level, position) if waits_above(order) else min(level, position)


def is_passed(order: Order, position: Decimal, end: Decimal) -> bool:
    """Say whether the path goes beyond a resting order's price, not only up to it."""
    return min(position, end) < order.price if order.is_buy else max(position, end) > order.price


def is_within_limit(order: Order, price: Decimal) -> bool:
    """Say whether a price is no worse than the order's limit."""
    return price <= order.price if order.is_buy else price >= order.price


def time_of(segment: Segment, ticks: Decimal) -> int:
    """Return when the path is at a price, in proportion along the straight line."""
    distance = abs(segment.end - segment.start)
    if not distance:
        return segment.ended_ms
    gone = int(abs(ticks - segment.start))
    return segment.started_ms + (segment.ended_ms - segment.started_ms) * gone // distance
