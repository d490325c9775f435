"""Every gate before an exit order, each by its name."""

import datetime as dt
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from bot.execution.orders import OrderRequest, OrderType, Side
from bot.kernel.errors import StopRuleBrokenError
from bot.kernel.market import MarketRules, Ticker
from bot.lifecycle.documents import (
    Drift,
    ExitIntent,
    ExitReason,
    Exits,
    ManagedAsset,
    ManagedStateContent,
    ReleaseMode,
    TradingHalt,
)
from bot.lifecycle.states import IN_THE_BOTS_HANDS, AssetState
from bot.risk.order_gates import GateFacts, check_exit, is_base_unmanaged
from bot.risk.verdict import Approved, Denied

D = Decimal
NOW = dt.datetime(2026, 5, 3, 12, tzinfo=dt.UTC)
GATES = (
    "managed_coin",
    "exits_allowed",
    "agreed_exit",
    "quantity_promise",
    "wallet",
    "lot_size",
    "minimum_notional",
    "price_sanity",
    "price_fresh",
)
ORDER = OrderRequest(
    client_order_id="o1",
    symbol="SOL/USDT",
    side=Side.SELL,
    order_type=OrderType.MARKET,
    quantity=D(10),
)
ENTRY = ManagedAsset(
    state=AssetState.MANAGED_ACTIVE,
    exits=Exits.ON,
    approved_quantity=D(10),
    release_mode=ReleaseMode.GRACEFUL,
    stop_loss=D(100),
    take_profit=D(130),
)
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
TICKER = Ticker(
    symbol="SOL/USDT",
    last=D(100),
    bid=D("99.9"),
    ask=D("100.1"),
    quote_volume_24h=D(1_000_000),
    observed_at=NOW,
)
WALLET = D(25)
AGE_S = D(3)


def changed(value: Any, **changes: Any) -> Any:
    return msgspec.structs.replace(value, **changes)


def check(
    *,
    order: OrderRequest = ORDER,
    entry: ManagedAsset = ENTRY,
    rules: MarketRules = RULES,
    ticker: Ticker = TICKER,
    free: Decimal | None = WALLET,
    reason: ExitReason = ExitReason.STOP_LOSS,
    halt: TradingHalt | None = None,
    age_s: Decimal | None = AGE_S,
) -> Approved[OrderRequest] | Denied:
    managed = ManagedStateContent(managed_assets={"SOL": entry}, trading_halt=halt)
    facts = GateFacts(
        managed=managed,
        rules=rules,
        ticker=ticker,
        reason=reason,
        wallet_free=free,
        price_age_s=age_s,
        price_max_age_s=D(60),
    )
    return check_exit(order, facts)


def denied(**changes: Any) -> Denied:
    verdict = check(**changes)
    assert isinstance(verdict, Denied)
    assert verdict.sentence.endswith(".")
    return verdict


def test_a_good_order_passes_every_gate_in_order() -> None:
    verdict = check()
    assert isinstance(verdict, Approved)
    assert verdict.order is ORDER
    assert verdict.gates == GATES


@pytest.mark.parametrize("state", [state for state in AssetState if state not in IN_THE_BOTS_HANDS])
def test_a_coin_that_nobody_handed_over_is_never_touched(state: AssetState) -> None:
    assert is_base_unmanaged(ManagedStateContent(managed_assets={"SOL": changed(ENTRY, state=state)}), "SOL")
    verdict = denied(entry=changed(ENTRY, state=state))
    assert verdict.gate == "managed_coin"
    assert state in verdict.actual


def test_a_coin_that_is_listed_nowhere_is_never_touched() -> None:
    """DR-2, D5."""
    assert denied(order=changed(ORDER, symbol="BTC/USDT")).gate == "managed_coin"
    assert is_base_unmanaged(ManagedStateContent(), "SOL")


@pytest.mark.parametrize("state", sorted(IN_THE_BOTS_HANDS))
def test_a_coin_in_the_bots_hands_passes_the_first_gate(state: AssetState) -> None:
    managed = ManagedStateContent(managed_assets={"SOL": changed(ENTRY, state=state)})
    assert not is_base_unmanaged(managed, "SOL")


