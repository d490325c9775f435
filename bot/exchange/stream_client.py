"""The streaming client: an unchanged `ccxt.pro.binance` behind the host check, heard raw.

1. ccxt connects, signs, subscribes and pings. The events themselves are taken before ccxt stores them, so
   that nothing passes a float, no cache of ccxt's grows or is spoiled (`balanceUpdate` does that), and no
   event is lost between two calls of a `watch` method: those calls only hold a subscription open.
2. Every address is checked before a connection is opened, and no REST request leaves this client at all.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from ccxt.pro.binance import binance

from bot.exchange.ccxt_client import keep_testnet_only
from bot.exchange.ccxt_fields import Row
from bot.exchange.hosts import HostPolicy
from bot.exchange.stream_reading import HEARD, event_of
from bot.kernel.errors import BotError

_MISSED_PONGS = 1.5


class StreamingBinance(binance):  # type: ignore[misc]  # ccxt carries no types, so its class is Any
    """`ccxt.pro.binance` that reaches the allowed hosts only and hands its events on as they came."""

    def __init__(self, config: Mapping[str, Any], policy: HostPolicy, hear: Callable[[Row], None]) -> None:
        self._policy = policy
        self._hear = hear
        self.answers: asyncio.Queue[str] = asyncio.Queue()
        """The exchange's answers to subscriptions, in order: empty for yes, else its words."""
        super().__init__(dict(config))

    def client(self, url: str) -> Any:
        """Check the host, then do what ccxt does.

        Raises:
            BotError: `host_not_allowed`; nothing was opened.
        """
        if url not in (self.clients or {}):
            self._policy.check(url)
        return super().client(url)

    async def fetch(self, url: str, *_: object, **__: object) -> Any:
        """Refuse: this client only listens.

        Raises:
            BotError: Always.
        """
        raise BotError(
            "A request through the streaming client was stopped before it was sent.",
            code="host_not_allowed",
            why=f"streams only listen; {url} is to be asked for by the gateway",
        )

    def handle_message(self, client: Any, message: Any) -> None:
        """Hand an event on; let ccxt handle what belongs to the connection itself."""
        event = event_of(message)
        if event is not None and event["e"] in HEARD:
            self._hear(event)
            return
        super().handle_message(client, message)
        if isinstance(message, dict) and "id" in message:
            error = message.get("error")
            self.answers.put_nowait("" if error is None else str(error))


def build_streaming_client(
    config: Mapping[str, Any],
    *,
    policy: HostPolicy,
    silence_s: float,
    clock_ahead_ms: int,
    market_ids: Mapping[str, str],
    hear: Callable[[Row], None],
) -> StreamingBinance:
    """Build the client; nothing is opened. It belongs to the running event loop.

    Args:
        config: Of `client_config`.
        policy: The hosts that it may reach.
        silence_s: A connection that answers no ping for so long is lost.
        clock_ahead_ms: How far this machine's clock is ahead of the exchange's; signatures need it.
        market_ids: The exchange's names of the markets that will be followed, by symbol.
        hear: Receives every event, in the loop's thread.

    Raises:
        BotError: `host_not_allowed`, when a stream's address lies outside of the policy.
    """
    ping_ms = max(50, round(silence_s * 1_000 / (1 + _MISSED_PONGS)))
    settings = {
        **config,
        "options": {**config["options"], "timeDifference": clock_ahead_ms},
        "streaming": {"keepAlive": ping_ms, "maxPingPongMisses": _MISSED_PONGS},
    }
    client = StreamingBinance(settings, policy, hear)
    keep_testnet_only(client)
    client.timeout_on_exit = 0
    addresses = client.urls["api"]["ws"]
    for url in (addresses["spot"], addresses["ws-api"]["spot"]):
        policy.check(url)
    client.markets = {symbol: _market(symbol, market_id) for symbol, market_id in market_ids.items()}
    client.markets_by_id = {row["id"]: [row] for row in client.markets.values()}
    return client


def _market(symbol: str, market_id: str) -> dict[str, Any]:
    """Return what ccxt must know of a market to subscribe to it, so that it need not load all of them."""
    return {
        "id": market_id,
        "lowercaseId": market_id.lower(),
        "symbol": symbol,
        "type": "spot",
        "spot": True,
        "contract": False,
        "option": False,
    }
