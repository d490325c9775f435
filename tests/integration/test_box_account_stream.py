"""The WebSocket API: requests, refusals, and the account's events as they happen."""

import asyncio
from collections.abc import Iterator
from typing import Any

import ccxt
import pytest

from bot.exchange.box.config import BoxConfig
from bot.exchange.box.limits import Limits
from bot.exchange.box.server import RunningBox, start_box
from tests.fakes.box_client import ccxt_streaming_client
from tests.fakes.box_exchange import START
from tests.fakes.box_socket import BoxSocket, account_stream, box_socket, in_thread

MARKET = {"symbol": "SOLUSDT", "side": "SELL", "type": "MARKET", "quantity": "1"}
RESTING = {
    "symbol": "SOLUSDT", "side": "SELL", "type": "LIMIT", "quantity": "2", "price": "200",
    "timeInForce": "GTC", "newClientOrderId": "mine",
}  # fmt: skip
OCO = {
    "symbol": "SOLUSDT", "side": "SELL", "quantity": "1", "aboveType": "LIMIT_MAKER", "abovePrice": "190",
    "belowType": "STOP_LOSS", "belowStopPrice": "100", "listClientOrderId": "both",
}  # fmt: skip


@pytest.fixture
def box() -> Iterator[RunningBox]:
    with start_box(BoxConfig(start=START, speed=0)) as running:
        yield running


async def heard(socket: BoxSocket, count: int) -> list[dict[str, Any]]:
    """Return the next events, without what the API answers in between."""
    events: list[dict[str, Any]] = []
    while len(events) < count:
        message = await socket.receive()
        assert message is not None
        if "event" in message:
            events.append(message["event"])
    return events


def short(event: dict[str, Any]) -> str:
    """Return an event in a few words."""
    match event["e"]:
        case "executionReport":
            return f"{event['x']} {event['X']} {event['c']}"
        case "listStatus":
            return f"list {event['l']}"
        case "balanceUpdate":
            return f"{event['a']} {event['d']}"
        case _:
            return str(event["e"])


def test_an_order_is_told_from_its_beginning_to_its_end(box: RunningBox) -> None:
    async def scenario() -> list[dict[str, Any]]:
        async with account_stream(box) as socket:
            placed = await socket.signed("order.place", **RESTING)
            assert placed["result"]["status"] == "NEW"
            await in_thread(box.control.fill, "SOL/USDT", "mine", "0.5")
            await in_thread(box.control.set_price, "SOL/USDT", "201")
            return await heard(socket, 6)

    events = asyncio.run(scenario())
    account = "outboundAccountPosition"
    assert [short(event) for event in events] == [
        "NEW NEW mine", account, "TRADE PARTIALLY_FILLED mine", account, "TRADE FILLED mine", account,
    ]  # fmt: skip
    assert [event["l"] for event in events[::2]] == ["0.00000000", "0.50000000", "1.50000000"]
    assert events[4]["N"] == "USDT"
    assert {row["a"]: row["l"] for row in events[5]["B"]} == {"SOL": "0.00000000", "USDT": "0.00000000"}


def test_a_cancelled_order_names_both_ids(box: RunningBox) -> None:
    async def scenario() -> dict[str, Any]:
        async with account_stream(box) as socket:
            await socket.signed("order.place", **RESTING)
            request = {"symbol": "SOLUSDT", "origClientOrderId": "mine", "newClientOrderId": "away"}
            answer = await socket.signed("order.cancel", **request)
            assert answer["result"]["origClientOrderId"] == "mine"
            return (await heard(socket, 1))[0]

    event = asyncio.run(scenario())
    assert (event["x"], event["c"], event["C"], event["w"]) == ("CANCELED", "away", "mine", False)


def test_of_a_list_the_stop_ends_when_the_limit_trades(box: RunningBox) -> None:
    async def scenario() -> list[str]:
        async with account_stream(box) as socket:
            answer = await socket.signed(
                "orderList.place.oco", **OCO, aboveClientOrderId="a", belowClientOrderId="b"
            )
            assert answer["result"]["listStatusType"] == "EXEC_STARTED"
            await in_thread(box.control.set_price, "SOL/USDT", "191")
            return [short(event) for event in await heard(socket, 8)]

    account = "outboundAccountPosition"
    assert asyncio.run(scenario()) == [
        "NEW NEW a", "NEW NEW b", "list EXEC_STARTED", account,
        "EXPIRED EXPIRED b", "TRADE FILLED a", "list ALL_DONE", account,
    ]  # fmt: skip


