"""An order's parameters: which belong to which type, and what is wrong with them otherwise."""

from decimal import Decimal
from enum import StrEnum
from typing import TypeVar

from bot.exchange.box import errors
from bot.exchange.box.call import Call
from bot.exchange.box.orders import Kind, Lifetime, NewOrder, Side
from bot.kernel.money import ZERO

_Word = TypeVar("_Word", bound=StrEnum)

_STOPS = frozenset(kind for kind in Kind if kind.is_conditional)
_TIMED = frozenset({Kind.LIMIT, Kind.STOP_LOSS_LIMIT, Kind.TAKE_PROFIT_LIMIT})
_UNSUPPORTED = {
    "trailingDelta": "Trailing stop orders are not supported for this symbol.",
    "icebergQty": "Iceberg orders are not supported for this symbol.",
    "pegPriceType": "Pegged orders are not supported for this symbol.",
}


def read_order(call: Call) -> NewOrder:
    """Return the order that the parameters describe.

    Raises:
        ApiError: -1102 for a missing parameter, -1106 for one too many, and the code of the value
            that is impossible.
    """
    symbol = call.symbol()
    side = _word(call, "side", Side)
    kind = _word(call, "type", Kind)
    for name, text in _UNSUPPORTED.items():
        if call.text(name) is not None:
            raise errors.order_rejected(text)
    quantity, by_quote = call.number("quantity"), call.number("quoteOrderQty")
    if kind is Kind.MARKET:
        if quantity is None and by_quote is None:
            raise errors.mandatory_one_of("'quantity' or 'quoteOrderQty'")
        if quantity is not None and by_quote is not None:
            raise errors.invalid_parameter("combination")
    else:
        quantity = _belongs(quantity, "quantity", wanted=True)
        by_quote = _belongs(by_quote, "quoteOrderQty", wanted=False)
    price = _belongs(call.number("price"), "price", wanted=kind.has_limit)
    stop_price = _belongs(call.number("stopPrice"), "stopPrice", wanted=kind in _STOPS)
    _above_zero("quantity", quantity, by_quote)
    _above_zero("price", price)
    _above_zero("stop price", stop_price)
    return NewOrder(
        symbol=symbol,
        side=side,
        kind=kind,
        client_order_id=call.client_id("newClientOrderId") or call.exchange.new_client_order_id(),
        quantity=quantity or ZERO,
        quote_quantity=by_quote or ZERO,
        price=price or ZERO,
        stop_price=stop_price or ZERO,
        lifetime=_lifetime(call, kind),
    )


def _lifetime(call: Call, kind: Kind) -> Lifetime:
    if kind in _TIMED:
        return _word(call, "timeInForce", Lifetime)
    _belongs(call.text("timeInForce"), "timeInForce", wanted=False)
    return Lifetime.GTC


def _word(call: Call, name: str, words: type[_Word]) -> _Word:
    try:
        return words(call.needed(name))
    except ValueError as error:
        raise errors.invalid_parameter(name) from error


_Value = TypeVar("_Value", Decimal, str)


def _belongs(value: _Value | None, name: str, *, wanted: bool) -> _Value | None:
    if wanted and value is None:
        raise errors.mandatory(name)
    if not wanted and value is not None:
        raise errors.not_required(name)
    return value


def _above_zero(name: str, *values: Decimal | None) -> None:
    if any(value is not None and value <= 0 for value in values):
        raise errors.invalid_message(f"Invalid {name}.")
