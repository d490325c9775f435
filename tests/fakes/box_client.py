"""The unchanged ccxt client, pointed at a box by configuration alone: blocking, or with streams."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import ccxt

from bot.exchange.box.server import BoxAddress, RunningBox


def settings_for(box: RunningBox | BoxAddress, **settings: Any) -> dict[str, Any]:
    """Return the client's configuration for a box."""
    rest, stream = box.rest_url, box.ws_url
    sockets = {"spot": f"{stream}/stream/ws", "ws-api": {"spot": f"{stream}/ws-api/v3"}}
    return {
        "apiKey": box.api_key,
        "secret": box.secret,
        "timeout": 5_000,
        "enableRateLimit": False,
        "urls": {"test": {"public": rest, "private": rest, "v1": rest, "ws": sockets}},
        "options": {
            "fetchMarkets": {"types": ["spot"]},
            "adjustForTimeDifference": True,
            "fetchOpenOrders": {"warnWithoutSymbol": False},
        },
        **settings,
    }


def pointed_at_the_box(client: Any) -> Any:
    """Return the client with nothing but the box left to talk to."""
    client.set_sandbox_mode(True)
    kept = ("public", "private", "v1", "ws")
    client.urls["api"] = {name: url for name, url in client.urls["api"].items() if name in kept}
    client.urls["apiBackup"] = dict(client.urls["api"])
    client.exceptions["exact"].update(client.exceptions["spot"]["exact"])
    return client


@contextmanager
def ccxt_client(box: RunningBox | BoxAddress, **settings: Any) -> Iterator[Any]:
    """Yield a client with the box's keys; its connections are closed at the end."""
    client = pointed_at_the_box(ccxt.binance(settings_for(box, **settings)))
    try:
        yield client
    finally:
        client.session.close()


@asynccontextmanager
async def ccxt_streaming_client(box: RunningBox | BoxAddress, **settings: Any) -> AsyncIterator[Any]:
    """Yield an asynchronous client that can watch streams; it is closed at the end."""
    import ccxt.pro  # takes half a second; most tests do without

    client = pointed_at_the_box(ccxt.pro.binance(settings_for(box, **settings)))
    try:
        yield client
    finally:
        await client.close()
