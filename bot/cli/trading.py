"""`bot trading halt|resume|status`: stop and start trading of the whole bot."""

import click

from bot.app.operations import dry_run
from bot.app.trading_view import TradingView, trading_view
from bot.cli.asking import app, ask, refusal
from bot.cli.confirming import confirmed
from bot.cli.help import Group
from bot.cli.screen import Screen, context, json_option
from bot.cli.sending import Sending, sends
from bot.kernel.ids import ALL_ASSETS
from bot.kernel.money import text
from bot.lifecycle.command_payloads import HaltTrading, ResumeTrading
from bot.lifecycle.commands import CommandState, CommandType
from bot.lifecycle.documents import Exits

_HALT, _RESUME = CommandType.HALT_TRADING, CommandType.RESUME_TRADING


@click.group(cls=Group)
def trading() -> None:
    """Halt trading of the whole bot, see why it is halted, and resume it."""


@trading.command("status", epilog="Examples: bot trading status · bot trading status --json")
@json_option
def status(screen: Screen) -> None:
    """Show whether the bot trades; if not, since when, why, and what helps."""
    home = context()
    view = trading_view(home)
    if screen.as_json:
        screen.document("bot-trading-1", view, home)
        return
    screen.header(home)
    _print(screen, view)


@trading.command(
    "halt", epilog="Examples: bot trading halt --reason 'moving house' · bot trading halt --exits off"
)
@click.option(
    "--exits",
    type=click.Choice([choice.value for choice in Exits]),
    default=Exits.ON.value,
    show_default=True,
    help="on: stop and target keep working on fresh prices; off: hands off, no new order at all.",
)
@click.option("--reason", default="halted by hand", show_default=True, help="For the record.")
@sends
@json_option
def halt(screen: Screen, exits: str, reason: str, sending: Sending) -> int:
    """Stop all buying and new trades at once; applied here when no worker is running.

    No coin changes its state by it. An exit order that has left already is booked when it fills.
    """
    home = app()
    payload = HaltTrading(text=reason, exits=Exits(exits))
    then = "It stays halted, over restarts too, until a person says: bot trading resume"
    return ask(screen, home, _HALT, ALL_ASSETS, payload, sending=sending, apply_here=True, then=then)


@trading.command(
    "resume",
    epilog="Examples: bot trading resume --reason 'exchange is back'"
    " · bot trading resume --confirm resume:stale_data",
)
@click.option("--reason", default="resumed by hand", show_default=True, help="For the record.")
@click.option("--accept", is_flag=True, help="Go on although the cause is still there; for admins.")
@click.option("--confirm", help="resume: and the code of the halt, to the letter: resume:stale_data.")
@sends
@json_option
def resume(screen: Screen, reason: str, accept: bool, confirm: str | None, sending: Sending) -> int:  # noqa: FBT001 - click passes flags so
    """Let the bot trade again; refused while the watchdog still sees why it halted."""
    home = app()
    home.recover()
    view = trading_view(home)
    expected = view.confirm or "resume:"
    payload = ResumeTrading(confirm=expected, reason=reason, accept=accept)
    tried = dry_run(home, _RESUME, ALL_ASSETS, payload)
    if tried.state is not CommandState.APPLIED and not sending.dry_run:
        raise refusal(tried, ALL_ASSETS)  # nobody is asked to confirm what the rules forbid
    if not screen.as_json:
        screen.header(home)
        _print(screen, view)
    if not sending.dry_run:
        confirm = confirmed(
            screen,
            [expected],
            confirm,
            purpose="let the bot trade again",
            alone=f"bot trading resume --confirm {expected}",
        )
        payload = ResumeTrading(confirm=confirm, reason=reason, accept=accept)
    return ask(screen, home, _RESUME, ALL_ASSETS, payload, sending=sending)


def _print(screen: Screen, view: TradingView) -> None:
    if not view.halted:
        screen.line("The bot may trade: no halt.", style="bold")
        screen.pairs({"watchdog": _watchdog_words(view)})
        return
    screen.line(f"TRADING IS HALTED: {view.text} [{view.code}]", style="bold")
    off = view.exits is Exits.OFF
    screen.pairs(
        {
            "since": view.since,
            "by": view.by,
            "exits": "off: no new order leaves at all"
            if off
            else "on: stop and target stay armed, on fresh prices",
            "buys": "none",
            "the cause": _cause_words(screen, view),
            "in flight": ", ".join(view.orders_in_flight),
            "watchdog": _watchdog_words(view),
        }
    )
    screen.line()
    screen.line("What helps:")
    for way in view.helps:
        screen.line(f"  {way}")


def _cause_words(screen: Screen, view: TradingView) -> str:
    if view.cause_is_there is None:
        return "a person's word"
    if view.cause_is_there:
        return "is still there, or nobody has looked since"
    return f"is gone since {screen.when(view.cause_gone_at)}" if view.cause_gone_at else "is gone"


def _watchdog_words(view: TradingView) -> str:
    parts = []
    for name, words in (("stale_data_s", "data older than"), ("stale_loop_s", "a loop silent for")):
        limit = view.limits[f"watchdog.{name}"]
        parts.append(f"{words} {text(limit)} s halts" if limit else f"{name} is OFF")
    return f"{'runs' if view.watchdog_runs else 'DOES NOT RUN (bot run)'}; {', '.join(parts)}"
