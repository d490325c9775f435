"""A gateway between bot and box that holds a request back, or tells the account's trades badly."""

import random
from typing import Any

from bot.exchange.gateway import Gateway
from bot.execution.orders import OrderRequest, Submission, Unknown
from bot.kernel.market import OwnTrade
from bot.risk.verdict import Approved

HELD = "request held up, arrives later"
TWICE = "own trades told twice, in the wrong order"
MISSING = "own trades missing at first"
KINDS = (HELD, TWICE, MISSING)
_MISSING_LOOKS = 2


class Courier:
    """One story's messenger; it outlives the bot's processes, as the network does."""

    def __init__(self, kinds: list[str], draw: random.Random) -> None:
        self._kinds = kinds
        self._draw = draw
        self._held: Approved[OrderRequest] | None = None
        self._was_held = False
        self._looks = 0

    def between(self, gateway: Gateway) -> Any:
        """Return the gateway as this messenger lets it be seen."""
        return _Carried(gateway, self)

    @property
    def held(self) -> Approved[OrderRequest] | None:
        """Return the request that is still on its way, if there is one."""
        return self._held

    def submit(self, gateway: Gateway, approved: Approved[OrderRequest]) -> Submission:
        """Carry an order, but hold the first one back in such a story."""
        if HELD in self._kinds and not self._was_held:
            self._held, self._was_held = approved, True
            return Unknown(client_order_id=approved.order.client_order_id, text="nobody answered")
        return gateway.submit(approved)

    def deliver(self, gateway: Gateway) -> None:
        """Let the request that was held back reach the exchange."""
        if self._held is not None:
            gateway.submit(self._held)
            self._held = None

    def told(self, trades: tuple[OwnTrade, ...]) -> tuple[OwnTrade, ...]:
        """Return what is told of these trades."""
        self._looks += 1
        if MISSING in self._kinds and self._looks <= _MISSING_LOOKS:
            return ()
        if TWICE in self._kinds:
            twice = [*trades, *trades]
            self._draw.shuffle(twice)
            return tuple(twice)
        return trades


class _Carried:
    def __init__(self, gateway: Gateway, courier: Courier) -> None:
        self._gateway = gateway
        self._courier = courier

    def __getattr__(self, name: str) -> Any:
        return getattr(self._gateway, name)

    def submit(self, approved: Approved[OrderRequest]) -> Submission:
        return self._courier.submit(self._gateway, approved)

    def own_trades(self, symbol: str, **words: Any) -> tuple[OwnTrade, ...]:
        return self._courier.told(self._gateway.own_trades(symbol, **words))
