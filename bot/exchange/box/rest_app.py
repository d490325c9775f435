"""The REST server: from raw request to raw answer, with keys, headers and faults.

Order of things for each request: fault before, route, what `desk` does, fault after, answer.
"""

import asyncio
from collections import deque
from collections.abc import Mapping
from decimal import Decimal
from http import HTTPStatus
from urllib.parse import parse_qsl

import msgspec
from aiohttp import web

from bot.exchange.box import auth, errors, rest_lists, rest_private, rest_public, rest_replace
from bot.exchange.box.desk import Desk
from bot.exchange.box.faults import Faults, Scenario
from bot.exchange.box.route import Route

PREFIX = "/api/v3/"
_KEPT_REQUESTS = 500

_ROUTES: Mapping[tuple[str, str], Route] = {
    **rest_public.ROUTES,
    **rest_private.ROUTES,
    **rest_lists.ROUTES,
    **rest_replace.ROUTES,
}


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """A request that arrived, for tests that count them."""

    method: str
    path: str
    status: int
    """Zero when the connection was dropped."""


class RestApp:
    """Answers Binance's REST calls for one exchange."""

    def __init__(self, desk: Desk, faults: Faults) -> None:
        self._desk = desk
        self._faults = faults
        self.seen: deque[Seen] = deque(maxlen=_KEPT_REQUESTS)

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request."""
        path, _, query = request.raw_path.partition("?")
        body = await request.read()
        fault = self._faults.strike(request.method, path)
        if fault is not None:
            if fault.seconds:
                await asyncio.sleep(fault.seconds)
            if fault.is_before:
                return self._struck(request, path, fault)
        share = fault.part if fault is not None else None
        status, answer, headers = self._answer(request, path, query, body, share)
        if fault is not None and fault.is_after:
            return self._struck(request, path, fault)
        self._note(request.method, path, status)
        return _response(status, answer, headers)

    def _answer(
        self, request: web.BaseRequest, path: str, query: str, body: bytes, share: Decimal | None
    ) -> tuple[int, bytes, dict[str, str]]:
        route = _ROUTES.get((request.method, path.removeprefix(PREFIX)))
        if route is None or not path.startswith(PREFIX):
            return _refusal(errors.no_such_endpoint(), {})
        params = dict(parse_qsl(f"{query}&{body.decode('latin-1')}", keep_blank_values=True))

        def check_sender(now_ms: int) -> None:
            known = self._desk.exchange.credentials
            auth.check_key(request.headers.get("X-MBX-APIKEY"), known.api_key)
            auth.check_time(params, now_ms)
            given, raw_query = params.get("signature"), query.encode("utf-8", "surrogateescape")
            auth.check_signature(query=raw_query, body=body, given=given, secret=known.secret)

        rates, now_ms = self._desk.exchange.rates, self._desk.exchange.auth_clock.now_ms()
        try:
            result = self._desk.carry_out(route, params, check_sender=check_sender, share=share)
        except errors.ApiError as error:
            return _refusal(error, rates.weight_headers(now_ms))
        headers = rates.weight_headers(now_ms)
        if route.new_orders:
            headers.update(rates.order_headers(now_ms))
        return HTTPStatus.OK, msgspec.json.encode(result), headers

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


def _refusal(error: errors.ApiError, headers: dict[str, str]) -> tuple[int, bytes, dict[str, str]]:
    if error.retry_after_s is not None:
        headers["Retry-After"] = str(error.retry_after_s)
    told: dict[str, object] = {"code": error.code, "msg": error.text}
    if error.data is not None:
        told["data"] = error.data
    return error.status, msgspec.json.encode(told), headers


def _response(status: int, body: bytes, headers: dict[str, str]) -> web.Response:
    headers.setdefault("Content-Type", "application/json;charset=UTF-8")
    return web.Response(status=status, body=body, headers=headers)
