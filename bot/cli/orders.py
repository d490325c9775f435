"""`bot orders ls|show`."""

from collections.abc import Sequence

import click

from bot.app.order_views import order as order_view
from bot.app.order_views import orders as orders_view
from bot.cli.completing import complete_assets, complete_orders
from bot.cli.help import Group
from bot.cli.screen import Column, Screen, context, json_option
from bot.execution.order_record import OrderEvent, OrderRecord
from bot.execution.orders import Fee, OrderType
from bot.kernel.market import OwnTrade
from bot.kernel.money import ZERO, text

_COLUMNS = (
    Column("order", leads=True),
    Column("asset", leads=True),
    Column("state", leads=True),
    Column("side"),
    Column("quantity", number=True),
    Column("filled", number=True),
    Column("price", number=True),
    Column("why"),
    Column("at"),
)
_FOREIGN = (
    Column("trade", leads=True),
    Column("market", leads=True),
    Column("side"),
    Column("quantity", number=True),
    Column("price", number=True),
    Column("at"),
)


@click.group(cls=Group)
def orders() -> None:
    """Every order that left the bot, or may have left it."""


@orders.command("ls", epilog="Examples: bot orders ls · bot orders ls --asset SOL --json")
@click.option("--asset", shell_complete=complete_assets, help="Only this coin's.")
@click.option("--live", is_flag=True, help="Only what the exchange may still fill, or of unknown outcome.")
@json_option
def ls(screen: Screen, asset: str | None, live: bool) -> None:  # noqa: FBT001 - click passes flags so
    """List the orders, newest first, then trades of the account that are not the bot's."""
    home = context()
    view = orders_view(home, asset=asset.upper() if asset else None, live_only=live)
    if screen.as_json:
        screen.document("bot-orders-1", view, home)
        return
    screen.header(home)
    screen.table(_COLUMNS, [_row(record) for record in view.orders], empty="The bot has sent no order.")
    if view.foreign_trades and not live:
        screen.line()
        screen.line("Trades of the account that no order of the bot's made:")
        screen.table(_FOREIGN, [_trade(trade) for trade in view.foreign_trades])


@orders.command("show", epilog="Examples: bot orders show mh-SOL-6d0f · bot orders show mh-SOL-6d0f --json")
@click.argument("order_id", shell_complete=complete_orders)
@json_option
def show(screen: Screen, order_id: str) -> None:
    """Show one order by its id, or the beginning of it: what was asked, told, filled and booked."""
    home = context()
    record, events = order_view(home, order_id)
    if screen.as_json:
        screen.document("bot-order-1", {"order": record, "events": events}, home)
        return
    screen.header(home)
    _print(screen, record, events)


def _print(screen: Screen, record: OrderRecord, events: Sequence[OrderEvent]) -> None:
    birth = record.birth
    screen.pairs(
        {
            "order": record.client_order_id,
            "state": record.state,
            "asked": f"{birth.side} {text(birth.quantity)} {birth.asset}, {birth.order_type}, {birth.symbol}",
            "why": birth.reason,
            "at price": birth.trigger_price,
            "agreement": birth.proposal_id,
            "at the exchange": record.exchange_order_id,
            "filled": record.filled_quantity,
            "for": record.filled_quote if record.filled_quantity else None,
            "on average": _price(record),
            "fees": _fees(record.fees),
            "booked": record.booked_quantity,
            "told": record.text,
        }
    )
    if record.unbooked_quantity > ZERO:
        words = f"{text(record.unbooked_quantity)} was filled after the order had ended, and is not booked"
        screen.line(f"! {words}", style="bold")
    screen.line()
    for event in events:
        at = screen.when(event.at)
        filled = f", {text(event.report.filled_quantity)} filled" if event.report is not None else ""
        screen.line(f"{at}  {event.trigger or 'created'}{filled}", hanging=len(at) + 2)
    if record.fills:
        screen.line()
    for fill in record.fills:
        words = f"trade {fill.trade_id}: {text(fill.quantity)} at {text(fill.price)}"
        screen.line(f"{words}, fee {text(fill.fee)} {fill.fee_asset}")


def _row(record: OrderRecord) -> list[object]:
    return [
        record.client_order_id,
        record.birth.asset,
        record.state.value,
        record.birth.side.value,
        record.birth.quantity,
        record.filled_quantity,
        _price(record),
        _why(record),
        record.created_at,
    ]


def _why(record: OrderRecord) -> str:
    """Return the reason, and of a stop that may rest at the exchange, at which price."""
    birth = record.birth
    rests = record.may_be_live and birth.order_type is OrderType.STOP_LOSS_LIMIT
    return f"{birth.reason}, rests at {text(birth.trigger_price or ZERO)}" if rests else birth.reason


def _trade(trade: OwnTrade) -> list[object]:
    return [trade.trade_id, trade.symbol, trade.side, trade.quantity, trade.price, trade.executed_at]


def _price(record: OrderRecord) -> str | None:
    return None if record.average_price is None else f"{record.average_price:.8g}"


def _fees(fees: Sequence[Fee]) -> str | None:
    return ", ".join(f"{text(fee.amount)} {fee.asset}" for fee in fees) or None
