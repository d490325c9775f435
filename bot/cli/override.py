"""`bot override`: other levels for a coin in the bot's hands, set by a person (C1)."""

from decimal import Decimal
from typing import Any

import click

from bot.app.operations import dry_run
from bot.app.overrides import LevelChange, averaging_notes, level_changes, trailing_of_words
from bot.cli.asking import app, ask, named_asset, refusal
from bot.cli.averaging import Averaging
from bot.cli.completing import complete_assets
from bot.cli.confirming import DIGEST_SHOWN, can_ask, check_digest, confirmed
from bot.cli.help import Command
from bot.cli.money import Money, Reach
from bot.cli.screen import Column, Screen, json_option
from bot.cli.sending import Sending, sends
from bot.kernel.errors import UsageError
from bot.lifecycle.command_payloads import OverrideManagedLevels
from bot.lifecycle.commands import CommandState, CommandType
from bot.lifecycle.dca_terms import DcaTerms

_OVERRIDE = CommandType.OVERRIDE_MANAGED_LEVELS
_COLUMNS = (
    Column("level"),
    Column("approved", number=True),
    Column("now", number=True),
    Column("then", number=True),
)


@click.command(
    cls=Command,
    epilog="Examples: bot override SOL --stop-loss 130 --reason 'support moved'"
    " · bot override SOL --take-profit 180 --reason 'new high' --dry-run"
    " · bot override SOL --trailing-activation 160 --trailing-distance 4% --reason 'let it run'",
)
@click.argument("asset", shell_complete=complete_assets)
@click.option("--stop-loss", type=Money(), help="USDT per coin; below the reference price.")
@click.option("--take-profit", type=Money(), help="USDT per coin; above the reference price.")
@click.option("--max-allocation", type=Money(), help="USDT; the soft cap of this coin.")
@click.option(
    "--trailing",
    type=click.Choice(["on", "off"]),
    help="Whether the stop follows the price up; alone, with the distance of the coin's strategy group.",
)
@click.option(
    "--trailing-activation",
    type=Reach(),
    help="It follows from this price on: 160, or 8% or 2ATR above the reference; left out: at once.",
)
@click.option(
    "--trailing-distance",
    type=Reach(),
    help="How far below the highest price: 6, 4% or 1.5ATR; left out: as far as stop below reference.",
)
@click.option(
    "--dca",
    type=Averaging(),
    help="Buy more in steps below the reference, such as steps=3,step=5%,max=300 (USDT in all); or off.",
)
@click.option("--entry", type=Money(), help="USDT per coin; where profit and loss are counted from.")
@click.option("--reason", required=True, help="For the record.")
@click.option("--confirm", help="The coin and the word, to the letter: SOL:override.")
@click.option("--digest", help="First 8 characters of the digest that --dry-run showed.")
@sends
@json_option
def override(
    screen: Screen,
    asset: str,
    stop_loss: Decimal | None,
    take_profit: Decimal | None,
    max_allocation: Decimal | None,
    trailing: str | None,
    trailing_activation: tuple[str, Decimal] | None,
    trailing_distance: tuple[str, Decimal] | None,
    dca: DcaTerms | None,
    entry: Decimal | None,
    reason: str,
    confirm: str | None,
    digest: str | None,
    sending: Sending,
) -> int:
    """Set a coin's levels by hand: shows what was approved, what counts now, and what would count then.

    The promotion's own values stay on record; the loop works with the new ones from its next cycle on.
    """
    home = app()
    asset = named_asset(home, asset)
    payload = OverrideManagedLevels(
        stop_loss=stop_loss,
        take_profit=take_profit,
        max_allocation_usdt=max_allocation,
        trailing=trailing_of_words(
            home, asset, switch=trailing, activation=trailing_activation, distance=trailing_distance
        ),
        dca=dca,
        synthetic_entry_value=entry,
        reason=reason,
    )
    tried = dry_run(home, _OVERRIDE, asset, payload)
    if tried.state is not CommandState.APPLIED:
        raise refusal(tried, asset)  # nobody is asked to confirm what the rules forbid
    changes, seen = level_changes(home, asset, payload, tried.detail.get("difference", {}))
    if not screen.as_json:
        screen.header(home)
        _print(screen, asset, changes, seen)
        for note in averaging_notes(home, asset, payload):
            screen.line(f"! {note}")
    if not sending.dry_run:
        _confirm(screen, asset, confirm, digest, seen)
    return ask(
        screen,
        home,
        _OVERRIDE,
        asset,
        payload,
        sending=sending,
        then=f"The loop works with it from its next cycle on: bot explain {asset}",
    )


def _confirm(screen: Screen, asset: str, confirm: str | None, digest: str | None, seen: str) -> None:
    expected = f"{asset}:override"
    look = f"bot override {asset} ... --dry-run"
    if confirm is not None:
        check_digest(digest, seen, of=f"{asset}'s levels", look=look)
    elif not can_ask(screen) and digest is not None:
        raise UsageError("A digest alone confirms nothing.", fix=f"Add --confirm {expected}")
    confirmed(
        screen,
        [expected],
        confirm,
        purpose="set these levels",
        alone=f"Look with --dry-run, then add --confirm {expected} --digest and the {DIGEST_SHOWN} characters"
        " that it shows",
    )


def _print(screen: Screen, asset: str, changes: tuple[LevelChange, ...], seen: str) -> None:
    screen.line(f"{asset}: levels by hand; digest {seen[:DIGEST_SHOWN]}", style="bold")
    screen.table(_COLUMNS, [_row(change) for change in changes])
    if any(change.name == "trailing" and change.then != "off" for change in changes):
        screen.line("The stop follows the price up by itself, and never down; bot explain tells where it is.")


def _row(change: LevelChange) -> list[Any]:
    return [change.name, change.approved, change.now, change.then]
