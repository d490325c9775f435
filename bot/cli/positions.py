"""`bot positions ls|show`."""

from decimal import Decimal

import click

from bot.app.averaging_view import averaging_words
from bot.app.order_views import PositionLine, PositionsView
from bot.app.order_views import positions as positions_view
from bot.app.trailing_view import trailing_words
from bot.cli.asking import app
from bot.cli.completing import complete_assets
from bot.cli.help import Group
from bot.cli.screen import Column, Screen, json_option
from bot.kernel.money import ZERO, text

_COLUMNS = (
    Column("asset", leads=True),
    Column("state", leads=True),
    Column("quantity", number=True),
    Column("average cost", number=True),
    Column("price", number=True),
    Column("unrealised", number=True),
    Column("sold", number=True),
    Column("realised", number=True),
    Column("fees"),
)
_offline = click.option("--offline", is_flag=True, help="Do not ask the exchange for prices.")


@click.group(cls=Group)
def positions() -> None:
    """Quantity, cost, profit and fees of each position."""


@positions.command("ls", epilog="Examples: bot positions ls · bot positions ls --offline --json")
@_offline
@json_option
def ls(screen: Screen, offline: bool) -> None:  # noqa: FBT001 - click passes flags so
    """List what the bot tracks and tracked: profit is told against the declared basis, less quote fees."""
    home = app()
    view = positions_view(home, offline=offline)
    if screen.as_json:
        screen.document("bot-positions-1", view.lines, home, warnings=_warnings(view))
        return
    screen.header(home)
    screen.table(_COLUMNS, [_row(line) for line in view.lines], empty="No position was ever taken over.")
    _end(screen, view)


@positions.command("show", epilog="Examples: bot positions show SOL · bot positions show SOL --json")
@click.argument("asset", shell_complete=complete_assets)
@_offline
@json_option
def show(screen: Screen, asset: str, offline: bool) -> None:  # noqa: FBT001 - click passes flags so
    """Show one position: against the declared basis, and against the price at the hand-over."""
    home = app()
    view = positions_view(home, asset=asset.upper(), offline=offline)
    if screen.as_json:
        screen.document("bot-position-1", view.lines[0], home, warnings=_warnings(view))
        return
    screen.header(home)
    _print(screen, view.lines[0])
    _end(screen, view)


def _print(screen: Screen, line: PositionLine) -> None:
    screen.pairs(
        {
            "asset": line.asset,
            "state": _state(line),
            "quantity": line.quantity,
            "taken over": f"{text(line.opening_quantity)} at {screen.when(line.opened_at)}",
            "closed": line.closed_at,
            "stop": line.stop_loss,
            "trailing": trailing_words(line.trailing) if line.trailing is not None else None,
            "target": line.take_profit,
            "if the bot dies": line.if_the_bot_dies,
            "average cost": _money(line.average_cost) if line.bought_quantity else None,
            "averaging": averaging_words(line.averaging) if line.averaging is not None else None,
            "bought": _bought(line),
            "price": line.price,
            "sold": f"{text(line.sold_quantity)} for {_money(line.proceeds)}" if line.sold_quantity else None,
            "fees": _fees(line),
            "agreement": line.proposal_id,
        }
    )
    screen.line()
    screen.table(
        (
            Column("against", leads=True),
            Column("price", number=True),
            Column("realised", number=True),
            Column("unrealised", number=True),
        ),
        [
            ["declared basis", line.entry_price, _money(line.realised), _money(line.unrealised)],
            [
                "hand-over",
                line.reference_price,
                _money(line.realised_since_hand_over),
                _money(line.unrealised_since_hand_over),
            ],
        ],
    )


def _end(screen: Screen, view: PositionsView) -> None:
    for warning in _warnings(view):
        screen.line(f"! {warning}", style="bold")


def _warnings(view: PositionsView) -> list[str]:
    warnings = [f"The exchange told no prices: {view.not_asked}"] if view.not_asked else []
    odd = [line.asset for line in view.lines if not line.journal_agrees]
    if odd:
        warnings.append(
            f"the order journal does not hold all sales of {', '.join(odd)}: the sums are the position's,"
            " fees may be missing"
        )
    return warnings


def _row(line: PositionLine) -> list[object]:
    return [
        line.asset,
        _state(line),
        line.quantity,
        _money(line.average_cost),
        line.price,
        _money(line.unrealised),
        line.sold_quantity,
        _money(line.realised) if line.sold_quantity > ZERO else None,
        _fees(line),
    ]


def _bought(line: PositionLine) -> str | None:
    return f"{text(line.bought_quantity)} for {_money(line.paid)}" if line.bought_quantity else None


def _state(line: PositionLine) -> str:
    return "open" if line.is_open else "closed"


def _money(number: Decimal | None) -> str | None:
    """Return an amount to the hundredth for people; the exact one is in the JSON."""
    return None if number is None else f"{number:.2f}" if abs(number) >= 1 or not number else f"{number:.6f}"


def _fees(line: PositionLine) -> str | None:
    return ", ".join(f"{text(amount)} {coin}" for coin, amount in line.fees.items()) or None
