"""The account's own open orders: who is next at a price, and which stops wait.

Price-time priority: the better price first, at one price the order that came first.
"""

from collections.abc import Iterable, Iterator
from decimal import Decimal

from bot.exchange.box.orders import Order, Side


class OrderBook:
    """Open orders by market; an order leaves when it ends."""

    def __init__(self, orders: Iterable[Order] = ()) -> None:
        self._open: dict[str, dict[int, Order]] = {}
        for order in orders:
            if order.status.is_open:
                self.add(order)

    def add(self, order: Order) -> None:
        """Take an open order in."""
        self._open.setdefault(order.symbol, {})[order.order_id] = order

    def remove(self, order: Order) -> None:
        """Forget an order; forgetting twice is no error."""
        self._open.get(order.symbol, {}).pop(order.order_id, None)

    def clear(self) -> None:
        """Forget all orders."""
        self._open.clear()

    def symbols(self) -> list[str]:
        """Return the markets with open orders, in a fixed order."""
        return sorted(symbol for symbol, orders in self._open.items() if orders)

    def open_orders(self, symbol: str | None = None) -> list[Order]:
        """Return open orders of one market or of all, oldest first."""
        if symbol is not None:
            return list(self._open.get(symbol, {}).values())
        every = (order for orders in self._open.values() for order in orders.values())
        return sorted(every, key=lambda order: order.order_id)

    def has_client_id(self, symbol: str, client_order_id: str) -> bool:
        """Say whether an open order has this client id."""
        return any(o.client_order_id == client_order_id for o in self._open.get(symbol, {}).values())

    def resting(self, symbol: str, side: Side) -> list[Order]:
        """Return the limit orders of one side, in price-time priority."""
        found = [o for o in self._open.get(symbol, {}).values() if o.side is side and not o.is_waiting]
        return sorted(found, key=priority)

    def trailing(self, symbol: str) -> list[Order]:
        """Return the trailing stops that follow the price now."""
        return [o for o in self._open.get(symbol, {}).values() if o.is_trailing]

    def crossing(self, symbol: str, side: Side, price: Decimal) -> Iterator[Order]:
        """Yield the orders of a side that a taker at this price would meet, best first."""
        for order in self.resting(symbol, side):
            if (order.price <= price) if side is Side.SELL else (order.price >= price):
                yield order


def priority(order: Order) -> tuple[Decimal, int]:
    """Return the sort key of price-time priority within one side."""
    return (-order.price if order.is_buy else order.price, order.order_id)
