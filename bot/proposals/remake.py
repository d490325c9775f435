"""Make a proposal again from its kept inputs, to prove that it says what the facts said."""

from collections.abc import Mapping

from bot.proposals.abort import Abort
from bot.proposals.document import Proposal
from bot.proposals.facts import ProposalRequest
from bot.proposals.inputs import facts_from_inputs, policy_from_inputs
from bot.proposals.proposal_engine import make_proposal


def remake(proposal: Proposal, payloads: Mapping[str, bytes]) -> Proposal | Abort:
    """Run the engine again on the facts, the policy, the request and the times of a proposal.

    A proposal holds if the result has the same digest. Only an engine with the same
    `risk_model_version` can be expected to come to it.

    Args:
        proposal: As it was read.
        payloads: The kept bytes by their SHA-256.

    Raises:
        StorageError: When a payload is missing or was changed.
    """
    return make_proposal(
        proposal_id=proposal.proposal_id,
        proposal_version=proposal.proposal_version,
        request=ProposalRequest(
            asset=proposal.asset,
            requested_quantity=proposal.request.quantity,
            synthetic_entry_method=proposal.request.synthetic_entry_method,
            synthetic_entry_value=proposal.request.synthetic_entry_value,
        ),
        facts=facts_from_inputs(proposal.inputs, payloads),
        policy=policy_from_inputs(proposal.inputs, payloads),
        now=proposal.generated_at,
        ttl=proposal.expires_at - proposal.generated_at,
        inputs=proposal.inputs,
        language=proposal.language,
    )
