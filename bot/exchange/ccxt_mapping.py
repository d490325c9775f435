"""Pure mapping of Binance's raw answers (ccxt's `info`) to our values, exact and strict.

1. Numbers are read from the answer's own text, never through a float.
2. A field that is missing, of the wrong kind or impossible (NaN, negative, crossed prices, another
   symbol) makes the whole answer an `ExchangeAnswerError`: it is not used.
3. Lists of independent facts (markets, tickers, balances) leave out the single bad row instead; the
   row is then absent, which always reads as unknown.
4. Nothing but `ExchangeAnswerError` leaves a reader, however strange the answer.
"""

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal

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
)
from bot.kernel.errors import ExchangeAnswerError
from bot.kernel.ids import is_asset, pair_of
from bot.kernel.market import BookLevel, Candle, MarketRules, OrderBook, Ticker
from bot.kernel.money import ZERO

_KLINE_FIELDS = 6


@never_surprising
def server_time(answer: object) -> dt.datetime:
    """Read `GET time`."""
    return moment(row_of(answer, "server time"), "serverTime")


@never_surprising
def markets(answer: object) -> dict[str, tuple[str, MarketRules]]:
    """Read `GET exchangeInfo` as unified symbol → (the exchange's id, rules).

    Markets whose coins have no plain name, or whose filters cannot be read, are left out: nobody can
    trade there.
    """
    rows = list_of(row_of(answer, "exchange information"), "symbols")
    found: dict[str, tuple[str, MarketRules]] = {}
    for entry in rows:
        rules = unless_bad(_market, entry)
        if rules is not None:
            found[rules[1].symbol] = rules
    if rows and not found:
        raise bad_answer("exchange information", "no market among them could be read")
    return found


def _market(entry: object) -> tuple[str, MarketRules]:
    row = row_of(entry, "market")
    base, quote = text_of(row, "baseAsset"), text_of(row, "quoteAsset")
    if not (is_asset(base) and is_asset(quote)):
        raise bad_answer("market", f"asset names {base!r}, {quote!r}")
    filters = {text_of(item, "filterType"): item for item in map(_filter_row, list_of(row, "filters"))}
    price, lot = (
        row_of(filters.get("PRICE_FILTER"), "PRICE_FILTER"),
        row_of(filters.get("LOT_SIZE"), "LOT_SIZE"),
    )
    market_lot = filters.get("MARKET_LOT_SIZE", {})
    notional = filters.get("NOTIONAL") or filters.get("MIN_NOTIONAL") or {}
    is_spot = row.get("isSpotTradingAllowed", True) is True
    return text_of(row, "symbol"), MarketRules(
        symbol=pair_of(base, quote),
        base=base,
        quote=quote,
        active=text_of(row, "status") == "TRADING" and is_spot,
        tick_size=at_least_zero(price, "tickSize"),
        min_price=at_least_zero(price, "minPrice"),
        max_price=_limit(price, "maxPrice"),
        step_size=at_least_zero(lot, "stepSize"),
        min_quantity=at_least_zero(lot, "minQty"),
        max_quantity=_limit(lot, "maxQty"),
        max_market_quantity=_limit(market_lot, "maxQty") if market_lot else None,
        min_notional=at_least_zero(notional, "minNotional") if notional else ZERO,
        lowest_sell_share=_lowest_sell_share(filters),
    )


def _lowest_sell_share(filters: Mapping[str, Row]) -> Decimal | None:
    """Read how far below the average price a sale may ask, where the market limits that."""
    by_side, plain = filters.get("PERCENT_PRICE_BY_SIDE"), filters.get("PERCENT_PRICE")
    if by_side is not None:
        return _limit(by_side, "askMultiplierDown")
    return None if plain is None else _limit(plain, "multiplierDown")


def _filter_row(entry: object) -> Row:
    return row_of(entry, "filter")


