"""What the bot may spend: free quote less the frozen part, within the hard cap (CAP-1)."""

import datetime as dt
from decimal import Decimal

import pytest

from bot.holdings.baseline import (
    BaselineContent,
    Policy,
    capture,
    spendable_quote,
    wallet_signature,
    with_frozen_quote,
)
from bot.holdings.wallet import Balance, WalletSnapshot

D = Decimal
NOW = dt.datetime(2026, 5, 3, 12, tzinfo=dt.UTC)


def captured() -> BaselineContent:
    balances = {
        name: Balance(free=D(amount), used=D(0), total=D(amount))
        for name, amount in {"SOL": 25, "USDT": 1_000}.items()
    }
    wallet = WalletSnapshot(balances=balances, observed_at=NOW, complete=True)
    return capture(wallet, quote="USDT", source="box")


def spendable(content: BaselineContent, free: int, cap: int) -> Decimal:
    return spendable_quote(content, quote="USDT", free=D(free), investable_capital_usdt=D(cap))


@pytest.mark.parametrize(
    ("free", "cap", "expected"), [(1_000, 0, 0), (1_000, 300, 300), (200, 300, 200), (0, 300, 0)]
)
def test_a_tradable_quote_is_spent_within_the_hard_cap(free: int, cap: int, expected: int) -> None:
    assert spendable(captured(), free, cap) == expected


@pytest.mark.parametrize(("free", "expected"), [(1_000, 0), (900, 0), (1_300, 300), (5_000, 2_000)])
def test_a_frozen_quote_is_subtracted(free: int, expected: int) -> None:
    assert spendable(with_frozen_quote(captured(), "USDT"), free, 2_000) == expected


def test_freezing_the_quote_makes_it_a_coin_of_the_owners_and_of_the_signature() -> None:
    frozen = with_frozen_quote(captured(), "USDT")
    assert (frozen.assets["USDT"].policy, frozen.tradable_quote) == (Policy.FROZEN, ())
    assert frozen.wallet_signature == wallet_signature(["SOL", "USDT"], ())
    assert with_frozen_quote(captured(), "EUR") == captured()


def test_without_a_baseline_or_an_entry_nothing_is_spent() -> None:
    """D5: what is not listed is frozen."""
    assert spendable(BaselineContent(), 1_000, 1_000) == 0
    assert spendable_quote(captured(), quote="EUR", free=D(50), investable_capital_usdt=D(50)) == 0
