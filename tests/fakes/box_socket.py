"""A plain WebSocket to a box, without a client library in between."""

import asyncio
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from bot.exchange.box.clock import machine_time_ns
from bot.exchange.box.server import RunningBox

WAIT_S = 5.0


class BoxSocket:
    """Sends and receives JSON; every wait has an end."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, box: RunningBox) -> None:
        self.socket = socket
        self._box = box
        self._count = 0

    async def receive(self) -> Any:
        """Return the next message; None when the connection has ended."""
        message = await self.socket.receive(WAIT_S)
        return json.loads(message.data) if message.type is aiohttp.WSMsgType.TEXT else None

    async def ask(self, method: str, params: Any = None) -> Any:
        """Send a request and return its answer; events that come before it are passed over."""
        self._count += 1
        request = {"method": method, "id": self._count} | ({} if params is None else {"params": params})
        await self.socket.send_str(json.dumps(request))
        while True:
            answer = await self.receive()
            if answer is None or answer.get("id") == self._count:
                return answer

    async def signed(self, method: str, **params: Any) -> Any:
        """Send a signed request of the WebSocket API."""
        every = {"apiKey": self._box.api_key, "timestamp": machine_time_ns() // 1_000_000, **params}
        payload = "&".join(f"{name}={value}" for name, value in sorted(every.items()))
        digest = hmac.new(self._box.secret.encode(), payload.encode(), hashlib.sha256).hexdigest()
        return await self.ask(method, {**every, "signature": digest})

    async def events(self, count: int) -> list[Any]:
        """Return this many messages."""
        return [await self.receive() for _ in range(count)]

    async def is_quiet(self, seconds: float = 0.3) -> bool:
        """Say whether nothing comes for a while."""
        try:
            await self.socket.receive(seconds)
        except TimeoutError:
            return True
        return False


@asynccontextmanager
async def box_socket(box: RunningBox, path: str) -> AsyncIterator[BoxSocket]:
    """Yield a WebSocket on a path of the box."""
    async with aiohttp.ClientSession() as session, session.ws_connect(box.ws_url + path) as socket:
        yield BoxSocket(socket, box)


@asynccontextmanager
async def account_stream(box: RunningBox) -> AsyncIterator[BoxSocket]:
    """Yield a WebSocket that is told the account's events."""
    async with box_socket(box, "/ws-api/v3") as socket:
        answer = await socket.signed("userDataStream.subscribe.signature")
        assert answer["result"] == {"subscriptionId": 0}
        yield socket


async def in_thread(call: Any, *args: Any) -> Any:
    """Call something that blocks, such as the box's control."""
    return await asyncio.to_thread(call, *args)
