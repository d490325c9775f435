"""The stop that follows the price: one pure rule for the loop, its gates and the screens.

1. Before the activation price was reached the stop is the agreed one.
2. From then on it is the higher one of the agreed stop and "highest price seen less the distance", rounded
   down to the tick. The highest price only rises, so the stop never falls by itself; a person's override of
   stop or trailing counts at once, in either direction.
3. A stop that is set lies below the price that set it.
4. A new highest price is worth a record only where it lifts the stop by at least a tick and by at least a
   hundredth of the distance: a rise by one distance costs at most a hundred writes, however many prices it
   came in. Between two records the stop stands still, so that it never depends on what a process remembers.
5. Without an activation and a distance this is the rule of the rehearsal: at once, as far behind as the
   reference lies above the stop.
"""

import datetime as dt
from decimal import Decimal
from typing import NamedTuple

import msgspec

from bot.kernel.money import ZERO, floor_to_step
from bot.lifecycle.documents import ManagedAsset
from bot.lifecycle.trailing_terms import Trail, TrailingTerms

LEAST_RISE_SHARE = Decimal("0.01")
"""Share of the distance by which the stop rises at least (rule 4)."""


class Plan(NamedTuple):
    """What was agreed, as prices: quote units per coin."""

    stop_loss: Decimal
    """The agreed stop, or the one that a person set."""
    activation_price: Decimal
    """Zero where it follows at once."""
    distance: Decimal


def agreed_stop(entry: ManagedAsset) -> Decimal:
    """Return the stop that stands still: the promotion's, unless a person set another one (C1)."""
    return Decimal((entry.overrides or {}).get("stop_loss", entry.stop_loss) or ZERO)


def plan_of(entry: ManagedAsset) -> Plan | None:
    """Return how the coin's stop follows the price, or None where it stands still.

    Terms that cannot be read as prices (a file from before they had a shape) follow nothing: the agreed stop
    stands.
    """
    agreed = (entry.overrides or {}).get("trailing", entry.trailing)
    if not agreed:
        return None
    try:
        terms = msgspec.convert(dict(agreed), TrailingTerms)
    except msgspec.ValidationError:
        return None
    stop = agreed_stop(entry)
    distance = terms.distance or (entry.reference_price or ZERO) - stop
    if not terms.enabled or terms.is_relative or distance <= ZERO:
        return None
    return Plan(stop_loss=stop, activation_price=terms.activation_price or ZERO, distance=distance)


def live_stop(entry: ManagedAsset, trail: Trail | None) -> Decimal:
    """Return the stop that counts, given the highest price that was recorded."""
    plan = plan_of(entry)
    if plan is None or trail is None:
        return agreed_stop(entry)
    return stop_at(plan, trail.highest_price, trail.tick_size)


def kept_trail(entry: ManagedAsset, trail: Trail | None) -> Trail | None:
    """Return what stays on record: nothing where the agreement of now would not have begun to follow yet."""
    plan = plan_of(entry)
    if plan is None or trail is None or trail.highest_price < plan.activation_price:
        return None
    return trail


def stop_at(plan: Plan, highest: Decimal, tick_size: Decimal) -> Decimal:
    """Return the stop that belongs to a highest price (rules 1 and 2)."""
    if highest < plan.activation_price:
        return plan.stop_loss
    return max(plan.stop_loss, floor_to_step(highest - plan.distance, tick_size))


def observed(
    plan: Plan,
    trail: Trail | None,
    price: Decimal,
    *,
    tick_size: Decimal,
    now: dt.datetime,
    least_rise_share: Decimal = LEAST_RISE_SHARE,
) -> Trail | None:
    """Return what is to be recorded of a price, or None where it changes nothing (rule 4).

    Args:
        plan: What was agreed.
        trail: What is recorded.
        price: A price that was checked: quote units per coin.
        tick_size: The exchange's grid of prices.
        now: When it was seen.
        least_rise_share: Share of the distance below which a rise is not recorded.
    """
    before = plan.stop_loss if trail is None else stop_at(plan, trail.highest_price, trail.tick_size)
    rise = stop_at(plan, price, tick_size) - before
    if rise <= ZERO or rise < max(tick_size, plan.distance * least_rise_share):
        return None
    follows = trail is not None and before > plan.stop_loss
    began = trail.trailing_from if trail is not None and follows else now
    return Trail(highest_price=price, tick_size=tick_size, trailing_from=began)
