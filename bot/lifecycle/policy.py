"""The settings that the lifecycle's rules need, as one value (Q-MH-1 to Q-MH-13)."""

import datetime as dt
from decimal import Decimal
from enum import StrEnum

import msgspec


class OverrideDepth(StrEnum):
    """How far an operator's override may go (Q-MH-3); the strategy group is never among it."""

    MINIMAL = "minimal"
    MEDIUM = "medium"


OVERRIDABLE: dict[OverrideDepth, frozenset[str]] = {
    OverrideDepth.MINIMAL: frozenset({"stop_loss", "take_profit"}),
    OverrideDepth.MEDIUM: frozenset(
        {
            *("stop_loss", "take_profit", "max_allocation_usdt", "trailing", "dca"),
            "synthetic_entry_value",  # after the promotion only (C1)
        }
    ),
}


class Feature(StrEnum):
    """What an environment may disable (Q-MH-13); mainnet disables all of them."""

    AGGRESSIVE_VARIANT = "aggressive_variant"
    DCA = "dca"
    T2_RECOMMENDATION = "t2_recommendation"


class LifecyclePolicy(msgspec.Struct, frozen=True, kw_only=True):
    """Limits of one environment; the defaults are those of sandbox, paper and testnet."""

    environment: str
    proposal_ttl: dt.timedelta = dt.timedelta(days=7)
    variants: tuple[str, ...] = ("recommended", "conservative", "aggressive")
    override_depth: OverrideDepth = OverrideDepth.MEDIUM
    disabled: tuple[str, ...] = ()
    """Names of `Feature`s."""
    four_eyes: bool = False
    """Whether somebody else than the requester must approve."""
    cooldown: dt.timedelta = dt.timedelta(hours=24)
    reengage_direct: bool = False
    min_entry_stop_pct: Decimal = Decimal(1)
    strategy_allowlist: tuple[str, ...] = ("t1_core", "t2_pump_dump")
    stale_after_atr: Decimal = Decimal(1)
    """A proposal is stale once the price is this many ATR away from its reference."""
    quantity_drift_pct: Decimal = Decimal(5)
    approval_facts_max_age: dt.timedelta = dt.timedelta(seconds=60)
    investable_capital_usdt: Decimal = Decimal(0)
    """Hard cap for what the bot may buy; 0 = the bot buys nothing."""
    proposal_attempts_max: int = 3
    quote: str = "USDT"
