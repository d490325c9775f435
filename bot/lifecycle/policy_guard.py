"""C3, DR-11: a baseline must not freeze what is in the bot's hands."""

from collections.abc import Iterable

from bot.lifecycle.documents import ManagedStateContent
from bot.lifecycle.states import IN_THE_BOTS_HANDS


def blocked_assets(managed: ManagedStateContent, to_be_frozen: Iterable[str]) -> list[str]:
    """Return which of the assets a baseline may not freeze now, sorted."""
    return sorted(name for name in to_be_frozen if managed.state_of(name) in IN_THE_BOTS_HANDS)
