"""The WebSocket API: the same requests as over REST, and the account's events.

A request is `{"id", "method", "params"}`. What is signed is `name=value` of all parameters but the
signature, in alphabetical order. Faults strike by the method's name; their HTTP method is `WS`.
"""

import asyncio
import json
import re
from collections.abc import Mapping
from typing import Any

import msgspec
from aiohttp import web

from bot.exchange.box import auth, errors, rest_lists, rest_private, rest_public, rest_replace
from bot.exchange.box.desk import Desk
from bot.exchange.box.faults import Faults, Scenario
from bot.exchange.box.route import Route
from bot.exchange.box.stream_hub import Connection, StreamHub
from bot.exchange.box.ws_socket import Sockets

Json = dict[str, Any]
PATH = "/ws-api/v3"
_VERSION = re.compile(r"^v3/")
_PUBLIC, _PRIVATE, _LISTS = rest_public.ROUTES, rest_private.ROUTES, rest_lists.ROUTES

METHODS: Mapping[str, Route] = {
    "ping": _PUBLIC["GET", "ping"],
    "time": _PUBLIC["GET", "time"],
    "exchangeInfo": _PUBLIC["GET", "exchangeInfo"],
    "depth": _PUBLIC["GET", "depth"],
    "trades.recent": _PUBLIC["GET", "trades"],
    "trades.historical": _PUBLIC["GET", "trades"],
    "trades.aggregate": _PUBLIC["GET", "aggTrades"],
    "klines": _PUBLIC["GET", "klines"],
    "uiKlines": _PUBLIC["GET", "uiKlines"],
    "avgPrice": _PUBLIC["GET", "avgPrice"],
    "ticker.24hr": _PUBLIC["GET", "ticker/24hr"],
    "ticker.price": _PUBLIC["GET", "ticker/price"],
    "ticker.book": _PUBLIC["GET", "ticker/bookTicker"],
    "order.place": _PRIVATE["POST", "order"],
    "order.test": _PRIVATE["POST", "order/test"],
    "order.status": _PRIVATE["GET", "order"],
    "order.cancel": _PRIVATE["DELETE", "order"],
    "order.cancelReplace": rest_replace.ROUTES["POST", "order/cancelReplace"],
    "openOrders.status": _PRIVATE["GET", "openOrders"],
    "openOrders.cancelAll": _PRIVATE["DELETE", "openOrders"],
    "allOrders": _PRIVATE["GET", "allOrders"],
    "myTrades": _PRIVATE["GET", "myTrades"],
    "account.status": _PRIVATE["GET", "account"],
    "account.commission": _PRIVATE["GET", "account/commission"],
    "account.rateLimits.orders": _PRIVATE["GET", "rateLimit/order"],
    "orderList.place.oco": _LISTS["POST", "orderList/oco"],
    "orderList.status": _LISTS["GET", "orderList"],
    "orderList.cancel": _LISTS["DELETE", "orderList"],
    "openOrderLists.status": _LISTS["GET", "openOrderList"],
    "allOrderLists": _LISTS["GET", "allOrderList"],
}
"""Methods that are REST endpoints under another name."""


