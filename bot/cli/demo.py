"""`bot demo`: watch the whole job happen."""

from pathlib import Path

import click

from bot.app.core import HomeContext
from bot.app.demo import Demo
from bot.app.views import status
from bot.cli.help import Command
from bot.cli.screen import Screen, json_option

_NEXT = """
# That was the whole job. SOL was handed over, watched and sold at its agreed level;
# ETH is in the bot's hands, DOGE waits for your decision. Everything is a file in {home}/.
#
# Three commands to try next:
#   bot --home {home} status
#   bot --home {home} proposals show DOGE
#   bot --home {home} audit tail
#
# To go on live, in three terminals:
#   bot --home {home} box serve
#   bot --home {home} run
#   bot --home {home} approve DOGE"""


@click.command(cls=Command, epilog="Examples: bot demo · bot --home /tmp/try demo")
@json_option
def demo(screen: Screen) -> None:
    """Watch the whole job happen on a market of its own; the home is made new (default .demo)."""
    given: Path | None = click.get_current_context().find_root().params.get("home")
    root = (given or Path(".demo")).resolve()
    Demo(root, say=screen.talk if screen.as_json else click.echo).run()
    if screen.as_json:
        home = HomeContext(root)
        screen.document("bot-demo-1", status(home, home.clock.now()), home)
        return
    shown = root.relative_to(Path.cwd()) if root.is_relative_to(Path.cwd()) else root
    click.echo(_NEXT.format(home=shown))
