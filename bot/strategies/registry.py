"""The strategies by the name of their group, and the one door to them.

SR-14: `t3_copy_trading` is blocked. Asking for its advice is a broken stop rule, not an advice.
"""

from collections.abc import Mapping
from decimal import Decimal

from bot.kernel.errors import StopRuleBrokenError
from bot.lifecycle.trailing_terms import TrailingTerms
from bot.strategies import t1_core, t2_pump_dump
from bot.strategies.advice import Advice, Strategy, View, hold

CORE, PUMP, COPY = "t1_core", "t2_pump_dump", "t3_copy_trading"
BLOCKED = frozenset({COPY})

STRATEGIES: Mapping[str, Strategy] = {CORE: t1_core.advise, PUMP: t2_pump_dump.advise}

TRAILING: Mapping[str, TrailingTerms] = {
    CORE: TrailingTerms(enabled=True),
    PUMP: TrailingTerms(enabled=True, activation_atr=Decimal(1), distance_atr=Decimal("0.5")),
}
"""What `bot override --trailing on` means without numbers: shown, and on record in full, before it counts."""


def advise(view: View, *, strategies: Mapping[str, Strategy] = STRATEGIES) -> Advice:
    """Return what the coin's strategy says.

    Args:
        view: What it looks at.
        strategies: By group name; a laboratory passes its own.

    Raises:
        StopRuleBrokenError: SR-14.
    """
    refuse_blocked(view.asset, view.strategy_group)
    strategy = strategies.get(view.strategy_group)
    if strategy is None:
        return hold("strategy_unknown", f"{view.asset}: there is no strategy {view.strategy_group!r}")
    return strategy(view)


def default_trailing(asset: str, group: str | None) -> TrailingTerms:
    """Return how a coin of this group trails where nobody names numbers.

    Raises:
        StopRuleBrokenError: SR-14.
    """
    refuse_blocked(asset, group)
    return TRAILING.get(group or CORE, TRAILING[CORE])


def refuse_blocked(asset: str, group: str | None) -> None:
    """Refuse a group that no coin may follow.

    Raises:
        StopRuleBrokenError: SR-14.
    """
    if group in BLOCKED:
        raise StopRuleBrokenError(
            "SR-14", f"{asset}: advice of {group} was asked for", why=f"{group} is blocked."
        )
