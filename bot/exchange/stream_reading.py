"""Pure mapping of Binance's stream events to our values, exact and strict.

The rules are those of `ccxt_mapping`: numbers from the event's own text, and what cannot be right is an
`ExchangeAnswerError`.
"""

from bot.exchange.ccxt_account_mapping import ORDER_STATUS
from bot.exchange.ccxt_fields import (
    Row,
    at_least_zero,
    bad_answer,
    moment,
    never_surprising,
    positive,
    text_of,
    whole,
)
from bot.exchange.streams import OrderSeen, TradeSeen

TRADE = "trade"
ORDER = "executionReport"
BALANCES = frozenset({"outboundAccountPosition", "balanceUpdate", "externalLockUpdate"})
TERMINATED = "eventStreamTerminated"
HEARD = frozenset({TRADE, ORDER, TERMINATED}) | BALANCES


def event_of(message: object) -> Row | None:
    """Return the event inside a message of a market stream or of the account's, or None if it is none."""
    while isinstance(message, dict):
        if isinstance(message.get("e"), str):
            return message
        inner = message.get("event") if "event" in message else message.get("data")
        if inner is None:
            return None
        message = inner
    return None


@never_surprising
def trade_seen(event: Row, *, symbol: str) -> TradeSeen:
    """Read a `trade` event."""
    return TradeSeen(
        symbol=symbol,
        trade_id=whole(event, "t"),
        price=positive(event, "p"),
        traded_at=moment(event, "T"),
    )


@never_surprising
def order_seen(event: Row, *, symbol: str) -> OrderSeen:
    """Read an `executionReport`; a cancellation carries the order's own client id in another field."""
    status = ORDER_STATUS.get(text_of(event, "X"))
    if status is None:
        raise bad_answer("execution report", f"status {event.get('X')!r}")
    return OrderSeen(
        symbol=symbol,
        client_order_id=event.get("C") or text_of(event, "c"),
        status=status,
        filled_quantity=at_least_zero(event, "z"),
    )
