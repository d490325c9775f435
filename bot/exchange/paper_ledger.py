"""The paper account: holdings, orders and trades as plain data, and the pure steps that change it.

1. Holdings are totals; what is locked follows from the open orders, so it can never drift from them.
2. A fill moves exactly price times quantity, and takes its fee from what is received, rounded up to
   eight places, never in our favour.
3. A ledger is never changed, only replaced: what was saved is what is used.
"""

import datetime as dt
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Protocol

import msgspec

from bot.execution.orders import Fee, Fill, OrderReport, OrderRequest, OrderStatus, Side
from bot.holdings.wallet import Balance, WalletSnapshot
from bot.kernel.market import BookLevel, OwnTrade
from bot.kernel.money import ZERO, ceil_to_step, plain

_FEE_STEP = Decimal("0.00000001")
_BPS = Decimal(10_000)


class PaperOrder(msgspec.Struct, frozen=True, kw_only=True):
    """One order of the paper account; `triggered` tells whether its stop price was reached."""

    order_id: int
    request: OrderRequest
    status: OrderStatus
    filled_quantity: Decimal = ZERO
    filled_quote: Decimal = ZERO
    fees: tuple[Fee, ...] = ()
    triggered: bool = False
    updated_at: dt.datetime

    @property
    def base(self) -> str:
        """Return the coin that is bought or sold."""
        return self.request.symbol.split("/")[0]

    @property
    def quote(self) -> str:
        """Return the coin that pays."""
        return self.request.symbol.split("/")[1]

    @property
    def remaining(self) -> Decimal:
        """Return the base units that are not filled yet."""
        return self.request.quantity - self.filled_quantity

    @property
    def report(self) -> OrderReport:
        """Return the order as the gateway tells of it."""
        return OrderReport(
            client_order_id=self.request.client_order_id,
            exchange_order_id=str(self.order_id),
            symbol=self.request.symbol,
            side=self.request.side,
            status=self.status,
            quantity=self.request.quantity,
            filled_quantity=self.filled_quantity,
            filled_quote=self.filled_quote,
            fees=self.fees,
            updated_at=self.updated_at,
        )


class PaperLedger(msgspec.Struct, frozen=True, kw_only=True):
    """The whole paper account."""

    holdings: Mapping[str, Decimal]
    """Totals per coin, free and locked together."""
    orders: tuple[PaperOrder, ...] = ()
    trades: tuple[OwnTrade, ...] = ()
    next_id: int = 1

    @property
    def open_orders(self) -> tuple[PaperOrder, ...]:
        """Return the orders that may still be filled, oldest first."""
        return tuple(order for order in self.orders if not order.status.is_final)

    def report_of(self, order: PaperOrder) -> OrderReport:
        """Return the order as the gateway tells of it, with its trades."""
        fills = tuple(
            Fill(
                trade_id=trade.trade_id,
                price=trade.price,
                quantity=trade.quantity,
                fee=trade.fee,
                fee_asset=trade.fee_asset,
            )
            for trade in self.trades
            if trade.order_id == str(order.order_id)
        )
        return msgspec.structs.replace(order.report, fills=fills)


class PaperLedgerStore(Protocol):
    """Where the paper account is kept.

    `save` returns only when the ledger is kept as a whole; what it raises stops the paper gateway
    before it uses the new ledger.
    """

    def load(self) -> PaperLedger | None:
        """Return the ledger, or None if none was ever saved."""
        ...

    def save(self, ledger: PaperLedger) -> None:
        """Keep the ledger instead of the one before."""
        ...


class MemoryLedgerStore:
    """`PaperLedgerStore` that forgets everything with the process."""

    def __init__(self) -> None:
        self._ledger: PaperLedger | None = None

    def load(self) -> PaperLedger | None:
        """Return the ledger, or None if none was ever saved."""
        return self._ledger

    def save(self, ledger: PaperLedger) -> None:
        """Keep the ledger instead of the one before."""
        self._ledger = ledger


def locked(ledger: PaperLedger, asset: str) -> Decimal:
    """Return what open orders hold of a coin."""
    return sum((_lock(order)[1] for order in ledger.open_orders if _lock(order)[0] == asset), ZERO)


