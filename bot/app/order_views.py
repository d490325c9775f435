"""Orders and positions for screens: from the journal and the files; the exchange is asked for prices only."""

import datetime as dt
from collections.abc import Mapping, Sequence
from decimal import Decimal

import msgspec

from bot.app.averaging_view import AveragingView, averaging_view
from bot.app.core import HomeContext
from bot.app.resting_stop_view import if_the_bot_dies
from bot.app.trailing_view import TrailingView, trailing_view
from bot.app.views import did_you_mean
from bot.app.wiring import App
from bot.execution.order_record import OrderEvent, OrderRecord
from bot.execution.orders import Side
from bot.execution.position_ledger import LedgerFill, PositionLedger, booked, fills_of, opened
from bot.holdings.positions import Position
from bot.kernel.errors import BotError, UsageError
from bot.kernel.ids import pair_of
from bot.kernel.market import OwnTrade, Ticker
from bot.kernel.money import ZERO
from bot.lifecycle.documents import ManagedStateContent
from bot.storage.documents import MANAGED_STATE, POSITIONS
from bot.storage.order_journal import OrderJournal


class OrdersView(msgspec.Struct, frozen=True, kw_only=True):
    """The journal's orders, newest first, and the trades that no order of the bot's made."""

    orders: tuple[OrderRecord, ...]
    foreign_trades: tuple[OwnTrade, ...]


