"""The net below the rules: stop rules that hold for every change of the managed state, whoever made it.

SR-12: no coin comes into the bot's hands without its approval event in the same commit.
DR-11: no coin leaves them for frozen without a person's act: the actor's, or the release in its history.
A broken one ends that act alone; it is audited, alarmed, and takes down nothing.
"""

from collections.abc import Iterable

from bot.kernel.errors import StopRuleBrokenError
from bot.lifecycle.change import Act, entry_of
from bot.lifecycle.documents import ManagedStateContent
from bot.lifecycle.events import Event, EventType
from bot.lifecycle.states import IN_THE_BOTS_HANDS, ActorKind, AssetState, actor_kind

_HANDED_OVER = IN_THE_BOTS_HANDS | {AssetState.EXIT_EXECUTED}


def check_stop_rules(
    before: ManagedStateContent, after: ManagedStateContent, events: Iterable[Event], act: Act
) -> None:
    """Refuse a change that breaks SR-12 or DR-11.

    Raises:
        StopRuleBrokenError: Naming the rule and the coin; nothing was written yet.
    """
    promoted = {event.asset for event in events if event.type is EventType.ASSET_PROMOTED}
    for asset, entry in after.managed_assets.items():
        if entry is before.managed_assets.get(asset):
            continue
        old, new = before.state_of(asset), after.state_of(asset)
        if new in IN_THE_BOTS_HANDS and old not in _HANDED_OVER and asset not in promoted:
            raise StopRuleBrokenError(
                "SR-12", f"{asset}: {old} -> {new}", why="No approval event comes with the promotion."
            )
        if old in _HANDED_OVER and new is AssetState.FROZEN and not _a_person_let_go(before, asset, act):
            raise StopRuleBrokenError(
                "DR-11", f"{asset}: {old} -> {new}", why=f"No person asked for it, {act.actor} did."
            )


def _a_person_let_go(before: ManagedStateContent, asset: str, act: Act) -> bool:
    return (
        actor_kind(act.actor) is ActorKind.USER
        or entry_of(before, asset).release_requested_by_user_id is not None
    )
