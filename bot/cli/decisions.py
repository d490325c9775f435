"""`bot approve` and `bot reject`: the operator's yes and no to exact bytes."""

import sys
from typing import Any

import click

from bot.app.views import find_proposal, standing
from bot.app.wiring import App
from bot.cli.asking import app, ask, sending_options
from bot.cli.proposal_screen import print_proposal
from bot.cli.screen import Screen, json_option
from bot.kernel.errors import RefusedError, UsageError
from bot.lifecycle.command_payloads import ApproveManagedProposal, RejectManagedProposal
from bot.lifecycle.commands import CommandType
from bot.storage.documents import MANAGED_STATE

_DIGEST_SHOWN = 8


@click.command(
    epilog="Examples: bot approve SOL · bot approve SOL --confirm SOL:recommended --digest 1a2b3c4d"
)
@click.argument("asset")
@click.option("--confirm", help="The coin and the variant, to the letter: SOL:recommended.")
@click.option("--digest", help="First 8 characters of the digest that you read.")
@sending_options
@json_option
def approve(
    screen: Screen,
    asset: str,
    confirm: str | None,
    digest: str | None,
    no_wait: bool,  # noqa: FBT001 - click passes flags so
    dry_run: bool,  # noqa: FBT001 - click passes flags so
    key: str | None,
) -> int:
    """Hand a coin over by approving one variant of its proposal, typed to the letter."""
    home = app()
    asset = asset.upper()
    document = find_proposal(home, asset)
    if confirm is None:
        confirm = _typed_confirmation(screen, home, asset, document)
    elif digest is None:
        raise UsageError(
            "An approval without a conversation needs --digest.",
            why="It says which bytes you read.",
            fix=f"bot approve {asset} --confirm {confirm} --digest {document['digest'][:_DIGEST_SHOWN]},"
            " once you have read: bot proposals show",
        )
    if digest is not None and (
        len(digest) < _DIGEST_SHOWN or not str(document["digest"]).startswith(digest.lower())
    ):
        raise RefusedError(
            f"The digest {digest} is not that of {asset}'s proposal.",
            code="digest_mismatch",
            why=f"The file's digest begins with {document['digest'][:_DIGEST_SHOWN]}.",
        )
    _, _, variant = confirm.partition(":")
    payload = ApproveManagedProposal(
        proposal_id=document["proposal_id"],
        proposal_digest=document["digest"],
        variant=variant or "recommended",
        confirm=confirm,
    )
    return ask(
        screen,
        home,
        CommandType.APPROVE_MANAGED_PROPOSAL,
        asset,
        payload,
        no_wait=no_wait,
        only_try=dry_run,
        key=key,
        then=f"The loop takes it over in its next cycle: bot holdings show {asset}",
    )


@click.command(epilog='Examples: bot reject SOL · bot reject SOL --reason "stop too wide"')
@click.argument("asset")
@click.option("--reason", help="For the record.")
@sending_options
@json_option
def reject(
    screen: Screen,
    asset: str,
    reason: str | None,
    no_wait: bool,  # noqa: FBT001 - click passes flags so
    dry_run: bool,  # noqa: FBT001 - click passes flags so
    key: str | None,
) -> int:
    """Decline a coin's proposal; a cool-down starts."""
    home = app()
    asset = asset.upper()
    payload = RejectManagedProposal(proposal_id=find_proposal(home, asset)["proposal_id"], reason=reason)
    return ask(
        screen,
        home,
        CommandType.REJECT_MANAGED_PROPOSAL,
        asset,
        payload,
        no_wait=no_wait,
        only_try=dry_run,
        key=key,
    )


def _typed_confirmation(screen: Screen, home: App, asset: str, document: dict[str, Any]) -> str:
    if not (sys.stdin.isatty() and screen.is_terminal):
        raise UsageError(
            "An approval is typed by a person.",
            why="There is no terminal to ask on.",
            fix=f"bot approve {asset} --confirm {asset}:recommended --digest FIRST8",
        )
    screen.header(home)
    print_proposal(screen, document, standing(home.store.read(MANAGED_STATE).content, document))
    screen.line()
    typed: str = click.prompt(
        f"Type {asset}:recommended (or another variant) to hand the coin over, or nothing to leave",
        default="",
        show_default=False,
    )
    if not typed:
        raise RefusedError("Nothing was approved.", code="cancelled")
    return typed
