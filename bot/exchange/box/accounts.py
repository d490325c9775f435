"""The account: what is free and what is locked, exact to the last digit.

Invariant, checked by `check`: for every asset, free + locked = outside + traded - fees, where
`outside` is what came in and went out by deposits and withdrawals, `traded` what the fills moved,
`fees` what the exchange kept. No balance is ever negative.
"""

from collections.abc import Mapping
from decimal import Decimal

import msgspec

from bot.exchange.box.errors import insufficient_balance
from bot.kernel.money import ZERO


class Balance(msgspec.Struct, kw_only=True):
    """One asset of the account, in its units."""

    free: Decimal = ZERO
    locked: Decimal = ZERO
    outside: Decimal = ZERO
    traded: Decimal = ZERO
    fees: Decimal = ZERO

    @property
    def total(self) -> Decimal:
        """Return free plus locked."""
        return self.free + self.locked

    @property
    def is_sound(self) -> bool:
        """Say whether the invariant holds."""
        return self.free >= 0 and self.locked >= 0 and self.total == self.outside + self.traded - self.fees


class Accounts:
    """The balances of the box's one account."""

    def __init__(self, balances: Mapping[str, Balance] | None = None) -> None:
        self.balances: dict[str, Balance] = dict(balances or {})

    def of(self, asset: str) -> Balance:
        """Return the asset's balance; an asset that was never held is zero."""
        return self.balances.setdefault(asset, Balance())

    def deposit(self, asset: str, amount: Decimal) -> None:
        """Add coins from outside."""
        balance = self.of(asset)
        balance.free += amount
        balance.outside += amount

    def withdraw(self, asset: str, amount: Decimal) -> None:
        """Take free coins away to the outside.

        Raises:
            ApiError: When less is free.
        """
        balance = self.of(asset)
        if amount > balance.free:
            raise insufficient_balance()
        balance.free -= amount
        balance.outside -= amount

    def lock(self, asset: str, amount: Decimal) -> None:
        """Hold coins back for an order.

        Raises:
            ApiError: When less is free.
        """
        balance = self.of(asset)
        if amount > balance.free:
            raise insufficient_balance()
        balance.free -= amount
        balance.locked += amount

    def release(self, asset: str, amount: Decimal) -> None:
        """Give held-back coins free again."""
        balance = self.of(asset)
        balance.locked -= amount
        balance.free += amount

    def pay(self, asset: str, amount: Decimal) -> None:
        """Hand held-back coins to the other side of a trade."""
        balance = self.of(asset)
        balance.locked -= amount
        balance.traded -= amount

    def receive(self, asset: str, amount: Decimal, *, fee: Decimal) -> None:
        """Take what a trade brought in, less the fee."""
        balance = self.of(asset)
        balance.free += amount - fee
        balance.traded += amount
        balance.fees += fee

    def check(self) -> bool:
        """Say whether the invariant holds for every asset."""
        return all(balance.is_sound for balance in self.balances.values())
