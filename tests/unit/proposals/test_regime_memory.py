"""The regime keeps its mind: left later than entered, never at once, and made from the past alone."""

from itertools import pairwise

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.proposals.indicators import closes
from bot.proposals.policy import HysteresisPolicy, RegimePolicy
from bot.proposals.regime import RegimeName, RuleRegimeDetector
from bot.proposals.regime_scores import (
    UNKNOWN,
    days_since_change,
    plain_codes,
    score_series,
    steady_codes,
)
from tests.unit.proposals.proposal_facts import D, walk

POLICY = RegimePolicy()
FORGETFUL = msgspec.structs.replace(POLICY, hysteresis=None)
MEMORY = HysteresisPolicy(leave_threshold=0.15, min_days=3)
BULL, BEAR, SIDE = 1, -1, 0


def steady(*scores: float) -> list[int]:
    return steady_codes(scores, 0.25, MEMORY)


def test_a_regime_is_left_later_than_it_is_entered() -> None:
    assert steady(0.0, 0.0, 0.0, 0.24, 0.25, 0.2, 0.2, 0.2, 0.16, 0.14) == [
        *[SIDE] * 4,
        *[BULL] * 5,
        SIDE,
    ]
    assert steady(0.0, 0.0, 0.0, -0.25, -0.2, -0.16, -0.14) == [SIDE, SIDE, SIDE, BEAR, BEAR, BEAR, SIDE]


def test_a_regime_stays_for_its_days() -> None:
    assert steady(0.5, 0.0, 0.0, 0.0, -0.5, -0.5, -0.5) == [BULL, BULL, BULL, SIDE, SIDE, SIDE, BEAR]


def test_a_turn_may_go_from_one_side_to_the_other_without_a_rest() -> None:
    assert steady(0.5, 0.5, 0.5, -0.5) == [BULL, BULL, BULL, BEAR]


def test_scores_that_flicker_around_the_threshold_do_not_flicker_the_regime() -> None:
    flicker = [0.26, 0.24] * 20
    assert set(steady(*flicker)) == {BULL}
    assert plain_codes(flicker, 0.25) == [BULL, SIDE] * 20


def test_before_enough_bars_nothing_is_known() -> None:
    nothing = float("nan")
    assert steady(nothing, nothing, 0.5, 0.5) == [UNKNOWN, UNKNOWN, BULL, BULL]
    assert plain_codes([nothing, 0.3], 0.25) == [UNKNOWN, BULL]


@pytest.mark.parametrize(
    ("codes", "days"), [([SIDE], 1), ([BULL, BULL], 2), ([BULL, SIDE, SIDE, SIDE], 3), ([SIDE, BULL], 1)]
)
def test_the_days_since_the_last_change_count_the_newest(codes: list[int], days: int) -> None:
    assert days_since_change(codes) == days


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("bars", [50, 51, 90, 400])
def test_the_series_ends_at_the_detectors_own_score(seed: int, bars: int) -> None:
    daily = walk(bars, seed=seed, sigma=0.05)
    score = float(score_series(closes(daily), POLICY)[-1])
    assert float(RuleRegimeDetector(FORGETFUL).detect(daily).score) == pytest.approx(score, abs=5.1e-4)


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 100_000), cut=st.integers(1, 399))
def test_a_bars_score_and_regime_know_nothing_of_later_bars(seed: int, cut: int) -> None:
    daily = walk(400, seed=seed)
    whole, part = score_series(closes(daily), POLICY), score_series(closes(daily[:cut]), POLICY)
    np.testing.assert_array_equal(whole[:cut], part)
    detector = RuleRegimeDetector(POLICY)
    assert detector.history(daily)[:cut] == detector.history(daily[:cut])


@pytest.mark.parametrize("seed", range(8))
def test_the_history_ends_at_what_the_detector_says_and_lasts_the_days_it_says(seed: int) -> None:
    daily = walk(400, seed=seed)
    detector = RuleRegimeDetector(POLICY)
    regime, history = detector.detect(daily), detector.history(daily)
    assert len(history) == len(daily)
    assert history[:49] == (None,) * 49
    assert history[-1] is regime.name
    assert regime.days is not None
    assert set(history[-regime.days :]) == {regime.name}
    assert history[-regime.days - 1] is not regime.name


def changes(history: tuple[RegimeName | None, ...]) -> int:
    return sum(1 for one, other in pairwise(history) if one is not other)


def test_memory_makes_changes_rarer_and_each_regime_lasts_its_days() -> None:
    for seed in range(3):
        daily = walk(1_500, seed=seed)
        calm = RuleRegimeDetector(POLICY).history(daily)
        assert changes(calm) < 0.7 * changes(RuleRegimeDetector(FORGETFUL).history(daily))
        at = [n for n in range(50, len(calm)) if calm[n] is not calm[n - 1]]
        assert min(np.diff(at)) >= 5


def test_a_regime_that_only_memory_keeps_is_less_sure_than_one_on_its_threshold() -> None:
    kept_by_memory = 0
    for seed in range(15):
        daily = walk(300, seed=seed)
        kept, plain = RuleRegimeDetector(POLICY).detect(daily), RuleRegimeDetector(FORGETFUL).detect(daily)
        assert kept.score == plain.score
        if kept.name is plain.name:
            assert kept.confidence == plain.confidence
        else:
            kept_by_memory += 1
            assert kept.confidence <= D("0.5")
    assert kept_by_memory > 0


def test_the_detector_of_the_first_risk_model_had_no_memory() -> None:
    regime = RuleRegimeDetector(FORGETFUL).detect(walk(300))
    assert (regime.detector, regime.days) == ("rules-v1", None)
    assert RuleRegimeDetector(POLICY).detect(walk(300)).detector == "rules-v2"
