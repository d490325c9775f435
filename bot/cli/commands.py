"""`bot commands ls|show|tail|stats`."""

from typing import TYPE_CHECKING

import click

from bot.app.views import did_you_mean
from bot.cli.asking import app
from bot.cli.command_stats import stats
from bot.cli.completing import complete_assets, complete_commands
from bot.cli.following import follow
from bot.cli.help import Group
from bot.cli.screen import Column, Screen, json_option
from bot.kernel.canonical import readable_bytes
from bot.kernel.errors import UsageError
from bot.lifecycle.commands import CommandRow, CommandState

if TYPE_CHECKING:
    from bot.app.wiring import App

_COLUMNS = (
    Column("id", leads=True),
    Column("asked", leads=True),
    Column("asset", leads=True),
    Column("command"),
    Column("by"),
    Column("state"),
    Column("code"),
)
_LOOKED_AT = 200
"""How many of the newest commands are looked at for a change, or for what was meant."""

_NONE = "No command was sent yet."


@click.group(cls=Group)
def commands() -> None:
    """What was asked, and what became of it."""


commands.add_command(stats)


@commands.command("ls", epilog="Examples: bot commands ls · bot commands ls --asset SOL --state queued")
@click.option("--asset", shell_complete=complete_assets, help="Only this coin's.")
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
    empty = "No such command is kept." if asset or state else _NONE
    screen.table(_COLUMNS, [_cells(row) for row in rows], empty=empty)


@commands.command("tail", epilog="Examples: bot commands tail · bot commands tail --asset SOL --follow")
@click.option("-n", "count", type=click.IntRange(1, 10_000), default=20, show_default=True)
@click.option("--asset", shell_complete=complete_assets, help="Only this coin's.")
@click.option("--follow", "follows", is_flag=True, help="Go on with what comes and ends, until Ctrl-C.")
@json_option
def tail(screen: Screen, count: int, asset: str | None, follows: bool) -> None:  # noqa: FBT001 - click passes flags so
    """Show the newest commands, oldest first; followed, each is told when it comes and when it ends."""
    home = app()
    asset = asset.upper() if asset else None
    if follows:
        screen.header(home)
        newer = _Newer(home, asset, count)
        follow(screen, home, newer, schema="bot-command-row-1", words=_cells)
    rows = home.queue.list(asset=asset, limit=count)[::-1]
    if screen.as_json:
        screen.document("bot-commands-1", rows, home)
        return
    screen.header(home)
    empty = "No such command is kept." if asset else _NONE
    screen.table(_COLUMNS, [_cells(row) for row in rows], empty=empty)


class _Newer:
    """Gives each command when it is first seen, and again when its state has changed."""

    def __init__(self, home: "App", asset: str | None, count: int) -> None:
        self._home = home
        self._asset = asset
        self._count = count
        self._told: dict[str, CommandState] = {}
        self._from = 0

    def __call__(self) -> list[CommandRow]:
        limit = max(self._count, _LOOKED_AT) if self._told else self._count
        rows = self._home.queue.list(asset=self._asset, limit=limit)[::-1]
        if not self._told and rows:
            self._from = rows[0].id
        rows = [row for row in rows if row.id >= self._from]  # older ones stay untold
        news = [row for row in rows if self._told.get(row.uid) != row.state]
        self._told |= {row.uid: row.state for row in news}
        return news


@commands.command("show", epilog="Examples: bot commands show 3f2a · bot commands show 3f2a --json")
@click.argument("uid", metavar="ID", shell_complete=complete_commands)
@json_option
def show_command(screen: Screen, uid: str) -> None:
    """Show one command by its id or the beginning of it."""
    home = app()
    row = home.queue.get(uid.lower())
    if row is None:
        hint = did_you_mean(
            uid.lower(), (known.uid[: len(uid)] for known in home.queue.list(limit=_LOOKED_AT))
        )
        if next(iter(home.store.audit.records(command_id=uid.lower())), None) is not None:
            hint = f"It was applied while the database did not answer; the audit knows it: bot explain {uid}"
        raise UsageError(f"There is no command {uid}.", code="no_such_command", why=hint or None)
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
            "unreadable": row.unreadable,
        }
    )
    screen.line(f"payload\n{readable_bytes(dict(row.payload)).decode().rstrip()}")


def _cells(row: CommandRow) -> list[object]:
    return [
        row.uid[:8],
        row.created_at,
        row.asset,
        row.type,
        row.actor,
        row.state,
        row.outcome.code if row.outcome and row.outcome.code != row.state else None,
    ]
