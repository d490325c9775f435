"""`bot baseline show|capture|apply|clear`."""

import click

from bot.app.core import HomeContext
from bot.app.operations import capture_baseline, captured_baseline
from bot.cli.asking import app, ask
from bot.cli.help import Group
from bot.cli.screen import Column, Screen, context, json_option
from bot.cli.sending import Sending, sends
from bot.holdings.baseline import BaselineContent, spendable_quote
from bot.kernel.money import ZERO, text
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
    _print(screen, home, content)


@baseline.command("capture", epilog="Examples: bot baseline capture · bot baseline capture --freeze-quote")
@click.option(
    "--freeze-quote", is_flag=True, help="The quote that is there now stays yours; only later deposits count."
)
@json_option
def capture(screen: Screen, freeze_quote: bool) -> None:  # noqa: FBT001 - click passes flags so
    """Read the wallet and show what `apply` would record; nothing is applied yet."""
    home = app()
    content = capture_baseline(home, freeze_quote=freeze_quote)
    if screen.as_json:
        screen.document("bot-baseline-capture-1", content, home)
        return
    screen.header(home)
    _print(screen, home, content)
    screen.talk("Captured. To record it: bot baseline apply")


@baseline.command("apply", epilog="Examples: bot baseline apply · bot baseline apply --dry-run")
@sends
@json_option
def apply(
    screen: Screen,
    sending: Sending,
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
        sending=sending,
    )


@baseline.command("clear", epilog="Examples: bot baseline clear · bot baseline clear --dry-run")
@sends
@json_option
def clear(
    screen: Screen,
    sending: Sending,
) -> int:
    """Forget the baseline; refused while coins are in the bot's hands."""
    return ask(
        screen,
        app(),
        CommandType.CLEAR_BASELINE_HOLDINGS,
        "*",
        NoPayload(),
        sending=sending,
    )


def _print(screen: Screen, home: HomeContext, content: BaselineContent) -> None:
    if not content.is_applied:
        screen.line("No baseline is applied. First: bot baseline capture")
        return
    at = screen.when(content.captured_at) if content.captured_at is not None else "at no known time"
    screen.line(f"captured {at} from {content.source}; unlisted coins: {content.default_policy_for_unlisted}")
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
    quote = str(home.settings["quote"])
    held = content.assets[quote].quantity if quote in content.assets else ZERO
    spendable = spendable_quote(
        content,
        quote=quote,
        free=held,
        investable_capital_usdt=home.settings["risk.investable_capital_usdt"],
    )
    screen.line(f"of this {quote} the bot may spend at most {text(spendable)} (risk.investable_capital_usdt)")
