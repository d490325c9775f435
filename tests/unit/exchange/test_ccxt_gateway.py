"""The ccxt gateway against scripted answers: errors, paging, following orders."""

import datetime as dt
from decimal import Decimal

import pytest

from bot.exchange.ccxt_calls import CcxtCalls
from bot.exchange.ccxt_client import build_client
from bot.exchange.ccxt_gateway import CcxtGateway
from bot.exchange.hosts import policy_for
from bot.execution.orders import Fee, OrderStatus
from bot.kernel.errors import (
    ExchangeAnswerError,
    ExchangeError,
    ExchangeRefusedError,
    ExchangeUnavailableError,
)
from tests.unit.exchange.scripted_exchange import ORDER, TICKER, Reply, ScriptedExchange

MINUTE_MS = 60_000


def refusal(code: int, text: str, status: int = 400) -> Reply:
    return Reply({"code": code, "msg": text}, status)


# ---- reads --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (Reply(hang_up=True), ExchangeUnavailableError),
        (Reply("slow down", 429, {"Retry-After": "7"}), ExchangeUnavailableError),
        (Reply("banned", 418, {"Retry-After": "120"}), ExchangeUnavailableError),
        (Reply("", 403), ExchangeUnavailableError),
        (Reply("<html>", 503), ExchangeUnavailableError),
        (refusal(-1003, "Too much request weight used."), ExchangeUnavailableError),
        (refusal(-2015, "Invalid API-key, IP, or permissions for action.", 401), ExchangeRefusedError),
        (refusal(-2014, "API-key format invalid.", 401), ExchangeRefusedError),
        (refusal(-1022, "Signature for this request is not valid."), ExchangeRefusedError),
        (Reply("no words", 401), ExchangeRefusedError),
        (Reply("{broken"), ExchangeAnswerError),
        (Reply("null"), ExchangeAnswerError),
        (Reply({"balances": "none"}), ExchangeAnswerError),
        (Reply({}, 302, {"Location": "https://api.binance.com/api/v3/account"}), ExchangeAnswerError),
    ],
)
def test_a_failed_read_ends_in_one_of_the_three_errors(
    exchange: ScriptedExchange, gateway: CcxtGateway, reply: Reply, expected: type[Exception]
) -> None:
    exchange.say("GET account", reply)
    with pytest.raises(expected):
        gateway.wallet()


def test_a_bad_key_stays_a_refusal_after_a_success(exchange: ScriptedExchange, gateway: CcxtGateway) -> None:
    good = Reply({"balances": [{"asset": "SOL", "free": "1", "locked": "0"}]})
    exchange.say("GET account", good, refusal(-2015, "Invalid API-key, IP, or permissions for action.", 401))
    gateway.wallet()
    with pytest.raises(ExchangeRefusedError, match="-2015"):
        gateway.wallet()


def test_the_error_tells_when_to_come_back(exchange: ScriptedExchange, gateway: CcxtGateway) -> None:
    exchange.say("GET account", Reply("slow down", 429, {"Retry-After": "7"}))
    with pytest.raises(ExchangeUnavailableError, match="retry after 7 s"):
        gateway.wallet()


def test_after_a_wrong_clock_the_time_is_measured_again_and_the_read_repeated_once(
    exchange: ScriptedExchange, gateway: CcxtGateway
) -> None:
    late = refusal(-1021, "Timestamp for this request was 1000ms ahead of the server's time.")
    exchange.say("GET account", late, Reply({"balances": [{"asset": "SOL", "free": "1", "locked": "0"}]}))
    assert gateway.wallet().free("SOL") == 1
    assert len(exchange.asked("GET time")) == 2
    exchange.say("GET account", late)
    with pytest.raises(ExchangeRefusedError, match="-1021"):
        gateway.wallet()
    assert len(exchange.asked("GET account")) == 4


def test_the_signed_time_is_the_exchange_s(exchange: ScriptedExchange, gateway: CcxtGateway) -> None:
    exchange.say("GET account", Reply({"balances": [{"asset": "SOL", "free": "1", "locked": "0"}]}))
    gateway.wallet()
    told_ms = int(exchange.asked("GET account")[0].values["timestamp"])
    assert abs(told_ms - 1_700_000_000_000) < 5_000


def test_candles_are_paged_backwards_beyond_the_exchange_s_limit(
    exchange: ScriptedExchange, gateway: CcxtGateway
) -> None:
    def bars(first: int, count: int) -> Reply:
        return Reply([[(first + i) * MINUTE_MS, "1", "2", "0.5", "1.5", "9", 0, "0"] for i in range(count)])

    exchange.say("GET klines", bars(2_000, 1_000), bars(1_500, 500))
    candles = gateway.candles("SOL/USDT", "1m", limit=1_500)
    assert len(candles) == 1_500
    assert candles[0].opened_at < candles[-1].opened_at
    first, second = (request.values for request in exchange.asked("GET klines"))
    assert (first["limit"], second["limit"]) == ("1000", "500")
    assert second["endTime"] == str(2_000 * MINUTE_MS - 1)
    assert "endTime" not in first


