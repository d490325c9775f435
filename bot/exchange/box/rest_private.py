"""The account's endpoints: balances, orders, own trades. Paths are below `/api/v3`."""

from collections.abc import Iterable, Mapping
from typing import TypeVar

from bot.exchange.box import errors, wire
from bot.exchange.box.call import Call
from bot.exchange.box.intake import read_order
from bot.exchange.box.orders import Kind, Order
from bot.exchange.box.rest_lists import cancelled
from bot.exchange.box.route import Route, signed
from bot.exchange.box.wire import Json, amount

_MOST_ROWS = 1_000
_WITH_FILLS = frozenset({Kind.LIMIT, Kind.MARKET})
_Row = TypeVar("_Row")


def account(call: Call) -> Json:
    """Return the balances; assets without any are left out on request only."""
    exchange = call.exchange
    rate = amount(exchange.config.fee_bps / 10_000)
    only_held = call.text("omitZeroBalances") == "true"
    assets = {asset for coin in exchange.view.coins.values() for asset in (coin.base, coin.quote)}
    assets.update(exchange.accounts.balances)
    rows = [
        {"asset": asset, "free": amount(balance.free), "locked": amount(balance.locked)}
        for asset in sorted(assets)
        if (balance := exchange.accounts.of(asset)).total or not only_held
    ]
    return {
        "makerCommission": int(exchange.config.fee_bps),
        "takerCommission": int(exchange.config.fee_bps),
        "buyerCommission": 0,
        "sellerCommission": 0,
        "commissionRates": {"maker": rate, "taker": rate, "buyer": wire.ZERO_TEXT, "seller": wire.ZERO_TEXT},
        "canTrade": True,
        "canWithdraw": False,
        "canDeposit": False,
        "brokered": False,
        "requireSelfTradePrevention": False,
        "preventSor": False,
        "updateTime": call.now_ms,
        "accountType": "SPOT",
        "balances": rows,
        "permissions": ["SPOT"],
        "uid": 1,
    }


def commission(call: Call) -> Json:
    """Return the fee rates of a market."""
    symbol = call.symbol()
    rate = amount(call.exchange.config.fee_bps / 10_000)
    none = {
        "maker": wire.ZERO_TEXT,
        "taker": wire.ZERO_TEXT,
        "buyer": wire.ZERO_TEXT,
        "seller": wire.ZERO_TEXT,
    }
    discount = {
        "enabledForAccount": False,
        "enabledForSymbol": False,
        "discountAsset": "BNB",
        "discount": wire.ZERO_TEXT,
    }
    return {
        "symbol": symbol,
        "standardCommission": {**none, "maker": rate, "taker": rate},
        "specialCommission": none,
        "taxCommission": none,
        "discount": discount,
    }


def new_order(call: Call) -> Json:
    """Take an order; the answer is as long as `newOrderRespType` wants it."""
    shape = response_shape(call)
    return answered(call, call.exchange.matching.place(read_order(call), call.now_ms), shape)


def response_shape(call: Call) -> str | None:
    """Return how long an answer to a new order is wanted, or None for what its type gets by default."""
    wanted = call.text("newOrderRespType")
    if wanted not in {None, "ACK", "RESULT", "FULL"}:
        raise errors.invalid_parameter("newOrderRespType")
    return wanted


def answered(call: Call, order: Order, wanted: str | None) -> Json:
    """Return the answer to an order that was taken."""
    shape = wanted or ("FULL" if order.kind in _WITH_FILLS else "ACK")
    if shape == "ACK":
        return wire.order_ack(order)
    if shape == "RESULT":
        return wire.order_result(order)
    return wire.order_full(order, call.exchange.ledger.fills_of(order))


def check_order(call: Call) -> Json:
    """Say whether an order would pass the filters, without sending it."""
    call.exchange.matching.check(read_order(call), call.now_ms)
    if call.text("computeCommissionRates") != "true":
        return {}
    rate = amount(call.exchange.config.fee_bps / 10_000)
    return {"standardCommissionForOrder": {"maker": rate, "taker": rate}}


def query_order(call: Call) -> Json:
    """Return one order, by number or by client id."""
    order = _named_order(call)
    if order is None:
        raise errors.no_such_order()
    return wire.order_row(order)


