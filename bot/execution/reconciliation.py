"""What the exchange shows against what the journal holds: orphans, ghosts, foreign trades, late fills; pure.

1. Orphan: an order that rests at the exchange under an id of the bot's own making, and that neither the
   journal nor an open intent knows.
2. Ghost: an order that the journal holds as live although no intent stands for it; the exchange is asked.
3. Foreign: a trade of the account's that no order of the journal made: the owner's own, or another program's.
4. Late fill: a trade of an order of the bot's that the journal held as ended with less.
"""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from decimal import Decimal

import msgspec

from bot.execution.order_record import OrderRecord
from bot.execution.order_states import OrderState
from bot.execution.orders import Fee, Fill, OrderReport, OrderStatus
from bot.kernel.market import OwnTrade
from bot.kernel.money import ZERO

_OWN_ID = re.compile(r"mh-[A-Z0-9]{1,8}-[0-9a-f]{24}")


class TradesSplit(msgspec.Struct, frozen=True, kw_only=True):
    """New trades of one market: whose they are."""

    own: Mapping[str, tuple[OwnTrade, ...]]
    """By the client id of the order."""
    foreign: tuple[OwnTrade, ...]


def is_own_id(client_order_id: str) -> bool:
    """Say whether the id looks like one that this program derives from an intent."""
    return _OWN_ID.fullmatch(client_order_id) is not None


def orphans(resting: Iterable[OrderReport], known: Collection[str]) -> tuple[OrderReport, ...]:
    """Return the resting orders that the bot must have sent, and that nobody remembers."""
    return tuple(
        report
        for report in resting
        if is_own_id(report.client_order_id) and report.client_order_id not in known
    )


def unsettled(records: Iterable[OrderRecord], *, in_flight: Collection[str]) -> tuple[OrderRecord, ...]:
    """Return the orders whose end is not written down although no intent stands for them."""
    return tuple(
        record
        for record in records
        if record.state is not OrderState.CLOSED and record.client_order_id not in in_flight
    )


def split_trades(
    trades: Iterable[OwnTrade], records: Mapping[str, OrderRecord], *, after_id: str | None
) -> TradesSplit:
    """Say whose the trades behind `after_id` are."""
    by_exchange_id = {
        (record.birth.symbol, record.exchange_order_id): name
        for name, record in records.items()
        if record.exchange_order_id is not None
    }
    own: dict[str, list[OwnTrade]] = {}
    foreign: list[OwnTrade] = []
    for trade in trades:
        if after_id is not None and trade_number(trade.trade_id) <= trade_number(after_id):
            continue
        name = by_exchange_id.get((trade.symbol, trade.order_id))
        if name is None:
            foreign.append(trade)
        else:
            own.setdefault(name, []).append(trade)
    return TradesSplit(own={name: tuple(found) for name, found in own.items()}, foreign=tuple(foreign))


def trade_number(trade_id: str) -> tuple[int, str]:
    """Return what orders trades of one market: exchanges count them up."""
    return (int(trade_id), "") if trade_id.isascii() and trade_id.isdigit() else (0, trade_id)


def late_report(record: OrderRecord, trades: Sequence[OwnTrade]) -> OrderReport | None:
    """Return what the trades tell of an order beyond what is known of it, or None for nothing new."""
    fills = {fill.trade_id: fill for fill in record.fills}
    for trade in trades:
        fills.setdefault(
            trade.trade_id,
            Fill(
                trade_id=trade.trade_id,
                price=trade.price,
                quantity=trade.quantity,
                fee=trade.fee,
                fee_asset=trade.fee_asset,
            ),
        )
    quantity = sum((fill.quantity for fill in fills.values()), ZERO)
    if quantity <= record.filled_quantity:
        return None
    fees: dict[str, Decimal] = {}
    for fill in fills.values():
        fees[fill.fee_asset] = fees.get(fill.fee_asset, ZERO) + fill.fee
    whole = quantity >= record.birth.quantity
    return OrderReport(
        client_order_id=record.client_order_id,
        exchange_order_id=record.exchange_order_id or trades[0].order_id,
        symbol=record.birth.symbol,
        side=record.birth.side,
        status=OrderStatus.FILLED if whole else OrderStatus.PARTIALLY_FILLED,
        quantity=record.birth.quantity,
        filled_quantity=quantity,
        filled_quote=sum((fill.quantity * fill.price for fill in fills.values()), ZERO),
        fees=tuple(Fee(asset=name, amount=fees[name]) for name in sorted(fees) if fees[name]),
        fills=tuple(fills.values()),
        updated_at=max(trade.executed_at for trade in trades),
    )