def test_a_page_of_candles_that_repeats_itself_is_refused(
    exchange: ScriptedExchange, gateway: CcxtGateway
) -> None:
    page = Reply([[(i + 1) * MINUTE_MS, "1", "2", "0.5", "1.5", "9"] for i in range(1_000)])
    exchange.say("GET klines", page)
    with pytest.raises(ExchangeAnswerError):
        gateway.candles("SOL/USDT", "1m", limit=1_001)


def test_own_trades_are_paged_by_their_ids(exchange: ScriptedExchange, gateway: CcxtGateway) -> None:
    def trades(first: int, count: int) -> Reply:
        row = {"symbol": "SOLUSDT", "orderId": 7, "price": "2", "qty": "1", "commission": "0.001"}
        rest = {"commissionAsset": "SOL", "isBuyer": True}
        return Reply(
            [{**row, **rest, "id": first + i, "time": (first + i + 1) * 1_000} for i in range(count)]
        )

    exchange.say("GET myTrades", trades(10, 1_000), trades(1_010, 3))
    found = gateway.own_trades("SOL/USDT", since=dt.datetime(1970, 1, 1, 0, 0, 12, tzinfo=dt.UTC))
    assert [found[0].trade_id, found[-1].trade_id, len(found)] == ["11", "1012", 1_002]
    first, second = (request.values for request in exchange.asked("GET myTrades"))
    assert (first["startTime"], second["fromId"]) == ("12000", "1010")


def test_tickers_ask_only_for_known_markets_and_leave_out_those_without_prices(
    exchange: ScriptedExchange, gateway: CcxtGateway
) -> None:
    exchange.say("GET ticker/24hr", Reply([TICKER]), Reply([{**TICKER, "bidPrice": "0.00"}]))
    assert set(gateway.tickers(["SOL/USDT", "NOPE/USDT"])) == {"SOL/USDT"}
    assert exchange.asked("GET ticker/24hr")[0].values["symbols"] == '["SOLUSDT"]'
    assert gateway.tickers(["SOL/USDT"]) == {}
    assert gateway.tickers(["NOPE/USDT"]) == {}


def test_markets_are_asked_once(exchange: ScriptedExchange, gateway: CcxtGateway) -> None:
    gateway.markets()
    gateway.markets()
    assert len(exchange.asked("GET exchangeInfo")) == 1


def test_an_unknown_timeframe_or_symbol_is_refused(gateway: CcxtGateway) -> None:
    with pytest.raises(ExchangeRefusedError):
        gateway.candles("SOL/USDT", "7m", limit=1)
    with pytest.raises(ExchangeRefusedError, match="market_unavailable"):
        gateway.ticker("NOPE/USDT")


# ---- following orders ---------------------------------------------------------------------------------


def test_only_the_exchange_s_own_no_means_that_there_is_no_order(
    exchange: ScriptedExchange, gateway: CcxtGateway
) -> None:
    exchange.say("GET order", refusal(-2013, "Order does not exist."), refusal(-1100, "Illegal characters."))
    assert gateway.find_order("SOL/USDT", "mh-SOL-1") is None
    with pytest.raises(ExchangeRefusedError):
        gateway.find_order("SOL/USDT", "mh-SOL-1")
    exchange.say("GET order", Reply("<html>not found</html>", 404))
    with pytest.raises(ExchangeUnavailableError):
        gateway.find_order("SOL/USDT", "mh-SOL-1")
    exchange.say("GET order", refusal(-2013, "Order does not exist.", status=503))
    with pytest.raises(ExchangeUnavailableError):
        gateway.find_order("SOL/USDT", "mh-SOL-1")


def test_no_error_tells_a_signature(exchange: ScriptedExchange, gateway: CcxtGateway) -> None:
    exchange.say("GET account", Reply(hang_up=True))
    with pytest.raises(ExchangeUnavailableError) as caught:
        gateway.wallet()
    assert "GET http://127.0.0.1" in caught.value.why
    assert "signature" not in caught.value.why


