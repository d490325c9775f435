"""The counterpart that Hyperliquid's gateway is tested on keeps its own books straight."""

import contextlib
import itertools
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.hyperliquid_ledger import Ledger, Market, RefusedOrderError

HELD = {"SOL": Decimal(40), "USDC": Decimal(5_000)}
orders = st.tuples(
    st.booleans(),
    st.integers(min_value=100, max_value=200),
    st.integers(min_value=1, max_value=30_000),
    st.sampled_from(["Gtc", "Ioc"]),
    st.integers(min_value=120, max_value=180),
)


@given(st.lists(orders, max_size=20))
def test_the_counterpart_loses_no_coin_and_locks_no_more_than_there_is(
    placed: list[tuple[bool, int, int, str, int]],
) -> None:
    ticks = itertools.count(1)
    market = Market(base="SOL", coin="@1", index=1, size_decimals=3, price=Decimal(150))
    ledger = Ledger(quote="USDC", markets=[market], held=dict(HELD), now_ms=lambda: next(ticks))
    for is_buy, price, size, tif, moves_to in placed:
        wire = {"a": 10_001, "b": is_buy, "p": str(price), "s": str(Decimal(size) / 1_000)}
        with contextlib.suppress(RefusedOrderError):
            ledger.place({**wire, "t": {"limit": {"tif": tif}}})
        ledger.set_price("SOL", Decimal(moves_to))
        for name, opening in HELD.items():
            assert ledger.held[name] + ledger.house.get(name, Decimal(0)) == opening
            assert 0 <= ledger.hold(name) <= ledger.held[name]
