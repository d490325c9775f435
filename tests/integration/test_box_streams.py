"""Market streams: the protocol, what each stream tells, limits and faults."""

import asyncio
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import aiohttp
import pytest

from bot.exchange.box.config import BoxConfig
from bot.exchange.box.limits import Limits
from bot.exchange.box.server import RunningBox, start_box
from tests.fakes.box_exchange import START
from tests.fakes.box_socket import BoxSocket, box_socket, in_thread

FIRST = {
    "solusdt@trade": {"e", "E", "s", "t", "p", "q", "T", "m", "M"},
    "solusdt@aggTrade": {"e", "E", "s", "a", "p", "q", "f", "l", "T", "m", "M"},
    "solusdt@kline_1m": {"e", "E", "s", "k"},
    "solusdt@miniTicker": {"e", "E", "s", "c", "o", "h", "l", "v", "q"},
    "solusdt@ticker": set("eEspPwxcQbBaAohlvqOCFLn"),
    "solusdt@ticker_1h": set("eEspPohlcwvqOCFLn"),
    "solusdt@bookTicker": {"u", "s", "b", "B", "a", "A"},
    "solusdt@avgPrice": {"e", "E", "s", "i", "w", "T"},
    "solusdt@depth5": {"lastUpdateId", "bids", "asks"},
    "solusdt@depth@100ms": {"e", "E", "s", "U", "u", "b", "a"},
}


@pytest.fixture
def box() -> Iterator[RunningBox]:
    with start_box(BoxConfig(start=START, speed=0)) as running:
        yield running


async def step(box: RunningBox, seconds: int) -> None:
    await in_thread(box.control.advance, seconds)


@pytest.mark.parametrize("name", list(FIRST))
def test_each_stream_tells_the_exchanges_fields(box: RunningBox, name: str) -> None:
    async def scenario() -> Any:
        async with box_socket(box, f"/ws/{name}") as socket:
            await step(box, 10)
            return await socket.receive()

    message = asyncio.run(scenario())
    assert set(message) == FIRST[name]
    assert message.get("s", "SOLUSDT") == "SOLUSDT"


def test_all_markets_come_in_one_message(box: RunningBox) -> None:
    async def scenario() -> Any:
        async with box_socket(box, "/stream?streams=!miniTicker@arr") as socket:
            return await socket.receive()

    message = asyncio.run(scenario())
    assert message["stream"] == "!miniTicker@arr"
    assert {row["s"] for row in message["data"]} >= {"SOLUSDT", "BTCUSDT"}


def test_streams_are_added_listed_and_taken_away(box: RunningBox) -> None:
    async def scenario() -> None:
        async with box_socket(box, "/stream/ws/0") as socket:
            names = ["solusdt@trade", "nosuch@trade", "solusdt@nonsense"]
            assert await socket.ask("SUBSCRIBE", names) == {"result": None, "id": 1}
            assert (await socket.ask("LIST_SUBSCRIPTIONS"))["result"] == names
            await step(box, 5)
            assert (await socket.receive())["e"] == "trade"
            assert (await socket.ask("UNSUBSCRIBE", names))["result"] is None
            await step(box, 60)
            assert await socket.is_quiet()

    asyncio.run(scenario())


def test_a_connection_can_change_to_combined_messages(box: RunningBox) -> None:
    async def scenario() -> None:
        async with box_socket(box, "/ws") as socket:
            assert (await socket.ask("GET_PROPERTY", ["combined"]))["result"] is False
            assert (await socket.ask("SET_PROPERTY", ["combined", True]))["result"] is None
            await socket.ask("SUBSCRIBE", ["solusdt@trade"])
            await step(box, 5)
            message = await socket.receive()
            assert message["stream"] == "solusdt@trade"
            assert message["data"]["s"] == "SOLUSDT"

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("{", 3),
        ("[]", 2),
        ('{"id":1}', 2),
        ('{"method":"SUBSCRIBE","params":["a@trade"],"id":1.5}', 2),
        ('{"method":"HELLO","id":1}', 2),
        ('{"method":"SUBSCRIBE","params":[],"id":1}', 2),
        ('{"method":"SUBSCRIBE","params":[7],"id":1}', 2),
        ('{"method":"SUBSCRIBE","params":{},"id":1}', 2),
        ('{"method":"GET_PROPERTY","params":["x"],"id":1}', 0),
        ('{"method":"GET_PROPERTY","params":[],"id":1}', 2),
        ('{"method":"SET_PROPERTY","params":["combined","yes"],"id":1}', 1),
    ],
)
def test_nonsense_is_answered_and_the_connection_stays(box: RunningBox, text: str, code: int) -> None:
    async def scenario() -> None:
        async with box_socket(box, "/ws") as socket:
            await socket.socket.send_str(text)
            assert (await socket.receive())["error"]["code"] == code
            assert (await socket.ask("LIST_SUBSCRIPTIONS"))["result"] == []

    asyncio.run(scenario())


