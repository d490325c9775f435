"""Every gate before a buy, each by its name, and the size that it is asked about."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.execution.orders import OrderRequest, OrderType, Side
from bot.kernel.money import is_on_step
from bot.lifecycle.buy_caps import BuyRoom, committed_to_all, room_for
from bot.lifecycle.dca_terms import DcaTerms, written_out
from bot.lifecycle.documents import BuyIntent, Drift, Exits, ManagedAsset, ManagedStateContent, TradingHalt
from bot.lifecycle.states import AssetState
from bot.lifecycle.trailing_terms import Trail
from bot.risk.buy_gates import BuyFacts, check_buy, first_denial
from bot.risk.buy_size import size_buy
from bot.risk.verdict import Approved, Denied
from bot.strategies.advice import add, hold
from tests.unit.risk.test_order_gates import NOW, RULES, TICKER, D

TERMS = DcaTerms(steps=3, step_pct=D(2), max_additional_usdt=D(300))
ENTRY = ManagedAsset(
    state=AssetState.MANAGED_ACTIVE,
    exits=Exits.ON,
    approved_quantity=D(10),
    reference_price=D(102),
    stop_loss=D(80),
    take_profit=D(130),
    max_allocation_usdt=D(2_000),
    dca=written_out(TERMS),
    trailing={"enabled": True, "distance": D(5)},
)
PRICES = msgspec.structs.replace(TICKER, last=D("99.9"), bid=D("99.8"), ask=D("99.9"))
ORDER = OrderRequest(
    client_order_id="b1",
    symbol="SOL/USDT",
    side=Side.BUY,
    order_type=OrderType.LIMIT,
    quantity=D("0.99"),
    limit_price=D("100.40"),
    immediate=True,
)
INTENT = BuyIntent(
    client_order_id="b0", quantity=D(1), limit_price=D(99), step=1, trigger_price=D(99), opened_at=NOW
)
DRIFT = Drift(kind="price", fingerprint="f", detected_at=NOW, evidence={})
HALT = TradingHalt(code="stale_data", text="x", since=NOW, by="bot", exits=Exits.ON, held_at=NOW)


def facts(
    entry: dict[str, Any] | None = None, ticker: dict[str, Any] | None = None, **changes: Any
) -> BuyFacts:
    held = msgspec.structs.replace(ENTRY, **(entry or {}))
    words: dict[str, Any] = {
        "managed": ManagedStateContent(managed_assets={"SOL": held}),
        "rules": RULES,
        "ticker": msgspec.structs.replace(PRICES, **(ticker or {})),
        "advice": add("step_reached", "now", level=D(100)),
        "investable": D(1_000),
        "spendable": D(500),
        "circuit_closed": True,
        "is_verified": True,
        "price_age_s": D(1),
        "price_max_age_s": D(60),
    }
    return BuyFacts(**words | changes)


def test_a_good_buy_passes_every_gate_in_order() -> None:
    verdict = check_buy(ORDER, facts())
    assert isinstance(verdict, Approved)
    assert verdict.gates == (
        *("managed_coin", "buys_allowed", "circuit", "verified", "universe", "strategy"),
        *("price_sanity", "price_fresh", "spread", "no_exit_due", "step_distance"),
        *("database", "order_shape", "lot_size", "minimum_notional", "within_caps"),
    )
    assert first_denial(facts()) is None


HELD_UP: list[tuple[str, BuyFacts]] = [
    ("managed_coin", facts({"state": AssetState.FROZEN})),
    ("managed_coin", facts({"state": AssetState.EXIT_EXECUTED})),
    ("buys_allowed", facts({"state": AssetState.MANAGED_PAUSED})),
    ("buys_allowed", facts({"state": AssetState.RELEASE_PENDING})),
    ("buys_allowed", facts({"drift": DRIFT})),
    ("buys_allowed", facts({"buy_intent": INTENT})),
    ("buys_allowed", facts({"force_exit": True})),
    ("buys_allowed", facts({"dca": None})),
    (
        "buys_allowed",
        facts(managed=ManagedStateContent(managed_assets={"SOL": ENTRY}, trading_halt=HALT)),
    ),
    ("circuit", facts(circuit_closed=False)),
    ("verified", facts(is_verified=False)),
    ("universe", facts(left_out="blacklisted")),
    ("strategy", facts(advice=hold("regime_is_bear", "BEAR"))),
    ("price_sanity", facts(ticker={"bid": D(101)})),
    ("price_fresh", facts(price_age_s=D(61))),
    ("price_fresh", facts(price_age_s=None)),
    ("spread", facts(ticker={"bid": D("98.8")})),
    ("no_exit_due", facts({"stop_loss": D("99.9")})),
    (
        "no_exit_due",
        facts(trail=Trail(highest_price=D(105), tick_size=D("0.01"), trailing_from=NOW)),
    ),
    ("no_exit_due", facts({"take_profit": D("99.9")})),
    ("step_distance", facts({"last_buy_price": D(100), "bought_steps": 1})),
    ("step_distance", facts({"reference_price": D("101.5")})),
]


@pytest.mark.parametrize(("gate", "seen"), HELD_UP)
def test_what_holds_a_buy_up_is_named_before_its_size_is_asked_for(gate: str, seen: BuyFacts) -> None:
    verdict = check_buy(ORDER, seen)
    assert isinstance(verdict, Denied)
    assert verdict.gate == gate
    early = first_denial(seen)
    assert early is not None
    assert (early.gate, early.sentence) == (verdict.gate, verdict.sentence)


@pytest.mark.parametrize(
    ("gate", "order", "seen"),
    [
        ("managed_coin", {"side": Side.SELL}, facts()),
        ("managed_coin", {"symbol": "ETH/USDT"}, facts()),
        ("database", {}, facts(database_answers=False)),
        ("order_shape", {"order_type": OrderType.MARKET}, facts()),
        ("order_shape", {"immediate": False}, facts()),
        ("order_shape", {"limit_price": None}, facts()),
        ("lot_size", {"quantity": D("0.995")}, facts()),
        ("lot_size", {"quantity": D(0)}, facts()),
        ("minimum_notional", {"quantity": D("0.05")}, facts()),
        ("step", {"quantity": D(1)}, facts()),
        ("step", {}, facts({"bought_quote": D(250), "bought_steps": 2})),
        ("soft_cap", {}, facts({"max_allocation_usdt": D(1_100)})),
        ("hard_cap", {}, facts(investable=D(99))),
        ("hard_cap", {}, facts(investable=D(0))),
        ("spendable_quote", {}, facts(spendable=D(99))),
        ("spendable_quote", {}, facts(spendable=None)),
    ],
)
def test_an_order_beyond_what_is_agreed_allotted_or_there_is_denied(
    gate: str, order: dict[str, Any], seen: BuyFacts
) -> None:
    verdict = check_buy(msgspec.structs.replace(ORDER, **order), seen)
    assert isinstance(verdict, Denied)
    assert verdict.gate == gate


def test_an_equal_part_of_the_agreed_amount_is_bought_at_a_bounded_price() -> None:
    size = size_buy(
        BuyRoom(step=D(100), soft_cap=D(500), hard_cap=D(500)), spendable=D(500), ask=D(100), rules=RULES
    )
    assert (size.limit_price, size.quantity, size.capped_by) == (D("100.5"), D("0.99"), None)
    assert size.cost_at_most <= 100


@pytest.mark.parametrize(
    ("room", "spendable", "capped_by"),
    [
        ((100, 60, 500), 500, "soft_cap"),
        ((100, 60, 50), 500, "hard_cap"),
        ((100, 60, 50), 40, "spendable_quote"),
    ],
)
def test_the_cap_that_cut_last_is_named(room: tuple[int, ...], spendable: int, capped_by: str) -> None:
    step, soft, hard = map(D, room)
    size = size_buy(
        BuyRoom(step=step, soft_cap=soft, hard_cap=hard), spendable=D(spendable), ask=D(10), rules=RULES
    )
    assert size.capped_by == capped_by
    assert 0 < size.cost_at_most <= min(step, soft, hard, D(spendable))


MONEY = st.decimals("0", "500", places=2)


@given(
    steps=st.integers(1, 6),
    most=st.decimals("1", "900", places=2),
    allocation=st.decimals("1020", "2200", places=2),
    investable=MONEY,
    spendable=MONEY,
    fills=st.lists(
        st.tuples(st.decimals("50", "101", places=2), st.integers(0, 100)), min_size=1, max_size=12
    ),
)
def test_no_sequence_of_buys_passes_a_cap_or_sends_what_the_exchange_refuses(
    steps: int, most: Any, allocation: Any, investable: Any, spendable: Any, fills: list[tuple[Any, int]]
) -> None:
    """Whatever prices come and whatever part of each order fills: sizes are what the gates let through."""
    terms = DcaTerms(steps=steps, step_pct=D(1), max_additional_usdt=most)
    entry = msgspec.structs.replace(ENTRY, dca=written_out(terms), max_allocation_usdt=allocation)
    for price, filled_pct in fills:
        content = ManagedStateContent(managed_assets={"SOL": entry})
        room = room_for(content, "SOL", terms, investable=investable)
        size = size_buy(room, spendable=spendable, ask=price, rules=RULES)
        if not size.quantity:
            continue
        assert size.quantity * price >= RULES.min_notional
        assert is_on_step(size.quantity, RULES.step_size)
        assert size.limit_price >= price
        order = msgspec.structs.replace(ORDER, quantity=size.quantity, limit_price=size.limit_price)
        ticker = {"last": price, "bid": price, "ask": price}
        seen = facts(
            {
                "dca": written_out(terms),
                "max_allocation_usdt": allocation,
                "bought_quote": entry.bought_quote,
            },
            ticker,
            investable=investable,
            spendable=spendable,
        )
        verdict = check_buy(order, seen)
        assert isinstance(verdict, Approved) or verdict.gate in {"step_distance", "no_exit_due"}
        filled = size.quantity * filled_pct / 100
        entry = msgspec.structs.replace(
            entry,
            bought_quantity=(entry.bought_quantity or D(0)) + filled,
            bought_quote=(entry.bought_quote or D(0)) + filled * size.limit_price,
        )
        spent = entry.bought_quote or D(0)
        assert spent <= most
        assert spent <= investable
        assert 10 * D(102) + spent <= allocation
        assert committed_to_all(ManagedStateContent(managed_assets={"SOL": entry})) == spent
