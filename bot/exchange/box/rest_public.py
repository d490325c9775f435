"""Public endpoints: time, markets, prices, books, candles, trades. Paths are below `/api/v3`."""

import json
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from bot.exchange.box import errors, wire
from bot.exchange.box.call import Call
from bot.exchange.box.candles import Wanted, find_candles
from bot.exchange.box.intervals import is_interval
from bot.exchange.box.orders import Side
from bot.exchange.box.public_trades import PublicTrade, newest_number, public_trades
from bot.exchange.box.route import Route, Security, weighs, weighs_by_rows
from bot.exchange.box.wire import Json, amount, kline, market

_DAY_MS = 86_400_000
_MOST_LEVELS, _MOST_ROWS = 5_000, 1_000


def ping(_: Call) -> Json:
    """Answer that the exchange is there."""
    return {}


def server_time(call: Call) -> Json:
    """Return the auth clock: signatures are judged by it."""
    return {"serverTime": call.exchange.auth_clock.now_ms()}


def exchange_info(call: Call) -> Json:
    """Return the markets with their filters."""
    rows = [
        market(call.coin(symbol), is_trading=call.exchange.view.last(symbol, call.now_ms) is not None)
        for symbol in _symbols(call)
    ]
    limits = [
        {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 6_000},
        {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": 100},
        {"rateLimitType": "ORDERS", "interval": "DAY", "intervalNum": 1, "limit": 200_000},
        {"rateLimitType": "RAW_REQUESTS", "interval": "MINUTE", "intervalNum": 5, "limit": 300_000},
    ]
    return {
        "timezone": "UTC",
        "serverTime": call.exchange.auth_clock.now_ms(),
        "rateLimits": limits,
        "exchangeFilters": [],
        "symbols": rows,
    }


def ticker_day(call: Call) -> Any:
    """Return the last 24 hours of one market, of several, or of all."""
    return _one_or_many(call, _day_of)


def ticker_price(call: Call) -> Any:
    """Return last prices."""
    return _one_or_many(call, _price_of)


def ticker_book(call: Call) -> Any:
    """Return best bids and asks."""
    return _one_or_many(call, _best_of)


def average_price(call: Call) -> Json:
    """Return the average of the last five minutes."""
    symbol = call.symbol()
    price = call.exchange.view.average(symbol, call.now_ms)
    if price is None:
        raise errors.market_closed()
    return {"mins": 5, "price": amount(price), "closeTime": call.now_ms}


def depth(call: Call) -> Json:
    """Return the book: the generated levels with the account's own orders among them."""
    symbol = call.symbol()
    limit = call.limit(default=100, largest=_MOST_LEVELS)
    asks, bids = (book_side(call, symbol, side, limit) for side in (Side.SELL, Side.BUY))
    texts = [[[amount(price), amount(quantity)] for price, quantity in side] for side in (bids, asks)]
    return {"lastUpdateId": call.now_ms, "bids": texts[0], "asks": texts[1]}


def book_side(call: Call, symbol: str, side: Side, limit: int) -> list[tuple[Decimal, Decimal]]:
    """Return (price, quantity) of one side, best first."""
    exchange = call.exchange
    last = exchange.view.last_price(symbol, call.now_ms)
    if last is None:
        return []
    levels = exchange.liquidity.levels(symbol, side, last=last, at_ms=call.now_ms, limit=limit)
    quantities: dict[Decimal, Decimal] = dict(levels)
    own = exchange.matching.book.resting(symbol, side)
    if own:
        for order in own:
            quantities[order.price] = quantities.get(order.price, Decimal(0)) + order.remaining
        ordered = sorted(quantities.items(), reverse=side is Side.BUY)
        return ordered[:limit]
    return list(quantities.items())


def klines(call: Call) -> list[list[Any]]:
    """Return candles; the newest ones, or those from `startTime` on."""
    symbol, interval = call.symbol(), call.needed("interval")
    if not is_interval(interval):
        raise errors.invalid_parameter("interval")
    start_ms, end_ms = call.range_ms()
    limit = call.limit(default=500, largest=_MOST_ROWS)
    found = find_candles(call.exchange.view, Wanted(symbol, interval, start_ms, end_ms, limit), call.now_ms)
    coin = call.coin(symbol)
    return [kline(candle.bar, coin, candle.closed_ms) for candle in found]


def trades(call: Call) -> list[Json]:
    """Return the newest trades of the market."""
    return [
        {
            "id": trade.number,
            "price": amount(trade.price),
            "qty": amount(trade.quantity),
            "quoteQty": amount(trade.price * trade.quantity),
            "time": trade.executed_ms,
            "isBuyerMaker": trade.is_buyer_maker,
            "isBestMatch": True,
        }
        for trade in _trades(call)
    ]


def aggregate_trades(call: Call) -> list[Json]:
    """Return trades in the compressed form, one trade each."""
    return [
        {
            "a": trade.number,
            "p": amount(trade.price),
            "q": amount(trade.quantity),
            "f": trade.number,
            "l": trade.number,
            "T": trade.executed_ms,
            "m": trade.is_buyer_maker,
            "M": True,
        }
        for trade in _trades(call)
    ]


def _trades(call: Call) -> list[PublicTrade]:
    symbol = call.symbol()
    limit = call.limit(default=500, largest=_MOST_ROWS)
    start_ms, end_ms = call.range_ms()
    newest = newest_number(call.now_ms)
    if end_ms is not None:
        newest = min(newest, newest_number(end_ms))
    first = call.integer("fromId")
    if first is None and start_ms is not None:
        first = newest_number(start_ms - 1) + 1
    if first is None:
        first = max(0, newest - limit + 1)
    return list(public_trades(call.exchange.view, symbol, first, min(newest, first + limit - 1)))


def _symbols(call: Call) -> list[str]:
    """Return the markets that a request names: `symbol`, `symbols` as a JSON list, or all."""
    one, several = call.text("symbol"), call.text("symbols")
    if one is not None and several is not None:
        raise errors.invalid_parameter("combination")
    if one is not None:
        return [call.known(one)]
    if several is None:
        return list(call.exchange.view.coins)
    try:
        names = json.loads(several)
    except ValueError as error:
        raise errors.illegal_characters(
            "symbols", r'^\["[A-Z0-9-_.]{1,20}"(,"[A-Z0-9-_.]{1,20}"){0,}\]$'
        ) from error
    if not isinstance(names, list) or not names:
        raise errors.mandatory("symbols")
    return [call.known(str(name)) for name in names]


def _one_or_many(call: Call, row: Callable[[Call, str], Json | None]) -> Any:
    rows = [found for symbol in _symbols(call) if (found := row(call, symbol)) is not None]
    if call.text("symbol") is None:
        return rows
    if not rows:
        raise errors.market_closed()
    return rows[0]


def _price_of(call: Call, symbol: str) -> Json | None:
    price = call.exchange.view.last_price(symbol, call.now_ms)
    return None if price is None else {"symbol": symbol, "price": amount(price)}


def _best_of(call: Call, symbol: str) -> Json | None:
    if call.exchange.view.last(symbol, call.now_ms) is None:
        return None
    row: Json = {"symbol": symbol}
    for name, side in (("bid", Side.BUY), ("ask", Side.SELL)):
        best = book_side(call, symbol, side, 1)
        price, quantity = best[0] if best else (Decimal(0), Decimal(0))
        row[f"{name}Price"], row[f"{name}Qty"] = amount(price), amount(quantity)
    return row


def _day_of(call: Call, symbol: str) -> Json | None:
    bar = call.exchange.view.day(symbol, call.now_ms)
    best = _best_of(call, symbol)
    if bar is None or best is None:
        return None
    coin = call.coin(symbol)
    tick = coin.tick
    change = (bar.close - bar.open) * tick
    newest = newest_number(call.now_ms)
    oldest = newest - _DAY_MS // 5_000 + 1
    mean = (bar.open + bar.high + bar.low + bar.close) * tick / 4
    return {
        "symbol": symbol,
        "priceChange": amount(change),
        "priceChangePercent": f"{change / (bar.open * tick) * 100:.3f}",
        "weightedAvgPrice": amount(mean),
        "prevClosePrice": amount(bar.open * tick),
        "lastPrice": amount(bar.close * tick),
        "lastQty": amount(coin.step),
        **{name: value for name, value in best.items() if name != "symbol"},
        "openPrice": amount(bar.open * tick),
        "highPrice": amount(bar.high * tick),
        "lowPrice": amount(bar.low * tick),
        "volume": amount(bar.volume * coin.lot),
        "quoteVolume": amount(wire.quote_volume(bar, coin)),
        "openTime": call.now_ms - _DAY_MS,
        "closeTime": call.now_ms,
        "firstId": oldest,
        "lastId": newest,
        "count": newest - oldest + 1,
    }


def _public(handler: Callable[[Call], Any], weight: Callable[[Mapping[str, str]], int]) -> Route:
    return Route(handler=handler, weight=weight, security=Security.NONE)


ROUTES: Mapping[tuple[str, str], Route] = {
    ("GET", "ping"): _public(ping, weighs(1)),
    ("GET", "time"): _public(server_time, weighs(1)),
    ("GET", "exchangeInfo"): _public(exchange_info, weighs(20)),
    ("GET", "ticker/24hr"): _public(ticker_day, weighs(2, without_symbol=80)),
    ("GET", "ticker/price"): _public(ticker_price, weighs(2, without_symbol=4)),
    ("GET", "ticker/bookTicker"): _public(ticker_book, weighs(2, without_symbol=4)),
    ("GET", "avgPrice"): _public(average_price, weighs(2)),
    ("GET", "depth"): _public(depth, weighs_by_rows),
    ("GET", "klines"): _public(klines, weighs(2)),
    ("GET", "uiKlines"): _public(klines, weighs(2)),
    ("GET", "trades"): _public(trades, weighs(25)),
    ("GET", "aggTrades"): _public(aggregate_trades, weighs(4)),
}
