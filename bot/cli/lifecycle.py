"""`bot pause`, `bot resume`, `bot release`."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from bot.app.operations import send
from bot.cli.asking import app, ask, exit_code_of, named_asset, tell
from bot.cli.bulk import Plan, ask_for_each
from bot.cli.completing import complete_assets
from bot.cli.help import Command
from bot.cli.screen import Screen, json_option
from bot.cli.sending import Sending, sends
from bot.kernel.errors import UsageError
from bot.lifecycle.command_payloads import PauseManagedAsset, ReleaseManagedAsset, ResumeManagedAsset
from bot.lifecycle.commands import CommandType
from bot.lifecycle.documents import Exits, ManagedAsset, ReleaseMode
from bot.lifecycle.states import AssetState
from bot.storage.documents import MANAGED_STATE

if TYPE_CHECKING:
    from bot.app.wiring import App

_PAUSE, _RELEASE = CommandType.PAUSE_MANAGED_ASSET, CommandType.RELEASE_MANAGED_ASSET
_FOR_ITS_RELEASE = PauseManagedAsset(reason="paused for its release")


@click.command(
    cls=Command,
    epilog="Examples: bot pause SOL · bot pause SOL --exits off --reason FOMC · bot pause --all",
)
@click.argument("assets", nargs=-1, metavar="[ASSET]...", shell_complete=complete_assets)
@click.option("--all", "everything", is_flag=True, help="Every coin that is being traded.")
@click.option(
    "--exits",
    type=click.Choice([choice.value for choice in Exits]),
    default=Exits.ON.value,
    show_default=True,
    help="on: stop and target keep working; off: hands off, no new order at all.",
)
@click.option("--reason", help="For the record.")
@sends
@json_option
def pause(
    screen: Screen,
    assets: tuple[str, ...],
    everything: bool,  # noqa: FBT001 - click passes flags so
    exits: str,
    reason: str | None,
    sending: Sending,
) -> int:
    """Stop trading a coin at once; applied here when no worker is running."""
    home = app()
    chosen, payload = Exits(exits), PauseManagedAsset(exits=Exits(exits), reason=reason)
    turns_off = chosen is Exits.OFF

    def may_be(entry: ManagedAsset) -> bool:
        is_paused = entry.state is AssetState.MANAGED_PAUSED
        return entry.state is AssetState.MANAGED_ACTIVE or (
            turns_off and is_paused and entry.exits is not Exits.OFF
        )

    names = _named(home, assets, may_be, everything=everything)
    if len(names) == 1 and not everything:
        return ask(screen, home, _PAUSE, names[0], payload, sending=sending, apply_here=True)
    return ask_for_each(
        screen,
        home,
        names,
        lambda _asset: [(_PAUSE, payload)],
        sending,
        apply_here=True,
        nothing="No coin is being traded; nothing to pause.",
    )


@click.command(
    cls=Command, epilog="Examples: bot resume SOL · bot resume SOL --override --reason 'sold 1 by hand'"
)
@click.argument("asset", shell_complete=complete_assets)
@click.option("--reason", default="resumed", help="For the record.")
@click.option("--override", is_flag=True, help="After a drift alert: you looked, and want it to go on.")
@click.option("--accept", type=click.Choice(["current"]), help="Today's facts become the reference.")
@sends
@json_option
def resume(
    screen: Screen,
    asset: str,
    reason: str,
    override: bool,  # noqa: FBT001 - click passes flags so
    accept: str | None,
    sending: Sending,
) -> int:
    """Trade a paused coin again."""
    home = app()
    return ask(
        screen,
        home,
        CommandType.RESUME_MANAGED_ASSET,
        named_asset(home, asset),
        ResumeManagedAsset(reason=reason, override=override, accept="current" if accept else None),
        sending=sending,
    )


@click.command(
    cls=Command,
    epilog="Examples: bot release SOL · bot release SOL --pause --mode immediate · bot release --all --pause",
)
@click.argument("assets", nargs=-1, metavar="[ASSET]...", shell_complete=complete_assets)
@click.option("--all", "everything", is_flag=True, help="Every coin that is in the bot's hands, or was sold.")
@click.option(
    "--mode",
    type=click.Choice([mode.value for mode in ReleaseMode]),
    default=ReleaseMode.GRACEFUL.value,
    show_default=True,
    help="graceful: the agreed exits stay armed; immediate: hands off, the coins stay in the wallet.",
)
@click.option("--pause", "pause_first", is_flag=True, help="Pause it first, then release it.")
@sends
@json_option
def release(
    screen: Screen,
    assets: tuple[str, ...],
    everything: bool,  # noqa: FBT001 - click passes flags so
    mode: str,
    pause_first: bool,  # noqa: FBT001 - click passes flags so
    sending: Sending,
) -> int:
    """Take a coin back; a release never sells by itself."""
    home = app()
    payload = ReleaseManagedAsset(mode=ReleaseMode(mode))
    is_immediate = payload.mode is ReleaseMode.IMMEDIATE

    def may_be(entry: ManagedAsset) -> bool:
        if entry.state is AssetState.RELEASE_PENDING:
            return is_immediate and entry.release_mode is not ReleaseMode.IMMEDIATE
        return entry.state in _CAN_BE_RELEASED

    names = _named(home, assets, may_be, everything=everything)
    if len(names) == 1 and not everything:
        return _release_one(screen, home, names[0], payload, sending, pause_first=pause_first)

    def plan_of(asset: str) -> Plan:
        pausing: Plan = [(_PAUSE, _FOR_ITS_RELEASE)] if pause_first and _is_active(home, asset) else []
        return [*pausing, (_RELEASE, payload)]

    return ask_for_each(
        screen,
        home,
        names,
        plan_of,
        sending,
        apply_here=True,
        nothing="No coin is in the bot's hands; nothing to release.",
    )


_CAN_BE_RELEASED = frozenset(
    {
        AssetState.MANAGED_ACTIVE,
        AssetState.MANAGED_PAUSED,
        AssetState.MANAGED_DRIFT_ALERT,
        AssetState.EXIT_EXECUTED,
    }
)


def _release_one(
    screen: Screen,
    home: "App",
    asset: str,
    payload: ReleaseManagedAsset,
    sending: Sending,
    *,
    pause_first: bool,
) -> int:
    if pause_first and not sending.dry_run and _is_active(home, asset):
        paused = send(
            home,
            _PAUSE,
            asset,
            _FOR_ITS_RELEASE,
            wait_s=home.settings.seconds("cli.wait_s") if sending.wait else 0,
            apply_here=sending.wait,
            idempotency_key=sending.part("pause").key,
        )
        code = exit_code_of(paused, no_wait=not sending.wait)
        if code != 0 or not screen.as_json:  # for programs one document: the release's, or this failure's
            code = tell(screen, home, paused, no_wait=not sending.wait)
        if code != 0:
            return code
    return ask(screen, home, _RELEASE, asset, payload, sending=sending, apply_here=True)


def _named(
    home: "App", words: tuple[str, ...], may_be: Callable[[ManagedAsset], bool], *, everything: bool
) -> list[str]:
    """Return the coins that a call is about: those named, or with `--all` those that it fits."""
    if everything == bool(words):
        raise UsageError(
            "Name coins, or --all.",
            why="Both were given." if words else "Neither was given.",
            fix="For example: bot pause SOL, or bot pause --all",
        )
    if everything:
        home.recover()  # what cannot be read must not look like nothing to do
        entries = home.store.read(MANAGED_STATE).content.managed_assets
        return [asset for asset, entry in entries.items() if may_be(entry)]
    return list(dict.fromkeys(named_asset(home, word) for word in words))


def _is_active(home: "App", asset: str) -> bool:
    return home.store.read(MANAGED_STATE).content.state_of(asset) is AssetState.MANAGED_ACTIVE
