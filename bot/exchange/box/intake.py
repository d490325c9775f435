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
    "icebergQty": "Iceberg orders are not supported for this symbol.",
    "pegPriceType": "Pegged orders are not supported for this symbol.",
}
_LIST_KINDS = _STOPS | {Kind.LIMIT_MAKER}


def read_order(call: Call) -> NewOrder:
    """Return the order that the parameters describe.

    Raises:
        ApiError: -1102 for a missing parameter, -1106 for one too many, and the code of the value
            that is impossible.
    """
    symbol = call.symbol()
    side = _word(call, "side", Side)
    kind = _word(call, "type", Kind)
    _supported(call, "")
    quantity, by_quote = call.number("quantity"), call.number("quoteOrderQty")
    if kind is Kind.MARKET:
        if quantity is None and by_quote is None:
            raise errors.mandatory_one_of("'quantity' or 'quoteOrderQty'")
        if quantity is not None and by_quote is not None:
            raise errors.invalid_parameter("combination")
    else:
        quantity = _belongs(quantity, "quantity", wanted=True)
        by_quote = _belongs(by_quote, "quoteOrderQty", wanted=False)
    _above_zero("quantity", quantity, by_quote)
    client_id = call.client_id("newClientOrderId")
    return _shaped(call, "", symbol, side, kind, quantity or ZERO, by_quote or ZERO, client_id)


def read_list(call: Call) -> tuple[NewOrder, NewOrder]:
    """Return the order above the market and the one below it.

    Raises:
        ApiError: As `read_order`, and -1158 for a type that no order list takes.
    """
    symbol = call.symbol()
    side = _word(call, "side", Side)
    quantity = _belongs(call.number("quantity"), "quantity", wanted=True) or ZERO
    _above_zero("quantity", quantity)
    above, below = (_leg(call, place, symbol, side, quantity) for place in ("above", "below"))
    return above, below


def _leg(call: Call, place: str, symbol: str, side: Side, quantity: Decimal) -> NewOrder:
    kind = _word(call, f"{place}Type", Kind)
    if kind not in _LIST_KINDS:
        raise errors.list_shape(-1158)
    _supported(call, place)
    return _shaped(call, place, symbol, side, kind, quantity, ZERO, call.client_id(f"{place}ClientOrderId"))


def _shaped(
    call: Call,
    place: str,
    symbol: str,
    side: Side,
    kind: Kind,
    quantity: Decimal,
    by_quote: Decimal,
    client_id: str | None,
) -> NewOrder:
    """Return the order with its prices; in a list their names begin with the order's place."""
    price_name, stop_name, trailing_name = (_named(place, n) for n in ("price", "stopPrice", "trailingDelta"))
    price = _belongs(call.number(price_name), price_name, wanted=kind.has_limit)
    trailing_bps, stop_price = call.integer(trailing_name), call.number(stop_name)
    if kind not in _STOPS:
        _belongs(call.text(trailing_name), trailing_name, wanted=False)
    if trailing_bps is None or kind not in _STOPS:
        stop_price = _belongs(stop_price, stop_name, wanted=kind in _STOPS)
    if trailing_bps == 0:
        raise errors.filter_failure("TRAILING_DELTA")
    _above_zero("price", price)
    _above_zero("stop price", stop_price)
    return NewOrder(
        symbol=symbol,
        side=side,
        kind=kind,
        client_order_id=client_id or call.exchange.new_client_order_id(),
        quantity=quantity,
        quote_quantity=by_quote,
        price=price or ZERO,
        stop_price=stop_price or ZERO,
        trailing_bps=trailing_bps or 0,
        lifetime=_lifetime(call, kind, _named(place, "timeInForce")),
    )


def _named(place: str, name: str) -> str:
    return f"{place}{name[0].upper()}{name[1:]}" if place else name


def _supported(call: Call, place: str) -> None:
    for name, text in _UNSUPPORTED.items():
        if call.text(_named(place, name)) is not None:
            raise errors.order_rejected(text)


def _lifetime(call: Call, kind: Kind, name: str) -> Lifetime:
    if kind in _TIMED:
        return _word(call, name, Lifetime)
    _belongs(call.text(name), name, wanted=False)
    return Lifetime.GTC


def _word(call: Call, name: str, words: type[_Word]) -> _Word:
    try:
        return words(call.needed(name))
    except ValueError as error:
        raise errors.invalid_parameter(_PLAIN_NAMES.get(name, name)) from error


_PLAIN_NAMES = {
    f"{place}{name}": f"{name[0].lower()}{name[1:]}"
    for place in ("above", "below")
    for name in ("Type", "TimeInForce")
}

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
