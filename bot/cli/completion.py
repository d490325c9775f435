"""`bot completion`: the shell completes commands, coins and ids."""

import click
from click.shell_completion import get_completion_class

from bot.cli.help import Command
from bot.cli.screen import Screen, context, json_option

SHELLS = ("bash", "zsh", "fish")
VARIABLE = "_BOT_COMPLETE"
"""The variable by which the shell's script asks this program."""


@click.command(
    cls=Command,
    epilog="Examples: bot completion bash >> ~/.bashrc"
    " · bot completion fish > ~/.config/fish/completions/bot.fish",
)
@click.argument("shell", type=click.Choice(SHELLS))
@json_option
def completion(screen: Screen, shell: str) -> None:
    """Print the script that teaches a shell to complete commands, coins and ids."""
    script = script_for(shell)
    if screen.as_json:
        screen.document("bot-completion-1", {"shell": shell, "script": script}, context())
        return
    click.echo(script)


def script_for(shell: str) -> str:
    """Return the script for a shell; the shell itself is not asked."""
    from bot.cli.entry import root

    found = get_completion_class(shell)
    if found is None:
        raise LookupError(shell)  # the choice above offers only what click knows
    maker = found(root, {}, "bot", VARIABLE)
    return maker.source_template % maker.source_vars()
