"""The one map from what Hyperliquid answers, or does not, to the table of failures and to outcomes.

1. The exchange has no codes: the HTTP status and its own words decide. Most refusals come as a good
   answer (status 200) with an error inside.
2. `Rejected` needs a proof that the order does not exist: words of the table, with a reason, in the
   exchange's own answer about this order. Everything else is `Unknown`, and is looked up.
3. Nothing of ccxt passes this border; the cause is kept with `from`.

Source: Hyperliquid documentation, "Error responses".
"""

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

_C = Category
TEXTS = (
    ("insufficient spot balance", _C.INSUFFICIENT_FUNDS, "insufficient_balance"),
    ("insufficient margin", _C.INSUFFICIENT_FUNDS, "insufficient_balance"),
    ("minimum value of", _C.FILTER, "filter_notional"),
    ("divisible by tick size", _C.FILTER, "filter_price_filter"),
    ("away from the reference price", _C.FILTER, "filter_percent_price"),
    ("invalid size", _C.FILTER, "filter_lot_size"),
    ("zero size", _C.FILTER, "filter_lot_size"),
    ("could not immediately match", _C.ORDER_REJECTED, "no_liquidity"),
    ("no liquidity available", _C.ORDER_REJECTED, "no_liquidity"),
    ("would have immediately matched", _C.ORDER_REJECTED, "would_match_immediately"),
    ("api wallet", _C.AUTH, "auth_failed"),
    ("must deposit before", _C.AUTH, "auth_failed"),
    ("too many cumulative requests", _C.RATE_LIMIT, "rate_limited"),
    ("never placed, already canceled, or filled", _C.NOT_FOUND, ""),
    # A number that was used before may be that of the very same request: it proves nothing.
    ("nonce", _C.CLOCK_SKEW, ""),
    ("expired", _C.CLOCK_SKEW, ""),
)
"""The exchange's words in lower case, their category, and the reason where they prove no order."""

_FIXES = {
    _C.AUTH: "Check the wallet's address and its API wallet's key: bot doctor",
    _C.CLOCK_SKEW: "Set this machine's clock (NTP), then try again.",
}
_OK = 200
_BAD_REQUEST = 400
_UNREADABLE_REQUEST = 422
_TOO_MANY = 429
_SERVER_ERROR = 500
_GATEWAY_TIMEOUT = 504
_TEXT_LIMIT = 200


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """A call that brought no usable answer, in plain words."""

    status: int | None
    text: str
    retry_after_s: float | None = None
    no_answer: bool = False
    """The network failed before an answer came."""
    timed_out: bool = False
    """It came to no answer because that took too long."""

    @property
    def category(self) -> Category:
        """Return the failure's row in the table."""
        status = self.status
        if status is None and not self.no_answer:
            return Category.ANSWER_INVALID
        if status is None:
            return Category.TIMEOUT if self.timed_out else Category.NETWORK
        by_status = {
            _UNREADABLE_REQUEST: Category.MALFORMED,
            _TOO_MANY: Category.RATE_LIMIT,
            _GATEWAY_TIMEOUT: Category.OUTCOME_UNKNOWN,
        }
        if status >= _SERVER_ERROR:
            return by_status.get(status, Category.MAINTENANCE)
        return by_status.get(status, Category.BLOCKED if status >= _BAD_REQUEST else Category.ANSWER_INVALID)


class CallFailedError(Exception):
    """A call failed and the failure says how; it stays inside `bot/exchange`."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.text)
        self.failure = failure


def failure_of(error: Exception, answer: HttpAnswer | None) -> Failure:
    """Describe a failed call by what was answered, or by the exception if nothing was."""
    if answer is None:
        return Failure(
            status=None,
            text=_short(str(error)),
            no_answer=isinstance(error, ccxt.OperationFailed | OSError),
            timed_out=isinstance(error, ccxt.RequestTimeout | TimeoutError),
        )
    header = answer.retry_after_s
    is_count = header is not None and header.isascii() and header.isdigit()
    return Failure(
        status=answer.status,
        text=_short(answer.body) or "an empty answer",
        retry_after_s=float(header) if header is not None and is_count else None,
    )


def read_error(what: str, failure: Failure) -> ExchangeError:
    """Return the error that a failed read ends in, as its row says."""
    return _error(what, failure.category, explain(failure), failure.retry_after_s)


def refused_action(what: str, words: str) -> ExchangeError:
    """Return the error for an action other than an order that the exchange said no to."""
    return _error(what, categorised(words)[0], _short(words), None)


def no_keys(what: str) -> ExchangeError:
    """Return the error for a question about an account that nobody named."""
    return _error(what, Category.NO_KEYS, "no wallet address is set", None)


def categorised(words: str) -> tuple[Category, str]:
    """Return what the exchange's words mean, and the reason they reject an order with (empty: no proof)."""
    lower = words.lower()
    return next(
        ((category, reason) for part, category, reason in TEXTS if part in lower),
        (Category.UNRECOGNISED, ""),
    )


def refused_order(client_order_id: str, words: str) -> Rejected | Unknown:
    """Return how an order ended that the exchange answered with an error."""
    category, reason = categorised(words)
    if reason and POLICIES[category].submit is OnSubmit.REJECTED:
        return Rejected(client_order_id=client_order_id, reason=reason, text=_short(words))
    return Unknown(client_order_id=client_order_id, text=_short(words))


def refusal_in(answer: object) -> str | None:
    """Return the words with which an answer refuses the whole action, or None for one that does not."""
    if isinstance(answer, dict) and answer.get("status") == "err":
        return str(answer.get("response") or "no reason was told")
    return None


def first_status(answer: object) -> Any:
    """Return what an answer says of the action's only order, or None where that cannot be read."""
    for name in ("response", "data", "statuses"):
        answer = answer.get(name) if isinstance(answer, dict) else None
    return answer[0] if isinstance(answer, list) and len(answer) == 1 else None


def explain(failure: Failure) -> str:
    """Return a failure in one line."""
    if failure.status is None:
        return f"no answer: {failure.text}" if failure.no_answer else failure.text
    wait = "" if failure.retry_after_s is None else f", retry after {failure.retry_after_s:g} s"
    what = "unreadable" if failure.status == _OK else f"HTTP {failure.status}"
    return f"{what}{wait}: {failure.text}"


def _error(what: str, category: Category, why: str, retry_after_s: float | None) -> ExchangeError:
    row = POLICIES[category]
    error: ExchangeError
    if row.read in {OnRead.WAIT, OnRead.HOLD}:
        error = RateLimitedError(what, why=why, retry_after_s=retry_after_s)
    elif row.ends_as is Ending.UNAVAILABLE:
        error = ExchangeUnavailableError(what, why=why)
    elif row.ends_as is Ending.ANSWER:
        error = ExchangeAnswerError(what, why=why)
    else:
        fix = _FIXES.get(category)
        error = ExchangeRefusedError(what, code=row.ends_as.value, why=why, fix=fix)
    error.category = category.value
    return error


def _short(words: str) -> str:
    flat = " ".join(words.split())
    return flat if len(flat) <= _TEXT_LIMIT else f"{flat[:_TEXT_LIMIT]}…"
