"""The only way by which the managed state changes (DR-1)."""

from collections.abc import Sequence

from bot.lifecycle.documents import ManagedStateContent
from bot.lifecycle.events import Event
from bot.storage.commit import CommitResult
from bot.storage.documents import MANAGED_STATE, AppliedCommand
from bot.storage.state_store import Transaction


def write_managed_state(
    transaction: Transaction,
    content: ManagedStateContent,
    *,
    commands: Sequence[AppliedCommand] = (),
    events: Sequence[Event] = (),
) -> CommitResult:
    """Commit the content as the document's next version (see `Transaction.commit`)."""
    return transaction.commit(MANAGED_STATE, content, commands=commands, events=events)
