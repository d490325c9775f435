"""The content of `positions.json`: what the trading loop holds now, by market.

C1: the managed state keeps the values of the promotion, this document the live ones; they are never
synchronised.
"""

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal

import msgspec

from bot.kernel.money import ZERO


class Position(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One live position; quantity in base units, prices in quote units per coin."""

    asset: str
    quantity: Decimal
    entry_price: Decimal
    """The declared basis for profit and loss (`synthetic_entry`)."""
    reference_price: Decimal
    stop_loss: Decimal
    take_profit: Decimal
    proposal_id: str
    opened_at: dt.datetime
    approved_quantity: Decimal | None = None
    """What was approved when this was last brought up to the agreement; None in older files."""
    sold_quantity: Decimal = ZERO
    proceeds_usdt: Decimal = ZERO
    """Quote units received by its sells, before fees."""
    closed_at: dt.datetime | None = None

    @property
    def is_open(self) -> bool:
        """Say whether anything is left to track."""
        return self.closed_at is None


class PositionsContent(msgspec.Struct, frozen=True, kw_only=True):
    """Positions by unified symbol; a closed one stays until its coin is promoted again."""

    positions: Mapping[str, Position] = {}
