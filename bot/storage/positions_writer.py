"""The only way by which the live positions change; for the trading loop alone."""

from collections.abc import Sequence

from bot.holdings.positions import PositionsContent
from bot.lifecycle.events import Event
from bot.storage.commit import CommitResult
from bot.storage.documents import POSITIONS, AppliedCommand
from bot.storage.state_store import Transaction


def write_positions(
    transaction: Transaction,
    content: PositionsContent,
    *,
    commands: Sequence[AppliedCommand] = (),
    events: Sequence[Event] = (),
) -> CommitResult:
    """Commit the content as the document's next version (see `Transaction.commit`)."""
    return transaction.commit(POSITIONS, content, commands=commands, events=events)
