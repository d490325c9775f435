"""Which strategy group suits the coin, from the allow-list only.

SR-14: `t3_copy_trading` is never recommended. A wish for it, or for anything else outside the
allow-list, falls back to `t1_core` with a note (M5); should a group outside the list come out all the same,
the engine aborts.
"""

from decimal import Decimal

import msgspec

from bot.kernel.money import to_decimal
from bot.proposals.document import StrategyRecommendation
from bot.proposals.indicators import to_places
from bot.proposals.measures import Measures
from bot.proposals.parts import Note
from bot.proposals.policy import ProposalPolicy
from bot.proposals.regime import RegimeName
from bot.proposals.wording import say

CORE, PUMP, COPY = "t1_core", "t2_pump_dump", "t3_copy_trading"
NEVER_RECOMMENDED = (COPY,)

_COMPATIBILITY = {
    (CORE, RegimeName.BULL): "ok",
    (CORE, RegimeName.SIDEWAYS): "ok",
    (CORE, RegimeName.BEAR): "caution",
    (PUMP, RegimeName.BULL): "ok",
    (PUMP, RegimeName.SIDEWAYS): "caution",
    (PUMP, RegimeName.BEAR): "poor",
}
_MILLION = Decimal(1_000_000)


class StrategyChoice(msgspec.Struct, frozen=True, kw_only=True):
    """The recommendation with how it fits the regime."""

    recommendation: StrategyRecommendation
    compatibility: str
    """`ok`, `caution` or `poor`."""
    notes: tuple[Note, ...] = ()


def choose_strategy(asset: str, measures: Measures, policy: ProposalPolicy, language: str) -> StrategyChoice:
    """Choose a group: the policy's wish, else t2 for a coin that pumps, else t1."""
    notes: list[Note] = []
    allowed = [group for group in policy.allowed_strategy_groups if group not in NEVER_RECOMMENDED]
    group = policy.preferred_strategy_group or _by_numbers(measures, policy)
    if group not in allowed:
        if policy.preferred_strategy_group:
            sentence = say(language, "strategy_fallback", wished=group, group=CORE)
            notes.append(Note(code="strategy_fallback", sentence=sentence))
        group = CORE
    compatibility = _COMPATIBILITY.get((group, measures.regime.name), "caution")
    if compatibility != "ok":
        sentence = say(
            language,
            "regime_mismatch",
            group=group,
            regime=measures.regime.name.value,
            compatibility=compatibility,
        )
        notes.append(Note(code="regime_mismatch", sentence=sentence))
    return StrategyChoice(
        recommendation=StrategyRecommendation(
            strategy_group=group,
            rationale=_rationale(asset, group, measures, language),
            alternative_groups=tuple(other for other in allowed if other != group),
        ),
        compatibility=compatibility,
        notes=tuple(notes),
    )


def may_recommend(group: str, policy: ProposalPolicy) -> bool:
    """Say whether a group may stand in a proposal: on the allow-list and not blocked by SR-14."""
    return group in policy.allowed_strategy_groups and group not in NEVER_RECOMMENDED


def _by_numbers(measures: Measures, policy: ProposalPolicy) -> str:
    pumps = (
        measures.volatility_pct >= policy.pump_volatility_pct
        and measures.volume_ratio >= policy.pump_volume_ratio
    )
    return PUMP if pumps and may_recommend(PUMP, policy) else CORE


def _rationale(asset: str, group: str, measures: Measures, language: str) -> str:
    volatility, spread = measures.volatility_pct, measures.liquidity.spread_pct
    cost = measures.liquidity.sell_cost_bps
    if group == CORE and cost is not None:
        volume = to_places(to_decimal(measures.volume_24h_usdt) / _MILLION, 1)
        return say(
            language,
            "rationale_t1",
            asset=asset,
            volatility=volatility,
            cost=cost,
            volume=volume,
            spread=spread,
        )
    if group == PUMP:
        return say(language, "rationale_t2", asset=asset, volatility=volatility, surge=measures.volume_ratio)
    return say(language, "rationale_plain", asset=asset, group=group, volatility=volatility, spread=spread)
