"""A small counterpart of Hyperliquid's spot exchange on loopback, for tests of its gateway.

It answers the questions that the gateway asks (`/info`), takes signed actions (`/exchange`) only from the
account's own key or its API wallet, recovered from the signature, and can lose or spoil its answers. It
was written from the public documentation; nothing was ever compared with the real exchange.
"""

import asyncio
import functools
import math
import threading
import time
from collections.abc import Callable, Mapping
from decimal import Decimal
from queue import Queue
from typing import Any, NamedTuple, Self

from aiohttp import web

from tests.fakes.hyperliquid_ledger import Ledger, Market, Order, RefusedOrderError
from tests.fakes.hyperliquid_signature import address_of, signer_of

OWNER_KEY = "0x" + "11" * 32
AGENT_KEY = "0x" + "22" * 32
OWNER = address_of(OWNER_KEY)
AGENT = address_of(AGENT_KEY)
_ROLES = {OWNER: {"role": "user"}, AGENT: {"role": "agent", "data": {"user": OWNER}}}
_DAY_MS = 86_400_000
_NONCE_WINDOW_MS = 2 * _DAY_MS
_SECONDS = {"1m": 60, "5m": 300, "15m": 900, "1h": 3_600, "4h": 14_400, "1d": 86_400}
_KEPT_CANDLES = 5_000


class Fault(NamedTuple):
    """What happens to one coming request; `kind` is a question's type or an action's."""

    kind: str
    executed: bool = False
    """Whether it is carried out before its answer is lost or spoilt."""
    status: int | None = None
    """None hangs up without an answer."""
    body: str = ""
    headers: Mapping[str, str] = {}
    delay_s: float = 0.0


