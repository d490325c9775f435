"""The whole transition table, one edge per line; anything else is refused by name.

Keyed (state, command). The docs' diagram and tables are generated from `EDGES`.
"""

from typing import NamedTuple

from bot.kernel.errors import RefusedError
from bot.lifecycle.commands import CommandType as C
from bot.lifecycle.states import ActorKind as A
from bot.lifecycle.states import AssetState as S
from bot.lifecycle.states import actor_kind


class Edge(NamedTuple):
    """One allowed step: its number in the source, where from, by which command and actor, where to."""

    number: str
    source: S
    command: C
    actor: A
    target: S


EDGES: tuple[Edge, ...] = (
    Edge("T01", S.FROZEN, C.REQUEST_MANAGED_PROPOSAL, A.USER, S.PROPOSAL_PENDING),
    Edge("T02", S.PROPOSAL_PENDING, C.COMPLETE_MANAGED_PROPOSAL, A.BOT, S.RISK_PROPOSED),
    Edge("T03", S.PROPOSAL_PENDING, C.ABORT_MANAGED_PROPOSAL, A.BOT, S.PROPOSAL_ABORTED),
    Edge("T04", S.RISK_PROPOSED, C.APPROVE_MANAGED_PROPOSAL, A.USER, S.MANAGED_ACTIVE),
    Edge("T05", S.RISK_PROPOSED, C.REJECT_MANAGED_PROPOSAL, A.USER, S.PROPOSAL_REJECTED),
    Edge("T06", S.RISK_PROPOSED, C.EXPIRE_MANAGED_PROPOSAL, A.SYSTEM, S.FROZEN),
    Edge("T07", S.MANAGED_ACTIVE, C.PAUSE_MANAGED_ASSET, A.USER, S.MANAGED_PAUSED),
    Edge("T08", S.MANAGED_PAUSED, C.RESUME_MANAGED_ASSET, A.USER, S.MANAGED_ACTIVE),
    Edge("T09", S.MANAGED_PAUSED, C.RELEASE_MANAGED_ASSET, A.USER, S.RELEASE_PENDING),
    Edge("T10", S.MANAGED_ACTIVE, C.FLAG_MANAGED_DRIFT, A.BOT, S.MANAGED_DRIFT_ALERT),
    # T11 needs `override`: the bot stopped itself, only a person's word overrules that.
    Edge("T11", S.MANAGED_DRIFT_ALERT, C.RESUME_MANAGED_ASSET, A.USER, S.MANAGED_ACTIVE),
    Edge("T12", S.MANAGED_DRIFT_ALERT, C.RELEASE_MANAGED_ASSET, A.USER, S.RELEASE_PENDING),
    Edge("T13", S.MANAGED_ACTIVE, C.RECORD_MANAGED_EXIT, A.BOT, S.EXIT_EXECUTED),
    # T14 only with a user's release in the history (DR-11).
    Edge("T14", S.RELEASE_PENDING, C.COMPLETE_MANAGED_RELEASE, A.SYSTEM, S.FROZEN),
    # T15 is a person's decision, never automatic (DR-11).
    Edge("T15", S.EXIT_EXECUTED, C.RELEASE_MANAGED_ASSET, A.USER, S.FROZEN),
    # T16 only where `lifecycle.reengage` is `direct` (Q-MH-9).
    Edge("T16", S.EXIT_EXECUTED, C.REQUEST_MANAGED_PROPOSAL, A.USER, S.PROPOSAL_PENDING),
    Edge("T17", S.PROPOSAL_ABORTED, C.SETTLE_MANAGED_ASSET, A.SYSTEM, S.FROZEN),
    Edge("T18", S.PROPOSAL_REJECTED, C.SETTLE_MANAGED_ASSET, A.SYSTEM, S.FROZEN),
    # T19, T20: an exit that was agreed, or an order that was in flight, before the bot stopped trading.
    Edge("T19", S.MANAGED_PAUSED, C.RECORD_MANAGED_EXIT, A.BOT, S.EXIT_EXECUTED),
    Edge("T20", S.MANAGED_DRIFT_ALERT, C.RECORD_MANAGED_EXIT, A.BOT, S.EXIT_EXECUTED),
)

TRANSITIONS: dict[tuple[S, C], Edge] = {(edge.source, edge.command): edge for edge in EDGES}

_SPECIAL_REFUSALS: dict[tuple[S, C], str] = {
    (S.PROPOSAL_PENDING, C.REQUEST_MANAGED_PROPOSAL): "proposal_in_progress",
    (S.MANAGED_ACTIVE, C.RELEASE_MANAGED_ASSET): "pause_first",
    (S.PROPOSAL_REJECTED, C.REQUEST_MANAGED_PROPOSAL): "cooldown_running",
    (S.MANAGED_ACTIVE, C.APPROVE_MANAGED_PROPOSAL): "proposal_already_decided",
    (S.MANAGED_PAUSED, C.APPROVE_MANAGED_PROPOSAL): "proposal_already_decided",
    (S.PROPOSAL_REJECTED, C.APPROVE_MANAGED_PROPOSAL): "proposal_already_decided",
    (S.PROPOSAL_REJECTED, C.REJECT_MANAGED_PROPOSAL): "proposal_already_decided",
    (S.MANAGED_ACTIVE, C.REJECT_MANAGED_PROPOSAL): "proposal_already_decided",
    (S.MANAGED_PAUSED, C.REJECT_MANAGED_PROPOSAL): "proposal_already_decided",
}


def transition(state: S, command: C, actor: str) -> Edge:
    """Return the edge that this command takes from this state.

    Raises:
        RefusedError: When the table has no such edge, or the edge belongs to another kind of actor;
            the message names both states, or both actors.
    """
    edge = TRANSITIONS.get((state, command))
    if edge is None:
        targets = sorted({e.target for e in EDGES if e.command == command})
        sources = sorted({e.source for e in EDGES if e.command == command})
        raise RefusedError(
            f"{command} is not possible from {state}",
            code=_SPECIAL_REFUSALS.get((state, command), "transition_not_allowed"),
            why=f"The asset stands at {state}; this command leads to {' or '.join(targets) or 'nowhere'}"
            f" only from {', '.join(sources) or 'nowhere'}.",
        )
    if actor_kind(actor) is not edge.actor:
        raise RefusedError(
            f"{command} from {state} to {edge.target} is not for {actor}",
            code="role_missing",
            why=f"{edge.number} belongs to {edge.actor}, not to {actor_kind(actor)}.",
        )
    return edge
