"""Order lists: two orders of which one cancels the other (OCO), placed together or not at all.

One of the two holds the coins for both; `matching` rule 8 says what happens then.
"""

from decimal import Decimal

from bot.exchange.box import errors, meeting
from bot.exchange.box.filters import MAX_ORDER_LISTS, check_counts, locked_for
from bot.exchange.box.ledger import Ledger
from bot.exchange.box.matching import Matching
from bot.exchange.box.orders import NewOrder, Order, OrderList, Side

_LIMIT, _STOP_LOSS, _TAKE_PROFIT = "LIMIT_MAKER", "STOP_LOSS", "TAKE_PROFIT"


class OrderLists:
    """Places and cancels the lists of one exchange."""

    def __init__(self, matching: Matching, ledger: Ledger) -> None:
        self._matching = matching
        self._ledger = ledger

    def open_lists(self) -> list[OrderList]:
        """Return the lists that have not ended, oldest first."""
        return [found for found in self._ledger.lists.values() if not found.is_done]

    def place(self, legs: tuple[NewOrder, NewOrder], client_id: str, now_ms: int) -> OrderList:
        """Take the order above the market and the one below it.

        Raises:
            ApiError: When either is refused; then nothing has changed.
        """
        check_types(*legs)
        symbol = legs[0].symbol
        for leg in legs:
            self._matching.check(leg, now_ms)
        self._check_counts(legs)
        self._check_names(legs, client_id)
        last = self._matching.last(symbol, now_ms)
        above, below = (self._matching.draft(leg, last, now_ms) for leg in legs)
        below.order_id += 1
        if _place_of(above, last) <= last or _place_of(below, last) >= last:
            raise errors.wrong_prices()
        for order in (above, below):
            self._matching.check_against_market(order, last, now_ms)
            order.list_id = self._ledger.next_list_id()
        order_list = OrderList(
            list_id=above.list_id,
            client_id=client_id,
            symbol=symbol,
            order_ids=(above.order_id, below.order_id),
            updated_ms=now_ms,
        )
        tick = self._matching.check(legs[0], now_ms).tick
        needs = [locked_for(order, meeting.trigger_price(order, tick)) for order in (above, below)]
        self._matching.admit_list(order_list, (above, below), max(needs))
        return order_list

    def cancel(self, order_list: OrderList, now_ms: int, cancel_id: str) -> None:
        """End an open list, and with it both orders."""
        order = next(order for order in self._ledger.orders_in(order_list) if order.status.is_open)
        self._matching.cancel(order, now_ms, cancel_id)

    def _check_counts(self, legs: tuple[NewOrder, NewOrder]) -> None:
        symbol = legs[0].symbol
        stops = sum(leg.kind.is_conditional for leg in legs)
        check_counts(self._matching.book.open_orders(symbol), orders=2, stops=stops)
        if sum(found.symbol == symbol for found in self.open_lists()) >= MAX_ORDER_LISTS:
            raise errors.filter_failure("MAX_NUM_ORDER_LISTS")

    def _check_names(self, legs: tuple[NewOrder, NewOrder], client_id: str) -> None:
        above, below = (leg.client_order_id for leg in legs)
        has = self._matching.book.has_client_id
        if above == below or has(legs[0].symbol, above) or has(legs[0].symbol, below):
            raise errors.duplicate_order()
        if any(found.client_id == client_id for found in self.open_lists()):
            raise errors.duplicate_order()


def check_types(above: NewOrder, below: NewOrder) -> None:
    """Let two types pass that go together: a stop loss and a limit or take profit on the other side.

    Raises:
        ApiError: -1158 to -1199, with the reason.
    """
    kinds = [leg.kind.value.removesuffix("_LIMIT") for leg in (above, below)]
    if any(kind not in {_LIMIT, _STOP_LOSS, _TAKE_PROFIT} for kind in kinds):
        raise errors.list_shape(-1158)
    if kinds == [_LIMIT, _LIMIT]:
        raise errors.list_shape(-1168)
    # The gaining side of a sale lies above the market, of a purchase below it.
    is_sale = above.side is Side.SELL
    gaining, losing = kinds if is_sale else reversed(kinds)
    if losing == _LIMIT:
        raise errors.list_shape(-1166 if is_sale else -1165)
    if losing == _TAKE_PROFIT:
        raise errors.list_shape(-1199 if is_sale else -1198)
    if gaining == _STOP_LOSS:
        raise errors.list_shape(-1197 if is_sale else -1196)


def _place_of(order: Order, last: Decimal) -> Decimal:
    """Return where an order lies; a trailing stop without a price lies where it triggers."""
    if order.extreme is not None:
        return last + 1 if order.is_buy else last - 1
    return order.stop_price if order.is_waiting else order.price