def test_nothing_is_bought() -> None:
    assert denied(order=changed(ORDER, side=Side.BUY)).gate == "managed_coin"


@pytest.mark.parametrize(
    ("entry", "code"),
    [
        (changed(ENTRY, state=AssetState.MANAGED_PAUSED, exits=Exits.OFF), "exits_are_off"),
        (
            changed(ENTRY, state=AssetState.RELEASE_PENDING, release_mode=ReleaseMode.IMMEDIATE),
            "exits_are_off",
        ),
        (
            changed(
                ENTRY,
                state=AssetState.MANAGED_DRIFT_ALERT,
                drift=Drift(kind="qty", fingerprint="f", detected_at=NOW, evidence={}),
            ),
            "drift_unresolved",
        ),
        (
            changed(
                ENTRY,
                exit_intent=ExitIntent(
                    client_order_id="o0",
                    quantity=D(1),
                    reason=ExitReason.STOP_LOSS,
                    trigger_price=D(90),
                    opened_at=NOW,
                ),
            ),
            "exit_in_flight",
        ),
    ],
)
def test_an_exit_that_may_not_leave_now_is_denied_with_its_reason(entry: ManagedAsset, code: str) -> None:
    verdict = denied(entry=entry)
    assert (verdict.gate, verdict.actual) == ("exits_allowed", code)


def test_more_than_was_handed_over_is_denied_whatever_the_wallet_holds() -> None:
    verdict = denied(order=changed(ORDER, quantity=D("10.01")), free=D(1_000))
    assert (verdict.gate, verdict.limit) == ("quantity_promise", "10")


def test_where_nothing_is_left_the_promise_says_so_and_not_the_grid() -> None:
    verdict = denied(order=changed(ORDER, quantity=D(0)), entry=changed(ENTRY, sold_quantity=D(10)))
    assert (verdict.gate, verdict.limit) == ("quantity_promise", "0")


def test_what_was_sold_before_is_taken_off_the_promise() -> None:
    verdict = denied(entry=changed(ENTRY, sold_quantity=D("0.01")))
    assert (verdict.gate, verdict.limit, verdict.actual) == ("quantity_promise", "9.99", "10")


@pytest.mark.parametrize(("free", "limit"), [(D("9.99"), "9.99"), (D(0), "0"), (None, "unknown")])
def test_what_is_not_there_or_not_known_is_not_sold(free: Decimal | None, limit: str) -> None:
    verdict = denied(free=free)
    assert (verdict.gate, verdict.limit) == ("wallet", limit)


def test_an_unknown_balance_is_named_although_the_quantity_shrank_to_zero_with_it() -> None:
    assert denied(order=changed(ORDER, quantity=D(0)), free=None).gate == "wallet"
    assert denied(order=changed(ORDER, quantity=D(0)), free=D(0)).gate == "wallet"


def test_a_free_balance_of_exactly_the_order_is_enough() -> None:
    assert isinstance(check(free=D(10)), Approved)


@pytest.mark.parametrize("quantity", [D("9.999"), D("0.01"), D(0), D(-1)])
def test_a_quantity_off_the_grid_or_below_the_minimum_is_denied(quantity: Decimal) -> None:
    assert denied(order=changed(ORDER, quantity=quantity)).gate == "lot_size"


def test_an_order_that_is_worth_too_little_is_denied() -> None:
    order = changed(ORDER, quantity=D("0.04"))
    verdict = denied(order=order)
    assert (verdict.gate, verdict.limit, verdict.actual) == ("minimum_notional", "5", "4")
    assert isinstance(check(order=changed(ORDER, quantity=D("0.05"))), Approved)


@pytest.mark.parametrize(
    "prices",
    [
        {"bid": D(0)},
        {"bid": D(-1)},
        {"bid": D("100.2")},  # a crossed book
        {"bid": D("49.99")},
        {"symbol": "ETH/USDT"},  # the prices of another market
    ],
)
def test_prices_that_no_market_can_have_sell_nothing(prices: dict[str, Any]) -> None:
    assert denied(ticker=changed(TICKER, **prices)).gate == "price_sanity"