def test_every_candle_of_a_step_is_told_with_its_end(box: RunningBox) -> None:
    async def scenario() -> list[Any]:
        async with box_socket(box, "/ws/solusdt@kline_1m") as socket:
            first = await socket.receive()
            await step(box, 180)
            return [first, *await socket.events(4)]

    told = [message["k"] for message in asyncio.run(scenario())]
    assert [candle["x"] for candle in told] == [False, True, True, True, False]
    assert [candle["t"] - told[0]["t"] for candle in told] == [0, 0, 60_000, 120_000, 180_000]
    assert all(one["c"] == next_one["o"] for one, next_one in pairwise(told[1:]))


def test_trades_are_told_once_each_and_are_those_of_the_rest_call(box: RunningBox) -> None:
    async def scenario() -> tuple[list[Any], list[Any]]:
        async with box_socket(box, "/ws/solusdt@trade") as socket:
            await step(box, 20)
            await in_thread(box.control.set_price, "SOL/USDT", "150")
            await in_thread(box.control.external_trade, "SOL/USDT", "buy", "1")
            await in_thread(box.control.set_price, "SOL/USDT", "151")
            told = await socket.events(7)
            assert await socket.is_quiet()
        async with aiohttp.ClientSession() as session:
            url = f"{box.rest_url}/trades?symbol=SOLUSDT&limit=7"
            return told, await (await session.get(url)).json()

    told, asked = asyncio.run(scenario())
    assert {(one["t"], one["p"], one["q"]) for one in told} == {
        (one["id"], one["price"], one["qty"]) for one in asked
    }
    assert len({one["t"] for one in told}) == 7
    assert {"150.00000000", "151.00000000"} <= {one["p"] for one in told}


def test_a_quiet_market_tells_nothing(box: RunningBox) -> None:
    async def scenario() -> None:
        names = ["solusdt@ticker", "solusdt@bookTicker", "solusdt@kline_1h", "solusdt@depth@100ms"]
        async with box_socket(box, f"/stream?streams={'/'.join(names)}") as socket:
            first = {(await socket.receive())["stream"] for _ in range(3)}
            assert first == set(names[:3])
            assert await socket.is_quiet()

    asyncio.run(scenario())


def test_what_was_stepped_is_told_at_once_however_short_ago_something_was_told(box: RunningBox) -> None:
    async def scenario() -> None:
        async with box_socket(box, "/ws/solusdt@kline_1h") as socket:
            assert await socket.receive() is not None
            for _ in range(4):  # every two seconds at most, if time ran by itself
                await step(box, 60)
                message = await socket.socket.receive(1.5)
                assert message.type is aiohttp.WSMsgType.TEXT

    asyncio.run(scenario())


def test_an_accelerated_market_tells_every_candle_that_ends() -> None:
    async def scenario(box: RunningBox) -> list[Any]:
        async with box_socket(box, "/ws/solusdt@kline_1m") as socket:
            ended: list[Any] = []
            while len(ended) < 12:
                message = await socket.receive()
                if message["k"]["x"]:
                    ended.append(message["k"])
            return ended

    with start_box(BoxConfig(start=START, speed=600)) as box:
        ended = asyncio.run(scenario(box))
    assert [after["t"] - before["t"] for before, after in pairwise(ended)] == [60_000] * 11


