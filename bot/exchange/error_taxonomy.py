"""The one table of what can go wrong at an exchange, and what each of it means for a call.

1. A gateway names the category of a failure; where it cannot, the error's class stands for one. Nothing else
   decides what happens next: gateways end a call by the row, guards repeat or hold it by the row.
2. Reads are repeated where the row says so. A submit is never repeated, whatever the row: it ends as
   rejected only with the exchange's own proof, else as unknown, and is looked up by its client order id.
3. A cancel is never repeated by a guard either: the caller decides, because it may be sent again safely, and
   often need not be.
4. `fails` is what the circuit breaker counts: an open circuit blocks purchases, never exits or approvals.

`docs/reference/exchange_errors.md` is generated from here.
"""

from enum import StrEnum

import msgspec

from bot.kernel.errors import ExchangeAnswerError, ExchangeError, ExchangeRefusedError


class Category(StrEnum):
    """What went wrong."""

    NETWORK = "network"
    TIMEOUT = "timeout"
    OUTCOME_UNKNOWN = "outcome_unknown"
    MAINTENANCE = "maintenance"
    BLOCKED = "blocked"
    RATE_LIMIT = "rate_limit"
    BANNED = "banned"
    CLOCK_SKEW = "clock_skew"
    NO_KEYS = "no_keys"
    AUTH = "auth"
    INSUFFICIENT_FUNDS = "insufficient_funds"
    FILTER = "filter"
    MALFORMED = "malformed"
    MARKET = "market"
    ORDER_REJECTED = "order_rejected"
    DUPLICATE_ID = "duplicate_id"
    NOT_FOUND = "not_found"
    ANSWER_INVALID = "answer_invalid"
    UNRECOGNISED = "unrecognised"


class OnRead(StrEnum):
    """What becomes of a read."""

    RETRY = "repeated up to 3 times, with growing pauses"
    WAIT = (
        "repeated once the exchange's Retry-After is over, if that is short; else nothing is asked until then"
    )
    HOLD = "not repeated; nothing is asked until Retry-After is over, or for a minute"
    REMEASURE = "the exchange's clock is measured anew, then repeated once"
    TELL = "told at once"
    ABSENT = "an answer: there is no such order"


class OnSubmit(StrEnum):
    """How a submit ends; it is never sent a second time."""

    REJECTED = "rejected, with the reason"
    UNKNOWN = "unknown: looked up by its client order id"


class OnCancel(StrEnum):
    """What becomes of a cancel; the caller may send it again."""

    TELL = "told at once; the order stands as it stood, as far as anybody knows"
    LOOK_UP = "the order is looked up: it ended before, or never was"
    REMEASURE = "the exchange's clock is measured anew, then sent once more"


class Ending(StrEnum):
    """As which error of the product a read ends."""

    UNAVAILABLE = "exchange_unavailable"
    REFUSED = "exchange_refused"
    ANSWER = "exchange_answer_invalid"
    NO_KEYS = "credentials_missing"


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """One row."""

    category: Category
    words: str
    ends_as: Ending
    read: OnRead
    submit: OnSubmit
    cancel: OnCancel = OnCancel.TELL
    fails: bool = False
    """Whether a read that ends so counts towards opening the circuit."""
    alarm: str = "once per cycle, for the coin"
    """What a person hears of it."""


_C, _R, _S = Category, OnRead, OnSubmit
_SELDOM = "once per cycle, for the coin; mend it: `bot doctor`"

