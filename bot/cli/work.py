"""`bot run` and `bot worker`: the processes that do the work."""

import json
import sys
from collections.abc import Mapping
from typing import Any

import click
import msgspec

from bot.app.clock import SystemClock
from bot.app.parent_watch import watch_parent
from bot.app.runtime import Daemon, OnceReport, run_once, worker_once
from bot.cli.asking import app
from bot.cli.help import Command
from bot.cli.screen import Screen, json_option
from bot.cli.steps import Steps
from bot.kernel.clock import iso_z
from bot.kernel.errors import BotError
from bot.kernel.exit_codes import ExitCode
from bot.kernel.ids import ALL_ASSETS
from bot.kernel.reasons import reason_for

_UNTOLD: tuple[object, ...] = ("", {}, None, False, "applied")
"""What goes without saying in a line for people."""
_CUT_OFF = "Whether the step in hand was done is not known; the state is whole, and what was not done waits."
_LOOK = "The next start finds out by itself, at the exchange too: bot run, or bot worker --once"


@click.command(cls=Command, epilog="Examples: bot run · bot run --once")
@click.option("--once", is_flag=True, help="One pass: what is due, what waits, one cycle of the loop.")
@click.option("--stop-with-parent", type=int, hidden=True)
@json_option
def run(screen: Screen, once: bool, stop_with_parent: int | None) -> int:  # noqa: FBT001 - click passes flags so
    """Work: trading loop, command worker, engine and timed passes in one process."""
    if stop_with_parent is not None:
        watch_parent(SystemClock(), stop_with_parent)
    return _work(screen, once=once, trades=True)


@click.command(cls=Command, epilog="Examples: bot worker --once · bot worker")
@click.option("--once", is_flag=True, help="Drain what waits, the proposals it asks for included, and end.")
@json_option
def worker(screen: Screen, once: bool) -> int:  # noqa: FBT001 - click passes flags so
    """Work without trading: commands, proposals, timed passes."""
    return _work(screen, once=once, trades=False)


def _work(screen: Screen, *, once: bool, trades: bool) -> int:
    home = app()
    if once:
        with Steps(screen) as steps:
            steps.unsure_of(_CUT_OFF, _LOOK)
            report = run_once(home) if trades else worker_once(home)
        if screen.as_json:
            screen.document("bot-once-1", report, home)
            return _exit_code(report)
        _print(screen, report)
        if report.unreached is not None:
            left = "What was not reached waits; nothing of it is lost."
            raise BotError(**report.unreached, unchanged=left)
        return _exit_code(report)
    if not screen.as_json:
        screen.header(home)

    def tell(word: str, figures: Mapping[str, Any]) -> None:
        at = iso_z(home.clock.now())
        if screen.as_json:
            plain = msgspec.to_builtins({"at": at, "event": word, **figures}, enc_hook=str)
            sys.stdout.write(json.dumps(plain) + "\n")
            sys.stdout.flush()
        else:
            told = " ".join(f"{name}={value}" for name, value in figures.items() if value not in _UNTOLD)
            screen.line(f"{at}  {word}  {told}")

    try:
        Daemon(home, trades=trades, tell=tell).run()
    except KeyboardInterrupt as error:
        raise BotError(
            "Stopped at once, in the middle of a step.",
            code="stopped_by_person",
            unchanged=_CUT_OFF,
            fix=_LOOK,
        ) from error
    return int(ExitCode.OK)


def _exit_code(report: OnceReport) -> int:
    if report.unreached is not None:
        return int(reason_for(report.unreached["code"]).exit_code)
    return int(ExitCode.PARTLY_OR_UNKNOWN if report.has_failures else ExitCode.OK)


def _print(screen: Screen, report: OnceReport) -> None:
    for step in report.scheduled:
        screen.line(f"{step.asset}: {step.sentence} ({step.what})")
    for item in report.commands:
        detail = item.outcome.detail
        done = f"{detail['from']} -> {detail['to']}" if "from" in detail else item.outcome.reason
        about = "" if item.row.asset == ALL_ASSETS else f"{item.row.asset}: "
        state = "" if done == item.outcome.state else f", {done}"
        screen.line(f"{about}{item.row.type} by {item.row.actor}: {item.outcome.state}{state}")
    for result in report.proposals:
        said = "made" if result.code == "applied" else f"not made, {result.sentence} [{result.code}]"
        screen.line(f"{result.asset}: proposal {result.proposal_id[:8]} {said}")
    if report.cycle is not None:
        watched = ", ".join(report.cycle.watched) or "nothing"
        screen.line(f"cycle at {iso_z(report.cycle.at)}: watching {watched}")
        for step in report.cycle.steps:
            screen.line(f"{step.asset}: {'! ' if step.alarm else ''}{step.what}: {step.sentence}")
    if not (report.scheduled or report.commands or report.proposals or report.cycle):
        screen.line("Nothing was waiting.")
