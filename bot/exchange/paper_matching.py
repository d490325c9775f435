"""Pure decisions of the paper exchange: what it refuses, when a stop triggers, what a book fills."""

from collections.abc import Sequence
from decimal import Decimal

from bot.exchange.order_shape import shape_problem
from bot.exchange.paper_ledger import PaperLedger, PaperOrder, free
from bot.execution.orders import OrderRequest, OrderType, Rejected, Side, Unknown
from bot.kernel.market import BookLevel, MarketRules, OrderBook, Ticker
from bot.kernel.money import ZERO, is_on_step


def refusal(
    order: OrderRequest, *, rules: MarketRules, ledger: PaperLedger, ticker: Ticker, book: OrderBook
) -> Rejected | Unknown | None:
    """Return the refusal that the exchange itself would give to a complete order, or None.

    `Unknown` while an order under the same client id is open: looking it up tells how it stands. This
    comes first, so that `Rejected` always means that no such order is there.
    """
    if _is_duplicate(order, ledger):
        return Unknown(client_order_id=order.client_order_id, text="Duplicate order sent.")
    problem = (
        _filter_problem(order, rules, ticker)
        or _price_problem(order, rules)
        or _stop_problem(order, ticker)
        or _balance_problem(order, rules, ledger, book)
    )
    return None if problem is None else rejected(order, *problem)


def early_refusal(order: OrderRequest, rules: MarketRules) -> Rejected | None:
    """Return the refusal of an order that is malformed, or whose market is closed."""
    problem = shape_problem(order)
    if problem is not None:
        return rejected(order, "order_malformed", problem)
    return None if rules.active else rejected(order, "market_closed", "Market is closed.")


def rejected(order: OrderRequest, reason: str, text: str) -> Rejected:
    """Return the refusal of an order."""
    return Rejected(client_order_id=order.client_order_id, reason=reason, text=text)


def triggers(order: PaperOrder, ticker: Ticker) -> bool:
    """Say whether the last price reached the order's stop price for the first time."""
    stop = order.request.stop_price
    if stop is None or order.triggered:
        return False
    return ticker.last <= stop if order.request.side is Side.SELL else ticker.last >= stop


def crosses(order: PaperOrder, ticker: Ticker) -> bool:
    """Say whether the market reached a resting order's limit price."""
    limit = order.request.limit_price
    if limit is None or (order.request.stop_price is not None and not order.triggered):
        return False
    return ticker.ask <= limit if order.request.side is Side.BUY else ticker.bid >= limit


def walk(
    levels: Sequence[BookLevel], quantity: Decimal, *, side: Side, limit: Decimal | None
) -> tuple[BookLevel, ...]:
    """Return what a taker gets: level by level, best first, never beyond its limit price."""
    fills: list[BookLevel] = []
    left = quantity
    for level in levels:
        beyond = limit is not None and (level.price > limit if side is Side.BUY else level.price < limit)
        if left <= ZERO or beyond:
            break
        part = min(left, level.quantity)
        fills.append(BookLevel(price=level.price, quantity=part))
        left -= part
    return tuple(fills)


def in_full(order: PaperOrder) -> tuple[BookLevel, ...]:
    """Return the fill of a resting order that the market reached: all of it, at its own price."""
    limit = order.request.limit_price
    return () if limit is None else (BookLevel(price=limit, quantity=order.remaining),)


def opposite(book: OrderBook, side: Side) -> tuple[BookLevel, ...]:
    """Return the side of the book that a taker trades against, best price first."""
    return book.asks if side is Side.BUY else book.bids


def _filter_problem(order: OrderRequest, rules: MarketRules, ticker: Ticker) -> tuple[str, str] | None:
    quantity = order.quantity
    too_much = rules.max_quantity is not None and quantity > rules.max_quantity
    if quantity < rules.min_quantity or too_much or not is_on_step(quantity, rules.step_size):
        return "filter_lot_size", "Filter failure: LOT_SIZE"
    is_market = order.order_type is OrderType.MARKET
    if is_market and rules.max_market_quantity is not None and quantity > rules.max_market_quantity:
        return "filter_market_lot_size", "Filter failure: MARKET_LOT_SIZE"
    if quantity * (order.limit_price or ticker.last) < rules.min_notional:
        return "filter_notional", "Filter failure: NOTIONAL"
    return None


def _price_problem(order: OrderRequest, rules: MarketRules) -> tuple[str, str] | None:
    for price in (order.limit_price, order.stop_price):
        if price is None:
            continue
        too_high = rules.max_price is not None and price > rules.max_price
        if price < rules.min_price or too_high or not is_on_step(price, rules.tick_size):
            return "filter_price_filter", "Filter failure: PRICE_FILTER"
    return None


def _stop_problem(order: OrderRequest, ticker: Ticker) -> tuple[str, str] | None:
    if order.stop_price is None:
        return None
    reached = ticker.last <= order.stop_price if order.side is Side.SELL else ticker.last >= order.stop_price
    return ("would_trigger_immediately", "Stop price would trigger immediately.") if reached else None


def _is_duplicate(order: OrderRequest, ledger: PaperLedger) -> bool:
    """Client ids are unique among open orders only, as at the exchange."""
    return any(old.request.client_order_id == order.client_order_id for old in ledger.open_orders)


def _balance_problem(
    order: OrderRequest, rules: MarketRules, ledger: PaperLedger, book: OrderBook
) -> tuple[str, str] | None:
    if order.side is Side.SELL:
        asset, needed = rules.base, order.quantity
    elif order.limit_price is not None:
        asset, needed = rules.quote, order.quantity * order.limit_price
    else:
        fills = walk(book.asks, order.quantity, side=Side.BUY, limit=None)
        asset, needed = rules.quote, sum((fill.price * fill.quantity for fill in fills), ZERO)
    if needed > free(ledger, asset):
        return "insufficient_balance", "Account has insufficient balance for requested action."
    return None
