"""The baseline: what the owner held when the bot came, coin by coin, with what may happen to it.

DR-7: the wallet signature covers which assets exist, without the tradable quote and without policy
or lifecycle (M2), so a promotion never changes it. DR-2: managed is never a default.
"""

import datetime as dt
from collections.abc import Container, Iterable, Mapping
from decimal import Decimal
from enum import StrEnum

import msgspec

from bot.holdings.wallet import WalletSnapshot
from bot.kernel.canonical import digest
from bot.kernel.money import ZERO


class Policy(StrEnum):
    """What the bot may do with a coin of the wallet."""

    FROZEN = "frozen"
    MANAGED = "managed"
    TRADABLE_QUOTE = "tradable_quote"


class BaselineAsset(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One coin of the wallet at the time of the capture."""

    policy: Policy
    quantity: Decimal
    policy_lifecycle_managed: bool = False
    """The policy is overridden by what `managed_state.json` says."""
    note: str | None = None


class BaselineContent(msgspec.Struct, frozen=True, kw_only=True):
    """The baseline document; `captured_at`, `source` and `wallet_signature` live in its `_meta`.

    An empty baseline (nothing applied yet) has no `captured_at`.
    """

    captured_at: dt.datetime | None = None
    source: str | None = None
    wallet_signature: str | None = None
    default_policy_for_unlisted: Policy = Policy.FROZEN
    tradable_quote: tuple[str, ...] = ()
    assets: Mapping[str, BaselineAsset] = {}

    @property
    def is_applied(self) -> bool:
        """Say whether a captured wallet was applied."""
        return self.captured_at is not None

    def policy_of(self, asset: str) -> Policy:
        """Return the asset's policy; unlisted ones follow the default (D5)."""
        entry = self.assets.get(asset)
        return entry.policy if entry is not None else self.default_policy_for_unlisted


def wallet_signature(assets: Iterable[str], tradable_quote: Iterable[str]) -> str:
    """Return the digest of the asset names, sorted, without the tradable quote (DR-7)."""
    return digest(sorted(set(assets) - set(tradable_quote)))


def not_handed_over(assets: Mapping[str, BaselineAsset], managed: Container[str]) -> list[str]:
    """Return the coins that a baseline calls managed although nobody handed them over (D4), sorted."""
    return sorted(
        name for name, entry in assets.items() if entry.policy is Policy.MANAGED and name not in managed
    )


def capture(wallet: WalletSnapshot, *, quote: str, source: str, exclude_zero: bool = True) -> BaselineContent:
    """Describe a wallet with every coin frozen and the quote tradable.

    Args:
        wallet: A complete snapshot.
        quote: The coin that prices are in.
        source: Where the wallet was read, for people.
        exclude_zero: Leave out coins with a total of zero.
    """
    assets = {
        asset: BaselineAsset(
            policy=Policy.TRADABLE_QUOTE if asset == quote else Policy.FROZEN, quantity=balance.total
        )
        for asset, balance in sorted(wallet.balances.items())
        if balance.total > ZERO or not exclude_zero
    }
    return BaselineContent(
        captured_at=wallet.observed_at,
        source=source,
        wallet_signature=wallet_signature(assets, (quote,)),
        tradable_quote=(quote,),
        assets=assets,
    )


def with_frozen_quote(content: BaselineContent, quote: str) -> BaselineContent:
    """Return the description with the quote that is there frozen: only what comes later may be spent."""
    entry = content.assets.get(quote)
    if entry is None:
        return content
    assets = {**content.assets, quote: msgspec.structs.replace(entry, policy=Policy.FROZEN)}
    tradable = tuple(name for name in content.tradable_quote if name != quote)
    return msgspec.structs.replace(
        content,
        assets=assets,
        tradable_quote=tradable,
        wallet_signature=wallet_signature(assets, tradable),
    )


def spendable_quote(
    content: BaselineContent, *, quote: str, free: Decimal, investable_capital_usdt: Decimal
) -> Decimal:
    """Return what the bot may spend: the free quote less its frozen part, within the hard cap (CAP-1).

    Quote that is bound in managed coins is not subtracted: it is no free quote. Without an applied
    baseline, or where the quote is not listed (D5), nothing may be spent.

    Args:
        content: The baseline.
        quote: The coin that prices are in.
        free: Its free balance, in quote units.
        investable_capital_usdt: The hard cap; 0 = the bot buys nothing.
    """
    entry = content.assets.get(quote)
    if not content.is_applied or entry is None:
        return ZERO
    frozen = ZERO if entry.policy is Policy.TRADABLE_QUOTE else entry.quantity
    return max(ZERO, min(free - frozen, investable_capital_usdt))
