"""The gates that every buy passes, in order; the first no ends it. An open door for exits is none for buys.

1. `managed_coin`: a buy of a coin that was handed over, and no sale dressed up as one.
2. `buys_allowed`: active, no drift, no halt of trading, no order in flight, and averaging was agreed (R4).
3. `circuit`: the exchange answers; an open circuit blocks buys, never exits (B-OUTAGE).
4. `verified`, `universe`: this process has verified the coin since its start, and no list leaves it out.
5. `strategy`: the coin's strategy advises to add.
6. `price_sanity`, `price_fresh`, `spread`: on prices that a market can have, of now, and not torn apart.
7. `no_exit_due`: above the live stop, below the target: what an exit would sell at once is not bought.
8. `step_distance`: on the next rung below the newest buy, so that one fall does not buy every step at once.
9. `database`: what raises risk is not done past the bus; an exit never asks for it.
10. `lot_size`, `minimum_notional`, `order_shape`: what the exchange takes, at a bounded price.
11. `step`, `soft_cap`, `hard_cap`, `spendable_quote`: never more than was agreed, allotted, invested or free.
"""

from decimal import Decimal

import msgspec

from bot.execution.orders import OrderRequest, OrderType, Side
from bot.kernel.ids import base_of
from bot.kernel.market import MarketRules, Ticker
from bot.kernel.money import HUNDRED, ZERO, is_on_step, text
from bot.lifecycle.buy_caps import BuyRoom, dca_of, next_step_price, room_for
from bot.lifecycle.buy_rules import why_no_buy
from bot.lifecycle.documents import ManagedStateContent
from bot.lifecycle.exit_rules import live_levels
from bot.lifecycle.exit_triggers import due_exit
from bot.lifecycle.trailing_terms import Trail
from bot.risk.order_gates import is_base_unmanaged, is_sane_price
from bot.risk.verdict import Approved, Denied
from bot.strategies.advice import Advice

WIDEST_SPREAD_PCT = Decimal(1)
_NO_ROOM = BuyRoom(step=ZERO, soft_cap=ZERO, hard_cap=ZERO)


class BuyFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What the gates look at: one snapshot of everything."""

    managed: ManagedStateContent
    rules: MarketRules
    ticker: Ticker
    advice: Advice
    investable: Decimal
    """The hard cap, in quote units."""
    spendable: Decimal | None
    """Free quote less what the baseline keeps for the owner; None where the exchange did not tell."""
    circuit_closed: bool
    is_verified: bool
    price_age_s: Decimal | None
    price_max_age_s: Decimal
    database_answers: bool = True
    """Whether the bus can hold the order's row; asked for a step that is due, as the balances are."""
    left_out: str | None = None
    """Why the coin's market is left out of what the bot may buy; None: it is not."""
    trail: Trail | None = None
    """What is on record of a stop that follows the price."""


def check_buy(order: OrderRequest, facts: BuyFacts) -> Approved[OrderRequest] | Denied:
    """Let a buy pass every gate, or say which one it failed at."""
    passed: list[str] = []
    for gate in _BUY_GATES:
        denied = gate(order, facts)
        if denied is not None:
            return denied
        passed.append(gate.__name__.strip("_"))
    return Approved(order=order, gates=tuple(passed))


def first_denial(facts: BuyFacts) -> Denied | None:
    """Return the gate that holds a buy up before its size is worth working out, or None."""
    probe = OrderRequest(
        client_order_id="-",
        symbol=facts.rules.symbol,
        side=Side.BUY,
        order_type=OrderType.LIMIT,
        quantity=ZERO,
    )
    return next((denied for gate in _BEFORE_SIZE if (denied := gate(probe, facts)) is not None), None)


def room_of(facts: BuyFacts, asset: str) -> BuyRoom:
    """Return what one more buy of the coin may cost; nothing where averaging was not agreed."""
    terms = dca_of(facts.managed.managed_assets[asset])
    return _NO_ROOM if terms is None else room_for(facts.managed, asset, terms, investable=facts.investable)


def _managed_coin(order: OrderRequest, facts: BuyFacts) -> Denied | None:
    asset = base_of(order.symbol)
    mine = not is_base_unmanaged(facts.managed, asset)
    if order.side is Side.BUY and mine and order.symbol == facts.rules.symbol:
        return None
    return Denied(
        gate="managed_coin",
        limit="a coin in the bot's hands, bought",
        actual=f"{order.side} {asset}, {facts.managed.state_of(asset)}",
        sentence=f"{asset} was not handed over: no order touches it.",
    )


def _buys_allowed(order: OrderRequest, facts: BuyFacts) -> Denied | None:
    asset = base_of(order.symbol)
    code = why_no_buy(facts.managed, asset)
    if code is None:
        return None
    return Denied(
        gate="buys_allowed",
        limit="active, nothing in doubt, nothing in flight, averaging agreed",
        actual=code,
        sentence=f"Nothing is bought at {facts.managed.state_of(asset)}: {code}.",
    )


def _circuit(_order: OrderRequest, facts: BuyFacts) -> Denied | None:
    if facts.circuit_closed:
        return None
    return Denied(
        gate="circuit",
        limit="closed",
        actual="not closed",
        sentence="The exchange failed too often lately: nothing is bought until it answers again.",
    )


def _verified(order: OrderRequest, facts: BuyFacts) -> Denied | None:
    if facts.is_verified:
        return None
    return Denied(
        gate="verified",
        limit="verified by this process",
        actual="not verified",
        sentence=f"{base_of(order.symbol)} is not verified since the start, so nothing is bought.",
    )


