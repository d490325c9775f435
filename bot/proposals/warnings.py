"""What speaks against a proposal or needs a second look, measured where it can be."""

from collections.abc import Sequence
from decimal import Decimal
from itertools import pairwise

import numpy as np

from bot.kernel.market import Candle
from bot.kernel.money import HUNDRED, ZERO, floor_to_step
from bot.proposals.document import ContextWarnings, Correlation
from bot.proposals.facts import ProposalFacts, closed_candles
from bot.proposals.indicators import correlation, to_places
from bot.proposals.parts import Note
from bot.proposals.policy import ProposalPolicy
from bot.proposals.sizing import CENT
from bot.proposals.strategy import StrategyChoice
from bot.proposals.variants import PlanFrame
from bot.proposals.wording import say


def correlations(
    facts: ProposalFacts, daily: Sequence[Candle], policy: ProposalPolicy
) -> tuple[Correlation, ...]:
    """Return Pearson's rho of daily log returns with every open position, by symbol.

    Over the days on which both markets have a closed candle and the one before it, the newest
    `correlation_bars` of them; null below `correlation_min_bars`.
    """
    own = _returns_by_day(daily)
    found = []
    for position in sorted(facts.open_positions, key=lambda item: item.symbol):
        if position.symbol == facts.symbol:
            continue
        closed = closed_candles(position.daily, "1d", facts.ticker.observed_at)
        other = _returns_by_day(closed)
        days = sorted(own.keys() & other.keys())[-policy.correlation_bars :]
        rho: Decimal | None = None
        if len(days) >= policy.correlation_min_bars:
            exact = correlation(np.array([own[day] for day in days]), np.array([other[day] for day in days]))
            rho = None if exact is None else to_places(exact, 2)
        warning = rho is not None and rho >= policy.correlation_warning
        found.append(
            Correlation(
                symbol=position.symbol, with_symbol=facts.symbol, rho=rho, days=len(days), warning=warning
            )
        )
    return tuple(found)


def context_warnings(
    facts: ProposalFacts, frame: PlanFrame, *, choice: StrategyChoice, further: Sequence[Note]
) -> ContextWarnings:
    """Collect the warnings.

    Args:
        facts: For portfolio, positions, lists and breaker.
        frame: For measures and quantities; concentration counts all that is held, handed over or not.
        choice: The strategy with its regime compatibility.
        further: Notes found elsewhere (entry, quantity, sizing).
    """
    asset, measures, policy = frame.asset, frame.measures, frame.policy
    portfolio = facts.portfolio_value_usdt
    share = frame.held * measures.reference / portfolio * HUNDRED if portfolio > ZERO else HUNDRED
    cap = policy.concentration_cap_share * HUNDRED
    related = correlations(facts, measures.daily, policy)
    pegged = asset in policy.pegged_coins
    notes: list[Note] = []

    def note(code: str, **figures: Decimal | int | str) -> None:
        notes.append(Note(code=code, sentence=say(frame.language, code, **figures)))

    if len(measures.daily) < policy.full_history_bars:
        note("short_history", bars=len(measures.daily), full=policy.full_history_bars)
    if measures.liquidity.spread_pct >= policy.wide_spread_pct:
        note("wide_spread", spread=measures.liquidity.spread_pct)
    if measures.liquidity.sell_cost_bps is None:
        note(
            "book_too_thin",
            asset=asset,
            quantity=frame.requested_quantity,
            bid_quantity=measures.liquidity.bid_quantity,
        )
    if pegged:
        note("pegged", asset=asset)
    if share > cap:
        note("concentration", asset=asset, share=to_places(share, 1), cap=cap)
    for item in related:
        if item.warning and item.rho is not None:
            note("correlated", symbol=facts.symbol, other=item.symbol, rho=item.rho, days=item.days)
    if facts.circuit_breaker_state != "closed":
        note("circuit_breaker", state=facts.circuit_breaker_state)
    return ContextWarnings(
        is_blacklisted=asset in facts.blacklist,
        is_stablecoin_or_peg=pegged or asset in policy.stablecoins,
        concentration_warning=share > cap,
        concentration_pct=floor_to_step(share, CENT),
        correlation_with_existing_positions=related,
        regime_compatibility=choice.compatibility,
        circuit_breaker_state=facts.circuit_breaker_state,
        notes=(*notes, *choice.notes, *further),
    )


def _returns_by_day(candles: Sequence[Candle]) -> dict[int, float]:
    """Return log returns by day number; a day after a gap has none."""
    returns: dict[int, float] = {}
    for before, now in pairwise(candles):
        day = now.opened_at.toordinal()
        if day - before.opened_at.toordinal() == 1 and before.close > ZERO and now.close > ZERO:
            returns[day] = float(np.log(float(now.close) / float(before.close)))
    return returns
