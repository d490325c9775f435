"""Which coins the bot may open anything new in: each reason by its name, and the first one counts."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from bot.holdings.baseline import BaselineAsset, BaselineContent, Policy
from bot.kernel.market import MarketRules
from bot.lifecycle.documents import ManagedAsset, ManagedStateContent
from bot.lifecycle.states import AssetState
from bot.trading.universe import UniverseFacts, universe, why_left_out

D = Decimal
ACTIVE = ManagedAsset(state=AssetState.MANAGED_ACTIVE, strategy_group="t1_core")
COPYING = msgspec.structs.replace(ACTIVE, strategy_group="t3_copy_trading")


def market(asset: str, **changes: Any) -> MarketRules:
    rules = MarketRules(
        symbol=f"{asset}/USDT",
        base=asset,
        quote="USDT",
        active=True,
        tick_size=D("0.01"),
        step_size=D("0.01"),
    )
    return msgspec.structs.replace(rules, **changes)


def facts(*, asset: str = "SOL", entry: ManagedAsset | None = ACTIVE, **changes: Any) -> UniverseFacts:
    known = UniverseFacts(
        managed=ManagedStateContent(managed_assets={asset: entry} if entry is not None else {}),
        baseline=BaselineContent(
            tradable_quote=("USDT",),
            assets={
                "USDT": BaselineAsset(policy=Policy.TRADABLE_QUOTE, quantity=D(100)),
                "SOL": BaselineAsset(policy=Policy.FROZEN, quantity=D(25)),
                "ETH": BaselineAsset(policy=Policy.FROZEN, quantity=D(2)),
            },
        ),
        quote="USDT",
        markets={f"{name}/USDT": market(name) for name in ("SOL", "ETH", "USDC", "WBTC")},
    )
    return msgspec.structs.replace(known, **changes)


def code(asset: str = "SOL", **changes: Any) -> str | None:
    reason = why_left_out(asset, facts(asset=asset, **changes))
    return reason.reason if reason is not None else None


def test_a_coin_that_was_handed_over_and_is_active_is_in() -> None:
    assert code() is None
    assert universe(facts()).assets == ("SOL",)


def test_every_other_coin_is_out_with_its_reason() -> None:
    assert {name: reason.reason for name, reason in universe(facts()).left_out.items()} == {
        "ETH": "frozen",
        "USDT": "is_quote",
    }


@pytest.mark.parametrize("state", [state for state in AssetState if state is not AssetState.MANAGED_ACTIVE])
def test_a_coin_in_any_other_state_is_out(state: AssetState) -> None:
    reason = why_left_out("SOL", facts(entry=msgspec.structs.replace(ACTIVE, state=state)))
    assert reason is not None
    assert reason.reason == ("frozen" if state is AssetState.FROZEN else "not_active")
    assert state.value in reason.sentence


def test_a_coin_that_is_listed_nowhere_is_frozen() -> None:
    """D5."""
    assert code("BTC", entry=None) == "frozen"


@pytest.mark.parametrize(
    ("asset", "changes", "expected"),
    [
        ("USDT", {}, "is_quote"),
        ("EUR", {"quote": "EUR"}, "is_quote"),
        ("USDC", {}, "is_stablecoin"),
        ("WBTC", {}, "is_stablecoin"),
        ("SOL", {"blacklist": ("SOL",)}, "blacklisted"),
        ("SOL", {"markets": {}}, "no_market"),
        ("SOL", {"markets": {"SOL/USDT": market("SOL", quote="EUR")}}, "other_quote"),
        ("SOL", {"markets": {"SOL/USDT": market("SOL", active=False)}}, "market_closed"),
        (
            "SOL",
            {"entry": msgspec.structs.replace(ACTIVE, strategy_group="t3_copy_trading")},
            "strategy_blocked",
        ),
    ],
)
def test_what_leaves_an_active_coin_out(asset: str, changes: dict[str, Any], expected: str) -> None:
    assert code(asset, **changes) == expected


def test_without_the_exchanges_word_markets_decide_nothing() -> None:
    assert code(markets=None) is None


def test_the_baselines_policy_brings_no_coin_in() -> None:
    """DR-2: nobody handed it over, whatever the baseline says."""
    claimed = BaselineContent(assets={"ETH": BaselineAsset(policy=Policy.MANAGED, quantity=D(2))})
    assert code("ETH", entry=None, baseline=claimed) == "frozen"


def test_a_paused_coin_on_a_list_is_told_as_paused() -> None:
    """The first reason counts: a person's word before a list."""
    paused = msgspec.structs.replace(ACTIVE, state=AssetState.MANAGED_PAUSED)
    assert code(entry=paused, blacklist=("SOL",)) == "not_active"
