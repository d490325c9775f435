"""The rehearsal of a proposal: equal to a plain loop, without look-ahead, honest about its own worth."""

import msgspec
import numpy as np
import pytest

from bot.kernel.market import Candle
from bot.proposals.document import variants_of
from bot.proposals.facts import ProposalFacts
from bot.proposals.policy import ProposalPolicy, RehearsalPolicy, VariantName, VariantPolicy
from bot.proposals.rehearsal import missing_days, recommended_of
from bot.proposals.rehearsal_bars import Bars, bars_of, plan_columns, shape_of, starts_of
from bot.proposals.rehearsal_document import Rehearsal
from bot.proposals.rehearsal_replay import Costs, Outcomes, replay
from tests.unit.proposals.proposal_facts import D, facts, proposed, rules, walk, wallet_of

POLICY = ProposalPolicy()
WARM_UP, HORIZON = 50, 30
COSTS = Costs(fee_bps=10.0, spread_bps=7.0, minimum_notional=5.0, value=5.6)
SHAPES = tuple(
    shape_of(msgspec.structs.replace(variant, trailing_stop=trailing), POLICY)
    for variant in POLICY.variants
    for trailing in (False, True)
)


def replayed(bars: Bars, *, horizon: int = HORIZON, costs: Costs = COSTS) -> list[Outcomes]:
    starts = starts_of(bars, warm_up=WARM_UP, horizon=horizon, policy=POLICY)
    return [
        replay(bars, plan_columns(starts, shape), trailing=shape.trailing, horizon=horizon, costs=costs)
        for shape in SHAPES
    ]


def rehearsal_of(given: ProposalFacts, policy: ProposalPolicy = POLICY, language: str = "en") -> Rehearsal:
    rehearsal = proposed(given, policy=policy, language=language).rehearsal
    assert rehearsal is not None
    return rehearsal


def codes(rehearsal: Rehearsal) -> list[str]:
    return [note.code for note in rehearsal.warnings]


# ---- no look-ahead -----------------------------------------------------------------------------------


@pytest.mark.parametrize("cut", [120, 177, 260])
def test_cutting_the_data_changes_no_earlier_plan_and_no_number_of_it(cut: int) -> None:
    whole = walk(400, seed=9)
    long, short = replayed(bars_of(whole)), replayed(bars_of(whole[:cut]))
    for full, part in zip(long, short, strict=True):
        count = len(part.rows)
        assert count > 20
        for name in Outcomes._fields:
            assert getattr(full, name)[:count].tolist() == getattr(part, name).tolist(), name


@pytest.mark.parametrize("at", [120, 177, 260])
def test_disturbing_the_data_after_a_bar_moves_no_level_that_was_set_at_it(at: int) -> None:
    daily = walk(400, seed=9)
    disturbed = (*daily[: at + 1], *(scaled(bar, 3) for bar in daily[at + 1 :]))
    before, after = (
        starts_of(bars_of(bars), warm_up=WARM_UP, horizon=HORIZON, policy=POLICY)
        for bars in (daily, disturbed)
    )
    known = before.rows <= at
    assert known.sum() > 20
    for name in ("reference", "atr", "support", "resistance"):
        one, other = getattr(before, name)[known], getattr(after, name)[known]
        assert one.tolist() == other.tolist(), name
        assert getattr(before, name).tolist() != getattr(after, name).tolist(), name


@pytest.mark.parametrize("at", [177, 260])
def test_disturbing_the_data_after_a_plan_ended_changes_no_number_of_it(at: int) -> None:
    daily = walk(400, seed=9)
    disturbed = (*daily[: at + 1], *(scaled(bar, 3) for bar in daily[at + 1 :]))
    for one, other in zip(replayed(bars_of(daily)), replayed(bars_of(disturbed)), strict=True):
        over = one.rows + HORIZON - 1 <= at
        count = int(over.sum())
        assert count > 20
        for name in Outcomes._fields:
            assert getattr(one, name)[:count].tolist() == getattr(other, name)[:count].tolist(), name


def test_the_level_of_a_start_hangs_on_its_open_and_not_on_the_rest_of_its_bar() -> None:
    daily = list(walk(400, seed=9))
    row = 200
    daily[row] = msgspec.structs.replace(daily[row], high=daily[row].high * 2, close=daily[row].high * 2)
    before, after = (
        starts_of(bars_of(bars), warm_up=WARM_UP, horizon=HORIZON, policy=POLICY)
        for bars in (walk(400, seed=9), daily)
    )
    at = row - WARM_UP
    assert (before.reference[at], before.atr[at]) == (after.reference[at], after.atr[at])
    assert before.atr[at + 1] != after.atr[at + 1]


