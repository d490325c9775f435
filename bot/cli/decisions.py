"""`bot approve` and `bot reject`: the operator's yes and no to exact bytes."""

import sys
from typing import Any

import click

from bot.app.views import WAITS, find_proposal, standing
from bot.app.wiring import App
from bot.cli.asking import app, ask, sending_options
from bot.cli.help import Command
from bot.cli.proposal_screen import print_proposal
from bot.cli.screen import Screen, json_option
from bot.kernel.errors import RefusedError, UsageError
from bot.lifecycle.command_payloads import ApproveManagedProposal, RejectManagedProposal
from bot.lifecycle.commands import CommandType
from bot.storage.documents import MANAGED_STATE

_DIGEST_SHOWN = 8


@click.command(
    cls=Command,
    epilog="Examples: bot approve SOL · bot approve SOL --confirm SOL:recommended --digest 1a2b3c4d",
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
            fix=f"bot proposals show {asset} prints the digest's first {_DIGEST_SHOWN} characters.",
        )
    if digest is not None and not _is_digest_of(document, digest):
        raise RefusedError(
            f"The digest {digest} is not that of {asset}'s proposal.",
            code="digest_mismatch",
            why=f"Expected the first {_DIGEST_SHOWN} characters or more of the digest that you read.",
            fix=f"Read it again: bot proposals show {asset}",
        )
    payload = ApproveManagedProposal(
        proposal_id=document["proposal_id"],
        proposal_digest=document["digest"],
        variant=_variant_of(asset, document, confirm),
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


@click.command(cls=Command, epilog='Examples: bot reject SOL · bot reject SOL --reason "stop too wide"')
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


def _is_digest_of(document: dict[str, Any], digest: str) -> bool:
    return len(digest) >= _DIGEST_SHOWN and str(document["digest"]).startswith(digest.lower())


def _variant_of(asset: str, document: dict[str, Any], confirm: str) -> str:
    """Return the variant that the typed words name; what is not `SOL:variant` to the letter is a no."""
    variants = [document["risk_recommendation"], *document["alternative_proposals"]]
    names = [str(terms["variant"]) for terms in variants]
    named = {f"{asset}:{name}": name for name in names}
    if confirm not in named:
        raise RefusedError(
            "The confirmation is wrong.",
            code="confirmation_wrong",
            why=f"Expected {' or '.join(named)}, to the letter; got {confirm!r}.",
            fix=f"Read it again: bot proposals show {asset}",
        )
    return named[confirm]


def _typed_confirmation(screen: Screen, home: App, asset: str, document: dict[str, Any]) -> str:
    where = standing(home.store.read(MANAGED_STATE).content, document)
    if where != WAITS:
        raise RefusedError(
            f"{asset}'s proposal does not wait for a decision.",
            code="proposal_already_decided",
            why=f"It stands as: {where}.",
            fix=f"See where the coin stands: bot holdings show {asset}",
        )
    if not (sys.stdin.isatty() and screen.is_terminal):
        raise UsageError(
            "An approval is typed by a person.",
            why="There is no terminal to ask on.",
            fix=f"bot approve {asset} --confirm {asset}:recommended --digest DIGEST, its first"
            f" {_DIGEST_SHOWN} characters from: bot proposals show {asset}",
        )
    screen.header(home)
    print_proposal(screen, document, where)
    screen.line()
    typed: str = click.prompt(
        f"Type {asset}:recommended (or another variant) to hand the coin over, or nothing to leave",
        default="",
        show_default=False,
        err=True,
    )
    if not typed:
        raise RefusedError("Nothing was approved.", code="cancelled")
    return typed
