"""The main calls of the unchanged ccxt client against a box whose time moves by steps."""

import datetime as dt
import http.client
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import ccxt
import pytest

from bot.exchange.box.config import BoxConfig
from bot.exchange.box.server import RunningBox, start_box
from tests.fakes.box_client import ccxt_client

SOL = "SOL/USDT"
START = dt.datetime(2026, 5, 3, 12, 34, 56, tzinfo=dt.UTC)
HOUR_MS = 3_600_000


@pytest.fixture
def box() -> Iterator[RunningBox]:
    with start_box(BoxConfig(start=START, speed=0)) as running:
        yield running


@pytest.fixture
def client(box: RunningBox) -> Iterator[Any]:
    with ccxt_client(box) as exchange:
        exchange.load_markets()
        yield exchange


def test_markets_carry_their_filters(client: Any) -> None:
    assert {"SOL/USDT", "ETH/USDT", "DOGE/USDT", "BTC/USDT", "USDC/USDT"} <= set(client.markets)
    market = client.market(SOL)
    assert (market["precision"]["amount"], market["precision"]["price"]) == (0.001, 0.01)
    assert market["limits"]["cost"]["min"] == 5
    assert market["active"]
    names = [row["filterType"] for row in market["info"]["filters"]]
    assert names[:5] == ["PRICE_FILTER", "LOT_SIZE", "MARKET_LOT_SIZE", "PERCENT_PRICE_BY_SIDE", "NOTIONAL"]


def test_tickers_books_and_candles_tell_one_story(client: Any) -> None:
    ticker = client.fetch_ticker(SOL)
    book = client.fetch_order_book(SOL, 50)
    assert (ticker["bid"], ticker["ask"]) == (book["bids"][0][0], book["asks"][0][0])
    assert ticker["bid"] < ticker["last"] < ticker["ask"]
    assert len(book["bids"]) == len(book["asks"]) == 50
    for timeframe in ("1m", "5m", "15m", "1h", "4h", "1d"):
        candles = client.fetch_ohlcv(SOL, timeframe, limit=1_000)
        assert len(candles) == 1_000
        assert candles[-1][4] == ticker["last"]
    assert set(client.fetch_tickers([SOL, "BTC/USDT"])) == {SOL, "BTC/USDT"}
    assert client.fetch_last_prices([SOL])[SOL]["price"] == ticker["last"]


def test_candles_page_from_a_time_on(client: Any) -> None:
    since = int(START.timestamp() * 1_000) - 100 * HOUR_MS
    first = client.fetch_ohlcv(SOL, "1h", since, 60)
    second = client.fetch_ohlcv(SOL, "1h", first[-1][0] + 1, 60)
    opened = [candle[0] for candle in first + second]
    assert opened == list(range(opened[0], opened[0] + 100 * HOUR_MS, HOUR_MS))
    assert client.fetch_ohlcv(SOL, "1h", int(START.timestamp() * 1_000) + HOUR_MS) == []
    assert client.fetch_ohlcv(SOL, "1M", 10**17) == []
    assert client.fetch_ohlcv(SOL, "1d", 0, 1)[0][0] == 1_388_534_400_000, "the market's first day"


def test_time_for_signatures_is_not_market_time(box: RunningBox, client: Any) -> None:
    assert abs(client.fetch_time() - client.milliseconds()) < 5_000
    assert client.fetch_ticker(SOL)["timestamp"] == int(START.timestamp() * 1_000)
    box.control.advance(3_600)
    assert client.fetch_ticker(SOL)["timestamp"] == int(START.timestamp() * 1_000) + HOUR_MS
    assert client.fetch_balance()["total"]["SOL"] == 120


def test_an_order_is_found_by_its_client_id(client: Any) -> None:
    client.create_order(SOL, "limit", "sell", 2, 200, {"clientOrderId": "mh-SOL-1"})
    found = client.fetch_order(None, SOL, {"origClientOrderId": "mh-SOL-1"})
    assert (found["status"], found["amount"], found["price"]) == ("open", 2, 200)
    assert [order["clientOrderId"] for order in client.fetch_open_orders()] == ["mh-SOL-1"]
    assert client.fetch_balance()["SOL"] == {"free": 118, "used": 2, "total": 120}
    cancelled = client.cancel_order(None, SOL, {"origClientOrderId": "mh-SOL-1"})
    assert cancelled["status"] == "canceled"
    assert client.fetch_balance()["SOL"] == {"free": 120, "used": 0, "total": 120}


