"""What the loop needs of the settings to buy; by default it buys nothing."""

from decimal import Decimal

import msgspec


class BuySettings(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of the moment, and whether the exchange answers."""

    investable_capital_usdt: Decimal = Decimal(0)
    """CAP-1, the hard cap; zero: nothing is bought, and nothing is asked for it."""
    min_entry_stop_pct: Decimal = Decimal(1)
    """M3: how far above the stop a step must lie, in percent."""
    price_max_age_s: Decimal = Decimal(60)
    circuit_closed: bool = True
    """The circuit breaker's word: open blocks buys, never exits (B-OUTAGE)."""
    blacklist: tuple[str, ...] = ()
    """Coins that nothing is bought of."""
