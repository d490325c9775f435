"""The tests that ship inside the ccxt package, called unchanged: asynchronous calls and streams.

Each of ccxt's stream tests watches for fifteen seconds, so all of them watch at once, on one client,
while orders are placed beside them. What is left out beyond `test_box_conformance.py`: order books,
trades and candles for several symbols in one call are the same streams again; `watch_positions` and
`watch_liquidations` are futures.
"""

import asyncio
import importlib
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest

from bot.exchange.box.config import BoxConfig
from bot.exchange.box.server import RunningBox, start_box
from tests.fakes.box_client import ccxt_streaming_client
from tests.integration.test_box_conformance import (
    BOOK_SKIPPED,
    SKIPPED,
    SPOT_ONLY,
    SYMBOL,
    WITH_SYMBOL,
    WITHOUT_SYMBOL,
)

STREAMS = (
    "order_book",
    "trades",
    "ticker",
    "tickers",
    "bids_asks",
    "ohlcv",
    "orders",
    "my_trades",
    "balance",
)
WATCHED = {"balance": "SOL"}
"""What is watched where it is not the symbol."""
Outcomes = dict[str, BaseException | None]


@pytest.fixture(scope="module")
def box() -> Iterator[RunningBox]:
    with start_box(BoxConfig()) as running:
        yield running


def shipped_test(folder: str, name: str) -> Callable[..., Awaitable[Any]]:
    test: Callable[..., Awaitable[Any]] = getattr(
        importlib.import_module(f"{folder}.test_{name}"), f"test_{name}"
    )
    return test


async def outcome(test: Awaitable[Any]) -> BaseException | None:
    try:
        await test
    except Exception as error:  # noqa: BLE001  # whatever it is, it becomes the test's failure
        return error
    return None


async def trade(client: Any, until: asyncio.Event) -> None:
    """Buy and sell by turns, and let an order rest and be cancelled."""
    sides = ("sell", "buy")
    turn = 0
    while not until.is_set():
        await client.create_order(SYMBOL, "market", sides[turn % 2], 1)
        resting = await client.create_order(SYMBOL, "limit", "sell", 1, 300)
        await client.cancel_order(resting["id"], SYMBOL)
        turn += 1
        await asyncio.sleep(0.4)


async def all_rest_outcomes(box: RunningBox) -> Outcomes:
    folder = "ccxt.test.exchange.async"
    found: Outcomes = {}
    async with ccxt_streaming_client(box, has=SPOT_ONLY) as client:
        await client.load_markets()
        await client.create_order(SYMBOL, "market", "sell", 1)
        await client.create_order(SYMBOL, "limit", "sell", 1, 180)
        for name in WITH_SYMBOL:
            skipped = BOOK_SKIPPED if name.endswith("order_book") else SKIPPED
            found[name] = await outcome(shipped_test(folder, name)(client, skipped, SYMBOL))
        for name in WITHOUT_SYMBOL:
            found[name] = await outcome(shipped_test(folder, name)(client, SKIPPED))
    return found


async def all_stream_outcomes(box: RunningBox) -> Outcomes:
    async with (
        ccxt_streaming_client(box, has=SPOT_ONLY) as client,
        ccxt_streaming_client(box, has=SPOT_ONLY) as trader,
    ):
        await client.load_markets()
        await trader.load_markets()
        done = asyncio.Event()
        trading = asyncio.create_task(trade(trader, done))
        tests = [
            outcome(
                shipped_test("ccxt.pro.test.Exchange", f"watch_{name}")(
                    client, BOOK_SKIPPED if name == "order_book" else SKIPPED, WATCHED.get(name, SYMBOL)
                )
            )
            for name in STREAMS
        ]
        outcomes = await asyncio.wait_for(asyncio.gather(*tests), 60)
        done.set()
        await trading
    return dict(zip(STREAMS, outcomes, strict=True))


@pytest.fixture(scope="module")
def rest_outcomes(box: RunningBox) -> Outcomes:
    return asyncio.run(all_rest_outcomes(box))


@pytest.fixture(scope="module")
def stream_outcomes(box: RunningBox) -> Outcomes:
    return asyncio.run(all_stream_outcomes(box))


@pytest.mark.parametrize("name", [*WITH_SYMBOL, *WITHOUT_SYMBOL])
def test_the_clients_own_asynchronous_test_passes(rest_outcomes: Outcomes, name: str) -> None:
    assert rest_outcomes[name] is None


@pytest.mark.parametrize("name", STREAMS)
def test_the_clients_own_stream_test_passes(stream_outcomes: Outcomes, name: str) -> None:
    assert stream_outcomes[name] is None
