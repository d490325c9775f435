"""`bot state check`."""

import click

from bot.cli.screen import Column, Screen, context, json_option
from bot.kernel.errors import StateFileError
from bot.storage.rebuild import compare_with_live

_COLUMNS = (Column("result"), Column("file"), Column("finding"))


@click.group()
def state() -> None:
    """Look after the state files."""


@state.command("check", epilog="Examples: bot state check · bot state check --json")
@json_option
def check(screen: Screen) -> None:
    """Look at every file and change none: schema, checksum, versions, audit, projection parity."""
    home = context()
    findings = home.store.check()
    differences = compare_with_live(home.store) if all(f.severity != "error" for f in findings) else []
    bad = [finding for finding in findings if finding.severity == "error"]
    if screen.as_json:
        screen.document("bot-state-check-1", {"findings": findings, "parity": differences}, home)
    else:
        screen.header(home)
        rows = [[f.severity.upper(), f.path, f.what] for f in findings]
        screen.table(_COLUMNS, rows)
        parity = "the audit log alone gives the live state" if not differences else "; ".join(differences)
        screen.line(f"projection parity: {parity}")
    if bad or differences:
        first = bad[0] if bad else None
        raise StateFileError(
            f"{len(bad) or len(differences)} of the checks failed.",
            why=first.what if first else differences[0],
            fix=first.fix if first and first.fix else None,
        )
