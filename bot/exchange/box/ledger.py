"""Every order and trade that ever was on this exchange, with the numbers they were given."""

from collections.abc import Iterable, Sequence

import msgspec

from bot.exchange.box.orders import Order, OrderList, Trade

_FIRST_ORDER_ID = 1_000_001
_FIRST_TRADE_ID = 5_000_001
_FIRST_LIST_ID = 1


class LedgerSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """The ledger as plain data."""

    orders: tuple[Order, ...] = ()
    trades: tuple[Trade, ...] = ()
    lists: tuple[OrderList, ...] = ()
    gone: tuple[int, int, int] = (0, 0, 0)
    """How many orders, trades and lists there were before they were all forgotten."""


class Ledger:
    """Orders by id and by client id, trades by market, oldest first."""

    def __init__(self, snapshot: LedgerSnapshot | None = None) -> None:
        self.orders: dict[int, Order] = {}
        self.trades: list[Trade] = []
        self.lists: dict[int, OrderList] = {}
        self._by_client: dict[tuple[str, str], int] = {}
        self._of_order: dict[int, list[Trade]] = {}
        self._of_symbol: dict[str, list[Trade]] = {}
        self._gone_orders, self._gone_trades, self._gone_lists = snapshot.gone if snapshot else (0, 0, 0)
        for order in snapshot.orders if snapshot else ():
            self.add_order(order)
        for trade in snapshot.trades if snapshot else ():
            self.add_trade(trade)
        for order_list in snapshot.lists if snapshot else ():
            self.add_list(order_list)

    def next_order_id(self) -> int:
        """Return the number of the next order."""
        return _FIRST_ORDER_ID + self._gone_orders + len(self.orders)

    def next_trade_id(self) -> int:
        """Return the number of the next trade."""
        return _FIRST_TRADE_ID + self._gone_trades + len(self.trades)

    def next_list_id(self) -> int:
        """Return the number of the next order list."""
        return _FIRST_LIST_ID + self._gone_lists + len(self.lists)

    def add_order(self, order: Order) -> None:
        """Keep an order; a client id that was used before now means this one."""
        self.orders[order.order_id] = order
        self._by_client[order.symbol, order.client_order_id] = order.order_id

    def add_trade(self, trade: Trade) -> None:
        """Keep a trade."""
        self.trades.append(trade)
        self._of_order.setdefault(trade.order_id, []).append(trade)
        self._of_symbol.setdefault(trade.symbol, []).append(trade)

    def add_list(self, order_list: OrderList) -> None:
        """Keep an order list whose orders are kept already."""
        self.lists[order_list.list_id] = order_list

    def forget(self) -> None:
        """Forget everything; numbers go on where they were, so none is given twice."""
        self._gone_orders = self.next_order_id() - _FIRST_ORDER_ID
        self._gone_trades = self.next_trade_id() - _FIRST_TRADE_ID
        self._gone_lists = self.next_list_id() - _FIRST_LIST_ID
        for kept in (self.orders, self.lists, self._by_client, self._of_order, self._of_symbol):
            kept.clear()
        self.trades.clear()

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

    def trades_of(self, symbol: str) -> Sequence[Trade]:
        """Return the market's own trades, oldest first."""
        return self._of_symbol.get(symbol, [])

    def orders_in(self, order_list: OrderList) -> list[Order]:
        """Return the orders of a list: above the market, below it."""
        return [self.orders[order_id] for order_id in order_list.order_ids]

    def find_list(self, *, list_id: int | None, client_id: str | None) -> OrderList | None:
        """Return the order list with this number, or the newest with this client id."""
        if list_id is not None:
            return self.lists.get(list_id)
        named = [found for found in self.lists.values() if found.client_id == client_id]
        return named[-1] if named else None

    def snapshot(self) -> LedgerSnapshot:
        """Return the ledger as plain data."""
        return LedgerSnapshot(
            orders=tuple(self.orders.values()),
            trades=tuple(self.trades),
            lists=tuple(self.lists.values()),
            gone=(self._gone_orders, self._gone_trades, self._gone_lists),
        )
