"""The control port: what the operator of the box, a demo or a test may do to the exchange.

It listens on a port of its own and wants `Authorization: Bearer TOKEN`. Bodies are JSON objects;
amounts and prices are text or numbers, kept exact.
"""

import hmac
from collections.abc import Callable
from decimal import Decimal
from typing import Any, TypeVar

import msgspec
from aiohttp import web

from bot.exchange.box.config import FASTEST, is_amount
from bot.exchange.box.errors import ApiError
from bot.exchange.box.exchange import Exchange
from bot.exchange.box.faults import Faults, Scenario
from bot.exchange.box.orders import Kind, NewOrder, Side
from bot.exchange.box.rest_app import RestApp
from bot.exchange.box.wire import amount, order_full, order_row
from bot.kernel.clock import from_millis, iso_z
from bot.kernel.money import is_on_step, text

_MOST_SECONDS = 20 * 366 * 86_400
_UNAUTHORIZED, _NOT_FOUND, _BAD = 401, 404, 400
_Body = TypeVar("_Body")


class _Advance(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    seconds: Decimal


class _Speed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    speed: float


class _Price(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    symbol: str
    price: Decimal


class _Coins(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    asset: str
    amount: Decimal


class _ExternalTrade(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    symbol: str
    side: Side
    quantity: Decimal


class _AuthClock(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    skew_ms: int


class ControlError(Exception):
    """The control port cannot do what was asked; the text says why."""


class ControlApp:
    """Answers the control calls for one exchange."""

    def __init__(
        self,
        exchange: Exchange,
        faults: Faults,
        rest: RestApp,
        *,
        keep: Callable[[], None],
        stop: Callable[[], None],
    ) -> None:
        self._exchange = exchange
        self._faults = faults
        self._rest = rest
        self._keep = keep
        self._stop = stop
        self._routes: dict[tuple[str, str], Callable[[bytes], Any]] = {
            ("GET", "/state"): self._state,
            ("GET", "/requests"): lambda _: list(self._rest.seen),
            ("POST", "/clock/advance"): self._advance,
            ("POST", "/clock/set_speed"): self._set_speed,
            ("POST", "/price"): self._force_price,
            ("POST", "/deposit"): self._deposit,
            ("POST", "/withdraw"): self._withdraw,
            ("POST", "/external_trade"): self._external_trade,
            ("POST", "/auth_clock"): self._set_auth_clock,
            ("GET", "/faults"): lambda _: self._faults.waiting,
            ("POST", "/faults"): self._add_fault,
            ("DELETE", "/faults"): self._clear_faults,
            ("POST", "/shutdown"): self._shutdown,
        }

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one control request."""
        expected = f"Bearer {self._exchange.credentials.control_token}".encode()
        given = request.headers.get("Authorization", "").encode("utf-8", "surrogateescape")
        if not hmac.compare_digest(given, expected):
            return _answer(_UNAUTHORIZED, {"error": "the control token is missing or wrong"})
        route = self._routes.get((request.method, request.path))
        if route is None:
            return _answer(_NOT_FOUND, {"error": f"no such call: {request.method} {request.path}"})
        try:
            result = route(await request.read())
        except (msgspec.DecodeError, ControlError, ApiError) as error:
            return _answer(_BAD, {"error": str(error)})
        if request.method != "GET":
            self._keep()
        return _answer(200, result)

    def _state(self, _: bytes) -> Any:
        exchange = self._exchange
        now_ms = exchange.sync()
        prices = {symbol: exchange.view.last_price(symbol, now_ms) for symbol in exchange.view.coins}
        held = {asset: b for asset, b in exchange.accounts.balances.items() if b.total}
        return {
            "market_time": iso_z(from_millis(now_ms)),
            "market_ms": now_ms,
            "speed": exchange.market_clock.speed,
            "auth_skew_ms": exchange.auth_clock.skew_ms,
            "prices": {symbol: None if p is None else text(p) for symbol, p in prices.items()},
            "balances": {a: {"free": amount(b.free), "locked": amount(b.locked)} for a, b in held.items()},
            "open_orders": [order_row(order) for order in exchange.matching.book.open_orders()],
            "orders": len(exchange.ledger.orders),
            "trades": len(exchange.ledger.trades),
            "faults": len(self._faults.waiting),
            "balances_conserved": exchange.accounts.check(),
        }

    def _advance(self, body: bytes) -> Any:
        seconds = _read(body, _Advance).seconds
        if not 0 <= seconds <= _MOST_SECONDS:
            raise ControlError(f"seconds must be from 0 to {_MOST_SECONDS}, got {seconds}")
        self._exchange.market_clock.advance(int(seconds * 1_000))
        return self._time()

    def _set_speed(self, body: bytes) -> Any:
        speed = _read(body, _Speed).speed
        if not 0 <= speed <= FASTEST:
            raise ControlError(f"speed must be from 0 to {FASTEST:,}, got {speed}")
        self._exchange.sync()
        self._exchange.market_clock.set_speed(speed)
        return self._time()

    def _force_price(self, body: bytes) -> Any:
        wanted = _read(body, _Price)
        coin = self._exchange.view.coins[self._symbol(wanted.symbol)]
        if not wanted.price.is_finite() or wanted.price <= 0 or not is_on_step(wanted.price, coin.tick):
            raise ControlError(f"price must be a positive multiple of {coin.tick}, got {wanted.price}")
        self._exchange.force_price(coin.symbol, int(wanted.price / coin.tick))
        return {"symbol": coin.symbol, "price": text(wanted.price)}

    def _deposit(self, body: bytes) -> Any:
        coins = _coins(body)
        self._exchange.accounts.deposit(coins.asset, coins.amount)
        return self._balance(coins.asset)

    def _withdraw(self, body: bytes) -> Any:
        coins = _coins(body)
        self._exchange.sync()
        self._exchange.accounts.withdraw(coins.asset, coins.amount)
        return self._balance(coins.asset)

    def _external_trade(self, body: bytes) -> Any:
        """Trade as the owner would by hand on the exchange's site: a foreign client order id."""
        wanted = _read(body, _ExternalTrade)
        now_ms = self._exchange.sync()
        new = NewOrder(
            symbol=self._symbol(wanted.symbol),
            side=wanted.side,
            kind=Kind.MARKET,
            client_order_id=f"web_{self._exchange.new_client_order_id()}",
            quantity=wanted.quantity,
        )
        order = self._exchange.matching.place(new, now_ms)
        return order_full(order, self._exchange.ledger.fills_of(order))

    def _set_auth_clock(self, body: bytes) -> Any:
        self._exchange.auth_clock.skew_ms = _read(body, _AuthClock).skew_ms
        return {"skew_ms": self._exchange.auth_clock.skew_ms}

    def _add_fault(self, body: bytes) -> Any:
        return {"fault": self._faults.add(_read(body, Scenario))}

    def _clear_faults(self, _: bytes) -> Any:
        self._faults.clear()
        return {}

    def _shutdown(self, _: bytes) -> Any:
        self._stop()
        return {}

    def _time(self) -> Any:
        now_ms = self._exchange.sync()
        return {"market_time": iso_z(from_millis(now_ms)), "market_ms": now_ms}

    def _balance(self, asset: str) -> Any:
        balance = self._exchange.accounts.of(asset)
        return {"asset": asset, "free": amount(balance.free), "locked": amount(balance.locked)}

    def _symbol(self, name: str) -> str:
        symbol = name.replace("/", "")
        if self._exchange.view.coin(symbol) is None:
            raise ControlError(f"no market {name}; there are {', '.join(self._exchange.view.coins)}")
        return symbol


def _coins(body: bytes) -> _Coins:
    coins = _read(body, _Coins)
    if not is_amount(coins.amount) or not coins.asset.isalnum():
        raise ControlError(f"expected an asset and an amount with at most eight decimals, got {coins}")
    return coins


def _read(body: bytes, shape: type[_Body]) -> _Body:
    return msgspec.json.decode(body or b"{}", type=shape)


def _answer(status: int, result: Any) -> web.Response:
    return web.Response(status=status, body=msgspec.json.encode(result), content_type="application/json")
