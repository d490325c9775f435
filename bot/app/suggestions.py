"""Frozen coins that may be worth a proposal (Q-MH-6 B): a message to a person, and nothing more.

Nothing is written, sent or remembered, and no state changes: whoever likes a suggestion types `bot propose`.

A frozen coin is suggested when
1. it is no quote, no stablecoin, no follower of another price, and not on the blacklist;
2. it has an open market, and is worth at least `MIN_SHARE_PCT` of the portfolio and `MIN_NOTIONALS` times
   the exchange's smallest order, so that a plan can be carried out and matters;
3. it can be sold: spread at most the risk model's wide spread, position at most the share of the 24 h
   volume at which the liquidity score's volume part is zero.
The most valuable one comes first.
"""

from decimal import Decimal

import msgspec

from bot.app.wiring import App, proposal_policy
from bot.exchange.gateway import BalanceProvider, MarketData
from bot.holdings.baseline import Policy
from bot.kernel.errors import ExchangeAnswerError
from bot.kernel.ids import pair_of
from bot.kernel.market import MarketRules, Ticker
from bot.kernel.money import HUNDRED, ZERO
from bot.lifecycle.states import AssetState
from bot.proposals.policy import ProposalPolicy
from bot.storage.documents import BASELINE_HOLDINGS, MANAGED_STATE

MIN_SHARE_PCT = Decimal(1)
MIN_NOTIONALS = Decimal(10)
_CENT, _TENTH, _FINE = Decimal("0.01"), Decimal("0.1"), Decimal("0.0001")


class Suggestion(msgspec.Struct, frozen=True, kw_only=True):
    """One frozen coin that may be worth a proposal."""

    asset: str
    quantity: Decimal
    worth_usdt: Decimal
    share_pct: Decimal
    """Of the portfolio, in percent."""
    volume_24h_usdt: Decimal
    spread_pct: Decimal
    ask: str
    """What to type."""


class Suggestions(msgspec.Struct, frozen=True, kw_only=True):
    """What there is to say; `enabled` is the setting `proposals.suggestions`."""

    enabled: bool
    coins: tuple[Suggestion, ...] = ()
    passed_over: dict[str, str] = {}
    """Frozen coins that are not suggested, each with the reason."""


def suggest(app: App) -> Suggestions:
    """Look at the wallet and the market now, and return what may be worth a proposal.

    Raises:
        ExchangeError: The exchange did not answer, or not completely.
    """
    if app.settings["proposals.suggestions"] != "on":
        return Suggestions(enabled=False)
    gateway: MarketData = app.gateway
    held = _held(app.gateway)
    markets, quote = gateway.markets(), str(app.settings["quote"])
    symbols = [pair_of(asset, quote) for asset in sorted(held) if pair_of(asset, quote) in markets]
    tickers = gateway.tickers(symbols) if symbols else {}
    portfolio = held.get(quote, ZERO) + sum(
        (held[markets[symbol].base] * ticker.last for symbol, ticker in tickers.items()), ZERO
    )
    policy = proposal_policy(app)
    coins: list[Suggestion] = []
    passed_over: dict[str, str] = {}
    for asset in _frozen(app, held):
        symbol = pair_of(asset, quote)
        rules, ticker = markets.get(symbol), tickers.get(symbol)
        made = _why_not_by_name(app, asset, policy) or _judge(held[asset], rules, ticker, portfolio, policy)
        if isinstance(made, str):
            passed_over[asset] = made
        else:
            coins.append(made)
    coins.sort(key=lambda coin: (-coin.worth_usdt, coin.asset))
    return Suggestions(enabled=True, coins=tuple(coins), passed_over=passed_over)


def _held(balances: BalanceProvider) -> dict[str, Decimal]:
    wallet = balances.wallet()
    if not wallet.complete:
        raise ExchangeAnswerError("The wallet was not told completely.", why="Missing is not zero.")
    return {asset: balance.total for asset, balance in wallet.balances.items() if balance.total > ZERO}


def _frozen(app: App, held: dict[str, Decimal]) -> list[str]:
    """Return the coins of the wallet that are frozen now; one that the baseline spends is no such coin."""
    managed = app.store.read(MANAGED_STATE).content
    baseline = app.store.read(BASELINE_HOLDINGS).content
    return [
        asset
        for asset in sorted(held)
        if managed.state_of(asset) is AssetState.FROZEN
        and baseline.policy_of(asset) is not Policy.TRADABLE_QUOTE
        and asset != app.settings["quote"]
    ]


def _why_not_by_name(app: App, asset: str, policy: ProposalPolicy) -> str | None:
    if asset in app.settings["risk.blacklist"]:
        return "on the blacklist"
    if asset in policy.stablecoins:
        return "a stablecoin or a currency"
    return "follows the price of another asset" if asset in policy.pegged_coins else None


def _judge(
    quantity: Decimal,
    rules: MarketRules | None,
    ticker: Ticker | None,
    portfolio: Decimal,
    policy: ProposalPolicy,
) -> Suggestion | str:
    """Return the suggestion, or why there is none."""
    if rules is None or not rules.active or ticker is None or ticker.last <= ZERO:
        return "no open market"
    worth = quantity * ticker.last
    share = worth / portfolio * HUNDRED if portfolio > ZERO else ZERO
    if share < MIN_SHARE_PCT:
        return f"only {share.quantize(_FINE)} % of the portfolio"
    if worth < MIN_NOTIONALS * rules.min_notional:
        return f"worth {worth.quantize(_CENT)} USDT, too little for a plan"
    mid = (ticker.bid + ticker.ask) / 2
    spread = (ticker.ask - ticker.bid) / mid * HUNDRED if mid > ZERO else HUNDRED
    if spread > policy.wide_spread_pct:
        return f"the spread is {spread.quantize(_CENT)} %"
    if worth > policy.liquidity.participation_at_zero * ticker.quote_volume_24h:
        return "too large for what is traded in 24 hours"
    asset = rules.base
    return Suggestion(
        asset=asset,
        quantity=quantity,
        worth_usdt=worth.quantize(_CENT),
        share_pct=share.quantize(_TENTH),
        volume_24h_usdt=ticker.quote_volume_24h.quantize(_CENT),
        spread_pct=spread.quantize(_FINE),
        ask=f"bot propose {asset}",
    )
