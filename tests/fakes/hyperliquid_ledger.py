"""The counterpart's books: markets, one account, orders and fills; Decimal, and nothing gets lost.

Whoever trades here trades with the house, which takes the other side and the fees: over both, the sum of
every coin stays what it was. The market stands still until a test sets a price.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

FEE = Decimal("0.001")
_LEVELS = 10
_LEVEL_QUOTE = Decimal(2_000)
_MIN_NOTIONAL = Decimal(10)


@dataclass(kw_only=True)
class Market:
    """One spot market: `coin` is its name at the exchange, `asset` what orders mean."""

    base: str
    coin: str
    index: int
    size_decimals: int
    price: Decimal
    thin: bool = False
    """Whether only the first level of each side is there."""

    @property
    def asset(self) -> int:
        return 10_000 + self.index

    def levels(self, *, is_bids: bool) -> list[tuple[Decimal, Decimal]]:
        """Return price and quantity of one side, best first."""
        tick, step = self.tick(self.price), Decimal(1).scaleb(-self.size_decimals)
        prices = [
            self.price + (-tick if is_bids else tick) * (n + 1) for n in range(1 if self.thin else _LEVELS)
        ]
        return [(price, (_LEVEL_QUOTE / price // step) * step) for price in prices]

    def tick(self, price: Decimal) -> Decimal:
        """Return the grid at a price: five figures, eight places less the size's, whole ones always."""
        return max(
            Decimal(1).scaleb(self.size_decimals - 8),
            min(Decimal(1).scaleb(price.adjusted() - 4), Decimal(1)),
        )


@dataclass(kw_only=True)
class Order:
    """One order; `sz` is what is left."""

    oid: int
    cloid: str | None
    market: Market
    is_buy: bool
    price: Decimal
    size: Decimal
    left: Decimal
    tif: str
    placed_ms: int
    status: str = "open"
    changed_ms: int = 0

    def row(self) -> dict[str, Any]:
        """Return the order as the exchange lists it."""
        return {
            "coin": self.market.coin,
            "side": "B" if self.is_buy else "A",
            "limitPx": str(self.price),
            "sz": str(self.left),
            "oid": self.oid,
            "timestamp": self.placed_ms,
            "origSz": str(self.size),
            "tif": self.tif,
            "orderType": "Limit",
            "isTrigger": False,
            "triggerPx": "0.0",
            "reduceOnly": False,
            "cloid": self.cloid,
        }


class RefusedOrderError(Exception):
    """The exchange's words of refusal."""


