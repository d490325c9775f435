"""The only way by which the baseline changes (DR-1)."""

from collections.abc import Sequence

from bot.holdings.baseline import BaselineContent
from bot.lifecycle.events import Event
from bot.storage.commit import CommitResult
from bot.storage.documents import BASELINE_HOLDINGS, AppliedCommand
from bot.storage.state_store import Transaction


def write_baseline(
    transaction: Transaction,
    content: BaselineContent,
    *,
    commands: Sequence[AppliedCommand] = (),
    events: Sequence[Event] = (),
) -> CommitResult:
    """Commit the content as the document's next version (see `Transaction.commit`)."""
    return transaction.commit(BASELINE_HOLDINGS, content, commands=commands, events=events)
