"""Checks that an order request is complete in itself, before any exchange sees it."""

import re

from bot.execution.orders import OrderRequest, OrderType
from bot.kernel.ids import CLIENT_ORDER_ID_PATTERN
from bot.kernel.money import ZERO

_CLIENT_ORDER_ID = re.compile(CLIENT_ORDER_ID_PATTERN)
_NEEDS_LIMIT = frozenset({OrderType.LIMIT, OrderType.STOP_LOSS_LIMIT})
_NEEDS_STOP = frozenset({OrderType.STOP_LOSS_LIMIT})


def shape_problem(order: OrderRequest) -> str | None:
    """Return what is wrong with the request itself, or None.

    A price on a market order is refused: the client library would turn it into an order by cost.
    """
    if _CLIENT_ORDER_ID.fullmatch(order.client_order_id) is None:
        return f"the client order id {order.client_order_id!r} does not fit {CLIENT_ORDER_ID_PATTERN}"
    if not order.quantity.is_finite() or order.quantity <= ZERO:
        return f"the quantity {order.quantity} is not above zero"
    for name, price, needed in (
        ("limit price", order.limit_price, order.order_type in _NEEDS_LIMIT),
        ("stop price", order.stop_price, order.order_type in _NEEDS_STOP),
    ):
        if needed != (price is not None):
            return f"a {order.order_type} order {'needs a' if needed else 'carries no'} {name}"
        if price is not None and (not price.is_finite() or price <= ZERO):
            return f"the {name} {price} is not above zero"
    if order.immediate and order.order_type is not OrderType.LIMIT:
        return f"a {order.order_type} order is not sent as immediate"
    return None
