"""How a stop follows the price: what can be agreed, and what was seen since; prices in quote per coin."""

import datetime as dt
from decimal import Decimal

import msgspec


class TrailingTerms(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """A stop that follows the price: from which price on, and how far behind; each said in one way or not.

    Without an activation it follows at once; without a distance it keeps the one between reference and stop,
    which is what a rehearsal of the variant did. Percents and ATRs are counted at the agreement, from its
    reference price, and are kept as prices (`activation_price`, `distance`).
    """

    enabled: bool
    activation_price: Decimal | None = None
    activation_pct: Decimal | None = None
    """Percent above the reference price."""
    activation_atr: Decimal | None = None
    """ATRs above the reference price."""
    distance: Decimal | None = None
    """Quote units between the highest price and the stop."""
    distance_pct: Decimal | None = None
    """Percent of the price from which on it follows (the activation's, else the reference)."""
    distance_atr: Decimal | None = None

    @property
    def is_relative(self) -> bool:
        """Say whether a number has not become a price yet."""
        numbers = (self.activation_pct, self.activation_atr, self.distance_pct, self.distance_atr)
        return any(number is not None for number in numbers)


class Trail(msgspec.Struct, frozen=True, kw_only=True):
    """What a trailing stop hangs on: the highest price seen, on which grid, and since when it follows."""

    highest_price: Decimal
    tick_size: Decimal
    """The stop is a multiple of it; zero: no grid."""
    trailing_from: dt.datetime
