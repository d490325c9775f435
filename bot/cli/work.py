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
from bot.cli.screen import Screen, json_option
from bot.kernel.clock import iso_z
from bot.kernel.exit_codes import ExitCode


@click.command(epilog="Examples: bot run · bot run --once")
@click.option("--once", is_flag=True, help="One pass: what is due, what waits, one cycle of the loop.")
@click.option("--stop-with-parent", is_flag=True, hidden=True)
@json_option
def run(screen: Screen, once: bool, stop_with_parent: bool) -> int:  # noqa: FBT001 - click passes flags so
    """Work: trading loop, command worker, engine and timed passes in one process."""
    if stop_with_parent:
        watch_parent(SystemClock())
    return _work(screen, once=once, trades=True)


@click.command(epilog="Examples: bot worker --once · bot worker")
@click.option("--once", is_flag=True, help="Drain what waits, the proposals it asks for included, and end.")
@json_option
def worker(screen: Screen, once: bool) -> int:  # noqa: FBT001 - click passes flags so
    """Work without trading: commands, proposals, timed passes."""
    return _work(screen, once=once, trades=False)


def _work(screen: Screen, *, once: bool, trades: bool) -> int:
    home = app()
    if once:
        report = run_once(home) if trades else worker_once(home)
        if screen.as_json:
            screen.document("bot-once-1", report, home)
        else:
            _print(screen, report)
        return int(ExitCode.PARTLY_OR_UNKNOWN if report.has_failures else ExitCode.OK)
    if not screen.as_json:
        screen.header(home)

    def tell(word: str, figures: Mapping[str, Any]) -> None:
        at = iso_z(home.clock.now())
        if screen.as_json:
            plain = msgspec.to_builtins({"at": at, "event": word, **figures}, enc_hook=str)
            sys.stdout.write(json.dumps(plain) + "\n")
            sys.stdout.flush()
        else:
            told = " ".join(
                f"{name}={value}" for name, value in figures.items() if value not in ("", {}, None)
            )
            screen.line(f"{at}  {word}  {told}")

    Daemon(home, trades=trades, tell=tell).run()
    return int(ExitCode.OK)


def _print(screen: Screen, report: OnceReport) -> None:
    for step in report.scheduled:
        screen.line(f"{step.asset}: {step.sentence} ({step.what})")
    for item in report.commands:
        detail = item.outcome.detail
        done = f"{detail['from']} -> {detail['to']}" if "from" in detail else item.outcome.reason
        screen.line(f"{item.row.asset}: {item.row.type} by {item.row.actor}: {item.outcome.state}, {done}")
    for result in report.proposals:
        screen.line(f"{result.asset}: proposal {result.proposal_id[:8]}: {result.code}, {result.sentence}")
    if report.cycle is not None:
        watched = ", ".join(report.cycle.watched) or "nothing"
        screen.line(f"cycle at {iso_z(report.cycle.at)}: watching {watched}")
        for step in report.cycle.steps:
            screen.line(f"{step.asset}: {'! ' if step.alarm else ''}{step.what}: {step.sentence}")
    if not (report.scheduled or report.commands or report.proposals or report.cycle):
        screen.line("Nothing was waiting.")