def test_a_sale_shows_in_the_order_the_trades_and_the_balance(client: Any) -> None:
    order = client.create_order(SOL, "market", "sell", 2, params={"clientOrderId": "sale"})
    assert (order["status"], order["filled"]) == ("closed", 2)
    trades = client.fetch_my_trades(SOL)
    assert sum(trade["amount"] for trade in trades) == 2
    assert {trade["order"] for trade in trades} == {order["id"]}
    assert {trade["fee"]["currency"] for trade in trades} == {"USDT"}
    fees = sum(trade["fee"]["cost"] for trade in trades)
    balance = client.fetch_balance()
    assert balance["SOL"]["total"] == 118
    assert balance["USDT"]["total"] == pytest.approx(10_000 + order["cost"] - fees, abs=1e-6)


def test_all_open_orders_of_a_market_go_at_once(client: Any) -> None:
    for price in (200, 210):
        client.create_order(SOL, "limit", "sell", 1, price)
    client.create_order("ETH/USDT", "limit", "sell", 1, 5_000)
    assert {order["status"] for order in client.cancel_all_orders(SOL)} == {"canceled"}
    assert [order["symbol"] for order in client.fetch_open_orders()] == ["ETH/USDT"]
    with pytest.raises(ccxt.OrderNotFound):
        client.cancel_all_orders(SOL)


def test_a_test_order_is_checked_and_not_taken(client: Any) -> None:
    assert client.create_order(SOL, "market", "sell", 1, params={"test": True})["info"] == {}
    assert client.fetch_orders(SOL) == []
    with pytest.raises(ccxt.BadRequest, match="NOTIONAL"):
        client.create_order(SOL, "market", "sell", 0.001, params={"test": True})


def test_fees_counts_and_limits_are_told(client: Any) -> None:
    rates = client.private_get_account_commission({"symbol": "SOLUSDT"})["standardCommission"]
    assert (rates["maker"], rates["taker"]) == ("0.00100000", "0.00100000")
    client.create_order(SOL, "market", "sell", 1)
    assert client.last_response_headers["X-MBX-ORDER-COUNT-10S"] == "1"
    assert client.last_response_headers["X-MBX-ORDER-COUNT-1D"] == "1"
    before = int(client.last_response_headers["X-MBX-USED-WEIGHT-1M"])
    assert [row["count"] for row in client.private_get_ratelimit_order()] == [1, 1]
    client.fetch_balance()
    assert int(client.last_response_headers["X-MBX-USED-WEIGHT"]) in {before + 60, 20}


def refused(client: Any, error: type[Exception], text: str, *order: Any, **params: Any) -> None:
    with pytest.raises(error) as caught:
        client.create_order(SOL, *order, params)
    assert type(caught.value) is error
    assert text in str(caught.value)


def test_refusals_reach_the_client_as_its_own_classes(client: Any) -> None:
    refused(client, ccxt.InsufficientFunds, "Account has insufficient balance", "market", "sell", 121, None)
    refused(
        client, ccxt.OrderImmediatelyFillable, "immediately match", "limit", "sell", 1, 100, postOnly=True
    )
    refused(
        client,
        ccxt.OrderImmediatelyFillable,
        "trigger immediately",
        "market",
        "sell",
        1,
        None,
        stopLossPrice=190,
    )
    refused(client, ccxt.BadRequest, "NOTIONAL", "market", "sell", 0.001, None)
    refused(client, ccxt.InvalidOrder, "PERCENT_PRICE_BY_SIDE", "limit", "sell", 1, 2_000)
    refused(client, ccxt.InvalidOrder, "MARKET_LOT_SIZE", "market", "sell", 25_000, None)
    client.create_order(SOL, "limit", "sell", 1, 200, {"clientOrderId": "twice"})
    refused(
        client, ccxt.InvalidOrder, "Duplicate order sent.", "limit", "sell", 1, 200, clientOrderId="twice"
    )
    with pytest.raises(ccxt.OrderNotFound, match="-2013"):
        client.fetch_order("1", SOL)
    with pytest.raises(ccxt.OrderNotFound, match="-2011"):
        client.cancel_order("1", SOL)


