"""The life of one order as a table: state and trigger give the next state, anything else is an error.

1. An order begins as `created`, when its intent is committed, and ends as `closed`, when the managed state
   has booked what it filled.
2. What the exchange tells may come twice, late or in the wrong order: a report that would lead back leaves
   the state as it is. A state in which the order has ended never opens again.
3. `unknown` is an answer that was lost; only the exchange's own word ends it. `resolved` is its word that
   there is no such order.
4. Fills are figures of the record (`order_record`), not states: they only grow, also behind a final state.
"""

from enum import StrEnum

from bot.kernel.errors import BotError


class OrderState(StrEnum):
    """Where an order stands, as far as the bot knows."""

    CREATED = "created"
    SUBMITTED = "submitted"
    ACKNOWLEDGED = "acknowledged"
    PARTIALLY_FILLED = "partially_filled"
    FILLED = "filled"
    CANCELLED = "cancelled"
    REJECTED = "rejected"
    EXPIRED = "expired"
    UNKNOWN = "unknown"
    RESOLVED = "resolved"
    CLOSED = "closed"


class Trigger(StrEnum):
    """What can happen to an order; `told_*` is the exchange's word."""

    SUBMIT = "submit"
    ANSWER_LOST = "answer_lost"
    TOLD_OPEN = "told_open"
    TOLD_PARTIALLY_FILLED = "told_partially_filled"
    TOLD_FILLED = "told_filled"
    TOLD_CANCELLED = "told_cancelled"
    TOLD_REJECTED = "told_rejected"
    TOLD_EXPIRED = "told_expired"
    TOLD_ABSENT = "told_absent"
    BOOKED = "booked"


_S, _T = OrderState, Trigger

EDGES: dict[tuple[OrderState, Trigger], OrderState] = {
    (_S.CREATED, _T.SUBMIT): _S.SUBMITTED,
    (_S.CREATED, _T.ANSWER_LOST): _S.UNKNOWN,  # the process ended between its record and the request
    (_S.CREATED, _T.TOLD_OPEN): _S.ACKNOWLEDGED,
    (_S.CREATED, _T.TOLD_PARTIALLY_FILLED): _S.PARTIALLY_FILLED,
    (_S.CREATED, _T.TOLD_FILLED): _S.FILLED,
    (_S.CREATED, _T.TOLD_CANCELLED): _S.CANCELLED,
    (_S.CREATED, _T.TOLD_REJECTED): _S.REJECTED,
    (_S.CREATED, _T.TOLD_EXPIRED): _S.EXPIRED,
    (_S.CREATED, _T.TOLD_ABSENT): _S.RESOLVED,  # held up before the request left, so it never will
    (_S.SUBMITTED, _T.ANSWER_LOST): _S.UNKNOWN,
    (_S.SUBMITTED, _T.TOLD_OPEN): _S.ACKNOWLEDGED,
    (_S.SUBMITTED, _T.TOLD_PARTIALLY_FILLED): _S.PARTIALLY_FILLED,
    (_S.SUBMITTED, _T.TOLD_FILLED): _S.FILLED,
    (_S.SUBMITTED, _T.TOLD_CANCELLED): _S.CANCELLED,
    (_S.SUBMITTED, _T.TOLD_REJECTED): _S.REJECTED,
    (_S.SUBMITTED, _T.TOLD_EXPIRED): _S.EXPIRED,
    (_S.SUBMITTED, _T.TOLD_ABSENT): _S.RESOLVED,
    (_S.UNKNOWN, _T.ANSWER_LOST): _S.UNKNOWN,  # asked again, and again no answer
    (_S.UNKNOWN, _T.TOLD_OPEN): _S.ACKNOWLEDGED,
    (_S.UNKNOWN, _T.TOLD_PARTIALLY_FILLED): _S.PARTIALLY_FILLED,
    (_S.UNKNOWN, _T.TOLD_FILLED): _S.FILLED,
    (_S.UNKNOWN, _T.TOLD_CANCELLED): _S.CANCELLED,
    (_S.UNKNOWN, _T.TOLD_REJECTED): _S.REJECTED,
    (_S.UNKNOWN, _T.TOLD_EXPIRED): _S.EXPIRED,
    (_S.UNKNOWN, _T.TOLD_ABSENT): _S.RESOLVED,
    (_S.ACKNOWLEDGED, _T.TOLD_PARTIALLY_FILLED): _S.PARTIALLY_FILLED,
    (_S.ACKNOWLEDGED, _T.TOLD_FILLED): _S.FILLED,
    (_S.ACKNOWLEDGED, _T.TOLD_CANCELLED): _S.CANCELLED,
    (_S.ACKNOWLEDGED, _T.TOLD_REJECTED): _S.REJECTED,
    (_S.ACKNOWLEDGED, _T.TOLD_EXPIRED): _S.EXPIRED,
    (_S.ACKNOWLEDGED, _T.TOLD_ABSENT): _S.RESOLVED,  # a ghost: it was told of, and is gone (a wiped testnet)
    (_S.PARTIALLY_FILLED, _T.TOLD_FILLED): _S.FILLED,
    (_S.PARTIALLY_FILLED, _T.TOLD_CANCELLED): _S.CANCELLED,
    (_S.PARTIALLY_FILLED, _T.TOLD_REJECTED): _S.REJECTED,
    (_S.PARTIALLY_FILLED, _T.TOLD_EXPIRED): _S.EXPIRED,
    (_S.PARTIALLY_FILLED, _T.TOLD_ABSENT): _S.RESOLVED,
    (_S.FILLED, _T.BOOKED): _S.CLOSED,
    (_S.CANCELLED, _T.BOOKED): _S.CLOSED,
    (_S.REJECTED, _T.BOOKED): _S.CLOSED,
    (_S.EXPIRED, _T.BOOKED): _S.CLOSED,
    (_S.RESOLVED, _T.BOOKED): _S.CLOSED,
    (_S.CLOSED, _T.BOOKED): _S.CLOSED,  # a booking that is repeated after a crash
}

REPORTS = frozenset(trigger for trigger in Trigger if trigger.value.startswith("told_"))
"""What the exchange says; these alone may come late."""

ENDED = frozenset({_S.FILLED, _S.CANCELLED, _S.REJECTED, _S.EXPIRED, _S.RESOLVED, _S.CLOSED})
"""Nothing more is expected of the exchange."""

MAY_BE_LIVE = frozenset(OrderState) - ENDED
"""The exchange may fill more of it, or nobody knows."""


class OrderTransitionError(BotError):
    """The table has no such edge; the message names state and trigger."""

    default_code = "order_transition_not_allowed"


def transition(state: OrderState, trigger: Trigger) -> OrderState:
    """Return the state after the trigger.

    Raises:
        OrderTransitionError: The pair is in no edge, and no report that came late.
    """
    target = EDGES.get((state, trigger))
    if target is not None:
        return target
    if trigger in REPORTS:  # rule 2: every state takes every report, so what is not an edge is late
        return state
    raise OrderTransitionError(
        f"An order that is {state} cannot take {trigger}.",
        why=f"There is no edge from {state} by {trigger}.",
    )
