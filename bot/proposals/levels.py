"""Support, resistance, and the stop and target of a variant.

Rules:
1. stop < reference < target, always, on the exchange's tick.
2. Rounding is safe for the owner: a stop rounds up, so the loss is never larger than computed; a target
   rounds down, so it is reached no later.
3. A level that lies within half an ATR of a stop or target pulls it just below itself: a stop under
   support is hit only when support broke, a target under resistance is filled before the turn.
"""

from collections.abc import Sequence
from decimal import Decimal

import msgspec

from bot.kernel.market import Candle, MarketRules
from bot.kernel.money import HUNDRED, ONE, ZERO, ceil_to_step, clamp, floor_to_step
from bot.proposals.policy import ProposalPolicy, VariantPolicy

_GRIDLESS_DIGITS = 8
"""Significant digits of prices where the exchange states no tick."""


class MarketLevels(msgspec.Struct, frozen=True, kw_only=True):
    """The nearest levels around the reference price; None where the window shows none."""

    support: Decimal | None
    resistance: Decimal | None


class PlanLevels(msgspec.Struct, frozen=True, kw_only=True):
    """Stop and target of one variant."""

    stop: Decimal
    target: Decimal
    inside_filters: bool
    """False when the ATR distance did not fit between the exchange's lowest and highest price."""


def price_tick(rules: MarketRules, reference: Decimal) -> Decimal:
    """Return the exchange's tick, or eight significant digits of the reference where it has none."""
    if rules.tick_size > ZERO:
        return rules.tick_size
    return ONE.scaleb(reference.adjusted() - _GRIDLESS_DIGITS + 1)


def swing_points(candles: Sequence[Candle], wing: int) -> tuple[Decimal, ...]:
    """Return swing lows and swing highs: extremes among `wing` bars on each side.

    A swing needs its right wing, so the newest `wing` bars can show none; there is no look-ahead.
    Of equal extremes side by side the first counts.
    """
    points: list[Decimal] = []
    for at in range(wing, len(candles) - wing):
        left, right = candles[at - wing : at], candles[at + 1 : at + wing + 1]
        low, high = candles[at].low, candles[at].high
        if all(low < bar.low for bar in left) and all(low <= bar.low for bar in right):
            points.append(low)
        if all(high > bar.high for bar in left) and all(high >= bar.high for bar in right):
            points.append(high)
    return tuple(points)


def clusters(points: Sequence[Decimal], width: Decimal) -> tuple[Decimal, ...]:
    """Return the means of groups of points, ascending; a group spans at most `width` from its lowest."""
    groups: list[list[Decimal]] = []
    for point in sorted(points):
        if groups and point - groups[-1][0] <= width:
            groups[-1].append(point)
        else:
            groups.append([point])
    return tuple(sum(group, ZERO) / len(group) for group in groups)


def market_levels(
    daily: Sequence[Candle], *, reference: Decimal, atr: Decimal, tick: Decimal, policy: ProposalPolicy
) -> MarketLevels:
    """Return the nearest support below and resistance above the reference price, on the tick.

    Swing highs and lows count alike (broken resistance becomes support), over the newest
    `swing_window_bars` closed daily bars, clustered within `cluster_width_atr` ATR.
    """
    points = swing_points(daily[-policy.swing_window_bars :], policy.swing_wing_bars)
    means = clusters(points, policy.cluster_width_atr * atr)
    prices = [floor_to_step(mean, tick) for mean in means]
    return MarketLevels(
        support=max((price for price in prices if ZERO < price < reference), default=None),
        resistance=min((price for price in prices if price > reference), default=None),
    )


def plan_levels(
    variant: VariantPolicy,
    *,
    reference: Decimal,
    atr: Decimal,
    around: MarketLevels,
    rules: MarketRules,
    policy: ProposalPolicy,
) -> PlanLevels:
    """Return stop and target of a variant: reference - k ATR and reference + m ATR, pulled and rounded.

    Where they do not fit the exchange's price filter they are put at its edge and marked.
    """
    tick = price_tick(rules, reference)
    buffer = max(policy.pull_buffer_atr * atr, tick)
    within = policy.pull_within_atr * atr
    stop = ceil_to_step(_pulled(reference - variant.stop_atr * atr, around.support, within, buffer), tick)
    target = floor_to_step(
        _pulled(reference + variant.target_atr * atr, around.resistance, within, buffer), tick
    )
    below, above = ceil_to_step(reference, tick) - tick, floor_to_step(reference, tick) + tick
    lowest = max(ceil_to_step(rules.min_price, tick), tick)
    highest = floor_to_step(rules.max_price, tick) if rules.max_price else None
    fitted_stop = clamp(stop, min(lowest, below), below)
    fitted_target = max(target, above)
    if highest is not None:
        fitted_target = max(above, min(fitted_target, highest))
    inside = stop >= lowest and fitted_stop >= lowest and (highest is None or target <= highest)
    inside = inside and (highest is None or fitted_target <= highest)
    return PlanLevels(stop=fitted_stop, target=fitted_target, inside_filters=inside)


def distance_pct(reference: Decimal, level: Decimal) -> Decimal:
    """Return how far a level lies from the reference price, in percent of the reference, unrounded."""
    return abs(level - reference) / reference * HUNDRED


def stop_is_far_enough(*, entry: Decimal, reference: Decimal, stop: Decimal, min_pct: Decimal) -> bool:
    """Say whether the stop keeps the environment's distance from entry and reference price (M3).

    Measured from the lower of the two, as a share of it. An entry at or below the stop is a holding
    in profit that the stop secures: there is no loss to come too close to, so the reference alone counts.
    """
    base = reference if entry <= stop else min(entry, reference)
    return base - stop >= base * min_pct / HUNDRED


def _pulled(level: Decimal, magnet: Decimal | None, within: Decimal, buffer: Decimal) -> Decimal:
    # On a grid coarser than the pull itself, a tick below the magnet would lie beyond the wider variants.
    if magnet is None or abs(level - magnet) > within or buffer > within:
        return level
    return magnet - buffer
