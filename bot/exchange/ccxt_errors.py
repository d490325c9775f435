"""The one map from what went wrong at ccxt and Binance to a row of `error_taxonomy`, and by it to an ending.

1. The HTTP status and Binance's own code decide; ccxt's exception class only where there was no
   answer: ccxt turns -2015 into a retryable class after the first success, and an answer of 5xx
   with a familiar text into a plain refusal. "Duplicate order sent." is to ccxt an invalid order.
2. `Rejected` needs a proof that the order does not exist: a 4xx answer with a code of the table.
   Everything else, a timeout or 5xx above all, is `Unknown`. So is "duplicate order", which proves
   that an order with our id does exist, and a refusal that carries an order's fields.
3. Nothing of ccxt passes this border; the cause is kept with `from`.

Source of codes: Binance Spot API documentation, "Error codes".
"""

import re
from typing import Any

import ccxt
import msgspec

from bot.exchange.ccxt_client import HttpAnswer
from bot.exchange.error_taxonomy import POLICIES, Category, Ending, OnRead, OnSubmit
from bot.exchange.rate_limit import RateLimitedError
from bot.execution.orders import Rejected, Unknown
from bot.kernel.errors import (
    ExchangeAnswerError,
    ExchangeError,
    ExchangeRefusedError,
    ExchangeUnavailableError,
)

NO_SUCH_ORDER = -2013
CANCEL_REJECTED = -2011
CLOCK_SKEW = -1021

_CHECK_KEYS = "Check the API key, its secret and its permissions: bot doctor"
_FIXES = {
    Category.AUTH: _CHECK_KEYS,
    Category.CLOCK_SKEW: "Set this machine's clock (NTP), then try again.",
}

CODES: dict[int, tuple[Category, str]] = {
    -1000: (Category.MAINTENANCE, ""),
    -1001: (Category.MAINTENANCE, ""),
    -1002: (Category.AUTH, "auth_failed"),
    -1003: (Category.RATE_LIMIT, "rate_limited"),
    -1004: (Category.MAINTENANCE, ""),
    -1006: (Category.OUTCOME_UNKNOWN, ""),
    -1007: (Category.OUTCOME_UNKNOWN, ""),
    -1008: (Category.MAINTENANCE, ""),
    -1013: (Category.FILTER, "filter_failure"),
    -1014: (Category.MALFORMED, "order_malformed"),
    -1015: (Category.RATE_LIMIT, "rate_limited"),
    -1016: (Category.MAINTENANCE, ""),
    -1020: (Category.MALFORMED, "order_malformed"),
    CLOCK_SKEW: (Category.CLOCK_SKEW, "clock_skew"),
    -1022: (Category.AUTH, "auth_failed"),
    -1034: (Category.MAINTENANCE, ""),
    -1111: (Category.FILTER, "precision"),
    -1121: (Category.MARKET, "unknown_symbol"),
    -2010: (Category.ORDER_REJECTED, "order_rejected"),
    CANCEL_REJECTED: (Category.NOT_FOUND, ""),
    NO_SUCH_ORDER: (Category.NOT_FOUND, ""),
    -2014: (Category.AUTH, "auth_failed"),
    -2015: (Category.AUTH, "auth_failed"),
    -2021: (Category.ORDER_REJECTED, "order_rejected"),
}
"""Binance's codes: what each is, and the reason with which it rejects an order.

Malformed requests (-11xx) are added by range; any other code is unrecognised, and proves nothing.
"""

_MALFORMED = range(-1199, -1099)

TEXTS: tuple[tuple[str, Category, str], ...] = (
    ("duplicate order", Category.DUPLICATE_ID, ""),
    ("insufficient balance", Category.INSUFFICIENT_FUNDS, "insufficient_balance"),
    ("would trigger immediately", Category.ORDER_REJECTED, "would_trigger_immediately"),
    ("would immediately match", Category.ORDER_REJECTED, "would_match_immediately"),
    ("market is closed", Category.MARKET, "market_closed"),
    ("price * qty is zero", Category.FILTER, "filter_notional"),
)
"""Words behind the codes -1013, -2010 and -2021, in lower case, that say more than the code."""

