"""Pure mapping of Binance's signed answers: balances, own trades, orders; exact and strict.

The rules are those of `ccxt_mapping`.
"""

import datetime as dt
from collections.abc import Iterable, Mapping
from decimal import Decimal

from bot.exchange.ccxt_fields import (
    Row,
    at_least_zero,
    bad_answer,
    list_of,
    moment,
    never_surprising,
    ordered,
    positive,
    row_of,
    same,
    text_of,
    unless_bad,
    whole,
)
from bot.execution.orders import Fee, Fill, OrderReport, OrderStatus, Side
from bot.holdings.wallet import AccountRights, Balance, WalletSnapshot
from bot.kernel.ids import is_asset
from bot.kernel.market import OwnTrade
from bot.kernel.money import ZERO, plain

ORDER_STATUS = {
    "NEW": OrderStatus.OPEN,
    "PENDING_NEW": OrderStatus.OPEN,
    "PENDING_CANCEL": OrderStatus.OPEN,
    "PARTIALLY_FILLED": OrderStatus.PARTIALLY_FILLED,
    "FILLED": OrderStatus.FILLED,
    "CANCELED": OrderStatus.CANCELLED,
    "REJECTED": OrderStatus.REJECTED,
    "EXPIRED": OrderStatus.EXPIRED,
    "EXPIRED_IN_MATCH": OrderStatus.EXPIRED,
}
_SIDE = {"BUY": Side.BUY, "SELL": Side.SELL}


@never_surprising
def wallet(answer: object, *, observed_at: dt.datetime) -> WalletSnapshot:
    """Read `GET account`.

    A row that cannot be read is left out and the snapshot is marked incomplete; so is an answer
    without any row, since the exchange always lists coins. Coins with nothing are left out of a
    complete answer, where absence means zero.
    """
    found: dict[str, Balance] = {}
    rows = list_of(row_of(answer, "balances"), "balances")
    complete = bool(rows)
    for entry in rows:
        pair = unless_bad(_balance, entry)
        if pair is None:
            complete = False
            continue
        asset, balance = pair
        if asset in found:
            raise bad_answer("balances", f"{asset} is listed twice")
        found[asset] = balance
    kept = {asset: balance for asset, balance in found.items() if balance.total or not complete}
    return WalletSnapshot(balances=kept, observed_at=observed_at, complete=complete)


@never_surprising
def rights(answer: object) -> AccountRights:
    """Read the account's flags `canTrade` and `canWithdraw`; what is no plain yes or no is unknown."""
    row = row_of(answer, "account")
    told = {name: flag for name in ("canTrade", "canWithdraw") if isinstance(flag := row.get(name), bool)}
    return AccountRights(can_trade=told.get("canTrade"), can_withdraw=told.get("canWithdraw"))


def _balance(entry: object) -> tuple[str, Balance]:
    row = row_of(entry, "balance")
    free, used = at_least_zero(row, "free"), at_least_zero(row, "locked")
    return text_of(row, "asset"), Balance(free=free, used=used, total=plain(free + used))


def own_trade(entry: object, *, symbol: str, market_id: str) -> OwnTrade:
    """Read one row of `GET myTrades`."""
    what = f"own trade in {symbol}"
    row = row_of(entry, what)
    same(row, "symbol", market_id, what)
    is_buyer = row.get("isBuyer")
    if not isinstance(is_buyer, bool):
        raise bad_answer(what, f"isBuyer is {is_buyer!r}")
    return OwnTrade(
        trade_id=str(whole(row, "id")),
        order_id=str(whole(row, "orderId")),
        symbol=symbol,
        side=(Side.BUY if is_buyer else Side.SELL).value,
        price=positive(row, "price"),
        quantity=positive(row, "qty"),
        fee=at_least_zero(row, "commission"),
        fee_asset=text_of(row, "commissionAsset"),
        executed_at=moment(row, "time"),
    )


@never_surprising
def own_trades(answer: object, *, symbol: str, market_id: str) -> tuple[OwnTrade, ...]:
    """Read one page of `GET myTrades`, oldest first."""
    if not isinstance(answer, list):
        raise bad_answer(f"own trades in {symbol}", "no list")
    trades = tuple(own_trade(entry, symbol=symbol, market_id=market_id) for entry in answer)
    ordered([int(trade.trade_id) for trade in trades], f"own trades in {symbol}")
    return trades


