"""Quantity, cost and profit of one position from its fills: pure, exact, the same from any restart.

1. The bot takes a position over without buying: it opens at the declared basis (`synthetic_entry`), which
   is also the average cost until a buy of the bot's own changes it.
2. Sells realise profit at the average cost; buys change it, and realise nothing.
3. Two yardsticks stand side by side: the declared basis, and the price at the hand-over. Neither is made up
   from the other.
4. A fee is told in the coin it was taken in. One in the quote coin lowers the profit; one in the coin itself
   lowers what is there of it: not what was sold, but what a buy brought, which is so much dearer.
5. Nothing appears or vanishes: opening + bought - sold is the quantity, to the last digit; and cost basis
   in = cost of what was sold + cost of what is left.
"""

from collections.abc import Iterable, Mapping
from decimal import Context, Decimal

import msgspec

from bot.execution.order_record import OrderRecord
from bot.execution.orders import Side
from bot.kernel.money import ZERO, plain

_EXACT = Context(prec=60)
_SHARE_STEP = Decimal(1).scaleb(-16)
"""A share of a cost is told this exactly; what rounding takes from the sold stays with the rest."""


class LedgerFill(msgspec.Struct, frozen=True, kw_only=True):
    """A sold quantity, or what arrived of a bought one, with what it brought or cost before fees."""

    side: Side
    quantity: Decimal
    quote: Decimal
    fees: Mapping[str, Decimal] = {}


class PositionLedger(msgspec.Struct, frozen=True, kw_only=True):
    """One position in figures; quantities in base units, money in quote units."""

    asset: str
    quote_asset: str
    opening_quantity: Decimal
    bought_quantity: Decimal = ZERO
    sold_quantity: Decimal = ZERO
    cost: Decimal
    """What is left, at average cost."""
    hand_over_cost: Decimal
    """The same at the price of the hand-over (buys at what they cost)."""
    proceeds: Decimal = ZERO
    cost_of_sold: Decimal = ZERO
    hand_over_cost_of_sold: Decimal = ZERO
    paid: Decimal = ZERO
    fees: Mapping[str, Decimal] = {}

    @property
    def quantity(self) -> Decimal:
        """Return what is left to track."""
        return _sum(self.opening_quantity, self.bought_quantity, -self.sold_quantity)

    @property
    def average_cost(self) -> Decimal | None:
        """Return quote units per coin of what is left, or None where nothing is."""
        return _EXACT.divide(self.cost, self.quantity) if self.quantity > ZERO else None

    @property
    def quote_fees(self) -> Decimal:
        """Return the fees that were taken in the quote coin."""
        return self.fees.get(self.quote_asset, ZERO)

    @property
    def realised(self) -> Decimal:
        """Return profit of what was sold, against the declared basis, less fees in the quote coin."""
        return _sum(self.proceeds, -self.cost_of_sold, -self.quote_fees)

    @property
    def realised_since_hand_over(self) -> Decimal:
        """Return the same against the price at the hand-over."""
        return _sum(self.proceeds, -self.hand_over_cost_of_sold, -self.quote_fees)

    def unrealised(self, price: Decimal) -> Decimal:
        """Return profit of what is left at a price, against the declared basis; no fee is guessed."""
        return _sum(_EXACT.multiply(self.quantity, price), -self.cost)

    def unrealised_since_hand_over(self, price: Decimal) -> Decimal:
        """Return the same against the price at the hand-over."""
        return _sum(_EXACT.multiply(self.quantity, price), -self.hand_over_cost)


class OversoldError(ValueError):
    """More was sold than the position held."""


def opened(
    asset: str, *, quote_asset: str, quantity: Decimal, entry_price: Decimal, reference_price: Decimal
) -> PositionLedger:
    """Return the ledger of a position that was taken over and not bought."""
    return PositionLedger(
        asset=asset,
        quote_asset=quote_asset,
        opening_quantity=quantity,
        cost=_EXACT.multiply(quantity, entry_price),
        hand_over_cost=_EXACT.multiply(quantity, reference_price),
    )


def booked(ledger: PositionLedger, fill: LedgerFill) -> PositionLedger:
    """Return the ledger after one more fill.

    Raises:
        OversoldError: The sale is larger than what is left.
    """
    fees = dict(ledger.fees)
    for asset, amount in fill.fees.items():
        fees[asset] = _sum(fees.get(asset, ZERO), amount)
    fees = {asset: fees[asset] for asset in sorted(fees) if fees[asset]}
    if fill.side is Side.BUY:
        return msgspec.structs.replace(
            ledger,
            bought_quantity=_sum(ledger.bought_quantity, fill.quantity),
            cost=_sum(ledger.cost, fill.quote),
            hand_over_cost=_sum(ledger.hand_over_cost, fill.quote),
            paid=_sum(ledger.paid, fill.quote),
            fees=fees,
        )
    left = ledger.quantity
    if fill.quantity > left:
        raise OversoldError(f"{fill.quantity} {ledger.asset} sold, {left} were left")
    cost = _share(ledger.cost, fill.quantity, left)
    hand_over = _share(ledger.hand_over_cost, fill.quantity, left)
    return msgspec.structs.replace(
        ledger,
        sold_quantity=_sum(ledger.sold_quantity, fill.quantity),
        proceeds=_sum(ledger.proceeds, fill.quote),
        cost=_sum(ledger.cost, -cost),
        hand_over_cost=_sum(ledger.hand_over_cost, -hand_over),
        cost_of_sold=_sum(ledger.cost_of_sold, cost),
        hand_over_cost_of_sold=_sum(ledger.hand_over_cost_of_sold, hand_over),
        fees=fees,
    )


def fills_of(records: Iterable[OrderRecord], *, proposal_id: str) -> list[LedgerFill]:
    """Return what the orders of one agreement filled, in the order in which they were made."""
    return [
        LedgerFill(
            side=record.birth.side,
            quantity=_arrived(record) if record.birth.side is Side.BUY else record.filled_quantity,
            quote=record.filled_quote,
            fees={fee.asset: fee.amount for fee in record.fees},
        )
        for record in records
        if record.birth.proposal_id == proposal_id and record.filled_quantity > ZERO
    ]


def _arrived(record: OrderRecord) -> Decimal:
    """Return what a buy brought: its fills less the fees that were taken from the coin itself."""
    taken = (fee.amount for fee in record.fees if fee.asset == record.birth.asset)
    return record.filled_quantity - sum(taken, ZERO)


def _share(cost: Decimal, part: Decimal, whole: Decimal) -> Decimal:
    """Return the part's share of the cost; all of it for all, so that no digit is left behind."""
    if part == whole:
        return cost
    return _EXACT.divide(_EXACT.multiply(cost, part), whole).quantize(_SHARE_STEP, context=_EXACT)


def _sum(*numbers: Decimal) -> Decimal:
    """Add without rounding: what a default context would cut off would be gone from the books."""
    total = ZERO
    for number in numbers:
        total = _EXACT.add(total, number)
    return plain(total)
