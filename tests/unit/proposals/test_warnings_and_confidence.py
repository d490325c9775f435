"""Warnings are measured, the strategy stays on its list, the confidence is the sum of its parts."""

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal

import msgspec
import pytest

from bot.kernel.market import Candle
from bot.proposals.document import Proposal
from bot.proposals.facts import OpenPosition, ProposalRequest
from bot.proposals.policy import ProposalPolicy
from bot.proposals.proposal_engine import make_proposal
from bot.proposals.regime import Regime, RegimeName
from tests.unit.proposals.proposal_facts import (
    NOW,
    PROPOSAL_ID,
    D,
    book_around,
    facts,
    proposed,
    walk,
    wallet_of,
)


def codes(proposal: Proposal) -> list[str]:
    return [note.code for note in proposal.context_warnings.notes]


def position(symbol: str, daily: tuple[Candle, ...]) -> OpenPosition:
    return OpenPosition(symbol=symbol, quantity=D(1), daily=daily)


class AlwaysBull:
    """A detector that stands in for a trained model."""

    def detect(self, daily: object) -> Regime:
        assert daily
        zero = D(0)
        return Regime(
            name=RegimeName.BULL,
            confidence=D("0.8"),
            detector="always-bull",
            score=zero,
            trend=zero,
            momentum=zero,
            drawdown_pct=zero,
            volatility_ratio=zero,
        )

    def history(self, daily: Sequence[object]) -> tuple[RegimeName | None, ...]:
        return tuple(RegimeName.BULL for _ in daily)


# ---- correlation, concentration, book ----------------------------------------------------------------


def test_a_position_that_moves_alike_is_warned_about_with_both_symbols_and_rho() -> None:
    told = facts()
    alike = position("ETH/USDT", told.daily)
    other = position("DOGE/USDT", walk(400, seed=99))
    proposal = proposed(msgspec.structs.replace(told, open_positions=(alike, other)))
    doge, eth = proposal.context_warnings.correlation_with_existing_positions
    assert (eth.symbol, eth.with_symbol, eth.rho, eth.days, eth.warning) == (
        "ETH/USDT",
        "SOL/USDT",
        D(1),
        90,
        True,
    )
    assert doge.rho is not None
    assert abs(doge.rho) < D("0.5")
    assert not doge.warning
    assert codes(proposal).count("correlated") == 1


def test_too_few_common_days_give_no_rho_rather_than_a_guess() -> None:
    young = position("ETH/USDT", facts().daily[-20:])
    found = proposed(facts(open_positions=(young,))).context_warnings.correlation_with_existing_positions[0]
    assert (found.rho, found.warning, found.days) == (None, False, 18)


def test_returns_across_a_gap_are_left_out() -> None:
    told = facts()
    gap = position("ETH/USDT", (*told.daily[:-30], *told.daily[-29:]))
    whole = position("ETH/USDT", told.daily[-60:])
    by_gap = proposed(msgspec.structs.replace(told, open_positions=(gap,)))
    assert by_gap.context_warnings.correlation_with_existing_positions[0].rho == D(1)
    shorter = proposed(msgspec.structs.replace(told, open_positions=(whole,)))
    assert shorter.context_warnings.correlation_with_existing_positions[0].days == 58


def test_the_coins_own_position_is_not_compared_with_itself() -> None:
    told = facts()
    own = msgspec.structs.replace(told, open_positions=(position("SOL/USDT", told.daily),))
    assert proposed(own).context_warnings.correlation_with_existing_positions == ()


def test_concentration_counts_all_that_is_held_even_if_little_is_handed_over() -> None:
    told = facts(price=D(300), wallet=wallet_of(D(10)), book=book_around(D(300)))
    warned = proposed(told, request=ProposalRequest(asset="SOL", requested_quantity=D(1)))
    assert warned.context_warnings.concentration_pct == D(30)
    assert warned.context_warnings.concentration_warning
    assert "concentration" in codes(warned)


def test_a_book_too_thin_for_the_position_is_said_and_priced_as_unknown() -> None:
    told = facts()
    thin = msgspec.structs.replace(told, book=book_around(told.ticker.last, levels=2, size=D(1)))
    proposal = proposed(thin)
    assert proposal.market_context.sell_cost_bps is None
    assert proposal.market_context.sell_cost_reason == ("The bids hold 2 SOL, fewer than the 10 to be sold.")
    assert "book_too_thin" in codes(proposal)