def free(ledger: PaperLedger, asset: str) -> Decimal:
    """Return what may still be spent of a coin."""
    return ledger.holdings.get(asset, ZERO) - locked(ledger, asset)


def snapshot(ledger: PaperLedger, *, observed_at: dt.datetime) -> WalletSnapshot:
    """Return the balances as a wallet shows them; always complete."""
    balances: dict[str, Balance] = {}
    for asset, total in ledger.holdings.items():
        if total:
            used = locked(ledger, asset)
            balances[asset] = Balance(free=plain(total - used), used=plain(used), total=plain(total))
    return WalletSnapshot(balances=balances, observed_at=observed_at, complete=True)


def with_order(
    ledger: PaperLedger, request: OrderRequest, now: dt.datetime
) -> tuple[PaperLedger, PaperOrder]:
    """Add a new, open order."""
    order = PaperOrder(order_id=ledger.next_id, request=request, status=OrderStatus.OPEN, updated_at=now)
    orders = (*ledger.orders, order)
    return msgspec.structs.replace(ledger, orders=orders, next_id=ledger.next_id + 1), order


def replaced(ledger: PaperLedger, order: PaperOrder) -> PaperLedger:
    """Put a newer state of an order in the place of the old one."""
    orders = tuple(order if old.order_id == order.order_id else old for old in ledger.orders)
    return msgspec.structs.replace(ledger, orders=orders)


def filled(
    ledger: PaperLedger, order: PaperOrder, fills: Iterable[BookLevel], *, fee_bps: Decimal, now: dt.datetime
) -> tuple[PaperLedger, PaperOrder]:
    """Book fills of an order: coins move, fees are taken, one trade is written for each."""
    for fill in fills:
        ledger, order = _one_fill(ledger, order, fill, fee_bps=fee_bps, now=now)
    return replaced(ledger, order), order


def _one_fill(
    ledger: PaperLedger, order: PaperOrder, fill: BookLevel, *, fee_bps: Decimal, now: dt.datetime
) -> tuple[PaperLedger, PaperOrder]:
    cost = fill.price * fill.quantity
    is_buy = order.request.side is Side.BUY
    pays, paid = (order.quote, cost) if is_buy else (order.base, fill.quantity)
    gets, got = (order.base, fill.quantity) if is_buy else (order.quote, cost)
    fee = Fee(asset=gets, amount=ceil_to_step(got * fee_bps / _BPS, _FEE_STEP))
    holdings = dict(ledger.holdings)
    holdings[pays] = plain(holdings.get(pays, ZERO) - paid)
    holdings[gets] = plain(holdings.get(gets, ZERO) + got - fee.amount)
    trade = OwnTrade(
        trade_id=str(ledger.next_id),
        order_id=str(order.order_id),
        client_order_id=order.request.client_order_id,
        symbol=order.request.symbol,
        side=order.request.side.value,
        price=fill.price,
        quantity=fill.quantity,
        fee=fee.amount,
        fee_asset=fee.asset,
        executed_at=now,
    )
    done = plain(order.filled_quantity + fill.quantity)
    after = msgspec.structs.replace(
        order,
        status=OrderStatus.FILLED if done == order.request.quantity else OrderStatus.PARTIALLY_FILLED,
        filled_quantity=done,
        filled_quote=plain(order.filled_quote + cost),
        fees=_add_fee(order.fees, fee),
        updated_at=now,
    )
    book = msgspec.structs.replace(
        ledger, holdings=holdings, trades=(*ledger.trades, trade), next_id=ledger.next_id + 1
    )
    return book, after


def _add_fee(fees: tuple[Fee, ...], fee: Fee) -> tuple[Fee, ...]:
    """Add a fee; an order receives one coin only, so all of its fees are in that coin."""
    total = sum((old.amount for old in fees), fee.amount)
    return (Fee(asset=fee.asset, amount=plain(total)),) if total else ()


def _lock(order: PaperOrder) -> tuple[str, Decimal]:
    """Return which coin an open order holds, and how much."""
    if order.request.side is Side.SELL:
        return order.base, order.remaining
    return order.quote, order.remaining * (order.request.limit_price or ZERO)
