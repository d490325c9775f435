"""Own trades in the cycle: whose turn it is, what was told late is booked, and what explains a short wallet.

1. It never holds an exit up: the loop calls it behind them.
2. A wallet that is short is explained before it is called drift: the coin's trades are read at once, a late
   fill of the bot's own is booked, and a foreign sale is named in the evidence.
"""

import datetime as dt
from collections.abc import Callable, Iterable

from bot.execution.orders import Side
from bot.kernel.market import OwnTrade
from bot.lifecycle.documents import ManagedStateContent
from bot.storage.documents import MANAGED_STATE
from bot.storage.order_journal import OrderJournal
from bot.storage.state_store import StateStore
from bot.trading.late_fills import LateFills
from bot.trading.report import Step
from bot.trading.trades_check import TradesCheck

_LOST = frozenset({"unknown", "never_arrived", "vanished"})
"""Steps after which a coin's trades are compared: the answer to an order was lost."""


class TradesWatch:
    """Compares own trades, and books what is found."""

    def __init__(
        self, store: StateStore, trades: TradesCheck, late: LateFills, journal: OrderJournal
    ) -> None:
        self._store = store
        self._trades = trades
        self._late = late
        self._journal = journal

    def ask_for(self, *assets: str) -> None:
        """Have these coins' trades compared in the next cycle; from any thread, and soon after."""
        self._trades.ask_for(*assets)

    def book(self, managed: ManagedStateContent) -> list[Step]:
        """Book what the journal knows and the managed state has not; asks the exchange nothing."""
        return self._late.book(managed)

    def look(self, steps: Iterable[Step], on_progress: Callable[[], None] = lambda: None) -> list[Step]:
        """Compare the coins whose answers were lost in these steps, and those whose turn it is."""
        self._trades.ask_for(*{step.asset for step in steps if step.what in _LOST})
        self._trades.take_turns(self._managed())
        found = self._trades.look(self._managed(), on_progress)
        return found + self._late.book(self._managed())

    def explain(self, assets: Iterable[str]) -> list[Step]:
        """Compare these coins' trades now (rule 2)."""
        self._trades.ask_for(*assets)
        found = self._trades.look(self._managed())
        return found + self._late.book(self._managed())

    def foreign_sales(self, symbol: str, since: dt.datetime | None) -> tuple[OwnTrade, ...]:
        """Return the sales in a market that were not the bot's and were found since then, oldest first."""
        found = () if since is None else self._journal.foreign_since(symbol, since)
        return tuple(trade for trade in found if trade.side == Side.SELL)

    def _managed(self) -> ManagedStateContent:
        return self._store.read(MANAGED_STATE).content
