"""What a baseline may say: never managed by default, never frozen what is in the bot's hands."""

import datetime as dt
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from bot.commands.handlers.baseline_handlers import BaselineChange, decide
from bot.holdings.baseline import BaselineAsset, BaselineContent, Policy, capture, wallet_signature
from bot.holdings.wallet import Balance, WalletSnapshot
from bot.kernel.errors import RefusedError
from bot.lifecycle.change import Act
from bot.lifecycle.command_payloads import PAYLOADS, ApplyBaselineHoldings, NoPayload, Payload
from bot.lifecycle.commands import CommandType
from bot.lifecycle.documents import ManagedAsset, ManagedStateContent
from bot.lifecycle.events import EventType
from bot.lifecycle.policy import LifecyclePolicy
from bot.lifecycle.states import IN_THE_BOTS_HANDS, AssetState
from bot.trading.baseline_bootstrap import check_baseline

D = Decimal
NOW = dt.datetime(2026, 5, 3, 12, tzinfo=dt.UTC)
WALLET = WalletSnapshot(
    balances={name: Balance(free=D(5), used=D(0), total=D(5)) for name in ("SOL", "ETH", "USDT")},
    observed_at=NOW,
    complete=True,
)
CAPTURED = capture(WALLET, quote="USDT", source="box")
NOTHING = ManagedStateContent()
OUTSIDE = [state for state in AssetState if state not in IN_THE_BOTS_HANDS]


def plain(content: BaselineContent, **changes: Any) -> dict[str, Any]:
    told: dict[str, Any] = msgspec.to_builtins(content, builtin_types=(Decimal,))
    return told | changes


def with_asset(name: str, policy: Policy, *, lifecycle: bool = False) -> dict[str, Any]:
    entry = BaselineAsset(policy=policy, quantity=D(5), policy_lifecycle_managed=lifecycle)
    assets = {**CAPTURED.assets, name: entry}
    changed = msgspec.structs.replace(
        CAPTURED, assets=assets, wallet_signature=wallet_signature(assets, CAPTURED.tradable_quote)
    )
    return plain(changed)


def decided(payload: Payload, managed: ManagedStateContent = NOTHING) -> BaselineChange:
    command = next(kind for kind, payload_type in PAYLOADS.items() if payload_type is type(payload))
    act = Act(
        command_id="c-1",
        type=CommandType(command),
        actor="user_ann",
        asset="*",
        now=NOW,
        accepted_at=NOW,
        policy=LifecyclePolicy(environment="sandbox"),
    )
    return decide(CAPTURED, managed, act, payload)


def applied(baseline: dict[str, Any], managed: ManagedStateContent = NOTHING) -> BaselineChange:
    return decided(ApplyBaselineHoldings(baseline=baseline), managed)


def refused(code: str, payload: Payload, managed: ManagedStateContent = NOTHING) -> RefusedError:
    with pytest.raises(RefusedError) as refusal:
        decided(payload, managed)
    assert refusal.value.code == code
    return refusal.value


def sol_at(state: AssetState) -> ManagedStateContent:
    return ManagedStateContent(managed_assets={"SOL": ManagedAsset(state=state)})


def test_a_captured_wallet_becomes_the_baseline_as_it_is() -> None:
    change = applied(plain(CAPTURED))
    assert change.content == CAPTURED
    assert [(event.type, event.asset) for event in change.events] == [(EventType.BASELINE_APPLIED, "*")]
    assert change.detail == {"assets": 3, "frozen": 2}


@pytest.mark.parametrize("policy", ["managed", "tradable_quote"])
def test_managed_is_never_the_default(policy: str) -> None:
    """DR-2."""
    words = ApplyBaselineHoldings(baseline=plain(CAPTURED, default_policy_for_unlisted=policy))
    refused("managed_is_never_default", words)


