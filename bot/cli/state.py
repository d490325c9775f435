"""`bot state check|show|diff|rebuild|backup`; `restore` and `adopt` stand in `state_change.py`."""

from collections.abc import Sequence
from pathlib import Path

import click

from bot.app.state_tools import back_up, compare, kind_named
from bot.cli.help import Group
from bot.cli.screen import Column, Screen, context, json_option
from bot.cli.state_change import adopt, print_comparison, restore
from bot.kernel.canonical import readable_bytes
from bot.kernel.errors import StateFileError
from bot.kernel.exit_codes import ExitCode
from bot.storage.documents import MANAGED_STATE, content_fields
from bot.storage.rebuild import compare_with_live

_COLUMNS = (Column("result"), Column("file"), Column("finding"))


@click.group(cls=Group)
def state() -> None:
    """Look after the state files."""


@state.command("check", epilog="Examples: bot state check · bot state check --json")
@json_option
def check(screen: Screen) -> int:
    """Look at every file and change none: schema, checksum, versions, audit, projection parity."""
    home = context()
    findings = home.store.check()
    differences = compare_with_live(home.store) if all(f.severity != "error" for f in findings) else []
    bad = [finding for finding in findings if finding.severity == "error"]
    if screen.as_json:
        screen.document("bot-state-check-1", {"findings": findings, "parity": differences}, home)
        return int(ExitCode.INVALID_FILE if bad or differences else ExitCode.OK)
    screen.header(home)
    screen.table(_COLUMNS, [[f.severity.upper(), _short(home.home.root, f.path), f.what] for f in findings])
    screen.line(f"projection parity: {_parity(differences, is_compared=not bad)}")
    if bad or differences:
        first = bad[0] if bad else None
        raise StateFileError(
            f"{len(bad) or len(differences)} of the checks failed.",
            why=first.what if first else differences[0],
            fix=first.fix if first and first.fix else None,
        )
    return int(ExitCode.OK)


@state.command("show", epilog="Examples: bot state show · bot state show positions --serial 12")
@click.argument("document", default=MANAGED_STATE.name)
@click.option("--serial", type=click.IntRange(min=1), help="A kept version instead of the live one.")
@json_option
def show_document(screen: Screen, document: str, serial: int | None) -> None:
    """Show what a document says: managed_state, baseline_holdings, runtime_config or positions."""
    home = context()
    kind = kind_named(document)
    snapshot = home.store.read(kind) if serial is None else home.store.kept(kind, serial)
    meta, content = snapshot.meta, content_fields(snapshot.content)
    if screen.as_json:
        screen.document("bot-state-1", {"document": kind.name, "meta": meta, "content": content}, home)
        return
    screen.header(home)
    screen.pairs(
        {
            "document": kind.name,
            "serial": meta.serial,
            "written": meta.captured_at,
            "by": f"process {meta.writer.pid} on {meta.writer.host}, release {meta.writer.version}",
            "schema": meta.schema_version,
            "lineage": meta.lineage,
            "checksum": meta.checksum,
        }
    )
    screen.line(readable_bytes(content).decode().rstrip())


@state.command("diff", epilog="Examples: bot state diff · bot state diff 4 7 --exit-code")
@click.argument("a", required=False)
@click.argument("b", required=False)
@click.option("--document", default=MANAGED_STATE.name, show_default=True, help="Which document.")
@click.option("--exit-code", "tells", is_flag=True, help="End with 10 if anything differs.")
@json_option
def diff(screen: Screen, a: str | None, b: str | None, document: str, tells: bool) -> int:  # noqa: FBT001 - click passes flags so
    """Show what differs between A and B: serials, `newest` or `public`.

    Without both it is the newest version with the public file: what a hand changed. With A alone it is
    A with the newest version.
    """
    home = context()
    found = compare(home, kind_named(document), a, b)
    if screen.as_json:
        screen.document("bot-state-diff-1", found, home)
    else:
        screen.header(home)
        print_comparison(screen, found)
    return int(ExitCode.CHANGES_PENDING if tells and found.differences else ExitCode.OK)


@state.command("rebuild", epilog="Examples: bot state rebuild · bot state rebuild --json")
@json_option
def rebuild(screen: Screen) -> int:
    """Fold the audit log into a managed state and compare it with the live one; changes nothing."""
    home = context()
    differences = compare_with_live(home.store)
    if screen.as_json:
        screen.document("bot-state-rebuild-1", {"differences": differences}, home)
        return int(ExitCode.INVALID_FILE if differences else ExitCode.OK)
    screen.header(home)
    for sentence in differences:
        screen.line(sentence)
    if differences:
        raise StateFileError(
            f"The audit log gives another state: {len(differences)} differences.", why=differences[0]
        )
    screen.line("The audit log alone gives the live state.")
    return int(ExitCode.OK)


@state.command("backup", epilog="Examples: bot state backup · bot state backup /mnt/usb/managed-holdings")
@click.argument("folder", required=False, type=click.Path(path_type=Path, file_okay=False))
@json_option
def backup(screen: Screen, folder: Path | None) -> None:
    """Copy the newest versions, proposals and logs into FOLDER, read back and listed by SHA-256.

    The copy is laid out as a home: `bot --home FOLDER state check` looks at it. Without FOLDER it is a
    new one below backups/copies, on the same disk.
    """
    home = context()
    target, manifest = back_up(home, folder)
    if screen.as_json:
        screen.document("bot-backup-1", {"folder": str(target), "manifest": manifest}, home)
        return
    screen.header(home)
    size = sum(file.bytes for file in manifest.files.values())
    serials = ", ".join(f"{name} {serial}" for name, serial in manifest.serials.items())
    screen.line(f"{target}: {len(manifest.files)} files, {size} bytes, all read back")
    screen.line(f"  {serials}", style="dim")


def _short(root: Path, path: str) -> str:
    """Return a path within the home; the header says where the home is."""
    return str(Path(path).relative_to(root)) if Path(path).is_relative_to(root) else path


def _parity(differences: Sequence[str], *, is_compared: bool) -> str:
    if not is_compared:
        return "not compared, because a file cannot be trusted"
    return "; ".join(differences) or "the audit log alone gives the live state"


state.add_command(restore)
state.add_command(adopt)
