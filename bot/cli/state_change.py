"""`bot state restore` and `bot state adopt`: bring a kept version, or a hand edit, back by a command."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bot.app.state_tools import Comparison, adopt_preview, restore_preview
from bot.cli.asking import app, ask
from bot.cli.confirming import DIGEST_SHOWN, confirmed
from bot.cli.help import Command
from bot.cli.screen import Column, Screen, json_option
from bot.cli.sending import Sending, sends
from bot.kernel.canonical import readable_bytes
from bot.kernel.ids import ALL_ASSETS
from bot.lifecycle.command_payloads import AdoptManagedState, Payload, RestoreManagedState
from bot.lifecycle.commands import CommandType
from bot.storage.private_files import digest_of

if TYPE_CHECKING:
    from bot.app.wiring import App

_DIFFERENCE = (Column("place"), Column("before"), Column("after"))
_CELL_MAX = 60


@click.command(cls=Command, epilog="Examples: bot state restore 12 --dry-run · bot state restore 12")
@click.argument("serial", type=click.IntRange(min=1))
@click.option("--confirm", help="restore:SERIAL, to the letter; asked for on a terminal.")
@sends
@json_option
def restore(
    screen: Screen,
    serial: int,
    confirm: str | None,
    sending: Sending,
) -> int:
    """Bring a kept version of the managed state back, as a new version with a higher serial.

    Nothing is overwritten. A coin never comes into the bot's hands by it, and nothing that was sold is
    forgotten; refused while an exit order is open.
    """
    home = app()
    home.recover()
    return _send(
        screen,
        home,
        restore_preview(home, serial),
        CommandType.RESTORE_MANAGED_STATE,
        RestoreManagedState(serial=serial),
        expected=f"restore:{serial}",
        confirm=confirm,
        sending=sending,
    )


@click.command(
    cls=Command,
    epilog="Examples: bot state adopt state/quarantine/FILE --dry-run · bot state adopt FILE",
)
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--confirm", help="adopt: and the first 8 of the file's SHA-256; asked for on a terminal.")
@sends
@json_option
def adopt(
    screen: Screen,
    file: Path,
    confirm: str | None,
    sending: Sending,
) -> int:
    """Bring in what a hand changed in managed_state.json, if the rules allow it.

    FILE is the edited file in state/quarantine, where the next command puts it, or the edited public
    file itself. Only what was edited is taken; a coin that changed by command since is refused.
    """
    home = app()
    digest = digest_of(file if file.exists() or file.is_absolute() else home.home.root / file)
    home.recover()  # sets an edit aside that nobody noticed yet
    return _send(
        screen,
        home,
        adopt_preview(home, digest),
        CommandType.ADOPT_MANAGED_STATE,
        AdoptManagedState(file_digest=digest),
        expected=f"adopt:{digest[:DIGEST_SHOWN]}",
        confirm=confirm,
        sending=sending,
    )


def _send(
    screen: Screen,
    home: "App",
    found: Comparison,
    command_type: CommandType,
    payload: Payload,
    *,
    expected: str,
    confirm: str | None,
    sending: Sending,
) -> int:
    if not screen.as_json:
        screen.header(home)
        print_comparison(screen, found)
    if not sending.dry_run:
        confirmed(
            screen,
            [expected],
            confirm,
            purpose="do it",
            alone=f"Look at the difference, then repeat with --confirm {expected}",
        )
    return ask(
        screen,
        home,
        command_type,
        ALL_ASSETS,
        payload,
        sending=sending,
        then="What changed, coin by coin: bot audit tail",
    )


def print_comparison(screen: Screen, found: Comparison) -> None:
    """Print what differs, one place a line; what is too long for a table comes below it."""
    screen.line(f"{found.document}: {found.before} -> {found.after}")
    rows = [[item.path, _value(item.before), _value(item.after)] for item in found.differences]
    short = [row for row in rows if all(len(str(value)) <= _CELL_MAX for value in row)]
    if short or not rows:
        screen.table(_DIFFERENCE, short, empty="Nothing differs.")
    for place, before, after in (row for row in rows if row not in short):
        screen.line(f"{place}\n  before  {_told(before)}\n  after   {_told(after)}")


def _told(value: Any) -> str:
    return "-" if value is None else str(value)


def _value(value: Any) -> Any:
    if isinstance(value, list | dict):
        return readable_bytes(value).decode().replace("\n", " ").strip()
    return value