def test_a_target_that_only_a_last_price_far_off_the_bid_reached_sells_nothing() -> None:
    odd = changed(TICKER, last=D(201), ask=D(500))
    assert denied(ticker=odd, reason=ExitReason.TAKE_PROFIT).gate == "price_sanity"


@pytest.mark.parametrize(
    ("last", "reason"),
    [
        ("100.01", ExitReason.STOP_LOSS),
        ("129.99", ExitReason.TAKE_PROFIT),
        ("100", ExitReason.TAKE_PROFIT),
        ("130", ExitReason.STOP_LOSS),
        ("100", ExitReason.FORCE_EXIT),
    ],
)
def test_a_sale_that_nothing_agreed_asks_for_is_denied(last: str, reason: ExitReason) -> None:
    ticker = changed(TICKER, last=D(last))
    assert denied(ticker=ticker, reason=reason).gate == "agreed_exit"


def test_sr_15_a_sale_because_of_drift_is_a_broken_stop_rule() -> None:
    drift = Drift(kind="price", fingerprint="f", detected_at=NOW, evidence={})
    entry = changed(ENTRY, state=AssetState.MANAGED_DRIFT_ALERT, drift=drift)
    with pytest.raises(StopRuleBrokenError) as broken:
        check(entry=entry, ticker=changed(TICKER, last=D("100.01")))
    assert broken.value.rule == "SR-15"
    assert isinstance(check(entry=entry), Approved), "the agreed stop stays armed (T20)"


def test_an_ordered_sale_passes_between_the_levels() -> None:
    ticker = changed(TICKER, last=D(110), bid=D(110), ask=D(110))
    assert isinstance(
        check(entry=changed(ENTRY, force_exit=True), ticker=ticker, reason=ExitReason.FORCE_EXIT), Approved
    )


def test_a_wide_but_possible_book_is_sane() -> None:
    assert isinstance(check(ticker=changed(TICKER, bid=D(50))), Approved)


def test_the_first_no_ends_the_row() -> None:
    verdict = denied(
        entry=changed(ENTRY, state=AssetState.FROZEN), free=None, ticker=changed(TICKER, bid=D(0))
    )
    assert verdict.gate == "managed_coin"


@pytest.mark.parametrize("reason", [ExitReason.STOP_LOSS, ExitReason.TAKE_PROFIT])
@pytest.mark.parametrize(
    ("age_s", "may_leave"), [(D(0), True), (D(60), True), (D("60.001"), False), (None, False)]
)
def test_a_price_that_is_too_old_sells_nothing_by_stop_or_target(
    *, reason: ExitReason, age_s: Decimal | None, may_leave: bool
) -> None:
    last = D(100) if reason is ExitReason.STOP_LOSS else D(130)
    ticker = changed(TICKER, last=last, bid=last - 1, ask=last + 1)
    verdict = check(ticker=ticker, reason=reason, age_s=age_s)
    assert isinstance(verdict, Approved) is may_leave
    if isinstance(verdict, Denied):
        assert (verdict.gate, verdict.limit) == ("price_fresh", "60 s")
        assert verdict.actual == ("unknown" if age_s is None else "60.001 s")


@pytest.mark.parametrize("age_s", [D(100_000), None])
def test_a_sale_that_a_person_ordered_needs_no_fresh_price(age_s: Decimal | None) -> None:
    forced = changed(ENTRY, force_exit=True)
    assert isinstance(check(entry=forced, reason=ExitReason.FORCE_EXIT, age_s=age_s), Approved)


@pytest.mark.parametrize(("exits", "may_leave"), [(Exits.ON, True), (Exits.OFF, False)])
def test_a_trading_halt_stops_an_exit_only_where_it_says_so(*, exits: Exits, may_leave: bool) -> None:
    halt = TradingHalt(code="stale_data", text="x", since=NOW, by="bot", exits=exits, held_at=NOW)
    verdict = check(halt=halt)
    assert isinstance(verdict, Approved) is may_leave
    if isinstance(verdict, Denied):
        assert (verdict.gate, verdict.actual) == ("exits_allowed", "trading_halted")
