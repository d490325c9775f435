"""The shapes of answers: Binance's field names, numbers as text with eight decimals."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from bot.exchange.box import filters
from bot.exchange.box.bars import Bar
from bot.exchange.box.orders import Kind, Order, OrderList, Trade
from bot.exchange.box.universe import Coin

Json = dict[str, Any]

ORDER_TYPES = [kind.value for kind in Kind]
ZERO_TEXT = "0.00000000"


def amount(value: Decimal) -> str:
    """Return a number as the exchange writes it."""
    return f"{value:.8f}"


def order_state(order: Order) -> Json:
    """Return the fields that every answer about an order has."""
    shape: Json = {
        "symbol": order.symbol,
        "orderId": order.order_id,
        "orderListId": order.list_id,
        "clientOrderId": order.client_order_id,
        "price": amount(order.price),
        "origQty": amount(order.quantity),
        "executedQty": amount(order.executed),
        "origQuoteOrderQty": amount(order.quote_quantity),
        "cummulativeQuoteQty": amount(order.executed_quote),
        "status": order.status.value,
        "timeInForce": order.lifetime.value,
        "type": order.kind.value,
        "side": order.side.value,
    }
    if order.kind.is_conditional:
        shape["stopPrice"] = amount(order.stop_price)
    if order.trailing_bps:
        shape["trailingDelta"] = order.trailing_bps
        shape["trailingTime"] = -1 if order.trailing_ms is None else order.trailing_ms
    return shape


def order_row(order: Order) -> Json:
    """Return an order as queries tell it."""
    return {
        **order_state(order),
        "stopPrice": amount(order.stop_price),
        "icebergQty": ZERO_TEXT,
        "time": order.created_ms,
        "updateTime": order.updated_ms,
        "isWorking": not order.is_waiting,
        "workingTime": -1 if order.working_ms is None else order.working_ms,
        "selfTradePreventionMode": "EXPIRE_MAKER",
    }


def order_ack(order: Order) -> Json:
    """Return the shortest answer to a new order."""
    return {
        "symbol": order.symbol,
        "orderId": order.order_id,
        "orderListId": order.list_id,
        "clientOrderId": order.client_order_id,
        "transactTime": order.created_ms,
    }


def order_result(order: Order) -> Json:
    """Return the answer to a new order, without its fills."""
    working_ms = {} if order.working_ms is None else {"workingTime": order.working_ms}
    stp = {"selfTradePreventionMode": "EXPIRE_MAKER"}
    return {**order_state(order), "transactTime": order.created_ms, **working_ms, **stp}


def order_full(order: Order, fills: list[Trade]) -> Json:
    """Return the answer to a new order, with its fills."""
    rows = [
        {
            "price": amount(fill.price),
            "qty": amount(fill.quantity),
            "commission": amount(fill.fee),
            "commissionAsset": fill.fee_asset,
            "tradeId": fill.trade_id,
        }
        for fill in fills
    ]
    return {**order_result(order), "fills": rows}


def order_cancelled(order: Order, cancel_id: str) -> Json:
    """Return the answer to a cancellation: the request's own id stands in `clientOrderId`."""
    return {
        **order_state(order),
        "origClientOrderId": order.client_order_id,
        "clientOrderId": cancel_id,
        "transactTime": order.updated_ms,
        "selfTradePreventionMode": "EXPIRE_MAKER",
    }


def list_state(order_list: OrderList, orders: Iterable[Order]) -> Json:
    """Return an order list as queries tell it."""
    return {
        "orderListId": order_list.list_id,
        "contingencyType": "OCO",
        "listStatusType": "ALL_DONE" if order_list.is_done else "EXEC_STARTED",
        "listOrderStatus": "ALL_DONE" if order_list.is_done else "EXECUTING",
        "listClientOrderId": order_list.client_id,
        "transactionTime": order_list.updated_ms,
        "symbol": order_list.symbol,
        "orders": [
            {"symbol": order.symbol, "orderId": order.order_id, "clientOrderId": order.client_order_id}
            for order in orders
        ],
    }


def own_trade(trade: Trade) -> Json:
    """Return one fill of the account."""
    return {
        "symbol": trade.symbol,
        "id": trade.trade_id,
        "orderId": trade.order_id,
        "orderListId": trade.list_id,
        "price": amount(trade.price),
        "qty": amount(trade.quantity),
        "quoteQty": amount(trade.quote_quantity),
        "commission": amount(trade.fee),
        "commissionAsset": trade.fee_asset,
        "time": trade.executed_ms,
        "isBuyer": trade.is_buyer,
        "isMaker": trade.is_maker,
        "isBestMatch": True,
    }