class PositionLine(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One position in figures; quantities in base units, money in quote units."""

    asset: str
    symbol: str
    is_open: bool
    quantity: Decimal
    opening_quantity: Decimal
    sold_quantity: Decimal
    bought_quantity: Decimal = ZERO
    """What the bot's own buys brought, less fees taken from the coin itself."""
    paid: Decimal = ZERO
    """What they cost, before fees."""
    averaging: AveragingView | None = None
    """Where averaging stands; absent where it was not agreed, or the position is closed."""
    average_cost: Decimal | None = None
    entry_price: Decimal
    """The declared basis."""
    reference_price: Decimal
    """The price at the hand-over."""
    proceeds: Decimal
    realised: Decimal
    realised_since_hand_over: Decimal
    price: Decimal | None = None
    price_at: dt.datetime | None = None
    unrealised: Decimal | None = None
    unrealised_since_hand_over: Decimal | None = None
    fees: Mapping[str, Decimal] = {}
    stop_loss: Decimal
    """The live one: the agreed stop, or higher where it follows the price."""
    trailing: TrailingView | None = None
    """How the stop follows the price; absent where it stands still, or the position is closed."""
    take_profit: Decimal
    if_the_bot_dies: str | None = None
    """What becomes of its stop then."""
    proposal_id: str
    opened_at: dt.datetime
    closed_at: dt.datetime | None = None
    journal_agrees: bool = True
    """Whether the order journal's fills add up to what the position says was sold."""


class PositionsView(msgspec.Struct, frozen=True, kw_only=True):
    """All positions, and why no prices are told where they are not."""

    lines: tuple[PositionLine, ...]
    not_asked: str = ""


def journal_of(context: HomeContext) -> OrderJournal:
    """Return the home's orders as they are written down.

    Raises:
        AuditError: A line is damaged.
    """
    journal = OrderJournal(context.home.orders_log)
    journal.refresh()
    return journal


def orders(context: HomeContext, *, asset: str | None = None, live_only: bool = False) -> OrdersView:
    """Return the orders, of one coin or of all."""
    journal = journal_of(context)
    found = [
        record
        for record in journal.records.values()
        if asset in {None, record.birth.asset} and (record.may_be_live or not live_only)
    ]
    symbol = None if asset is None else pair_of(asset, context.settings["quote"])
    foreign = (trade for trade in journal.foreign_trades if symbol in {None, trade.symbol})
    return OrdersView(orders=tuple(reversed(found)), foreign_trades=tuple(foreign))


def order(context: HomeContext, reference: str) -> tuple[OrderRecord, tuple[OrderEvent, ...]]:
    """Return one order with what happened to it, by its id or a unique prefix of it.

    Raises:
        UsageError: `no_such_order`.
    """
    journal = journal_of(context)
    names = [name for name in journal.records if reference and name.startswith(reference)]
    if reference in journal.records:
        names = [reference]
    if len(names) != 1:
        why = did_you_mean(reference, journal.records) or None
        if names:
            why = f"Candidates: {', '.join(names[:10])}."
        raise UsageError(f"There is no order {reference}.", code="no_such_order", why=why)
    return journal.records[names[0]], journal.events_of(names[0])


def positions(app: App, *, asset: str | None = None, offline: bool = False) -> PositionsView:
    """Return the positions with their figures, at the exchange's prices unless offline.

    Raises:
        UsageError: `unknown_asset`: no position of that coin was ever taken over.
    """
    quote = str(app.settings["quote"])
    known = app.store.read(POSITIONS).content.positions
    wanted = {symbol: item for symbol, item in known.items() if asset in {None, item.asset}}
    if asset is not None and not wanted:
        raise UsageError(
            f"There is no position in {asset}.",
            code="unknown_asset",
            why=did_you_mean(asset, [item.asset for item in known.values()])
            or "A position begins when the loop takes an approved coin over.",
        )
    tickers, not_asked = _prices(
        app, [symbol for symbol, item in wanted.items() if item.is_open], offline=offline
    )
    records = tuple(journal_of(app).records.values())
    managed = app.store.read(MANAGED_STATE).content
    investable = app.settings["risk.investable_capital_usdt"]
    lines = (
        msgspec.structs.replace(
            line_of(symbol, item, records, quote=quote, ticker=tickers.get(symbol)),
            trailing=_trailing(managed, item),
            if_the_bot_dies=if_the_bot_dies(managed, item.asset) if item.is_open else None,
            averaging=averaging_view(managed, item.asset, investable=investable) if item.is_open else None,
        )
        for symbol, item in wanted.items()
    )
    return PositionsView(lines=tuple(lines), not_asked=not_asked)


def _trailing(managed: ManagedStateContent, position: Position) -> TrailingView | None:
    entry = managed.managed_assets.get(position.asset)
    return trailing_view(entry, position) if entry is not None and position.is_open else None


def line_of(
    symbol: str, position: Position, records: Sequence[OrderRecord], *, quote: str, ticker: Ticker | None
) -> PositionLine:
    """Return one position's figures: quantity from the position, cost and fees from the ledger."""
    ledger, agrees = ledger_of(position, records, quote=quote)
    price = ticker.last if ticker is not None else None
    return PositionLine(
        asset=position.asset,
        symbol=symbol,
        is_open=position.is_open,
        quantity=position.quantity,
        opening_quantity=ledger.opening_quantity,
        sold_quantity=ledger.sold_quantity,
        bought_quantity=ledger.bought_quantity,
        paid=ledger.paid,
        average_cost=ledger.average_cost,
        entry_price=position.entry_price,
        reference_price=position.reference_price,
        proceeds=ledger.proceeds,
        realised=ledger.realised,
        realised_since_hand_over=ledger.realised_since_hand_over,
        price=price,
        price_at=ticker.observed_at if ticker is not None else None,
        unrealised=None if price is None else ledger.unrealised(price),
        unrealised_since_hand_over=None if price is None else ledger.unrealised_since_hand_over(price),
        fees=ledger.fees,
        stop_loss=position.stop_loss,
        take_profit=position.take_profit,
        proposal_id=position.proposal_id,
        opened_at=position.opened_at,
        closed_at=position.closed_at,
        journal_agrees=agrees,
    )


def ledger_of(
    position: Position, records: Sequence[OrderRecord], *, quote: str
) -> tuple[PositionLedger, bool]:
    """Return the position's ledger, and whether the journal tells the same buys and sales as the position.

    Where it does not (a journal that began later, say), the position's own sums are booked as one buy and one
    sale, with the fees that are known.
    """
    ledger = opened(
        position.asset,
        quote_asset=quote,
        quantity=position.quantity + position.sold_quantity - position.bought_quantity,
        entry_price=position.entry_price,
        reference_price=position.reference_price,
    )
    fills = fills_of(
        (record for record in records if record.birth.asset == position.asset),
        proposal_id=position.proposal_id,
    )
    sold = sum((fill.quantity for fill in fills if fill.side is Side.SELL), ZERO)
    bought = sum((fill.quantity for fill in fills if fill.side is Side.BUY), ZERO)
    agrees = (sold, bought) == (position.sold_quantity, position.bought_quantity)
    if not agrees:
        fees: dict[str, Decimal] = {}
        for fill in fills:
            for name, amount in fill.fees.items():
                fees[name] = fees.get(name, ZERO) + amount
        fills = [
            LedgerFill(side=Side.BUY, quantity=position.bought_quantity, quote=position.paid_usdt),
            LedgerFill(
                side=Side.SELL, quantity=position.sold_quantity, quote=position.proceeds_usdt, fees=fees
            ),
        ]
    for fill in fills:
        ledger = booked(ledger, fill)
    return ledger, agrees


def _prices(app: App, symbols: Sequence[str], *, offline: bool) -> tuple[Mapping[str, Ticker], str]:
    if offline or not symbols:
        return {}, ""
    try:
        return app.gateway.tickers(symbols), ""
    except BotError as error:
        return {}, f"{error.what} {error.why}"