async def two_trades(box: RunningBox, socket: BoxSocket) -> None:
    await socket.ask("SUBSCRIBE", ["solusdt@trade"])
    await step(box, 10)


@pytest.mark.parametrize(
    ("fault", "order"),
    [
        ({}, [0, 1]),
        ({"action": "event_missing"}, [1]),
        ({"action": "event_twice"}, [0, 0, 1]),
        ({"action": "event_swapped"}, [1, 0]),
        ({"action": "event_late", "seconds": 0.3}, [1, 0]),
    ],
)
def test_events_can_be_lost_doubled_swapped_and_late(
    box: RunningBox, fault: dict[str, Any], order: list[int]
) -> None:
    async def scenario() -> list[int]:
        async with box_socket(box, "/ws") as socket:
            if fault:
                await in_thread(lambda: box.control.add_fault(event="solusdt@trade", **fault))
            await two_trades(box, socket)
            times = [(await socket.receive())["T"] for _ in order]
            assert await socket.is_quiet()
            return times

    times = asyncio.run(scenario())
    first, last = (START.timestamp() * 1_000 + after for after in (4_000, 9_000))
    assert times == [(first, last)[place] for place in order]


def test_a_connection_can_be_cut_by_an_event_or_by_hand(box: RunningBox) -> None:
    async def scenario() -> None:
        async with box_socket(box, "/ws") as socket:
            await in_thread(lambda: box.control.add_fault("disconnect", event="trade"))
            await two_trades(box, socket)
            assert await socket.receive() is None
            assert socket.socket.close_code == 1006
        async with box_socket(box, "/ws/solusdt@ticker") as socket:
            assert await socket.receive() is not None
            assert [row["streams"] for row in await in_thread(box.control.streams)] == [["solusdt@ticker"]]
            await in_thread(box.control.cut_streams, "account")
            await step(box, 5)
            assert await socket.receive() is not None
            await in_thread(box.control.cut_streams, "market")
            assert await socket.receive() is None
        await asyncio.sleep(0.1)
        assert await in_thread(box.control.streams) == []

    asyncio.run(scenario())


def test_who_sends_too_much_is_cut_off_and_too_many_connections_are_refused() -> None:
    async def scenario(box: RunningBox) -> None:
        async with box_socket(box, "/ws") as socket:
            asked = 0
            while asked < 60 and await socket.ask("LIST_SUBSCRIPTIONS") is not None:
                asked += 1
            assert 5 <= asked <= 10, "five a second, and a second may end in between"
            assert socket.socket.close_code == 1008
        async with box_socket(box, "/ws"):
            pass
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            async with box_socket(box, "/ws"):
                pass
        assert refused.value.status == 429

    limits = Limits(stream_messages_per_s=5, connections_per_5min=2)
    with start_box(BoxConfig(speed=0, limits=limits)) as box:
        asyncio.run(scenario(box))


def test_the_server_pings_and_ends_old_connections() -> None:
    async def scenario(box: RunningBox) -> None:
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(f"{box.ws_url}/ws", autoping=False) as socket,
        ):
            assert (await socket.receive(3)).type is aiohttp.WSMsgType.PING
            assert (await socket.receive(3)).type in {aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR}
        async with box_socket(box, "/ws") as kept:
            started = asyncio.get_running_loop().time()
            assert await kept.receive() is None
            assert asyncio.get_running_loop().time() - started > 0.5

    with start_box(BoxConfig(speed=0, ping_every_s=0.2, connection_life_s=0.8)) as box:
        asyncio.run(scenario(box))


def test_an_unknown_socket_is_not_found_and_a_stopped_box_says_goodbye(box: RunningBox) -> None:
    async def scenario() -> None:
        with pytest.raises(aiohttp.WSServerHandshakeError, match="404"):
            async with box_socket(box, "/nowhere"):
                pass
        async with box_socket(box, "/ws") as socket:
            assert await socket.ask("LIST_SUBSCRIPTIONS") is not None
            await in_thread(box.stop)
            goodbye = await socket.socket.receive(5)
            assert (goodbye.type, goodbye.data) == (aiohttp.WSMsgType.CLOSE, 1001)

    asyncio.run(scenario())
