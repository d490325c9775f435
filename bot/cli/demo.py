"""`bot demo`: watch the whole job happen."""

from pathlib import Path

import click

from bot.app.demo import Demo

_NEXT = """
# That was the whole job. SOL was handed over, watched and sold at its agreed level;
# ETH is in the bot's hands, DOGE waits for your decision. Everything is a file in {home}/.
#
# Three commands to try next:
#   bot --home {home} status
#   bot --home {home} proposals show DOGE
#   bot --home {home} audit tail
#
# To go on live: `bot --home {home} box serve` in one terminal, `bot --home {home} run` in a second,
# and in a third `bot --home {home} approve DOGE`."""


@click.command(epilog="Examples: bot demo · bot --home /tmp/try demo")
@click.pass_context
def demo(ctx: click.Context) -> None:
    """Watch the whole job happen on a market of its own; the home is made new (default .demo)."""
    given: Path | None = ctx.find_root().params.get("home")
    root = (given or Path(".demo")).resolve()
    Demo(root, say=click.echo).run()
    shown = root.relative_to(Path.cwd()) if root.is_relative_to(Path.cwd()) else root
    click.echo(_NEXT.format(home=shown))
