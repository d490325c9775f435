"""One command per coin for many coins (Q-MH-5): one summary, one document, one exit code."""

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from bot.app.operations import dry_run
from bot.cli.asking import exit_code_of, put, refusal, say_answer, say_dry_run
from bot.cli.entry import error_lines
from bot.cli.failure import error_fields
from bot.cli.screen import Screen
from bot.cli.sending import Sending
from bot.cli.steps import Steps
from bot.kernel.errors import BotError
from bot.kernel.exit_codes import ExitCode
from bot.lifecycle.command_payloads import Payload
from bot.lifecycle.commands import CommandState, CommandType

if TYPE_CHECKING:
    from bot.app.wiring import App

Plan = Sequence[tuple[CommandType, Payload]]
"""What is sent for one coin, in order; a refusal ends that coin's part."""


def ask_for_each(
    screen: Screen,
    home: "App",
    assets: Sequence[str],
    plan_of: Callable[[str], Plan],
    sending: Sending,
    *,
    apply_here: bool,
    nothing: str,
) -> int:
    """Send each coin's commands, tell each outcome and the sum, and return the exit code.

    One coin's refusal keeps no other from being asked for; Ctrl-C ends after the coin in hand.
    """
    if not assets:
        if screen.as_json:
            screen.document("bot-bulk-1", [], home)
        else:
            screen.line(nothing)
        return ExitCode.OK
    results: list[dict[str, Any]] = []
    with Steps(screen) as steps:
        for asset in assets:
            if steps.stop_asked:
                break
            results.append(_one(screen, home, steps, asset, plan_of(asset), sending, apply_here=apply_here))
    left = list(assets[len(results) :])
    results += [{"asset": asset, "not_sent": True, "exit_code": int(ExitCode.INTERRUPTED)} for asset in left]
    code = code_of_all(result["exit_code"] for result in results)
    if screen.as_json:
        screen.document("bot-bulk-1", results, home)
        return code
    done = sum(result["exit_code"] == 0 for result in results)
    said = "would be done" if sending.dry_run else "done" if sending.wait else "queued"
    not_asked = f", not asked any more: {', '.join(left)}" if left else ""
    screen.line(f"{done} of {len(results)} {said}{not_asked}", style="bold")
    return code


def code_of_all(codes: Iterable[int]) -> int:
    """Return one exit code for several: that of all if they agree, 8 where only some went well."""
    found = set(codes)
    if ExitCode.INTERRUPTED in found:
        return ExitCode.INTERRUPTED
    if len(found) == 1:
        return found.pop()
    return ExitCode.PARTLY_OR_UNKNOWN if ExitCode.OK in found else max(found)


def _one(
    screen: Screen, home: "App", steps: Steps, asset: str, plan: Plan, sending: Sending, *, apply_here: bool
) -> dict[str, Any]:
    result: dict[str, Any] = {"asset": asset, "answers": []}
    code: int = ExitCode.OK
    for number, (command_type, payload) in enumerate(plan):
        try:
            if sending.dry_run:
                outcome = dry_run(home, command_type, asset, payload)
                result["answers"].append({"type": command_type, "outcome": outcome})
                if outcome.state is not CommandState.APPLIED:
                    raise refusal(outcome, asset)
                if not screen.as_json:
                    say_dry_run(screen, command_type, asset, outcome)
                break  # what follows stands on what was only tried
            part = sending.part(asset if number == len(plan) - 1 else f"{asset}-{number}")
            answer = put(steps, home, command_type, asset, payload, sending=part, apply_here=apply_here)
            result["answers"].append(answer)
            code = exit_code_of(answer, no_wait=not sending.wait)
            if answer.outcome is not None and answer.outcome.state is not CommandState.APPLIED:
                raise refusal(answer.outcome, asset)
            if not screen.as_json:
                say_answer(screen, answer, no_wait=not sending.wait)
        except BotError as error:
            result["error"] = error_fields(error)
            screen.talk("\n".join(error_lines(error)))
            code = error.exit_code
        if code:
            break
    result["exit_code"] = int(code)
    return result
