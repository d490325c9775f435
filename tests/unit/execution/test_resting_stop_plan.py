"""Where a stop should rest, and when the one that rests may stay."""

import datetime as dt
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from bot.execution.resting_stop_plan import NoStop, StopPlan, is_right, planned_stop
from bot.kernel.market import MarketRules
from bot.lifecycle.documents import Exits, ManagedAsset, RestingStop
from bot.lifecycle.states import AssetState

D = Decimal
NOW = dt.datetime(2026, 5, 3, 12, tzinfo=dt.UTC)
ENTRY = ManagedAsset(
    state=AssetState.MANAGED_ACTIVE,
    exits=Exits.ON,
    approved_quantity=D("10.0004"),
    reference_price=D(100),
    stop_loss=D("90.017"),
    take_profit=D(130),
)
RULES = MarketRules(
    symbol="SOL/USDT",
    base="SOL",
    quote="USDT",
    active=True,
    tick_size=D("0.05"),
    min_price=D("0.05"),
    step_size=D("0.001"),
    min_quantity=D("0.001"),
    max_quantity=D(9_000),
    min_notional=D(5),
)
STOP = RestingStop(
    client_order_id="s1", quantity=D(10), stop_price=D(90), limit_price=D("89.1"), opened_at=NOW
)
RESTS = msgspec.structs.replace(ENTRY, resting_stop=STOP)


def plan(entry: ManagedAsset = ENTRY, rules: MarketRules = RULES, **changes: Any) -> StopPlan | NoStop:
    facts: dict[str, Any] = {
        "stop_loss": entry.stop_loss,
        "take_profit": D(130),
        "last": D(100),
        "wallet_free": D(25),
        "buffer_bps": D(100),
    }
    return planned_stop(entry, rules=rules, **facts | changes)


def ruled(**changes: Any) -> MarketRules:
    return msgspec.structs.replace(RULES, **changes)


def test_it_rests_on_the_grid_at_the_level_or_below_and_sells_down_to_its_buffer() -> None:
    assert plan() == StopPlan(quantity=D(10), stop_price=D(90), limit_price=D("89.10"))


def test_the_exchanges_lowest_price_bounds_the_limit() -> None:
    found = plan(rules=ruled(lowest_sell_share=D("0.8951")))
    assert isinstance(found, StopPlan)
    assert found.limit_price == D("89.55"), "rounded up, onto the grid"


def test_a_stop_that_lies_below_the_exchanges_lowest_price_cannot_rest() -> None:
    found = plan(rules=ruled(lowest_sell_share=D("0.95")))
    assert isinstance(found, NoStop)
    assert found.why == "stop_too_far"


@pytest.mark.parametrize("last", ["90", "89", "130", "131"])
def test_where_an_exit_is_due_no_stop_is_placed(last: str) -> None:
    found = plan(last=D(last))
    assert isinstance(found, NoStop)
    assert found.why == "exit_due"


@pytest.mark.parametrize(
    ("changes", "quantity"),
    [({"wallet_free": D("4.0009")}, D(4)), ({"rules": ruled(max_quantity=D(3))}, D(3))],
)
def test_it_covers_what_is_there_and_what_the_exchange_takes(changes: Any, quantity: Decimal) -> None:
    found = plan(**changes)
    assert isinstance(found, StopPlan)
    assert found.quantity == quantity


@pytest.mark.parametrize("changes", [{"wallet_free": D(0)}, {"rules": ruled(min_notional=D(892))}])
def test_a_quantity_that_is_worth_too_little_at_the_limit_cannot_rest(changes: Any) -> None:
    found = plan(**changes)
    assert isinstance(found, NoStop)
    assert found.why == "too_little"


def test_what_the_stop_itself_locks_counts_as_there() -> None:
    found = plan(RESTS, wallet_free=D(0))
    assert isinstance(found, StopPlan)
    assert found.quantity == 10


@pytest.mark.parametrize(
    ("quantity", "stop_price", "answer"),
    [
        ("10", "90", "stays"),
        ("10", "90.05", "is moved"),
        ("10", "89.95", "is moved"),
        ("10.05", "90", "stays"),  # more, but too little for an order of its own
        ("11", "90", "is moved"),
        ("9.999", "90", "is moved"),
    ],
)
def test_a_stop_stays_while_it_is_right_to_a_tick_and_covers_all_that_could_be_sold(
    quantity: str, stop_price: str, answer: str
) -> None:
    wanted = StopPlan(quantity=D(quantity), stop_price=D(stop_price), limit_price=D(89))
    assert is_right(RESTS, wanted, RULES) is (answer == "stays")


def test_a_stop_that_follows_the_price_is_moved_in_larger_steps() -> None:
    follows = msgspec.structs.replace(RESTS, trailing={"enabled": True, "distance": D(10)})
    near = StopPlan(quantity=D(10), stop_price=D("90.05"), limit_price=D(89))
    far = StopPlan(quantity=D(10), stop_price=D("90.10"), limit_price=D(89))
    assert is_right(follows, near, RULES)
    assert not is_right(follows, far, RULES)


def test_a_stop_that_has_begun_to_fill_is_not_moved() -> None:
    filling = msgspec.structs.replace(ENTRY, resting_stop=msgspec.structs.replace(STOP, filled_quantity=D(1)))
    assert is_right(filling, StopPlan(quantity=D(1), stop_price=D(95), limit_price=D(94)), RULES)


def test_no_stop_is_never_right() -> None:
    assert not is_right(ENTRY, StopPlan(quantity=D(10), stop_price=D(90), limit_price=D(89)), RULES)
