"""`bot approve` and `bot reject`: the operator's yes and no to exact bytes."""

from typing import TYPE_CHECKING, Any

import click

from bot.app.views import WAITS, find_proposal, standing
from bot.cli.asking import app, ask
from bot.cli.completing import complete_assets
from bot.cli.confirming import DIGEST_SHOWN, can_ask, check_digest, confirmed
from bot.cli.help import Command
from bot.cli.proposal_screen import print_proposal
from bot.cli.screen import Screen, json_option
from bot.cli.sending import Sending, sends
from bot.kernel.errors import RefusedError
from bot.lifecycle.command_payloads import ApproveManagedProposal, RejectManagedProposal
from bot.lifecycle.commands import CommandType
from bot.storage.documents import MANAGED_STATE

if TYPE_CHECKING:
    from bot.app.wiring import App


@click.command(
    cls=Command,
    epilog="Examples: bot approve SOL · bot approve SOL --confirm SOL:recommended --digest 1a2b3c4d",
)
@click.argument("asset", shell_complete=complete_assets)
@click.option("--confirm", help="The coin and the variant, to the letter: SOL:recommended.")
@click.option("--digest", help="First 8 characters of the digest that you read.")
@sends
@json_option
def approve(
    screen: Screen,
    asset: str,
    confirm: str | None,
    digest: str | None,
    sending: Sending,
) -> int:
    """Hand a coin over by approving one variant of its proposal, typed to the letter."""
    home = app()
    asset = asset.upper()
    document = find_proposal(home, asset)
    if confirm is not None:
        check_digest(digest, document["digest"], of=f"{asset}'s proposal", look=f"bot proposals show {asset}")
    variant = _confirmed_variant(screen, home, asset, document, confirm)
    payload = ApproveManagedProposal(
        proposal_id=document["proposal_id"],
        proposal_digest=document["digest"],
        variant=variant,
        confirm=f"{asset}:{variant}",
    )
    return ask(
        screen,
        home,
        CommandType.APPROVE_MANAGED_PROPOSAL,
        asset,
        payload,
        sending=sending,
        then=f"The loop takes it over in its next cycle: bot holdings show {asset}",
    )


@click.command(cls=Command, epilog='Examples: bot reject SOL · bot reject SOL --reason "stop too wide"')
@click.argument("asset", shell_complete=complete_assets)
@click.option("--reason", help="For the record.")
@sends
@json_option
def reject(
    screen: Screen,
    asset: str,
    reason: str | None,
    sending: Sending,
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
        sending=sending,
    )


def _confirmed_variant(
    screen: Screen, home: "App", asset: str, document: dict[str, Any], given: str | None
) -> str:
    """Return the variant whose name was typed with the coin's, after the proposal was shown."""
    alone = f"bot approve {asset} --confirm {asset}:recommended --digest DIGEST, its first {DIGEST_SHOWN}"
    if given is None:
        where = standing(home.store.read(MANAGED_STATE).content, document)
        if where != WAITS:
            raise RefusedError(
                f"{asset}'s proposal does not wait for a decision.",
                code="proposal_already_decided",
                why=f"It stands as: {where}.",
                fix=f"See where the coin stands: bot holdings show {asset}",
            )
        if can_ask(screen):
            screen.header(home)
            print_proposal(screen, document, where)
            screen.line()
    variants = [document["risk_recommendation"], *document["alternative_proposals"]]
    named = {f"{asset}:{terms['variant']}": str(terms["variant"]) for terms in variants}
    typed = confirmed(
        screen,
        tuple(named),
        given,
        purpose="hand the coin over",
        alone=f"{alone} characters from: bot proposals show {asset}",
        again=f"Read it again: bot proposals show {asset}",
    )
    return named[typed]
