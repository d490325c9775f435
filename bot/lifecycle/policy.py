"""The settings that the lifecycle's rules need, as one value (Q-MH-1 to Q-MH-13)."""

import datetime as dt
from decimal import Decimal

import msgspec


class LifecyclePolicy(msgspec.Struct, frozen=True, kw_only=True):
    """Limits of one environment; the defaults are those of sandbox, paper and testnet."""

    environment: str
    proposal_ttl: dt.timedelta = dt.timedelta(days=7)
    variants: tuple[str, ...] = ("recommended", "conservative", "aggressive")
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