def test_a_trade_by_hand_and_coins_from_outside_are_told(box: RunningBox) -> None:
    async def scenario() -> list[str]:
        async with account_stream(box) as socket:
            await in_thread(box.control.external_trade, "SOL/USDT", "sell", "1")
            await in_thread(box.control.deposit, "DOGE", "5")
            await in_thread(box.control.withdraw, "SOL", "2")
            return [short(event) for event in await heard(socket, 7)]

    told = asyncio.run(scenario())
    account = "outboundAccountPosition"
    assert told[0].startswith("NEW NEW web_")
    assert told[1].startswith("TRADE FILLED web_")
    assert told[2:] == [account, "DOGE 5.00000000", account, "SOL -2.00000000", account]


def test_the_requests_of_the_api_answer_as_over_rest(box: RunningBox) -> None:
    async def scenario() -> None:
        async with box_socket(box, "/ws-api/v3") as socket:
            assert (await socket.ask("ping"))["result"] == {}
            assert (await socket.ask("v3/time"))["status"] == 200
            assert (
                len(
                    (await socket.ask("klines", {"symbol": "SOLUSDT", "interval": "1h", "limit": 3}))[
                        "result"
                    ]
                )
                == 3
            )
            quiet = await socket.ask("time", {"returnRateLimits": False})
            assert "rateLimits" not in quiet
            tickers = await socket.ask("ticker.price", {"symbols": ["SOLUSDT", "BTCUSDT"]})
            assert [row["symbol"] for row in tickers["result"]] == ["SOLUSDT", "BTCUSDT"]
            placed = await socket.signed("order.place", **MARKET)
            assert [row["rateLimitType"] for row in placed["rateLimits"]] == [
                "ORDERS",
                "ORDERS",
                "REQUEST_WEIGHT",
            ]
            assert [row["count"] for row in placed["rateLimits"][:2]] == [1, 1]
            assert (await socket.signed("account.status"))["result"]["canTrade"] is True
            assert (await socket.ask("session.subscriptions"))["result"] == []

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("method", "params", "status", "code"),
    [
        ("order.place", {**MARKET, "apiKey": "x"}, 401, -2014),
        ("order.place", {**MARKET, "apiKey": "x" * 64}, 401, -2015),
        ("order.place", MARKET, 401, -2014),
        ("session.logon", {}, 403, -4056),
        ("nonsense", {}, 400, -1000),
        ("klines", {"symbol": "SOLUSDT"}, 400, -1102),
    ],
)
def test_a_refusal_has_status_code_and_words(
    box: RunningBox, method: str, params: dict[str, Any], status: int, code: int
) -> None:
    async def scenario() -> Any:
        async with box_socket(box, "/ws-api/v3") as socket:
            return await socket.ask(method, params)

    answer = asyncio.run(scenario())
    assert (answer["status"], answer["error"]["code"]) == (status, code)


@pytest.mark.parametrize("text", ["{", "[]", '{"id":1}', '{"method":"ping"}'])
def test_what_is_no_request_is_refused(box: RunningBox, text: str) -> None:
    async def scenario() -> Any:
        async with box_socket(box, "/ws-api/v3") as socket:
            await socket.socket.send_str(text)
            return await socket.receive()

    assert asyncio.run(scenario())["error"] == {"code": -1135, "msg": "Invalid JSON Request"}


def test_a_wrong_signature_hears_nothing(box: RunningBox) -> None:
    async def scenario() -> None:
        async with box_socket(box, "/ws-api/v3") as socket:
            request = {"apiKey": box.api_key, "timestamp": 1, "signature": "0" * 64}
            answer = await socket.ask("userDataStream.subscribe.signature", request)
            assert answer["error"]["code"] == -1021
            await in_thread(box.control.deposit, "DOGE", "5")
            assert await socket.is_quiet()

    asyncio.run(scenario())


