"""The baseline: a description of the wallet in which everything is frozen."""

import datetime as dt
from decimal import Decimal

import pytest

from bot.holdings.baseline import BaselineAsset, BaselineContent, Policy, capture, wallet_signature
from bot.holdings.wallet import Balance, WalletSnapshot

NOW = dt.datetime(2026, 5, 3, 12, tzinfo=dt.UTC)


def balance(total: str, used: str = "0") -> Balance:
    return Balance(free=Decimal(total) - Decimal(used), used=Decimal(used), total=Decimal(total))


WALLET = WalletSnapshot(
    balances={
        "USDT": balance("1000"),
        "SOL": balance("25", used="5"),
        "ETH": balance("2"),
        "DOT": balance("0"),
    },
    observed_at=NOW,
    complete=True,
)


def test_a_captured_wallet_is_frozen_coin_by_coin_and_its_quote_is_tradable() -> None:
    content = capture(WALLET, quote="USDT", source="box")
    assert {name: (entry.policy, entry.quantity) for name, entry in content.assets.items()} == {
        "ETH": (Policy.FROZEN, Decimal(2)),
        "SOL": (Policy.FROZEN, Decimal(25)),
        "USDT": (Policy.TRADABLE_QUOTE, Decimal(1000)),
    }
    assert content.tradable_quote == ("USDT",)
    assert content.default_policy_for_unlisted is Policy.FROZEN
    assert (content.captured_at, content.source, content.is_applied) == (NOW, "box", True)
    assert not any(entry.policy_lifecycle_managed for entry in content.assets.values())


def test_zero_balances_are_kept_on_request() -> None:
    assert "DOT" in capture(WALLET, quote="USDT", source="box", exclude_zero=False).assets


def test_an_empty_baseline_is_not_applied_and_freezes_everything() -> None:
    """DR-2, D5."""
    empty = BaselineContent()
    assert not empty.is_applied
    assert empty.policy_of("SOL") is Policy.FROZEN


def test_a_listed_coin_follows_its_entry() -> None:
    asset = BaselineAsset(policy=Policy.TRADABLE_QUOTE, quantity=Decimal(1))
    assert BaselineContent(assets={"USDT": asset}).policy_of("USDT") is Policy.TRADABLE_QUOTE


def test_the_signature_covers_which_assets_exist_and_nothing_else() -> None:
    """DR-7, M2: neither order, nor quantity, nor policy, nor the quote."""
    signature = wallet_signature(["SOL", "ETH", "USDT"], ["USDT"])
    assert signature == wallet_signature(["ETH", "SOL"], []) == wallet_signature(["SOL", "ETH", "SOL"], ())
    assert signature == capture(WALLET, quote="USDT", source="elsewhere").wallet_signature
    assert len(signature) == 64


@pytest.mark.parametrize("assets", [["SOL"], ["SOL", "ETH", "BTC"], [], ["SOL", "ETHW"]])
def test_another_coin_more_or_less_is_another_signature(assets: list[str]) -> None:
    assert wallet_signature(assets, ()) != wallet_signature(["SOL", "ETH"], ())


def test_an_incomplete_answer_does_not_say_that_a_coin_is_absent() -> None:
    part = WalletSnapshot(balances={"SOL": balance("25", used="5")}, observed_at=NOW, complete=False)
    assert (part.total("BTC"), part.free("BTC")) == (None, None)
    assert (part.total("SOL"), part.free("SOL")) == (Decimal(25), Decimal(20))
    assert (WALLET.total("BTC"), WALLET.free("BTC")) == (Decimal(0), Decimal(0))
