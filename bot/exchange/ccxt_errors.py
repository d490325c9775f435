"""The one map from what went wrong at ccxt and Binance to our errors and outcomes.

1. The HTTP status and Binance's own code decide; ccxt's exception class only where there was no
   answer: ccxt turns -2015 into a retryable class after the first success, and an answer of 5xx
   with a familiar text into a plain refusal.
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

_TRY_LATER = frozenset({-1000, -1001, -1004, -1006, -1007, -1008, -1016, -1034})
"""Codes that say nothing about the request itself."""

_CHECK_KEYS = "Check the API key, its secret and its permissions: bot doctor"
_FIXES = {
    -1002: _CHECK_KEYS,
    -1022: _CHECK_KEYS,
    -2014: _CHECK_KEYS,
    -2015: _CHECK_KEYS,
    CLOCK_SKEW: "Set this machine's clock (NTP), then try again.",
}

_REJECTIONS = {
    -1002: "auth_failed",
    -1003: "rate_limited",
    -1013: "filter_failure",
    -1014: "order_malformed",
    -1015: "rate_limited",
    -1020: "order_malformed",
    -1021: "clock_skew",
    -1022: "auth_failed",
    -1111: "precision",
    -1121: "unknown_symbol",
    -2010: "order_rejected",
    -2014: "auth_failed",
    -2015: "auth_failed",
    -2021: "order_rejected",
}
"""Codes after which an order surely does not exist; malformed requests (-11xx) are added by range."""

_MALFORMED = range(-1199, -1099)

_REJECTION_TEXTS = (
    ("insufficient balance", "insufficient_balance"),
    ("would trigger immediately", "would_trigger_immediately"),
    ("would immediately match", "would_match_immediately"),
    ("market is closed", "market_closed"),
    ("price * qty is zero", "filter_notional"),
)

_DUPLICATE = "duplicate order"
_ORDER_FIELD = "executedQty"

_QUERY = re.compile(r"\?\S*")
_FILTER = re.compile(r"Filter failure: ([A-Z_]+)")

_OLD_NAME = "MIN_"  # MIN_NOTIONAL became NOTIONAL
_BAD_REQUEST = 400
_UNAUTHORIZED = 401
_LIMITED = frozenset({418, 429})
_LIMIT_CODES = frozenset({-1003, -1015})
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


def read_error(what: str, failure: Failure) -> ExchangeError:
    """Return the error that a failed read ends in."""
    why = _explain(failure)
    if failure.no_keys:
        return ExchangeRefusedError(what, code="credentials_missing", why=why)
    if failure.status in _LIMITED or failure.code in _LIMIT_CODES:
        return RateLimitedError(what, why=why, retry_after_s=failure.retry_after_s)
    if failure.no_answer or _is_try_later(failure):
        return ExchangeUnavailableError(what, why=why)
    if failure.code is None and failure.status != _UNAUTHORIZED:
        return ExchangeAnswerError(what, why=why)
    return ExchangeRefusedError(what, why=why, fix=_FIXES.get(failure.code or 0))


def submit_outcome(client_order_id: str, failure: Failure) -> Rejected | Unknown:
    """Return how a failed submit ended: `Rejected` only with a proof, else `Unknown`."""
    if failure.no_keys:
        return Rejected(client_order_id=client_order_id, reason="auth_failed", text=failure.text)
    reason = _rejection(failure)
    if reason is None:
        return Unknown(client_order_id=client_order_id, text=_explain(failure))
    return Rejected(client_order_id=client_order_id, reason=reason, text=failure.text)


def _rejection(failure: Failure) -> str | None:
    if failure.status is None or failure.code is None or failure.carries_order:
        return None
    if not _BAD_REQUEST <= failure.status < _SERVER_ERROR:
        return None
    if _DUPLICATE in failure.text.lower():
        return None
    reason = _REJECTIONS.get(failure.code)
    if reason is None and failure.code in _MALFORMED:
        reason = "order_malformed"
    if reason in {"filter_failure", "order_rejected"}:
        return _rejection_by_text(failure.text) or reason
    return reason


def _rejection_by_text(text: str) -> str | None:
    match = _FILTER.search(text)
    if match is not None:
        return "filter_" + match[1].removeprefix(_OLD_NAME).lower()
    lower = text.lower()
    return next((reason for words, reason in _REJECTION_TEXTS if words in lower), None)


def _is_try_later(failure: Failure) -> bool:
    status = failure.status or 0
    if status >= _SERVER_ERROR or failure.code in _TRY_LATER:
        return True
    # A 4xx without Binance's JSON comes from something in between: a firewall, a proxy.
    return status >= _BAD_REQUEST and status != _UNAUTHORIZED and failure.code is None


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