def scaled(bar: Candle, factor: int) -> Candle:
    return msgspec.structs.replace(
        bar, open=bar.open * factor, high=bar.high * factor, low=bar.low * factor, close=bar.close * factor
    )


# ---- the figures in the document ---------------------------------------------------------------------


def test_the_period_the_sample_and_the_costs_are_said() -> None:
    told = facts(bars=400)
    rehearsal = rehearsal_of(told)
    assert rehearsal.bars == 399
    assert (rehearsal.first_at, rehearsal.last_at) == (told.daily[0].opened_at, told.daily[-2].opened_at)
    assert (rehearsal.warm_up_bars, rehearsal.horizon_days, rehearsal.timeframe) == (50, 30, "1d")
    assert (rehearsal.fee_bps, rehearsal.minimum_notional_quote) == (D(10), D(5))
    spread_pct = proposed(told).market_context.spread_pct
    assert rehearsal.spread_bps == spread_pct * 100
    assert [one.variant for one in rehearsal.variants] == list(VariantName)
    assert {one.sample_size for one in rehearsal.variants} == {399 - 50 - 30 + 1}


def test_every_figure_is_that_of_the_replayed_plans() -> None:
    told = facts(bars=300)
    one = recommended_of(rehearsal_of(told))
    assert one is not None
    terms = proposed(told).risk_recommendation
    shape = shape_of(POLICY.variants[0], POLICY)
    bars = bars_of(told.daily[:-1])
    starts = starts_of(bars, warm_up=WARM_UP, horizon=HORIZON, policy=POLICY)
    costs = Costs(
        fee_bps=10.0,
        spread_bps=float(proposed(told).market_context.spread_pct * 100),
        minimum_notional=5.0,
        value=float(terms.quantity * terms.reference_price),
    )
    outcomes = replay(bars, plan_columns(starts, shape), trailing=False, horizon=HORIZON, costs=costs)
    results = np.rint(outcomes.result * 10_000) / 100
    assert float(one.median_result_pct) == pytest.approx(np.median(results), abs=0.0051)
    assert float(one.mean_result_pct) == pytest.approx(results.mean(), abs=0.0051)
    assert float(one.worst_result_pct) == pytest.approx(results.min())
    assert float(one.best_result_pct) == pytest.approx(results.max())
    assert float(one.losing_pct) == pytest.approx((results < 0).mean() * 100, abs=0.051)
    assert float(one.median_days_held) == pytest.approx(np.median(outcomes.days), abs=0.051)


def test_a_variant_that_trails_is_rehearsed_trailing() -> None:
    told = facts(bars=500)
    trailing = tuple(msgspec.structs.replace(one, trailing_stop=True) for one in POLICY.variants)
    policy = msgspec.structs.replace(POLICY, variants=trailing)
    plain, followed = rehearsal_of(told), rehearsal_of(told, policy)
    assert variants_of(proposed(told, policy=policy))[0].trailing_stop_enabled
    assert [one.stop_hits for one in followed.variants] > [one.stop_hits for one in plain.variants]


def test_a_plan_whose_sale_the_exchange_refuses_is_counted_as_such() -> None:
    poor = facts(wallet=wallet_of(D("0.30")), rules=rules(min_notional=D("6.2")))
    assert proposed(poor).risk_recommendation.allowed
    few, none = recommended_of(rehearsal_of(poor)), recommended_of(rehearsal_of(facts()))
    assert few is not None
    assert none is not None
    assert few.refused_exits > 0
    assert none.refused_exits == 0


def test_days_on_which_the_stop_would_have_been_too_close_are_left_out() -> None:
    strict = msgspec.structs.replace(POLICY, min_stop_distance_pct=D(5))
    calm = facts(daily=walk(400, sigma=0.02))
    samples = {one.variant: one.sample_size for one in rehearsal_of(calm, strict).variants}
    assert VariantName.AGGRESSIVE not in samples
    assert samples[VariantName.CONSERVATIVE] == 320


# ---- the warnings ------------------------------------------------------------------------------------


