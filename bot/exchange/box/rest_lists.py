"""Order lists (OCO) as endpoints: place, query, cancel. Paths are below `/api/v3`."""

from collections.abc import Mapping

from bot.exchange.box import errors, wire
from bot.exchange.box.call import Call
from bot.exchange.box.intake import read_list
from bot.exchange.box.orders import Order, OrderList
from bot.exchange.box.route import Route, signed
from bot.exchange.box.wire import Json

_MOST_ROWS = 1_000


def new_oco(call: Call) -> Json:
    """Take two orders of which one cancels the other."""
    wanted = call.text("newOrderRespType")
    if wanted not in {None, "ACK", "RESULT", "FULL"}:
        raise errors.invalid_parameter("newOrderRespType")
    client_id = call.client_id("listClientOrderId") or call.exchange.new_client_order_id()
    order_list = call.exchange.lists.place(read_list(call), client_id, call.now_ms)
    report = wire.order_ack if wanted == "ACK" else wire.order_result
    orders = _orders(call, order_list)
    return {**wire.list_state(order_list, orders), "orderReports": [report(order) for order in orders]}


def cancel_list(call: Call) -> Json:
    """End an open list by its number or its client id."""
    symbol = call.symbol()
    order_list = _named_list(call, "listClientOrderId")
    if order_list is None or order_list.is_done or order_list.symbol != symbol:
        raise errors.cancel_list_rejected()
    return cancelled(call, order_list, call.client_id("newClientOrderId"))


def cancelled(call: Call, order_list: OrderList, cancel_id: str | None) -> Json:
    """End a list and return the answer to its cancellation."""
    orders = _orders(call, order_list)
    was_open = [order for order in orders if order.status.is_open]
    cancel_id = cancel_id or call.exchange.new_client_order_id()
    call.exchange.lists.cancel(order_list, call.now_ms, cancel_id)
    reports = [wire.order_cancelled(order, cancel_id) for order in was_open]
    return {**wire.list_state(order_list, orders), "orderReports": reports}


def query_list(call: Call) -> Json:
    """Return one list, by number or by client id."""
    order_list = _named_list(call, "origClientOrderId")
    if order_list is None:
        raise errors.no_such_list()
    return wire.list_state(order_list, _orders(call, order_list))


def open_lists(call: Call) -> list[Json]:
    """Return the lists that have not ended."""
    return [wire.list_state(found, _orders(call, found)) for found in call.exchange.lists.open_lists()]


def all_lists(call: Call) -> list[Json]:
    """Return lists: from a number on, in a time range, or the newest."""
    first, (start_ms, end_ms) = call.integer("fromId"), call.range_ms()
    if first is not None and (start_ms is not None or end_ms is not None):
        raise errors.invalid_parameter("combination")
    limit = call.limit(default=500, largest=_MOST_ROWS)
    found = [
        order_list
        for order_list in call.exchange.ledger.lists.values()
        if (first is None or order_list.list_id >= first)
        and (start_ms is None or _began_ms(call, order_list) >= start_ms)
        and (end_ms is None or _began_ms(call, order_list) <= end_ms)
    ]
    from_start = first is not None or start_ms is not None
    page = found[:limit] if from_start else found[-limit:]
    return [wire.list_state(order_list, _orders(call, order_list)) for order_list in page]


def _orders(call: Call, order_list: OrderList) -> list[Order]:
    return call.exchange.ledger.orders_in(order_list)


def _began_ms(call: Call, order_list: OrderList) -> int:
    return _orders(call, order_list)[0].created_ms


def _named_list(call: Call, id_name: str) -> OrderList | None:
    list_id, client_id = call.integer("orderListId"), call.client_id(id_name)
    if list_id is None and client_id is None:
        raise errors.mandatory_one_of(f"'{id_name}' or 'orderListId'")
    return call.exchange.ledger.find_list(list_id=list_id, client_id=client_id)


ROUTES: Mapping[tuple[str, str], Route] = {
    ("POST", "orderList/oco"): signed(new_oco, 1, new_orders=2),
    ("GET", "orderList"): signed(query_list, 4),
    ("DELETE", "orderList"): signed(cancel_list, 1),
    ("GET", "openOrderList"): signed(open_lists, 6),
    ("GET", "allOrderList"): signed(all_lists, 20),
}
