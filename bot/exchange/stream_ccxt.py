"""The streams of Binance's testnet, or of the exchange in a box, in a thread of their own.

1. One thread runs one event loop; listeners are called from it. Whoever calls from outside only leaves a
   wish there.
2. The names of the markets and the exchange's clock come from the gateway, so that this side asks nothing.
3. Events are handed on in the order in which they came; what comes late or twice is handed on all the
   same, for it may be a price that nobody has seen yet. One that cannot be read is told as a gap.
"""

import asyncio
import contextlib
import random
import threading
from collections.abc import Callable, Collection, Mapping
from typing import Any, Protocol

from bot.exchange.ccxt_client import client_config
from bot.exchange.ccxt_fields import Row
from bot.exchange.ccxt_gateway import open_ccxt_gateway
from bot.exchange.hosts import HostPolicy, policy_for
from bot.exchange.stream_keeper import Pauses, SessionMaker, StreamKeeper
from bot.exchange.stream_reading import BALANCES, ORDER, TRADE, order_seen, trade_seen
from bot.exchange.stream_sessions import (
    AccountSession,
    Hearing,
    MarketSession,
    StreamLostError,
    StreamSession,
)
from bot.exchange.streams import StreamHealth, StreamKind, StreamListener
from bot.kernel.clock import Clock
from bot.kernel.errors import ExchangeAnswerError

_ACCOUNT = frozenset({"account"})


class StreamSource(Protocol):
    """What the streams need of the gateway beside them."""

    def market_ids(self) -> Mapping[str, str]:
        """Return the exchange's own name of every market, by symbol; kept after the first call."""
        ...

    def clock_ahead_ms(self) -> int:
        """Measure how far this machine's clock is ahead of the exchange's."""
        ...