def cancel_order(call: Call) -> Json:
    """Cancel one open order."""
    order = _named_order(call)
    if order is None or not order.status.is_open:
        raise errors.cancel_rejected()
    cancel_id = call.client_id("newClientOrderId") or call.exchange.new_client_order_id()
    call.exchange.matching.cancel(order, call.now_ms, cancel_id)
    return wire.order_cancelled(order, cancel_id)


def cancel_open_orders(call: Call) -> list[Json]:
    """Cancel all open orders of a market, lists as a whole; none at all is an error."""
    orders = call.exchange.matching.book.open_orders(call.symbol())
    if not orders:
        raise errors.cancel_rejected()
    rows: list[Json] = []
    for order in orders:
        if not order.status.is_open:  # its list has been cancelled with the other order
            continue
        order_list = call.exchange.ledger.lists.get(order.list_id)
        if order_list is not None:
            rows.append(cancelled(call, order_list, None))
            continue
        cancel_id = call.exchange.new_client_order_id()
        call.exchange.matching.cancel(order, call.now_ms, cancel_id)
        rows.append(wire.order_cancelled(order, cancel_id))
    return rows


def open_orders(call: Call) -> list[Json]:
    """Return open orders of one market or of all."""
    symbol = call.optional_symbol()
    return [wire.order_row(order) for order in call.exchange.matching.book.open_orders(symbol)]


def all_orders(call: Call) -> list[Json]:
    """Return a market's orders: from a number on, in a time range, or the newest."""
    symbol = call.symbol()
    first, (start_ms, end_ms) = call.integer("orderId"), call.range_ms()
    limit = call.limit(default=500, largest=_MOST_ROWS)
    orders = [
        order
        for order in call.exchange.ledger.orders_of(symbol)
        if (first is None or order.order_id >= first) and _is_in(order.created_ms, start_ms, end_ms)
    ]
    return [wire.order_row(order) for order in _page(orders, limit, from_start=bool(first or start_ms))]


def own_trades(call: Call) -> list[Json]:
    """Return a market's own fills: of an order, from a number on, in a time range, or the newest."""
    symbol = call.symbol()
    first, order_id, (start_ms, end_ms) = call.integer("fromId"), call.integer("orderId"), call.range_ms()
    limit = call.limit(default=500, largest=_MOST_ROWS)
    trades = [
        trade
        for trade in call.exchange.ledger.trades_of(symbol)
        if (first is None or trade.trade_id >= first)
        and (order_id is None or trade.order_id == order_id)
        and _is_in(trade.executed_ms, start_ms, end_ms)
    ]
    from_start = first is not None or start_ms is not None
    return [wire.own_trade(trade) for trade in _page(trades, limit, from_start=from_start)]


def order_counts(call: Call) -> list[Json]:
    """Return how many orders count towards the limits now."""
    return call.exchange.rates.order_counts(call.exchange.auth_clock.now_ms())


def _named_order(call: Call) -> Order | None:
    symbol = call.symbol()
    order_id, client_id = call.integer("orderId"), call.client_id("origClientOrderId")
    if order_id is None and client_id is None:
        raise errors.mandatory_one_of("'origClientOrderId' or 'orderId'")
    return call.exchange.ledger.find(symbol, order_id=order_id, client_order_id=client_id)


def _is_in(at_ms: int, start_ms: int | None, end_ms: int | None) -> bool:
    return (start_ms is None or at_ms >= start_ms) and (end_ms is None or at_ms <= end_ms)


def _page(rows: Iterable[_Row], limit: int, *, from_start: bool) -> list[_Row]:
    every = list(rows)
    return every[:limit] if from_start else every[-limit:]


ROUTES: Mapping[tuple[str, str], Route] = {
    ("GET", "account"): signed(account, 20),
    ("GET", "account/commission"): signed(commission, 20),
    ("POST", "order"): signed(new_order, 1, new_orders=1),
    ("POST", "order/test"): signed(check_order, 1),
    ("GET", "order"): signed(query_order, 4),
    ("DELETE", "order"): signed(cancel_order, 1),
    ("GET", "openOrders"): signed(open_orders, 6, everywhere=80),
    ("DELETE", "openOrders"): signed(cancel_open_orders, 1),
    ("GET", "allOrders"): signed(all_orders, 20),
    ("GET", "myTrades"): signed(own_trades, 20),
    ("GET", "rateLimit/order"): signed(order_counts, 40),
}
