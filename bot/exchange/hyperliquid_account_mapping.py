"""Pure mapping of what Hyperliquid tells of an account: balances, fills, orders; exact and strict.

1. An order's own figures tell how much is left, its fills tell what was traded for how much; only both
   together make a report, so that no average price of the exchange's rounding is ever booked.
2. A fill's number says nothing of its place in time. Its id here is its time and its number together: ids
   of later fills are greater, as those who compare trades expect.
"""

import datetime as dt
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

import msgspec

from bot.exchange.ccxt_account_mapping import fees_of, fill_of
from bot.exchange.ccxt_fields import (
    at_least_zero,
    bad_answer,
    list_of,
    moment,
    never_surprising,
    positive,
    row_of,
    text_of,
    unless_bad,
    whole,
)
from bot.exchange.hyperliquid_rules import SpotMarket, client_order_id_of
from bot.execution.orders import Fee, OrderReport, OrderStatus, Side
from bot.holdings.wallet import AccountRights, Balance, WalletSnapshot
from bot.kernel.clock import to_millis
from bot.kernel.market import OwnTrade
from bot.kernel.money import ZERO, NotMoneyError, plain, to_decimal

_SIDE = {"B": Side.BUY, "A": Side.SELL}
_LIVE = frozenset({"open", "triggered"})
_NUMBER_DIGITS = 20
_AGENT = "agent"


class OrderFacts(msgspec.Struct, frozen=True, kw_only=True):
    """One order as the exchange lists it, without the worth of its fills."""

    coin: str
    order_id: str
    cloid: str | None
    side: Side
    quantity: Decimal
    left: Decimal
    status: str
    """The exchange's own word, such as `open`, `filled`, `canceled`, `iocCancelRejected`."""
    immediate: bool
    placed_at: dt.datetime
    updated_at: dt.datetime

    @property
    def is_live(self) -> bool:
        """Say whether more can be filled."""
        return self.status in _LIVE

    @property
    def is_rejected(self) -> bool:
        """Say whether the exchange refused it."""
        return self.status.lower().endswith("rejected")

    @property
    def filled_at_least(self) -> Decimal:
        """Return what must be among the fills, as far as the order's own figures tell."""
        if self.is_rejected or (not self.left and self.status != "filled"):
            return ZERO
        return plain(self.quantity - self.left)


@never_surprising
def wallet(answer: object, *, observed_at: dt.datetime) -> WalletSnapshot:
    """Read `spotClearinghouseState`.

    A row that cannot be read, or whose coin is listed twice, is left out and the snapshot is marked
    incomplete; so is an answer without any row, which is what a wrong address gets.
    """
    rows = list_of(row_of(answer, "balances"), "balances")
    pairs = [unless_bad(_balance, entry) for entry in rows]
    names = [pair[0] for pair in pairs if pair is not None]
    found = {pair[0]: pair[1] for pair in pairs if pair is not None and names.count(pair[0]) == 1}
    complete = bool(rows) and len(found) == len(rows)
    kept = {asset: balance for asset, balance in found.items() if balance.total or not complete}
    return WalletSnapshot(balances=kept, observed_at=observed_at, complete=complete)


def _balance(entry: object) -> tuple[str, Balance]:
    row = row_of(entry, "balance")
    total, used = at_least_zero(row, "total"), at_least_zero(row, "hold")
    if used > total:
        raise bad_answer("balance", f"{used} of {total} are held")
    return text_of(row, "coin"), Balance(free=plain(total - used), used=used, total=total)


@never_surprising
def rights(answer: object, *, wallet_address: str, signer: str) -> AccountRights:
    """Read `userRole` of the address whose key signs.

    The account's own key can do everything, withdraw too. An API wallet of the account trades and can
    never withdraw. What is not told is unknown.
    """
    row = row_of(answer, "role")
    role = row.get("role")
    if signer == wallet_address:
        return AccountRights(can_trade=True if role == "user" else None, can_withdraw=True)
    if role != _AGENT:
        return AccountRights(can_trade=False if isinstance(role, str) else None, can_withdraw=None)
    data = row.get("data")
    owner = data.get("user") if isinstance(data, dict) else None
    if not isinstance(owner, str):
        return AccountRights(can_trade=None, can_withdraw=False)
    return AccountRights(can_trade=owner.lower() == wallet_address, can_withdraw=False)


@never_surprising
def fills(answer: object) -> tuple[tuple[str, OwnTrade], ...]:
    """Read one page of `userFillsByTime` as (the market's own name, trade), oldest first.

    The trade's symbol is the market's own name still; `in_market` puts the unified one.
    """
    if not isinstance(answer, list):
        raise bad_answer("fills", "no list")
    found = [_fill(entry) for entry in answer]
    return tuple(sorted(found, key=lambda pair: (pair[1].executed_at, pair[1].trade_id)))


