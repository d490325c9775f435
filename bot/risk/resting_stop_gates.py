"""The gates that a stop passes before it rests at the exchange, in order; the first no ends it.

1. `managed_coin`: no order ever touches a coin that nobody handed over.
2. `stop_allowed`: what lets no exit leave lets no stop rest, and two never rest for one coin.
3. `agreed_stop`: it rests below the price, at the agreed level or below; a trailing one may have moved up.
4. `quantity_promise`, `wallet`: never more than was handed over, is left, and is there, free.
5. `lot_size`, `price_grid`, `minimum_notional`: on the exchange's grids and above its minimum.
"""

from decimal import Decimal

import msgspec

from bot.execution.orders import OrderRequest, OrderType, Side
from bot.kernel.ids import base_of
from bot.kernel.market import MarketRules, Ticker
from bot.kernel.money import ZERO, is_on_step, text
from bot.lifecycle.documents import ManagedStateContent
from bot.lifecycle.exit_rules import live_levels, promised_rest
from bot.lifecycle.resting_stop_rules import why_no_resting_stop
from bot.lifecycle.states import IN_THE_BOTS_HANDS
from bot.lifecycle.trailing_terms import Trail
from bot.risk.verdict import Approved, Denied


class StopFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What the gates look at: one snapshot of everything."""

    managed: ManagedStateContent
    rules: MarketRules
    ticker: Ticker
    wallet_free: Decimal
    trail: Trail | None = None
    """What is on record of a stop that follows the price."""


def check_resting_stop(order: OrderRequest, facts: StopFacts) -> Approved[OrderRequest] | Denied:
    """Let a protective stop pass every gate, or say which one it failed at."""
    passed: list[str] = []
    for gate in _GATES:
        denied = gate(order, facts)
        if denied is not None:
            return denied
        passed.append(gate.__name__.strip("_"))
    return Approved(order=order, gates=tuple(passed))


def _managed_coin(order: OrderRequest, facts: StopFacts) -> Denied | None:
    asset = base_of(order.symbol)
    is_stop = order.side is Side.SELL and order.order_type is OrderType.STOP_LOSS_LIMIT
    state = facts.managed.state_of(asset)
    if is_stop and state in IN_THE_BOTS_HANDS:
        return None
    return Denied(
        gate="managed_coin",
        limit="a stop for a coin in the bot's hands",
        actual=f"{order.side} {order.order_type} {asset}, {state}",
        sentence=f"{asset} was not handed over: no order touches it.",
    )


def _stop_allowed(order: OrderRequest, facts: StopFacts) -> Denied | None:
    entry = facts.managed.managed_assets[base_of(order.symbol)]
    code = why_no_resting_stop(facts.managed, base_of(order.symbol))
    if code is None:
        return None
    return Denied(
        gate="stop_allowed",
        limit="exits on, no order in flight",
        actual=code,
        sentence=f"No stop may rest at {entry.state}: {code}.",
    )


def _agreed_stop(order: OrderRequest, facts: StopFacts) -> Denied | None:
    entry = facts.managed.managed_assets[base_of(order.symbol)]
    highest, _ = live_levels(entry, facts.trail)
    stop, limit = order.stop_price or ZERO, order.limit_price or ZERO
    if ZERO < limit <= stop <= highest and stop < facts.ticker.last:
        return None
    return Denied(
        gate="agreed_stop",
        limit=f"at most {text(highest)}, below {text(facts.ticker.last)}",
        actual=f"stop {text(stop)}, limit {text(limit)}",
        sentence="The stop is not where it was agreed, or not below the price.",
    )


def _quantity_promise(order: OrderRequest, facts: StopFacts) -> Denied | None:
    rest = promised_rest(facts.managed.managed_assets[base_of(order.symbol)])
    if ZERO < order.quantity <= rest:
        return None
    return Denied(
        gate="quantity_promise",
        limit=text(rest),
        actual=text(order.quantity),
        sentence=f"{text(rest)} of what was handed over is left.",
    )


def _wallet(order: OrderRequest, facts: StopFacts) -> Denied | None:
    if order.quantity <= facts.wallet_free:
        return None
    return Denied(
        gate="wallet",
        limit=text(facts.wallet_free),
        actual=text(order.quantity),
        sentence="The wallet's free balance does not cover the stop.",
    )


def _lot_size(order: OrderRequest, facts: StopFacts) -> Denied | None:
    rules = facts.rules
    if order.quantity >= rules.min_quantity and is_on_step(order.quantity, rules.step_size):
        return None
    return Denied(
        gate="lot_size",
        limit=f"step {text(rules.step_size)}, at least {text(rules.min_quantity)}",
        actual=text(order.quantity),
        sentence="The quantity is off the exchange's grid or below its minimum.",
    )


def _price_grid(order: OrderRequest, facts: StopFacts) -> Denied | None:
    prices = (order.stop_price or ZERO, order.limit_price or ZERO)
    if all(is_on_step(price, facts.rules.tick_size) for price in prices):
        return None
    return Denied(
        gate="price_grid",
        limit=f"tick {text(facts.rules.tick_size)}",
        actual=" and ".join(text(price) for price in prices),
        sentence="A price of the stop is off the exchange's grid.",
    )


def _minimum_notional(order: OrderRequest, facts: StopFacts) -> Denied | None:
    worth = order.quantity * (order.limit_price or ZERO)
    if worth >= facts.rules.min_notional:
        return None
    return Denied(
        gate="minimum_notional",
        limit=text(facts.rules.min_notional),
        actual=text(worth),
        sentence="The stop is worth less than the exchange accepts.",
    )


_GATES = (
    _managed_coin,
    _stop_allowed,
    _agreed_stop,
    _quantity_promise,
    _wallet,
    _lot_size,
    _price_grid,
    _minimum_notional,
)
