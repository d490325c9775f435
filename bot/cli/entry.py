"""The top of the command line: global options, exit codes, errors in four lines."""

import datetime as dt
import sys
import traceback
from pathlib import Path

import click

from bot import __version__
from bot.app.environment import default_home, wants_debug
from bot.cli.lazy import LazyGroup
from bot.kernel.clock import Clock
from bot.kernel.errors import BotError
from bot.kernel.exit_codes import ExitCode
from bot.kernel.reasons import reason_for

_COMMANDS = {
    "demo": ("bot.cli.demo:demo", "Watch the whole job happen on a market of its own."),
    "init": ("bot.cli.home:init", "Make a home: folders, settings, first admin."),
    "status": ("bot.cli.home:status", "What an operator looks at first."),
    "doctor": ("bot.cli.doctor:doctor", "Is this home sound, and what should be done?"),
    "holdings": ("bot.cli.holdings:holdings", "Your coins and where each of them stands."),
    "propose": ("bot.cli.propose:propose", "Ask for a risk proposal for coins you own."),
    "proposals": ("bot.cli.proposals:proposals", "Read proposals."),
    "suggestions": ("bot.cli.suggestions:suggestions", "Frozen coins that may be worth a proposal."),
    "approve": ("bot.cli.decisions:approve", "Hand a coin over by approving one variant."),
    "reject": ("bot.cli.decisions:reject", "Decline a proposal."),
    "pause": ("bot.cli.lifecycle:pause", "No new trade; exits on or off."),
    "resume": ("bot.cli.lifecycle:resume", "Trade again after a pause."),
    "release": ("bot.cli.lifecycle:release", "Take a coin back; never sells."),
    "override": ("bot.cli.override:override", "Change a coin's stop, target or allocation by hand."),
    "exit": ("bot.cli.exit:exit_now", "Sell a coin's managed quantity at market."),
    "drift": ("bot.cli.drift:drift", "Record, wallet and difference of each managed coin."),
    "orders": ("bot.cli.orders:orders", "Every order that left the bot, or may have left it."),
    "positions": ("bot.cli.positions:positions", "Quantity, cost, profit and fees of each position."),
    "trading": ("bot.cli.trading:trading", "Halt trading of the whole bot, and resume it."),
    "explain": ("bot.cli.explain:explain", "Why it stands there, and what comes next."),
    "baseline": ("bot.cli.baseline:baseline", "What you held when the bot came."),
    "run": ("bot.cli.work:run", "Trading loop, command worker and engine in one process."),
    "worker": ("bot.cli.work:worker", "The same without trading."),
    "commands": ("bot.cli.commands:commands", "What was asked, and what became of it."),
    "audit": ("bot.cli.audit:audit", "The log of everything that happened."),
    "state": ("bot.cli.state:state", "Look after the state files."),
    "db": ("bot.cli.db:db", "Look after the commands database."),
    "settings": ("bot.cli.settings:settings", "Settings with their origin."),
    "users": ("bot.cli.users:users", "Who may act here, and from which account."),
    "box": ("bot.cli.box:box", "The exchange in a box."),
    "completion": ("bot.cli.completion:completion", "Teach a shell to complete commands, coins and ids."),
}


_LISTED_AT = 13
"""Where the words of an error's lines begin."""


class Invocation:
    """What the global options say; one per call of the program."""

    def __init__(
        self, home: Path | None, *, debug: bool, zone: dt.tzinfo | None = None, clock: Clock | None = None
    ) -> None:
        self._home = home
        self.clock = clock
        """Where this call's time comes from; None is the machine's clock."""
        self.debug = debug
        self.zone = zone
        """Local time is told in this zone too; None tells UTC only."""

    @property
    def home(self) -> Path:
        """Return the home's folder."""
        if self._home is not None:
            return self._home
        return default_home()


