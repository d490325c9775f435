"""How much an exit order may sell: the promise, the wallet, the exchange's grid; never more."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.execution.quantity_promise import is_dust, sellable_quantity
from bot.kernel.market import MarketRules
from bot.kernel.money import ZERO, is_on_step
from bot.lifecycle.documents import ManagedAsset
from bot.lifecycle.exit_rules import promised_rest
from bot.lifecycle.states import AssetState

D = Decimal
RULES = MarketRules(
    symbol="SOL/USDT",
    base="SOL",
    quote="USDT",
    active=True,
    tick_size=D("0.01"),
    step_size=D("0.01"),
    min_quantity=D("0.02"),
    min_notional=D(5),
)


def handed_over(quantity: str = "10", **changes: Any) -> ManagedAsset:
    return ManagedAsset(state=AssetState.MANAGED_ACTIVE, approved_quantity=D(quantity), **changes)


def rules(**changes: Any) -> MarketRules:
    changed: MarketRules = msgspec.structs.replace(RULES, **changes)
    return changed


@pytest.mark.parametrize(
    ("entry", "free", "expected"),
    [
        (handed_over(), "25", "10"),  # the rest of the wallet is the owner's
        (handed_over(), "4", "4"),
        (handed_over(), "0", "0"),
        (handed_over("9.999"), "25", "9.99"),
        (handed_over(), "3.019", "3.01"),
        (handed_over(sold_quantity=D(7)), "25", "3"),
        (handed_over(sold_quantity=D(10)), "25", "0"),
        (handed_over(sold_quantity=D(11)), "25", "0"),
        (handed_over("0.009"), "25", "0"),
        (ManagedAsset(state=AssetState.FROZEN), "25", "0"),
    ],
)
def test_an_exit_sells_what_was_handed_over_and_is_there_on_the_grid(
    entry: ManagedAsset, free: str, expected: str
) -> None:
    assert sellable_quantity(entry, wallet_free=D(free), rules=RULES) == D(expected)


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ({"max_quantity": D(8)}, "8"),
        ({"max_market_quantity": D("6.005")}, "6"),
        ({"max_quantity": D(8), "max_market_quantity": D(6)}, "6"),
        ({"max_quantity": D(3), "max_market_quantity": D(6)}, "3"),
        ({"max_quantity": D(0), "max_market_quantity": D(0)}, "10"),  # zero means: no such filter
        ({"step_size": D(0)}, "10"),
    ],
)
def test_an_exit_keeps_to_the_exchanges_largest_order(limits: dict[str, Decimal], expected: str) -> None:
    assert sellable_quantity(handed_over(), wallet_free=D(25), rules=rules(**limits)) == D(expected)


@given(
    approved=st.decimals("0.00000001", "1000", places=8),
    sold=st.decimals("0", "1000", places=8),
    free=st.decimals("0", "2000", places=8),
    step=st.sampled_from([D(0), D("0.00000001"), D("0.003"), D("0.1"), D(1)]),
)
def test_whatever_the_figures_never_more_than_promised_nor_than_there_and_always_on_the_grid(
    approved: Decimal, sold: Decimal, free: Decimal, step: Decimal
) -> None:
    entry = ManagedAsset(state=AssetState.MANAGED_ACTIVE, approved_quantity=approved, sold_quantity=sold)
    quantity = sellable_quantity(entry, wallet_free=free, rules=rules(step_size=step))
    assert ZERO <= quantity <= min(promised_rest(entry), free)
    assert is_on_step(quantity, step)


@pytest.mark.parametrize(
    ("quantity", "price", "dust"),
    [
        ("0.05", "100", False),  # exactly the smallest notional
        ("0.05", "99.99", True),
        ("0.019", "100000", True),  # below the smallest quantity
        ("0.02", "100000", False),
        ("0.009", "100000", True),  # nothing on the grid
        ("0", "100", True),
        ("-1", "100", True),
        ("0.0599", "84", True),  # 0.05 on the grid is worth 4.20
    ],
)
def test_dust_is_what_the_exchange_takes_no_order_for(quantity: str, price: str, dust: object) -> None:
    assert is_dust(D(quantity), D(price), RULES) is dust
