"""The content of `positions.json`: what the trading loop holds now, by market.

C1: the managed state keeps the values of the promotion, this document the live ones; they are never
synchronised.
"""

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal

import msgspec

from bot.kernel.money import ZERO
from bot.lifecycle.trailing_terms import Trail


class Position(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One live position; quantity in base units, prices in quote units per coin."""

    asset: str
    quantity: Decimal
    entry_price: Decimal
    """The declared basis for profit and loss (`synthetic_entry`)."""
    reference_price: Decimal
    stop_loss: Decimal
    """The live one: the agreed stop, or higher where it follows the price."""
    take_profit: Decimal
    proposal_id: str
    opened_at: dt.datetime
    approved_quantity: Decimal | None = None
    """What was approved when this was last brought up to the agreement; None in older files."""
    bought_quantity: Decimal = ZERO
    """Base units that the bot's own buys brought, less fees taken from the coin itself."""
    paid_usdt: Decimal = ZERO
    """Quote units that these buys cost, before fees."""
    sold_quantity: Decimal = ZERO
    proceeds_usdt: Decimal = ZERO
    """Quote units received by its sells, before fees."""
    closed_at: dt.datetime | None = None
    highest_price: Decimal | None = None
    """The price that lifted the stop last; absent as long as the agreed stop stands."""
    trailing_from: dt.datetime | None = None
    """When the stop first followed the price."""
    tick_size: Decimal | None = None
    """The grid on which a stop that follows the price lies."""

    @property
    def trail(self) -> Trail | None:
        """Return what the live stop hangs on where it follows the price."""
        if self.highest_price is None or self.trailing_from is None:
            return None
        return Trail(
            highest_price=self.highest_price,
            tick_size=self.tick_size or ZERO,
            trailing_from=self.trailing_from,
        )

    @property
    def is_open(self) -> bool:
        """Say whether anything is left to track."""
        return self.closed_at is None


class PositionsContent(msgspec.Struct, frozen=True, kw_only=True):
    """Positions by unified symbol; a closed one stays until its coin is promoted again."""

    positions: Mapping[str, Position] = {}
