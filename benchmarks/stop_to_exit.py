"""From the trade that crosses a stop to the exit order that the exchange has accepted, stream-driven.

A real `bot run` guards ten coins at a box in another process, ten times with a new home. A price is moved
below a coin's stop through the box's control port; the time begins before that request leaves, and ends
when the account's stream tells this process that the exit order is in the book: both ways are longer than
what they stand for. In turn, a bare ccxt client sends a market order of its own, and the time of that one
round trip is what we are held against. The daemon's cycle is its usual one, so some exits wait for a cycle
that is under way.
"""

import contextlib
import queue
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import ccxt

from benchmarks.box import server
from benchmarks.daemons import pause
from benchmarks.homes import BenchApp, bench_folder
from benchmarks.measure import Result, compare, told
from benchmarks.stop_home import guarded_home, running
from bot.app.clock import SystemClock
from bot.exchange.box.client import BoxControl
from bot.exchange.stream_ccxt import open_ccxt_streams
from bot.exchange.streams import OrderSeen, StreamKind, TradeSeen
from bot.lifecycle.command_figures import times_of

COINS, HOMES, BARE_COIN = 10, 10, "SOL"
_PATIENCE_S, _BETWEEN_S, _SETTLE_S = 20, 0.08, 3.0
_BELOW = Decimal("0.99")
BOX = (
    "import sys; from decimal import Decimal; from bot.exchange.box.config import BoxConfig;"
    "from bot.exchange.box.server import serve_forever;"
    "wallet = {{f'C{{n:03}}': Decimal(10**6) for n in range(1, {coins} + 1)}};"
    "wallet |= {{'SOL': Decimal(10**6), 'USDT': Decimal(1000)}};"
    "serve_forever(BoxConfig(speed=0, extra_coins={coins}, wallet=wallet), sys.stdout)"
)


class Ear:
    """A `StreamListener` that keeps when it was told of each sale."""

    def __init__(self) -> None:
        self.sold: queue.SimpleQueue[tuple[str, float]] = queue.SimpleQueue()
        self.live: queue.SimpleQueue[StreamKind] = queue.SimpleQueue()
        self._seen: set[str] = set()

    def on_trade(self, trade: TradeSeen) -> None:
        """Not followed."""

    def on_order(self, order: OrderSeen) -> None:
        """Keep the moment at which an order was first told of."""
        if order.client_order_id not in self._seen:
            self._seen.add(order.client_order_id)
            self.sold.put((order.symbol, time.perf_counter()))

    def on_balance(self) -> None:
        """Of no interest."""

    def on_live(self, kind: StreamKind) -> None:
        """Remember that it is."""
        self.live.put(kind)

    def on_gap(self, kind: StreamKind, why: str) -> None:
        """Refuse figures that a gap has spoilt."""
        raise RuntimeError(f"the {kind} stream was lost: {why}")

    def accepted_at_s(self, symbol: str) -> float:
        """Wait for the market's order and return when it was told of."""
        while True:
            found, at_s = self.sold.get(timeout=_PATIENCE_S)
            if found == symbol:
                return at_s


@contextlib.contextmanager
def listening(box: dict[str, Any]) -> Iterator[Ear]:
    """Yield what hears the account's stream."""
    ear = Ear()
    streams = open_ccxt_streams(
        environment="sandbox",
        clock=SystemClock(),
        api_key=box["api_key"],
        secret=box["secret"],
        rest_url=box["rest_url"],
        ws_url=box["ws_url"],
    )
    streams.start(ear)
    try:
        ear.live.get(timeout=_PATIENCE_S)
        yield ear
    finally:
        streams.close()


def bare_client(box: dict[str, Any]) -> Any:
    """Return ccxt as anybody would use it, its markets loaded."""
    urls = {"public": box["rest_url"], "private": box["rest_url"], "v1": box["rest_url"]}
    client = ccxt.binance(
        {
            "apiKey": box["api_key"],
            "secret": box["secret"],
            "enableRateLimit": False,
            "urls": {"test": urls},
            "options": {"fetchMarkets": {"types": ["spot"]}},
        }
    )
    client.set_sandbox_mode(True)
    client.load_markets()
    return client


def measure(*, quick: bool = False) -> list[Result]:
    """Return the 50th and 99th percentile of both sides' times."""
    coins, homes = (2, 1) if quick else (COINS, HOMES)
    ours: list[float] = []
    bare: list[float] = []
    with bench_folder() as folder, server(BOX.format(coins=coins * homes)) as box:
        client = bare_client(box)
        prices = list(_prices(client, coins * homes).items())
        for number in range(homes):
            part = dict(prices[number * coins : (number + 1) * coins])
            app, stops = guarded_home(folder / f"home{number}", box, part)
            with (
                running(app),
                listening(box) as ear,
                BoxControl(box["control_url"], box["control_token"]) as hand,
            ):
                _until_guarded(hand, app, coins)
                mine, theirs = _times(ear, hand, client, stops)
            ours, bare = ours + mine, bare + theirs
            app.close()
        client.session.close()
    here, there = times_of(ours), times_of(bare)
    return [
        _held("p50", here.p50_s, there.p50_s),
        _held("p99", here.p99_s, there.p99_s),
        told(f"the same, longest of {len(ours)}", value=max(ours) * 1_000, unit="ms"),
    ]


def _times(
    ear: Ear, hand: BoxControl, client: Any, stops: dict[str, Decimal]
) -> tuple[list[float], list[float]]:
    ours, bare = [], []
    for asset, stop_loss in stops.items():
        pause(_BETWEEN_S)
        price = client.price_to_precision(f"{asset}/USDT", str(stop_loss * _BELOW))
        began = time.perf_counter()
        hand.set_price(f"{asset}/USDT", price)
        ours.append(ear.accepted_at_s(f"{asset}/USDT") - began)
        pause(_BETWEEN_S)
        began = time.perf_counter()
        client.create_order(f"{BARE_COIN}/USDT", "market", "sell", 0.1)
        bare.append(time.perf_counter() - began)
        ear.accepted_at_s(f"{BARE_COIN}/USDT")
    return ours, bare


def _held(name: str, ours_s: float, theirs_s: float) -> Result:
    return compare(
        f"stop crossed to exit order accepted, {name}",
        ours=ours_s * 1_000,
        theirs=theirs_s * 1_000,
        unit="ms",
        against=f"{name} of a bare ccxt create_order",
        times=3.0,
    )


def _prices(client: Any, coins: int) -> dict[str, Decimal]:
    rows = client.public_get_ticker_price()
    prices = {row["symbol"].removesuffix("USDT"): Decimal(row["price"]) for row in rows}
    return {asset: prices[asset] for asset in (f"C{number:03}" for number in range(1, coins + 1))}


def _until_guarded(hand: BoxControl, app: BenchApp, coins: int) -> None:
    """Wait until the bot listens to every coin, and its first cycles are over."""
    began = time.perf_counter()
    while sum(len(row["streams"]) for row in hand.streams()) < coins:
        if time.perf_counter() - began > _PATIENCE_S:
            raise RuntimeError(f"the bot follows too little: {hand.streams()}")
        pause(0.1)
    asked = -1
    while asked != (asked := len(hand.requests())) or time.perf_counter() - began < _SETTLE_S:
        pause(0.3)
    if Path(app.home.root).with_suffix(".log").read_text(encoding="utf-8").count('"unverified"'):
        raise RuntimeError("the bot does not guard every coin")
