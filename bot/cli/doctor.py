"""`bot doctor`."""

import click

from bot.app.doctor import Verdict, examine_home
from bot.cli.asking import app
from bot.cli.help import Command
from bot.cli.screen import Screen, json_option
from bot.kernel.exit_codes import ExitCode


@click.command(cls=Command, epilog="Examples: bot doctor · bot doctor --offline --json")
@click.option("--offline", is_flag=True, help="Do not ask the exchange.")
@json_option
def doctor(screen: Screen, offline: bool) -> int:  # noqa: FBT001 - click passes flags so
    """Look whether this home is sound: files, audit, disk, database, copies, exchange."""
    home = app()
    checks = examine_home(home, exchange=not offline)
    failed = [check for check in checks if check.verdict is Verdict.FAIL]
    readable = checks[0].verdict is not Verdict.FAIL
    if screen.as_json and readable:
        screen.document("bot-doctor-1", checks, home)
    else:
        if readable:
            screen.header(home)
        for check in checks:
            screen.line(f"{check.verdict}  {check.name}: {check.found}")
            if check.fix:
                screen.line(f"      to do: {check.fix}")
        counts = {verdict: sum(check.verdict is verdict for check in checks) for verdict in Verdict}
        screen.line(", ".join(f"{count} {verdict}" for verdict, count in counts.items()))
    return int(ExitCode.INVALID_FILE if failed else ExitCode.OK)
