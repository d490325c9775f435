"""One coin's market measured once; every later step reads from here.

Values are rounded as the document shows them before anything is computed from them, so that a reader
can recompute each level from the document alone.
"""

import datetime as dt
from decimal import Decimal

import msgspec

from bot.kernel.market import Candle
from bot.kernel.money import ONE, ZERO, plain
from bot.proposals.facts import ProposalFacts, closed_candles
from bot.proposals.indicators import atr, closes, to_places, to_significant, volatility_pct
from bot.proposals.levels import MarketLevels, market_levels, price_tick
from bot.proposals.liquidity import Liquidity, measure_liquidity
from bot.proposals.policy import ProposalPolicy
from bot.proposals.regime import Regime, RegimeDetector

_ATR_DIGITS = 6
_SURGE_BARS = 30


class Measures(msgspec.Struct, frozen=True, kw_only=True):
    """What the facts say, before any decision; prices in quote per base."""

    daily: tuple[Candle, ...]
    """Closed daily candles, oldest first."""
    reference: Decimal
    tick: Decimal
    atr: Decimal
    """Six significant digits."""
    volatility_pct: Decimal
    volume_24h_usdt: Decimal
    volume_ratio: Decimal
    """Volume of the newest closed day over the mean of the thirty before it."""
    liquidity: Liquidity
    regime: Regime
    around: MarketLevels
    observed_at: dt.datetime


def closed_daily(facts: ProposalFacts) -> tuple[Candle, ...]:
    """Return the daily candles that had closed at the ticker's time."""
    return closed_candles(facts.daily, "1d", facts.ticker.observed_at)


def measure(
    facts: ProposalFacts,
    daily: tuple[Candle, ...],
    *,
    quantity: Decimal,
    policy: ProposalPolicy,
    detector: RegimeDetector,
) -> Measures:
    """Measure the market for a position of that quantity; needs what `refuse_market` checked."""
    reference = plain(facts.ticker.last)
    tick = price_tick(facts.rules, reference)
    atr_14d = to_significant(atr(daily), _ATR_DIGITS)
    return Measures(
        daily=daily,
        reference=reference,
        tick=tick,
        atr=atr_14d,
        volatility_pct=to_places(volatility_pct(closes(daily), policy.volatility_bars), 2),
        volume_24h_usdt=to_places(facts.ticker.quote_volume_24h, 2),
        volume_ratio=_volume_ratio(daily),
        liquidity=measure_liquidity(
            facts.book,
            quantity=quantity,
            volume_24h_usdt=facts.ticker.quote_volume_24h,
            policy=policy.liquidity,
        ),
        regime=detector.detect(daily),
        around=market_levels(daily, reference=reference, atr=atr_14d, tick=tick, policy=policy),
        observed_at=facts.ticker.observed_at,
    )


def _volume_ratio(daily: tuple[Candle, ...]) -> Decimal:
    before = daily[-_SURGE_BARS - 1 : -1]
    usual = sum((candle.volume for candle in before), ZERO) / max(1, len(before))
    return to_places(daily[-1].volume / usual, 2) if usual > ZERO else ONE