class HyperliquidExchange:
    """The counterpart, in a thread; a context manager that stops it."""

    def __init__(
        self,
        *,
        held: Mapping[str, Decimal],
        quote: str = "USDC",
        prices: Mapping[str, str] | None = None,
        market_ms: Callable[[], int] | None = None,
    ) -> None:
        """Open for an account.

        Args:
            held: What the account holds.
            quote: The coin that prices are in.
            prices: By coin; SOL at 150 and ETH at 3000 unless told otherwise.
            market_ms: Market time; the machine's unless told otherwise.
        """
        self.market_ms = market_ms or _machine_ms
        rows = list((prices or {"SOL": "150", "ETH": "3000"}).items())
        # The list's order is not the order of the numbers, as at the real exchange.
        markets = [
            Market(base=base, coin=f"@{n}", index=n, size_decimals=3, price=Decimal(price))
            for n, (base, price) in reversed(list(enumerate(rows, start=1)))
        ]
        self.ledger = Ledger(quote=quote, markets=markets, held=dict(held), now_ms=self.market_ms)
        self.actions: list[str] = []
        """The kinds of all actions that arrived, carried out or not."""
        self.asked: list[str] = []
        self.faults: list[Fault] = []
        self.fill_page = 2_000
        self.hidden_fills = 0
        """So many of the newest fills are not told yet."""
        self.wall_ahead_ms = 0
        self._nonces: set[int] = set()
        self._lock = threading.Lock()
        self._stopping: Callable[[], None] = lambda: None
        self._thread: threading.Thread | None = None
        self.url = ""

    def __enter__(self) -> Self:
        ready: Queue[tuple[str, Callable[[], None]]] = Queue()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve(ready)), daemon=True)
        self._thread.start()
        self.url, self._stopping = ready.get(timeout=10)
        return self

    def __exit__(self, *_error: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Answer nobody any more; stopping twice is no error."""
        self._stopping()
        if self._thread is not None:
            self._thread.join()

    def set_price(self, base: str, price: str | Decimal) -> None:
        """Move a market to a price."""
        with self._lock:
            self.ledger.set_price(base, Decimal(price))

    # ---- the server -------------------------------------------------------------------------------

    async def _serve(self, ready: "Queue[tuple[str, Callable[[], None]]]") -> None:
        app, stopping, loop = web.Application(), asyncio.Event(), asyncio.get_running_loop()
        app.router.add_post("/info", functools.partial(self._answer, carry_out=self._info))
        app.router.add_post("/exchange", functools.partial(self._answer, carry_out=self._action))
        runner = web.AppRunner(app, shutdown_timeout=1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()

        def stop() -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(stopping.set)

        ready.put((f"http://127.0.0.1:{runner.addresses[0][1]}", stop))
        await stopping.wait()
        await runner.cleanup()

    async def _answer(self, request: web.Request, carry_out: Callable[[dict[str, Any]], Any]) -> web.Response:
        body = await request.json()
        kind = body["action"]["type"] if "action" in body else body["type"]
        with self._lock:
            (self.actions if "action" in body else self.asked).append(kind)
            fault = next((f for f in self.faults if f.kind == kind), None)
            if fault is not None:
                self.faults.remove(fault)
            answer = carry_out(body) if fault is None or fault.executed else None
        if fault is None:
            return web.json_response(answer)
        await asyncio.sleep(fault.delay_s)
        if fault.status is None:
            if request.transport is not None:
                request.transport.abort()
            return web.Response()
        return web.Response(status=fault.status, text=fault.body, headers=dict(fault.headers))

    # ---- actions ----------------------------------------------------------------------------------

    def _action(self, body: dict[str, Any]) -> dict[str, Any]:
        action, nonce, expires = body["action"], body["nonce"], body.get("expiresAfter")
        if action["type"] in {"approveBuilderFee", "setReferrer"}:
            return {"status": "ok", "response": {"type": "default"}}
        signer = signer_of(action, nonce, body["signature"], expires)
        wall = _machine_ms() + self.wall_ahead_ms
        if signer not in {OWNER, AGENT}:
            return _err(f"User or API Wallet {signer} does not exist.")
        if nonce in self._nonces or abs(nonce - wall) > _NONCE_WINDOW_MS:
            return _err("Invalid nonce.")
        self._nonces.add(nonce)
        if expires is not None and expires < wall:
            return _err("Action expired.")
        carry_out = {"order": self._orders, "cancelByCloid": self._cancels}[action["type"]]
        return {"status": "ok", "response": {"type": action["type"], "data": {"statuses": carry_out(action)}}}

    def _orders(self, action: dict[str, Any]) -> list[Any]:
        return [self._one_order(wire) for wire in action["orders"]]

    def _one_order(self, wire: dict[str, Any]) -> dict[str, Any]:
        try:
            order = self.ledger.place(wire)
        except RefusedOrderError as error:
            return {"error": str(error)}
        if order.left == order.size:
            return {"resting": {"oid": order.oid, "cloid": order.cloid}}
        own = [fill for fill in self.ledger.fills if fill["oid"] == order.oid]
        size = order.size - order.left
        worth = sum((Decimal(fill["px"]) * Decimal(fill["sz"]) for fill in own), Decimal(0))
        average = str(round(worth / size, 2))  # the exchange's own average is a rounded one
        return {"filled": {"totalSz": str(size), "avgPx": average, "oid": order.oid, "cloid": order.cloid}}

    def _cancels(self, action: dict[str, Any]) -> list[Any]:
        no = "Order was never placed, already canceled, or filled."
        return [
            "success" if self.ledger.cancel(c["asset"], c["cloid"]) else {"error": f"{no} asset={c['asset']}"}
            for c in action["cancels"]
        ]

    # ---- questions --------------------------------------------------------------------------------

    def _info(self, body: dict[str, Any]) -> Any:
        questions: dict[str, Callable[[dict[str, Any]], Any]] = {
            "exchangeStatus": lambda _: {"time": _machine_ms() + self.wall_ahead_ms, "specialStatuses": None},
            "spotMetaAndAssetCtxs": lambda _: self._markets(),
            "spotMeta": lambda _: self._markets()[0],
            "meta": lambda _: {"universe": []},
            "userAbstraction": lambda _: "default",
            "l2Book": lambda asked: self._book(self.ledger.market(coin=asked["coin"])),
            "candleSnapshot": lambda asked: self._candles(**asked["req"]),
            "userRole": lambda asked: _ROLES.get(asked["user"], {"role": "missing"}),
            "spotClearinghouseState": lambda asked: {"balances": self._of_owner(asked, self._balances)},
            "userFillsByTime": lambda asked: self._of_owner(asked, lambda: self._fills(asked["startTime"])),
            "frontendOpenOrders": lambda asked: self._of_owner(asked, self._open),
            "orderStatus": lambda asked: _status(
                self.ledger.by_cloid(asked["oid"]) if asked["user"] == OWNER else None
            ),
        }
        return questions[body["type"]](body)

    def _of_owner(self, asked: dict[str, Any], rows: Callable[[], list[Any]]) -> list[Any]:
        return rows() if asked["user"] == OWNER else []

    def _fills(self, since_ms: int) -> list[dict[str, Any]]:
        told = self.ledger.fills[: len(self.ledger.fills) - self.hidden_fills]
        return [fill for fill in told if fill["time"] >= since_ms][: self.fill_page]

    def _open(self) -> list[dict[str, Any]]:
        return [order.row() for order in self.ledger.orders if order.status == "open"]

    def _markets(self) -> list[Any]:
        coins = [self.ledger.quote, *(m.base for m in reversed(self.ledger.markets))]
        tokens = [{"name": n, "index": i, "szDecimals": 3, "weiDecimals": 8} for i, n in enumerate(coins)]
        universe = [
            {"name": m.coin, "index": m.index, "tokens": [coins.index(m.base), 0], "isCanonical": False}
            for m in self.ledger.markets
        ]
        contexts = [
            {"coin": m.coin, "markPx": str(m.price), "midPx": str(m.price), "dayNtlVlm": "25000000.0"}
            for m in self.ledger.markets
        ]
        return [{"tokens": tokens, "universe": universe}, contexts]

    def _book(self, market: Market) -> dict[str, Any]:
        sides = [market.levels(is_bids=True), market.levels(is_bids=False)]
        levels = [[{"px": str(price), "sz": str(size), "n": 1} for price, size in side] for side in sides]
        return {"coin": market.coin, "levels": levels, "time": self.market_ms()}

    def _balances(self) -> list[dict[str, Any]]:
        return [
            {
                "coin": name,
                "token": n,
                "total": str(total),
                "hold": str(self.ledger.hold(name)),
                "entryNtl": "0.0",
            }
            for n, (name, total) in enumerate(self.ledger.held.items())
        ]

    def _candles(self, coin: str, interval: str, startTime: int, endTime: int) -> list[dict[str, Any]]:  # noqa: N803  # the exchange's names
        market, bar_ms, now = self.ledger.market(coin=coin), _SECONDS[interval] * 1_000, self.market_ms()
        first = max(math.ceil(startTime / bar_ms), now // bar_ms - _KEPT_CANDLES + 1)
        starts = range(first * bar_ms, min(endTime, now) + 1, bar_ms)
        scale = float(market.price) / _wave(now)
        return [_candle(market, interval, start, min(start + bar_ms, now), scale) for start in starts]


def _candle(market: Market, interval: str, start: int, end: int, scale: float) -> dict[str, Any]:
    opened, closed = (Decimal(str(round(_wave(moment) * scale, 2))) for moment in (start, end))
    high, low = max(opened, closed) * Decimal("1.01"), min(opened, closed) * Decimal("0.99")
    prices = {"o": opened, "c": closed, "h": high, "l": low, "v": Decimal(1_000)}
    row: dict[str, Any] = {name: str(price) for name, price in prices.items()}
    return row | {"t": start, "T": end, "s": market.coin, "i": interval, "n": 10}


def _wave(moment_ms: int) -> float:
    days = moment_ms / _DAY_MS
    return 1 + 0.15 * math.sin(days / 17) + 0.04 * math.sin(days / 1.3) + 0.01 * math.sin(days * 9)


def _status(order: Order | None) -> dict[str, Any]:
    if order is None:
        return {"status": "unknownOid"}
    inner = {"order": order.row(), "status": order.status, "statusTimestamp": order.changed_ms}
    return {"status": "order", "order": inner}


def _err(words: str) -> dict[str, Any]:
    return {"status": "err", "response": words}


def _machine_ms() -> int:
    return time.time_ns() // 1_000_000
