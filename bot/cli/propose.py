"""`bot propose`: ask for risk proposals, one request per coin."""

import contextlib
from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import click

from bot.app.operations import dry_run as try_command
from bot.app.operations import wait_for_proposal, worker_is_alive
from bot.app.views import did_you_mean
from bot.cli.asking import app, put, refusal, say_answer, say_dry_run
from bot.cli.bulk import code_of_all
from bot.cli.completing import complete_assets
from bot.cli.entry import error_lines
from bot.cli.failure import error_fields
from bot.cli.help import Command
from bot.cli.money import Money
from bot.cli.screen import Screen, json_option
from bot.cli.sending import Sending, sends
from bot.cli.steps import Steps
from bot.kernel.errors import BotError, UsageError
from bot.kernel.exit_codes import ExitCode
from bot.lifecycle.command_payloads import EntryMethod, RequestManagedProposal
from bot.lifecycle.commands import CommandState, CommandType
from bot.lifecycle.states import AssetState
from bot.storage.documents import BASELINE_HOLDINGS, MANAGED_STATE
from bot.storage.engine_progress import read_progress

if TYPE_CHECKING:
    from bot.app.wiring import App

_REQUEST = CommandType.REQUEST_MANAGED_PROPOSAL


@click.command(
    cls=Command, epilog="Examples: bot propose SOL · bot propose SOL --quantity 5 --entry cost_basis"
)
@click.argument("assets", nargs=-1, required=True, shell_complete=complete_assets)
@click.option("--quantity", type=Money(), help="How much you are willing to hand over (default: all).")
@click.option(
    "--entry",
    type=click.Choice([method.value for method in EntryMethod]),
    default=EntryMethod.CURRENT_PRICE.value,
    show_default=True,
    help="Where profit and loss are counted from.",
)
@click.option("--entry-price", type=Money(), help="For --entry manual, USDT per coin.")
@sends
@json_option
def propose(
    screen: Screen,
    assets: tuple[str, ...],
    quantity: Decimal | None,
    entry: str,
    entry_price: Decimal | None,
    sending: Sending,
) -> int:
    """Ask for a risk proposal for coins you own; several coins are separate requests."""
    home = app()
    names = tuple(dict.fromkeys(name.upper() for name in assets))
    if len(names) > 1 and (quantity is not None or entry_price is not None or sending.key):
        raise UsageError("A quantity, a price or a key is for one coin.", why=f"Named: {', '.join(names)}.")
    payload = RequestManagedProposal(
        quantity=quantity, synthetic_entry_method=EntryMethod(entry), synthetic_entry_value=entry_price
    )
    results: list[dict[str, Any]] = [{"asset": name} for name in names]
    alone = len(names) == 1 and not screen.as_json
    with Steps(screen) as steps:
        being_made: list[dict[str, Any]] = []
        for result in results:  # all are asked for first, so that the engine works on several at once
            with _told_unless(screen, result, alone=alone):
                code = _ask_for(screen, home, steps, payload, result, sending)
                result["exit_code"] = int(code or ExitCode.OK)
                if code is None:
                    being_made.append(result)
        for result in being_made:
            with _told_unless(screen, result, alone=alone):
                result["exit_code"] = int(_follow(screen, home, steps, result["asset"], result))
    if screen.as_json:
        screen.document("bot-propose-1", results, home)
    return code_of_all(int(result["exit_code"]) for result in results)


@contextlib.contextmanager
def _told_unless(screen: Screen, result: dict[str, Any], *, alone: bool) -> Iterator[None]:
    """Keep one coin's refusal from ending what is done for the others; one that stands alone ends it."""
    try:
        yield
    except BotError as error:
        if alone:
            raise
        result["exit_code"] = int(error.exit_code)
        result["error"] = error_fields(error)
        screen.talk("\n".join(error_lines(error)))


