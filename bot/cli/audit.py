"""`bot audit tail|show|verify`."""

from typing import Any

import click

from bot.app.views import holding
from bot.cli.help import Group
from bot.cli.screen import Column, Screen, context, json_option
from bot.kernel.errors import AuditError
from bot.kernel.exit_codes import ExitCode

_COLUMNS = (
    Column("#", number=True),
    Column("at"),
    Column("asset"),
    Column("event"),
    Column("actor"),
    Column("step"),
    Column("serial", number=True),
)


@click.group(cls=Group)
def audit() -> None:
    """The log of everything that happened, chained by hashes."""


@audit.command("tail", epilog="Examples: bot audit tail · bot audit tail -n 100 --asset SOL")
@click.option("-n", "count", type=click.IntRange(1, 100_000), default=20, show_default=True)
@click.option("--asset", help="Only this coin's.")
@click.option("--refusals", is_flag=True, help="Show what was refused instead.")
@json_option
def tail(screen: Screen, count: int, asset: str | None, refusals: bool) -> None:  # noqa: FBT001 - click passes flags so
    """Show the newest records, oldest first."""
    home = context()
    log = home.store.refusals if refusals else home.store.audit
    records = list(log.records(asset=asset.upper() if asset else None))[-count:]
    if screen.as_json:
        screen.document("bot-audit-1", records, home)
        return
    screen.header(home)
    screen.table(_COLUMNS, [_row(record) for record in records], empty="Nothing has happened yet.")


@audit.command("show", epilog="Examples: bot audit show SOL · bot audit show SOL --json")
@click.argument("asset")
@json_option
def show_asset(screen: Screen, asset: str) -> None:
    """Tell one coin's whole story."""
    home = context()
    records = list(home.store.audit.records(asset=asset.upper()))
    if not records:
        holding(home, asset.upper())  # a coin that nobody knows is a slip, not an empty story
    if screen.as_json:
        screen.document("bot-audit-1", records, home)
        return
    screen.header(home)
    screen.table(
        _COLUMNS, [_row(record) for record in records], empty=f"Nothing is recorded of {asset.upper()}."
    )


@audit.command("verify", epilog="Examples: bot audit verify · bot audit verify --json")
@json_option
def verify(screen: Screen) -> int:
    """Walk along both chains and say whether every record is whole."""
    home = context()
    results = {"events": home.store.audit.verify(), "refusals": home.store.refusals.verify()}
    if screen.as_json:
        screen.document("bot-audit-verify-1", results, home)
        whole = all(result.is_whole for result in results.values())
        return int(ExitCode.OK if whole else ExitCode.INVALID_FILE)
    screen.header(home)
    for name, result in results.items():
        if not result.is_whole:
            raise AuditError(
                f"The chain of {name} breaks at line {result.first_bad_line}.",
                why=f"{result.reason}.",
                fix="Keep the file as it is and look at that line; a torn end is cut by bot worker --once.",
            )
        screen.line(f"{name}: {result.records} records, the chain is whole")
    return int(ExitCode.OK)


def _row(record: dict[str, Any]) -> list[object]:
    before, after = (record.get(key) or {} for key in ("before", "after"))
    states = [(side.get("managed") or {}).get("state", "frozen") for side in (before, after)]
    step = f"{states[0]} -> {states[1]}" if before and after and states[0] != states[1] else ""
    return [
        record["sequence"],
        str(record["at"])[:19] + "Z",
        record.get("asset"),
        record.get("type"),
        record.get("actor"),
        step or record.get("code", ""),
        record.get("serial"),
    ]
