"""How sure the engine is: five stated parts, weighed, and the same numbers in words.

- history: closed daily bars over the bars after which indicators have settled.
- liquidity: the liquidity score.
- regime: the regime's confidence, times 1, 0.6 or 0.3 as the strategy's fit is ok, caution or poor.
- reward_to_risk: the recommended variant's reward over risk, full at 2.
- calm: 1 at a daily volatility of 2 % or less, 0 at 12 % or more, linear between.
Each is 0 to 1; the overall score is their weighted mean.
"""

from decimal import Decimal

from bot.kernel.money import ONE, ZERO, clamp, plain
from bot.proposals.document import Confidence, ConfidencePart, VariantTerms
from bot.proposals.indicators import to_places
from bot.proposals.measures import Measures
from bot.proposals.policy import ProposalPolicy
from bot.proposals.rehearsal_document import RehearsalOfVariant
from bot.proposals.strategy import StrategyChoice
from bot.proposals.variants import PlanFrame
from bot.proposals.wording import say

_FIT = {"ok": ONE, "caution": Decimal("0.6"), "poor": Decimal("0.3")}
_FULL_REWARD = Decimal(2)
_CALM_PCT, _WILD_PCT = Decimal(2), Decimal(12)


def rate(
    frame: PlanFrame,
    choice: StrategyChoice,
    recommended: VariantTerms,
    rehearsed: RehearsalOfVariant | None,
) -> Confidence:
    """Return the overall score with its parts and an explanation made from the numbers."""
    parts = _parts(frame.measures, choice, recommended, frame.policy)
    weights = sum((part.weight for part in parts), ZERO)
    overall = sum((part.score * part.weight for part in parts), ZERO) / weights
    return Confidence(
        overall_score=to_places(overall, 2),
        parts=parts,
        explanation=_explanation(frame, recommended, parts, rehearsed),
    )


def _parts(
    measures: Measures, choice: StrategyChoice, recommended: VariantTerms, policy: ProposalPolicy
) -> tuple[ConfidencePart, ...]:
    weights = policy.confidence
    history = Decimal(len(measures.daily)) / policy.full_history_bars
    calm = (_WILD_PCT - measures.volatility_pct) / (_WILD_PCT - _CALM_PCT)
    rows = (
        ("history", history, weights.history),
        ("liquidity", measures.liquidity.score, weights.liquidity),
        ("regime", measures.regime.confidence * _FIT[choice.compatibility], weights.regime),
        ("reward_to_risk", recommended.rr_ratio / _FULL_REWARD, weights.reward_to_risk),
        ("calm", calm, weights.calm),
    )
    return tuple(
        ConfidencePart(name=name, score=to_places(clamp(score, ZERO, ONE), 2), weight=plain(weight))
        for name, score, weight in rows
    )


def _explanation(
    frame: PlanFrame,
    recommended: VariantTerms,
    parts: tuple[ConfidencePart, ...],
    rehearsed: RehearsalOfVariant | None,
) -> str:
    measures, language, asset, quantity = (
        frame.measures,
        frame.language,
        frame.asset,
        frame.requested_quantity,
    )
    regime, cost = measures.regime, measures.liquidity.sell_cost_bps
    weakest = min(parts, key=lambda part: part.score)
    sentences = [
        say(
            language,
            "explain_market",
            regime=regime.name.value,
            regime_confidence=regime.confidence,
            drawdown=regime.drawdown_pct,
            bars=frame.policy.regime.drawdown_bars,
            volatility=measures.volatility_pct,
            turbulence=regime.volatility_ratio,
        ),
        say(language, "explain_thin", quantity=quantity, asset=asset)
        if cost is None
        else say(language, "explain_liquidity", quantity=quantity, asset=asset, cost=cost),
        say(
            language,
            "explain_plan",
            loss=recommended.loss_at_stop_usdt,
            stop_pct=recommended.stop_loss_pct,
            target_pct=recommended.take_profit_pct,
            rr=recommended.rr_ratio,
        ),
        *_of_the_past(language, rehearsed),
        say(
            language,
            "explain_weakest",
            part=say(language, f"part_{weakest.name}"),
            score=weakest.score,
        ),
    ]
    return " ".join(sentences)


def _of_the_past(language: str, rehearsed: RehearsalOfVariant | None) -> list[str]:
    if rehearsed is None:
        return []
    sentence = say(
        language,
        "explain_rehearsal",
        samples=rehearsed.sample_size,
        stop=rehearsed.stop_hit_pct,
        target=rehearsed.target_hit_pct,
        median=rehearsed.median_result_pct,
        worst=rehearsed.worst_result_pct,
    )
    return [sentence]
