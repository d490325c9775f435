"""The ten states of an asset and the three kinds of actor that move it."""

from enum import StrEnum


class AssetState(StrEnum):
    """Where an asset stands; the sentence beside each is what people read."""

    FROZEN = "frozen"
    PROPOSAL_PENDING = "proposal_pending"
    RISK_PROPOSED = "risk_proposed"
    PROPOSAL_ABORTED = "proposal_aborted"
    PROPOSAL_REJECTED = "proposal_rejected"
    MANAGED_ACTIVE = "managed_active"
    MANAGED_PAUSED = "managed_paused"
    MANAGED_DRIFT_ALERT = "managed_drift_alert"
    RELEASE_PENDING = "release_pending"
    EXIT_EXECUTED = "exit_executed"


MEANING: dict[AssetState, str] = {
    AssetState.FROZEN: "the bot never touches it",
    AssetState.PROPOSAL_PENDING: "the engine is at work",
    AssetState.RISK_PROPOSED: "a proposal waits for a decision",
    AssetState.PROPOSAL_ABORTED: "no proposal could be made",
    AssetState.PROPOSAL_REJECTED: "declined; the cool-down runs",
    AssetState.MANAGED_ACTIVE: "the bot tracks and trades it",
    AssetState.MANAGED_PAUSED: "paused: no new trade",
    AssetState.MANAGED_DRIFT_ALERT: "the bot stopped itself: reality and record differ",
    AssetState.RELEASE_PENDING: "on its way back to the owner",
    AssetState.EXIT_EXECUTED: "the agreed exit was filled",
}

IN_THE_BOTS_HANDS = frozenset(
    {
        AssetState.MANAGED_ACTIVE,
        AssetState.MANAGED_PAUSED,
        AssetState.MANAGED_DRIFT_ALERT,
        AssetState.RELEASE_PENDING,
    }
)
"""C3: a baseline must not freeze an asset that stands here."""

AWAITING = frozenset({AssetState.PROPOSAL_PENDING, AssetState.RISK_PROPOSED})
"""Exactly these are listed in `pending_proposals`."""


class ActorKind(StrEnum):
    """Who acts: a person, the bot's own loops, or the system's timed passes."""

    USER = "user"
    BOT = "bot"
    SYSTEM = "system"


def actor_kind(actor: str) -> ActorKind:
    """Return the kind of an actor such as `user_ann`, `bot` or `system`.

    Raises:
        ValueError: For any other text.
    """
    if actor in {ActorKind.BOT, ActorKind.SYSTEM}:
        return ActorKind(actor)
    if actor.startswith("user_") and len(actor) > len("user_"):
        return ActorKind.USER
    raise ValueError(f"{actor!r} is no actor: expected user_<id>, bot or system")


def user_of(actor: str) -> str:
    """Return the user id of a person's actor text, or the text itself for bot and system."""
    return actor.removeprefix("user_")
