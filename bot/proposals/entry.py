"""The synthetic entry: the price that profit and loss are counted from (Q-MH-10).

It never moves a stop or a target; those hang on the reference price.
"""

from collections.abc import Sequence
from decimal import Decimal

import msgspec

from bot.kernel.errors import UsageError
from bot.kernel.market import OwnTrade
from bot.kernel.money import ZERO, ceil_to_step, plain
from bot.lifecycle.command_payloads import EntryMethod
from bot.proposals.document import EntrySource, FeeNotCounted
from bot.proposals.facts import ProposalFacts, ProposalRequest, closed_candles
from bot.proposals.indicators import vwap
from bot.proposals.parts import Note
from bot.proposals.policy import ProposalPolicy
from bot.proposals.wording import say

_TRADE_IDS_SHOWN = 100
"""The newest ids in the document; the kept input holds every trade."""
_UNNAMED = "?"
"""Stands for a fee's coin that the exchange left out."""


class SyntheticEntry(msgspec.Struct, frozen=True, kw_only=True):
    """The entry price with its origin."""

    method: EntryMethod
    """The method that was used: `current_price` where the one asked for had nothing to work with."""
    value: Decimal
    """Quote per base, on the tick, rounded up: profit is never overstated."""
    source: EntrySource
    notes: tuple[Note, ...] = ()


class CostBasis(msgspec.Struct, frozen=True, kw_only=True):
    """Average cost of what own trades left in the account."""

    average: Decimal
    """Quote per base, fees in base and quote included."""
    quantity: Decimal
    """Base units that the trades account for."""
    fees_not_counted: tuple[FeeNotCounted, ...]


def average_cost(trades: Sequence[OwnTrade], *, base: str, quote: str) -> CostBasis | None:
    """Return the running average cost of a market's own trades, oldest first.

    A buy adds its price and quantity; a fee in quote adds to the cost, one in base takes from the
    quantity, one in a third coin has no price here and is only named. A sell takes quantity out at the
    average cost; selling more than the trades brought in empties the record (those coins came from
    elsewhere). None where nothing is left.
    """
    quantity, cost = ZERO, ZERO
    foreign: dict[str, Decimal] = {}
    for trade in trades:
        fee_in_base = trade.fee if trade.fee_asset == base else ZERO
        if trade.fee_asset not in {base, quote} and trade.fee > ZERO:
            coin = trade.fee_asset or _UNNAMED
            foreign[coin] = foreign.get(coin, ZERO) + trade.fee
        if trade.side == "buy":
            fee_in_quote = trade.fee if trade.fee_asset == quote else ZERO
            quantity += trade.quantity - fee_in_base
            cost += trade.quantity * trade.price + fee_in_quote
        else:
            left = max(ZERO, quantity - trade.quantity - fee_in_base)
            cost = cost * left / quantity if quantity > ZERO else ZERO
            quantity = left
    if quantity <= ZERO:
        return None
    fees = tuple(FeeNotCounted(asset=asset, amount=plain(foreign[asset])) for asset in sorted(foreign))
    return CostBasis(average=cost / quantity, quantity=plain(quantity), fees_not_counted=fees)


def synthetic_entry(
    request: ProposalRequest,
    facts: ProposalFacts,
    *,
    held: Decimal,
    tick: Decimal,
    policy: ProposalPolicy,
    language: str,
) -> SyntheticEntry:
    """Return the entry price by the method asked for, or by the current price where that has no data.

    Args:
        request: Method and, for `manual`, value.
        facts: Candles and own trades.
        held: The wallet's total, base units, to name coins that came in without a trade.
        tick: Grid of the price.
        policy: The VWAP's window.
        language: Of the sentences.

    Raises:
        UsageError: For `manual` without a price above zero.
    """
    if request.synthetic_entry_method is EntryMethod.MANUAL:
        return _manual(request, tick, language)
    found: SyntheticEntry | None = None
    if request.synthetic_entry_method is EntryMethod.VWAP:
        found = _by_vwap(facts, tick, policy, language)
    elif request.synthetic_entry_method is EntryMethod.COST_BASIS:
        found = _by_cost(facts, held, tick, language)
    if found is not None:
        return found
    current = SyntheticEntry(
        method=EntryMethod.CURRENT_PRICE,
        value=plain(facts.ticker.last),
        source=EntrySource(
            sentence=say(language, "entry_current_price", venue=facts.venue),
            first_at=facts.ticker.observed_at,
            last_at=facts.ticker.observed_at,
        ),
    )
    if request.synthetic_entry_method is EntryMethod.CURRENT_PRICE:
        return current
    method = request.synthetic_entry_method.value
    note = Note(code="entry_fell_back", sentence=say(language, "entry_fell_back", method=method))
    return msgspec.structs.replace(current, notes=(note,))


def _manual(request: ProposalRequest, tick: Decimal, language: str) -> SyntheticEntry:
    value = request.synthetic_entry_value
    if value is None or value <= ZERO:
        raise UsageError(
            f"A manual entry for {request.asset} has no price",
            code="manual_entry_needs_value",
            why=f"found {value}, expected a price above zero",
        )
    return SyntheticEntry(
        method=EntryMethod.MANUAL,
        value=ceil_to_step(value, tick),
        source=EntrySource(sentence=say(language, "entry_manual")),
    )


def _by_vwap(
    facts: ProposalFacts, tick: Decimal, policy: ProposalPolicy, language: str
) -> SyntheticEntry | None:
    hourly = closed_candles(facts.hourly, "1h", facts.ticker.observed_at)[-policy.vwap_hours :]
    average = vwap(hourly)
    if average is None:
        return None
    return SyntheticEntry(
        method=EntryMethod.VWAP,
        value=ceil_to_step(average, tick),
        source=EntrySource(
            sentence=say(language, "entry_vwap", rows=len(hourly)),
            first_at=hourly[0].opened_at,
            last_at=hourly[-1].opened_at,
            rows=len(hourly),
        ),
    )


def _by_cost(facts: ProposalFacts, held: Decimal, tick: Decimal, language: str) -> SyntheticEntry | None:
    trades = facts.own_trades
    basis = average_cost(trades, base=facts.rules.base, quote=facts.rules.quote)
    if basis is None:
        return None
    unpriced = plain(max(ZERO, held - basis.quantity))
    notes: list[Note] = []
    if unpriced > ZERO:
        sentence = say(
            language,
            "deposits_without_price",
            quantity=unpriced,
            asset=facts.rules.base,
            covered=basis.quantity,
        )
        notes.append(Note(code="deposits_without_price", sentence=sentence))
    notes.extend(
        Note(
            code="fees_not_counted",
            sentence=say(language, "fees_not_counted", amount=fee.amount, asset=fee.asset),
        )
        for fee in basis.fees_not_counted
    )
    return SyntheticEntry(
        method=EntryMethod.COST_BASIS,
        value=ceil_to_step(basis.average, tick),
        source=EntrySource(
            sentence=say(language, "entry_cost_basis", rows=len(trades), symbol=facts.symbol),
            first_at=trades[0].executed_at,
            last_at=trades[-1].executed_at,
            rows=len(trades),
            covered_quantity=min(basis.quantity, plain(held)),
            unpriced_quantity=unpriced,
            fees_not_counted=basis.fees_not_counted,
            trade_ids=tuple(trade.trade_id for trade in trades[-_TRADE_IDS_SHOWN:]),
        ),
        notes=tuple(notes),
    )
