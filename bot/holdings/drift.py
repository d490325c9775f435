"""Reality against record, coin by coin: pure, so that a screen and the loop see the same.

Kinds (§7, Q-MH-7), each with a verdict of its own:
1. `qty` (D1): the position is not what was approved less the own fills, by more than the limit.
2. `wallet_external` (D2): the wallet's total, own open orders counted in, is below the record. Fees and
   what is too small for the exchange to sell are explained, not flagged.
3. `price`: further from the reference than the limit in ATR. 4. `regime`: BEAR against BULL.
A query that failed or is incomplete, a price that is too old, or an order in flight gives no verdict:
that is never drift and never zero. `environment_reset` is about all coins: `bot.holdings.drift_reset`.
"""

import datetime as dt
from decimal import ROUND_FLOOR, Decimal
from enum import StrEnum
from typing import Any

import msgspec

from bot.holdings.positions import Position
from bot.kernel.clock import iso_z
from bot.kernel.market import MarketRules, OwnTrade
from bot.kernel.money import HUNDRED, ZERO, plain, text
from bot.lifecycle.command_payloads import DriftKind
from bot.lifecycle.documents import ManagedAsset
from bot.lifecycle.drift_kinds import basis_of, drifts_of
from bot.lifecycle.exit_rules import filled_in_flight

_SETTLED_SHARE = Decimal("0.75")
"""Gone is what came back within this share of its limit: on the limit itself it would come and go."""
_SALES_NAMED = 3
"""Of foreign sales, the newest that the evidence names."""
_OPPOSITE = {("BULL", "BEAR"), ("BEAR", "BULL")}


class Verdict(StrEnum):
    """What a comparison says of one kind of drift."""

    DRIFT = "drift"
    NEAR = "near"
    """Within the limit, and not far enough within it to call a recorded drift gone."""
    CLEAR = "clear"
    UNKNOWN = "unknown"


class DriftLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Q-MH-7: how far reality and record may differ."""

    quantity_pct: Decimal = Decimal(5)
    price_atr: Decimal = Decimal(2)
    regime: bool = True
    """Whether a turn from BEAR to BULL, or back, is drift."""
    price_max_age_s: Decimal = Decimal(60)


class PriceSeen(msgspec.Struct, frozen=True, kw_only=True):
    """A price with its time at the exchange, and how old it is, in seconds."""

    last: Decimal
    observed_at: dt.datetime
    age_s: Decimal = ZERO


class RegimeSeen(msgspec.Struct, frozen=True, kw_only=True):
    """The regime at the close of a daily bar."""

    name: str
    bar_closed_at: dt.datetime


class CoinFacts(msgspec.Struct, frozen=True, kw_only=True):
    """One coin's record, and what reality says; None is what nobody told."""

    asset: str
    entry: ManagedAsset
    position: Position | None
    """As it lay there before it was brought up to the agreement."""
    rules: MarketRules | None = None
    wallet_total: Decimal | None = None
    wallet_at: dt.datetime | None = None
    price: PriceSeen | None = None
    regime: RegimeSeen | None = None
    venue: str = "exchange"
    foreign_sales: tuple[OwnTrade, ...] = ()
    """The account's sales since the hand-over that no order of the bot's made, oldest first."""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of drift in one coin: verdict, size, evidence, and a sentence for people."""

    kind: DriftKind
    verdict: Verdict
    sentence: str
    severity: int = 0
    """How many times the limit is reached; the fingerprint holds it, so what grows is told again."""
    difference: Decimal | None = None
    tolerance: Decimal = ZERO
    """Evidence that moved by more than this is brought up to date."""
    evidence: dict[str, Any] = {}

    @property
    def fingerprint(self) -> str:
        """Return what is the same for the same drift in every cycle."""
        basis = self.evidence.get("basis", {})
        proposal = str(basis.get("current_proposal_id", ""))[:8]
        against = basis.get("reference_price" if self.kind == "price" else "approved_quantity", "")
        return f"{self.kind}:{proposal}:{against}:{self.evidence.get('direction', '')}:{self.severity}"


def record_quantity(entry: ManagedAsset) -> Decimal:
    """Return what should be there of the coin: approved and bought, less sold, less fees taken from it.

    A buy in flight may bring more; a wallet below this is short all the same.
    """
    sold = (entry.sold_quantity or ZERO) + filled_in_flight(entry)[0]
    return max(ZERO, entry.promised_quantity - sold - (entry.fee_quantity or ZERO))


def worth_per_coin(facts: CoinFacts) -> Decimal:
    """Return the price at which dust is judged: a nonsense price in one answer makes nothing worthless."""
    told = facts.price.last if facts.price is not None else ZERO
    return max(told, facts.entry.reference_price or ZERO)


def compare(facts: CoinFacts, limits: DriftLimits) -> tuple[Finding, ...]:
    """Return a finding for each kind, the ones without drift included."""
    return (
        compare_position(facts, limits),
        compare_wallet(facts, limits),
        compare_price(facts, limits),
        compare_regime(facts, limits),
    )


def compare_position(facts: CoinFacts, limits: DriftLimits) -> Finding:
    """D1: the position against the approved quantity, own buys and own sales; needs no exchange."""
    entry, position = facts.entry, facts.position
    approved = entry.approved_quantity
    if position is None or not position.is_open or approved is None:
        return _no("qty", "nothing is tracked yet")
    if position.proposal_id != entry.current_proposal_id:
        return _no("qty", "the position is of an earlier agreement")
    followed = position.approved_quantity
    if followed is not None and approved < followed:
        return _no("qty", "a person accepted a smaller quantity; the position follows")
    # Own fills that the position has not followed yet explain a difference; ones that only it knows do not.
    sold = (entry.sold_quantity or ZERO) + filled_in_flight(entry)[0]
    fills = max(ZERO, sold - position.sold_quantity)
    buys = max(ZERO, (entry.bought_quantity or ZERO) - position.bought_quantity)
    expected, there = entry.promised_quantity - sold, max(ZERO, position.quantity + buys - fills)
    difference = there - expected
    limit = entry.promised_quantity * limits.quantity_pct / HUNDRED
    evidence = {
        "record_quantity": plain(expected),
        "record_source": "managed_state.json",
        "current_quantity": plain(there),
        "current_source": "positions.json",
        "own_fills": plain(sold),
        "fills_of_position": plain(position.sold_quantity),
        "limit_pct": limits.quantity_pct,
    }
    words = f"the position holds {text(there)}, the agreement says {text(expected)}"
    return _sized("qty", abs(difference), limit, difference, words, facts, evidence)


def compare_wallet(facts: CoinFacts, limits: DriftLimits) -> Finding:
    """D2: the wallet's total against the record; more than the record is the owner's own."""
    entry, there, rules = facts.entry, facts.wallet_total, facts.rules
    if there is None or facts.wallet_at is None or rules is None:
        return _no("wallet_external", "the exchange did not tell the balance", Verdict.UNKNOWN)
    if entry.approved_quantity is None or entry.exit_intent is not None:
        return _no("wallet_external", "an exit order is in flight, or nothing is agreed", Verdict.UNKNOWN)
    record = record_quantity(entry)
    short = record - there
    evidence = {
        "record_quantity": plain(record),
        "record_source": "managed_state.json",
        "current_quantity": plain(there),
        "current_source": f"wallet at {facts.venue}, own open orders counted in",
        "current_at": iso_z(facts.wallet_at),
        "own_fills": plain(entry.sold_quantity or ZERO),
        "fees_taken": plain(entry.fee_quantity or ZERO),
    }
    if short <= ZERO:
        words = f"the wallet holds {text(there)}, the record needs {text(record)}"
        return _found("wallet_external", Verdict.CLEAR, words, facts, evidence, -short)
    words = f"the wallet holds {text(there)}, {text(short)} less than the record's {text(record)}"
    if facts.foreign_sales:
        evidence["foreign_sales"] = [_sale(trade) for trade in facts.foreign_sales[-_SALES_NAMED:]]
        last = facts.foreign_sales[-1]
        words += (
            f"; {text(last.quantity)} were sold at {text(last.price)} on {iso_z(last.executed_at)}"
            f" by an order that is not the bot's (trade {last.trade_id})"
        )
    if rules.is_dust(short, worth_per_coin(facts)):
        explained = f"{words}: too little to be sold, so taken for fees or dust"
        return _found("wallet_external", Verdict.CLEAR, explained, facts, evidence, -short)
    limit = entry.promised_quantity * limits.quantity_pct / HUNDRED
    severity = _severity(short, limit, of=entry.promised_quantity)
    return _found("wallet_external", Verdict.DRIFT, words, facts, evidence, -short, severity, rules.step_size)


def is_newly_short(facts: CoinFacts) -> bool:
    """Say whether the wallet is below the record, and that is not on record yet."""
    known = {drift.kind for drift in drifts_of(facts.entry)}
    if known & {"wallet_external", "environment_reset"}:
        return False
    return compare_wallet(facts, DriftLimits()).verdict is Verdict.DRIFT


def _sale(trade: OwnTrade) -> dict[str, Any]:
    return {
        "trade_id": trade.trade_id,
        "order_id": trade.order_id,
        "executed_at": iso_z(trade.executed_at),
        "quantity": plain(trade.quantity),
        "price": plain(trade.price),
    }


def compare_price(facts: CoinFacts, limits: DriftLimits) -> Finding:
    """Say whether the price has left the band around the reference."""
    entry, price = facts.entry, facts.price
    reference, atr = entry.reference_price, entry.atr
    if reference is None or atr is None or atr <= ZERO:
        return _no("price", "no reference or ATR was agreed")
    if price is None:
        return _no("price", "the exchange did not tell the price", Verdict.UNKNOWN)
    if price.age_s > limits.price_max_age_s:
        told = f"the price is {price.age_s:.0f} s old, too old for a verdict"
        return _no("price", told, Verdict.UNKNOWN)
    away, band = price.last - reference, atr * limits.price_atr
    evidence = {
        "reference_price": plain(reference),
        "record_source": "managed_state.json",
        "atr": plain(atr),
        "limit_atr": limits.price_atr,
        "current_price": plain(price.last),
        "current_source": f"ticker of {facts.venue}",
        "current_at": iso_z(price.observed_at),
    }
    side = "above" if away > ZERO else "below"
    words = (
        f"the price is {text(price.last)}, {text(abs(away))} {side} the reference {text(reference)};"
        f" {text(band)} are allowed"
        if away != ZERO
        else f"the price is at its reference {text(reference)}"
    )
    return _sized("price", abs(away), band, away, words, facts, evidence, tolerance=atr / 2)


def compare_regime(facts: CoinFacts, limits: DriftLimits) -> Finding:
    """Say whether the market has turned against the reference: BEAR to BULL, or back."""
    reference, seen = facts.entry.reference_regime, facts.regime
    if reference is None or not limits.regime:
        return _no("regime", "no reference was agreed" if limits.regime else "not watched (setting)")
    if seen is None:
        return _no("regime", "not read since the last daily close", Verdict.UNKNOWN)
    evidence = {
        "reference_regime": reference,
        "record_source": "managed_state.json",
        "current_regime": seen.name,
        "current_source": f"daily candles of {facts.venue}",
        "current_at": iso_z(seen.bar_closed_at),
        "direction": f"{reference}>{seen.name}",
    }
    turned = (reference, seen.name) in _OPPOSITE
    words = f"the regime is {seen.name}, the reference {reference}"
    return _found("regime", Verdict.DRIFT if turned else Verdict.CLEAR, words, facts, evidence, None)


def _sized(
    kind: DriftKind,
    size: Decimal,
    limit: Decimal,
    difference: Decimal,
    words: str,
    facts: CoinFacts,
    evidence: dict[str, Any],
    *,
    tolerance: Decimal = ZERO,
) -> Finding:
    """Judge a size against its limit: on the limit is within it."""
    if size > limit:
        severity = _severity(size, limit, of=facts.entry.approved_quantity or ZERO)
        evidence = evidence | {"direction": "up" if difference > ZERO else "down"}
        return _found(kind, Verdict.DRIFT, words, facts, evidence, difference, severity, tolerance)
    verdict = Verdict.CLEAR if size <= limit * _SETTLED_SHARE else Verdict.NEAR
    return _found(kind, verdict, words, facts, evidence, difference)


def _severity(size: Decimal, limit: Decimal, *, of: Decimal) -> int:
    """Return how many times the limit is reached; without a limit, how many percent are, and one more."""
    if limit > ZERO:
        return int((size / limit).to_integral_value(ROUND_FLOOR))
    return 1 + (int((size * HUNDRED / of).to_integral_value(ROUND_FLOOR)) if of > ZERO else 0)


def _found(
    kind: DriftKind,
    verdict: Verdict,
    words: str,
    facts: CoinFacts,
    evidence: dict[str, Any],
    difference: Decimal | None,
    severity: int = 0,
    tolerance: Decimal = ZERO,
) -> Finding:
    return Finding(
        kind=kind,
        verdict=verdict,
        sentence=words,
        severity=severity,
        difference=difference,
        tolerance=tolerance,
        evidence=evidence | {"basis": basis_of(facts.entry)},
    )


def _no(kind: DriftKind, words: str, verdict: Verdict = Verdict.NEAR) -> Finding:
    """Return a finding that changes nothing: nothing is flagged, and nothing is called gone."""
    return Finding(kind=kind, verdict=verdict, sentence=words)
