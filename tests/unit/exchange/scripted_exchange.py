"""A loopback server that answers what a test scripted: for errors and nonsense no real exchange sends."""

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

MARKET = {
    "symbol": "SOLUSDT",
    "status": "TRADING",
    "baseAsset": "SOL",
    "quoteAsset": "USDT",
    "isSpotTradingAllowed": True,
    "filters": [
        {"filterType": "PRICE_FILTER", "minPrice": "0.01", "maxPrice": "10000.00", "tickSize": "0.01"},
        {"filterType": "LOT_SIZE", "minQty": "0.001", "maxQty": "9000.0", "stepSize": "0.001"},
        {"filterType": "MARKET_LOT_SIZE", "minQty": "0.0", "maxQty": "500.0", "stepSize": "0.0"},
        {"filterType": "NOTIONAL", "minNotional": "5.0", "maxNotional": "9000000.0"},
    ],
}
ORDER = {
    "symbol": "SOLUSDT",
    "orderId": 7,
    "clientOrderId": "mh-SOL-1",
    "transactTime": 1_700_000_000_000,
    "price": "0.00000000",
    "origQty": "1.50000000",
    "executedQty": "1.50000000",
    "cummulativeQuoteQty": "217.98000000",
    "status": "FILLED",
    "type": "MARKET",
    "side": "SELL",
    "fills": [
        {"price": "145.32", "qty": "1.0", "commission": "0.14532", "commissionAsset": "USDT"},
        {"price": "145.32", "qty": "0.5", "commission": "0.07266", "commissionAsset": "USDT"},
    ],
}
TICKER = {
    "symbol": "SOLUSDT",
    "lastPrice": "145.32",
    "bidPrice": "145.31",
    "bidQty": "3",
    "askPrice": "145.33",
    "askQty": "4",
    "quoteVolume": "1234567.89",
    "closeTime": 1_700_000_000_000,
}


class Reply(NamedTuple):
    """What to answer; `hang_up` closes the connection without a word."""

    body: object = ""
    status: int = 200
    headers: Mapping[str, str] = {}
    hang_up: bool = False


class Request(NamedTuple):
    """What was asked."""

    method: str
    path: str
    values: dict[str, str]
    headers: Mapping[str, str]


class ScriptedExchange:
    """Answers by `METHOD path`; several replies are used up one by one, the last one stays."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.rest_url = ""
        self._replies: dict[str, list[Reply]] = {}
        self.say("GET exchangeInfo", Reply({"symbols": [MARKET]}))
        self.say("GET time", Reply({"serverTime": 1_700_000_000_000}))

    def say(self, call: str, *replies: Reply) -> None:
        self._replies[call] = list(replies)

    def answer(self, request: Request) -> Reply:
        self.requests.append(request)
        replies = self._replies.get(
            f"{request.method} {request.path}", [Reply({"code": -1, "msg": "?"}, 400)]
        )
        return replies.pop(0) if len(replies) > 1 else replies[0]

    def asked(self, call: str) -> list[Request]:
        return [request for request in self.requests if f"{request.method} {request.path}" == call]


@contextmanager
def scripted_exchange() -> Iterator[ScriptedExchange]:
    script = ScriptedExchange()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # one packet for head and body: no 40 ms wait for an acknowledgement

        def log_message(self, *_: Any) -> None:
            pass

        def _serve(self) -> None:
            address = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            values = dict(parse_qsl(address.query) + parse_qsl(body))
            path = address.path.removeprefix("/api/v3/")
            reply = script.answer(Request(str(self.command), path, values, dict(self.headers)))
            if reply.hang_up:
                self.close_connection = True
                return
            content = reply.body if isinstance(reply.body, str) else json.dumps(reply.body)
            self.send_response(reply.status)
            for name, value in {"Content-Type": "application/json", **reply.headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content.encode())))
            self.end_headers()
            self.wfile.write(content.encode())

        do_GET = do_POST = do_DELETE = _serve  # noqa: N815  # names given by http.server

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    script.rest_url = f"http://127.0.0.1:{server.server_address[1]}/api/v3"
    try:
        yield script
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
