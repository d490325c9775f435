"""The only way by which applied settings change (DR-1)."""

from collections.abc import Sequence

from bot.lifecycle.events import Event
from bot.lifecycle.runtime_config import RuntimeConfigContent
from bot.storage.commit import CommitResult
from bot.storage.documents import RUNTIME_CONFIG, AppliedCommand
from bot.storage.state_store import Transaction


def write_runtime_config(
    transaction: Transaction,
    content: RuntimeConfigContent,
    *,
    commands: Sequence[AppliedCommand] = (),
    events: Sequence[Event] = (),
) -> CommitResult:
    """Commit the content as the document's next version (see `Transaction.commit`)."""
    return transaction.commit(RUNTIME_CONFIG, content, commands=commands, events=events)
