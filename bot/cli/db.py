"""`bot db upgrade|rebuild-cache|claim`: looking after the commands database."""

import click

from bot.cli.help import Group
from bot.cli.screen import Screen, context, json_option


@click.group(cls=Group)
def db() -> None:
    """Look after the commands database."""


@db.command("upgrade", epilog="Examples: bot db upgrade · bot db upgrade --json")
@json_option
def upgrade(screen: Screen) -> None:
    """Make the tables, or bring an older release's up to this one. Stop the workers first."""
    from bot.app.database import upgrade as run

    home = context()
    report = run(home)
    if screen.as_json:
        screen.document("bot-db-1", report, home)
        return
    screen.header(home)
    if report.layout_before == report.layout:
        screen.line(f"The layout is {report.layout} already; nothing was changed.")
    else:
        screen.line(f"The layout was {report.layout_before or 'empty'} and is {report.layout} now.")


@db.command("rebuild-cache", epilog="Examples: bot db rebuild-cache · bot db rebuild-cache --json")
@json_option
def rebuild_cache(screen: Screen) -> None:
    """Build what screens read from the database anew from the files; commands are not touched."""
    from bot.app.database import rebuild as run

    home = context()
    report = run(home)
    if screen.as_json:
        screen.document("bot-db-1", report, home)
        return
    screen.header(home)
    screen.line(f"managed_proposals: {report.proposals} rows, managed_assets_history: {report.history} rows")


@db.command("claim", epilog="Examples: bot db claim · bot db claim --json")
@json_option
def claim(screen: Screen) -> None:
    """Let this host and folder drain the queue, after the home was moved; the old one stops."""
    from bot.app.database import claim as run

    home = context()
    report = run(home)
    if screen.as_json:
        screen.document("bot-db-1", report, home)
        return
    screen.header(home)
    screen.line(f"The database now belongs to {home.home.root} on {report.host}.")
