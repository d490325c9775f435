"""`bot suggestions`: frozen coins that may be worth a proposal."""

import click

from bot.app.proposal_figures import money
from bot.cli.asking import app
from bot.cli.help import Command
from bot.cli.screen import Column, Screen, json_option

_COLUMNS = (
    Column("asset"),
    Column("quantity", number=True),
    Column("worth, USDT", number=True),
    Column("of portfolio", number=True),
    Column("24 h volume, USDT", number=True),
    Column("spread", number=True),
    Column("to ask"),
)


@click.command(cls=Command, epilog="Examples: bot suggestions · bot suggestions --json")
@click.option(
    "--all", "everything", is_flag=True, help="Also tell which frozen coins are passed over, and why."
)
@json_option
def suggestions(screen: Screen, everything: bool) -> None:  # noqa: FBT001 - click passes flags so
    """Point at frozen coins that may be worth a proposal; changes nothing, and asks for nothing.

    Off unless proposals.suggestions is on: the bot speaks of your coins only where you want it to.
    """
    from bot.app.suggestions import suggest

    home = app()
    found = suggest(home)
    if screen.as_json:
        screen.document("bot-suggestions-1", found, home)
        return
    screen.header(home)
    if not found.enabled:
        screen.line("Suggestions are off (proposals.suggestions).")
        screen.talk("To have them: bot settings set proposals.suggestions=on")
        return
    rows = [
        [
            coin.asset,
            coin.quantity,
            money(coin.worth_usdt),
            f"{coin.share_pct} %",
            money(coin.volume_24h_usdt),
            f"{coin.spread_pct} %",
            coin.ask,
        ]
        for coin in found.coins
    ]
    screen.table(_COLUMNS, rows, empty="No frozen coin is worth a proposal now.")
    if everything and found.passed_over:
        screen.line()
        screen.pairs(found.passed_over)
    screen.talk("A suggestion is a message only: nothing was asked for, and no state changed.")
