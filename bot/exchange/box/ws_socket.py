"""What both kinds of WebSocket have in common: opening, limits, reading, writing, the end."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from http import HTTPStatus

from aiohttp import WSMsgType, web

from bot.exchange.box.limits import Meter
from bot.exchange.box.stream_hub import Connection, StreamHub

_FIVE_MINUTES_MS, _SECOND_MS = 300_000, 1_000
_LARGEST_MESSAGE = 1 << 20
_GOODBYE_S = 1.0
"""How long to wait for a client's word at the end."""
_POLICY = 1008
"""The close code for a client that does not keep the rules."""


class Sockets:
    """Opens WebSockets for one hub and serves them until they end."""

    def __init__(self, hub: StreamHub, *, ping_every_s: float, life_s: float) -> None:
        self._hub = hub
        self._ping_every_s = ping_every_s
        self._life_s = life_s
        self._opened = Meter(_FIVE_MINUTES_MS)

    async def serve(
        self,
        request: web.BaseRequest,
        answer: Callable[[Connection, str], Awaitable[None]],
        *,
        begin: Callable[[Connection], None],
        messages_per_s: int | None,
    ) -> web.StreamResponse:
        """Serve one connection.

        Args:
            request: The request to upgrade.
            answer: Called with every text message.
            begin: Called once before the first.
            messages_per_s: Above this the connection is ended; None: it may send what it likes.
        """
        now_ms = self._hub.exchange.auth_clock.now_ms()
        most = self._hub.exchange.rates.limits.connections_per_5min
        if self._opened.add(1, now_ms) > (most or self._opened.count(now_ms)):
            retry = {"Retry-After": str(self._opened.rest_s(now_ms))}
            return web.Response(status=HTTPStatus.TOO_MANY_REQUESTS, headers=retry)
        socket = web.WebSocketResponse(
            heartbeat=self._ping_every_s,
            timeout=_GOODBYE_S,
            max_msg_size=_LARGEST_MESSAGE,
            compress=False,
        )
        connection = self._hub.open(request.path, socket, request)
        tasks: list[asyncio.Task[None]] = []
        end_of_life = asyncio.get_running_loop().call_later(self._life_s, connection.abort)
        try:
            begin(connection)  # before the answer, so that who is connected hears all from then on
            await socket.prepare(request)
            tasks.append(asyncio.create_task(connection.write()))
            await self._read(socket, connection, answer, messages_per_s)
        finally:
            end_of_life.cancel()
            self._hub.forget(connection)
            for task in tasks:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
        return socket

    async def _read(
        self,
        socket: web.WebSocketResponse,
        connection: Connection,
        answer: Callable[[Connection, str], Awaitable[None]],
        messages_per_s: int | None,
    ) -> None:
        sent = Meter(_SECOND_MS)
        async for message in socket:
            if message.type is not WSMsgType.TEXT:
                continue
            count = sent.add(1, self._hub.exchange.auth_clock.now_ms())
            if messages_per_s is not None and count > messages_per_s:
                await connection.close(_POLICY, b"Too many requests")
                return
            await answer(connection, message.data)
