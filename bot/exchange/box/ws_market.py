"""The market streams' own protocol: raw and combined streams, SUBSCRIBE, UNSUBSCRIBE, LIST_SUBSCRIPTIONS.

`/ws/NAME` and `/stream/ws/NAME` are raw, `/stream?streams=NAME/NAME` is combined: each message is
wrapped with its stream's name. A last part of the path that is no stream's name is ignored, because
clients put a number there.
"""

import re
from typing import Any
from urllib.parse import unquote

import msgspec
from aiohttp import web

from bot.exchange.box.stream_hub import Connection, StreamHub
from bot.exchange.box.ws_socket import Sockets

MOST_STREAMS = 1_024
_ID = re.compile(r"[A-Za-z0-9_-]{1,36}", re.ASCII)
_METHODS = ("SUBSCRIBE", "UNSUBSCRIBE", "LIST_SUBSCRIPTIONS", "SET_PROPERTY", "GET_PROPERTY")
Json = dict[str, Any]


def is_market_path(path: str) -> bool:
    """Say whether a path belongs to the market streams."""
    return path.split("/")[1] in {"ws", "stream"}


class MarketSockets:
    """Serves the market streams."""

    def __init__(self, hub: StreamHub, sockets: Sockets) -> None:
        self._hub = hub
        self._sockets = sockets

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Serve one connection until it ends."""

        def begin(connection: Connection) -> None:
            parts = unquote(request.path).strip("/").split("/")
            connection.is_combined = parts[0] == "stream" and "ws" not in parts[:2]
            wanted = request.query.get("streams", "")
            names = [name for name in [*parts[1:], *wanted.split("/")] if "@" in name]
            self._hub.subscribe(connection, names[:MOST_STREAMS])

        limit = self._hub.exchange.rates.limits.stream_messages_per_s
        return await self._sockets.serve(request, self._answer, begin=begin, messages_per_s=limit)

    async def _answer(self, connection: Connection, text: str) -> None:
        connection.push(msgspec.json.encode(self._result(connection, text)).decode())

    def _result(self, connection: Connection, text: str) -> Json:
        try:
            message = msgspec.json.decode(text)
        except msgspec.DecodeError:
            return _error(3, "Invalid JSON: expected value at line 1 column 1", None)
        if not isinstance(message, dict) or "method" not in message:
            return _error(2, "Invalid request: missing field `method` at line 1 column 1", None)
        number, method, params = message.get("id"), message["method"], message.get("params", [])
        if not _is_id(number) or "id" not in message:
            return _error(2, "Invalid request: request ID must be an unsigned integer", None)
        if method not in _METHODS:
            expected = ", ".join(f"`{name}`" for name in _METHODS)
            return _error(
                2, f"Invalid request: unknown variant `{method}`, expected one of {expected}", number
            )
        if not isinstance(params, list):
            return _error(2, "Invalid request: params must be an array", number)
        return self._carry_out(connection, method, params, number)

    def _carry_out(self, connection: Connection, method: str, params: list[Any], number: object) -> Json:
        if method.endswith("PROPERTY"):
            return _property(connection, method, params, number)
        if method == "LIST_SUBSCRIPTIONS":
            return {"result": list(connection.streams), "id": number}
        if not params or not all(isinstance(name, str) for name in params):
            return _error(2, "Invalid request: stream names must be strings", number)
        if method == "UNSUBSCRIBE":
            self._hub.unsubscribe(connection, params)
        elif len({*connection.streams, *params}) > MOST_STREAMS:
            return _error(2, "Invalid request: too many parameters", number)
        else:
            self._hub.subscribe(connection, params)
        return {"result": None, "id": number}


def _property(connection: Connection, method: str, params: list[Any], number: object) -> Json:
    if not params or not isinstance(params[0], str):
        return _error(2, "Invalid request: property name must be a string", number)
    if params[0] != "combined":
        return _error(0, "Unknown property", number)
    if method == "GET_PROPERTY":
        return {"result": connection.is_combined, "id": number}
    if len(params) != 2 or not isinstance(params[1], bool):  # noqa: PLR2004  # a name and a value
        return _error(1, "Invalid value type: expected Boolean", number)
    connection.is_combined = params[1]
    return {"result": None, "id": number}


def _is_id(number: object) -> bool:
    if number is None or (isinstance(number, int) and not isinstance(number, bool)):
        return True
    return isinstance(number, str) and _ID.fullmatch(number) is not None


def _error(code: int, text: str, number: object) -> Json:
    return {"error": {"code": code, "msg": text}, "id": number}
