"""`bot audit tail|show|verify`."""

import datetime as dt
from typing import Any

import click

from bot.app.views import holding
from bot.cli.completing import complete_assets
from bot.cli.following import follow
from bot.cli.help import Group
from bot.cli.moments import Moment
from bot.cli.screen import Column, Screen, context, json_option
from bot.kernel.clock import from_iso
from bot.kernel.errors import AuditError
from bot.kernel.exit_codes import ExitCode
from bot.storage.audit_log import AuditLog

_COLUMNS = (
    Column("#", number=True, leads=True),
    Column("at", leads=True),
    Column("asset", leads=True),
    Column("event"),
    Column("actor"),
    Column("step"),
    Column("serial", number=True),
)
_SHOWN = 20


@click.group(cls=Group)
def audit() -> None:
    """The log of everything that happened, chained by hashes."""


@audit.command(
    "tail",
    epilog="Examples: bot audit tail · bot audit tail --since '3 days ago' --asset SOL"
    " · bot audit tail --follow",
)
@click.option("-n", "count", type=click.IntRange(1, 100_000), help="How many; 20 without --since.")
@click.option("--since", type=Moment(), help="'3 days ago', 90m, yesterday, or ISO-8601 with a zone.")
@click.option("--asset", shell_complete=complete_assets, help="Only this coin's.")
@click.option("--refusals", is_flag=True, help="Show what was refused instead.")
@click.option("--follow", "follows", is_flag=True, help="Go on with what happens, until Ctrl-C.")
@json_option
def tail(
    screen: Screen,
    count: int | None,
    since: dt.datetime | None,
    asset: str | None,
    refusals: bool,  # noqa: FBT001 - click passes flags so
    follows: bool,  # noqa: FBT001 - click passes flags so
) -> None:
    """Show the newest records, oldest first."""
    home = context()
    log = home.store.refusals if refusals else home.store.audit
    asset = asset.upper() if asset else None
    records = [r for r in log.records(asset=asset) if since is None or from_iso(str(r["at"])) >= since]
    if count is not None or since is None:
        records = records[-(count or _SHOWN) :]
    if follows:
        if not screen.as_json:
            screen.header(home)
        follow(screen, home, _Newer(log, asset, records), schema="bot-audit-record-1", words=_row)
    if screen.as_json:
        screen.document("bot-audit-1", records, home)
        return
    screen.header(home)
    screen.table(_COLUMNS, [_row(record) for record in records], empty="Nothing has happened yet.")


class _Newer:
    """Gives the records that were not told yet; the first time those that it was made with."""

    def __init__(self, log: AuditLog, asset: str | None, first: list[dict[str, Any]]) -> None:
        self._log = log
        self._asset = asset
        self._first = first
        self._next = log.read_tail().point.sequence + 1

    def __call__(self) -> list[dict[str, Any]]:
        if self._first:
            told, self._first = self._first, []
            return told
        found = list(self._log.records(from_sequence=self._next, asset=self._asset))
        self._next = max((int(record["sequence"]) + 1 for record in found), default=self._next)
        return found


@audit.command("show", epilog="Examples: bot audit show SOL · bot audit show SOL --json")
@click.argument("asset", shell_complete=complete_assets)
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
    """Walk along every chain (events, refusals, orders) and say whether each record is whole."""
    home = context()
    logs = {"events": home.store.audit, "refusals": home.store.refusals, "orders": home.store.orders}
    results = {name: log.verify() for name, log in logs.items()}
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
        from_iso(str(record["at"])),
        record.get("asset"),
        record.get("type"),
        record.get("actor"),
        step or record.get("code", ""),
        record.get("serial"),
    ]
