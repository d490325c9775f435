"""Payloads of the commands of a buy; `schemas/commands/<type>.schema.json` says the same to others."""

from decimal import Decimal
from typing import Literal

from bot.lifecycle.payload import PaidFee, Payload


class OpenBuyIntent(Payload, frozen=True, kw_only=True):
    """R4: the loop commits that it is about to send this order; it costs `quantity` x `limit_price`."""

    client_order_id: str
    quantity: Decimal
    limit_price: Decimal
    step: int
    trigger_price: Decimal
    capped_by: Literal["soft_cap", "hard_cap", "spendable_quote"] | None = None
    """What made it smaller than the agreed step."""


class CloseBuyIntent(Payload, frozen=True, kw_only=True):
    """The buy order behind an intent was refused, or never arrived."""

    client_order_id: str
    reason_code: str
    text: str


class RecordManagedBuy(Payload, frozen=True, kw_only=True):
    """What a buy order has filled so far, cumulative."""

    client_order_id: str
    exchange_order_id: str
    order_status: str
    is_final: bool
    filled_quantity: Decimal
    filled_quote: Decimal
    fees: tuple[PaidFee, ...] = ()
