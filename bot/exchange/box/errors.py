"""Every refusal that the box answers with: Binance's codes and texts to the letter.

Clients match these texts, so they are kept as the exchange writes them (Binance Spot API,
`errors.md`), full stops and odd wording included.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

BAD = HTTPStatus.BAD_REQUEST


class ApiError(Exception):
    """The exchange refuses a request: HTTP status, numeric code and text."""

    def __init__(
        self,
        code: int,
        text: str,
        status: int = BAD,
        *,
        retry_after_s: int | None = None,
        data: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(text)
        self.code = code
        self.text = text
        self.status = int(status)
        self.retry_after_s = retry_after_s
        """Seconds until asking again makes sense; only where a limit was passed."""
        self.data = data
        """What is told beside code and text; only of a request with two halves."""


def insufficient_balance() -> ApiError:
    """Return the refusal of an order that the free balance does not cover."""
    return ApiError(-2010, "Account has insufficient balance for requested action.")


def would_match() -> ApiError:
    """Return the refusal of a post-only order that would take."""
    return ApiError(-2010, "Order would immediately match and take.")


def would_trigger() -> ApiError:
    """Return the refusal of a stop on the wrong side of the last price."""
    return ApiError(-2010, "Stop price would trigger immediately.")


def wrong_prices() -> ApiError:
    """Return the refusal of an order list whose prices do not lie around the last price."""
    return ApiError(-2010, "The relationship of the prices for the orders is not correct.")


def list_shape(code: int) -> ApiError:
    """Return the refusal of an order list whose two types do not go together."""
    return ApiError(code, _LIST_SHAPES[code])


_LIST_SHAPES = {
    -1158: "Order type not supported in OCO.",
    -1165: "A limit order in a buy OCO must be below.",
    -1166: "A limit order in a sell OCO must be above.",
    -1168: "At least one OCO order must be contingent.",
    -1196: "A stop loss order in a buy OCO must be above.",
    -1197: "A stop loss order in a sell OCO must be below.",
    -1198: "A take profit order in a buy OCO must be below.",
    -1199: "A take profit order in a sell OCO must be above.",
}


def no_such_list() -> ApiError:
    """Return the answer to a query for an order list that never was."""
    return ApiError(-2013, "Order list does not exist.")


def duplicate_order() -> ApiError:
    """Return the refusal of a client order id that an open order has."""
    return ApiError(-2010, "Duplicate order sent.")


def order_rejected(text: str) -> ApiError:
    """Return a refusal of the matching engine with its own text."""
    return ApiError(-2010, text)


def cancel_rejected() -> ApiError:
    """Return the refusal of a cancellation of an order that is not open."""
    return ApiError(-2011, "Unknown order sent.")


def cancel_list_rejected() -> ApiError:
    """Return the refusal of a cancellation of an order list that is not open."""
    return ApiError(-2011, "Unknown order list sent.")


def cancel_restricted() -> ApiError:
    """Return the refusal of a cancellation that was wanted for another status only."""
    return ApiError(-2011, "Order was not canceled due to cancel restrictions.")


def replace_failed(told: Mapping[str, Any], *, in_part: bool) -> ApiError:
    """Return the answer to a cancel-replace of which a half, or nothing, succeeded."""
    if in_part:
        return ApiError(-2021, "Order cancel-replace partially failed.", HTTPStatus.CONFLICT, data=told)
    return ApiError(-2022, "Order cancel-replace failed.", data=told)


def no_such_order() -> ApiError:
    """Return the answer to a query for an order that never was."""
    return ApiError(-2013, "Order does not exist.")


def filter_failure(name: str) -> ApiError:
    """Return the refusal by a filter of the market or the exchange."""
    return ApiError(-1013, f"Filter failure: {name}")


def invalid_message(text: str) -> ApiError:
    """Return a refusal of an impossible value, such as `Invalid quantity.`."""
    return ApiError(-1013, text)


def market_closed() -> ApiError:
    """Return the refusal of a market that has no price yet."""
    return ApiError(-1013, "Market is closed.")


def mandatory(name: str) -> ApiError:
    """Return the refusal of a request without a mandatory parameter."""
    return ApiError(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")


def mandatory_one_of(names: str) -> ApiError:
    """Return the refusal of a request that has none of some parameters."""
    return ApiError(-1102, f"Param {names} must be sent, but both were empty/null!")


def illegal_characters(name: str, pattern: str) -> ApiError:
    """Return the refusal of a parameter that is no number or no proper id."""
    text = f"Illegal characters found in parameter '{name}'; legal range is '{pattern}'."
    return ApiError(-1100, text)


def empty_parameter(name: str) -> ApiError:
    """Return the refusal of a parameter that was sent empty."""
    return ApiError(-1105, f"Parameter '{name}' was empty.")


def not_required(name: str) -> ApiError:
    """Return the refusal of a parameter that does not belong to this kind of order."""
    return ApiError(-1106, f"Parameter '{name}' sent when not required.")


def too_precise(name: str) -> ApiError:
    """Return the refusal of a number with more decimals than the asset has."""
    return ApiError(-1111, f"Parameter '{name}' has too much precision.")


def invalid_parameter(name: str) -> ApiError:
    """Return the refusal of a parameter with a value from outside its list."""
    code, text = _INVALID[name]
    return ApiError(code, text)


_INVALID = {
    "timeInForce": (-1115, "Invalid timeInForce."),
    "type": (-1116, "Invalid orderType."),
    "side": (-1117, "Invalid side."),
    "newOrderRespType": (-1132, "Invalid newOrderRespType."),
    "interval": (-1120, "Invalid interval."),
    "symbol": (-1121, "Invalid symbol."),
    "recvWindow": (-1131, "recvWindow must be less than 60000."),
    "combination": (-1128, "Combination of optional parameters invalid."),
    "cancelReplaceMode": (-1130, "Data sent for parameter 'cancelReplaceMode' is not valid."),
    "cancelRestrictions": (-1145, "Invalid cancelRestrictions."),
    "limit": (-1130, "Data sent for parameter 'limit' is not valid."),
}


def key_malformed() -> ApiError:
    """Return the refusal of an API key that is no key."""
    return ApiError(-2014, "API-key format invalid.", HTTPStatus.UNAUTHORIZED)


def key_unknown() -> ApiError:
    """Return the refusal of an API key that the exchange does not know."""
    text = "Invalid API-key, IP, or permissions for action."
    return ApiError(-2015, text, HTTPStatus.UNAUTHORIZED)


def bad_signature() -> ApiError:
    """Return the refusal of a request whose signature does not fit its bytes."""
    return ApiError(-1022, "Signature for this request is not valid.")


def timestamp_ahead() -> ApiError:
    """Return the refusal of a request from the future."""
    return ApiError(-1021, "Timestamp for this request was 1000ms ahead of the server's time.")


def timestamp_old() -> ApiError:
    """Return the refusal of a request older than its window."""
    return ApiError(-1021, "Timestamp for this request is outside of the recvWindow.")


def too_much_weight(limit: int, retry_after_s: int) -> ApiError:
    """Return the refusal of a client that asks too much."""
    text = (
        f"Too much request weight used; current limit is {limit} request weight per 1 MINUTE. "
        "Please use WebSocket Streams for live updates to avoid polling the API."
    )
    return ApiError(-1003, text, HTTPStatus.TOO_MANY_REQUESTS, retry_after_s=retry_after_s)


def too_many_orders(limit: int, window: str, retry_after_s: int) -> ApiError:
    """Return the refusal of a client that orders too often."""
    text = f"Too many new orders; current limit is {limit} orders per {window}."
    return ApiError(-1015, text, HTTPStatus.TOO_MANY_REQUESTS, retry_after_s=retry_after_s)


def banned(until_ms: int, retry_after_s: int) -> ApiError:
    """Return the refusal of a client that did not stop when it was told to."""
    text = (
        f"Way too much request weight used; IP banned until {until_ms}. "
        "Please use WebSocket Streams for live updates to avoid bans."
    )
    return ApiError(-1003, text, _TEAPOT, retry_after_s=retry_after_s)


_TEAPOT = 418


def no_such_method() -> ApiError:
    """Return the answer to a method that the WebSocket API does not have."""
    return ApiError(-1000, "Unknown method.")


def invalid_json() -> ApiError:
    """Return the answer to a message that is no JSON object with an id and a method."""
    return ApiError(-1135, "Invalid JSON Request")


def wrong_key_type() -> ApiError:
    """Return the refusal of a session with a key that is not Ed25519."""
    return ApiError(-4056, "HMAC_SHA256 API key is not supported.", HTTPStatus.FORBIDDEN)


def no_such_endpoint() -> ApiError:
    """Return the answer to a path that the box does not serve."""
    return ApiError(-1000, "Path not found.", HTTPStatus.NOT_FOUND)
