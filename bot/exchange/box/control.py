"""The control port: what the operator of the box, a demo or a test may do to the exchange.

It listens on a port of its own and wants `Authorization: Bearer TOKEN`. Bodies are JSON objects;
amounts and prices are text or numbers, kept exact.
"""

import hmac
from collections.abc import Callable
from typing import Any

import msgspec
from aiohttp import web

from bot.exchange.box.config import FASTEST, is_amount
from bot.exchange.box.control_bodies import (
    BODIES,
    Advance,
    Ban,
    Body,
    Coins,
    Cut,
    ExternalTrade,
    Fill,
    Price,
    Script,
    SkewedClock,
    Speed,
)
from bot.exchange.box.errors import ApiError
from bot.exchange.box.exchange import Exchange
from bot.exchange.box.faults import Faults
from bot.exchange.box.orders import Kind, NewOrder
from bot.exchange.box.rest_app import RestApp
from bot.exchange.box.script_player import ControlError, ScriptPlayer
from bot.exchange.box.stream_hub import StreamHub
from bot.exchange.box.wire import amount, order_full, order_row
from bot.kernel.clock import from_millis, iso_z
from bot.kernel.money import is_on_step, text

_MOST_SECONDS = 20 * 366 * 86_400
_LONGEST_BAN_S = 3 * 86_400
_UNAUTHORIZED, _NOT_FOUND, _BAD = 401, 404, 400


