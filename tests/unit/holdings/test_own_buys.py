"""Own buys in positions, in the drift watch and in the books: counted once, net of what a fee took."""

import datetime as dt
from typing import Any

import msgspec
import pytest

from bot.execution.order_record import OrderBirth, OrderRecord
from bot.execution.order_states import OrderState
from bot.execution.orders import Fee, OrderType, Side
from bot.execution.position_ledger import booked, fills_of, opened
from bot.holdings.drift import Verdict, compare_position, compare_wallet, record_quantity
from bot.holdings.position_sync import synced
from bot.holdings.positions import PositionsContent
from bot.lifecycle.documents import BuyIntent, ManagedStateContent
from tests.unit.holdings.test_drift import ENTRY, FACTS, LIMITS, NOW, POSITION, D, changed

BOUGHT: dict[str, Any] = {"bought_quantity": D(2), "bought_quote": D(190), "bought_steps": 1}
INTENT = BuyIntent(
    client_order_id="b1",
    quantity=D(2),
    limit_price=D(96),
    step=1,
    trigger_price=D(95),
    opened_at=NOW,
    filled_quantity=D(1),
)


def test_the_position_follows_own_buys_and_what_they_cost() -> None:
    managed = ManagedStateContent(managed_assets={"SOL": changed(ENTRY, **BOUGHT)})
    before = PositionsContent(positions={"SOL/USDT": POSITION})
    after = synced(managed, before, quote="USDT", now=NOW).positions["SOL/USDT"]
    assert (after.quantity, after.bought_quantity, after.paid_usdt) == (D(12), D(2), D(190))
    again = synced(managed, PositionsContent(positions={"SOL/USDT": after}), quote="USDT", now=NOW)
    assert again.positions["SOL/USDT"] == after


def test_a_buy_in_flight_is_no_part_of_the_position() -> None:
    managed = ManagedStateContent(managed_assets={"SOL": changed(ENTRY, buy_intent=INTENT)})
    content = synced(managed, PositionsContent(), quote="USDT", now=NOW)
    assert content.positions["SOL/USDT"].quantity == D(10)


@pytest.mark.parametrize(
    ("position", "verdict"),
    [
        ({}, Verdict.CLEAR),  # the position has not followed yet
        ({"quantity": D(12), "bought_quantity": D(2)}, Verdict.CLEAR),
        ({"quantity": D(10), "bought_quantity": D(2)}, Verdict.DRIFT),
        ({"quantity": D(12)}, Verdict.DRIFT),
    ],
)
def test_d1_counts_own_buys_in(position: dict[str, Any], verdict: Verdict) -> None:
    facts = msgspec.structs.replace(
        FACTS, entry=changed(ENTRY, **BOUGHT), position=changed(POSITION, **position)
    )
    assert compare_position(facts, LIMITS).verdict is verdict


@pytest.mark.parametrize(
    ("there", "verdict"), [(D(12), Verdict.CLEAR), (D("11.99"), Verdict.CLEAR), (D(11), Verdict.DRIFT)]
)
def test_d2_wants_what_was_bought_to_be_there(there: Any, verdict: Verdict) -> None:
    facts = msgspec.structs.replace(FACTS, entry=changed(ENTRY, **BOUGHT), wallet_total=there)
    assert record_quantity(facts.entry) == D(12)
    assert compare_wallet(facts, LIMITS).verdict is verdict


@pytest.mark.parametrize(
    ("there", "verdict"), [(D(12), Verdict.CLEAR), (D(10), Verdict.CLEAR), (D(9), Verdict.DRIFT)]
)
def test_d2_is_judged_while_a_buy_is_open_because_a_buy_only_adds(there: Any, verdict: Verdict) -> None:
    facts = msgspec.structs.replace(FACTS, entry=changed(ENTRY, buy_intent=INTENT), wallet_total=there)
    assert compare_wallet(facts, LIMITS).verdict is verdict


def record(name: str, side: Side, quantity: str, quote: str, *fees: Fee) -> OrderRecord:
    birth = OrderBirth(
        asset="SOL",
        symbol="SOL/USDT",
        side=side,
        order_type=OrderType.LIMIT,
        quantity=D(quantity),
        reason="x",
        proposal_id="p1",
    )
    return OrderRecord(
        client_order_id=name,
        birth=birth,
        state=OrderState.CLOSED,
        created_at=NOW,
        updated_at=NOW + dt.timedelta(seconds=1),
        filled_quantity=D(quantity),
        filled_quote=D(quote),
        fees=fees,
    )


def test_the_books_hold_what_arrived_of_a_buy_and_its_whole_cost() -> None:
    records = [
        record(
            "b1", Side.BUY, "2", "190", Fee(asset="SOL", amount=D("0.002")), Fee(asset="BNB", amount=D(1))
        ),
        record("b2", Side.BUY, "1", "90", Fee(asset="USDT", amount=D("0.09"))),
        record("s1", Side.SELL, "6", "660"),
    ]
    ledger = opened("SOL", quote_asset="USDT", quantity=D(10), entry_price=D(100), reference_price=D(100))
    for fill in fills_of(records, proposal_id="p1"):
        ledger = booked(ledger, fill)
    assert ledger.bought_quantity == D("2.998")
    assert ledger.quantity == D("6.998")
    assert ledger.paid == D(280)
    average = D(1_280) / D("12.998")
    assert ledger.average_cost is not None
    assert abs(ledger.average_cost - average) < D("0.0000001")
    assert abs(ledger.realised - (660 - 6 * average - D("0.09"))) < D("0.0000001")
    assert ledger.fees == {"BNB": D(1), "SOL": D("0.002"), "USDT": D("0.09")}
