"""Pure mapping of Hyperliquid's public answers to our values, exact and strict.

The rules are those of `ccxt_mapping`; numbers come as texts here too.
"""

import datetime as dt
from collections import Counter
from decimal import Decimal
from typing import Any

import msgspec

from bot.exchange.ccxt_fields import (
    Row,
    at_least_zero,
    bad_answer,
    list_of,
    moment,
    never_surprising,
    ordered,
    positive,
    row_of,
    same,
    text_of,
    unless_bad,
    whole,
)
from bot.exchange.hyperliquid_rules import SPOT_ASSETS_FROM, SpotMarket
from bot.kernel.ids import is_asset, pair_of
from bot.kernel.market import BookLevel, Candle, OrderBook, Ticker

_PARTS = 2


class Quote(msgspec.Struct, frozen=True, kw_only=True):
    """What the list of markets says of one market's price and day."""

    last: Decimal
    """The exchange's mark price, which is its word for the price of a spot market."""
    quote_volume_24h: Decimal


@never_surprising
def server_time(answer: object) -> dt.datetime:
    """Read `exchangeStatus`."""
    return moment(row_of(answer, "exchange status"), "time")


@never_surprising
def spot_markets(answer: object) -> dict[str, SpotMarket]:
    """Read `spotMetaAndAssetCtxs` as unified symbol → market.

    Coins are called by the exchange's own names. Markets whose coins have no plain name, that cannot be
    read, or that share their symbol with another one, are left out: nobody can trade there.
    """
    meta, contexts = _parts(answer)
    tokens = dict(pair for row in list_of(meta, "tokens") if (pair := unless_bad(_token, row)))
    prices = _contexts(meta, contexts)
    universe = list_of(meta, "universe")
    found = [market for entry in universe if (market := unless_bad(_reader(tokens, prices), entry))]
    if universe and not found:
        raise bad_answer("list of markets", "no market among them could be read")
    times = Counter(market.symbol for market in found)
    return {market.symbol: market for market in found if times[market.symbol] == 1}


def _reader(tokens: dict[int, Row], prices: dict[str, Row]) -> Any:
    def market(entry: object) -> SpotMarket:
        row = row_of(entry, "market")
        sides = list_of(row, "tokens")
        if len(sides) != _PARTS:
            raise bad_answer("market", f"{len(sides)} coins")
        base, quote = (row_of(tokens.get(side), "coin") for side in sides)
        names = text_of(base, "name"), text_of(quote, "name")
        if not all(map(is_asset, names)):
            raise bad_answer("market", f"asset names {names!r}")
        coin = text_of(row, "name")
        mid = unless_bad(_mid, prices.get(coin))
        return SpotMarket(
            symbol=pair_of(*names),
            coin=coin,
            number=SPOT_ASSETS_FROM + whole(row, "index"),
            base=names[0],
            quote=names[1],
            size_decimals=whole(base, "szDecimals"),
            price=mid,
        )

    return market


def _mid(entry: object) -> Decimal:
    return positive(row_of(entry, "price of a market"), "midPx")


def _token(entry: object) -> tuple[int, Row]:
    row = row_of(entry, "coin")
    return whole(row, "index"), row


@never_surprising
def quotes(answer: object) -> dict[str, Quote]:
    """Read `spotMetaAndAssetCtxs` as the market's own name → price and volume; no price, no entry."""
    rows = _contexts(*_parts(answer))
    return {coin: quote for coin, row in rows.items() if (quote := unless_bad(_quote, row))}


def _quote(entry: object) -> Quote:
    row = row_of(entry, "price of a market")
    return Quote(last=positive(row, "markPx"), quote_volume_24h=at_least_zero(row, "dayNtlVlm"))


def _parts(answer: object) -> tuple[Row, list[Any]]:
    if not isinstance(answer, list) or len(answer) != _PARTS or not isinstance(answer[1], list):
        raise bad_answer("list of markets", "no pair of markets and prices")
    return row_of(answer[0], "list of markets"), answer[1]


def _contexts(meta: Row, contexts: list[Any]) -> dict[str, Row]:
    """Return the price rows by the market's own name: by the name they carry, else by their place."""
    by_name = {row["coin"]: row for row in contexts if isinstance(row, dict) and "coin" in row}
    by_place = {
        entry.get("name"): contexts[place]
        for entry in list_of(meta, "universe")
        if isinstance(entry, dict)
        and isinstance(place := entry.get("index"), int)
        and 0 <= place < len(contexts)
        and isinstance(contexts[place], dict)
        and "coin" not in contexts[place]
    }
    return {name: row for name, row in (by_place | by_name).items() if isinstance(name, str)}


def ticker(quote: Quote, book: OrderBook) -> Ticker:
    """Return a ticker from a price and a book with both sides; its time is the book's.

    Raises:
        ExchangeAnswerError: One side of the book is empty.
    """
    if not (book.bids and book.asks):
        raise bad_answer(f"ticker of {book.symbol}", "one side of the book is empty")
    return Ticker(
        symbol=book.symbol,
        last=quote.last,
        bid=book.bids[0].price,
        ask=book.asks[0].price,
        quote_volume_24h=quote.quote_volume_24h,
        observed_at=book.observed_at,
    )


@never_surprising
def order_book(answer: object, *, symbol: str, coin: str) -> OrderBook:
    """Read `l2Book`: at most twenty levels of each side, with the exchange's time."""
    what = f"order book of {symbol}"
    row = row_of(answer, what)
    same(row, "coin", coin, what)
    sides = list_of(row, "levels")
    if len(sides) != _PARTS or not all(isinstance(side, list) for side in sides):
        raise bad_answer(what, "no pair of bids and asks")
    bids, asks = (tuple(_level(entry, what) for entry in side) for side in sides)
    ordered([-level.price for level in bids], what)
    ordered([level.price for level in asks], what)
    if bids and asks and bids[0].price >= asks[0].price:
        raise bad_answer(what, f"best bid {bids[0].price} is not below best ask {asks[0].price}")
    return OrderBook(symbol=symbol, bids=bids, asks=asks, observed_at=moment(row, "time"))


def _level(entry: object, what: str) -> BookLevel:
    row = row_of(entry, what)
    return BookLevel(price=positive(row, "px"), quantity=positive(row, "sz"))


@never_surprising
def candles(answer: object, *, symbol: str, coin: str, timeframe: str) -> tuple[Candle, ...]:
    """Read `candleSnapshot`, oldest first."""
    what = f"candles of {symbol}"
    if not isinstance(answer, list):
        raise bad_answer(what, "no list")
    bars = tuple(_candle(entry, what, coin, timeframe) for entry in answer)
    ordered([bar.opened_at for bar in bars], what)
    return bars


def _candle(entry: object, what: str, coin: str, timeframe: str) -> Candle:
    row = row_of(entry, what)
    same(row, "s", coin, what)
    same(row, "i", timeframe, what)
    bar = Candle(
        opened_at=moment(row, "t"),
        open=positive(row, "o"),
        high=positive(row, "h"),
        low=positive(row, "l"),
        close=positive(row, "c"),
        volume=at_least_zero(row, "v"),
    )
    if not bar.low <= min(bar.open, bar.close) <= max(bar.open, bar.close) <= bar.high:
        raise bad_answer(what, f"the candle of {bar.opened_at.isoformat()} has prices beyond its high or low")
    return bar
