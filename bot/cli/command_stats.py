"""`bot commands stats`: how long commands take, and what waits."""

import datetime as dt
import sys

import click

from bot.cli.asking import app
from bot.cli.help import Command
from bot.cli.screen import Column, Screen, json_option
from bot.lifecycle.command_figures import QueueFigures
from bot.observability.queue_words import duration, waiting_words

_ROWS_AT_MOST = 100_000
_COLUMNS = (
    Column("command"),
    Column("applied", number=True),
    Column("refused", number=True),
    Column("failed", number=True),
    Column("attempts", number=True),
    Column("p50", number=True),
    Column("p99", number=True),
    Column("longest", number=True),
)


@click.command(
    "stats", cls=Command, epilog="Examples: bot commands stats · bot commands stats --hours 168 --json"
)
@click.option(
    "--hours", type=click.IntRange(1, 24 * 366), default=24, show_default=True, help="How far to look back."
)
@click.option("--prometheus", is_flag=True, help="Text for a Prometheus collector instead of a screen.")
@json_option
def stats(screen: Screen, hours: int, prometheus: bool) -> None:  # noqa: FBT001 - click passes flags so
    """Show how long commands took from being asked for to their outcome, by type, and what waits."""
    home = app()
    figures = home.queue.figures(window=dt.timedelta(hours=hours), at_most=_ROWS_AT_MOST, count_failed=True)
    if prometheus:
        from bot.observability.prometheus import as_prometheus

        sys.stdout.write(as_prometheus(figures))
    elif screen.as_json:
        screen.document("bot-command-stats-1", figures, home)
    else:
        screen.header(home)
        _print(screen, figures, hours)


def _print(screen: Screen, figures: QueueFigures, hours: int) -> None:
    screen.line(
        f"{waiting_words(figures).capitalize()}; {figures.failed_kept} failed among all that are kept."
    )
    screen.line(f"The last {hours} h, from being asked for to the outcome:")
    rows: list[list[object]] = [
        [
            line.type,
            line.applied,
            line.precondition_rejected,
            line.failed,
            line.attempts_max,
            duration(line.times.p50_s),
            duration(line.times.p99_s),
            duration(line.times.max_s),
        ]
        for line in figures.by_type
    ]
    screen.table(_COLUMNS, rows, empty="No command was finished.")
    if figures.failed_kept:
        screen.talk("What failed, and why: bot commands ls --state failed")
