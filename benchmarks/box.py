"""The exchange in a box: how fast it answers through the client, and how long a simulated day takes.

The other side of the first figure is an aiohttp handler that answers `{}` to everything, in a process
of its own as the box is, asked by the same client in the same words, by turns. The requests are those
of a trading loop: price, best prices, a ticker, a book, candles, balances, open orders, an order and
its cancellation.
"""

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import ccxt

from benchmarks.measure import Result, alternating_ms, bounded, compare
from bot.exchange.box.client import BoxControl

COINS = 100
SERVE = (
    "import sys; from decimal import Decimal; from bot.exchange.box.config import BoxConfig;"
    "from bot.exchange.box.server import serve_forever; serve_forever(BoxConfig({}), sys.stdout)"
)
BOX = SERVE.format("speed=1")
DAY_BOX = SERVE.format(f"speed=0, extra_coins={COINS - 9}, wallet={{'USDT': Decimal(10**7)}}")
EMPTY = """
import asyncio, json
from aiohttp import web
async def handle(request):
    await request.read()
    return web.Response(body=b"{}", content_type="application/json")
async def main():
    runner = web.ServerRunner(web.Server(handle, access_log=None))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(json.dumps({"port": runner.addresses[0][1]}), flush=True)
    await asyncio.Event().wait()
asyncio.run(main())
"""
ROUNDS = 41
LOOPS_PER_ROUND = 4
REQUESTS_PER_LOOP = 9
DAY_MINUTES = 1_440
DAY_S = 60


@contextlib.contextmanager
def server(code: str) -> Iterator[dict[str, Any]]:
    """Run a server in a process of its own and yield its first line."""
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    try:
        if process.stdout is None:
            raise RuntimeError("the server has no output")
        yield json.loads(process.stdout.readline())
    finally:
        process.terminate()
        process.wait(20)
        if process.stdout is not None:
            process.stdout.close()


def client_for(rest_url: str, api_key: str, secret: str) -> Any:
    """Return the client, pointed at a server by configuration alone."""
    urls = {"public": rest_url, "private": rest_url, "v1": rest_url}
    client = ccxt.binance(
        {"apiKey": api_key, "secret": secret, "enableRateLimit": False, "urls": {"test": urls}}
    )
    client.set_sandbox_mode(True)
    return client


def loop(client: Any) -> None:
    """Make the nine requests of one turn of a trading loop, signed where they must be."""
    sol = {"symbol": "SOLUSDT"}
    client.public_get_ticker_price(sol)
    client.public_get_ticker_bookticker(sol)
    client.public_get_ticker_24hr(sol)
    client.public_get_depth({**sol, "limit": 20})
    client.public_get_klines({**sol, "interval": "1h", "limit": 24})
    client.private_get_account({"omitZeroBalances": "true"})
    client.private_get_openorders(sol)
    order = {"side": "SELL", "type": "LIMIT", "quantity": "1", "price": "300", "timeInForce": "GTC"}
    client.private_post_order({**sol, **order, "newClientOrderId": "bench"})
    client.private_delete_order({**sol, "origClientOrderId": "bench"})


def requests_per_second(rounds: int) -> Result:
    """Return the box's figure beside the empty handler's."""
    with server(BOX) as box, server(EMPTY) as empty:
        ours = client_for(box["rest_url"], box["api_key"], box["secret"])
        theirs = client_for(f"http://127.0.0.1:{empty['port']}/api/v3", "k" * 64, "s" * 64)

        def many(client: Any) -> Callable[[], None]:
            def run() -> None:
                for _ in range(LOOPS_PER_ROUND):
                    loop(client)

            return run

        took = alternating_ms([many(ours), many(theirs)], rounds=rounds)
        for client in (ours, theirs):
            client.session.close()
    speeds = [LOOPS_PER_ROUND * REQUESTS_PER_LOOP / ms * 1_000 for ms in took]
    return compare(
        "requests through the client, box",
        ours=speeds[0],
        theirs=speeds[1],
        unit="1/s",
        against="an aiohttp handler that answers {}",
        times=0.5,
        side="at least",
    )


def simulated_day(minutes: int) -> Result:
    """Return how long a day takes with 100 coins, orders waiting on every one, stepped by the minute.

    Every minute the client asks for all prices, so nothing that happens is skipped.
    """
    with server(DAY_BOX) as box, BoxControl(box["control_url"], box["control_token"]) as control:
        client = client_for(box["rest_url"], box["api_key"], box["secret"])
        started = time.perf_counter()
        prices = client.public_get_ticker_price()
        for row in prices:
            arm(client, row["symbol"], Decimal(row["price"]))
        for _ in range(minutes):
            control.advance(60)
            client.public_get_ticker_price()
        took_s = time.perf_counter() - started
        client.session.close()
        state = control.state()
    if not state["balances_conserved"] or len(prices) != COINS:
        raise RuntimeError(f"the simulated day went wrong: {len(prices)} coins")
    name = f"a simulated day, {COINS} coins, {state['orders']} orders, {state['trades']} trades"
    return bounded(name, value=took_s, unit="s", at_most=DAY_S)


def arm(client: Any, symbol: str, last: Decimal) -> None:
    """Buy a coin and put a target, a trailing stop and a purchase further down on it."""
    quantity = "0.01" if symbol == "BTCUSDT" else str(max(1, int(500 / last)))

    def place(side: str, kind: str, **fields: str) -> None:
        order = {"symbol": symbol, "side": side, "type": kind, "quantity": quantity}
        client.private_post_order({**order, **fields})

    def near(factor: str) -> str:
        return f"{last * Decimal(factor):.{2 if last > 1 else 4}f}"

    for _ in range(3):  # two to sell, and the fees
        place("BUY", "MARKET")
    place("SELL", "LIMIT", price=near("1.04"), timeInForce="GTC")
    place("SELL", "STOP_LOSS", trailingDelta="300")
    place("BUY", "LIMIT", price=near("0.96"), timeInForce="GTC")


def measure(*, quick: bool = False) -> list[Result]:
    """Return both figures."""
    return [requests_per_second(1 if quick else ROUNDS), simulated_day(5 if quick else DAY_MINUTES)]
