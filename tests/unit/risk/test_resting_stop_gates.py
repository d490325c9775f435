"""Every gate before a stop rests at the exchange, each by its name."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from bot.execution.orders import OrderRequest, OrderType, Side
from bot.kernel.market import Ticker
from bot.lifecycle.documents import Drift, Exits, ManagedAsset, ManagedStateContent, RestingStop, TradingHalt
from bot.lifecycle.states import IN_THE_BOTS_HANDS, AssetState
from bot.risk.resting_stop_gates import StopFacts, check_resting_stop
from bot.risk.verdict import Approved, Denied
from tests.unit.risk.test_order_gates import NOW, RULES

D = Decimal
GATES = (
    "managed_coin",
    "stop_allowed",
    "agreed_stop",
    "quantity_promise",
    "wallet",
    "lot_size",
    "price_grid",
    "minimum_notional",
)
ORDER = OrderRequest(
    client_order_id="s1",
    symbol="SOL/USDT",
    side=Side.SELL,
    order_type=OrderType.STOP_LOSS_LIMIT,
    quantity=D(10),
    stop_price=D(100),
    limit_price=D(99),
)
ENTRY = ManagedAsset(
    state=AssetState.MANAGED_ACTIVE,
    exits=Exits.ON,
    approved_quantity=D(10),
    stop_loss=D(100),
    take_profit=D(130),
)
STOP = RestingStop(client_order_id="s0", quantity=D(1), stop_price=D(100), limit_price=D(99), opened_at=NOW)
TICKER = Ticker(
    symbol="SOL/USDT",
    last=D(110),
    bid=D(110),
    ask=D(111),
    quote_volume_24h=D(1_000_000),
    observed_at=NOW,
)


def verdict(
    order: dict[str, Any] | None = None,
    entry: dict[str, Any] | None = None,
    facts: dict[str, Any] | None = None,
) -> Approved[OrderRequest] | Denied:
    changed = msgspec.structs.replace(ENTRY, **entry or {})
    known: dict[str, Any] = {
        "managed": ManagedStateContent(managed_assets={"SOL": changed}),
        "rules": RULES,
        "ticker": TICKER,
        "wallet_free": D(25),
    }
    return check_resting_stop(
        msgspec.structs.replace(ORDER, **order or {}), StopFacts(**known | (facts or {}))
    )


def gate(*changes: Any) -> str:
    found = verdict(*changes)
    assert isinstance(found, Denied), found
    assert found.sentence
    return found.gate


def test_a_stop_that_passes_names_every_gate_in_order() -> None:
    passed = verdict()
    assert isinstance(passed, Approved)
    assert passed.gates == GATES


@pytest.mark.parametrize("state", sorted(set(AssetState) - IN_THE_BOTS_HANDS))
def test_no_stop_touches_a_coin_that_nobody_handed_over(state: AssetState) -> None:
    assert gate(None, {"state": state}) == "managed_coin"


@pytest.mark.parametrize("changes", [{"side": Side.BUY}, {"order_type": OrderType.MARKET}])
def test_only_a_sale_that_waits_is_a_stop(changes: dict[str, Any]) -> None:
    assert gate(changes) == "managed_coin"


@pytest.mark.parametrize(
    "entry",
    [
        {"state": AssetState.MANAGED_PAUSED, "exits": Exits.OFF},
        {"force_exit": True},
        {"resting_stop": STOP},
        {"drift": Drift(kind="qty", fingerprint="f", detected_at=NOW, evidence={})},
    ],
)
def test_what_lets_no_exit_leave_lets_no_stop_rest(entry: dict[str, Any]) -> None:
    assert gate(None, entry) == "stop_allowed"


def test_a_halt_with_exits_off_lets_none_rest() -> None:
    halt = TradingHalt(
        code="halted_by_hand", text="x", since=NOW, by="user_ann", exits=Exits.OFF, held_at=NOW
    )
    managed = ManagedStateContent(managed_assets={"SOL": ENTRY}, trading_halt=halt)
    assert gate(None, None, {"managed": managed}) == "stop_allowed"


@pytest.mark.parametrize(
    "order",
    [
        {"stop_price": D("100.01")},
        {"limit_price": D("100.01")},
        {"limit_price": None},
        {"stop_price": None},
        {"stop_price": D(110), "limit_price": D(99)},
    ],
)
def test_a_stop_that_is_not_where_it_was_agreed_is_denied(order: dict[str, Any]) -> None:
    assert gate(order) == "agreed_stop"


def test_a_stop_at_or_above_the_price_would_sell_at_once() -> None:
    low = msgspec.structs.replace(TICKER, last=D(100))
    assert gate(None, None, {"ticker": low}) == "agreed_stop"


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        (({"quantity": D("10.1")},), "quantity_promise"),
        (({"quantity": D(0)},), "quantity_promise"),
        ((None, {"sold_quantity": D(1)}), "quantity_promise"),
        ((None, None, {"wallet_free": D("9.9")}), "wallet"),
        (({"quantity": D("9.00001")},), "lot_size"),
        (({"limit_price": D("98.001")},), "price_grid"),
        ((None, None, {"rules": msgspec.structs.replace(RULES, min_notional=D(991))}), "minimum_notional"),
    ],
)
def test_each_further_gate_denies_by_its_name(changes: Any, name: str) -> None:
    assert gate(*changes) == name
