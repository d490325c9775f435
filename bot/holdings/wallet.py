"""The wallet as one answer of the exchange showed it."""

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal

import msgspec

from bot.kernel.money import ZERO


class Balance(msgspec.Struct, frozen=True, kw_only=True):
    """One asset: `total` = `free` + `used` (locked in own open orders)."""

    free: Decimal
    used: Decimal
    total: Decimal


class AccountRights(msgspec.Struct, frozen=True, kw_only=True):
    """What the exchange lets this account do with the key in use; None where it does not tell."""

    can_trade: bool | None
    can_withdraw: bool | None


class WalletSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """All balances at one moment.

    Only a complete answer may say that a coin is absent: in an incomplete one a missing coin is
    unknown, which is never zero.
    """

    balances: Mapping[str, Balance]
    observed_at: dt.datetime
    complete: bool

    def total(self, asset: str) -> Decimal | None:
        """Return free plus used, or None where this answer does not tell."""
        balance = self.balances.get(asset)
        if balance is not None:
            return balance.total
        return ZERO if self.complete else None

    def free(self, asset: str) -> Decimal | None:
        """Return what is not locked in orders, or None where this answer does not tell."""
        balance = self.balances.get(asset)
        if balance is not None:
            return balance.free
        return ZERO if self.complete else None