@click.group(
    cls=LazyGroup,
    lazy=_COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="First steps: `bot demo`, or `bot init`, `bot box serve`, `bot baseline capture`.",
)
@click.option(
    "--home", type=click.Path(path_type=Path, file_okay=False), help="The home's folder [BOT_HOME]."
)
@click.option("--debug", is_flag=True, help="Show a traceback with an unexpected error.")
@click.option("--tz", metavar="ZONE", help="Tell local time too: Europe/Berlin, or local.")
@click.version_option(__version__, prog_name="bot")
@click.pass_context
def root(ctx: click.Context, home: Path | None, debug: bool, tz: str | None) -> None:  # noqa: FBT001 - click passes flags so
    """Hand single coins you already own to a spot bot, one explicit approval at a time.

    The bot advises, the operator decides: it analyses a coin, writes a proposal, waits for you to
    approve those exact bytes, and only then tracks and trades it, never more than was handed over.
    """
    ctx.obj = Invocation(home, debug=debug or wants_debug(), zone=_zone(tz) if tz else None, clock=ctx.obj)


def run(arguments: list[str], *, clock: Clock | None = None) -> int:
    """Run one command and return its exit code; every error is four lines on stderr."""
    as_json = "--json" in arguments
    debug = "--debug" in arguments or wants_debug()
    home = _home_of(arguments)
    try:
        result = root.main(args=arguments, prog_name="bot", standalone_mode=False, obj=clock)
    except click.exceptions.Exit as error:
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        print("\nInterrupted.", file=sys.stderr)  # noqa: T201 - the edge prints
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()  # the reader left; nothing more can be said
        return ExitCode.OK
    except Exception as error:  # noqa: BLE001 - the last line of defence tells what it does not know
        if debug and not isinstance(error, click.ClickException):
            traceback.print_exc()
        return _tell(_known(error), as_json=as_json, home=home)
    return result if isinstance(result, int) else ExitCode.OK


def _zone(name: str) -> dt.tzinfo:
    from bot.cli.moments import zone_named  # only a call that asks for local time pays for it

    try:
        return zone_named(name)
    except ValueError as error:
        raise click.BadParameter(f"{error}.", param_hint="--tz") from error


def _known(error: Exception) -> BotError:
    """Return any error as one of ours."""
    if isinstance(error, BotError):
        return error
    if isinstance(error, click.UsageError):
        where = error.ctx.command_path if error.ctx else "bot"
        return BotError(error.format_message(), code="usage", fix=f"{where} --help")
    if isinstance(error, click.ClickException):
        return BotError(error.format_message(), code="usage")
    return BotError(
        f"{type(error).__name__}: {error}",
        code="unexpected",
        unchanged="Not known: look at bot status and bot commands ls before you repeat it.",
    )


def error_lines(error: BotError) -> tuple[str, ...]:
    """Return an error's four lines; what a line lists stands below it, indented as it is."""
    lines = (
        f"Error: {error.what} [{error.code}]",
        f"  why:       {error.why}",
        f"  unchanged: {error.unchanged}",
        f"  to do:     {error.fix}",
    )
    return tuple(line.replace("\n", "\n" + " " * _LISTED_AT) for line in lines)


def _home_of(arguments: list[str]) -> Path | None:
    """Return what `--home` says, without parsing: an error may come before the parser is done."""
    for number, word in enumerate(arguments):
        if word == "--home" and number + 1 < len(arguments):
            return Path(arguments[number + 1])
        if word.startswith("--home="):
            return Path(word.removeprefix("--home="))
    return None


def _tell(error: BotError, *, as_json: bool, home: Path | None) -> int:
    if as_json:
        from bot.cli.failure import error_document  # only a failing call for programs pays for it

        print(error_document(error, home or default_home()))  # noqa: T201 - the edge prints
    print("\n".join(error_lines(error)), file=sys.stderr, flush=True)  # noqa: T201 - the edge prints
    return int(reason_for(error.code).exit_code)
