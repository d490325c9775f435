"""Swings, clusters, stops and targets, each computed by hand once."""

import datetime as dt
from decimal import Decimal

from bot.kernel.market import Candle
from bot.proposals.levels import (
    MarketLevels,
    clusters,
    market_levels,
    plan_levels,
    price_tick,
    stop_is_far_enough,
    swing_points,
)
from bot.proposals.policy import ProposalPolicy, VariantName, VariantPolicy
from tests.unit.proposals.proposal_facts import CENT, NOW, D, rules

POLICY = ProposalPolicy()
NOTHING_NEAR = MarketLevels(support=None, resistance=None)


def bars(*lows_highs: tuple[int, int]) -> tuple[Candle, ...]:
    return tuple(
        Candle(
            opened_at=NOW + dt.timedelta(days=number),
            open=D(low),
            high=D(high),
            low=D(low),
            close=D(high),
            volume=D(1),
        )
        for number, (low, high) in enumerate(lows_highs)
    )


def variant(stop_atr: str, target_atr: str) -> VariantPolicy:
    return VariantPolicy(
        name=VariantName.RECOMMENDED, stop_atr=D(stop_atr), target_atr=D(target_atr), share=D(1)
    )


def levels(
    stop_atr: str,
    target_atr: str,
    around: MarketLevels = NOTHING_NEAR,
    *,
    reference: str = "145.32",
    atr: str = "8.20",
    **rule_changes: object,
) -> tuple[Decimal, Decimal, bool]:
    plan = plan_levels(
        variant(stop_atr, target_atr),
        reference=D(reference),
        atr=D(atr),
        around=around,
        rules=rules(**rule_changes),
        policy=POLICY,
    )
    return plan.stop, plan.target, plan.inside_filters


def test_a_swing_is_the_extreme_among_its_wings() -> None:
    candles = bars((5, 9), (4, 8), (2, 7), (4, 8), (5, 12), (6, 10), (6, 9))
    assert swing_points(candles, 2) == (D(2), D(12))


def test_a_swing_needs_its_right_wing_so_there_is_no_look_ahead() -> None:
    candles = bars((5, 9), (4, 8), (2, 7), (4, 8), (5, 9))
    assert swing_points(candles, 2) == (D(2),)
    assert swing_points(candles[:-1], 2) == ()


def test_of_equal_lows_side_by_side_the_first_counts_once() -> None:
    candles = bars((5, 5), (4, 5), (2, 5), (2, 5), (4, 5), (5, 5))
    assert swing_points(candles, 2) == (D(2),)


def test_clusters_span_at_most_their_width() -> None:
    assert clusters([D(10), D(11), D(12), D(20)], D(2)) == (D(11), D(20))
    assert clusters([], D(2)) == ()


def test_support_is_the_nearest_cluster_below_and_resistance_the_nearest_above() -> None:
    candles = bars(
        (50, 60), (48, 60), (40, 60), (48, 60), (50, 60), (50, 65), (50, 80), (50, 65), (50, 60), (50, 60)
    )
    found = market_levels(
        candles,
        reference=D(55),
        atr=D(4),
        tick=CENT,
        policy=ProposalPolicy(swing_wing_bars=2),
    )
    assert found == MarketLevels(support=D(40), resistance=D(80))


def test_of_several_levels_the_nearest_counts() -> None:
    zigzag = [(50, 60), (20, 60), (50, 60), (40, 60), (50, 60), (50, 90), (50, 60), (50, 70), (50, 60)]
    found = market_levels(
        bars(*zigzag), reference=D(55), atr=D(4), tick=CENT, policy=ProposalPolicy(swing_wing_bars=1)
    )
    assert found == MarketLevels(support=D(40), resistance=D(70))


def test_a_window_without_swings_has_no_levels() -> None:
    candles = bars(*[(10 + n, 20 + n) for n in range(30)])
    found = market_levels(candles, reference=D(45), atr=D(4), tick=CENT, policy=POLICY)
    assert found == NOTHING_NEAR


