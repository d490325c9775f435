"""The gate `agreed_exit` and a stop that follows the price: its level is derived anew, never believed."""

import datetime as dt
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from bot.execution.orders import OrderRequest
from bot.kernel.errors import StopRuleBrokenError
from bot.lifecycle.documents import Drift, ExitReason, ManagedAsset, ManagedStateContent
from bot.lifecycle.states import AssetState
from bot.lifecycle.trailing_terms import Trail
from bot.risk.order_gates import GateFacts, check_exit, is_sane_price
from bot.risk.verdict import Approved, Denied
from tests.unit.risk.test_order_gates import ENTRY, ORDER, RULES, TICKER, WALLET, changed

D = Decimal
NOW = dt.datetime(2026, 5, 3, 12, tzinfo=dt.UTC)
TRAILING = changed(ENTRY, reference_price=D(110), trailing={"enabled": True, "distance": D(10)})
"""Stop 100, target 130."""
TRAIL = Trail(highest_price=D(125), tick_size=D("0.01"), trailing_from=NOW)


def check(
    last: Decimal | int | str, *, entry: ManagedAsset = TRAILING, trail: Trail | None = TRAIL, **more: Any
) -> Approved[OrderRequest] | Denied:
    price = D(last)
    facts = GateFacts(
        managed=ManagedStateContent(managed_assets={"SOL": entry}),
        rules=RULES,
        ticker=changed(TICKER, last=price, bid=price - D("0.1"), ask=price + D("0.1")),
        reason=ExitReason.STOP_LOSS,
        wallet_free=WALLET,
        trail=trail,
    )
    return check_exit(ORDER, msgspec.structs.replace(facts, **more))


def test_a_sale_at_the_trailing_level_passes() -> None:
    assert isinstance(check(115), Approved)


@pytest.mark.parametrize(
    ("last", "changes"),
    [
        ("115.01", {}),
        ("115", {"trail": None}),
        ("115", {"trail": changed(TRAIL, highest_price=D("124.99"))}),
        ("115", {"entry": ENTRY}),
        ("115", {"entry": changed(TRAILING, trailing={"enabled": False})}),
        ("115", {"entry": changed(TRAILING, trailing={"enabled": True, "distance": D(11)})}),
    ],
)
def test_any_other_sale_is_denied(last: str, changes: dict[str, Any]) -> None:
    verdict = check(last, **changes)
    assert isinstance(verdict, Denied)
    assert verdict.gate == "agreed_exit"


def test_another_reason_at_the_trailing_level_is_denied() -> None:
    verdict = check(115, reason=ExitReason.TAKE_PROFIT)
    assert isinstance(verdict, Denied)
    assert verdict.gate == "agreed_exit"


def test_in_a_drift_of_the_price_the_trailing_stop_stays_armed_and_nothing_else_sells() -> None:
    """T20, SR-15."""
    drift = Drift(kind="price", fingerprint="f", detected_at=NOW, evidence={})
    drifted = changed(TRAILING, state=AssetState.MANAGED_DRIFT_ALERT, drift=drift)
    assert isinstance(check(115, entry=drifted), Approved)
    with pytest.raises(StopRuleBrokenError, match="SR-15"):
        check(116, entry=drifted)


@pytest.mark.parametrize(
    ("changes", "sane"),
    [
        ({}, True),
        ({"bid": D(0)}, False),
        ({"bid": D(101), "ask": D(100)}, False),
        ({"last": D(1_000)}, False),
        ({"symbol": "BTC/USDT"}, False),
    ],
)
def test_a_sane_price_is_one_that_a_market_can_have(changes: dict[str, Any], sane: bool) -> None:  # noqa: FBT001 - a table's column
    assert is_sane_price(changed(TICKER, **changes), "SOL/USDT") is sane