def _universe(order: OrderRequest, facts: BuyFacts) -> Denied | None:
    if facts.left_out is None:
        return None
    return Denied(
        gate="universe",
        limit="a coin that may be bought",
        actual=facts.left_out,
        sentence=f"{base_of(order.symbol)} is left out of what the bot buys: {facts.left_out}.",
    )


def _strategy(_order: OrderRequest, facts: BuyFacts) -> Denied | None:
    if facts.advice.may_add:
        return None
    return Denied(gate="strategy", limit="add", actual=facts.advice.reason, sentence=facts.advice.sentence)


def _price_sanity(order: OrderRequest, facts: BuyFacts) -> Denied | None:
    ticker = facts.ticker
    if is_sane_price(ticker, order.symbol):
        return None
    return Denied(
        gate="price_sanity",
        limit="0 < bid <= ask, last near the bid",
        actual=f"last {text(ticker.last)}, bid {text(ticker.bid)}, ask {text(ticker.ask)}",
        sentence="These prices cannot be right, so nothing is bought on them.",
    )


def _price_fresh(_order: OrderRequest, facts: BuyFacts) -> Denied | None:
    if facts.price_age_s is not None and facts.price_age_s <= facts.price_max_age_s:
        return None
    return Denied(
        gate="price_fresh",
        limit=f"{text(facts.price_max_age_s)} s",
        actual="unknown" if facts.price_age_s is None else f"{text(facts.price_age_s)} s",
        sentence="The price is too old to buy on.",
    )


def _spread(_order: OrderRequest, facts: BuyFacts) -> Denied | None:
    bid, ask = facts.ticker.bid, facts.ticker.ask
    spread_pct = (ask - bid) / bid * HUNDRED
    if spread_pct <= WIDEST_SPREAD_PCT:
        return None
    return Denied(
        gate="spread",
        limit=f"{text(WIDEST_SPREAD_PCT)} %",
        actual=f"{spread_pct:.2f} %",
        sentence="Bid and ask lie too far apart to buy between them.",
    )


def _no_exit_due(order: OrderRequest, facts: BuyFacts) -> Denied | None:
    entry = facts.managed.managed_assets[base_of(order.symbol)]
    stop_loss, take_profit = live_levels(entry, facts.trail)
    if due_exit(last=facts.ticker.last, stop_loss=stop_loss, take_profit=take_profit) is None:
        return None
    return Denied(
        gate="no_exit_due",
        limit=f"above {text(stop_loss)}, below {text(take_profit)}",
        actual=text(facts.ticker.last),
        sentence="An exit is due at this price; it goes before any buy.",
    )


def _step_distance(order: OrderRequest, facts: BuyFacts) -> Denied | None:
    entry = facts.managed.managed_assets[base_of(order.symbol)]
    terms = dca_of(entry)
    below = ZERO if terms is None else next_step_price(entry, terms)
    if facts.ticker.last <= below:
        return None
    return Denied(
        gate="step_distance",
        limit=f"at or below {text(below)}",
        actual=text(facts.ticker.last),
        sentence="The price is not on the next rung below the newest buy yet.",
    )


def _database(_order: OrderRequest, facts: BuyFacts) -> Denied | None:
    if facts.database_answers:
        return None
    return Denied(
        gate="database",
        limit="answers",
        actual="does not answer",
        sentence="The commands database does not answer: nothing is bought until it does.",
    )


def _order_shape(order: OrderRequest, _facts: BuyFacts) -> Denied | None:
    bounded = order.order_type is OrderType.LIMIT and order.immediate and order.limit_price is not None
    if bounded:
        return None
    return Denied(
        gate="order_shape",
        limit="a limit order that never rests",
        actual=order.order_type,
        sentence="A buy without a bounded price could cost more than its caps.",
    )


def _lot_size(order: OrderRequest, facts: BuyFacts) -> Denied | None:
    rules = facts.rules
    enough = order.quantity > ZERO and order.quantity >= rules.min_quantity
    most = not rules.max_quantity or order.quantity <= rules.max_quantity
    if enough and most and is_on_step(order.quantity, rules.step_size):
        return None
    return Denied(
        gate="lot_size",
        limit=f"step {text(rules.step_size)}, at least {text(rules.min_quantity)}",
        actual=text(order.quantity),
        sentence="What the caps leave is less than the exchange sells, or off its grid.",
    )


def _minimum_notional(order: OrderRequest, facts: BuyFacts) -> Denied | None:
    worth = order.quantity * facts.ticker.ask
    if worth >= facts.rules.min_notional:
        return None
    return Denied(
        gate="minimum_notional",
        limit=text(facts.rules.min_notional),
        actual=text(worth),
        sentence="The buy is worth less than the exchange accepts.",
    )


def _within_caps(order: OrderRequest, facts: BuyFacts) -> Denied | None:
    asset = base_of(order.symbol)
    room = room_of(facts, asset)
    cost = order.quantity * (order.limit_price or ZERO)
    for gate, most in msgspec.structs.asdict(room).items():
        if cost > most:
            return _above(gate, cost, most)
    if facts.spendable is None or cost > facts.spendable:
        return _above("spendable_quote", cost, facts.spendable)
    return None


def _above(gate: str, cost: Decimal, most: Decimal | None) -> Denied:
    return Denied(
        gate=gate,
        limit="unknown" if most is None else text(most),
        actual=text(cost),
        sentence=f"The buy could cost more than the {gate.replace('_', ' ')} leaves.",
    )


_BEFORE_SIZE = (
    _managed_coin,
    _buys_allowed,
    _circuit,
    _verified,
    _universe,
    _strategy,
    _price_sanity,
    _price_fresh,
    _spread,
    _no_exit_due,
    _step_distance,
)
_BUY_GATES = (*_BEFORE_SIZE, _database, _order_shape, _lot_size, _minimum_notional, _within_caps)