@never_surprising
def order_report(answer: object, *, symbol: str, market_id: str) -> OrderReport:
    """Read an order as `order`, `openOrders` or a cancellation shows it, fees from its fills if any."""
    what = f"order in {symbol}"
    row = row_of(answer, what)
    same(row, "symbol", market_id, what)
    status, side = ORDER_STATUS.get(text_of(row, "status")), _SIDE.get(text_of(row, "side"))
    if status is None or side is None:
        raise bad_answer(what, f"status {row['status']!r}, side {row['side']!r}")
    quantity, filled = positive(row, "origQty"), at_least_zero(row, "executedQty")
    quote = at_least_zero(row, "cummulativeQuoteQty")  # the exchange's own spelling
    if (
        filled > quantity
        or bool(filled) != bool(quote)
        or (status is OrderStatus.FILLED and filled != quantity)
    ):
        raise bad_answer(what, f"{filled} of {quantity} filled for {quote}, status {status}")
    fills = list_of(row, "fills") if row.get("fills") else []
    return OrderReport(
        # A cancellation has an id of its own and names ours as the original one.
        client_order_id=text_of(row, "origClientOrderId" if "origClientOrderId" in row else "clientOrderId"),
        exchange_order_id=str(whole(row, "orderId")),
        symbol=symbol,
        side=side,
        status=status,
        quantity=quantity,
        filled_quantity=filled,
        filled_quote=quote,
        fees=fees_of(map(_fee, fills)),
        fills=_fills(fills, filled),
        updated_at=_last_update(row),
    )


@never_surprising
def open_orders(answer: object, *, symbols_by_id: Mapping[str, str]) -> tuple[OrderReport, ...]:
    """Read `GET openOrders`; orders in markets that have no plain name are nobody's here."""
    if not isinstance(answer, list):
        raise bad_answer("open orders", "no list")
    reports: list[OrderReport] = []
    for entry in answer:
        market_id = text_of(row_of(entry, "open order"), "symbol")
        symbol = symbols_by_id.get(market_id)
        if symbol is not None:
            reports.append(order_report(entry, symbol=symbol, market_id=market_id))
    return tuple(reports)


@never_surprising
def fees_of(fees: Iterable[Fee]) -> tuple[Fee, ...]:
    """Add fees up, one entry per coin, in the order of the coins' names; nothing taken is no entry.

    Nor is a coin without a plain name (`is_asset`), of which Binance has some: such a fee could not be
    booked, and a fill must be. It stays in the exchange's own list of trades.
    """
    total: dict[str, Decimal] = {}
    for fee in fees:
        if is_asset(fee.asset):
            total[fee.asset] = total.get(fee.asset, ZERO) + fee.amount
    return tuple(Fee(asset=asset, amount=plain(total[asset])) for asset in sorted(total) if total[asset])


def _fee(entry: object) -> Fee:
    row = row_of(entry, "fill")
    return Fee(asset=text_of(row, "commissionAsset"), amount=at_least_zero(row, "commission"))


def _fills(entries: Iterable[object], filled: Decimal) -> tuple[Fill, ...]:
    """Return the order's trades where all of them are told: half of them would be no evidence.

    An answer is not refused for them; what was sold must be booked in any case.
    """
    found = [unless_bad(_fill, entry) for entry in entries]
    whole_ones = tuple(fill for fill in found if fill is not None)
    told = sum((fill.quantity for fill in whole_ones), ZERO)
    return whole_ones if len(whole_ones) == len(found) and told == filled else ()


def _fill(entry: object) -> Fill:
    row = row_of(entry, "fill")
    return Fill(
        trade_id=str(whole(row, "tradeId")),
        price=positive(row, "price"),
        quantity=positive(row, "qty"),
        fee=at_least_zero(row, "commission"),
        fee_asset=text_of(row, "commissionAsset"),
    )


def fill_of(trade: OwnTrade) -> Fill:
    """Return an own trade as a fill of its order."""
    return Fill(
        trade_id=trade.trade_id,
        price=trade.price,
        quantity=trade.quantity,
        fee=trade.fee,
        fee_asset=trade.fee_asset,
    )


def _last_update(row: Row) -> dt.datetime:
    for name in ("updateTime", "transactTime", "time"):
        if name in row:
            return moment(row, name)
    raise bad_answer("order", "it carries no time")