def test_who_unsubscribes_or_is_ended_hears_no_more(box: RunningBox) -> None:
    async def scenario() -> None:
        async with account_stream(box) as socket:
            assert (await socket.ask("session.subscriptions"))["result"] == [{"subscriptionId": 0}]
            await socket.ask("userDataStream.unsubscribe", {"subscriptionId": 0})
            await in_thread(box.control.deposit, "DOGE", "5")
            assert await socket.is_quiet()
        async with account_stream(box) as socket:
            await in_thread(box.control.cut_streams, "account_stream")
            assert [short(event) for event in await heard(socket, 1)] == ["eventStreamTerminated"]
            await in_thread(box.control.deposit, "DOGE", "5")
            assert await socket.is_quiet()

    asyncio.run(scenario())


def test_faults_strike_the_api_too(box: RunningBox) -> None:
    async def scenario() -> None:
        async with box_socket(box, "/ws-api/v3") as socket:
            answer: dict[str, Any] = {"status": 503, "code": -1008, "message": "busy"}
            await in_thread(
                lambda: box.control.add_fault("status_after", method="WS", path="order.place", **answer)
            )
            struck = await socket.signed("order.place", **MARKET)
            assert (struck["status"], struck["error"]) == (503, {"code": -1008, "msg": "busy"})
            assert len((await socket.signed("myTrades", symbol="SOLUSDT"))["result"]) == 1
            await in_thread(lambda: box.control.add_fault("drop_after", method="WS", path="order.place"))
            assert await socket.signed("order.place", **MARKET) is None
        assert (await in_thread(box.control.state))["orders"] == 2

    asyncio.run(scenario())


def test_limits_are_shared_with_rest_and_tell_when_to_come_back() -> None:
    async def scenario(box: RunningBox) -> Any:
        async with box_socket(box, "/ws-api/v3") as socket:
            assert (await socket.signed("order.place", **MARKET))["status"] == 200
            return await socket.signed("order.place", **MARKET)

    with start_box(BoxConfig(speed=0, limits=Limits(orders_per_day=1))) as box:
        answer = asyncio.run(scenario(box))
    assert answer["status"] == 429
    assert answer["error"]["msg"] == "Too many new orders; current limit is 1 orders per 1 DAY."
    assert answer["error"]["data"]["retryAfter"] > answer["error"]["data"]["serverTime"]


def test_the_client_trades_and_asks_over_the_socket(box: RunningBox) -> None:
    async def scenario() -> None:
        async with ccxt_streaming_client(box) as client:
            await client.load_markets()
            order = await client.create_order_ws("SOL/USDT", "limit", "sell", 1, 300)
            assert (await client.fetch_order_ws(order["id"], "SOL/USDT"))["status"] == "open"
            assert len(await client.fetch_open_orders_ws("SOL/USDT")) == 1
            assert (await client.cancel_order_ws(order["id"], "SOL/USDT"))["status"] == "canceled"
            await client.create_order_ws("SOL/USDT", "market", "sell", 1)
            assert len(await client.fetch_my_trades_ws("SOL/USDT")) >= 1
            assert len(await client.fetch_orders_ws("SOL/USDT")) == 2
            assert len(await client.fetch_ohlcv_ws("SOL/USDT", "1h", None, 5)) == 5
            assert len(await client.fetch_trades_ws("SOL/USDT", None, 5)) == 5

    asyncio.run(scenario())


def until_somebody_listens(box: RunningBox) -> None:
    while not any(row["account_subscriptions"] for row in box.control.streams()):
        pass


def test_the_client_comes_back_after_its_connection_was_cut(box: RunningBox) -> None:
    async def scenario() -> None:
        async with ccxt_streaming_client(box) as client:
            await client.load_markets()
            waiting = asyncio.create_task(client.watch_orders("SOL/USDT"))
            await in_thread(until_somebody_listens, box)
            await in_thread(box.control.cut_streams)
            with pytest.raises(ccxt.NetworkError):
                await waiting
            await client.create_order("SOL/USDT", "limit", "sell", 1, 300)  # nobody is told
            again = asyncio.create_task(client.watch_orders("SOL/USDT"))
            await in_thread(until_somebody_listens, box)
            await client.create_order("SOL/USDT", "limit", "sell", 1, 301)
            assert [order["price"] for order in await again] == [301]
            assert len(await client.fetch_open_orders("SOL/USDT")) == 2

    asyncio.run(scenario())
