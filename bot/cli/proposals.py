"""`bot proposals ls|show|explain|diff|verify|report`."""

import datetime as dt
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from bot.app.views import WAITS, find_proposal, proposal_id_of, standing
from bot.app.views import proposals as proposals_view
from bot.cli.ages import aged
from bot.cli.completing import complete_proposals
from bot.cli.help import Group
from bot.cli.proposal_screen import print_proposal
from bot.cli.screen import Column, Screen, context, json_option
from bot.kernel.clock import from_iso
from bot.kernel.errors import BotError, UsageError
from bot.kernel.exit_codes import ExitCode
from bot.storage.documents import MANAGED_STATE

_COLUMNS = (
    Column("asset", leads=True),
    Column("standing", leads=True),
    Column("version", number=True),
    Column("reference", number=True),
    Column("confidence", number=True),
    Column("expires"),
    Column("id"),
)


@click.group(cls=Group)
def proposals() -> None:
    """Read proposals."""


@proposals.command("ls", epilog="Examples: bot proposals ls · bot proposals ls --json")
@json_option
def ls(screen: Screen) -> None:
    """List all proposals, newest first."""
    home = context()
    lines = proposals_view(home)
    if screen.as_json:
        screen.document("bot-proposals-1", lines, home)
        return
    screen.header(home)
    rows = [
        [
            line["asset"],
            _standing_words(line, home.clock.now()),
            line.get("version"),
            line.get("reference_price"),
            line.get("confidence"),
            line.get("expires_at"),
            line["proposal_id"],
        ]
        for line in lines
    ]
    screen.table(_COLUMNS, rows, empty="No proposal was made yet: bot propose SOL")


def _standing_words(line: Mapping[str, Any], now: dt.datetime) -> str:
    """Return where a proposal stands, marked where it waits although its time is over."""
    words = str(line["standing"])
    over_s = (now - from_iso(str(line["expires_at"]))).total_seconds() if words == WAITS else 0
    return f"{words}, ran out {aged(over_s, 0)}" if over_s > 0 else words


@proposals.command("show", epilog="Examples: bot proposals show SOL · bot proposals show 3f2a")
@click.argument("reference", metavar="ASSET|ID", shell_complete=complete_proposals)
@json_option
def show_one(screen: Screen, reference: str) -> None:
    """Show a coin's current proposal, or any by its id or the beginning of it."""
    home = context()
    document = find_proposal(home, reference)
    if screen.as_json:
        screen.document("bot-proposal-1", document, home)
        return
    screen.header(home)
    where = standing(home.store.read(MANAGED_STATE).content, document)
    print_proposal(screen, document, where)
    if where == WAITS:
        asset = document["asset"]
        screen.talk(
            f"To approve: bot approve {asset}, and type {asset}:recommended. To decline: bot reject {asset}"
        )


@proposals.command(
    "explain", epilog="Examples: bot proposals explain SOL · bot proposals explain SOL stop_loss"
)
@click.argument("reference", metavar="ASSET|ID", shell_complete=complete_proposals)
@click.argument("field", required=False, default="")
@json_option
def explain_one(screen: Screen, reference: str, field: str) -> None:
    """Tell where each number comes from: its formula, what enters it, the inputs behind it.

    FIELD is the name of a number or of a part: stop_loss, market_context, rehearsal, aggressive.
    """
    from bot.app.proposal_explanation import explain
    from bot.cli.proposal_reasons import print_explanation

    home = context()
    document = find_proposal(home, reference)
    lines = explain(home, document, field)
    if screen.as_json:
        screen.document("bot-proposal-explanation-1", lines, home)
        return
    screen.header(home)
    print_explanation(screen, document, lines)


@proposals.command("diff", epilog="Examples: bot proposals diff SOL · bot proposals diff 3f2a 91c0")
@click.argument("reference", metavar="ASSET|ID", shell_complete=complete_proposals)
@click.argument("other", metavar="[ID]", required=False, shell_complete=complete_proposals)
@click.option("--all", "everything", is_flag=True, help="Every number that moved, not the main ones only.")
@click.option("--exit-code", is_flag=True, help="End with 10 where anything moved.")
@json_option
def diff(
    screen: Screen,
    reference: str,
    other: str | None,
    everything: bool,  # noqa: FBT001 - click passes flags so
    exit_code: bool,  # noqa: FBT001 - click passes flags so
) -> int:
    """Tell what moved since a coin's previous proposal, and why; or between any two of a coin.

    With two, the first one is the older side.
    """
    from bot.app.proposal_difference import difference, previous_of
    from bot.app.proposal_figures import shown_paths
    from bot.cli.proposal_reasons import print_difference

    home = context()
    first = find_proposal(home, reference)
    before, after = (first, find_proposal(home, other)) if other else (previous_of(home, first), first)
    found = difference(home, before, after)
    if screen.as_json:
        screen.document("bot-proposal-difference-1", found, home)
    else:
        screen.header(home)
        print_difference(screen, found, shown=None if everything else shown_paths(after))
    return int(ExitCode.CHANGES_PENDING if exit_code and found.differs else ExitCode.OK)


@proposals.command("verify", epilog="Examples: bot proposals verify SOL · bot proposals verify --all")
@click.argument("reference", metavar="[ASSET|ID]", required=False, shell_complete=complete_proposals)
@click.option("--all", "everything", is_flag=True, help="Every proposal of this home.")
@json_option
def verify(screen: Screen, reference: str | None, everything: bool) -> int:  # noqa: FBT001 - click passes flags so
    """Make a proposal again from its kept inputs, and say whether every byte is the same."""
    from bot.app.proposal_check import check_proposals
    from bot.cli.proposal_reasons import print_checks

    if (reference is None) is not everything:
        raise UsageError("Name one proposal, or --all.", fix="bot proposals verify SOL")
    home = context()
    names = None if reference is None else [proposal_id_of(home, reference)]
    checks = check_proposals(home, names)
    failed = [check for check in checks if not check.holds]
    if screen.as_json:
        screen.document("bot-proposal-checks-1", checks, home)
        return int(BotError("", code=failed[0].code).exit_code) if failed else int(ExitCode.OK)
    screen.header(home)
    print_checks(screen, checks)
    if failed:
        part = failed[0].first_failure
        raise BotError(
            f"{len(failed)} of {len(checks)} proposals do not hold."
            if len(checks) > 1
            else f"The proposal {failed[0].proposal_id} does not hold.",
            code=failed[0].code,
            why=f"{part.name}: {part.sentence}" if part else None,
        )
    return int(ExitCode.OK)


@proposals.command(
    "report", epilog="Examples: bot proposals report SOL · bot proposals report SOL --output sol.html"
)
@click.argument("reference", metavar="ASSET|ID", shell_complete=complete_proposals)
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where to write it; else risk_proposals/reports/ID.html in the home.",
)
@json_option
def report(screen: Screen, reference: str, output: Path | None) -> None:
    """Write a proposal as one HTML page with charts, to read offline or to print."""
    from bot.app.report_writer import write_report

    home = context()
    document = find_proposal(home, reference)
    path = write_report(home, document, output)
    if screen.as_json:
        screen.document("bot-proposal-report-1", {"path": str(path)}, home)
        return
    screen.line(str(path))
    screen.talk("It needs no network and no script: open it in any browser.")
