"""C3, DR-11: a baseline must not freeze what is in the bot's hands."""

from collections.abc import Collection, Iterable

from bot.kernel.errors import RefusedError
from bot.lifecycle.documents import ManagedStateContent
from bot.lifecycle.states import IN_THE_BOTS_HANDS


class PolicyChangeBlockedError(RefusedError):
    """A baseline would freeze coins that nobody took out of the bot's hands; `assets` names them."""

    default_code = "policy_change_blocked"

    def __init__(self, managed: ManagedStateContent, assets: Collection[str]) -> None:
        """Name each coin with its state, and the way out."""
        self.assets = tuple(sorted(assets))
        standing = ", ".join(f"{name} ({managed.state_of(name)})" for name in self.assets)
        super().__init__(
            f"the baseline would freeze {standing}",
            fix=f"Release first: bot release {self.assets[0]}. Or capture anew: bot baseline capture marks"
            " coins in the bot's hands as governed by the lifecycle.",
        )


def blocked_assets(managed: ManagedStateContent, to_be_frozen: Iterable[str]) -> list[str]:
    """Return which of the assets a baseline may not freeze now, sorted."""
    return sorted(name for name in to_be_frozen if managed.state_of(name) in IN_THE_BOTS_HANDS)


def refuse_blocked(
    managed: ManagedStateContent, to_be_frozen: Iterable[str], *, lifecycle_managed: Collection[str]
) -> None:
    """Refuse a baseline that would freeze a coin in the bot's hands.

    Args:
        managed: The managed state.
        to_be_frozen: Coins that the baseline lists as frozen, or leaves out.
        lifecycle_managed: Coins that it marks as governed by the lifecycle; those may stand as frozen.

    Raises:
        PolicyChangeBlockedError: Naming every such coin.
    """
    blocked = [name for name in blocked_assets(managed, to_be_frozen) if name not in lifecycle_managed]
    if blocked:
        raise PolicyChangeBlockedError(managed, blocked)
