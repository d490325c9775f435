"""Who listens to which stream, and the one place that sends: events, in order, faults applied.

The hub looks at the market every tenth of a second while anybody listens, and at once when it is
woken: by a request that changed something, or by the operator's hand. Market time that was stepped
is told whole. Every connection has a queue of its own, so a slow reader stops nobody; one that falls
too far behind is cut off.
"""

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

import msgspec
from aiohttp import web

from bot.exchange.box.exchange import Exchange
from bot.exchange.box.faults import Faults
from bot.exchange.box.stream_feed import StreamFeed
from bot.exchange.box.stream_names import parse_stream

PULSE_S = 0.1
_GOING_AWAY = 1001
"""The close code of a server that ends."""
MOST_WAITING = 20_000
"""Messages that a connection may be behind."""


class Connection:
    """One open WebSocket with what it listens to."""

    def __init__(
        self, number: int, path: str, socket: web.WebSocketResponse, request: web.BaseRequest
    ) -> None:
        self.number = number
        self.path = path
        self.streams: dict[str, None] = {}
        self.is_combined = False
        self.subscriptions: set[int] = set()
        """Numbers of its subscriptions to the account's events."""
        self._socket = socket
        self._request = request
        self._queue: asyncio.Queue[str] = asyncio.Queue(MOST_WAITING)
        self._held: list[str] = []

    def push(self, text: str, *, is_held: bool = False) -> None:
        """Queue a message; a held one goes out behind the next."""
        if is_held:
            self._held.append(text)
            return
        messages, self._held = [text, *self._held], []
        try:
            for message in messages:
                self._queue.put_nowait(message)
        except asyncio.QueueFull:
            self.abort()

    async def write(self) -> None:
        """Send what is queued until the connection ends."""
        try:
            while True:
                await self._socket.send_str(await self._queue.get())
        except (ConnectionError, RuntimeError):
            self.abort()

    def abort(self) -> None:
        """Cut the connection without a word."""
        if self._request.transport is not None:
            self._request.transport.abort()

    async def close(self, code: int, message: bytes) -> None:
        """Say goodbye; a connection that is still being opened is cut instead."""
        if self._socket.prepared:
            await self._socket.close(code=code, message=message)
        else:
            self.abort()


