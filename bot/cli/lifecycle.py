"""`bot pause`, `bot resume`, `bot release`."""

import click

from bot.app.operations import send
from bot.cli.asking import app, ask, exit_code_of, sending_options, tell
from bot.cli.help import Command
from bot.cli.screen import Screen, json_option
from bot.lifecycle.command_payloads import PauseManagedAsset, ReleaseManagedAsset, ResumeManagedAsset
from bot.lifecycle.commands import CommandType
from bot.lifecycle.documents import Exits, ReleaseMode
from bot.lifecycle.states import AssetState
from bot.storage.documents import MANAGED_STATE


@click.command(cls=Command, epilog="Examples: bot pause SOL · bot pause SOL --exits off --reason FOMC")
@click.argument("asset")
@click.option(
    "--exits",
    type=click.Choice([choice.value for choice in Exits]),
    default=Exits.ON.value,
    show_default=True,
    help="on: stop and target keep working; off: hands off, no new order at all.",
)
@click.option("--reason", help="For the record.")
@sending_options
@json_option
def pause(
    screen: Screen,
    asset: str,
    exits: str,
    reason: str | None,
    no_wait: bool,  # noqa: FBT001 - click passes flags so
    dry_run: bool,  # noqa: FBT001 - click passes flags so
    key: str | None,
) -> int:
    """Stop trading a coin at once; applied here when no worker is running."""
    return ask(
        screen,
        app(),
        CommandType.PAUSE_MANAGED_ASSET,
        asset.upper(),
        PauseManagedAsset(exits=Exits(exits), reason=reason),
        no_wait=no_wait,
        only_try=dry_run,
        key=key,
        apply_here=True,
    )


@click.command(
    cls=Command, epilog="Examples: bot resume SOL · bot resume SOL --override --reason 'sold 1 by hand'"
)
@click.argument("asset")
@click.option("--reason", default="resumed", help="For the record.")
@click.option("--override", is_flag=True, help="After a drift alert: you looked, and want it to go on.")
@click.option("--accept", type=click.Choice(["current"]), help="Today's facts become the reference.")
@sending_options
@json_option
def resume(
    screen: Screen,
    asset: str,
    reason: str,
    override: bool,  # noqa: FBT001 - click passes flags so
    accept: str | None,
    no_wait: bool,  # noqa: FBT001 - click passes flags so
    dry_run: bool,  # noqa: FBT001 - click passes flags so
    key: str | None,
) -> int:
    """Trade a paused coin again."""
    return ask(
        screen,
        app(),
        CommandType.RESUME_MANAGED_ASSET,
        asset.upper(),
        ResumeManagedAsset(reason=reason, override=override, accept="current" if accept else None),
        no_wait=no_wait,
        only_try=dry_run,
        key=key,
    )


@click.command(cls=Command, epilog="Examples: bot release SOL · bot release SOL --pause --mode immediate")
@click.argument("asset")
@click.option(
    "--mode",
    type=click.Choice([mode.value for mode in ReleaseMode]),
    default=ReleaseMode.GRACEFUL.value,
    show_default=True,
    help="graceful: the agreed exits stay armed; immediate: hands off, the coins stay in the wallet.",
)
@click.option("--pause", "pause_first", is_flag=True, help="Pause it first, then release it.")
@sending_options
@json_option
def release(
    screen: Screen,
    asset: str,
    mode: str,
    pause_first: bool,  # noqa: FBT001 - click passes flags so
    no_wait: bool,  # noqa: FBT001 - click passes flags so
    dry_run: bool,  # noqa: FBT001 - click passes flags so
    key: str | None,
) -> int:
    """Take a coin back; a release never sells by itself."""
    home, asset = app(), asset.upper()
    is_active = home.store.read(MANAGED_STATE).content.state_of(asset) is AssetState.MANAGED_ACTIVE
    if pause_first and is_active and not dry_run:
        paused = send(
            home,
            CommandType.PAUSE_MANAGED_ASSET,
            asset,
            PauseManagedAsset(reason="paused for its release"),
            wait_s=0 if no_wait else home.settings.seconds("cli.wait_s"),
            apply_here=not no_wait,
            idempotency_key=f"{key}-pause" if key else None,
        )
        code = exit_code_of(paused, no_wait=no_wait)
        if code != 0 or not screen.as_json:  # for programs one document: the release's, or this failure's
            code = tell(screen, home, paused, no_wait=no_wait)
        if code != 0:
            return code
    return ask(
        screen,
        home,
        CommandType.RELEASE_MANAGED_ASSET,
        asset,
        ReleaseManagedAsset(mode=ReleaseMode(mode)),
        no_wait=no_wait,
        only_try=dry_run,
        key=key,
        apply_here=True,
    )