_TOLD_BY_TEXT = frozenset({Category.FILTER, Category.ORDER_REJECTED})
_ORDER_FIELD = "executedQty"

_QUERY = re.compile(r"\?\S*")
_FILTER = re.compile(r"Filter failure: ([A-Z_]+)")

_OLD_NAME = "MIN_"  # MIN_NOTIONAL became NOTIONAL
_BAD_REQUEST = 400
_UNAUTHORIZED = 401
_LIMITS = {418: Category.BANNED, 429: Category.RATE_LIMIT}
_GATEWAY_TIMEOUT = 504
_SERVER_ERROR = 500
_TEXT_LIMIT = 200


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """A failed call in plain words: the answer's status and code where there was an answer."""

    status: int | None
    code: int | None
    text: str
    retry_after_s: float | None = None
    no_keys: bool = False
    """There are no keys to sign with, so nothing was sent."""
    carries_order: bool = False
    """The answer has the fields of an order besides its code."""
    no_answer: bool = False
    """The network failed before an answer came."""
    timed_out: bool = False
    """It came to no answer because that took too long."""

    @property
    def category(self) -> Category:
        """Return the failure's row in the table: by the status first, then by code and text."""
        return categorised(self)[0]

    @property
    def says_no_such_order(self) -> bool:
        """Say whether this is the exchange's own, certain no to a look-up."""
        return self.status == _BAD_REQUEST and self.code == NO_SUCH_ORDER


def failure_of(error: Exception, answer: HttpAnswer | None) -> Failure:
    """Describe a failed call by what the exchange answered, or by the exception if it did not."""
    if answer is None:
        return Failure(
            status=None,
            code=None,
            # The address of a signed request could be sent again by whoever reads a log in time.
            text=_short(_QUERY.sub("", str(error))),
            # ccxt itself notices missing keys, before it signs anything.
            no_keys=isinstance(error, ccxt.AuthenticationError),
            no_answer=isinstance(error, ccxt.OperationFailed | OSError),
            timed_out=isinstance(error, ccxt.RequestTimeout | TimeoutError),
        )
    body = _object_in(answer.body)
    code, message = _code_and_text(body)
    return Failure(
        status=answer.status,
        code=code,
        text=message or _short(answer.body),
        retry_after_s=_seconds(answer.retry_after_s),
        carries_order=_ORDER_FIELD in body,
    )


def categorised(failure: Failure) -> tuple[Category, str]:
    """Return what a failure is, and the reason with which it rejects an order (empty: it proves nothing)."""
    status, code = failure.status, failure.code
    if failure.no_keys:
        return Category.NO_KEYS, "auth_failed"
    if status is None:
        return _without_answer(failure), ""
    if status in _LIMITS:
        return _LIMITS[status], CODES.get(code or 0, (Category.UNRECOGNISED, ""))[1]
    if status >= _SERVER_ERROR:
        return _of_server(status, code), ""
    return (_without_code(status), "") if code is None else _by_code(code, failure.text)


def read_error(what: str, failure: Failure) -> ExchangeError:
    """Return the error that a failed read ends in, as its row says."""
    why, category = _explain(failure), failure.category
    row = POLICIES[category]
    error: ExchangeError
    if row.read in {OnRead.WAIT, OnRead.HOLD}:
        error = RateLimitedError(what, why=why, retry_after_s=failure.retry_after_s)
    elif row.ends_as is Ending.UNAVAILABLE:
        error = ExchangeUnavailableError(what, why=why)
    elif row.ends_as is Ending.ANSWER:
        error = ExchangeAnswerError(what, why=why)
    elif row.ends_as is Ending.NO_KEYS:
        error = ExchangeRefusedError(what, code=row.ends_as.value, why=why)
    else:
        error = ExchangeRefusedError(what, why=why, fix=_FIXES.get(category))
    error.category = category.value
    return error


