"""Reading the managed state: lock-free, strict, old or new but never half."""

from bot.lifecycle.documents import ManagedStateContent
from bot.storage.documents import MANAGED_STATE, Snapshot
from bot.storage.state_store import StateStore


def read_managed_state(store: StateStore) -> Snapshot[ManagedStateContent]:
    """Return the managed state as the public file says it.

    Raises:
        StateFileError: The file is missing or cannot be trusted.
    """
    return store.read(MANAGED_STATE)
