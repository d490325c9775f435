"""Which coins the bot may open anything new in, and of every other one why not. Pure.

1. A coin is in only if a person handed it over and it is `managed_active` now: what the baseline freezes,
   what is listed nowhere (D5), what is paused, drifted, sold or on its way back is out.
2. The quote, stablecoins and followers of another price are out, and so is what the blacklist names.
3. Its market must exist, be in our quote, and trade.
4. A strategy group that is blocked (SR-14) is out.
The first reason counts. An exit asks nothing of this: a coin in the bot's hands is guarded by its stop and
target whatever list it stands on.
"""

from collections.abc import Mapping

import msgspec

from bot.holdings.baseline import BaselineContent, Policy
from bot.kernel.ids import pair_of
from bot.kernel.market import MarketRules
from bot.lifecycle.documents import ManagedStateContent
from bot.lifecycle.states import AssetState
from bot.proposals.policy import ProposalPolicy
from bot.strategies.registry import BLOCKED

_POLICY = ProposalPolicy()
NEITHER_COIN = frozenset({*_POLICY.stablecoins, *_POLICY.pegged_coins})
"""Coins whose price follows another one: the same lists that keep them out of the proposals."""


class LeftOut(msgspec.Struct, frozen=True, kw_only=True):
    """Why a coin is not in the universe."""

    reason: str
    sentence: str


class UniverseFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What decides: the state, the baseline, the markets and the lists."""

    managed: ManagedStateContent
    baseline: BaselineContent
    quote: str
    markets: Mapping[str, MarketRules] | None = None
    """By unified symbol; None where nobody asked the exchange: then markets decide nothing."""
    blacklist: tuple[str, ...] = ()


class Universe(msgspec.Struct, frozen=True, kw_only=True):
    """All coins that anybody named, in two parts."""

    assets: tuple[str, ...]
    """Those that the bot may open something new in, sorted."""
    left_out: Mapping[str, LeftOut]


def universe(facts: UniverseFacts) -> Universe:
    """Sort every coin of the managed state and the baseline."""
    known = sorted({*facts.managed.managed_assets, *facts.baseline.assets})
    reasons = {asset: reason for asset in known if (reason := why_left_out(asset, facts)) is not None}
    return Universe(assets=tuple(asset for asset in known if asset not in reasons), left_out=reasons)


def why_left_out(asset: str, facts: UniverseFacts) -> LeftOut | None:
    """Return the first reason for which the bot may open nothing new in a coin, or None if it may."""
    return (
        _by_hands(asset, facts)
        or _by_lists(asset, facts)
        or _by_market(asset, facts)
        or _by_strategy(asset, facts)
    )


def _by_hands(asset: str, facts: UniverseFacts) -> LeftOut | None:
    if asset == facts.quote or facts.baseline.policy_of(asset) is Policy.TRADABLE_QUOTE:
        return LeftOut(reason="is_quote", sentence=f"{asset} is what the bot pays with")
    state = facts.managed.state_of(asset)
    if state is AssetState.MANAGED_ACTIVE:
        return None
    if state is AssetState.FROZEN:
        return LeftOut(reason="frozen", sentence=f"{asset} is frozen: nobody handed it over")
    return LeftOut(reason="not_active", sentence=f"{asset} stands at {state}, not at managed_active")


def _by_lists(asset: str, facts: UniverseFacts) -> LeftOut | None:
    if asset in facts.blacklist:
        return LeftOut(reason="blacklisted", sentence=f"{asset} is on the blacklist")
    if asset in NEITHER_COIN:
        return LeftOut(reason="is_stablecoin", sentence=f"{asset} follows another price")
    return None


def _by_market(asset: str, facts: UniverseFacts) -> LeftOut | None:
    if facts.markets is None:
        return None
    symbol = pair_of(asset, facts.quote)
    rules = facts.markets.get(symbol)
    if rules is None:
        return LeftOut(reason="no_market", sentence=f"the exchange has no market {symbol}")
    if (rules.base, rules.quote) != (asset, facts.quote):
        return LeftOut(reason="other_quote", sentence=f"{symbol} trades {rules.base} against {rules.quote}")
    if not rules.active:
        return LeftOut(reason="market_closed", sentence=f"{symbol} does not trade at the moment")
    return None


def _by_strategy(asset: str, facts: UniverseFacts) -> LeftOut | None:
    group = facts.managed.managed_assets[asset].strategy_group
    if group in BLOCKED:
        return LeftOut(
            reason="strategy_blocked", sentence=f"{asset} follows {group}, which is blocked (SR-14)"
        )
    return None
