"""The part of the document that tells how each plan would have fared in the coin's own past.

Results are net, in percent of the entry price: what a sale brought after fee and half the spread, against
the price at which the rehearsed holding began. A holding is owned already, so nothing is paid to enter.
"""

import datetime as dt
from decimal import Decimal

from bot.proposals.parts import Note, Part
from bot.proposals.policy import VariantName


class ResultBin(Part, frozen=True, kw_only=True):
    """How many results lie from `from_pct` (included) up to `to_pct` (excluded), percent of the entry."""

    from_pct: Decimal
    to_pct: Decimal
    count: int


class RehearsalOfVariant(Part, frozen=True, kw_only=True):
    """One plan, begun on every day of the past that could be one, at least one day."""

    variant: VariantName
    sample_size: int
    """Days on which the plan was begun; `stop_hits` + `target_hits` + `neither`."""
    independent_samples: int
    """What the overlapping samples are worth: each day's share of the samples that live on it, summed."""
    stop_hits: int
    target_hits: int
    neither: int
    """Neither was touched within the horizon: sold at its last close."""
    stop_hit_pct: Decimal
    target_hit_pct: Decimal
    neither_pct: Decimal
    stop_gaps: int
    """Of the stop's hits, those that opened below it and were filled there."""
    refused_exits: int
    """Sales worth less than the exchange's minimum: not sold, valued at the horizon's last close."""
    median_result_pct: Decimal
    mean_result_pct: Decimal
    worst_result_pct: Decimal
    best_result_pct: Decimal
    losing_pct: Decimal
    """Share of results below zero, in percent."""
    median_days_held: Decimal
    """Daily bars from the entry's to the exit's, both counted."""
    distribution: tuple[ResultBin, ...]
    """Results in bins of equal width, ascending; empty bins between filled ones are kept."""


class Rehearsal(Part, frozen=True, kw_only=True):
    """Each variant's exit plan, replayed over the closed daily candles of this proposal."""

    method: str
    """Name and version of the replay's rules."""
    timeframe: str
    bars: int
    """Closed candles that were replayed, the warm-up included."""
    warm_up_bars: int
    """Oldest candles that only feed the averages: no plan begins on them."""
    first_at: dt.datetime
    """Opening of the oldest candle, warm-up included."""
    last_at: dt.datetime
    """Opening of the newest candle."""
    horizon_days: int
    fee_bps: Decimal
    """Taken from every sale, basis points of its value."""
    spread_bps: Decimal
    """Best ask minus best bid over mid, basis points, as measured now; a sale loses half of it."""
    minimum_notional_quote: Decimal
    """The exchange's smallest order, quote units, as it is now."""
    current_regime_pct: Decimal | None = None
    """Share of the rehearsed days that had today's regime, in percent; absent without samples."""
    variants: tuple[RehearsalOfVariant, ...]
    """The recommended one first; empty where the history is too short for a single sample."""
    warnings: tuple[Note, ...]