def test_too_short_a_history_gives_no_sample_and_says_so() -> None:
    rehearsal = rehearsal_of(facts(bars=75))
    assert rehearsal.variants == ()
    assert rehearsal.current_regime_pct is None
    assert codes(rehearsal) == ["rehearsal_impossible"]
    assert "74 closed daily candles" in rehearsal.warnings[0].sentence
    assert recommended_of(rehearsal) is None
    assert "Begun on each" not in proposed(facts(bars=75)).confidence.explanation


def test_a_single_day_is_a_sample_with_every_warning_that_it_deserves() -> None:
    rehearsal = rehearsal_of(facts(bars=81))
    assert {one.sample_size for one in rehearsal.variants} == {1}
    assert {one.independent_samples for one in rehearsal.variants} == {1}
    assert {"rehearsal_small_sample", "rehearsal_short_history"} <= set(codes(rehearsal))


def test_a_small_sample_is_told_with_its_numbers_in_both_languages() -> None:
    english, german = (rehearsal_of(facts(bars=200), language=language) for language in ("en", "de"))
    weakest = min(english.variants, key=lambda one: one.independent_samples)
    assert weakest.independent_samples < 30
    sentence = english.warnings[0].sentence
    assert sentence.startswith("Small sample")
    assert str(weakest.independent_samples) in sentence
    assert german.warnings[0].sentence.startswith("Kleine Stichprobe")


def test_a_large_sample_is_still_told_to_overlap() -> None:
    rehearsal = rehearsal_of(facts(bars=1_500))
    assert codes(rehearsal)[0] == "rehearsal_overlaps"
    assert "rehearsal_short_history" not in codes(rehearsal)


def test_a_past_of_other_markets_is_told() -> None:
    calm, fall = walk(700, seed=4, drift=0.004, sigma=0.02), walk(40, seed=5, drift=-0.03, sigma=0.01)
    factor = calm[-41].close / fall[0].open
    tail = tuple(
        msgspec.structs.replace(
            bar,
            open=bar.open * factor,
            high=bar.high * factor,
            low=bar.low * factor,
            close=bar.close * factor,
        )
        for bar in fall
    )
    told = facts(daily=(*calm[:-40], *tail))
    rehearsal = rehearsal_of(told)
    assert "rehearsal_regime_differs" in codes(rehearsal)
    assert rehearsal.current_regime_pct is not None
    assert rehearsal.current_regime_pct < 20


def test_missing_days_are_counted_and_told() -> None:
    daily = walk(400)
    holed = (*daily[:200], *daily[203:300], *daily[301:])
    assert (missing_days(daily), missing_days(holed)) == (0, 4)
    rehearsal = rehearsal_of(facts(daily=holed))
    assert rehearsal.warnings[-1].sentence.startswith("4 days are missing")


def test_a_risk_model_without_a_rehearsal_writes_no_such_key() -> None:
    old = msgspec.structs.replace(POLICY, rehearsal=None)
    assert proposed(policy=old).rehearsal is None
    assert "Begun on each" not in proposed(policy=old).confidence.explanation


def test_the_horizon_is_the_policys() -> None:
    short = msgspec.structs.replace(POLICY, rehearsal=RehearsalPolicy(horizon_days=5))
    rehearsal = rehearsal_of(facts(), short)
    assert rehearsal.horizon_days == 5
    assert max(one.median_days_held for one in rehearsal.variants) <= 5


def test_every_variant_of_the_policy_is_data() -> None:
    wide = VariantPolicy(name=VariantName.RECOMMENDED, stop_atr=D(8), target_atr=D(8), share=D(1))
    policy = msgspec.structs.replace(POLICY, variants=(wide, *POLICY.variants[1:]))
    far, near = recommended_of(rehearsal_of(facts(), policy)), recommended_of(rehearsal_of(facts()))
    assert far is not None
    assert near is not None
    assert far.neither > near.neither


@pytest.mark.parametrize("seed", range(5))
def test_the_rehearsal_is_the_same_in_another_unit_of_price(seed: int) -> None:
    daily = walk(600, seed=seed)
    for one, other in zip(
        replayed(bars_of(daily)), replayed(bars_of(tuple(scaled(bar, 1_000) for bar in daily))), strict=True
    ):
        assert one.ends.tolist() == other.ends.tolist()
        assert one.result.tolist() == pytest.approx(other.result.tolist(), rel=1e-12, abs=1e-12)
