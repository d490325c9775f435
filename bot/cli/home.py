"""`bot init` and `bot status`."""

import click

from bot.app.core import HomeContext
from bot.app.new_home import initialise_home
from bot.app.proposal_progress import engine_words
from bot.app.trading_view import halt_words
from bot.app.views import STALE_LOOP_S, HoldingLine, StatusView
from bot.app.views import status as status_view
from bot.cli.ages import aged
from bot.cli.help import Command
from bot.cli.screen import Column, Screen, context, invocation, json_option
from bot.kernel.money import text
from bot.lifecycle.states import MEANING, AssetState
from bot.observability.queue_words import queue_words
from bot.observability.stream_words import stream_words

_HOLDINGS = (
    Column("asset", leads=True),
    Column("state", leads=True),
    Column("exits"),
    Column("approved", number=True),
    Column("position", number=True),
    Column("stop", number=True),
    Column("target", number=True),
    Column("note"),
)


@click.command(cls=Command, epilog="Examples: bot init · bot --home ~/bot init --environment testnet")
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


@click.command(cls=Command, epilog="Examples: bot status · bot status --json · bot status --watch")
@click.option("--watch", is_flag=True, help="Show it again every two seconds, until Ctrl-C.")
@json_option
def status(screen: Screen, watch: bool) -> None:  # noqa: FBT001 - click passes flags so
    """Show what an operator looks at first: worker, coins in the bot's hands, what waits."""
    while True:
        home = context()
        view = status_view(home, home.clock.now())
        if screen.as_json:
            screen.document("bot-status-1", view, home, warnings=_all_warnings(view), in_stream=watch)
        else:
            _print(screen, home, view)
        if not watch:
            return
        home.clock.sleep(2)


def _print(screen: Screen, home: HomeContext, view: StatusView) -> None:
    screen.header(home)
    if view.trading_halt is not None:
        screen.line(halt_words(view.trading_halt), style="bold reverse")
    counts = ", ".join(f"{count} {state}" for state, count in sorted(view.counts.items())) or "no coins yet"
    who = f"{view.you} ({view.role})" if view.you else "no user of this home, looking on"
    screen.line(f"{counts}; state serial {view.serial}; you are {who}")
    if view.worker is not None and view.worker["loop_age_s"] is not None:
        screen.line(f"last cycle of the loop {aged(view.worker['loop_age_s'], STALE_LOOP_S)}")
    if view.worker is not None and view.worker["streams"]:
        screen.line(f"streams: {stream_words(view.worker['streams'])}")
    if view.worker is not None and view.worker["queue"] is not None:
        screen.line(f"commands: {queue_words(view.worker['queue'])}")
    screen.line()
    screen.table(_HOLDINGS, [row(line) for line in view.holdings], empty="Everything is frozen.")
    if view.waiting:
        screen.line()
    for item in view.waiting:
        words = f"waits for your decision until {screen.when(item['expires_at'])}"
        if (over_s := (home.clock.now() - item["expires_at"]).total_seconds()) > 0:
            words = f"ran out {aged(over_s, 0)}; bot worker --once takes it away"
        if item["state"] == AssetState.PROPOSAL_PENDING:
            words = f"is being made{engine_words(item.get('engine'))}"
        screen.line(f"{item['asset']}: a proposal {words} (bot proposals show {item['asset']})")
    for warning in _warnings(view):
        screen.line(f"! {warning}", style="bold")


def row(line: HoldingLine) -> list[object]:
    """Return a holding as table cells."""
    told = "" if line.reason == MEANING[AssetState.FROZEN] else line.reason or ""  # the state says it already
    note = "NOT PROTECTED" if line.unprotected else told
    if line.resting_stop is not None and not line.unprotected and line.state is AssetState.MANAGED_ACTIVE:
        note = f"stop rests at the exchange at {text(line.resting_stop.stop_price)}"
    if line.order_in_flight:
        note = f"exit order {line.order_in_flight} in flight"
    elif line.buy_in_flight:
        note = f"buy order {line.buy_in_flight} in flight"
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


def _all_warnings(view: StatusView) -> list[str]:
    """Return the warnings for programs: for people a halt stands above everything else."""
    halt = [halt_words(view.trading_halt)] if view.trading_halt is not None else []
    return halt + _warnings(view)


def _warnings(view: StatusView) -> list[str]:
    warnings = []
    if not view.baseline_applied:
        warnings.append("no baseline is applied: bot baseline capture, then bot baseline apply")
    if view.worker is not None and view.worker["database_gone"]:
        warnings.append(
            "the commands database does not answer: exits and pauses go on, all else waits (bot doctor)"
        )
    streams = view.worker["streams"] if view.worker is not None else ()
    warnings += [
        f"the {stream['kind']} stream is down ({stream['trouble']}): prices are asked for every few seconds"
        for stream in streams
        if stream["trouble"]
    ]
    late = view.worker["late"] if view.worker is not None else ()
    warnings += [f"the {name} thread of the bot hangs: look at its output, then restart it" for name in late]
    warnings += [
        f"{line.asset} gets no order yet: {line.unverified}" for line in view.holdings if line.unverified
    ]
    if view.exchange is not None:
        warnings.append(
            f"the exchange failed again and again: the circuit is {view.exchange['circuit']} since"
            f" {view.exchange['age_s']:.0f} s; nothing is bought, exits and approvals go on"
        )
    warnings += _resting_warnings(view)
    bare = [line.asset for line in view.holdings if line.unprotected and not line.unverified]
    if bare:
        warnings.append(f"nobody watches the exits of {', '.join(bare)}: bot run (or resume what is paused)")
    return warnings


def _resting_warnings(view: StatusView) -> list[str]:
    """Return what to know of stops at the exchange: which are not certain, and which stand alone."""
    resting = [line for line in view.holdings if line.resting_stop is not None]
    warnings = [
        f"{line.asset}: if the bot dies, {line.if_the_bot_dies} (bot run --once)"
        for line in resting
        if line.resting_stop is not None and not line.resting_stop.protects
    ]
    alone = ", ".join(line.asset for line in resting if not line.unprotected)
    is_running = view.worker is not None and view.worker["loop_age_s"] is not None
    if alone and not is_running:
        warnings.append(f"no loop runs: of {alone} only the stop works, at the exchange (bot run)")
    return warnings
