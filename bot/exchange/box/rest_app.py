"""The REST server: from raw request to raw answer, with keys, weights, faults and memory.

Order of things for each request: weight, fault before, route, key, time, signature, the market up
to now, the handler, the state file, fault after, answer. Whatever an answer says has been kept.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from http import HTTPStatus
from urllib.parse import parse_qsl

import msgspec
from aiohttp import web

from bot.exchange.box import auth, errors, rest_private, rest_public
from bot.exchange.box.call import Call
from bot.exchange.box.exchange import Exchange
from bot.exchange.box.faults import Faults, Scenario
from bot.exchange.box.route import Route, Security

PREFIX = "/api/v3/"
_MINUTE_MS, _TEN_SECONDS_MS, _DAY_MS = 60_000, 10_000, 86_400_000
_KEPT_REQUESTS = 500

_ROUTES: Mapping[tuple[str, str], Route] = {**rest_public.ROUTES, **rest_private.ROUTES}


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """A request that arrived, for tests that count them."""

    method: str
    path: str
    status: int
    """Zero when the connection was dropped."""


class RestApp:
    """Answers Binance's REST calls for one exchange."""

    def __init__(self, exchange: Exchange, faults: Faults, keep: Callable[[], None]) -> None:
        self._exchange = exchange
        self._faults = faults
        self._keep = keep
        self._weight = _Meter(_MINUTE_MS)
        self._orders_short = _Meter(_TEN_SECONDS_MS)
        self._orders_day = _Meter(_DAY_MS)
        self.seen: deque[Seen] = deque(maxlen=_KEPT_REQUESTS)

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request."""
        path, _, query = request.raw_path.partition("?")
        body = await request.read()
        fault = self._faults.strike(request.method, path)
        if fault is not None:
            if fault.seconds:
                await asyncio.sleep(fault.seconds)
            if not fault.is_after and fault.action != "delay":
                return self._struck(request, path, fault)
        status, answer, headers = self._answer(request, path, query, body)
        if fault is not None and fault.is_after:
            return self._struck(request, path, fault)
        self._note(request.method, path, status)
        return _response(status, answer, headers)

    def _answer(
        self, request: web.BaseRequest, path: str, query: str, body: bytes
    ) -> tuple[int, bytes, dict[str, str]]:
        now_ms = self._exchange.auth_clock.now_ms()
        route = _ROUTES.get((request.method, path.removeprefix(PREFIX)))
        if route is None or not path.startswith(PREFIX):
            return _refusal(errors.no_such_endpoint(), {})
        params = dict(parse_qsl(f"{query}&{body.decode('latin-1')}", keep_blank_values=True))
        headers = self._weigh(route, params, now_ms)
        try:
            self._check_weight()
            if route.security is Security.SIGNED:
                self._check_sender(request, params, query, body, now_ms)
            before = self._exchange.matching.changes
            call = Call(params=params, exchange=self._exchange, now_ms=self._exchange.sync())
            try:
                answer = msgspec.json.encode(route.handler(call))
            finally:
                if self._exchange.matching.changes != before:
                    self._keep()
        except errors.ApiError as error:
            return _refusal(error, headers)
        if route.is_new_order:
            headers["X-MBX-ORDER-COUNT-10S"] = str(self._orders_short.add(1, now_ms))
            headers["X-MBX-ORDER-COUNT-1D"] = str(self._orders_day.add(1, now_ms))
        return HTTPStatus.OK, answer, headers

    def _check_sender(
        self, request: web.BaseRequest, params: Mapping[str, str], query: str, body: bytes, now_ms: int
    ) -> None:
        known = self._exchange.credentials
        auth.check_key(request.headers.get("X-MBX-APIKEY"), known.api_key)
        auth.check_time(params, now_ms)
        given, raw_query = params.get("signature"), query.encode("utf-8", "surrogateescape")
        auth.check_signature(query=raw_query, body=body, given=given, secret=known.secret)

    def _weigh(self, route: Route, params: Mapping[str, str], now_ms: int) -> dict[str, str]:
        used = str(self._weight.add(route.weight(params), now_ms))
        return {"X-MBX-USED-WEIGHT": used, "X-MBX-USED-WEIGHT-1M": used}

    def _check_weight(self) -> None:
        limit = self._exchange.config.weight_limit_per_minute
        if limit is not None and self._weight.count > limit:
            raise errors.too_much_weight(limit)

    def _struck(self, request: web.BaseRequest, path: str, fault: Scenario) -> web.StreamResponse:
        if fault.is_drop:
            self._note(request.method, path, 0)
            if request.transport is not None:
                request.transport.abort()
            return web.Response()
        self._note(request.method, path, fault.status)
        return _response(fault.status, fault.answer(), dict(fault.headers))

    def _note(self, method: str, path: str, status: int) -> None:
        self.seen.append(Seen(method=method, path=path, status=int(status)))


class _Meter:
    """Counts within fixed windows of wall time."""

    def __init__(self, window_ms: int) -> None:
        self._window_ms = window_ms
        self._window = -1
        self.count = 0

    def add(self, amount: int, now_ms: int) -> int:
        window = now_ms // self._window_ms
        if window != self._window:
            self._window, self.count = window, 0
        self.count += amount
        return self.count


def _refusal(error: errors.ApiError, headers: dict[str, str]) -> tuple[int, bytes, dict[str, str]]:
    if error.status == HTTPStatus.TOO_MANY_REQUESTS:
        headers["Retry-After"] = "60"
    return error.status, msgspec.json.encode({"code": error.code, "msg": error.text}), headers


def _response(status: int, body: bytes, headers: dict[str, str]) -> web.Response:
    headers.setdefault("Content-Type", "application/json;charset=UTF-8")
    return web.Response(status=status, body=body, headers=headers)