def test_a_found_order_gets_its_fees_only_once_the_trades_account_for_all_fills(
    exchange: ScriptedExchange, gateway: CcxtGateway
) -> None:
    found = {name: value for name, value in ORDER.items() if name != "fills"}
    row = {"symbol": "SOLUSDT", "orderId": 7, "price": "145.32", "commissionAsset": "BNB", "isBuyer": False}
    one = {**row, "id": 1, "qty": "1", "commission": "0.0002", "time": 1_700_000_000_000}
    two = {**row, "id": 2, "qty": "0.5", "commission": "0.0001", "time": 1_700_000_000_000}
    exchange.say("GET order", Reply(found))
    exchange.say("GET myTrades", Reply([one]), Reply([one, two]))
    early, late = (gateway.find_order("SOL/USDT", "mh-SOL-1") for _ in range(2))
    assert early is not None
    assert late is not None
    assert early.fees == ()
    assert late.fees == (Fee(asset="BNB", amount=Decimal("0.0003")),)
    assert exchange.asked("GET myTrades")[0].values["orderId"] == "7"


def test_cancelling_what_ended_before_tells_how_it_ended(
    exchange: ScriptedExchange, gateway: CcxtGateway
) -> None:
    exchange.say("DELETE order", refusal(-2011, "Unknown order sent."))
    exchange.say("GET order", Reply(ORDER), refusal(-2013, "Order does not exist."))
    ended = gateway.cancel("SOL/USDT", "mh-SOL-1")
    assert ended is not None
    assert ended.status is OrderStatus.FILLED
    assert gateway.cancel("SOL/USDT", "mh-SOL-1") is None


def test_a_cancellation_is_told_under_our_id(exchange: ScriptedExchange, gateway: CcxtGateway) -> None:
    answer = {
        **ORDER,
        "clientOrderId": "the-cancel-itself",
        "origClientOrderId": "mh-SOL-1",
        "status": "CANCELED",
        "executedQty": "0",
        "cummulativeQuoteQty": "0",
        "fills": None,
    }
    exchange.say("DELETE order", Reply(answer))
    report = gateway.cancel("SOL/USDT", "mh-SOL-1")
    assert report is not None
    assert (report.client_order_id, report.status) == ("mh-SOL-1", OrderStatus.CANCELLED)


def test_open_orders_leave_out_markets_that_have_no_plain_name(
    exchange: ScriptedExchange, gateway: CcxtGateway
) -> None:
    resting = {**ORDER, "status": "NEW", "executedQty": "0", "cummulativeQuoteQty": "0", "fills": []}
    exchange.say("GET openOrders", Reply([resting, {**resting, "symbol": "ODDUSDT"}]))
    assert [report.symbol for report in gateway.open_orders()] == ["SOL/USDT"]


@pytest.mark.parametrize("time", ["transactTime", "updateTime"])
def test_an_order_with_a_time_beyond_the_calendar_is_an_answer_that_cannot_be_right(
    exchange: ScriptedExchange, gateway: CcxtGateway, time: str
) -> None:
    impossible = {**ORDER, time: 10**17}
    exchange.say("GET order", Reply(impossible))
    exchange.say("DELETE order", Reply(impossible))
    exchange.say("GET openOrders", Reply([impossible]))
    for read in (
        lambda: gateway.find_order("SOL/USDT", "mh-SOL-1"),
        lambda: gateway.cancel("SOL/USDT", "mh-SOL-1"),
        gateway.open_orders,
    ):
        with pytest.raises(ExchangeAnswerError):
            read()


@pytest.mark.parametrize("status", [200, 400])
def test_an_answer_nested_too_deeply_ends_in_our_error(
    exchange: ScriptedExchange, gateway: CcxtGateway, status: int
) -> None:
    exchange.say("GET account", Reply('{"a":' * 100_000 + "1" + "}" * 100_000, status))
    with pytest.raises(ExchangeError):
        gateway.wallet()


def test_whatever_an_endpoint_runs_into_ends_in_our_error(exchange: ScriptedExchange) -> None:
    client = build_client(policy=policy_for("sandbox", data_source="sandbox"), rest_url=exchange.rest_url)

    def stumble(_: object) -> None:
        raise RuntimeError("nobody foresaw this")

    with pytest.raises(ExchangeAnswerError, match="nobody foresaw this"):
        CcxtCalls(client).read("Nothing could be read.", stumble)


def test_fees_in_a_coin_without_a_plain_name_are_left_out(
    exchange: ScriptedExchange, gateway: CcxtGateway
) -> None:
    exchange.say("GET order", Reply({name: value for name, value in ORDER.items() if name != "fills"}))
    row = {"symbol": "SOLUSDT", "orderId": 7, "price": "145.32", "isBuyer": False, "time": 1_700_000_000_000}
    odd = {**row, "id": 1, "qty": "1", "commission": "3", "commissionAsset": "币安人生"}
    plain = {**row, "id": 2, "qty": "0.5", "commission": "0.07", "commissionAsset": "USDT"}
    exchange.say("GET myTrades", Reply([odd, plain]))
    report = gateway.find_order("SOL/USDT", "mh-SOL-1")
    assert report is not None
    assert report.fees == (Fee(asset="USDT", amount=Decimal("0.07")),)