TABLE: tuple[Policy, ...] = (
    Policy(
        category=_C.NETWORK,
        words="no connection, or it was cut before an answer came",
        ends_as=Ending.UNAVAILABLE,
        read=_R.RETRY,
        submit=_S.UNKNOWN,
        fails=True,
    ),
    Policy(
        category=_C.TIMEOUT,
        words="no answer within `exchange.timeout_s`",
        ends_as=Ending.UNAVAILABLE,
        read=_R.RETRY,
        submit=_S.UNKNOWN,
        fails=True,
    ),
    Policy(
        category=_C.OUTCOME_UNKNOWN,
        words="the exchange itself does not know what became of the request",
        ends_as=Ending.UNAVAILABLE,
        read=_R.RETRY,
        submit=_S.UNKNOWN,
        fails=True,
    ),
    Policy(
        category=_C.MAINTENANCE,
        words="the exchange is down, overloaded or being worked on",
        ends_as=Ending.UNAVAILABLE,
        read=_R.RETRY,
        submit=_S.UNKNOWN,
        fails=True,
    ),
    Policy(
        category=_C.BLOCKED,
        words="something in between answered: a firewall, a proxy",
        ends_as=Ending.UNAVAILABLE,
        read=_R.RETRY,
        submit=_S.UNKNOWN,
        fails=True,
    ),
    Policy(
        category=_C.RATE_LIMIT,
        words="too many requests or orders",
        ends_as=Ending.UNAVAILABLE,
        read=_R.WAIT,
        submit=_S.REJECTED,
        fails=True,
    ),
    Policy(
        category=_C.BANNED,
        words="this address is banned for having asked on; each further request prolongs it",
        ends_as=Ending.UNAVAILABLE,
        read=_R.HOLD,
        submit=_S.REJECTED,
        fails=True,
    ),
    Policy(
        category=_C.CLOCK_SKEW,
        words="the request's time lies outside the exchange's window",
        ends_as=Ending.REFUSED,
        read=_R.REMEASURE,
        submit=_S.REJECTED,
        cancel=OnCancel.REMEASURE,
        alarm=_SELDOM,
    ),
    Policy(
        category=_C.NO_KEYS,
        words="there are no keys to sign with; nothing was sent",
        ends_as=Ending.NO_KEYS,
        read=_R.TELL,
        submit=_S.REJECTED,
        alarm=_SELDOM,
    ),
    Policy(
        category=_C.AUTH,
        words="key, secret, address or permission is wrong",
        ends_as=Ending.REFUSED,
        read=_R.TELL,
        submit=_S.REJECTED,
        alarm=_SELDOM,
    ),
    Policy(
        category=_C.INSUFFICIENT_FUNDS,
        words="the balance does not cover the order",
        ends_as=Ending.REFUSED,
        read=_R.TELL,
        submit=_S.REJECTED,
    ),
    Policy(
        category=_C.FILTER,
        words="price, quantity or notional break a rule of the market",
        ends_as=Ending.REFUSED,
        read=_R.TELL,
        submit=_S.REJECTED,
    ),
    Policy(
        category=_C.MALFORMED,
        words="a parameter is missing or wrong",
        ends_as=Ending.REFUSED,
        read=_R.TELL,
        submit=_S.REJECTED,
    ),
    Policy(
        category=_C.MARKET,
        words="there is no such market, or it is closed",
        ends_as=Ending.REFUSED,
        read=_R.TELL,
        submit=_S.REJECTED,
    ),
    Policy(
        category=_C.ORDER_REJECTED,
        words="the exchange does not take this order for another reason",
        ends_as=Ending.REFUSED,
        read=_R.TELL,
        submit=_S.REJECTED,
    ),
    Policy(
        category=_C.DUPLICATE_ID,
        words="an order with this client order id is there already: ours, sent before",
        ends_as=Ending.REFUSED,
        read=_R.TELL,
        submit=_S.UNKNOWN,
    ),
    Policy(
        category=_C.NOT_FOUND,
        words="the exchange has no such order, or has it no more",
        ends_as=Ending.REFUSED,
        read=_R.ABSENT,
        submit=_S.UNKNOWN,
        cancel=OnCancel.LOOK_UP,
        alarm="none; what it means for the order is told",
    ),
    Policy(
        category=_C.ANSWER_INVALID,
        words="an answer that cannot be right: no JSON, missing fields, another order",
        ends_as=Ending.ANSWER,
        read=_R.TELL,
        submit=_S.UNKNOWN,
        fails=True,
    ),
    Policy(
        category=_C.UNRECOGNISED,
        words="a refusal with a code that this table does not know",
        ends_as=Ending.REFUSED,
        read=_R.TELL,
        submit=_S.UNKNOWN,
    ),
)

POLICIES: dict[Category, Policy] = {row.category: row for row in TABLE}


def policy_of(error: ExchangeError) -> Policy:
    """Return the row of an error; of one whose category nobody named, the row that its class stands for."""
    if error.category:
        return POLICIES[Category(error.category)]
    if isinstance(error, ExchangeAnswerError):
        return POLICIES[Category.ANSWER_INVALID]
    if isinstance(error, ExchangeRefusedError):
        return POLICIES[Category.UNRECOGNISED]
    return POLICIES[Category.NETWORK]
