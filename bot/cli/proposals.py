"""`bot proposals ls|show`."""

import click

from bot.app.views import WAITS, find_proposal, standing
from bot.app.views import proposals as proposals_view
from bot.cli.help import Group
from bot.cli.proposal_screen import print_proposal
from bot.cli.screen import Column, Screen, context, json_option
from bot.storage.documents import MANAGED_STATE

_COLUMNS = (
    Column("asset"),
    Column("standing"),
    Column("version", number=True),
    Column("reference", number=True),
    Column("confidence", number=True),
    Column("expires"),
    Column("id"),
)


@click.group(cls=Group)
def proposals() -> None:
    """Read proposals."""


@proposals.command("ls", epilog="Examples: bot proposals ls · bot proposals ls --json")
@json_option
def ls(screen: Screen) -> None:
    """List all proposals, newest first."""
    home = context()
    lines = proposals_view(home)
    if screen.as_json:
        screen.document("bot-proposals-1", lines, home)
        return
    screen.header(home)
    rows = [
        [
            line["asset"],
            line["standing"],
            line.get("version"),
            line.get("reference_price"),
            line.get("confidence"),
            line.get("expires_at"),
            line["proposal_id"],
        ]
        for line in lines
    ]
    screen.table(_COLUMNS, rows, empty="No proposal was made yet: bot propose SOL")


@proposals.command("show", epilog="Examples: bot proposals show SOL · bot proposals show 3f2a")
@click.argument("reference", metavar="ASSET|ID")
@json_option
def show_one(screen: Screen, reference: str) -> None:
    """Show a coin's current proposal, or any by its id or the beginning of it."""
    home = context()
    document = find_proposal(home, reference)
    if screen.as_json:
        screen.document("bot-proposal-1", document, home)
        return
    screen.header(home)
    where = standing(home.store.read(MANAGED_STATE).content, document)
    print_proposal(screen, document, where)
    if where == WAITS:
        asset = document["asset"]
        screen.talk(
            f"To approve: bot approve {asset}, and type {asset}:recommended. To decline: bot reject {asset}"
        )
