"""`bot exit`: sell a coin's managed quantity at market, by an admin's word."""

from typing import Any

import click

from bot.app.operations import dry_run, worker_is_alive
from bot.app.views import holding
from bot.cli.asking import app, ask, named_asset, refusal
from bot.cli.completing import complete_assets
from bot.cli.confirming import confirmed
from bot.cli.help import Command
from bot.cli.screen import Screen, json_option, show
from bot.cli.sending import Sending, sends
from bot.lifecycle.command_payloads import ForceManagedExit
from bot.lifecycle.commands import CommandState, CommandType
from bot.lifecycle.documents import ManagedAsset
from bot.lifecycle.exit_rules import promised_rest

_EXIT = CommandType.FORCE_MANAGED_EXIT


@click.command(
    "exit",
    cls=Command,
    epilog="Examples: bot exit SOL --reason 'need the cash'"
    " · bot exit SOL --confirm SOL:exit --reason 'news'",
)
@click.argument("asset", shell_complete=complete_assets)
@click.option("--reason", default="ordered by hand", show_default=True, help="For the record.")
@click.option("--confirm", help="The coin and the word, to the letter: SOL:exit.")
@sends
@json_option
def exit_now(screen: Screen, asset: str, reason: str, confirm: str | None, sending: Sending) -> int:
    """Order the sale of the managed quantity at market; the trading loop sends it in its next cycle.

    Never more is sold than was handed over; what was not handed over stays yours.
    """
    home = app()
    asset = named_asset(home, asset)
    expected = f"{asset}:exit"
    payload = ForceManagedExit(confirm=expected, reason=reason)
    tried = dry_run(home, _EXIT, asset, payload)
    if tried.state is not CommandState.APPLIED:
        raise refusal(tried, asset)  # nobody is asked to confirm what the rules forbid
    entry, _ = holding(home, asset)
    if not screen.as_json:
        screen.header(home)
        _print(screen, asset, entry)
    if not sending.dry_run:
        confirm = confirmed(
            screen,
            [expected],
            confirm,
            purpose="sell it",
            alone=f"bot exit {asset} --confirm {expected}",
        )
        payload = ForceManagedExit(confirm=confirm, reason=reason)
    watch = f"Watch it: bot explain {asset}, or bot audit tail --asset {asset} --follow"
    if not worker_is_alive(home):
        watch = f"The sale is sent by the trading loop, and none is running: bot run --once. {watch}"
    return ask(screen, home, _EXIT, asset, payload, sending=sending, apply_here=True, then=watch)


def _print(screen: Screen, asset: str, entry: ManagedAsset | None) -> None:
    facts: dict[str, Any] = {}
    if entry is not None:
        facts = {
            "state": entry.state,
            "would be sold": f"{show(promised_rest(entry))} {asset} at market",
            "handed over": entry.approved_quantity,
            "bought by the bot": entry.bought_quantity,
            "sold before": entry.sold_quantity,
        }
    screen.line(f"{asset}: a sale by your word", style="bold")
    screen.pairs(facts)
