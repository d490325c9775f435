"""The market's and the exchange's filters: what an order must look like to be taken.

Each check answers with Binance's own filter name. Prices are in quote per base, quantities in base.
"""

from collections.abc import Sequence
from decimal import Decimal

import msgspec

from bot.exchange.box.errors import filter_failure
from bot.exchange.box.orders import Kind, NewOrder, Order, Side
from bot.exchange.box.universe import Coin
from bot.kernel.money import ZERO, is_on_step

MAX_PRICE_TICKS = 10**8
MAX_NOTIONAL = Decimal(9_000_000)
MAX_OPEN_ORDERS = 200
MAX_WAITING_STOPS = 5
MAX_ORDER_LISTS = 20
LEAST_TRAILING_BPS, MOST_TRAILING_BPS = 10, 2_000
MULTIPLIER_UP, MULTIPLIER_DOWN = Decimal(5), Decimal("0.2")
AVERAGE_MINUTES = 5


class Surroundings(msgspec.Struct, frozen=True, kw_only=True):
    """What the filters look at besides the order."""

    coin: Coin
    average_price: Decimal
    """Of the last five minutes."""
    open_orders: Sequence[Order]
    """Of this market."""


def check_filters(order: NewOrder, around: Surroundings) -> None:
    """Let an order pass that keeps every filter.

    Raises:
        ApiError: -1013 `Filter failure: NAME` with the first filter that it breaks.
    """
    coin = around.coin
    _check_prices(order, coin)
    if order.trailing_bps and not LEAST_TRAILING_BPS <= order.trailing_bps <= MOST_TRAILING_BPS:
        raise filter_failure("TRAILING_DELTA")
    if order.kind.has_limit:
        _check_percent_price(order, around.average_price)
    if order.quantity:
        _check_lot(order, coin)
    _check_notional(order, around)
    _check_counts(order, around.open_orders)


def max_price(coin: Coin) -> Decimal:
    """Return the highest price that the market takes."""
    return MAX_PRICE_TICKS * coin.tick


def _check_prices(order: NewOrder, coin: Coin) -> None:
    for price in (order.price, order.stop_price):
        if price and not (coin.tick <= price <= max_price(coin) and is_on_step(price, coin.tick)):
            raise filter_failure("PRICE_FILTER")


def _check_percent_price(order: NewOrder, average: Decimal) -> None:
    if not average * MULTIPLIER_DOWN <= order.price <= average * MULTIPLIER_UP:
        raise filter_failure("PERCENT_PRICE_BY_SIDE")


def _check_lot(order: NewOrder, coin: Coin) -> None:
    quantity = order.quantity
    if not (coin.step <= quantity <= coin.max_quantity and is_on_step(quantity, coin.step)):
        raise filter_failure("LOT_SIZE")
    if not order.kind.has_limit and quantity > coin.max_market_quantity:
        raise filter_failure("MARKET_LOT_SIZE")


def _check_notional(order: NewOrder, around: Surroundings) -> None:
    """Binance values a market order at the average price, a stop at its stop price."""
    price = order.price or order.stop_price or around.average_price
    notional = order.quote_quantity or price * order.quantity
    too_large = order.kind is not Kind.MARKET and notional > MAX_NOTIONAL
    if notional < around.coin.min_notional or too_large:
        raise filter_failure("NOTIONAL")


def _check_counts(order: NewOrder, open_orders: Sequence[Order]) -> None:
    if order.kind is Kind.MARKET:
        return
    check_counts(open_orders, orders=1, stops=int(order.kind.is_conditional))


def check_counts(open_orders: Sequence[Order], *, orders: int, stops: int) -> None:
    """Let this many more orders pass, of which some are stops, each alone or as part of a list.

    Raises:
        ApiError: -1013 when the market would have more open orders or waiting stops than allowed.
    """
    if len(open_orders) + orders > MAX_OPEN_ORDERS:
        raise filter_failure("MAX_NUM_ORDERS")
    if stops and sum(o.is_waiting for o in open_orders) + stops > MAX_WAITING_STOPS:
        raise filter_failure("MAX_NUM_ALGO_ORDERS")


def locked_for(order: NewOrder | Order, trigger: Decimal = ZERO) -> Decimal:
    """Return what a resting order holds back: quote of a purchase, base of a sale.

    Args:
        order: The order.
        trigger: Where a trailing stop that was given no price would trigger now.
    """
    if order.side is Side.SELL:
        return order.quantity
    return (order.price or order.stop_price or trigger) * order.quantity