class ApiSockets:
    """Serves the WebSocket API."""

    def __init__(self, desk: Desk, hub: StreamHub, sockets: Sockets, faults: Faults) -> None:
        self._desk = desk
        self._hub = hub
        self._sockets = sockets
        self._faults = faults

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Serve one connection until it ends."""
        shows_limits = request.query.get("returnRateLimits", "true") != "false"

        async def answer(connection: Connection, text: str) -> None:
            await self._answer(connection, text, shows_limits=shows_limits)

        def begin(_: Connection) -> None:
            now_ms = self._desk.exchange.auth_clock.now_ms()
            self._desk.exchange.rates.weigh(2, now_ms)

        return await self._sockets.serve(request, answer, begin=begin, messages_per_s=None)

    async def _answer(self, connection: Connection, text: str, *, shows_limits: bool) -> None:
        try:
            message = msgspec.json.decode(text)
        except msgspec.DecodeError:
            message = None
        if not isinstance(message, dict) or not isinstance(message.get("method"), str) or "id" not in message:
            number = message.get("id") if isinstance(message, dict) else None
            connection.push(_encoded(self._refusal(number, errors.invalid_json(), with_orders=False)))
            return
        number, method = message["id"], _VERSION.sub("", message["method"])
        given = message.get("params") or {}
        params = {name: _text(value) for name, value in given.items()} if isinstance(given, dict) else {}
        fault = self._faults.strike("WS", method)
        if fault is not None:
            if fault.seconds:
                await asyncio.sleep(fault.seconds)
            if fault.is_before:
                _struck(connection, number, fault)
                return
        result = self._result(connection, number, method, params, fault)
        if fault is not None and fault.is_after:
            _struck(connection, number, fault)
            return
        if params.get("returnRateLimits", "true" if shows_limits else "false") == "false":
            result.pop("rateLimits", None)
        connection.push(_encoded(result))

    def _result(
        self,
        connection: Connection,
        number: object,
        method: str,
        params: dict[str, str],
        fault: Scenario | None,
    ) -> Json:
        route = METHODS.get(method)
        with_orders = route is not None and route.new_orders > 0
        try:
            if route is None:
                result = self._of_session(connection, method, params)
            else:
                result = self._desk.carry_out(
                    route,
                    {name: value for name, value in params.items() if name != "returnRateLimits"},
                    check_sender=lambda now_ms: self._check_sender(params, now_ms),
                    share=fault.part if fault is not None else None,
                )
        except errors.ApiError as error:
            return self._refusal(number, error, with_orders=with_orders)
        return {
            "id": number,
            "status": 200,
            "result": result,
            "rateLimits": self._limits(with_orders=with_orders),
        }

    def _of_session(self, connection: Connection, method: str, params: dict[str, str]) -> Any:
        """Carry out what concerns this connection only."""
        exchange = self._desk.exchange
        now_ms = exchange.auth_clock.now_ms()
        exchange.rates.weigh(2, now_ms)
        exchange.rates.check(0, now_ms)
        if method == "userDataStream.subscribe.signature":
            self._check_sender(params, now_ms)
            return {"subscriptionId": self._hub.subscribe_account(connection)}
        if method == "userDataStream.unsubscribe":
            wanted = params.get("subscriptionId")
            self._hub.unsubscribe_account(connection, int(wanted) if wanted and wanted.isdecimal() else None)
            return {}
        if method == "session.subscriptions":
            return [{"subscriptionId": number} for number in sorted(connection.subscriptions)]
        if method in {"session.status", "session.logout"}:
            shape = {"apiKey": None, "authorizedSince": None, "connectedSince": now_ms}
            return {**shape, "returnRateLimits": True, "serverTime": now_ms}
        if method in {"session.logon", "userDataStream.subscribe"}:
            raise errors.wrong_key_type()
        raise errors.no_such_method()

    def _check_sender(self, params: Mapping[str, str], now_ms: int) -> None:
        known = self._desk.exchange.credentials
        auth.check_key(params.get("apiKey"), known.api_key)
        auth.check_time(params, now_ms)
        signed = sorted((name, value) for name, value in params.items() if name != "signature")
        payload = "&".join(f"{name}={value}" for name, value in signed).encode()
        auth.check_signature(query=payload, body=b"", given=params.get("signature"), secret=known.secret)

    def _refusal(self, number: object, error: errors.ApiError, *, with_orders: bool) -> Json:
        shape: Json = {"code": error.code, "msg": error.text}
        if error.data is not None:
            shape["data"] = error.data
        if error.retry_after_s is not None:
            now_ms = self._desk.exchange.auth_clock.now_ms()
            retry_ms = now_ms + error.retry_after_s * 1_000
            shape["data"] = {"serverTime": now_ms, "retryAfter": retry_ms}
        limits = self._limits(with_orders=with_orders)
        return {"id": number, "status": error.status, "error": shape, "rateLimits": limits}

    def _limits(self, *, with_orders: bool) -> list[Json]:
        now_ms = self._desk.exchange.auth_clock.now_ms()
        return self._desk.exchange.rates.rows(now_ms, with_orders=with_orders)


def _struck(connection: Connection, number: object, fault: Scenario) -> None:
    if fault.is_drop:
        connection.abort()
        return
    error = {"code": fault.code if fault.code is not None else -1000, "msg": fault.message}
    connection.push(_encoded({"id": number, "status": fault.status, "error": error}))


def _text(value: object) -> str:
    """Return a parameter as it was signed."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    return json.dumps(value, separators=(",", ":"))


def _encoded(message: Json) -> str:
    return msgspec.json.encode(message).decode()
