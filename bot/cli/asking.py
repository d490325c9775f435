"""Sending a command from the command line, and telling what became of it."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from bot.app.operations import Answer, dry_run, send, worker_is_alive
from bot.app.views import did_you_mean
from bot.cli.screen import Screen, invocation
from bot.cli.sending import Sending
from bot.cli.steps import Steps
from bot.kernel.errors import BotError, UsageError
from bot.kernel.exit_codes import ExitCode
from bot.kernel.ids import ALL_ASSETS
from bot.kernel.reasons import reason_for
from bot.lifecycle.command_payloads import Payload
from bot.lifecycle.commands import CommandOutcome, CommandRow, CommandState, CommandType
from bot.storage.documents import BASELINE_HOLDINGS, MANAGED_STATE
from bot.storage.reports import Alarm

if TYPE_CHECKING:
    from bot.app.wiring import App

_AT_ONCE = Sending()


def app() -> "App":
    """Return the home of this call with all that works on it."""
    from bot.app.wiring import App  # a call for help or for a completion does not pay for it

    made = App(invocation().home, clock=invocation().clock, on_alarm=tell_alarm)
    click.get_current_context().call_on_close(made.close)
    return made


def tell_alarm(alarm: Alarm) -> None:
    """Say on standard error what a recovery found odd."""
    kept = f" It is kept at {alarm.kept_at}." if alarm.kept_at is not None else ""
    click.echo(f"! ALARM {alarm.code}: {alarm.path}: {alarm.what}{kept}", err=True)


def ask(
    screen: Screen,
    home: "App",
    command_type: CommandType,
    asset: str,
    payload: Payload | Mapping[str, Any],
    *,
    sending: Sending = _AT_ONCE,
    apply_here: bool = False,
    then: str = "",
) -> int:
    """Send one command, print its outcome, and return the exit code."""
    if sending.dry_run:
        return _tell_dry_run(screen, home, command_type, asset, dry_run(home, command_type, asset, payload))
    with Steps(screen) as steps:
        answer = put(steps, home, command_type, asset, payload, sending=sending, apply_here=apply_here)
    return tell(screen, home, answer, no_wait=not sending.wait, then=then)


def put(
    steps: Steps,
    home: "App",
    command_type: CommandType,
    asset: str,
    payload: Payload | Mapping[str, Any],
    *,
    sending: Sending,
    apply_here: bool = False,
) -> Answer:
    """Send one command as one step and return what became of it so far."""

    def waiting(row: CommandRow) -> None:
        steps.unsure_of(
            f"{command_type} is on the bus as {row.uid}; whether it was applied is not known.",
            f"bot commands show {row.uid[:8]}",
        )
        if worker_is_alive(home):
            steps.say(f"{_about(asset)}waiting for the outcome of {command_type} ({row.uid[:8]})")

    answer = send(
        home,
        command_type,
        asset,
        payload,
        wait_s=home.settings.seconds("cli.wait_s") if sending.wait else 0,
        apply_here=apply_here and sending.wait,
        idempotency_key=sending.key,
        on_wait=waiting,
    )
    steps.quiet()
    return answer


def named_asset(home: "App", word: str) -> str:
    """Return the coin that was typed, in capitals; a slip is told before anything is sent.

    Raises:
        UsageError: `unknown_asset`: nobody knows it, but one much like it.
    """
    asset = word.upper()
    try:
        managed = home.store.read(MANAGED_STATE).content.managed_assets
        known = {*managed, *home.store.read(BASELINE_HOLDINGS).content.assets}
    except BotError:
        return asset  # what cannot be read is mended, or told, by the command itself
    hint = "" if asset in known else did_you_mean(asset, known)
    if hint:
        raise UsageError(f"There is no holding {asset}.", code="unknown_asset", why=hint)
    return asset


def tell(screen: Screen, home: "App", answer: Answer, *, no_wait: bool = False, then: str = "") -> int:
    """Print what became of a command and return the exit code."""
    code = exit_code_of(answer, no_wait=no_wait)
    if screen.as_json:
        screen.document("bot-command-1", answer, home)
        return code
    say_answer(screen, answer, no_wait=no_wait)
    if then and answer.outcome is not None:
        screen.talk(then)
    return code


def say_answer(screen: Screen, answer: Answer, *, no_wait: bool) -> None:
    """Say to a person what became of a command.

    Raises:
        BotError: The command was refused; the four lines say why.
    """
    outcome = answer.outcome
    if outcome is None:
        _tell_queued(screen, answer, no_wait=no_wait)
        return
    if outcome.state is not CommandState.APPLIED:
        raise refusal(outcome, answer.asset)
    detail = outcome.detail
    sequences = ", ".join(f"#{number}" for number in detail.get("audit_sequences", ()))
    step = _step(answer.type, outcome)
    here = " (applied here, no worker needed)" if answer.applied_here else ""
    audit = f", audit {sequences}" if sequences else ""
    screen.line(f"{_about(answer.asset)}{step}{here}")
    screen.line(f"  serial {outcome.applied_serial}{audit}, command {answer.uid[:8]}", style="dim")
    in_flight = detail.get("order_in_flight")
    if in_flight:
        screen.line(f"  an exit order was sent before this: {in_flight}; its fill will be booked")
    if bought := detail.get("bought_quantity"):
        screen.line(f"  {bought} {answer.asset} that the bot bought go back with it")
    if buying := detail.get("buy_in_flight"):
        screen.line(f"  a buy order was sent before this: {buying}; what it brings will be booked")


def exit_code_of(answer: Answer, *, no_wait: bool) -> int:
    """Return the exit code of an answer."""
    outcome = answer.outcome
    if outcome is None:
        return ExitCode.OK if no_wait else ExitCode.PARTLY_OR_UNKNOWN
    if outcome.state is CommandState.APPLIED:
        return ExitCode.OK
    return reason_for(outcome.code).exit_code


def refusal(outcome: CommandOutcome, asset: str) -> BotError:
    """Return a command's no as an error in four lines, with the coin's name in what helps."""
    detail = outcome.detail
    fix = str(detail.get("fix") or reason_for(outcome.code).help)
    return BotError(
        str(detail.get("what", outcome.reason)),
        code=outcome.code,
        why=detail.get("why") or detail.get("evidence"),
        fix=fix.replace("ASSET", asset),
        unchanged="The state is as it was.",
    )


def _tell_queued(screen: Screen, answer: Answer, *, no_wait: bool) -> None:
    screen.line(f"{_about(answer.asset)}{answer.type} is queued as {answer.uid}")
    if answer.worker_alive:
        if not no_wait:
            screen.talk(f"The worker has not come to it yet. See: bot commands show {answer.uid[:8]}")
    else:
        screen.talk("No worker is running. Apply what waits: bot worker --once")


def _tell_dry_run(
    screen: Screen, home: "App", command_type: CommandType, asset: str, outcome: CommandOutcome
) -> int:
    if screen.as_json:
        screen.document("bot-dry-run-1", {"type": command_type, "asset": asset, "outcome": outcome}, home)
    elif outcome.state is CommandState.APPLIED:
        say_dry_run(screen, command_type, asset, outcome)
    else:
        raise refusal(outcome, asset)
    return ExitCode.OK if outcome.state is CommandState.APPLIED else reason_for(outcome.code).exit_code


def say_dry_run(screen: Screen, command_type: CommandType, asset: str, outcome: CommandOutcome) -> None:
    """Say to a person what a command would do."""
    step = _step(command_type, outcome)
    screen.line(f"{_about(asset)}would be: {step}; nothing was changed (dry run)")


def _about(asset: str) -> str:
    return "" if asset == ALL_ASSETS else f"{asset}: "


def _step(command_type: CommandType, outcome: CommandOutcome) -> str:
    """Return state before -> after; for what is no step of a coin, the command that was applied."""
    detail = outcome.detail
    if "from" not in detail:
        return f"{command_type} applied"
    if detail["from"] == detail["to"]:
        return f"{command_type} applied, stays {detail['to']}"
    return f"{detail['from']} -> {detail['to']}"
