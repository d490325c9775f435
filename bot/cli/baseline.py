"""`bot baseline show|capture|apply|clear`."""

import click
import msgspec

from bot.app.operations import capture_baseline, captured_baseline
from bot.cli.asking import app, ask, sending_options
from bot.cli.help import Group
from bot.cli.screen import Column, Screen, context, json_option
from bot.holdings.baseline import BaselineContent
from bot.lifecycle.command_payloads import ApplyBaselineHoldings, NoPayload
from bot.lifecycle.commands import CommandType
from bot.storage.documents import BASELINE_HOLDINGS

_COLUMNS = (Column("asset"), Column("policy"), Column("quantity", number=True), Column("note"))


@click.group(cls=Group)
def baseline() -> None:
    """What you held when the bot came; everything is frozen unless you hand it over."""


@baseline.command("show", epilog="Examples: bot baseline show · bot baseline show --json")
@json_option
def show_baseline(screen: Screen) -> None:
    """Show the applied baseline."""
    home = context()
    content = home.store.read(BASELINE_HOLDINGS).content
    if screen.as_json:
        screen.document("bot-baseline-1", content, home)
        return
    screen.header(home)
    _print(screen, content)


@baseline.command("capture", epilog="Examples: bot baseline capture · bot baseline capture --json")
@json_option
def capture(screen: Screen) -> None:
    """Read the wallet and show what `apply` would record; nothing is applied yet."""
    home = app()
    content = capture_baseline(home)
    if screen.as_json:
        screen.document("bot-baseline-capture-1", content, home)
        return
    screen.header(home)
    _print(screen, content)
    screen.talk("Captured. To record it: bot baseline apply")


@baseline.command("apply", epilog="Examples: bot baseline apply · bot baseline apply --dry-run")
@sending_options
@json_option
def apply(
    screen: Screen,
    no_wait: bool,  # noqa: FBT001 - click passes flags so
    dry_run: bool,  # noqa: FBT001 - click passes flags so
    key: str | None,
) -> int:
    """Record the captured wallet as the baseline."""
    home = app()
    payload = ApplyBaselineHoldings(baseline=captured_baseline(home))
    return ask(
        screen,
        home,
        CommandType.APPLY_BASELINE_HOLDINGS,
        "*",
        payload,
        no_wait=no_wait,
        only_try=dry_run,
        key=key,
    )


@baseline.command("clear", epilog="Examples: bot baseline clear · bot baseline clear --dry-run")
@sending_options
@json_option
def clear(
    screen: Screen,
    no_wait: bool,  # noqa: FBT001 - click passes flags so
    dry_run: bool,  # noqa: FBT001 - click passes flags so
    key: str | None,
) -> int:
    """Forget the baseline; refused while coins are in the bot's hands."""
    return ask(
        screen,
        app(),
        CommandType.CLEAR_BASELINE_HOLDINGS,
        "*",
        NoPayload(),
        no_wait=no_wait,
        only_try=dry_run,
        key=key,
    )


def _print(screen: Screen, content: BaselineContent) -> None:
    if not content.is_applied:
        screen.line("No baseline is applied. First: bot baseline capture")
        return
    times = msgspec.to_builtins(content.captured_at)
    screen.line(
        f"captured {times} from {content.source}; unlisted coins: {content.default_policy_for_unlisted}"
    )
    rows = [
        [
            name,
            entry.policy,
            entry.quantity,
            "governed by the lifecycle" if entry.policy_lifecycle_managed else "",
        ]
        for name, entry in content.assets.items()
    ]
    screen.table(_COLUMNS, rows)