RAW_ORDER = {"symbol": "SOLUSDT", "side": "SELL", "type": "LIMIT", "timeInForce": "GTC", "quantity": "1"}


@pytest.mark.parametrize(
    ("change", "code", "text"),
    [
        ({"symbol": "NOPEUSDT"}, -1121, "Invalid symbol."),
        ({"side": "HOLD"}, -1117, "Invalid side."),
        ({"type": "MAGIC"}, -1116, "Invalid orderType."),
        ({"price": "200", "timeInForce": "GTX"}, -1115, "Invalid timeInForce."),
        ({}, -1102, "Mandatory parameter 'price' was not sent, was empty/null, or malformed."),
        ({"price": "abc"}, -1100, "Illegal characters found in parameter 'price'"),
        ({"price": "200.123456789"}, -1111, "Parameter 'price' has too much precision."),
        ({"price": "0"}, -1013, "Invalid price."),
        ({"price": "200.001"}, -1013, "Filter failure: PRICE_FILTER"),
        ({"price": "200", "quantity": "0.0005"}, -1013, "Filter failure: LOT_SIZE"),
        ({"price": "200", "stopPrice": "100"}, -1106, "Parameter 'stopPrice' sent when not required."),
        ({"price": "200", "newClientOrderId": "a b"}, -1100, "newClientOrderId"),
        ({"price": "200", "trailingDelta": "10"}, -1106, "Parameter 'trailingDelta' sent when not required."),
        ({"price": "200", "newOrderRespType": "LONG"}, -1132, "Invalid newOrderRespType."),
    ],
)
def test_a_malformed_order_gets_the_exchanges_own_words(
    client: Any, change: dict[str, str], code: int, text: str
) -> None:
    with pytest.raises(ccxt.BaseError) as caught:
        client.private_post_order({**RAW_ORDER, **change})
    assert f'"code":{code},' in str(caught.value)
    assert text in str(caught.value)


def test_strangers_are_kept_out(box: RunningBox) -> None:
    with (
        ccxt_client(box, apiKey="b" * 64) as stranger,
        pytest.raises(ccxt.AuthenticationError, match="-2015"),
    ):
        stranger.fetch_balance()
    with ccxt_client(box, apiKey="short") as stranger, pytest.raises(ccxt.AuthenticationError, match="-2014"):
        stranger.fetch_balance()
    forger = {"secret": "wrong"}
    with ccxt_client(box, **forger) as stranger, pytest.raises(ccxt.AuthenticationError, match="-1022"):
        stranger.fetch_balance()


def test_a_clock_that_is_wrong_is_told_so(box: RunningBox, client: Any) -> None:
    box.control.set_auth_skew(30_000)
    with pytest.raises(ccxt.InvalidNonce, match="-1021"):
        client.fetch_balance()
    box.control.set_auth_skew(-5_000)
    with pytest.raises(ccxt.InvalidNonce, match="ahead of the server's time"):
        client.fetch_balance()
    client.load_time_difference()
    assert client.fetch_balance()["SOL"]["total"] == 120


def test_too_much_weight_is_refused_where_a_limit_is_set() -> None:
    with start_box(BoxConfig(speed=0, weight_limit_per_minute=0)) as box, ccxt_client(box) as client:
        with pytest.raises(ccxt.DDoSProtection, match="Too much request weight used"):
            client.fetch_time()
        assert 1 <= int(client.last_response_headers["Retry-After"]) <= 60


def test_only_loopback_is_served(box: RunningBox) -> None:
    assert urlsplit(box.rest_url).hostname == "127.0.0.1"
    assert urlsplit(box.control_url).hostname == "127.0.0.1"


def test_an_unknown_path_is_not_found(box: RunningBox) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", urlsplit(box.rest_url).port)
    for path in ("/", "/api/v3/", "/api/v3/nothing", "/sapi/v1/capital", "/api/v1/ping"):
        connection.request("GET", path)
        response = connection.getresponse()
        response.read()
        assert response.status == 404
    connection.close()


def test_the_client_gets_hundreds_of_answers_a_second(client: Any) -> None:
    """A bar far below what is usual (a thousand and more), for machines that are busy."""
    started = time.perf_counter()
    for _ in range(200):
        client.fetch_time()
    assert time.perf_counter() - started < 2
