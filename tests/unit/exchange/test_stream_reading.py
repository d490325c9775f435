"""Events of a stream become exact values, or an error; never something in between."""

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest

from bot.exchange.stream_reading import event_of, order_seen, trade_seen
from bot.execution.orders import OrderStatus
from bot.kernel.errors import ExchangeAnswerError

TRADE = {
    "e": "trade",
    "E": 1,
    "s": "SOLUSDT",
    "t": 7,
    "p": "0.100000000000000001",
    "q": "1",
    "T": 1_700_000_000_123,
}
REPORT = {"e": "executionReport", "s": "SOLUSDT", "c": "mine", "C": "", "X": "PARTIALLY_FILLED", "z": "1.50"}


@pytest.mark.parametrize(
    "message",
    [TRADE, {"stream": "solusdt@trade", "data": TRADE}, {"subscriptionId": 0, "event": TRADE}],
)
def test_an_event_is_found_in_every_wrapping(message: object) -> None:
    assert event_of(message) == TRADE


@pytest.mark.parametrize("message", [{"result": None, "id": 1}, [], None, "x", {"event": 3}, {"e": 3}])
def test_what_is_no_event_is_none(message: object) -> None:
    assert event_of(message) is None


def test_a_trade_is_read_to_the_last_digit() -> None:
    seen = trade_seen(TRADE, symbol="SOL/USDT")
    assert (seen.trade_id, str(seen.price)) == (7, "0.100000000000000001")
    assert seen.traded_at == dt.datetime(2023, 11, 14, 22, 13, 20, 123_000, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("field", "value"),
    [("p", "NaN"), ("p", "0"), ("p", "-1"), ("p", None), ("t", "x"), ("t", True), ("T", 0), ("T", "soon")],
)
def test_a_trade_that_cannot_be_right_is_an_error(field: str, value: Any) -> None:
    with pytest.raises(ExchangeAnswerError):
        trade_seen({**TRADE, field: value}, symbol="SOL/USDT")


def test_an_execution_report_tells_the_orders_own_name_also_when_it_was_cancelled() -> None:
    seen = order_seen(REPORT, symbol="SOL/USDT")
    assert (seen.client_order_id, seen.status, seen.filled_quantity) == (
        "mine",
        OrderStatus.PARTIALLY_FILLED,
        Decimal("1.50"),
    )
    cancelled = order_seen({**REPORT, "c": "the-cancel", "C": "mine", "X": "CANCELED"}, symbol="SOL/USDT")
    assert (cancelled.client_order_id, cancelled.status) == ("mine", OrderStatus.CANCELLED)


@pytest.mark.parametrize(("field", "value"), [("X", "ODD"), ("z", "-1"), ("c", 3)])
def test_an_execution_report_that_cannot_be_right_is_an_error(field: str, value: Any) -> None:
    with pytest.raises(ExchangeAnswerError):
        order_seen({**REPORT, field: value}, symbol="SOL/USDT")
