"""What all payloads of commands have in common, and the parts that several of them use."""

from decimal import Decimal

import msgspec


class Payload(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """Base of all payloads: unknown fields are refused."""


class PaidFee(Payload, frozen=True, kw_only=True):
    """A fee as the exchange took it."""

    asset: str
    amount: Decimal
