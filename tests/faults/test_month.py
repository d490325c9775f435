"""A month in the life: coins, commands, restarts, drift, exits; then every figure must add up."""

import time
from collections import defaultdict
from decimal import Decimal
from pathlib import Path
from typing import Any

from bot.kernel.money import ZERO
from bot.storage.rebuild import compare_with_live
from tests.fakes.home_checks import assert_documents_are_valid
from tests.faults.month import OPENING, OPENING_USDT, Month
from tests.faults.tally import IS_LONG, Tally, sized

COINS, DAYS = sized(12, 50), sized(4, 30)
SEED = 20_260_501
MONTH_AT_MOST_S = 120


def booked_orders(month: Month) -> dict[str, dict[str, Any]]:
    """Return the last thing that the audit tells of each order of the bot's, by client order id."""
    found: dict[str, dict[str, Any]] = {}
    for record in month.app.store.audit.records():
        data = record.get("data") or {}
        if "filled_quantity" in data and "client_order_id" in data:
            found[data["client_order_id"]] = {"asset": record["asset"], **data}
    return found


def explained(month: Month) -> dict[str, Decimal]:
    """Return every balance as the audit and the owner's own notes make it."""
    balances: dict[str, Decimal] = defaultdict(Decimal, dict.fromkeys(month.assets, OPENING))
    balances["USDT"] = OPENING_USDT
    for order in booked_orders(month).values():
        balances[order["asset"]] -= Decimal(order["filled_quantity"])
        fees = sum((Decimal(fee["amount"]) for fee in order.get("fees", ())), ZERO)
        assert {fee["asset"] for fee in order.get("fees", ())} <= {"USDT"}
        balances["USDT"] += Decimal(order.get("filled_quote", ZERO)) - fees
    for asset, moved in month.by_hand.items():
        balances[asset] += moved
    return dict(balances)


def test_a_month_in_the_life_of_a_home_adds_up_to_the_last_digit(tmp_path: Path, tally: Tally) -> None:
    began = time.process_time()
    month = Month(tmp_path / "home", coins=COINS, seed=SEED, days=DAYS)
    for number in range(1, DAYS * 24 + 1):
        month.hour(number)
        if number % 120 == 0:
            assert compare_with_live(month.app.store) == []
    month.work()
    took_s = time.process_time() - began

    assert explained(month) == dict(month.kept.holdings)
    promised = [order for order in month.kept.orders if not order.request.client_order_id.startswith("hand-")]
    assert {order.request.client_order_id for order in promised} <= set(booked_orders(month))
    for entry in month.content.managed_assets.values():
        assert (entry.sold_quantity or ZERO) <= (entry.approved_quantity or ZERO)
    assert compare_with_live(month.app.store) == []
    for log in (month.app.store.audit, month.app.store.refusals):
        assert log.verify().is_whole
    assert [finding for finding in month.app.store.check() if finding.severity == "error"] == []
    seen = {record["type"].partition(".")[2] for record in month.app.store.audit.records()}
    assert seen >= EXPECTED, EXPECTED - seen
    if IS_LONG:
        assert_documents_are_valid(month.app)
        assert month.counted["cycles"] >= 720
        assert month.counted["commands"] >= 2_000
        assert month.counted["restarts"] >= 20
        assert took_s < MONTH_AT_MOST_S, "of this process's own time"
    month.app.close()
    tally.add("a month in the life: cycles", month.counted["cycles"])
    tally.add("a month in the life: commands", month.counted["commands"])


EXPECTED = {
    "asset_proposal_requested",
    "asset_promoted",
    "asset_paused",
    "asset_resumed",
    "asset_released",
    "drift_detected",
    "operator_override",
    "exit_executed",
}