class ControlApp:
    """Answers the control calls for one exchange."""

    def __init__(
        self,
        exchange: Exchange,
        faults: Faults,
        rest: RestApp,
        hub: StreamHub,
        *,
        keep: Callable[[], None],
        stop: Callable[[], None],
    ) -> None:
        self._exchange = exchange
        self._faults = faults
        self._hub = hub
        self._keep = keep
        self._stop = stop
        self._player = ScriptPlayer(lambda call, body: self._calls[call](body))
        hub.on_pulse = self._play_due
        self._questions: dict[str, Callable[[], Any]] = {
            "/state": self._state,
            "/requests": lambda: list(rest.seen),
            "/faults": lambda: self._faults.waiting,
            "/streams": self._streams,
            "/scenario": self._script,
        }
        self._calls: dict[str, Callable[[Any], Any]] = {
            "clock/advance": self._advance,
            "clock/set_speed": self._set_speed,
            "price": self._force_price,
            "deposit": self._deposit,
            "withdraw": self._withdraw,
            "external_trade": self._external_trade,
            "fill": self._fill,
            "auth_clock": self._set_auth_clock,
            "ban": self._ban,
            "wipe": self._wipe,
            "streams/cut": self._cut,
            "faults": lambda body: {"fault": self._faults.add(body)},
            "scenario": self._load,
            "shutdown": self._shutdown,
        }

    def begin(self, script: Script) -> None:
        """Begin a script before anybody has called.

        Raises:
            ControlError: When it cannot be played.
        """
        self._load(script)

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one control request."""
        expected = f"Bearer {self._exchange.credentials.control_token}".encode()
        given = request.headers.get("Authorization", "").encode("utf-8", "surrogateescape")
        if not hmac.compare_digest(given, expected):
            return _answer(_UNAUTHORIZED, {"error": "the control token is missing or wrong"})
        try:
            result = self._result(request.method, request.path, await request.read())
        except (msgspec.DecodeError, ControlError, ApiError) as error:
            return _answer(_BAD, {"error": str(error)})
        if result is None:
            return _answer(_NOT_FOUND, {"error": f"no such call: {request.method} {request.path}"})
        if request.method != "GET":
            self._keep()
            self._hub.wake(is_urgent=True)
        return _answer(200, result)

    def _result(self, method: str, path: str, body: bytes) -> Any:
        """Return the answer, or None where there is no such call."""
        if method == "GET" and path in self._questions:
            return self._questions[path]()
        if method == "DELETE" and path == "/faults":
            self._faults.clear()
            return {}
        call = path.removeprefix("/")
        if method != "POST" or call not in self._calls:
            return None
        return self._calls[call](msgspec.json.decode(body or b"{}", type=BODIES[call]))

    def _state(self) -> Any:
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

    def _streams(self) -> Any:
        return [
            {
                "connection": connection.number,
                "path": connection.path,
                "streams": list(connection.streams),
                "account_subscriptions": sorted(connection.subscriptions),
            }
            for connection in self._hub.connections.values()
        ]

    def _script(self) -> Any:
        player = self._player
        waiting = [{"call": planned.call, "market_ms": planned.at_ms} for planned in player.waiting]
        return {"name": player.name, "played": player.played, "waiting": waiting}

    def _load(self, script: Script) -> Any:
        self._player.load(script, self._exchange.sync())
        self._play_due()
        return self._script()

    def _play_due(self) -> None:
        """Make the script's calls that are due by now."""
        if self._player.play(self._exchange.now_ms):
            self._hub.wake(is_urgent=True)
            self._keep()
        self._hub.is_restless = self._player.next_ms() is not None

    def _advance(self, body: Advance) -> Any:
        """Step market time; a script's calls on the way happen at their own times."""
        if not 0 <= body.seconds <= _MOST_SECONDS:
            raise ControlError(f"seconds must be from 0 to {_MOST_SECONDS}, got {body.seconds}")
        clock = self._exchange.market_clock
        target_ms = clock.now_ms() + int(body.seconds * 1_000)
        while (next_ms := self._player.next_ms()) is not None and next_ms <= target_ms:
            clock.advance(max(0, next_ms - clock.now_ms()))
            self._exchange.sync()
            self._play_due()
        clock.advance(max(0, target_ms - clock.now_ms()))
        return self._time()

    def _set_speed(self, body: Speed) -> Any:
        if not 0 <= body.speed <= FASTEST:
            raise ControlError(f"speed must be from 0 to {FASTEST:,}, got {body.speed}")
        self._exchange.sync()
        self._exchange.market_clock.set_speed(body.speed)
        return self._time()

    def _force_price(self, body: Price) -> Any:
        coin = self._exchange.view.coins[self._symbol(body.symbol)]
        if not body.price.is_finite() or body.price <= 0 or not is_on_step(body.price, coin.tick):
            raise ControlError(f"price must be a positive multiple of {coin.tick}, got {body.price}")
        self._exchange.force_price(coin.symbol, int(body.price / coin.tick))
        return {"symbol": coin.symbol, "price": text(body.price)}

    def _deposit(self, body: Coins) -> Any:
        self._exchange.deposit(_checked(body).asset, body.amount)
        return self._balance(body.asset)

    def _withdraw(self, body: Coins) -> Any:
        self._exchange.withdraw(_checked(body).asset, body.amount)
        return self._balance(body.asset)

    def _external_trade(self, body: ExternalTrade) -> Any:
        """Trade as the owner would by hand on the exchange's site: a foreign client order id."""
        now_ms = self._exchange.sync()
        new = NewOrder(
            symbol=self._symbol(body.symbol),
            side=body.side,
            kind=Kind.MARKET,
            client_order_id=f"web_{self._exchange.new_client_order_id()}",
            quantity=body.quantity,
        )
        order = self._exchange.matching.place(new, now_ms)
        return order_full(order, self._exchange.ledger.fills_of(order))

    def _fill(self, body: Fill) -> Any:
        """Let others take a part of a resting order, wherever the price is."""
        now_ms, symbol = self._exchange.sync(), self._symbol(body.symbol)
        order = self._exchange.ledger.find(symbol, order_id=None, client_order_id=body.client_order_id)
        if order is None or not order.status.is_open or order.is_waiting:
            raise ControlError(f"no order {body.client_order_id} rests in {symbol}")
        step = self._exchange.view.coins[symbol].step
        if not (body.quantity.is_finite() and body.quantity > 0 and is_on_step(body.quantity, step)):
            raise ControlError(f"quantity must be a positive multiple of {step}, got {body.quantity}")
        self._exchange.matching.fill_resting(order, body.quantity, now_ms)
        return order_row(order)

    def _set_auth_clock(self, body: SkewedClock) -> Any:
        self._exchange.auth_clock.skew_ms = body.skew_ms
        return {"skew_ms": body.skew_ms}

    def _ban(self, body: Ban) -> Any:
        if not 0 <= body.seconds <= _LONGEST_BAN_S:
            raise ControlError(f"seconds must be from 0 to {_LONGEST_BAN_S}, got {body.seconds}")
        self._exchange.rates.ban(body.seconds, self._exchange.auth_clock.now_ms())
        return {"seconds": body.seconds}

    def _wipe(self, _: Body) -> Any:
        self._exchange.wipe()
        return self._state()

    def _cut(self, body: Cut) -> Any:
        if body.what == "account_stream":
            return {"ended": self._hub.end_account_streams()}
        is_all = body.what == "all"
        account, market = is_all or body.what == "account", is_all or body.what == "market"
        return {"cut": self._hub.cut(account=account, market=market)}

    def _shutdown(self, _: Body) -> Any:
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


def _checked(coins: Coins) -> Coins:
    if not is_amount(coins.amount) or not coins.asset.isalnum():
        raise ControlError(f"expected an asset and an amount with at most eight decimals, got {coins}")
    return coins


def _answer(status: int, result: Any) -> web.Response:
    return web.Response(status=status, body=msgspec.json.encode(result), content_type="application/json")
