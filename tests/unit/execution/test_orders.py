"""An order as the exchange tells it."""

import datetime as dt
from decimal import Decimal

import pytest

from bot.execution.orders import OrderReport, OrderStatus, Side


def report(filled: int, quote: int) -> OrderReport:
    return OrderReport(
        client_order_id="o1",
        exchange_order_id="x1",
        symbol="SOL/USDT",
        side=Side.SELL,
        status=OrderStatus.OPEN,
        quantity=Decimal(10),
        filled_quantity=Decimal(filled),
        filled_quote=Decimal(quote),
        updated_at=dt.datetime(2026, 5, 3, tzinfo=dt.UTC),
    )


def test_the_average_price_is_over_all_fills() -> None:
    assert report(4, 370).average_price == Decimal("92.5")


def test_before_the_first_fill_there_is_no_average_price() -> None:
    assert report(0, 0).average_price is None


@pytest.mark.parametrize("status", OrderStatus)
def test_an_order_is_final_unless_it_can_still_be_filled(status: OrderStatus) -> None:
    assert status.is_final is (status not in {"open", "partially_filled"})
