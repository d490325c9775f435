"""Cancel-replace: one order ends and another takes its place, in one request. Paths are below `/api/v3`.

1. The market's filters judge the new order first: what they refuse leaves the old one as it is.
2. `STOP_ON_FAILURE`: where the cancellation fails, the new order is not attempted; `ALLOW_FAILURE`: it is.
3. One of two that failed is -2021 with status 409, both (or the first alone, where that stops) -2022 with
   400; `data` tells each half. The request counts as one order, however it ends.
"""

from collections.abc import Callable, Mapping
from enum import StrEnum

from bot.exchange.box import errors, wire
from bot.exchange.box.call import Call
from bot.exchange.box.errors import ApiError
from bot.exchange.box.intake import read_order
from bot.exchange.box.orders import NewOrder, Order, Status
from bot.exchange.box.rest_private import answered, response_shape
from bot.exchange.box.route import Route, signed
from bot.exchange.box.wire import Json


class Mode(StrEnum):
    """Whether the new order is tried although the old one could not be cancelled."""

    STOP_ON_FAILURE = "STOP_ON_FAILURE"
    ALLOW_FAILURE = "ALLOW_FAILURE"


_RESTRICTIONS = {"ONLY_NEW": Status.NEW, "ONLY_PARTIALLY_FILLED": Status.PARTIALLY_FILLED}
_DONE, _FAILED, _NOT_TRIED = "SUCCESS", "FAILURE", "NOT_ATTEMPTED"


def cancel_replace(call: Call) -> Json:
    """Cancel an order and place another."""
    mode = _mode(call)
    restriction = _restriction(call)
    old_id, old_client_id = call.integer("cancelOrderId"), call.client_id("cancelOrigClientOrderId")
    if old_id is None and old_client_id is None:
        raise errors.mandatory_one_of("'cancelOrigClientOrderId' or 'cancelOrderId'")
    shape, new = response_shape(call), read_order(call)
    call.exchange.matching.check(new, call.now_ms)
    old = call.exchange.ledger.find(call.symbol(), order_id=old_id, client_order_id=old_client_id)
    cancel_result, cancel_answer = _tried(lambda: _cancel(call, old, restriction))
    if cancel_result == _FAILED and mode is Mode.STOP_ON_FAILURE:
        new_result, new_answer = _NOT_TRIED, None
    else:
        new_result, new_answer = _tried(lambda: _place(call, new, shape))
    told: Json = {
        "cancelResult": cancel_result,
        "newOrderResult": new_result,
        "cancelResponse": cancel_answer,
        "newOrderResponse": new_answer,
    }
    if {cancel_result, new_result} == {_DONE}:
        return told
    call.exchange.rates.ordered(1, call.exchange.auth_clock.now_ms())  # an answer that refuses counts too
    raise errors.replace_failed(told, in_part=_DONE in {cancel_result, new_result})


def _tried(step: Callable[[], Json]) -> tuple[str, Json]:
    try:
        return _DONE, step()
    except ApiError as error:
        return _FAILED, {"code": error.code, "msg": error.text}


def _cancel(call: Call, old: Order | None, restriction: Status | None) -> Json:
    if old is None or not old.status.is_open:
        raise errors.cancel_rejected()
    if restriction is not None and old.status is not restriction:
        raise errors.cancel_restricted()
    cancel_id = call.client_id("cancelNewClientOrderId") or call.exchange.new_client_order_id()
    call.exchange.matching.cancel(old, call.now_ms, cancel_id)
    return wire.order_cancelled(old, cancel_id)


def _place(call: Call, new: NewOrder, shape: str | None) -> Json:
    return answered(call, call.exchange.matching.place(new, call.now_ms), shape)


def _mode(call: Call) -> Mode:
    try:
        return Mode(call.needed("cancelReplaceMode"))
    except ValueError as error:
        raise errors.invalid_parameter("cancelReplaceMode") from error


def _restriction(call: Call) -> Status | None:
    wanted = call.text("cancelRestrictions")
    if wanted is None:
        return None
    if wanted not in _RESTRICTIONS:
        raise errors.invalid_parameter("cancelRestrictions")
    return _RESTRICTIONS[wanted]


ROUTES: Mapping[tuple[str, str], Route] = {
    ("POST", "order/cancelReplace"): signed(cancel_replace, 1, new_orders=1),
}
