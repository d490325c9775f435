"""`bot drift`."""

import click

from bot.app.drift_view import EVIDENCE_SHOWN, DriftLine, DriftView, drift_view
from bot.cli.asking import app
from bot.cli.completing import complete_assets
from bot.cli.help import Command
from bot.cli.screen import Column, Screen, json_option
from bot.holdings.drift import Verdict
from bot.kernel.clock import iso_z
from bot.kernel.money import text

_COLUMNS = (
    Column("asset", leads=True),
    Column("state", leads=True),
    Column("record", number=True),
    Column("wallet", number=True),
    Column("difference", number=True),
    Column("price", number=True),
    Column("band from", number=True),
    Column("to", number=True),
    Column("drift"),
)
_MARKS = {Verdict.DRIFT: "! ", Verdict.UNKNOWN: "? "}


@click.command(cls=Command, epilog="Examples: bot drift · bot drift SOL · bot drift --offline --json")
@click.argument("asset", required=False, shell_complete=complete_assets)
@click.option("--offline", is_flag=True, help="Do not ask the exchange; show what is recorded.")
@json_option
def drift(screen: Screen, asset: str | None, offline: bool) -> None:  # noqa: FBT001 - click passes flags so
    """Show record, wallet and difference of each coin in the bot's hands. Changes nothing."""
    home = app()
    view = drift_view(home, asset.upper() if asset else None, offline=offline)
    if screen.as_json:
        warnings = [f"The exchange told nothing: {view.not_asked}"] if view.not_asked else []
        screen.document("bot-drift-1", view, home, warnings=warnings)
        return
    screen.header(home)
    if asset:
        _one(screen, view.lines[0])
    else:
        _all(screen, view)
    if view.not_asked:
        screen.line()
        screen.line(f"The exchange told nothing: {view.not_asked}. That is never drift.")


def _all(screen: Screen, view: DriftView) -> None:
    rows = [
        [
            line.asset,
            line.state.value,
            line.record_quantity,
            line.wallet_quantity,
            line.difference,
            line.price,
            line.band_low,
            line.band_high,
            ", ".join(line.drifted) or "none",
        ]
        for line in view.lines
    ]
    screen.table(_COLUMNS, rows, empty="No coin is in the bot's hands.")
    if any(line.drifted for line in view.lines):
        screen.line()
        screen.line("bot drift ASSET tells what differs, and what helps.")


def _one(screen: Screen, line: DriftLine) -> None:
    band = None
    if line.band_low is not None and line.band_high is not None:
        band = f"{text(line.band_low)} to {text(line.band_high)}"
    screen.pairs(
        {
            "asset": line.asset,
            "state": line.state,
            "record": line.record_quantity,
            "wallet": line.wallet_quantity,
            "difference": line.difference,
            "price": line.price,
            "reference": line.reference_price,
            "band": band,
            "regime": line.regime,
            "agreed in": line.reference_regime,
            "seen": line.seen_at,
        }
    )
    screen.line()
    for finding in line.findings:
        screen.line(f"{_MARKS.get(finding.verdict, '')}{finding.kind}: {finding.sentence}")
    for one in line.recorded:
        standing = "accepted" if one.accepted else "gone" if one.gone_at else "open"
        exits = "stop and target stay armed" if one.keeps_exits or one.accepted else "no order at all"
        screen.line()
        screen.line(f"recorded {iso_z(one.detected_at)}: {one.kind} ({standing}; {exits})")
        for name, value in one.evidence.items():
            if name.startswith(EVIDENCE_SHOWN):
                screen.line(f"  {name.replace('_', ' ')}: {value}")
        for sale in one.foreign_sales:
            screen.line(f"  sold by an order that is not the bot's: {sale}")
    if line.helps:
        screen.line()
        screen.line("What helps:")
        for way in line.helps:
            screen.line(f"  {way}")
