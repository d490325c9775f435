"""An order's record against a simple model, over reports that come twice, late and in any order."""

import datetime as dt
from decimal import Decimal

import hypothesis.strategies as st
from hypothesis import given

from bot.execution.order_record import (
    OrderBirth,
    OrderEvent,
    OrderRecord,
    after,
    born,
    folded,
    repeated_trade_ids,
    trigger_of,
)
from bot.execution.order_states import ENDED, OrderState, Trigger
from bot.execution.orders import Fee, Fill, OrderReport, OrderStatus, OrderType, Side
from bot.execution.reconciliation import late_report
from bot.kernel.market import OwnTrade

D = Decimal
AT = dt.datetime(2026, 5, 3, tzinfo=dt.UTC)
QUANTITY = D(12)
BIRTH = OrderBirth(
    asset="SOL",
    symbol="SOL/USDT",
    side=Side.SELL,
    order_type=OrderType.MARKET,
    quantity=QUANTITY,
    reason="stop_loss",
)
ENDS = (OrderStatus.FILLED, OrderStatus.CANCELLED, OrderStatus.EXPIRED)


def fill(number: int, quantity: int) -> Fill:
    return Fill(
        trade_id=str(number),
        price=D(100 + number),
        quantity=D(quantity),
        fee=D(quantity) / 1000,
        fee_asset="USDT",
    )


def report(fills: tuple[Fill, ...], status: OrderStatus) -> OrderReport:
    total = sum((one.quantity for one in fills), D(0))
    fee = sum((one.fee for one in fills), D(0))
    return OrderReport(
        client_order_id="o",
        exchange_order_id="7",
        symbol="SOL/USDT",
        side=Side.SELL,
        status=status,
        quantity=QUANTITY,
        filled_quantity=total,
        filled_quote=sum((one.quantity * one.price for one in fills), D(0)),
        fees=(Fee(asset="USDT", amount=fee),) if fee else (),
        fills=fills,
        updated_at=AT,
    )


@st.composite
def histories(draw: st.DrawFn) -> list[OrderReport]:
    """Return what one order truly did, report by report, from its first word to its end."""
    parts = draw(st.lists(st.integers(1, 4), max_size=3))
    fills = tuple(fill(number, part) for number, part in enumerate(parts, start=1))
    told = [
        report(fills[:n], OrderStatus.PARTIALLY_FILLED if n else OrderStatus.OPEN)
        for n in range(len(fills) + 1)
    ]
    end = draw(st.sampled_from(ENDS))
    if end is OrderStatus.FILLED:
        rest = QUANTITY - sum((one.quantity for one in fills), D(0))
        fills = (*fills, fill(len(fills) + 1, int(rest))) if rest else fills
    return [*told, report(fills, end)]


@st.composite
def deliveries(draw: st.DrawFn) -> tuple[list[OrderReport], list[OrderReport]]:
    """Return the truth and what arrives of it: repeated, out of order; the end always arrives."""
    truth = draw(histories())
    extra = draw(st.lists(st.sampled_from(truth), max_size=6))
    return truth, draw(st.permutations([*extra, truth[-1]]))


def event(one: OrderReport) -> OrderEvent:
    return OrderEvent(at=AT, client_order_id="o", asset="SOL", trigger=trigger_of(one), report=one)


def start(*triggers: Trigger) -> OrderRecord:
    record = born(OrderEvent(at=AT, client_order_id="o", asset="SOL", birth=BIRTH))
    for trigger in triggers:
        record = after(record, OrderEvent(at=AT, client_order_id="o", asset="SOL", trigger=trigger))
    return record


starts = st.sampled_from([(), (Trigger.SUBMIT,), (Trigger.SUBMIT, Trigger.ANSWER_LOST)])


@given(deliveries(), starts)
def test_whatever_the_order_of_reports_the_end_is_the_truth(
    told: tuple[list[OrderReport], list[OrderReport]], begun: tuple[Trigger, ...]
) -> None:
    truth, arrived = told
    record = start(*begun)
    for one in arrived:
        before = record
        record = after(record, event(one))
        assert record.filled_quantity >= before.filled_quantity, "fills only grow"
        if before.state in ENDED:
            assert record.state is before.state, "an end never opens again"
    last = truth[-1]
    assert record.state.value == last.status.value
    assert (record.filled_quantity, record.filled_quote) == (last.filled_quantity, last.filled_quote)
    assert record.fees == last.fees
    assert sorted(one.trade_id for one in record.fills) == sorted(one.trade_id for one in last.fills)


@given(deliveries())
def test_a_report_that_comes_twice_changes_nothing(
    told: tuple[list[OrderReport], list[OrderReport]],
) -> None:
    record = start(Trigger.SUBMIT)
    for one in told[1]:
        record = after(record, event(one))
        assert after(record, event(one)) == record


@given(deliveries())
def test_a_trade_counts_once_and_their_sum_is_what_was_filled(
    told: tuple[list[OrderReport], list[OrderReport]],
) -> None:
    record = start(Trigger.SUBMIT)
    for one in told[1]:
        record = after(record, event(one))
    assert not repeated_trade_ids([record])
    assert sum((one.quantity for one in record.fills), D(0)) == record.filled_quantity


@given(deliveries(), st.data())
def test_a_restart_folds_the_same_record_from_any_point(
    told: tuple[list[OrderReport], list[OrderReport]], data: st.DataObject
) -> None:
    birth = OrderEvent(at=AT, client_order_id="o", asset="SOL", birth=BIRTH)
    events = [birth, OrderEvent(at=AT, client_order_id="o", asset="SOL", trigger=Trigger.SUBMIT)]
    events += [event(one) for one in told[1]]
    cut = data.draw(st.integers(1, len(events)))
    at_once = folded(events)
    assert folded(events[cut:], folded(events[:cut])) == at_once
    assert folded([*events[:cut], birth, *events[cut:]]) == at_once, "a birth told again changes nothing"


@given(histories())
def test_a_fill_behind_the_booked_end_is_seen_and_opens_nothing(truth: list[OrderReport]) -> None:
    """The exchange said cancelled with less; its trades say more."""
    early, last = truth[0], truth[-1]
    record = after(start(Trigger.SUBMIT), event(report(early.fills, OrderStatus.CANCELLED)))
    record = after(
        record,
        OrderEvent(
            at=AT,
            client_order_id="o",
            asset="SOL",
            trigger=Trigger.BOOKED,
            booked_quantity=record.filled_quantity,
        ),
    )
    late = late_report(record, [_trade(one) for one in last.fills])
    if late is None:
        assert last.filled_quantity == record.filled_quantity
        return
    record = after(record, event(late))
    assert record.state is OrderState.CLOSED
    assert record.filled_quantity == last.filled_quantity
    assert record.unbooked_quantity == last.filled_quantity - early.filled_quantity


def _trade(one: Fill) -> OwnTrade:
    return OwnTrade(
        trade_id=one.trade_id,
        order_id="7",
        symbol="SOL/USDT",
        side="sell",
        price=one.price,
        quantity=one.quantity,
        fee=one.fee,
        fee_asset=one.fee_asset,
        executed_at=AT,
    )