def submit_outcome(client_order_id: str, failure: Failure) -> Rejected | Unknown:
    """Return how a failed submit ended: `Rejected` only where its row says so and the answer proves it."""
    category, reason = categorised(failure)
    if POLICIES[category].submit is OnSubmit.REJECTED and reason and _is_proof(failure):
        return Rejected(client_order_id=client_order_id, reason=reason, text=failure.text)
    return Unknown(client_order_id=client_order_id, text=_explain(failure))


def _is_proof(failure: Failure) -> bool:
    """Say whether this failure proves that no order came to be: nothing was sent, or a plain 4xx refusal."""
    if failure.no_keys:
        return True
    is_4xx = failure.status is not None and _BAD_REQUEST <= failure.status < _SERVER_ERROR
    return is_4xx and not failure.carries_order


def _by_code(code: int, text: str) -> tuple[Category, str]:
    lower = text.lower()
    if TEXTS[0][0] in lower:  # whatever the code: an order with our id does exist
        return TEXTS[0][1], TEXTS[0][2]
    malformed = (Category.MALFORMED, "order_malformed")
    category, reason = CODES.get(code, malformed if code in _MALFORMED else (Category.UNRECOGNISED, ""))
    if category not in _TOLD_BY_TEXT or reason == "precision":
        return category, reason
    match = _FILTER.search(text)
    if match is not None:
        return Category.FILTER, "filter_" + match[1].removeprefix(_OLD_NAME).lower()
    told = ((kind, why) for words, kind, why in TEXTS if words in lower)
    return next(told, (category, reason))


def _without_answer(failure: Failure) -> Category:
    if not failure.no_answer:
        return Category.ANSWER_INVALID
    return Category.TIMEOUT if failure.timed_out else Category.NETWORK


def _of_server(status: int, code: int | None) -> Category:
    known = CODES.get(code or 0, (Category.MAINTENANCE, ""))[0]
    is_lost = status == _GATEWAY_TIMEOUT or known is Category.OUTCOME_UNKNOWN
    return Category.OUTCOME_UNKNOWN if is_lost else Category.MAINTENANCE


def _without_code(status: int) -> Category:
    if status == _UNAUTHORIZED:
        return Category.AUTH
    # A 4xx without the exchange's own JSON comes from something in between.
    return Category.BLOCKED if status >= _BAD_REQUEST else Category.ANSWER_INVALID


def _object_in(body: str) -> dict[str, Any]:
    """Return the JSON object of an answer; empty where there is none."""
    try:
        answer: Any = msgspec.json.decode(body)
    except (ValueError, RecursionError):  # no JSON, or nested without end
        return {}
    return answer if isinstance(answer, dict) else {}


def _code_and_text(answer: dict[str, Any]) -> tuple[int | None, str | None]:
    code, message = answer.get("code"), answer.get("msg")
    return (
        code if isinstance(code, int) and not isinstance(code, bool) else None,
        _short(message) if isinstance(message, str) else None,
    )


def _explain(failure: Failure) -> str:
    if failure.status is None:
        return f"no answer: {failure.text}" if failure.no_answer else failure.text
    parts = [f"HTTP {failure.status}"]
    if failure.code is not None:
        parts.append(f"code {failure.code}")
    if failure.retry_after_s is not None:
        parts.append(f"retry after {failure.retry_after_s:g} s")
    return f"{', '.join(parts)}: {failure.text}"


def _seconds(header: str | None) -> float | None:
    """Read `Retry-After`; its other form, a date, is not used by this exchange."""
    is_count = header is not None and header.isascii() and header.isdigit()
    return float(header) if header is not None and is_count else None


def _short(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= _TEXT_LIMIT else f"{flat[:_TEXT_LIMIT]}…"
