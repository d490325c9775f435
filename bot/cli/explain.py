"""`bot explain`: why is it so, and what comes next."""

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import click

from bot.app.drift_view import EVIDENCE_SHOWN
from bot.app.explain import AssetExplanation, Refusal, explain_asset
from bot.app.explain_reference import (
    CodeExplanation,
    CommandExplanation,
    Kind,
    explain_code,
    explain_command,
    understood,
)
from bot.app.next_steps import NextStep
from bot.app.trading_view import halt_words
from bot.app.trailing_view import trailing_words
from bot.cli.asking import app
from bot.cli.completing import complete_explained
from bot.cli.help import Command
from bot.cli.holdings import print_step, unprotected_words
from bot.cli.screen import Screen, json_option, show
from bot.kernel.clock import from_iso
from bot.kernel.errors import BotError
from bot.kernel.ids import pair_of
from bot.lifecycle.states import IN_THE_BOTS_HANDS

if TYPE_CHECKING:
    from bot.app.wiring import App


@click.command(
    cls=Command,
    epilog="Examples: bot explain SOL · bot explain 3f2a91c0 · bot explain proposal_stale",
)
@click.argument("reference", metavar="ASSET|COMMAND|CODE", shell_complete=complete_explained)
@click.option("--offline", is_flag=True, help="Do not ask the exchange for the price.")
@json_option
def explain(screen: Screen, reference: str, offline: bool) -> None:  # noqa: FBT001 - click passes flags so
    """Say why a coin stands where it stands and what comes next; or why a command ended as it did."""
    home = app()
    found = understood(home, reference)
    match found.kind:
        case Kind.CODE:
            code = explain_code(home, found.name)
            if screen.as_json:
                screen.document("bot-explain-code-1", code, home)
            else:
                screen.header(home)
                _print_code(screen, code)
        case Kind.COMMAND:
            command = explain_command(home, found.name)
            if screen.as_json:
                screen.document("bot-explain-command-1", command, home)
            else:
                screen.header(home)
                _print_command(screen, command)
        case Kind.ASSET:
            _explain_asset(screen, home, found.name, offline=offline)


def _explain_asset(screen: Screen, home: "App", asset: str, *, offline: bool) -> None:
    told, warnings = explain_asset(home, asset), []
    if told.state in IN_THE_BOTS_HANDS and not offline:
        try:
            price = home.gateway.ticker(pair_of(asset, home.settings["quote"])).last
            told = explain_asset(home, asset, price=price)
        except BotError as error:
            warnings.append(f"the price is not known: {error.what}")
    if told.holding.unprotected:
        warnings.append(unprotected_words(told.holding))
    if screen.as_json:
        screen.document("bot-explain-asset-1", told, home, warnings=warnings)
        return
    screen.header(home)
    _print_asset(screen, told)
    for warning in warnings:
        screen.line(f"! {warning}", style="bold")


def _print_asset(screen: Screen, told: AssetExplanation) -> None:
    screen.line(f"{told.asset} is {told.state} ({told.meaning})", style="bold")
    since = (
        f"{screen.when(told.since)}, by {told.by}" if told.since is not None else "nobody handed it over yet"
    )
    because = f"{told.because.text} [{told.because.code}]" if told.because is not None else None
    quantity, trailing = told.holding.approved_quantity, told.holding.trailing
    screen.pairs(
        {
            "since": since,
            "because": because,
            "handed over": f"{show(quantity)} {told.asset}" if quantity is not None else None,
            "exits": told.holding.exits,
            "price now": told.price,
            "trailing": trailing_words(trailing) if trailing is not None else None,
        }
    )
    screen.line()
    screen.line("What comes next", style="bold")
    if told.trading_halt is not None:
        screen.line(f"  {halt_words(told.trading_halt)}", style="bold")
    if told.no_order_because is not None:
        screen.line(f"  no new order: {told.no_order_because['sentence']} [{told.no_order_because['code']}]")
    if told.nothing_because is not None:
        screen.line(f"  {told.nothing_because}")
    _print_steps(screen, told)
    if told.left_out is not None and told.left_out.reason not in _SAID_BY_THE_STATE:
        screen.line(f"  nothing new is opened: {told.left_out.sentence} [{told.left_out.reason}]")
    for drift in told.drifts:
        _print_drift(screen, drift)
    if told.last_refusal is not None:
        screen.line()
        screen.line("The last refusal", style="bold")
        _print_refusal(screen, told.last_refusal)
    if told.history:
        screen.line()
        screen.line("How it got here", style="bold")
        for line in told.history:
            print_step(screen, line)
    if told.you_can:
        screen.line()
        screen.line(f"You can: {' · '.join(told.you_can)}")


_SAID_BY_THE_STATE = ("frozen", "not_active", "is_quote")


def _print_drift(screen: Screen, drift: dict[str, Any]) -> None:
    screen.line(f"  drift of kind {drift['kind']} since {screen.when(drift['detected_at'])}")
    evidence = drift["evidence"]
    if "told" in evidence:
        screen.line(f"    {evidence['told']}")
    for name, value in evidence.items():
        if name.startswith(EVIDENCE_SHOWN):
            screen.line(f"    {name.replace('_', ' ')}: {show(value)}")


def _print_steps(screen: Screen, told: AssetExplanation) -> None:
    for step in told.next_steps:
        screen.line(f"  {_step_words(screen, step)}")
    if told.holding.if_the_bot_dies is not None:
        screen.line(f"  If the bot dies, {told.holding.if_the_bot_dies}.")


def _step_words(screen: Screen, step: NextStep) -> str:
    price = f" {show(step.price)}" if step.price is not None else ""
    away = ""
    if step.distance_pct is not None:
        atr = f", {show(step.distance_atr)} ATR" if step.distance_atr is not None else ""
        away = f" ({_signed(step.distance_pct)} % away{atr})"
    until = f" ({screen.when(step.at)})" if step.at is not None else ""
    return f"{step.what} {step.when}{price}{away}{until}"


def _signed(number: Decimal) -> str:
    return f"{number:+f}"


def _print_refusal(screen: Screen, refusal: Refusal) -> None:
    screen.line(f"  {screen.when(from_iso(refusal.at))}  {refusal.type} by {refusal.actor} [{refusal.code}]")
    screen.line(f"  {refusal.reason}")
    screen.line(f"  to do: {refusal.fix}")


def _print_command(screen: Screen, told: CommandExplanation) -> None:
    about = f" for {told.asset}" if told.asset != "*" else ""
    screen.line(f"{told.type}{about}: {told.state}", style="bold")
    step = f"{told.step} ({told.transition})" if told.transition else told.step
    screen.pairs(
        {
            "id": told.uid,
            "asked": from_iso(told.at),
            "by": told.actor,
            "step": step,
            "code": told.code if told.sentence else None,
            "rule": told.sentence,
            "why": told.why,
            "to do": told.fix,
            "serial": told.serial,
            "records": ", ".join(told.events),
        }
    )


def _print_code(screen: Screen, told: CodeExplanation) -> None:
    screen.line(f"{told.code}: {told.sentence}", style="bold")
    screen.pairs({"to do": told.fix, "exit code": told.exit_code})
    if told.refusals:
        screen.line()
        screen.line("Met last", style="bold")
    for refusal in told.refusals:
        screen.line(
            f"  {screen.when(from_iso(refusal.at))}  {refusal.asset}  {refusal.type} by {refusal.actor}:"
            f" {refusal.reason}"
        )
