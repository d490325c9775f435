"""`bot init` and `bot status`."""

import click

from bot.app.core import HomeContext
from bot.app.new_home import initialise_home
from bot.app.views import HoldingLine, StatusView
from bot.app.views import status as status_view
from bot.cli.screen import Column, Screen, context, invocation, json_option, worker_words
from bot.kernel.clock import iso_z

_HOLDINGS = (
    Column("asset"),
    Column("state"),
    Column("exits"),
    Column("approved", number=True),
    Column("position", number=True),
    Column("stop", number=True),
    Column("target", number=True),
    Column("note"),
)


@click.command(epilog="Examples: bot init · bot --home ~/bot init --environment testnet")
@click.option(
    "--environment", default="sandbox", show_default=True, help="sandbox, paper or testnet; fixed for good."
)
@json_option
def init(screen: Screen, environment: str) -> None:
    """Make a home: folders, settings, first admin (whoever runs this), empty documents."""
    root = invocation().home
    initialise_home(root, environment=environment)
    made = HomeContext(root)
    if screen.as_json:
        screen.document("bot-init-1", {"home": str(made.home.root), "admin": made.user_id}, made)
        return
    screen.line(f"{made.home.root} is a {environment} home; {made.user_id} is its admin.")
    screen.talk("Next: bot box serve (sandbox), then bot baseline capture and bot baseline apply")


@click.command(epilog="Examples: bot status · bot status --json · bot status --watch")
@click.option("--watch", is_flag=True, help="Show it again every two seconds, until Ctrl-C.")
@json_option
def status(screen: Screen, watch: bool) -> None:  # noqa: FBT001 - click passes flags so
    """Show what an operator looks at first: worker, coins in the bot's hands, what waits."""
    while True:
        home = context()
        view = status_view(home, home.clock.now())
        if screen.as_json:
            screen.document("bot-status-1", view, home, warnings=_warnings(view))
        else:
            _print(screen, home, view)
        if not watch:
            return
        home.clock.sleep(2)


def _print(screen: Screen, home: HomeContext, view: StatusView) -> None:
    screen.header(home)
    counts = ", ".join(f"{count} {state}" for state, count in sorted(view.counts.items())) or "no coins yet"
    screen.line(f"state serial {view.serial}; {counts}; {worker_words(view.worker)}")
    screen.line()
    screen.table(_HOLDINGS, [row(line) for line in view.holdings], empty="Everything is frozen.")
    for item in view.waiting:
        screen.line(
            f"{item['asset']}: {item['state']} until {iso_z(item['expires_at'])}"
            f" (bot proposals show {item['asset']})"
        )
    for warning in _warnings(view):
        screen.line(f"! {warning}", style="bold")


def row(line: HoldingLine) -> list[object]:
    """Return a holding as table cells."""
    note = "NOT PROTECTED" if line.unprotected else (line.reason or "")
    if line.order_in_flight:
        note = f"exit order {line.order_in_flight} in flight"
    return [
        line.asset,
        line.state,
        line.exits,
        line.approved_quantity,
        line.position_quantity,
        line.stop_loss,
        line.take_profit,
        note,
    ]


def _warnings(view: StatusView) -> list[str]:
    warnings = []
    if not view.baseline_applied:
        warnings.append("no baseline is applied: bot baseline capture, then bot baseline apply")
    bare = [line.asset for line in view.holdings if line.unprotected]
    if bare:
        warnings.append(f"nobody watches the exits of {', '.join(bare)}: bot run (or resume what is paused)")
    return warnings
