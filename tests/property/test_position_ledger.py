"""The ledger conserves: no unit and no cent appears or vanishes, whatever is bought and sold."""

from decimal import Decimal

import hypothesis.strategies as st
import pytest
from hypothesis import given

from bot.execution.orders import Side
from bot.execution.position_ledger import LedgerFill, OversoldError, PositionLedger, booked, opened

D = Decimal
quantities = st.integers(1, 10**12).map(lambda units: D(units).scaleb(-8))
prices = st.integers(1, 10**11).map(lambda units: D(units).scaleb(-6))
fees = st.dictionaries(st.sampled_from(["USDT", "SOL", "BNB"]), quantities, max_size=2)


@st.composite
def books(draw: st.DrawFn) -> tuple[PositionLedger, list[LedgerFill]]:
    """Return an opening and fills that never sell more than is there."""
    ledger = opened(
        "SOL",
        quote_asset="USDT",
        quantity=draw(quantities),
        entry_price=draw(prices),
        reference_price=draw(prices),
    )
    fills: list[LedgerFill] = []
    left = ledger.quantity
    for _ in range(draw(st.integers(0, 8))):
        side = draw(st.sampled_from(Side))
        if side is Side.SELL and not left:
            continue
        share = draw(st.sampled_from([D(1), D("0.5"), D("0.333"), D("0.00000001")]))
        quantity = draw(quantities) if side is Side.BUY else (left * share).quantize(D("1e-8"))
        if not quantity:
            continue
        left += quantity if side is Side.BUY else -quantity
        fills.append(LedgerFill(side=side, quantity=quantity, quote=quantity * draw(prices), fees=draw(fees)))
    return ledger, fills


@given(books())
def test_units_and_costs_are_conserved_to_the_last_digit(
    book: tuple[PositionLedger, list[LedgerFill]],
) -> None:
    start, fills = book
    ledger = start
    for fill in fills:
        ledger = booked(ledger, fill)
        assert ledger.quantity >= 0
        assert ledger.cost >= 0 or abs(ledger.cost) < D("1e-12")
        assert ledger.opening_quantity + ledger.bought_quantity == ledger.sold_quantity + ledger.quantity
        assert start.cost + ledger.paid == ledger.cost + ledger.cost_of_sold
        assert start.hand_over_cost + ledger.paid == ledger.hand_over_cost + ledger.hand_over_cost_of_sold
    for coin in ("USDT", "SOL", "BNB"):
        assert ledger.fees.get(coin, D(0)) == sum((fill.fees.get(coin, D(0)) for fill in fills), D(0))


@given(books(), prices)
def test_profit_is_what_came_in_less_what_went_out(
    book: tuple[PositionLedger, list[LedgerFill]], price: Decimal
) -> None:
    """Whatever the average cost was on the way: both together are money out and rest, less money in."""
    start, fills = book
    ledger = start
    for fill in fills:
        ledger = booked(ledger, fill)
    came = sum((fill.quote for fill in fills if fill.side is Side.SELL), D(0))
    went = sum((fill.quote for fill in fills if fill.side is Side.BUY), D(0))
    expected = came + ledger.quantity * price - start.cost - went - ledger.quote_fees
    assert ledger.realised + ledger.unrealised(price) == expected


@given(books())
def test_a_position_that_is_sold_whole_leaves_no_cost_behind(
    book: tuple[PositionLedger, list[LedgerFill]],
) -> None:
    ledger, fills = book
    for fill in fills:
        ledger = booked(ledger, fill)
    if ledger.quantity:
        ledger = booked(ledger, LedgerFill(side=Side.SELL, quantity=ledger.quantity, quote=D(1)))
    assert (ledger.quantity, ledger.cost, ledger.hand_over_cost) == (D(0), D(0), D(0))
    assert ledger.average_cost is None


@given(books(), quantities)
def test_more_than_is_there_is_never_sold(
    book: tuple[PositionLedger, list[LedgerFill]], more: Decimal
) -> None:
    ledger, _ = book
    with pytest.raises(OversoldError):
        booked(ledger, LedgerFill(side=Side.SELL, quantity=ledger.quantity + more, quote=D(1)))


def test_both_yardsticks_stand_side_by_side() -> None:
    """Bought at 20 years ago, handed over at 145, sold half at 130 for a fee of 1."""
    ledger = opened("SOL", quote_asset="USDT", quantity=D(10), entry_price=D(20), reference_price=D(145))
    ledger = booked(ledger, LedgerFill(side=Side.SELL, quantity=D(5), quote=D(650), fees={"USDT": D(1)}))
    assert (ledger.realised, ledger.realised_since_hand_over) == (D(549), D(-76))
    assert (ledger.unrealised(D(130)), ledger.unrealised_since_hand_over(D(130))) == (D(550), D(-75))
    assert ledger.average_cost == D(20)
