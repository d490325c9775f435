"""`bot propose`: ask for risk proposals, one request per coin."""

from decimal import Decimal, InvalidOperation
from typing import Any

import click

from bot.app.operations import dry_run as try_command
from bot.app.operations import send, wait_for_proposal, worker_is_alive
from bot.app.views import did_you_mean
from bot.app.wiring import App
from bot.cli.asking import app, refusal, say_answer, say_dry_run, sending_options
from bot.cli.entry import error_lines
from bot.cli.failure import error_fields
from bot.cli.help import Command
from bot.cli.screen import Screen, json_option
from bot.kernel.errors import BotError, UsageError
from bot.kernel.exit_codes import ExitCode
from bot.lifecycle.command_payloads import EntryMethod, RequestManagedProposal
from bot.lifecycle.commands import CommandState, CommandType
from bot.lifecycle.states import AssetState
from bot.storage.documents import BASELINE_HOLDINGS, MANAGED_STATE

_REQUEST = CommandType.REQUEST_MANAGED_PROPOSAL


class Money(click.ParamType[Decimal]):
    """A decimal number above zero, exact."""

    name = "number"

    def convert(
        self, value: str | Decimal, param: click.Parameter | None, ctx: click.Context | None
    ) -> Decimal:
        """Return the exact number."""
        try:
            number = Decimal(value)
        except InvalidOperation:
            self.fail(f"{value!r} is not a number such as 12.5", param, ctx)
        if not number.is_finite() or number <= 0:
            self.fail(f"{value!r} is not above zero", param, ctx)
        return number


@click.command(
    cls=Command, epilog="Examples: bot propose SOL · bot propose SOL --quantity 5 --entry cost_basis"
)
@click.argument("assets", nargs=-1, required=True)
@click.option("--quantity", type=Money(), help="How much you are willing to hand over (default: all).")
@click.option(
    "--entry",
    type=click.Choice([method.value for method in EntryMethod]),
    default=EntryMethod.CURRENT_PRICE.value,
    show_default=True,
    help="Where profit and loss are counted from.",
)
@click.option("--entry-price", type=Money(), help="For --entry manual, USDT per coin.")
@sending_options
@json_option
def propose(
    screen: Screen,
    assets: tuple[str, ...],
    quantity: Decimal | None,
    entry: str,
    entry_price: Decimal | None,
    no_wait: bool,  # noqa: FBT001 - click passes flags so
    dry_run: bool,  # noqa: FBT001 - click passes flags so
    key: str | None,
) -> int:
    """Ask for a risk proposal for coins you own; several coins are separate requests."""
    home = app()
    names = tuple(dict.fromkeys(name.upper() for name in assets))
    if len(names) > 1 and (quantity is not None or entry_price is not None or key):
        raise UsageError("A quantity, a price or a key is for one coin.", why=f"Named: {', '.join(names)}.")
    payload = RequestManagedProposal(
        quantity=quantity, synthetic_entry_method=EntryMethod(entry), synthetic_entry_value=entry_price
    )
    results: list[dict[str, Any]] = []
    for name in names:
        result: dict[str, Any] = {"asset": name}
        results.append(result)
        try:
            if dry_run:
                code = _try(screen, home, name, payload, result)
            else:
                code = _request(screen, home, name, payload, result, no_wait=no_wait, key=key)
        except BotError as error:
            if len(names) == 1 and not screen.as_json:
                raise
            code = error.exit_code  # one coin's refusal does not keep the others from being asked for
            result["error"] = error_fields(error)
            screen.talk("\n".join(error_lines(error)))
        result["exit_code"] = int(code)
    if screen.as_json:
        screen.document("bot-propose-1", results, home)
    return max(int(result["exit_code"]) for result in results)


def _try(
    screen: Screen, home: App, asset: str, payload: RequestManagedProposal, result: dict[str, Any]
) -> ExitCode:
    outcome = result["dry_run"] = try_command(home, _REQUEST, asset, payload)
    if outcome.state is not CommandState.APPLIED:
        raise refusal(outcome, asset)
    if not screen.as_json:
        say_dry_run(screen, _REQUEST, asset, outcome)
    return ExitCode.OK


def _request(
    screen: Screen,
    home: App,
    asset: str,
    payload: RequestManagedProposal,
    result: dict[str, Any],
    *,
    no_wait: bool,
    key: str | None,
) -> ExitCode:
    _hint_at_a_slip(screen, home, asset)
    wait_s = 0 if no_wait else home.settings.seconds("cli.wait_s")
    answer = result["answer"] = send(home, _REQUEST, asset, payload, wait_s=wait_s, idempotency_key=key)
    if answer.outcome is not None and answer.outcome.state is not CommandState.APPLIED:
        raise refusal(answer.outcome, asset)
    if not screen.as_json:
        say_answer(screen, answer, no_wait=no_wait)
    if no_wait:
        return ExitCode.OK
    if answer.outcome is None:
        return ExitCode.PARTLY_OR_UNKNOWN
    if worker_is_alive(home):
        return _follow(screen, home, asset, result, wait_s)
    screen.talk("The proposal itself is made by a worker: bot worker --once")
    return ExitCode.PARTLY_OR_UNKNOWN


def _follow(screen: Screen, home: App, asset: str, result: dict[str, Any], wait_s: float) -> ExitCode:
    """Wait for the engine's answer to a request that was taken up."""
    state = result["state"] = wait_for_proposal(home, asset, wait_s, lambda: None)
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


def _hint_at_a_slip(screen: Screen, home: App, asset: str) -> None:
    """Say so when a coin that nobody knows looks like one that is known; it may still be a new one."""
    known = home.store.read(BASELINE_HOLDINGS).content.assets
    if known and asset not in known:
        screen.talk(f"{asset} is not in the baseline. {did_you_mean(asset, known)}".rstrip())