def _ask_for(
    screen: Screen,
    home: "App",
    steps: Steps,
    payload: RequestManagedProposal,
    result: dict[str, Any],
    sending: Sending,
) -> ExitCode | None:
    """Ask for one coin's proposal; returns nothing where an engine takes it up and can be followed."""
    asset = str(result["asset"])
    if steps.stop_asked:
        result["not_sent"] = True
        screen.talk(f"{asset}: not asked for any more")
        return ExitCode.INTERRUPTED
    if sending.dry_run:
        return _try(screen, home, asset, payload, result)
    return _request(screen, home, steps, asset, payload, result, sending)


def _try(
    screen: Screen, home: "App", asset: str, payload: RequestManagedProposal, result: dict[str, Any]
) -> ExitCode:
    outcome = result["dry_run"] = try_command(home, _REQUEST, asset, payload)
    if outcome.state is not CommandState.APPLIED:
        raise refusal(outcome, asset)
    if not screen.as_json:
        say_dry_run(screen, _REQUEST, asset, outcome)
    return ExitCode.OK


def _request(
    screen: Screen,
    home: "App",
    steps: Steps,
    asset: str,
    payload: RequestManagedProposal,
    result: dict[str, Any],
    sending: Sending,
) -> ExitCode | None:
    _hint_at_a_slip(screen, home, asset)
    answer = result["answer"] = put(steps, home, _REQUEST, asset, payload, sending=sending)
    if answer.outcome is not None and answer.outcome.state is not CommandState.APPLIED:
        raise refusal(answer.outcome, asset)
    if not screen.as_json:
        say_answer(screen, answer, no_wait=not sending.wait)
    if not sending.wait:
        return ExitCode.OK
    if answer.outcome is None:
        return ExitCode.PARTLY_OR_UNKNOWN
    if worker_is_alive(home):
        return None
    screen.talk("The proposal itself is made by a worker: bot worker --once")
    return ExitCode.PARTLY_OR_UNKNOWN


def _follow(screen: Screen, home: "App", steps: Steps, asset: str, result: dict[str, Any]) -> ExitCode:
    """Wait for the engine's answer to a request that was taken up."""
    steps.unsure_of(
        f"The request for {asset} was applied; whether its proposal is made yet is not known.",
        f"bot explain {asset}",
    )
    told: list[str] = []

    def tick() -> None:
        words = _engine_words(home, asset)
        if words not in told:
            told.append(words)
            steps.say(words)

    state = result["state"] = wait_for_proposal(home, asset, home.settings.seconds("cli.wait_s"), tick)
    steps.quiet()
    if state is AssetState.PROPOSAL_PENDING:
        screen.talk(f"The engine is still at work. See: bot holdings show {asset}")
        return ExitCode.PARTLY_OR_UNKNOWN
    entry = home.store.read(MANAGED_STATE).content.managed_assets.get(asset)
    if state in {AssetState.PROPOSAL_ABORTED, AssetState.FROZEN} and entry is not None:
        code = entry.reason.code if entry.reason else "market_unavailable"
        listed = asset in home.store.read(BASELINE_HOLDINGS).content.assets
        raise BotError(
            f"No proposal was made for {asset}.",
            code=code if listed else "unknown_asset",
            why=entry.reason.text if entry.reason else None,
            unchanged=f"{asset} is not in the bot's hands.",
        )
    if not screen.as_json:
        screen.line(f"{asset}: proposal_pending -> {state}")
    screen.talk(f"Read it: bot proposals show {asset}")
    return ExitCode.OK


def _engine_words(home: "App", asset: str) -> str:
    step = read_progress(home.home).get(asset)
    return f"{asset}: the engine is at work" + (
        f", step {step.number} of {step.of}: {step.step}" if step else ""
    )


def _hint_at_a_slip(screen: Screen, home: "App", asset: str) -> None:
    """Say so when a coin that nobody knows looks like one that is known; it may still be a new one."""
    known = home.store.read(BASELINE_HOLDINGS).content.assets
    if known and asset not in known:
        screen.talk(f"{asset} is not in the baseline. {did_you_mean(asset, known)}".rstrip())
