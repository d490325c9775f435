"""The gates that every order passes, in order; the first no ends it.

1. `managed_coin` (`_is_base_unmanaged`): no order ever touches a coin that nobody handed over.
2. `exits_allowed`: the asset's state, its pause and a trading halt let an exit leave now.
3. `agreed_exit`: a stop, a target or a person's order asks for this sale at this price. The stop is the
   agreed one, or above it what the recorded highest price less the agreed distance makes it. SR-15: in a coin
   that drifted anything else is a broken stop rule, because the bot never sells because of drift.
4. `quantity_promise`: never more than was handed over and is left.
5. `wallet`: never more than is there, free.
6. `lot_size`, `minimum_notional`: on the exchange's grid and above its minimum.
7. `price_sanity`: the price that triggered is one that a market can have.
8. `price_fresh`: the price is not older than `trading.price_max_age_s`. A stop that fires on yesterday's
   price sells into a market that nobody has looked at; a person's ordered sale goes at any price.
"""

from decimal import Decimal

import msgspec

from bot.execution.orders import OrderRequest, Side
from bot.kernel.errors import StopRuleBrokenError
from bot.kernel.ids import base_of
from bot.kernel.market import MarketRules, Ticker
from bot.kernel.money import ZERO, is_on_step, text
from bot.lifecycle.documents import ExitReason, ManagedStateContent
from bot.lifecycle.drift_kinds import is_unresolved
from bot.lifecycle.exit_rules import live_levels, promised_rest, why_no_exit_now
from bot.lifecycle.exit_triggers import due_exit
from bot.lifecycle.states import IN_THE_BOTS_HANDS
from bot.lifecycle.trailing_terms import Trail
from bot.risk.verdict import Approved, Denied

_WIDEST_SPREAD = Decimal("0.5")


class GateFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What the gates look at: one snapshot of everything."""

    managed: ManagedStateContent
    rules: MarketRules
    ticker: Ticker
    reason: ExitReason
    """What the sale is for."""
    wallet_free: Decimal | None
    """Base units; None where the exchange did not tell."""
    price_age_s: Decimal | None = None
    """How old the price is at this moment; None where nobody knows."""
    price_max_age_s: Decimal | None = None
    """How old it may be; None asks for no age."""
    trail: Trail | None = None
    """What is on record of a stop that follows the price: the gate derives the level from it anew."""


def is_base_unmanaged(managed: ManagedStateContent, asset: str) -> bool:
    """Say whether the bot must keep its hands off this coin."""
    return managed.state_of(asset) not in IN_THE_BOTS_HANDS


def is_sane_price(ticker: Ticker, symbol: str) -> bool:
    """Say whether a market can have these prices: bid not above ask, the last trade near the bid."""
    near = abs(ticker.last - ticker.bid) <= ticker.last * _WIDEST_SPREAD
    return ticker.symbol == symbol and ZERO < ticker.bid <= ticker.ask and near


def check_exit(order: OrderRequest, facts: GateFacts) -> Approved[OrderRequest] | Denied:
    """Let an exit order pass every gate, or say which one it failed at.

    Raises:
        StopRuleBrokenError: SR-15.
    """
    passed: list[str] = []
    for gate in _EXIT_GATES:
        denied = gate(order, facts)
        if denied is not None:
            return denied
        passed.append(gate.__name__.strip("_"))
    return Approved(order=order, gates=tuple(passed))


def _managed_coin(order: OrderRequest, facts: GateFacts) -> Denied | None:
    asset = base_of(order.symbol)
    if order.side is Side.SELL and not is_base_unmanaged(facts.managed, asset):
        return None
    return Denied(
        gate="managed_coin",
        limit="a coin in the bot's hands, sold",
        actual=f"{order.side} {asset}, {facts.managed.state_of(asset)}",
        sentence=f"{asset} was not handed over: no order touches it.",
    )


def _exits_allowed(order: OrderRequest, facts: GateFacts) -> Denied | None:
    entry = facts.managed.managed_assets[base_of(order.symbol)]
    code = why_no_exit_now(facts.managed, base_of(order.symbol))
    if code is None:
        return None
    return Denied(
        gate="exits_allowed",
        limit="exits on, no order in flight",
        actual=code,
        sentence=f"No exit order may leave at {entry.state}: {code}.",
    )


def _agreed_exit(order: OrderRequest, facts: GateFacts) -> Denied | None:
    asset = base_of(order.symbol)
    entry = facts.managed.managed_assets[asset]
    stop_loss, take_profit = live_levels(entry, facts.trail)
    last = facts.ticker.last
    due = due_exit(last=last, stop_loss=stop_loss, take_profit=take_profit, forced=bool(entry.force_exit))
    if due is facts.reason:
        return None
    sentence = (
        f"{asset} at {text(last)}: {facts.reason} is not due (stop {text(stop_loss)},"
        f" target {text(take_profit)})."
    )
    if is_unresolved(entry):
        raise StopRuleBrokenError("SR-15", f"{asset}: a sale that nobody agreed to", why=sentence)
    return Denied(gate="agreed_exit", limit=due or "no exit", actual=facts.reason, sentence=sentence)


def _quantity_promise(order: OrderRequest, facts: GateFacts) -> Denied | None:
    rest = promised_rest(facts.managed.managed_assets[base_of(order.symbol)])
    if order.quantity <= rest and rest > ZERO:
        return None
    return Denied(
        gate="quantity_promise",
        limit=text(rest),
        actual=text(order.quantity),
        sentence=f"{text(rest)} of what was handed over is left.",
    )


def _wallet(order: OrderRequest, facts: GateFacts) -> Denied | None:
    if facts.wallet_free is not None and order.quantity <= facts.wallet_free and facts.wallet_free > ZERO:
        return None
    return Denied(
        gate="wallet",
        limit="unknown" if facts.wallet_free is None else text(facts.wallet_free),
        actual=text(order.quantity),
        sentence="The wallet's free balance does not cover the order, or is unknown.",
    )


def _lot_size(order: OrderRequest, facts: GateFacts) -> Denied | None:
    rules = facts.rules
    enough = order.quantity > ZERO and order.quantity >= rules.min_quantity
    if enough and is_on_step(order.quantity, rules.step_size):
        return None
    return Denied(
        gate="lot_size",
        limit=f"step {text(rules.step_size)}, at least {text(rules.min_quantity)}",
        actual=text(order.quantity),
        sentence="The quantity is off the exchange's grid or below its minimum.",
    )


def _minimum_notional(order: OrderRequest, facts: GateFacts) -> Denied | None:
    worth = order.quantity * facts.ticker.last
    if worth >= facts.rules.min_notional:
        return None
    return Denied(
        gate="minimum_notional",
        limit=text(facts.rules.min_notional),
        actual=text(worth),
        sentence="The order is worth less than the exchange accepts.",
    )


def _price_sanity(order: OrderRequest, facts: GateFacts) -> Denied | None:
    ticker = facts.ticker
    if is_sane_price(ticker, order.symbol):
        return None
    return Denied(
        gate="price_sanity",
        limit=f"0 < bid <= ask, last within {_WIDEST_SPREAD:%} of the bid",
        actual=f"last {text(ticker.last)}, bid {text(ticker.bid)}, ask {text(ticker.ask)}",
        sentence="These prices cannot be right, so nothing is sold on them.",
    )


def _price_fresh(_order: OrderRequest, facts: GateFacts) -> Denied | None:
    limit_s, age_s = facts.price_max_age_s, facts.price_age_s
    if limit_s is None or facts.reason is ExitReason.FORCE_EXIT:
        return None
    if age_s is not None and age_s <= limit_s:
        return None
    return Denied(
        gate="price_fresh",
        limit=f"{text(limit_s)} s",
        actual="unknown" if age_s is None else f"{text(age_s)} s",
        sentence="The price is too old to sell on; the exit waits for a fresh one.",
    )


_EXIT_GATES = (
    _managed_coin,
    _exits_allowed,
    _agreed_exit,
    _quantity_promise,
    _wallet,
    _lot_size,
    _minimum_notional,
    _price_sanity,
    _price_fresh,
)