class StreamHub:
    """The streams of one exchange."""

    def __init__(self, exchange: Exchange, faults: Faults, keep: Callable[[], None]) -> None:
        self.connections: dict[int, Connection] = {}
        self.exchange = exchange
        self._faults = faults
        self._keep = keep
        self._feeds: dict[str, StreamFeed] = {}
        self._waking = asyncio.Event()
        self._is_urgent = False
        self._count = 0
        self.on_pulse: Callable[[], None] | None = None
        """Called after the market was brought up to now."""
        self.is_restless = False
        """Whether to look at the market though nobody listens."""

    def open(self, path: str, socket: web.WebSocketResponse, request: web.BaseRequest) -> Connection:
        """Take a connection in."""
        self._count += 1
        connection = self.connections[self._count] = Connection(self._count, path, socket, request)
        self.wake()
        return connection

    def forget(self, connection: Connection) -> None:
        """Let a connection go."""
        self.connections.pop(connection.number, None)
        self.unsubscribe(connection, list(connection.streams))
        connection.subscriptions.clear()
        self._listen()

    def subscribe(self, connection: Connection, names: Iterable[str]) -> None:
        """Begin to tell a connection these streams; unknown names are never told anything."""
        now_ms = self.exchange.sync()
        for text in names:
            connection.streams[text] = None
            name = parse_stream(text)
            is_known = name is not None and (name.symbol is None or name.symbol in self.exchange.view.coins)
            if name is not None and is_known and text not in self._feeds:
                self._feeds[text] = StreamFeed(name, self.exchange, now_ms)
        self.wake()

    def unsubscribe(self, connection: Connection, names: Iterable[str]) -> None:
        """Stop telling a connection these streams."""
        for text in names:
            connection.streams.pop(text, None)
            if text in self._feeds and not self._readers(text):
                self._feeds.pop(text).close()

    def subscribe_account(self, connection: Connection) -> int:
        """Begin to tell a connection the account's events; return the subscription's number."""
        used = {number for one in self.connections.values() for number in one.subscriptions}
        number = next(n for n in range(len(used) + 1) if n not in used)
        connection.subscriptions.add(number)
        self._listen()
        return number

    def unsubscribe_account(self, connection: Connection, number: int | None) -> None:
        """Stop telling the account's events, for one subscription or for all of the connection."""
        gone = set(connection.subscriptions) if number is None else {number}
        connection.subscriptions -= gone
        self._listen()

    def wake(self, *, is_urgent: bool = False) -> None:
        """Look at the market now; urgently: tell every stream, however short ago it told something."""
        self._is_urgent = self._is_urgent or is_urgent
        self._waking.set()

    async def run(self) -> None:
        """Look at the market again and again, until cancelled."""
        while True:
            timeout_s = PULSE_S if self.connections or self.is_restless else None
            with suppress(TimeoutError):
                await asyncio.wait_for(self._waking.wait(), timeout_s)
            self._waking.clear()
            is_urgent, self._is_urgent = self._is_urgent, False
            self.pulse(is_urgent=is_urgent)
            await asyncio.sleep(0)

    def pulse(self, *, is_urgent: bool = False) -> None:
        """Bring the market up to now and tell what is new."""
        before = self.exchange.matching.changes
        now_ms = self.exchange.sync()
        if self.on_pulse is not None:
            self.on_pulse()
        if self.exchange.matching.changes != before:
            self._keep()
        self._tell_account()
        real_ms = int(asyncio.get_running_loop().time() * 1_000)
        for text, feed in list(self._feeds.items()):
            if is_urgent or real_ms >= feed.due_ms:
                for event, message in feed.events(now_ms):
                    feed.due_ms = real_ms + feed.name.every_ms
                    self._tell(event, text, message)

    async def close_all(self) -> None:
        """End all connections as a server does that goes down."""
        every = list(self.connections.values())
        await asyncio.gather(*(connection.close(_GOING_AWAY, b"going down") for connection in every))

    def cut(self, *, account: bool, market: bool) -> int:
        """Cut connections without a word; return how many."""
        chosen = [
            one
            for one in self.connections.values()
            if (account and one.subscriptions) or (market and not one.subscriptions)
        ]
        for connection in chosen:
            connection.abort()
        return len(chosen)

    def end_account_streams(self) -> int:
        """Tell every listener of the account that it hears no more, and stop telling it anything."""
        event = {"e": "eventStreamTerminated", "E": self.exchange.sync()}
        ended = 0
        for connection in self.connections.values():
            for number in connection.subscriptions:
                connection.push(_encoded({"subscriptionId": number, "event": event}))
                ended += 1
            connection.subscriptions.clear()
        self._listen()
        return ended

    def _listen(self) -> None:
        events = self.exchange.matching.events
        events.is_listened_to = any(one.subscriptions for one in self.connections.values())
        if not events.is_listened_to:
            events.take()

    def _readers(self, text: str) -> list[Connection]:
        return [one for one in self.connections.values() if text in one.streams]

    def _tell_account(self) -> None:
        for event in self.exchange.matching.events.take():
            messages = [
                (connection, _encoded({"subscriptionId": number, "event": event}))
                for connection in self.connections.values()
                for number in sorted(connection.subscriptions)
            ]
            self._send(event["e"], "user", messages)

    def _tell(self, event: str, text: str, message: Any) -> None:
        plain, combined = None, None
        messages: list[tuple[Connection, str]] = []
        for connection in self._readers(text):
            if connection.is_combined:
                combined = combined or _encoded({"stream": text, "data": message})
                messages.append((connection, combined))
            else:
                plain = plain or _encoded(message)
                messages.append((connection, plain))
        self._send(event, text, messages)

    def _send(self, event: str, stream: str, messages: list[tuple[Connection, str]]) -> None:
        if not messages:
            return
        fault = self._faults.strike_event(event, stream)
        action = None if fault is None else fault.action
        for connection, text in messages:
            if action == "disconnect":
                connection.abort()
            elif action == "event_late" and fault is not None:
                asyncio.get_running_loop().call_later(fault.seconds, connection.push, text)
            elif action != "event_missing":
                connection.push(text, is_held=action == "event_swapped")
                if action == "event_twice":
                    connection.push(text)


def _encoded(message: Any) -> str:
    return msgspec.json.encode(message).decode()
