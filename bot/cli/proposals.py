"""`bot propose` and `bot proposals ls|show`."""

from decimal import Decimal, InvalidOperation

import click

from bot.app.operations import send, wait_for_proposal, worker_is_alive
from bot.app.views import find_proposal, standing
from bot.app.views import proposals as proposals_view
from bot.app.wiring import App
from bot.cli.asking import app, ask, sending_options, tell
from bot.cli.proposal_screen import print_proposal
from bot.cli.screen import Column, Screen, context, json_option
from bot.kernel.errors import UsageError
from bot.kernel.exit_codes import ExitCode
from bot.lifecycle.command_payloads import EntryMethod, RequestManagedProposal
from bot.lifecycle.commands import CommandState, CommandType
from bot.lifecycle.states import AssetState
from bot.storage.documents import MANAGED_STATE

_COLUMNS = (
    Column("asset"),
    Column("standing"),
    Column("version", number=True),
    Column("reference", number=True),
    Column("confidence", number=True),
    Column("expires"),
    Column("id"),
)


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


@click.command(epilog="Examples: bot propose SOL · bot propose SOL --quantity 5 --entry cost_basis")
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
    if len(assets) > 1 and (quantity is not None or entry_price is not None or key):
        raise UsageError(
            "A quantity, a price or a key is for one coin.", why=f"{len(assets)} coins were named."
        )
    payload = RequestManagedProposal(
        quantity=quantity, synthetic_entry_method=EntryMethod(entry), synthetic_entry_value=entry_price
    )
    worst = int(ExitCode.OK)
    for asset in dict.fromkeys(name.upper() for name in assets):
        if dry_run:
            code = ask(
                screen, home, CommandType.REQUEST_MANAGED_PROPOSAL, asset, payload, only_try=True, key=key
            )
        else:
            wait_s = 0 if no_wait else home.settings.seconds("cli.wait_s")
            answer = send(
                home, CommandType.REQUEST_MANAGED_PROPOSAL, asset, payload, wait_s=wait_s, idempotency_key=key
            )
            code = tell(screen, home, answer, no_wait=no_wait)
            applied = answer.outcome is not None and answer.outcome.state is CommandState.APPLIED
            if applied and not no_wait and worker_is_alive(home):
                code = _follow(screen, home, asset, wait_s)
        worst = max(worst, int(code))
    return worst


def _follow(screen: Screen, home: App, asset: str, wait_s: float) -> int:
    state = wait_for_proposal(home, asset, wait_s, lambda: None)
    entry = home.store.read(MANAGED_STATE).content.managed_assets.get(asset)
    if screen.as_json:
        return int(ExitCode.OK if state is AssetState.RISK_PROPOSED else ExitCode.REFUSED)
    if state is AssetState.RISK_PROPOSED:
        screen.line(f"{asset}: proposal_pending -> risk_proposed")
        screen.talk(f"Read it: bot proposals show {asset}")
        return int(ExitCode.OK)
    if state is AssetState.PROPOSAL_PENDING:
        screen.talk(f"The engine is still at work: bot proposals show {asset}")
        return int(ExitCode.PARTLY_OR_UNKNOWN)
    reason = f"{entry.reason.code}: {entry.reason.text}" if entry and entry.reason else ""
    screen.line(f"{asset}: {state} {reason}")
    return int(ExitCode.REFUSED)


@click.group()
def proposals() -> None:
    """Read proposals."""


@proposals.command("ls", epilog="Examples: bot proposals ls · bot proposals ls --json")
@json_option
def ls(screen: Screen) -> None:
    """List all proposals, newest first."""
    home = context()
    lines = proposals_view(home)
    if screen.as_json:
        screen.document("bot-proposals-1", lines, home)
        return
    screen.header(home)
    rows = [
        [
            line["asset"],
            line["standing"],
            line.get("version"),
            line.get("reference_price"),
            line.get("confidence"),
            line.get("expires_at"),
            line["proposal_id"],
        ]
        for line in lines
    ]
    screen.table(_COLUMNS, rows, empty="No proposal was made yet: bot propose SOL")


@proposals.command("show", epilog="Examples: bot proposals show SOL · bot proposals show 3f2a")
@click.argument("reference", metavar="ASSET|ID")
@json_option
def show_one(screen: Screen, reference: str) -> None:
    """Show a coin's current proposal, or any by its id or the beginning of it."""
    home = context()
    document = find_proposal(home, reference)
    if screen.as_json:
        screen.document("bot-proposal-1", document, home)
        return
    screen.header(home)
    where = standing(home.store.read(MANAGED_STATE).content, document)
    print_proposal(screen, document, where)
    if where == "waits for a decision":
        asset = document["asset"]
        screen.talk(
            f"To approve: bot approve {asset}, and type {asset}:recommended. To decline: bot reject {asset}"
        )
