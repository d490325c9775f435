"""`bot settings show|set|clear`."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from bot.app.operations import dry_run
from bot.app.settings import RUNTIME_CONFIG as APPLIED
from bot.app.settings_table import SETTINGS
from bot.cli.asking import app, ask, refusal
from bot.cli.confirming import confirmed
from bot.cli.help import Group
from bot.cli.screen import Column, Screen, context, json_option
from bot.cli.sending import Sending, sends
from bot.kernel.errors import UsageError
from bot.lifecycle.command_payloads import ApplyRuntimeConfig, ClearRuntimeConfig
from bot.lifecycle.commands import CommandState, CommandType
from bot.storage.documents import RUNTIME_CONFIG

if TYPE_CHECKING:
    from bot.app.wiring import App

_CHANGES = (Column("setting"), Column("now"), Column("then"), Column("note"))
_ALL = "*"
_EMPTY = "(empty)"


def _complete(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Offer the settings that change in a running home."""
    return [
        CompletionItem(row.name, help=row.meaning)
        for row in SETTINGS
        if row.runtime and row.name.startswith(incomplete)
    ]


@click.group(cls=Group)
def settings() -> None:
    """Settings with their origin."""


@settings.command("show", epilog="Examples: bot settings show --origin · bot settings show --json")
@click.option("--origin", is_flag=True, help="Say where each value came from.")
@json_option
def show_settings(screen: Screen, origin: bool) -> None:  # noqa: FBT001 - click passes flags so
    """Show every setting; secrets are never printed."""
    home = context()
    values = home.settings.all()
    applied = home.store.read(RUNTIME_CONFIG).content.settings if home.home.runtime_config.exists() else {}
    warnings = [
        f"{v.setting.name} was applied by command, but here {v.origin} wins"
        for v in values
        if v.setting.name in applied and v.origin != APPLIED
    ]
    if screen.as_json:
        data = [
            {
                "name": v.setting.name,
                "value": v.shown,
                "origin": v.origin,
                "variable": v.setting.variable,
                "changes_by_command": v.setting.runtime,
            }
            for v in values
        ]
        screen.document("bot-settings-1", data, home, warnings=warnings)
        return
    screen.header(home)
    columns = [Column("setting"), Column("value"), *([Column("origin")] if origin else []), Column("meaning")]
    screen.table(
        columns,
        [
            [v.setting.name, v.shown or _EMPTY, *([v.origin] if origin else []), v.setting.meaning]
            for v in values
        ],
    )
    for warning in warnings:
        screen.line(f"! {warning}", style="bold")


@settings.command(
    "set",
    epilog="Examples: bot settings set lifecycle.cooldown_hours=48"
    " · bot settings set risk.investable_capital_usdt=500 --confirm risk.investable_capital_usdt",
)
@click.argument("pairs", nargs=-1, required=True, metavar="KEY=VALUE...", shell_complete=_complete)
@click.option("--confirm", help="The settings that raise risk, sorted, joined by commas.")
@sends
@json_option
def set_settings(screen: Screen, pairs: tuple[str, ...], confirm: str | None, sending: Sending) -> int:
    """Change settings of the running home; what raises risk is typed."""
    home = app()
    now = home.store.read(RUNTIME_CONFIG)
    wanted = {**now.content.settings, **dict(_pair(words) for words in pairs)}
    return _change(screen, home, wanted, now.meta.serial, confirm, sending, again=f"set {' '.join(pairs)}")


@settings.command(
    "clear", epilog="Examples: bot settings clear lifecycle.cooldown_hours · bot settings clear --dry-run"
)
@click.argument("keys", nargs=-1, metavar="[KEY]...", shell_complete=_complete)
@click.option("--confirm", help="The settings whose change raises risk, sorted, joined by commas.")
@sends
@json_option
def clear_settings(screen: Screen, keys: tuple[str, ...], confirm: str | None, sending: Sending) -> int:
    """Forget settings that were applied by command; without a key, all of them."""
    home = app()
    now = home.store.read(RUNTIME_CONFIG)
    unknown = [key for key in keys if key not in now.content.settings]
    if unknown:
        raise UsageError(
            f"{unknown[0]} is not applied by command.",
            code="setting_unknown",
            why=f"Applied are: {', '.join(now.content.settings) or 'none'}.",
            fix="bot settings show --origin tells where a value comes from.",
        )
    wanted = {key: value for key, value in now.content.settings.items() if keys and key not in keys}
    again = " ".join(("clear", *keys))
    return _change(screen, home, wanted, now.meta.serial, confirm, sending, again=again)


def _change(
    screen: Screen,
    home: "App",
    wanted: Mapping[str, Any],
    serial: int,
    confirm: str | None,
    sending: Sending,
    *,
    again: str,
) -> int:
    """Show what would change, let a person confirm what raises risk, and send the command."""
    reviewed = home.review_settings(home.store.read(RUNTIME_CONFIG).content.settings, wanted)
    kind = CommandType.APPLY_RUNTIME_CONFIG if wanted else CommandType.CLEAR_RUNTIME_CONFIG

    def words(typed: str | None) -> ApplyRuntimeConfig | ClearRuntimeConfig:
        if not wanted:
            return ClearRuntimeConfig(based_on_serial=serial, confirm=typed)
        return ApplyRuntimeConfig(settings=reviewed.settings, based_on_serial=serial, confirm=typed)

    payload = words(reviewed.confirmation or None)
    tried = dry_run(home, kind, _ALL, payload)
    if tried.state is not CommandState.APPLIED:
        raise refusal(tried, _ALL)  # nobody is asked to confirm what the rules forbid
    if not screen.as_json:
        screen.header(home)
        _print(screen, tried.detail["changes"])
    if reviewed.confirmation and not sending.dry_run:
        typed = confirmed(
            screen,
            [reviewed.confirmation],
            confirm,
            purpose="raise the risk",
            alone=f"bot settings {again} --confirm {reviewed.confirmation}",
        )
        payload = words(typed)
    return ask(screen, home, kind, _ALL, payload, sending=sending, then="bot settings show --origin")


def _pair(words: str) -> tuple[str, str]:
    name, sign, value = words.partition("=")
    if not sign or not name:
        raise UsageError(f"{words!r} is no setting.", why="Expected KEY=VALUE.")
    return name.strip(), value.strip()


def _print(screen: Screen, changes: Sequence[Mapping[str, Any]]) -> None:
    rows = [[change["name"], change["before"], change["after"], _note(change)] for change in changes]
    screen.table(_CHANGES, rows, empty="What counts stays the same: it stands in bot.toml or is the default.")


def _note(change: Mapping[str, Any]) -> str:
    notes = ["raises risk"] if change.get("raises_risk") else []
    if change.get("overridden_by"):
        notes.append(f"{change['overridden_by']} wins over it here")
    return ", ".join(notes)
