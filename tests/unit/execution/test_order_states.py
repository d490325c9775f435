"""The table of an order's life: complete, without a way back out of an end, and named where it says no."""

import itertools

import pytest

from bot.execution.order_states import (
    EDGES,
    ENDED,
    MAY_BE_LIVE,
    REPORTS,
    OrderState,
    OrderTransitionError,
    Trigger,
    transition,
)

PAIRS = list(itertools.product(OrderState, Trigger))


def test_every_pair_is_an_edge_a_late_report_or_an_error_that_names_both() -> None:
    for state, trigger in PAIRS:
        if (state, trigger) in EDGES:
            assert transition(state, trigger) is EDGES[state, trigger]
        elif trigger in REPORTS:
            assert transition(state, trigger) is state
        else:
            with pytest.raises(OrderTransitionError, match=f"{state}.*{trigger}"):
                transition(state, trigger)


@pytest.mark.parametrize("state", sorted(ENDED))
def test_an_order_that_ended_never_opens_again(state: OrderState) -> None:
    for trigger in REPORTS:
        assert transition(state, trigger) is state
    assert transition(state, Trigger.BOOKED) is OrderState.CLOSED


def test_an_order_that_may_be_live_cannot_be_called_booked() -> None:
    for state in MAY_BE_LIVE:
        with pytest.raises(OrderTransitionError):
            transition(state, Trigger.BOOKED)


def test_only_the_exchanges_word_ends_an_unknown_order() -> None:
    ways = {trigger for trigger in Trigger if (OrderState.UNKNOWN, trigger) in EDGES}
    assert ways == {Trigger.ANSWER_LOST, *REPORTS}


def test_every_state_can_be_reached_and_every_life_can_end_closed() -> None:
    reached = {OrderState.CREATED}
    while more := {EDGES[pair] for pair in EDGES if pair[0] in reached} - reached:
        reached |= more
    assert reached == set(OrderState)
    closing = {OrderState.CLOSED}
    while more := {pair[0] for pair in EDGES if EDGES[pair] in closing} - closing:
        closing |= more
    assert closing == set(OrderState)


def test_a_request_is_sent_once() -> None:
    sent = [state for state in OrderState if (state, Trigger.SUBMIT) in EDGES]
    assert sent == [OrderState.CREATED]