def test_nobody_becomes_managed_by_a_baseline() -> None:
    """D4: what the bot would refuse to start with is refused when it is said."""
    told = with_asset("SOL", Policy.MANAGED)
    refusal = refused("managed_is_never_default", ApplyBaselineHoldings(baseline=told))
    assert "SOL" in refusal.what
    managed = sol_at(AssetState.MANAGED_ACTIVE)
    check_baseline(applied(told, managed).content, managed)


def test_a_start_on_a_baseline_that_says_managed_without_an_entry_is_refused() -> None:
    """D4: exit 3."""
    wrong = BaselineContent(assets={"SOL": BaselineAsset(policy=Policy.MANAGED, quantity=D(5))})
    with pytest.raises(Exception, match="D4") as refusal:
        check_baseline(wrong, NOTHING)
    assert getattr(refusal.value, "exit_code", None) == 3


@pytest.mark.parametrize("signature", ["f" * 64, wallet_signature(["SOL"], ())])
def test_a_signature_of_other_assets_is_refused(signature: str) -> None:
    """DR-7."""
    words = ApplyBaselineHoldings(baseline=plain(CAPTURED, wallet_signature=signature))
    refused("wallet_signature_mismatch", words)


@pytest.mark.parametrize("state", sorted(IN_THE_BOTS_HANDS))
def test_a_coin_in_the_bots_hands_cannot_be_frozen_by_a_baseline(state: AssetState) -> None:
    """C3, DR-11."""
    words = ApplyBaselineHoldings(baseline=plain(CAPTURED))
    refusal = refused("policy_change_blocked", words, sol_at(state))
    assert f"SOL ({state})" in refusal.what
    assert "bot release SOL" in refusal.fix


@pytest.mark.parametrize("state", OUTSIDE)
def test_a_coin_outside_the_bots_hands_may_be_frozen(state: AssetState) -> None:
    assert applied(plain(CAPTURED), sol_at(state)).content == CAPTURED


@pytest.mark.parametrize("state", sorted(IN_THE_BOTS_HANDS))
def test_a_coin_in_the_bots_hands_cannot_be_frozen_by_leaving_it_out(state: AssetState) -> None:
    """C3 with D5: what is not listed follows the default, which is frozen."""
    managed = ManagedStateContent(managed_assets={"DOT": ManagedAsset(state=state)})
    refusal = refused("policy_change_blocked", ApplyBaselineHoldings(baseline=plain(CAPTURED)), managed)
    assert "DOT" in refusal.what


def test_a_coin_that_is_marked_as_governed_by_the_lifecycle_may_stand_as_frozen() -> None:
    told = with_asset("SOL", Policy.FROZEN, lifecycle=True)
    assert applied(told, sol_at(AssetState.MANAGED_ACTIVE)).content.assets["SOL"].policy_lifecycle_managed


def test_what_is_no_baseline_is_refused() -> None:
    refused("payload_invalid", ApplyBaselineHoldings(baseline=plain(CAPTURED, assets={"SOL": 5})))


def test_clearing_leaves_an_empty_baseline_and_counts_what_was_there() -> None:
    change = decided(NoPayload())
    assert change.content == BaselineContent()
    assert [event.type for event in change.events] == [EventType.BASELINE_CLEARED]
    assert change.detail == {"assets": 3}


@pytest.mark.parametrize("state", AssetState)
def test_clearing_is_refused_while_a_coin_is_in_the_bots_hands(state: AssetState) -> None:
    if state in IN_THE_BOTS_HANDS:
        refused("policy_change_blocked", NoPayload(), sol_at(state))
    else:
        assert decided(NoPayload(), sol_at(state)).content == BaselineContent()


def test_a_promotion_changes_nothing_about_the_baseline() -> None:
    """DR-7, M2: the signature knows neither policy nor lifecycle."""
    promoted = with_asset("SOL", Policy.FROZEN, lifecycle=True)
    assert promoted["wallet_signature"] == CAPTURED.wallet_signature
