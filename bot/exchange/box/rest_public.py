"""Public endpoints: time, markets, prices, books, candles, trades. Paths are below `/api/v3`."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from bot.exchange.box import errors, tickers
from bot.exchange.box.call import Call
from bot.exchange.box.candles import Wanted, find_candles
from bot.exchange.box.exchange import Exchange
from bot.exchange.box.intervals import is_interval
from bot.exchange.box.public_trades import PLACES, PublicTrade
from bot.exchange.box.route import Route, Security, weighs, weighs_by_rows
from bot.exchange.box.wire import Json, amount, kline, market

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
    return {
        "timezone": "UTC",
        "serverTime": call.exchange.auth_clock.now_ms(),
        "rateLimits": call.exchange.rates.rules(),
        "exchangeFilters": [],
        "symbols": rows,
    }


def ticker_day(call: Call) -> Any:
    """Return the last 24 hours of one market, of several, or of all."""
    return _one_or_many(call, tickers.day)


def ticker_price(call: Call) -> Any:
    """Return last prices."""
    return _one_or_many(call, tickers.last_price)


def ticker_book(call: Call) -> Any:
    """Return best bids and asks."""
    return _one_or_many(call, tickers.best_prices)


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
    return call.exchange.books.snapshot(symbol, limit, call.now_ms)


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
    symbol, trades = call.symbol(), call.exchange.trades
    limit = call.limit(default=500, largest=_MOST_ROWS)
    start_ms, end_ms = call.range_ms()
    until_ms = call.now_ms if end_ms is None else min(end_ms, call.now_ms)
    first = call.integer("fromId")
    if first is not None:
        found = trades.oldest(symbol, limit + PLACES, first // PLACES, until_ms)
        return [trade for trade in found if trade.number >= first][:limit]
    if start_ms is not None:
        return trades.oldest(symbol, limit, start_ms, until_ms)
    return trades.newest(symbol, limit, until_ms)


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


def _one_or_many(call: Call, row: Callable[[Exchange, str, int], Json | None]) -> Any:
    found = (row(call.exchange, symbol, call.now_ms) for symbol in _symbols(call))
    rows = [one for one in found if one is not None]
    if call.text("symbol") is None:
        return rows
    if not rows:
        raise errors.market_closed()
    return rows[0]


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
