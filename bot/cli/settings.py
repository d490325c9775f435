"""`bot settings show`."""

import click

from bot.cli.help import Group
from bot.cli.screen import Column, Screen, context, json_option


@click.group(cls=Group)
def settings() -> None:
    """Settings with their origin."""


@settings.command("show", epilog="Examples: bot settings show --origin · bot settings show --json")
@click.option("--origin", is_flag=True, help="Say where each value came from.")
@json_option
def show_settings(screen: Screen, origin: bool) -> None:  # noqa: FBT001 - click passes flags so
    """Show every setting; secrets are never printed."""
    home = context()
    values = home.settings.all()
    if screen.as_json:
        data = [{"name": v.setting.name, "value": v.shown, "origin": v.origin} for v in values]
        screen.document("bot-settings-1", data, home)
        return
    screen.header(home)
    columns = [Column("setting"), Column("value"), *([Column("origin")] if origin else []), Column("meaning")]
    screen.table(
        columns,
        [[v.setting.name, v.shown, *([v.origin] if origin else []), v.setting.meaning] for v in values],
    )