class CcxtStreams:
    """`Streams` over ccxt.pro; the contract stands in `bot/exchange/streams.py`."""

    def __init__(
        self,
        source: StreamSource,
        config: Mapping[str, Any],
        policy: HostPolicy,
        clock: Clock,
        *,
        has_account: bool,
        silence_s: float,
        chance: Callable[[], float] = random.random,
        pauses: Pauses = Pauses(),  # noqa: B008 - a frozen value
    ) -> None:
        self._source = source
        self._config = config
        self._policy = policy
        self._clock = clock
        self.has_account = has_account
        self._silence_s = silence_s
        self._chance = chance
        self._pauses = pauses
        self._listener: StreamListener | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._ready = threading.Event()
        self._main: asyncio.Task[None] | None = None
        self._keepers: dict[StreamKind, StreamKeeper] = {}
        self._wanted: frozenset[str] = frozenset()
        self._symbols: dict[str, str] = {}

    # ---- from outside -----------------------------------------------------------------------------

    def start(self, listener: StreamListener) -> None:
        """Start the thread."""
        self._listener = listener
        self._thread = threading.Thread(target=self._run, name="streams", daemon=True)
        self._thread.start()
        self._ready.wait()

    def follow(self, symbols: Collection[str]) -> None:
        """Leave the wish with the event loop."""
        self._wanted = frozenset(symbols)
        self._call(self._wish)

    def health(self) -> tuple[StreamHealth, ...]:
        """Return how each stream is."""
        return tuple(keeper.health for keeper in self._keepers.values())

    def close(self) -> None:
        """End the connections and the thread."""
        self._listener = None
        if self._thread is None:
            return
        self._call(lambda: self._main.cancel() if self._main is not None else None)
        self._thread.join()
        self._thread = None

    def _call(self, work: Callable[[], object]) -> None:
        loop = self._loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(work)

    # ---- in the thread ----------------------------------------------------------------------------

    def _run(self) -> None:
        with contextlib.suppress(asyncio.CancelledError):  # asked to end
            asyncio.run(self._keep())

    async def _keep(self) -> None:
        self._loop, self._main = asyncio.get_running_loop(), asyncio.current_task()
        makers: dict[StreamKind, SessionMaker] = {StreamKind.MARKET: self._market_session}
        if self.has_account:
            makers[StreamKind.ACCOUNT] = self._account_session
        self._keepers = {
            kind: StreamKeeper(
                kind,
                make,
                self._clock,
                on_live=self._live,
                on_gap=self._gap,
                chance=self._chance,
                pauses=self._pauses,
            )
            for kind, make in makers.items()
        }
        self._ready.set()
        self._wish()
        running = [asyncio.create_task(keeper.run()) for keeper in self._keepers.values()]
        try:
            await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            for keeper in self._keepers.values():  # they end by themselves only by a defect: it is seen
                keeper.give_up("; ".join(repr(task.exception()) for task in running if task.done()))
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)

    def _wish(self) -> None:
        self._keepers[StreamKind.MARKET].want(self._wanted)
        if self.has_account:
            self._keepers[StreamKind.ACCOUNT].want(_ACCOUNT)

    async def _market_session(self, wanted: frozenset[str]) -> StreamSession:
        ids = await self._names()
        followed = {symbol: ids[symbol] for symbol in wanted if symbol in ids}
        return MarketSession(self._client(followed, clock_ahead_ms=0), wanted, tuple(sorted(followed)))

    async def _account_session(self, wanted: frozenset[str]) -> StreamSession:
        await self._names()
        ahead_ms = await asyncio.to_thread(self._source.clock_ahead_ms)
        return AccountSession(self._client({}, clock_ahead_ms=ahead_ms), wanted)

    async def _names(self) -> Mapping[str, str]:
        ids = await asyncio.to_thread(self._source.market_ids)
        self._symbols = {market_id: symbol for symbol, market_id in ids.items()}
        return ids

    def _client(self, market_ids: Mapping[str, str], *, clock_ahead_ms: int) -> Any:
        from bot.exchange.stream_client import build_streaming_client  # noqa: PLC0415 - loads for half a second

        hearing = Hearing(self._heard)
        hearing.client = build_streaming_client(
            self._config,
            policy=self._policy,
            silence_s=self._silence_s,
            clock_ahead_ms=clock_ahead_ms,
            market_ids=market_ids,
            hear=hearing,
        )
        return hearing.client

    def _heard(self, event: Row) -> None:
        kind = StreamKind.MARKET if event["e"] == TRADE else StreamKind.ACCOUNT
        self._keepers[kind].heard()
        listener = self._listener
        if listener is None:
            return
        try:
            if event["e"] in BALANCES:
                listener.on_balance()
                return
            symbol = self._symbols.get(str(event.get("s")))
            if symbol is None:
                return
            if event["e"] == ORDER:
                listener.on_order(order_seen(event, symbol=symbol))
                return
            trade = trade_seen(event, symbol=symbol)
        except ExchangeAnswerError as error:  # what else it told wrongly is not known: begin anew
            raise StreamLostError(error.why) from error
        listener.on_trade(trade)

    def _live(self, kind: StreamKind) -> None:
        if self._listener is not None:
            self._listener.on_live(kind)

    def _gap(self, kind: StreamKind, why: str) -> None:
        if self._listener is not None:
            self._listener.on_gap(kind, why)


def open_ccxt_streams(
    *,
    environment: str,
    clock: Clock,
    api_key: str = "",
    secret: str = "",
    rest_url: str | None = None,
    ws_url: str | None = None,
    timeout_s: float = 10.0,
    silence_s: float = 10.0,
    data_source: str = "sandbox",
) -> CcxtStreams:
    """Build the streams of an environment; nothing is opened yet.

    The arguments are those of `open_ccxt_gateway`; without a key there is no account's stream.

    Args:
        environment: As there.
        clock: Dates what comes.
        api_key: As there.
        secret: As there.
        rest_url: As there.
        ws_url: As there.
        timeout_s: How long one request for names or time may take.
        silence_s: A connection that answers no ping for so long is lost.
        data_source: As there.

    Raises:
        BotError: `environment_refused` for mainnet.
    """
    source = open_ccxt_gateway(
        environment=environment,
        clock=clock,
        rest_url=rest_url,
        ws_url=ws_url,
        timeout_s=timeout_s,
        data_source=data_source,
    )
    config = client_config(
        api_key=api_key, secret=secret, rest_url=rest_url, ws_url=ws_url, timeout_s=timeout_s
    )
    policy = policy_for(environment, data_source=data_source)
    return CcxtStreams(source, config, policy, clock, has_account=bool(api_key), silence_s=silence_s)