def test_the_sources_example_gives_the_sources_levels() -> None:
    stop, target, inside = levels("1.9", "2.4")
    assert (stop, target, inside) == (D("129.74"), D(165), True)


def test_a_stop_rounds_up_and_a_target_rounds_down() -> None:
    stop, target, _ = levels("1", "1", reference="100", atr="3.333", tick_size=D("0.5"))
    assert (stop, target) == (D(97), D(103))


def test_support_within_half_an_atr_pulls_the_stop_just_below_itself() -> None:
    # 145.32 - 1.9 * 8.2 = 129.74; half an ATR is 4.1, the buffer 0.41.
    assert levels("1.9", "2.4", MarketLevels(support=D(133), resistance=None))[0] == D("132.59")
    assert levels("1.9", "2.4", MarketLevels(support=D("125.64"), resistance=None))[0] == D("125.23")
    assert levels("1.9", "2.4", MarketLevels(support=D("125.63"), resistance=None))[0] == D("129.74")


def test_resistance_within_half_an_atr_pulls_the_target_just_below_itself() -> None:
    assert levels("1.9", "2.4", MarketLevels(support=None, resistance=D(168)))[1] == D("167.59")
    assert levels("1.9", "2.4", MarketLevels(support=None, resistance=D(170)))[1] == D(165)


def test_pulled_levels_stay_a_whole_tick_away_from_the_magnet() -> None:
    stop, target, _ = levels(
        "1", "1", MarketLevels(support=D(99), resistance=D(101)), reference="100", atr="1", tick_size=D("0.5")
    )
    assert (stop, target) == (D("98.5"), D("100.5"))


def test_a_grid_coarser_than_half_an_atr_pulls_nothing() -> None:
    near = MarketLevels(support=D("98"), resistance=D("104"))
    assert levels("1.9", "2.4", near, reference="100", atr="1.5", tick_size=D(1))[:2] == (D(98), D(103))


def test_a_tick_coarser_than_the_atr_still_keeps_stop_below_and_target_above() -> None:
    stop, target, inside = levels("1.9", "2.4", reference="100", atr="0.1", tick_size=D(1))
    assert (stop, target, inside) == (D(99), D(101), True)
    unbounded = levels("1.9", "2.4", reference="100", atr="0.1", tick_size=D(1), max_price=None)
    assert unbounded == (D(99), D(101), True)


def test_a_stop_below_the_lowest_price_is_marked_and_put_at_the_edge() -> None:
    stop, target, inside = levels("3", "1.2", reference="10", atr="4", min_price=D("0.5"))
    assert (stop, inside) == (D("0.5"), False)
    assert target > 10


def test_a_target_above_the_highest_price_is_marked_and_put_at_the_edge() -> None:
    assert levels("1.9", "2.4", max_price=D(150)) == (D("129.74"), D(150), False)


def test_a_market_without_a_tick_gets_eight_significant_digits() -> None:
    no_grid = rules(tick_size=D(0))
    assert price_tick(no_grid, D("145.32")) == D("0.00001")
    assert price_tick(no_grid, D("0.07")) == D("0.000000001")


def test_the_minimum_distance_counts_from_the_lower_of_entry_and_reference() -> None:
    def far(entry: str, minimum: str) -> bool:
        return stop_is_far_enough(entry=D(entry), reference=D(100), stop=D(95), min_pct=D(minimum))

    assert far("100", "5")
    assert not far("100", "5.01")
    assert not far("95.5", "1")
    assert far("120", "5")


def test_an_entry_below_the_stop_is_a_profit_that_the_stop_secures() -> None:
    assert stop_is_far_enough(entry=D(20), reference=D(145), stop=D(130), min_pct=D(5))
    assert not stop_is_far_enough(entry=D(20), reference=D(145), stop=D(144), min_pct=D(1))