def test_further_notes() -> None:
    told = facts(bars=100, circuit_breaker_state="open")
    wide = msgspec.structs.replace(told, book=book_around(told.ticker.last, tick=D(1), levels=9))
    assert {"short_history", "wide_spread", "circuit_breaker"} <= set(codes(proposed(wide)))
    assert "short_history" not in codes(proposed(facts(bars=251)))


def test_a_coin_that_follows_another_is_marked_and_not_refused() -> None:
    policy = ProposalPolicy(pegged_coins=("SOL",))
    proposal = proposed(policy=policy)
    assert proposal.context_warnings.is_stablecoin_or_peg
    assert "pegged" in codes(proposal)


# ---- strategy ----------------------------------------------------------------------------------------


def test_a_wish_for_copy_trading_falls_back_to_the_core_with_a_note() -> None:
    for allowed in (("t1_core",), ("t1_core", "t3_copy_trading")):
        policy = ProposalPolicy(preferred_strategy_group="t3_copy_trading", allowed_strategy_groups=allowed)
        proposal = proposed(policy=policy)
        assert proposal.strategy_recommendation.strategy_group == "t1_core"
        assert "t3_copy_trading" not in proposal.strategy_recommendation.alternative_groups
        assert "strategy_fallback" in codes(proposal)


def test_a_coin_that_pumps_is_a_case_for_t2() -> None:
    wild = list(walk(400, seed=5, sigma=0.12))
    wild[-2] = msgspec.structs.replace(wild[-2], volume=D(50_000_000))
    proposal = proposed(facts(daily=tuple(wild)))
    assert proposal.strategy_recommendation.strategy_group == "t2_pump_dump"
    assert "times its usual volume" in proposal.strategy_recommendation.rationale


def test_the_surge_compares_the_newest_closed_day_with_the_thirty_before_it() -> None:
    even = [msgspec.structs.replace(bar, volume=D(100)) for bar in walk(400, seed=5, sigma=0.12)]
    even[-2] = msgspec.structs.replace(even[-2], volume=D(450))
    proposal = proposed(facts(daily=tuple(even)))
    assert "trades 4.5 times its usual volume" in proposal.strategy_recommendation.rationale


def test_another_detector_can_take_the_rules_place() -> None:
    told = facts()
    result = make_proposal(
        proposal_id=PROPOSAL_ID,
        proposal_version=2,
        request=ProposalRequest(asset="SOL"),
        facts=told,
        policy=ProposalPolicy(),
        now=NOW,
        ttl=dt.timedelta(days=7),
        inputs=(),
        detector=AlwaysBull(),
    )
    assert isinstance(result, Proposal)
    assert result.market_context.regime is RegimeName.BULL
    assert result.context_warnings.regime_compatibility == "ok"


def test_a_bear_market_is_a_caution_for_the_core_strategy() -> None:
    proposal = proposed()
    assert proposal.market_context.regime is RegimeName.BEAR
    assert proposal.context_warnings.regime_compatibility == "caution"
    assert "regime_mismatch" in codes(proposal)


# ---- confidence --------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_score_is_the_weighted_mean_of_its_stated_parts(seed: int) -> None:
    confidence = proposed(facts(seed=seed)).confidence
    assert sum((part.weight for part in confidence.parts), Decimal(0)) == 1
    mean = sum((part.score * part.weight for part in confidence.parts), Decimal(0))
    assert abs(confidence.overall_score - mean) <= D("0.005")


def test_less_history_means_less_confidence() -> None:
    told = facts()
    short = msgspec.structs.replace(told, daily=told.daily[-101:])
    assert proposed(short).confidence.overall_score < proposed(told).confidence.overall_score


def test_the_explanation_is_made_from_the_proposals_own_numbers() -> None:
    proposal = proposed()
    said, terms = proposal.confidence.explanation, proposal.risk_recommendation
    for number in (terms.loss_at_stop_usdt, terms.stop_loss_pct, terms.take_profit_pct, terms.rr_ratio):
        assert f"{number}" in said
    assert f"{proposal.market_context.sell_cost_bps} bps" in said


def test_german_says_the_same_with_a_decimal_comma() -> None:
    english, german = proposed(), proposed(language="de")
    assert "volatility 3.71 %" in english.confidence.explanation
    assert "Tagesschwankung 3,71 %" in german.confidence.explanation
    assert english.risk_recommendation.stop_loss == german.risk_recommendation.stop_loss
