"""When no proposal can be made: `refuse_…` returns an abort or nothing, `require_…` raises."""

import datetime as dt
from decimal import Decimal

from bot.kernel.errors import ExchangeAnswerError, RefusedError
from bot.kernel.market import Candle
from bot.kernel.money import HUNDRED, ONE, ZERO
from bot.proposals.abort import Abort, abort
from bot.proposals.facts import ProposalFacts, ProposalRequest
from bot.proposals.indicators import closes, to_places, volatility_pct
from bot.proposals.policy import ProposalPolicy
from bot.proposals.wording import say

_PEG_BARS = 30


def require_quantity(request: ProposalRequest) -> None:
    """Raise for a request of nothing or less; the command's own check comes first, this is the net.

    Raises:
        RefusedError: With the code `quantity_invalid`.
    """
    asked = request.requested_quantity
    if asked is not None and asked <= ZERO:
        raise RefusedError(
            f"{request.asset}: a quantity of {asked} cannot be handed over", code="quantity_invalid"
        )


def refuse_asset(asset: str, facts: ProposalFacts, policy: ProposalPolicy, language: str) -> Abort | None:
    """Refuse without a risk model version (SR-11), blacklisted coins and listed stablecoins."""
    if not policy.risk_model_version:
        return abort("model_version_missing", say(language, "model_version_missing"))
    if asset in facts.blacklist:
        return abort("blacklisted", say(language, "blacklisted", asset=asset))
    if asset in policy.stablecoins:
        return abort("stablecoin", say(language, "stablecoin", asset=asset))
    return None


def refuse_balance(asset: str, facts: ProposalFacts, language: str) -> Abort | None:
    """Refuse a coin whose balance is unknown, or zero (R2)."""
    held = facts.wallet.total(asset)
    if held is None:
        return abort("balance_unknown", say(language, "balance_unknown", asset=asset))
    if held <= ZERO:
        return abort("no_balance", say(language, "no_balance", asset=asset))
    return None


def refuse_market(
    facts: ProposalFacts, daily: tuple[Candle, ...], policy: ProposalPolicy, language: str
) -> Abort | None:
    """Refuse a market that is closed, empty, too young, or whose candles are old or do not move."""
    symbol = facts.symbol
    if not facts.rules.active:
        return abort("market_unavailable", say(language, "market_inactive", symbol=symbol, venue=facts.venue))
    bids, asks = len(facts.book.bids), len(facts.book.asks)
    if not bids or not asks:
        return abort("market_unavailable", say(language, "book_empty", symbol=symbol, bids=bids, asks=asks))
    if facts.ticker.last <= ZERO:
        return abort(
            "market_unavailable", say(language, "price_missing", symbol=symbol, price=facts.ticker.last)
        )
    if len(daily) < policy.min_daily_bars:
        return abort(
            "not_enough_history",
            say(language, "history_too_short", symbol=symbol, bars=len(daily), needed=policy.min_daily_bars),
        )
    age = facts.ticker.observed_at - daily[-1].opened_at - dt.timedelta(days=1)
    if age > dt.timedelta(days=policy.max_candle_age_days):
        sentence = say(
            language, "history_too_old", symbol=symbol, days=age.days, allowed=policy.max_candle_age_days
        )
        return abort("market_unavailable", sentence)
    return None


def refuse_peg(
    asset: str, facts: ProposalFacts, daily: tuple[Candle, ...], policy: ProposalPolicy, language: str
) -> Abort | None:
    """Refuse an unlisted coin that behaves like a stablecoin, and one that does not move at all.

    Like a stablecoin: the price within `peg_band_pct` of one, and a daily volatility below
    `peg_volatility_pct`.
    """
    volatility = to_places(volatility_pct(closes(daily), _PEG_BARS), 2)
    price = facts.ticker.last
    if abs(price - ONE) * HUNDRED <= policy.peg_band_pct and volatility < policy.peg_volatility_pct:
        return abort(
            "stablecoin",
            say(language, "stablecoin_by_price", asset=asset, price=price, volatility=volatility),
        )
    if all(candle.high == candle.low == daily[-1].close for candle in daily[-_PEG_BARS:]):
        return abort(
            "not_enough_history", say(language, "market_is_flat", symbol=facts.symbol, bars=_PEG_BARS)
        )
    return None


def require_coherent(facts: ProposalFacts) -> None:
    """Raise if the facts speak of different markets, or hold candles that cannot be right.

    Raises:
        ExchangeAnswerError: Never to be computed with: another coin's price would become this one's.
    """
    named = {facts.symbol, facts.rules.symbol, facts.ticker.symbol, facts.book.symbol}
    if len(named) > 1:
        raise ExchangeAnswerError(
            f"The facts for {facts.symbol} speak of several markets",
            why=f"found {', '.join(sorted(named))}, expected {facts.symbol} alone",
        )
    for timeframe, candles in (("daily", facts.daily), ("hourly", facts.hourly)):
        _require_sound(facts.symbol, timeframe, candles)


def _require_sound(symbol: str, timeframe: str, candles: tuple[Candle, ...]) -> None:
    before: Candle | None = None
    for candle in candles:
        prices: tuple[Decimal, ...] = (candle.open, candle.low, candle.close)
        sound = ZERO < candle.low <= min(prices) and max(prices) <= candle.high and candle.volume >= ZERO
        if not sound or (before is not None and candle.opened_at <= before.opened_at):
            raise ExchangeAnswerError(
                f"The {timeframe} candles of {symbol} cannot be right",
                why=f"found {candle} after {before}, expected 0 < low <= open, close <= high in time order",
            )
        before = candle