def quote_volume(bar: Bar, coin: Coin) -> Decimal:
    """Return about what a bar's volume was worth in quote: volume at the mean of its four prices."""
    return bar.volume * coin.lot * (bar.open + bar.high + bar.low + bar.close) * coin.tick / 4


def kline(bar: Bar, coin: Coin, closed_ms: int) -> list[Any]:
    """Return a candle in the exchange's twelve places."""
    tick = coin.tick
    worth = quote_volume(bar, coin)
    volume = bar.volume * coin.lot
    return [
        bar.opened_ms,
        f"{bar.open * tick:.8f}",
        f"{bar.high * tick:.8f}",
        f"{bar.low * tick:.8f}",
        f"{bar.close * tick:.8f}",
        f"{volume:.8f}",
        closed_ms - 1,
        f"{worth:.8f}",
        trade_count(bar, coin),
        f"{volume / 2:.8f}",
        f"{worth / 2:.8f}",
        "0",
    ]


def trade_count(bar: Bar, coin: Coin) -> int:
    """Return a plausible number of trades for a bar's volume."""
    return 1 + int(quote_volume(bar, coin) / (coin.level_depth_quote / 10)) if bar.volume else 0


def market(coin: Coin, *, is_trading: bool) -> Json:
    """Return a market as `exchangeInfo` describes it."""
    return {
        "symbol": coin.symbol,
        "status": "TRADING" if is_trading else "BREAK",
        "baseAsset": coin.base,
        "baseAssetPrecision": 8,
        "quoteAsset": coin.quote,
        "quotePrecision": 8,
        "quoteAssetPrecision": 8,
        "baseCommissionPrecision": 8,
        "quoteCommissionPrecision": 8,
        "orderTypes": ORDER_TYPES,
        "icebergAllowed": False,
        "ocoAllowed": True,
        "otoAllowed": False,
        "quoteOrderQtyMarketAllowed": True,
        "allowTrailingStop": True,
        "cancelReplaceAllowed": True,
        "amendAllowed": False,
        "pegInstructionsAllowed": False,
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "filters": market_filters(coin),
        "permissions": [],
        "permissionSets": [["SPOT"]],
        "defaultSelfTradePreventionMode": "EXPIRE_MAKER",
        "allowedSelfTradePreventionModes": ["EXPIRE_MAKER"],
    }


def market_filters(coin: Coin) -> list[Json]:
    """Return the market's filters, the same that `filters.py` keeps."""
    percent = {
        "bidMultiplierUp": str(filters.MULTIPLIER_UP),
        "bidMultiplierDown": str(filters.MULTIPLIER_DOWN),
        "askMultiplierUp": str(filters.MULTIPLIER_UP),
        "askMultiplierDown": str(filters.MULTIPLIER_DOWN),
        "avgPriceMins": filters.AVERAGE_MINUTES,
    }
    prices = {
        "minPrice": amount(coin.tick),
        "maxPrice": amount(filters.max_price(coin)),
        "tickSize": amount(coin.tick),
    }
    lots = {"minQty": amount(coin.step), "maxQty": amount(coin.max_quantity), "stepSize": amount(coin.step)}
    market_lots = {"minQty": ZERO_TEXT, "maxQty": amount(coin.max_market_quantity), "stepSize": ZERO_TEXT}
    notional = {
        "minNotional": amount(coin.min_notional),
        "applyMinToMarket": True,
        "maxNotional": amount(filters.MAX_NOTIONAL),
        "applyMaxToMarket": False,
        "avgPriceMins": filters.AVERAGE_MINUTES,
    }
    trailing = {
        f"{edge}Trailing{side}Delta": bps
        for side in ("Above", "Below")
        for edge, bps in (("min", filters.LEAST_TRAILING_BPS), ("max", filters.MOST_TRAILING_BPS))
    }
    return [
        {"filterType": "PRICE_FILTER", **prices},
        {"filterType": "LOT_SIZE", **lots},
        {"filterType": "MARKET_LOT_SIZE", **market_lots},
        {"filterType": "PERCENT_PRICE_BY_SIDE", **percent},
        {"filterType": "NOTIONAL", **notional},
        {"filterType": "TRAILING_DELTA", **trailing},
        {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": filters.MAX_OPEN_ORDERS},
        {"filterType": "MAX_NUM_ORDER_LISTS", "maxNumOrderLists": filters.MAX_ORDER_LISTS},
        {"filterType": "MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": filters.MAX_WAITING_STOPS},
    ]
