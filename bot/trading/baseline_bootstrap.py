"""What must hold before the loop may start, and how positions are taken over.

D4: a baseline that says `managed` without an entry in the managed state stops the bot (exit 3).
D5: a coin that is listed nowhere falls under `default_policy_for_unlisted`, which is frozen (DR-2).
Positions are taken over without buying, for `managed_active` only.
"""

import datetime as dt

from bot.holdings.baseline import BaselineContent, not_handed_over
from bot.holdings.position_sync import synced
from bot.kernel.errors import StateFileError
from bot.lifecycle.documents import ManagedStateContent
from bot.storage.documents import MANAGED_STATE, POSITIONS
from bot.storage.positions_writer import write_positions
from bot.storage.state_store import StateStore
from bot.trading.report import Step


def check_baseline(baseline: BaselineContent, managed: ManagedStateContent) -> None:
    """Refuse a start on documents that contradict each other (D4).

    Raises:
        StateFileError: Naming the coins, and how to mend it.
    """
    orphans = not_handed_over(baseline.assets, managed.managed_assets)
    if orphans:
        raise StateFileError(
            f"the baseline says managed for {', '.join(orphans)}, the managed state knows nothing of it",
            why="D4: nobody approved these coins, so the bot does not start.",
            fix="bot baseline capture, then bot baseline apply",
        )


def take_over(store: StateStore, *, quote: str, now: dt.datetime) -> list[Step]:
    """Bring `positions.json` up to what the managed state asks for; writes only where it differs."""
    managed = store.read(MANAGED_STATE).content
    before = store.read(POSITIONS).content
    if synced(managed, before, quote=quote, now=now) is before:
        return []
    with store.transaction() as transaction:
        managed = transaction.current(MANAGED_STATE).content
        before = transaction.current(POSITIONS).content
        after = synced(managed, before, quote=quote, now=now)
        if after is before:
            return []
        write_positions(transaction, after)
    steps = []
    for symbol, position in after.positions.items():
        old = before.positions.get(symbol)
        if old == position:
            continue
        if old is None or old.proposal_id != position.proposal_id:
            what, sentence = "taken_over", f"{position.quantity} {position.asset} taken over, nothing bought"
        elif not position.is_open:
            what, sentence = "closed", f"{position.asset} is no longer tracked"
        else:
            what, sentence = "followed", f"{position.asset} follows the managed state"
        steps.append(Step(asset=position.asset, what=what, sentence=sentence))
    return steps
