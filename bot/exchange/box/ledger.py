"""Every order and trade that ever was on this exchange, with the numbers they were given."""

from collections.abc import Iterable

import msgspec

from bot.exchange.box.orders import Order, Trade

_FIRST_ORDER_ID = 1_000_001
_FIRST_TRADE_ID = 5_000_001


class LedgerSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """The ledger as plain data."""

    orders: tuple[Order, ...] = ()
    trades: tuple[Trade, ...] = ()


class Ledger:
    """Orders by id and by client id, trades by market, oldest first."""

    def __init__(self, snapshot: LedgerSnapshot | None = None) -> None:
        self.orders: dict[int, Order] = {}
        self.trades: list[Trade] = []
        self._by_client: dict[tuple[str, str], int] = {}
        self._of_order: dict[int, list[Trade]] = {}
        for order in snapshot.orders if snapshot else ():
            self.add_order(order)
        for trade in snapshot.trades if snapshot else ():
            self.add_trade(trade)

    def next_order_id(self) -> int:
        """Return the number of the next order."""
        return _FIRST_ORDER_ID + len(self.orders)

    def next_trade_id(self) -> int:
        """Return the number of the next trade."""
        return _FIRST_TRADE_ID + len(self.trades)

    def add_order(self, order: Order) -> None:
        """Keep an order; a client id that was used before now means this one."""
        self.orders[order.order_id] = order
        self._by_client[order.symbol, order.client_order_id] = order.order_id

    def add_trade(self, trade: Trade) -> None:
        """Keep a trade."""
        self.trades.append(trade)
        self._of_order.setdefault(trade.order_id, []).append(trade)

    def find(self, symbol: str, *, order_id: int | None, client_order_id: str | None) -> Order | None:
        """Return the order with this number, or the newest with this client id; both must fit."""
        if order_id is None:
            order_id = self._by_client.get((symbol, client_order_id or ""))
        order = self.orders.get(order_id or 0)
        if order is None or order.symbol != symbol:
            return None
        return order if client_order_id in {None, order.client_order_id} else None

    def fills_of(self, order: Order) -> list[Trade]:
        """Return the order's trades, oldest first."""
        return self._of_order.get(order.order_id, [])

    def orders_of(self, symbol: str) -> Iterable[Order]:
        """Return the market's orders, oldest first."""
        return (order for order in self.orders.values() if order.symbol == symbol)

    def trades_of(self, symbol: str) -> Iterable[Trade]:
        """Return the market's own trades, oldest first."""
        return (trade for trade in self.trades if trade.symbol == symbol)

    def snapshot(self) -> LedgerSnapshot:
        """Return the ledger as plain data."""
        return LedgerSnapshot(orders=tuple(self.orders.values()), trades=tuple(self.trades))