def _limit(row: Row, name: str) -> Decimal | None:
    """Read an upper limit; the exchange writes zero for "no limit"."""
    return at_least_zero(row, name) or None


@never_surprising
def ticker(answer: object, *, symbol: str, market_id: str) -> Ticker:
    """Read one `GET ticker/24hr`."""
    row = row_of(answer, f"ticker of {symbol}")
    same(row, "symbol", market_id, f"ticker of {symbol}")
    bid, ask = positive(row, "bidPrice"), positive(row, "askPrice")
    if bid > ask:
        raise bad_answer(f"ticker of {symbol}", f"bid {bid} above ask {ask}")
    return Ticker(
        symbol=symbol,
        last=positive(row, "lastPrice"),
        bid=bid,
        ask=ask,
        quote_volume_24h=at_least_zero(row, "quoteVolume"),
        observed_at=moment(row, "closeTime"),
    )


@never_surprising
def tickers(answer: object, *, symbols_by_id: Mapping[str, str]) -> dict[str, Ticker]:
    """Read a list of `GET ticker/24hr`; a market without usable prices is absent."""
    if not isinstance(answer, list):
        raise bad_answer("tickers", "no list")
    found: dict[str, Ticker] = {}
    for entry in answer:
        market_id = text_of(row_of(entry, "ticker"), "symbol")
        symbol = symbols_by_id.get(market_id)
        if symbol is None:
            continue
        try:
            found[symbol] = ticker(entry, symbol=symbol, market_id=market_id)
        except ExchangeAnswerError:
            continue
    return found


@never_surprising
def order_book(answer: object, *, symbol: str, observed_at: dt.datetime) -> OrderBook:
    """Read `GET depth`; spot books carry no time, so the caller gives the moment of the answer."""
    what = f"order book of {symbol}"
    row = row_of(answer, what)
    bids, asks = _levels(row, "bids", what), _levels(row, "asks", what)
    ordered([-level.price for level in bids], what)
    ordered([level.price for level in asks], what)
    if bids and asks and bids[0].price >= asks[0].price:
        raise bad_answer(what, f"best bid {bids[0].price} is not below best ask {asks[0].price}")
    return OrderBook(symbol=symbol, bids=bids, asks=asks, observed_at=observed_at)


def _levels(row: Row, side: str, what: str) -> tuple[BookLevel, ...]:
    return tuple(_level(entry, what) for entry in list_of(row, side))


def _level(entry: object, what: str) -> BookLevel:
    if not isinstance(entry, list | tuple) or len(entry) < len(("price", "quantity")):
        raise bad_answer(what, "a level is no pair of price and quantity")
    pair = {"price": entry[0], "quantity": entry[1]}
    return BookLevel(price=positive(pair, "price"), quantity=positive(pair, "quantity"))


@never_surprising
def candles(answer: object, *, symbol: str) -> tuple[Candle, ...]:
    """Read `GET klines`, oldest first."""
    what = f"candles of {symbol}"
    if not isinstance(answer, list):
        raise bad_answer(what, "no list")
    bars = tuple(_candle(entry, what) for entry in answer)
    ordered([bar.opened_at for bar in bars], what)
    return bars


def _candle(entry: object, what: str) -> Candle:
    if not isinstance(entry, list | tuple) or len(entry) < _KLINE_FIELDS:
        raise bad_answer(what, "a candle has too few fields")
    row = dict(zip(("opened_at", "open", "high", "low", "close", "volume"), entry, strict=False))
    bar = Candle(
        opened_at=moment(row, "opened_at"),
        open=positive(row, "open"),
        high=positive(row, "high"),
        low=positive(row, "low"),
        close=positive(row, "close"),
        volume=at_least_zero(row, "volume"),
    )
    if not bar.low <= min(bar.open, bar.close) <= max(bar.open, bar.close) <= bar.high:
        raise bad_answer(what, f"the candle of {bar.opened_at.isoformat()} has prices beyond its high or low")
    return bar
