"""`bot commands ls|show`."""

import click

from bot.cli.asking import app
from bot.cli.help import Group
from bot.cli.screen import Column, Screen, json_option
from bot.kernel.canonical import readable_bytes
from bot.kernel.errors import UsageError
from bot.lifecycle.commands import CommandState

_COLUMNS = (
    Column("id"),
    Column("asked"),
    Column("asset"),
    Column("command"),
    Column("by"),
    Column("state"),
    Column("code"),
)


@click.group(cls=Group)
def commands() -> None:
    """What was asked, and what became of it."""


@commands.command("ls", epilog="Examples: bot commands ls · bot commands ls --asset SOL --state queued")
@click.option("--asset", help="Only this coin's.")
@click.option("--state", type=click.Choice([state.value for state in CommandState]), help="Only these.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=30, show_default=True)
@json_option
def ls(screen: Screen, asset: str | None, state: str | None, limit: int) -> None:
    """List commands, newest first."""
    home = app()
    rows = home.queue.list(
        asset=asset.upper() if asset else None, state=CommandState(state) if state else None, limit=limit
    )
    if screen.as_json:
        screen.document("bot-commands-1", rows, home)
        return
    screen.header(home)
    cells = [
        [
            row.uid[:8],
            row.created_at.replace(microsecond=0),
            row.asset,
            row.type,
            row.actor,
            row.state,
            row.outcome.code if row.outcome else None,
        ]
        for row in rows
    ]
    screen.table(_COLUMNS, cells, empty="No command was sent yet.")


@commands.command("show", epilog="Examples: bot commands show 3f2a · bot commands show 3f2a --json")
@click.argument("uid", metavar="ID")
@json_option
def show_command(screen: Screen, uid: str) -> None:
    """Show one command by its id or the beginning of it."""
    home = app()
    row = home.queue.get(uid.lower())
    if row is None:
        raise UsageError(f"There is no command {uid}.", code="no_such_command")
    if screen.as_json:
        screen.document("bot-command-row-1", row, home)
        return
    screen.header(home)
    screen.pairs(
        {
            "id": row.uid,
            "command": row.type,
            "asset": row.asset,
            "by": row.actor,
            "asked": row.created_at,
            "state": row.state,
            "attempts": row.attempts,
            "finished": row.finished_at,
            "code": row.outcome.code if row.outcome else None,
            "reason": row.outcome.reason if row.outcome else None,
            "serial": row.outcome.applied_serial if row.outcome else None,
        }
    )
    screen.line(f"payload\n{readable_bytes(dict(row.payload)).decode().rstrip()}")