def _fill(entry: object) -> tuple[str, OwnTrade]:
    row = row_of(entry, "fill")
    coin, executed_at = text_of(row, "coin"), moment(row, "time")
    number = whole(row, "tid")
    return coin, OwnTrade(
        trade_id=f"{to_millis(executed_at)}{number:0{_NUMBER_DIGITS}d}",
        order_id=str(whole(row, "oid")),
        symbol=coin,
        side=_side(row).value,
        price=positive(row, "px"),
        quantity=positive(row, "sz"),
        fee=max(ZERO, _signed(row, "fee")),  # a maker's rebate is below zero; it is not booked
        fee_asset=text_of(row, "feeToken"),
        executed_at=executed_at,
    )


def in_market(found: Iterable[tuple[str, OwnTrade]], market: SpotMarket) -> tuple[OwnTrade, ...]:
    """Return the trades of one market, under its unified symbol."""
    return tuple(
        msgspec.structs.replace(trade, symbol=market.symbol) for coin, trade in found if coin == market.coin
    )


@never_surprising
def order_status(answer: object) -> OrderFacts | None:
    """Read `orderStatus`; None where the exchange says that it knows no such order."""
    row = row_of(answer, "order status")
    if row.get("status") == "unknownOid":
        return None
    outer = row_of(row.get("order"), "order status")
    return _facts(outer.get("order"), text_of(outer, "status"), moment(outer, "statusTimestamp"))


def told_order_id(status: object) -> str | None:
    """Return the exchange's id in the answer to a new order (`resting` or `filled`), or None."""
    told = status if isinstance(status, dict) else {}
    for name in ("resting", "filled"):
        inner = told.get(name)
        if isinstance(inner, dict) and "oid" in inner:
            return str(inner["oid"])
    return None


@never_surprising
def open_orders(answer: object) -> tuple[OrderFacts, ...]:
    """Read `frontendOpenOrders`."""
    if not isinstance(answer, list):
        raise bad_answer("open orders", "no list")
    return tuple(_facts(entry, "open", moment(row_of(entry, "open order"), "timestamp")) for entry in answer)


def _facts(entry: object, status: str, updated_at: dt.datetime) -> OrderFacts:
    row = row_of(entry, "order")
    quantity, left = positive(row, "origSz"), at_least_zero(row, "sz")
    if left > quantity:
        raise bad_answer("order", f"{left} of {quantity} are left")
    cloid = row.get("cloid")
    return OrderFacts(
        coin=text_of(row, "coin"),
        order_id=str(whole(row, "oid")),
        cloid=cloid.lower() if isinstance(cloid, str) else None,
        side=_side(row),
        quantity=quantity,
        left=left,
        status=status,
        immediate=row.get("tif") == "Ioc",
        placed_at=moment(row, "timestamp"),
        updated_at=updated_at,
    )


@never_surprising
def order_report(order: OrderFacts, trades: tuple[OwnTrade, ...], market: SpotMarket) -> OrderReport:
    """Return an order with its own fills; what was filled is what the fills say."""
    own = tuple(trade for trade in trades if trade.order_id == order.order_id)
    filled = plain(sum((trade.quantity for trade in own), ZERO))
    if filled > order.quantity:
        raise bad_answer("order", f"{filled} of {order.quantity} were filled")
    return OrderReport(
        client_order_id=order.order_id
        if order.cloid is None
        else client_order_id_of(order.cloid, base=market.base),
        exchange_order_id=order.order_id,
        symbol=market.symbol,
        side=order.side,
        status=_status(order, filled),
        quantity=order.quantity,
        filled_quantity=filled,
        filled_quote=plain(sum((trade.quantity * trade.price for trade in own), ZERO)),
        fees=fees_of(Fee(asset=trade.fee_asset, amount=trade.fee) for trade in own),
        fills=tuple(map(fill_of, own)),
        updated_at=max([order.updated_at, *(trade.executed_at for trade in own)]),
    )


def _status(order: OrderFacts, filled: Decimal) -> OrderStatus:
    if filled == order.quantity:
        return OrderStatus.FILLED
    if order.is_live:
        return OrderStatus.PARTIALLY_FILLED if filled else OrderStatus.OPEN
    if order.is_rejected and not filled:
        return OrderStatus.REJECTED
    if order.immediate or order.is_rejected or order.status == "filled":
        return OrderStatus.EXPIRED  # the rest of an order that does not rest
    if "cancel" in order.status.lower():
        return OrderStatus.CANCELLED
    raise bad_answer("order", f"status {order.status!r}")


def _side(row: Mapping[str, Any]) -> Side:
    side = _SIDE.get(text_of(row, "side"))
    if side is None:
        raise bad_answer("order", f"side {row['side']!r}")
    return side


def _signed(row: Mapping[str, Any], name: str) -> Decimal:
    try:
        return to_decimal(row.get(name))
    except (NotMoneyError, ArithmeticError) as error:
        raise bad_answer(name, str(error)[:100]) from error
