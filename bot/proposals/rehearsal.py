"""The rehearsal: what each plan would have brought, had it been begun on every day of the coin's past.

A plan of this proposal is carried back to each closed day of the past as the same distances in ATR, pulled by
the levels of that day, and replayed (`rehearsal_replay.py` has the rules). It says what such plans did, not
what this one will do; `warnings` say how much the figures are worth.
"""

from collections.abc import Callable, Sequence
from decimal import Decimal
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from bot.kernel.clock import to_utc
from bot.kernel.market import Candle
from bot.kernel.money import HUNDRED, plain
from bot.proposals.document import VariantTerms
from bot.proposals.indicators import to_places
from bot.proposals.parts import Note
from bot.proposals.policy import RehearsalPolicy, VariantName
from bot.proposals.regime import RegimeName
from bot.proposals.rehearsal_bars import Bars, Starts, bars_of, plan_columns, shape_of, starts_of
from bot.proposals.rehearsal_document import Rehearsal, RehearsalOfVariant
from bot.proposals.rehearsal_replay import Costs, Strides, replay, strides_of
from bot.proposals.rehearsal_results import summary
from bot.proposals.variants import PlanFrame
from bot.proposals.wording import say


class _Past(NamedTuple):
    """What all variants of one rehearsal share."""

    bars: Bars
    starts: Starts
    strides: Strides


def rehearse(
    frame: PlanFrame, variants: Sequence[VariantTerms], regimes: Sequence[RegimeName | None]
) -> Rehearsal | None:
    """Replay every variant over the closed daily candles.

    Args:
        frame: Candles, spread, filters and policy of the proposal.
        variants: The terms; their quantities decide which sales fall below the exchange's minimum.
        regimes: One per candle, each known at its close; the last one is today's.

    Returns:
        The rehearsal, or None where the risk model has none.
    """
    rules = frame.policy.rehearsal
    if rules is None:
        return None
    daily = frame.measures.daily
    bars = bars_of(daily)
    starts = starts_of(bars, warm_up=rules.warm_up_bars, horizon=rules.horizon_days, policy=frame.policy)
    past = _Past(bars=bars, starts=starts, strides=strides_of(bars, rules.horizon_days))
    found = (_of_variant(terms, past, frame, rules) for terms in variants)
    rehearsed = tuple(one for one in found if one is not None)
    shown = _regime_share(starts, regimes) if rehearsed else None
    return Rehearsal(
        method=rules.method,
        timeframe="1d",
        bars=len(daily),
        warm_up_bars=rules.warm_up_bars,
        first_at=to_utc(daily[0].opened_at),
        last_at=to_utc(daily[-1].opened_at),
        horizon_days=rules.horizon_days,
        fee_bps=plain(rules.fee_bps),
        spread_bps=_spread_bps(frame),
        minimum_notional_quote=plain(frame.rules.min_notional),
        current_regime_pct=shown,
        variants=rehearsed,
        warnings=_warnings(frame, rules, rehearsed, shown, regimes[-1]),
    )


def _spread_bps(frame: PlanFrame) -> Decimal:
    return plain(frame.measures.liquidity.spread_pct * HUNDRED)


def _of_variant(
    terms: VariantTerms, past: _Past, frame: PlanFrame, rules: RehearsalPolicy
) -> RehearsalOfVariant | None:
    variant = next(one for one in frame.policy.variants if one.name is terms.variant)
    shape = shape_of(variant, frame.policy)
    costs = Costs(
        fee_bps=float(rules.fee_bps),
        spread_bps=float(_spread_bps(frame)),
        minimum_notional=float(frame.rules.min_notional),
        # The same worth on every past day, not the same coins: those were far cheaper or dearer then.
        value=float(terms.quantity * frame.measures.reference),
    )
    outcomes = replay(
        past.bars,
        plan_columns(past.starts, shape),
        trailing=shape.trailing,
        horizon=rules.horizon_days,
        costs=costs,
        strides=past.strides,
    )
    return summary(terms.variant, outcomes, most_bins=rules.most_bins)


def _regime_share(starts: Starts, regimes: Sequence[RegimeName | None]) -> Decimal:
    """Return the percentage of starts before which the market was what it is today."""
    same = np.array([regime is regimes[-1] for regime in regimes])
    return to_places(Decimal(int(same[starts.rows - 1].sum())) / len(starts.rows) * HUNDRED, 1)


def _warnings(
    frame: PlanFrame,
    rules: RehearsalPolicy,
    rehearsed: Sequence[RehearsalOfVariant],
    regime_pct: Decimal | None,
    regime: RegimeName | None,
) -> tuple[Note, ...]:
    daily, notes = frame.measures.daily, list[Note]()

    def note(code: str, **figures: Decimal | int | str) -> None:
        notes.append(Note(code=code, sentence=say(frame.language, code, **figures)))

    if not rehearsed:
        note(
            "rehearsal_impossible",
            bars=len(daily),
            warm_up=rules.warm_up_bars,
            horizon=rules.horizon_days,
        )
        return tuple(notes)
    _warn_of_samples(rehearsed, rules, note)
    if len(daily) < rules.short_history_bars:
        note("rehearsal_short_history", bars=len(daily), full=rules.short_history_bars)
    if regime_pct is not None and regime is not None and regime_pct < rules.rare_regime_pct:
        note("rehearsal_regime_differs", share=regime_pct, regime=regime.value)
    missing = missing_days(daily)
    if missing:
        note("rehearsal_gaps", days=missing)
    return tuple(notes)


def _warn_of_samples(
    rehearsed: Sequence[RehearsalOfVariant], rules: RehearsalPolicy, note: Callable[..., None]
) -> None:
    weakest = min(rehearsed, key=lambda one: one.independent_samples)
    figures = {
        "variant": weakest.variant.value,
        "samples": weakest.sample_size,
        "independent": weakest.independent_samples,
    }
    if weakest.independent_samples < rules.small_sample:
        note("rehearsal_small_sample", **figures, needed=rules.small_sample)
    elif weakest.independent_samples < weakest.sample_size:
        note("rehearsal_overlaps", **figures)


def missing_days(daily: Sequence[Candle]) -> int:
    """Return how many days lie between the first and the last candle without a candle of their own."""
    gaps = (now.opened_at.toordinal() - before.opened_at.toordinal() - 1 for before, now in pairwise(daily))
    return sum(gaps)


def recommended_of(rehearsal: Rehearsal | None) -> RehearsalOfVariant | None:
    """Return the recommended plan's rehearsal, or None where there is none."""
    if rehearsal is None:
        return None
    return next((one for one in rehearsal.variants if one.variant is VariantName.RECOMMENDED), None)
