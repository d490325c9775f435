"""What the account is told as it happens: reports of orders, balances and order lists.

Events are written down as plain data at the moment of the change, because orders change in place.
Nothing is written while nobody listens; what happened meanwhile can be asked for, as at the real
exchange.
"""

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any

from bot.exchange.box.accounts import Accounts
from bot.exchange.box.orders import Order, OrderList, Status, Trade
from bot.exchange.box.wire import ZERO_TEXT, amount, list_state

Json = dict[str, Any]

_ENDINGS = {
    Status.CANCELED: "CANCELED",
    Status.EXPIRED: "EXPIRED",
    Status.EXPIRED_IN_MATCH: "TRADE_PREVENTION",
}


class AccountEvents:
    """Collects events, oldest first, until `take`."""

    def __init__(self) -> None:
        self.is_listened_to = False
        self._events: list[Json] = []
        self._touched: dict[str, None] = {}
        """Assets whose balances changed since they were told last; in the order of change."""

    def take(self) -> list[Json]:
        """Return what has happened and forget it."""
        events, self._events = self._events, []
        return events

    def accepted(self, order: Order, at_ms: int) -> None:
        """Tell of an order that was taken, or of a stop that has been triggered."""
        self._note(order, at_ms, lambda: _report(order, "NEW", at_ms))

    def filled(self, order: Order, trade: Trade, at_ms: int) -> None:
        """Tell of a fill; the order's status is the one after it."""
        self._note(order, at_ms, lambda: {**_report(order, "TRADE", at_ms), **_fill(trade)})

    def ended(self, order: Order, at_ms: int, cancel_id: str | None) -> None:
        """Tell of an order that ended without being filled whole."""

        def report() -> Json:
            shape = _report(order, _ENDINGS[order.status], at_ms)
            if cancel_id is not None:
                shape["c"], shape["C"] = cancel_id, order.client_order_id
            return shape

        self._note(order, at_ms, report)

    def listed(self, order_list: OrderList, orders: Iterable[Order]) -> None:
        """Tell of an order list that began or ended."""
        if self.is_listened_to:
            state = list_state(order_list, orders)
            self._events.append(
                {
                    "e": "listStatus",
                    "E": order_list.updated_ms,
                    "s": order_list.symbol,
                    "g": order_list.list_id,
                    "c": state["contingencyType"],
                    "l": state["listStatusType"],
                    "L": state["listOrderStatus"],
                    "r": "NONE",
                    "C": order_list.client_id,
                    "T": order_list.updated_ms,
                    "O": [
                        {"s": row["symbol"], "i": row["orderId"], "c": row["clientOrderId"]}
                        for row in state["orders"]
                    ],
                }
            )

    def moved(self, asset: str, delta: Decimal, accounts: Accounts, at_ms: int) -> None:
        """Tell of coins that came from or went to the outside."""
        if self.is_listened_to:
            event = {"e": "balanceUpdate", "E": at_ms, "a": asset, "d": amount(delta), "T": at_ms}
            self._events.append(event)
            self._touched[asset] = None
            self.settled(accounts, at_ms)

    def settled(self, accounts: Accounts, at_ms: int) -> None:
        """Tell the balances that have changed since the last time."""
        if self._touched:
            rows = [
                {"a": asset, "f": amount(accounts.of(asset).free), "l": amount(accounts.of(asset).locked)}
                for asset in self._touched
            ]
            self._touched = {}
            event = {"e": "outboundAccountPosition", "E": at_ms, "u": at_ms, "B": rows}
            self._events.append(event)

    def _note(self, order: Order, at_ms: int, report: Callable[[], Json]) -> None:
        if self.is_listened_to:
            self._events.append({"e": "executionReport", "E": at_ms, **report()})
            self._touched.update({order.base: None, order.quote: None})


def _report(order: Order, execution: str, at_ms: int) -> Json:
    shape: Json = {
        "s": order.symbol,
        "c": order.client_order_id,
        "S": order.side.value,
        "o": order.kind.value,
        "f": order.lifetime.value,
        "q": amount(order.quantity),
        "p": amount(order.price),
        "P": amount(order.stop_price),
        "F": ZERO_TEXT,
        "g": order.list_id,
        "C": "",
        "x": execution,
        "X": order.status.value,
        "r": "NONE",
        "i": order.order_id,
        "l": ZERO_TEXT,
        "z": amount(order.executed),
        "L": ZERO_TEXT,
        "n": "0",
        "N": None,
        "T": at_ms,
        "t": -1,
        "I": order.order_id,
        "w": order.status.is_open and not order.is_waiting,
        "m": False,
        "M": False,
        "O": order.created_ms,
        "Z": amount(order.executed_quote),
        "Y": ZERO_TEXT,
        "Q": amount(order.quote_quantity),
        "V": "EXPIRE_MAKER",
    }
    if order.working_ms is not None:
        shape["W"] = order.working_ms
    if order.trailing_bps:
        shape["d"] = order.trailing_bps
        if order.trailing_ms is not None:
            shape["D"] = order.trailing_ms
    return shape


def _fill(trade: Trade) -> Json:
    return {
        "l": amount(trade.quantity),
        "L": amount(trade.price),
        "Y": amount(trade.quote_quantity),
        "n": amount(trade.fee),
        "N": trade.fee_asset,
        "t": trade.trade_id,
        "m": trade.is_maker,
        "M": True,
    }
