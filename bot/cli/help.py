"""How a command explains itself: what it does, two examples, then its flags."""

import click

_MARK = "Examples:"
_BETWEEN = " · "
HELP_NAMES = ("-h", "--help")


def examples_of(command: click.Command) -> list[str]:
    """Return the calls that a command shows, from `epilog="Examples: bot a · bot b"`."""
    epilog = command.epilog or ""
    if not epilog.startswith(_MARK):
        return []
    return [example.strip() for example in epilog.removeprefix(_MARK).split(_BETWEEN)]


class HelpNames(click.Command):
    """Answers to `-h` and `--help`, whatever context it is first looked at in.

    click keeps the help option of the first context for good, and with it that context's names.
    """

    def get_help_option_names(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click passes it
        """Return the two names."""
        return list(HELP_NAMES)


class Command(HelpNames):
    """A command whose help shows its examples before its flags."""

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write what the command does, then the examples, one a line."""
        super().format_help_text(ctx, formatter)
        examples = examples_of(self)
        if examples:
            with formatter.section("Examples"):
                for example in examples:
                    formatter.write(f"{'':>{formatter.current_indent}}{example}\n")

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write nothing more: the examples stand above."""


class Group(HelpNames, click.Group):
    """A group of such commands."""

    command_class = Command
