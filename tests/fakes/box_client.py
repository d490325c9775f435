"""The unchanged ccxt client, pointed at a box by configuration alone."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import ccxt

from bot.exchange.box.server import BoxAddress, RunningBox


@contextmanager
def ccxt_client(box: RunningBox | BoxAddress, **settings: Any) -> Iterator[Any]:
    """Yield a client with the box's keys; its connections are closed at the end."""
    rest, stream = box.rest_url, box.ws_url
    sockets = {"spot": f"{stream}/stream/ws", "ws-api": {"spot": f"{stream}/ws-api/v3"}}
    client = ccxt.binance(
        {
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
    )
    client.set_sandbox_mode(True)
    kept = ("public", "private", "v1", "ws")
    client.urls["api"] = {name: url for name, url in client.urls["api"].items() if name in kept}
    client.urls["apiBackup"] = dict(client.urls["api"])
    client.exceptions["exact"].update(client.exceptions["spot"]["exact"])
    try:
        yield client
    finally:
        client.session.close()