@dataclass(kw_only=True)
class Ledger:
    """Holdings of the account and of the house, orders and fills."""

    quote: str
    markets: list[Market]
    held: dict[str, Decimal]
    now_ms: Callable[[], int]
    house: dict[str, Decimal] = field(default_factory=dict)
    orders: list[Order] = field(default_factory=list)
    fills: list[dict[str, Any]] = field(default_factory=list)

    def market(self, *, coin: str | None = None, asset: int | None = None, base: str | None = None) -> Market:
        """Return a market by one of its names."""
        return next(m for m in self.markets if coin == m.coin or asset == m.asset or base == m.base)

    def hold(self, name: str) -> Decimal:
        """Return what open orders lock of a coin."""
        locks = [
            (self.quote, o.left * o.price) if o.is_buy else (o.market.base, o.left) for o in self._open()
        ]
        return sum((amount for coin, amount in locks if coin == name), Decimal(0))

    def place(self, wire: dict[str, Any]) -> Order:
        """Take an order as it comes over the wire, match it, and return it.

        Raises:
            RefusedOrderError: In the exchange's words.
        """
        market = self.market(asset=wire["a"])
        price, size, tif = Decimal(wire["p"]), Decimal(wire["s"]), wire["t"]["limit"]["tif"]
        words = self._problem(market, price, size, is_buy=wire["b"])
        if words is not None:
            raise RefusedOrderError(words)
        now = self.now_ms()
        order = Order(
            oid=77_000_000 + len(self.orders),
            cloid=wire.get("c"),
            market=market,
            is_buy=wire["b"],
            price=price,
            size=size,
            left=size,
            tif=tif,
            placed_ms=now,
            changed_ms=now,
        )
        if tif == "Ioc" and not self._crossing(order):
            order.status = "iocCancelRejected"
            self.orders.append(order)
            raise RefusedOrderError(
                f"Order could not immediately match against any resting orders. asset={market.asset}"
            )
        self.orders.append(order)
        for level, quantity in self._crossing(order):
            self._fill(order, level, min(quantity, order.left), is_taker=True)
        if tif == "Ioc" and order.left:
            order.status, order.changed_ms = "canceled", now
        return order

    def cancel(self, asset: int, cloid: str) -> bool:
        """Cancel an open order by its client id; say whether there was one."""
        for order in self._open():
            if order.cloid == cloid and order.market.asset == asset:
                order.status, order.changed_ms = "canceled", self.now_ms()
                return True
        return False

    def set_price(self, base: str, price: Decimal) -> None:
        """Move a market; resting orders that it crosses are filled at their own price."""
        market = self.market(base=base)
        market.price = price
        for order in self._open():
            if order.market is market and self._crossing(order):
                self._fill(order, order.price, order.left, is_taker=False)

    def by_cloid(self, cloid: str) -> Order | None:
        """Return the newest order under a client id."""
        return next((order for order in reversed(self.orders) if order.cloid == cloid), None)

    def _open(self) -> list[Order]:
        return [order for order in self.orders if order.status == "open"]

    def _problem(self, market: Market, price: Decimal, size: Decimal, *, is_buy: bool) -> str | None:
        if size % Decimal(1).scaleb(-market.size_decimals):
            return f"Order has invalid size. asset={market.asset}"
        if price % market.tick(price):
            return f"Price must be divisible by tick size. asset={market.asset}"
        if size * price < _MIN_NOTIONAL:
            return f"Order must have minimum value of 10 {self.quote}. asset={market.asset}"
        name, needed = (self.quote, size * price) if is_buy else (market.base, size)
        if self.held.get(name, Decimal(0)) - self.hold(name) < needed:
            return f"Insufficient spot balance asset={market.asset}"
        return None

    def _crossing(self, order: Order) -> list[tuple[Decimal, Decimal]]:
        levels = order.market.levels(is_bids=not order.is_buy)
        return [
            (price, size)
            for price, size in levels
            if (price <= order.price if order.is_buy else price >= order.price)
        ]

    def _fill(self, order: Order, price: Decimal, quantity: Decimal, *, is_taker: bool) -> None:
        if not quantity:
            return
        pays, paid = (self.quote, price * quantity) if order.is_buy else (order.market.base, quantity)
        gets, got = (order.market.base, quantity) if order.is_buy else (self.quote, price * quantity)
        fee = got * FEE
        self._move(pays, -paid)
        self._move(gets, got - fee)
        now, count = self.now_ms(), len(self.fills)
        order.left -= quantity
        order.changed_ms = now
        if not order.left:
            order.status = "filled"
        self.fills.append(
            {
                "coin": order.market.coin,
                "px": str(price),
                "sz": str(quantity),
                "side": "B" if order.is_buy else "A",
                "time": now,
                "oid": order.oid,
                "tid": (count + 1) * 716_151_970_083_217 % 2**50,  # numbers that say nothing of their order
                "crossed": is_taker,
                "fee": str(fee),
                "feeToken": gets,
                "cloid": order.cloid,
                "hash": "0x0",
                "startPosition": "0.0",
                "closedPnl": "0.0",
                "dir": "Buy" if order.is_buy else "Sell",
            }
        )

    def _move(self, name: str, amount: Decimal) -> None:
        self.held[name] = self.held.get(name, Decimal(0)) + amount
        self.house[name] = self.house.get(name, Decimal(0)) - amount
