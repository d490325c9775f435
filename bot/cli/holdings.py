"""`bot holdings ls|show`."""

from decimal import Decimal

import click

from bot.app.trailing_view import trailing_words
from bot.app.views import HoldingLine
from bot.app.views import holding as holding_view
from bot.app.views import holdings as holdings_view
from bot.cli.completing import complete_assets
from bot.cli.help import Group
from bot.cli.home import row
from bot.cli.screen import Column, Screen, context, json_option
from bot.cli.screen import show as show_value
from bot.kernel.money import text
from bot.lifecycle.documents import Exits, HistoryEntry, ManagedAsset

_COLUMNS = (
    Column("asset", leads=True),
    Column("state", leads=True),
    Column("exits"),
    Column("approved", number=True),
    Column("position", number=True),
    Column("stop", number=True),
    Column("target", number=True),
    Column("captured", number=True),
    Column("note"),
)


@click.group(cls=Group)
def holdings() -> None:
    """Your coins and where each of them stands."""


@holdings.command("ls", epilog="Examples: bot holdings ls · bot holdings ls --json")
@json_option
def ls(screen: Screen) -> None:
    """List every coin that the baseline or the managed state knows."""
    home = context()
    lines = holdings_view(home, home.clock.now())
    if screen.as_json:
        screen.document("bot-holdings-1", lines, home)
        return
    screen.header(home)
    rows = [[*row(line)[:-1], line.baseline_quantity, row(line)[-1]] for line in lines]
    screen.table(
        _COLUMNS, rows, empty="No coins are known yet: bot baseline capture, then bot baseline apply"
    )


@holdings.command("show", epilog="Examples: bot holdings show SOL · bot holdings show SOL --json")
@click.argument("asset", shell_complete=complete_assets)
@json_option
def show(screen: Screen, asset: str) -> None:
    """Show one coin: what was agreed, what is live, how it got here."""
    home = context()
    entry, line = holding_view(home, asset.upper())
    if screen.as_json:
        screen.document("bot-holding-1", {"holding": line, "entry": entry}, home)
        return
    screen.header(home)
    _print(screen, entry, line)


def _print(screen: Screen, entry: ManagedAsset | None, line: HoldingLine) -> None:
    agreed: dict[str, object] = {
        "asset": line.asset,
        "state": line.state,
        "why": line.reason,
        "policy": line.policy,
        "captured": line.baseline_quantity,
    }
    if entry is not None and entry.variant is not None:
        agreed |= {
            "variant": f"{entry.variant} (proposal {entry.current_proposal_id})",
            "approved": entry.approved_quantity,
            "sold": entry.sold_quantity,
            "exits": entry.exits,
            "entry": line.entry_price,
            "reference": entry.reference_price,
            "stop": _stop(line, entry),
            "trailing": trailing_words(line.trailing) if line.trailing is not None else None,
            "target": _by_hand(line.take_profit, entry.take_profit),
            "position": line.position_quantity,
            "promoted": screen.when(entry.promoted_at) if entry.promoted_at is not None else None,
            "by": entry.promoted_by_user_id,
        }
    screen.pairs(agreed)
    if line.unprotected:
        screen.line(f"! {unprotected_words(line)}", style="bold")
    if line.if_the_bot_dies is not None:
        screen.line(f"If the bot dies, {line.if_the_bot_dies}.")
    if line.order_in_flight:
        screen.line(f"! an exit order is in flight: {line.order_in_flight}", style="bold")
    if line.buy_in_flight:
        screen.line(f"! a buy order is in flight: {line.buy_in_flight}", style="bold")
    if entry is not None and entry.history:
        screen.line()
        for step in entry.history:
            print_step(screen, step)


def _stop(line: HoldingLine, entry: ManagedAsset) -> str | None:
    if line.trailing is not None and line.trailing.is_lifted:
        return show_value(line.stop_loss)
    return _by_hand(line.stop_loss, entry.stop_loss)


def unprotected_words(line: HoldingLine) -> str:
    """Return why nobody sells a coin at its stop, with what helps."""
    if line.unverified:
        return f"NOT PROTECTED: {line.unverified}"
    if line.halted:
        return "NOT PROTECTED: trading is halted with exits off (bot trading status)"
    if line.exits == Exits.OFF:
        return f"NOT PROTECTED: its exits are off (bot explain {line.asset})"
    return "NOT PROTECTED: no loop watches its exits (bot run)"


def print_step(screen: Screen, step: HistoryEntry) -> None:
    """Print one step of a coin's history."""
    at = screen.when(step.ts)
    screen.line(f"{at}  {step.from_state} -> {step.to_state}  by {step.actor}", hanging=len(at) + 2)


def _by_hand(live: Decimal | None, approved: Decimal | None) -> str | None:
    """Return the level that counts, with the approved one where a person set another (C1)."""
    if live is None:
        return None
    return text(live) if live == approved else f"{text(live)} (by hand; approved {show_value(approved)})"
