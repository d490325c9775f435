"""Prices in short: the last one, the best ones, the day's figures; for endpoints and streams alike."""

from decimal import Decimal

from bot.exchange.box import wire
from bot.exchange.box.bars import Bar
from bot.exchange.box.exchange import Exchange
from bot.exchange.box.orders import Side
from bot.exchange.box.public_trades import EVERY_MS, PLACES
from bot.exchange.box.wire import Json, amount

DAY_MS = 86_400_000


def last_price(exchange: Exchange, symbol: str, now_ms: int) -> Json | None:
    """Return the last price; None before the market's first bar."""
    price = exchange.view.last_price(symbol, now_ms)
    return None if price is None else {"symbol": symbol, "price": amount(price)}


def best_prices(exchange: Exchange, symbol: str, now_ms: int) -> Json | None:
    """Return the best bid and ask; None before the market's first bar."""
    if exchange.view.last(symbol, now_ms) is None:
        return None
    row: Json = {"symbol": symbol}
    for name, side in (("bid", Side.BUY), ("ask", Side.SELL)):
        best = exchange.books.side(symbol, side, 1, now_ms)
        price, quantity = best[0] if best else (Decimal(0), Decimal(0))
        row[f"{name}Price"], row[f"{name}Qty"] = amount(price), amount(quantity)
    return row


def day(exchange: Exchange, symbol: str, now_ms: int) -> Json | None:
    """Return the last 24 hours; None before the market's first bar."""
    bar = exchange.view.day(symbol, now_ms)
    best = best_prices(exchange, symbol, now_ms)
    if bar is None or best is None:
        return None
    step = exchange.view.coins[symbol].step
    figures = window(exchange, symbol, bar, DAY_MS, now_ms)
    return {
        **figures,
        "prevClosePrice": figures["openPrice"],
        "lastQty": amount(step),
        **{name: value for name, value in best.items() if name != "symbol"},
    }


def window(exchange: Exchange, symbol: str, bar: Bar, length_ms: int, now_ms: int) -> Json:
    """Return the figures of a window that ends now."""
    coin = exchange.view.coins[symbol]
    tick, change = coin.tick, (bar.close - bar.open) * coin.tick
    mean = (bar.open + bar.high + bar.low + bar.close) * tick / 4
    oldest_ms, newest_ms = (at - at % EVERY_MS for at in (now_ms - length_ms + EVERY_MS, now_ms))
    return {
        "symbol": symbol,
        "priceChange": amount(change),
        "priceChangePercent": f"{change / (bar.open * tick) * 100:.3f}",
        "weightedAvgPrice": amount(mean),
        "lastPrice": amount(bar.close * tick),
        "openPrice": amount(bar.open * tick),
        "highPrice": amount(bar.high * tick),
        "lowPrice": amount(bar.low * tick),
        "volume": amount(bar.volume * coin.lot),
        "quoteVolume": amount(wire.quote_volume(bar, coin)),
        "openTime": now_ms - length_ms,
        "closeTime": now_ms,
        "firstId": oldest_ms * PLACES,
        "lastId": newest_ms * PLACES,
        "count": (newest_ms - oldest_ms) // EVERY_MS + 1,
    }
