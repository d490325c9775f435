"""A small client for the box's control port, for demos and tests. Blocking, standard library only."""

import http.client
import json
from collections.abc import Mapping
from decimal import Decimal
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from bot.kernel.errors import ExchangeRefusedError, ExchangeUnavailableError

_OK = 200


class BoxControl:
    """Steers a running box; symbols may be `SOL/USDT` or `SOLUSDT`.

    Every call raises `ExchangeUnavailableError` when the box does not answer and
    `ExchangeRefusedError` when it refuses, with its own words.
    """

    def __init__(self, control_url: str, token: str, *, timeout_s: float = 30.0) -> None:
        parts = urlsplit(control_url)
        self._connection = http.client.HTTPConnection(
            parts.hostname or "127.0.0.1", parts.port, timeout=timeout_s
        )
        self._token = token

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection; a later call opens it again."""
        self._connection.close()

    def state(self) -> dict[str, Any]:
        """Return market time, prices, balances, open orders, and counts."""
        return dict(self._call("GET", "/state"))

    def requests(self) -> list[dict[str, Any]]:
        """Return the newest REST requests as method, path, status (0 when dropped), oldest first."""
        return list(self._call("GET", "/requests"))

    def price(self, symbol: str) -> Decimal:
        """Return the last price of a market."""
        return Decimal(self.state()["prices"][symbol.replace("/", "")])

    def advance(self, seconds: float) -> str:
        """Move market time forward; return the new time as ISO text."""
        return str(self._call("POST", "/clock/advance", {"seconds": seconds})["market_time"])

    def set_speed(self, speed: float) -> None:
        """Let market time run `speed` times as fast as real time; zero stops it."""
        self._call("POST", "/clock/set_speed", {"speed": speed})

    def set_price(self, symbol: str, price: Decimal | str) -> None:
        """Move a market to a price at once; it goes on from there."""
        self._call("POST", "/price", {"symbol": symbol, "price": str(price)})

    def deposit(self, asset: str, amount: Decimal | str) -> None:
        """Send coins to the account from outside."""
        self._call("POST", "/deposit", {"asset": asset, "amount": str(amount)})

    def withdraw(self, asset: str, amount: Decimal | str) -> None:
        """Take free coins out of the account, as their owner may at any time."""
        self._call("POST", "/withdraw", {"asset": asset, "amount": str(amount)})

    def external_trade(self, symbol: str, side: str, quantity: Decimal | str) -> dict[str, Any]:
        """Trade at the market as the owner would by hand; return the order."""
        body = {"symbol": symbol, "side": side.upper(), "quantity": str(quantity)}
        return dict(self._call("POST", "/external_trade", body))

    def fill(self, symbol: str, client_order_id: str, quantity: Decimal | str) -> dict[str, Any]:
        """Let others take a part of a resting order at its own price; return the order."""
        body = {"symbol": symbol, "client_order_id": client_order_id, "quantity": str(quantity)}
        return dict(self._call("POST", "/fill", body))

    def wipe(self) -> None:
        """Forget orders, trades and balances and grant the wallet anew, as a testnet does."""
        self._call("POST", "/wipe", {})

    def ban(self, seconds: int) -> None:
        """Answer every request with 418 for some real seconds; zero ends it."""
        self._call("POST", "/ban", {"seconds": seconds})

    def streams(self) -> list[dict[str, Any]]:
        """Return the open WebSockets with what they listen to."""
        return list(self._call("GET", "/streams"))

    def cut_streams(self, what: str = "all") -> None:
        """Cut WebSockets: `all`, `account`, `market`; or end the `account_stream` with a word."""
        self._call("POST", "/streams/cut", {"what": what})

    def play(self, script: Mapping[str, Any]) -> dict[str, Any]:
        """Load a script of control calls; return what was played at once and what waits."""
        return dict(self._call("POST", "/scenario", script))

    def script(self) -> dict[str, Any]:
        """Return what the script has done and what waits."""
        return dict(self._call("GET", "/scenario"))

    def set_auth_skew(self, skew_ms: int) -> None:
        """Let the exchange's wall clock be wrong by this much."""
        self._call("POST", "/auth_clock", {"skew_ms": skew_ms})

    def add_fault(
        self,
        action: str,
        *,
        path: str | None = None,
        method: str | None = None,
        event: str | None = None,
        nth: int = 1,
        **details: Any,
    ) -> int:
        """Queue a fault; details are the other fields of `faults.Scenario`."""
        match = {"path": path, "method": method, "event": event, "nth": nth}
        return int(self._call("POST", "/faults", {"action": action, "match": match, **details})["fault"])

    def clear_faults(self) -> None:
        """Forget all faults that wait."""
        self._call("DELETE", "/faults")

    def shutdown(self) -> None:
        """Stop the box; its state file is written first."""
        self._call("POST", "/shutdown", {})
        self.close()

    def _call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        data = None if body is None else json.dumps(body)
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        try:
            self._connection.request(method, path, body=data, headers=headers)
            response = self._connection.getresponse()
            answer = json.loads(response.read())
        except (OSError, http.client.HTTPException, ValueError) as error:
            self._connection.close()
            raise ExchangeUnavailableError("The exchange in a box did not answer", why=str(error)) from error
        if response.status != _OK:
            why = str(answer.get("error"))
            raise ExchangeRefusedError(f"The exchange in a box refused {path}", why=why)
        return answer
