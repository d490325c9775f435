"""What the strategy groups advise: t1 adds in agreed steps, t2 never adds, t3 is a broken stop rule."""

import datetime as dt
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from bot.kernel.errors import StopRuleBrokenError
from bot.lifecycle.documents import ManagedAsset
from bot.lifecycle.policy import LifecyclePolicy
from bot.lifecycle.states import AssetState
from bot.proposals import strategy
from bot.proposals.regime import RegimeName
from bot.strategies.advice import Advice, AdviceKind, View, add
from bot.strategies.registry import BLOCKED, COPY, CORE, PUMP, STRATEGIES, TRAILING, advise, default_trailing
from bot.strategies.t1_core import BEAR, step_level

D = Decimal
NOW = dt.datetime(2026, 5, 3, 12, tzinfo=dt.UTC)
VIEW = View(
    asset="SOL",
    strategy_group=CORE,
    entry=ManagedAsset(state=AssetState.MANAGED_ACTIVE, reference_price=D(100), stop_loss=D(80)),
    last=D(95),
    stop_loss=D(80),
    regime="BULL",
    steps=3,
    step_pct=D(5),
    steps_bought=0,
    now=NOW,
)


def advice(**changes: Any) -> Advice:
    return advise(msgspec.structs.replace(VIEW, **changes))


# ---- t1_core ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("bought", "level"), [(0, 95), (1, 90), (2, 85)])
def test_t1_adds_a_step_where_it_was_agreed(bought: int, level: int) -> None:
    reached = advice(steps_bought=bought, last=D(level))
    assert reached.may_add
    assert (reached.kind, reached.reason, reached.level) == (AdviceKind.ADD, "step_reached", D(level))
    above = advice(steps_bought=bought, last=D(level) + D("0.01"))
    assert not above.may_add
    assert (above.reason, above.level) == ("above_next_step", D(level))


def test_a_step_lies_its_width_below_the_reference_for_each_step_before_it() -> None:
    assert [step_level(D(200), D("2.5"), step) for step in (1, 2, 3)] == [D(195), D(190), D(185)]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"steps": 0}, "no_steps_agreed"),
        ({"step_pct": D(0)}, "no_steps_agreed"),
        ({"entry": ManagedAsset(state=AssetState.MANAGED_ACTIVE)}, "no_steps_agreed"),
        ({"steps_bought": 3}, "all_steps_bought"),
        ({"steps_bought": 4}, "all_steps_bought"),
        ({"stop_loss": D(95)}, "step_below_stop"),
        ({"stop_loss": D(97), "last": D(94)}, "step_below_stop"),
        ({"last": D(96)}, "above_next_step"),
        ({"regime": None}, "regime_unknown"),
        ({"regime": "BEAR"}, "regime_is_bear"),
        ({"stop_loss": D("94.5"), "last": D(95)}, "too_close_to_stop"),
        ({"last": D(79)}, "too_close_to_stop"),
        ({"min_distance_pct": D(16)}, "too_close_to_stop"),
    ],
)
def test_t1_holds_and_says_why(changes: dict[str, Any], reason: str) -> None:
    held = advice(**changes)
    assert (held.kind, held.reason) == (AdviceKind.HOLD, reason)
    assert held.sentence.startswith("SOL: ")


@pytest.mark.parametrize("regime", ["BULL", "SIDEWAYS"])
def test_t1_adds_in_every_regime_but_a_bears(regime: str) -> None:
    assert advice(regime=regime).may_add


def test_the_smallest_distance_above_the_stop_is_enough() -> None:
    """M3: one percent of 95."""
    assert advice(stop_loss=D("94.05")).may_add
    assert advice(stop_loss=D("94.06")).reason == "too_close_to_stop"


# ---- t2_pump_dump -------------------------------------------------------------------------------------


@pytest.mark.parametrize("last", [120, 95, 85, 50])
def test_t2_never_adds(last: int) -> None:
    held = advice(strategy_group=PUMP, last=D(last))
    assert (held.may_add, held.reason) == (False, "never_adds")


def test_t2_trails_closely_after_a_rise_and_t1_as_it_was_rehearsed() -> None:
    assert default_trailing("SOL", PUMP) == TRAILING[PUMP]
    activation, distance = TRAILING[PUMP].activation_atr, TRAILING[PUMP].distance_atr
    assert activation is not None
    assert distance is not None
    assert distance < activation
    for group in (CORE, None, "t9_new"):
        told = default_trailing("SOL", group)
        assert told.enabled
        assert told == TRAILING[CORE]
        assert (told.distance, told.activation_price, told.is_relative) == (None, None, False)


# ---- t3, and what nobody knows ------------------------------------------------------------------------


def test_asking_for_copy_trading_is_a_broken_stop_rule() -> None:
    """SR-14."""
    with pytest.raises(StopRuleBrokenError, match="SR-14"):
        advice(strategy_group=COPY)
    with pytest.raises(StopRuleBrokenError, match="SR-14"):
        default_trailing("SOL", COPY)


def test_a_group_that_nobody_knows_holds() -> None:
    assert advice(strategy_group="t9_new").reason == "strategy_unknown"


def test_a_laboratory_brings_its_own_strategies_and_the_block_stays() -> None:
    def always(view: View) -> Advice:
        return add("always", f"{view.asset}: always", level=view.last)

    mine = {"t9_new": always, COPY: always}
    assert advise(msgspec.structs.replace(VIEW, strategy_group="t9_new"), strategies=mine).may_add
    with pytest.raises(StopRuleBrokenError, match="SR-14"):
        advise(msgspec.structs.replace(VIEW, strategy_group=COPY), strategies=mine)


def test_groups_and_regimes_have_the_names_that_the_proposals_use() -> None:
    assert (CORE, PUMP, COPY) == (strategy.CORE, strategy.PUMP, strategy.COPY)
    assert frozenset(strategy.NEVER_RECOMMENDED) == BLOCKED
    assert RegimeName.BEAR.value == BEAR
    assert set(LifecyclePolicy(environment="sandbox").strategy_allowlist) == set(STRATEGIES) == set(TRAILING)


def test_an_advice_depends_on_nothing_but_its_view() -> None:
    later = msgspec.structs.replace(VIEW, now=NOW + dt.timedelta(days=30))
    assert advise(VIEW) == advise(VIEW) == advise(later)
