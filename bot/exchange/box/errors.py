"""Every refusal that the box answers with: Binance's codes and texts to the letter.

Clients match these texts, so they are kept as the exchange writes them (Binance Spot API,
`errors.md`), full stops and odd wording included.
"""

from http import HTTPStatus

BAD = HTTPStatus.BAD_REQUEST


class ApiError(Exception):
    """The exchange refuses a request: HTTP status, numeric code and text."""

    def __init__(self, code: int, text: str, status: HTTPStatus = BAD) -> None:
        super().__init__(text)
        self.code = code
        self.text = text
        self.status = status


def insufficient_balance() -> ApiError:
    """Return the refusal of an order that the free balance does not cover."""
    return ApiError(-2010, "Account has insufficient balance for requested action.")


def would_match() -> ApiError:
    """Return the refusal of a post-only order that would take."""
    return ApiError(-2010, "Order would immediately match and take.")


def would_trigger() -> ApiError:
    """Return the refusal of a stop on the wrong side of the last price."""
    return ApiError(-2010, "Stop price would trigger immediately.")


def duplicate_order() -> ApiError:
    """Return the refusal of a client order id that an open order has."""
    return ApiError(-2010, "Duplicate order sent.")


def order_rejected(text: str) -> ApiError:
    """Return a refusal of the matching engine with its own text."""
    return ApiError(-2010, text)


def cancel_rejected() -> ApiError:
    """Return the refusal of a cancellation of an order that is not open."""
    return ApiError(-2011, "Unknown order sent.")


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


def too_much_weight(limit: int) -> ApiError:
    """Return the refusal of a client that asks too much."""
    text = (
        f"Too much request weight used; current limit is {limit} request weight per 1 MINUTE. "
        "Please use WebSocket Streams for live updates to avoid polling the API."
    )
    return ApiError(-1003, text, HTTPStatus.TOO_MANY_REQUESTS)


def no_such_endpoint() -> ApiError:
    """Return the answer to a path that the box does not serve."""
    return ApiError(-1000, "Path not found.", HTTPStatus.NOT_FOUND)
