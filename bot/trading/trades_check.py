"""The account's own trades against the journal: at the start, and after every order whose answer was lost.

1. A trade that no order of the bot's made is foreign: the owner's own, or another program's. It is alarmed
   and written down once, for good; what it does to the quantity is the drift watch's to judge.
2. A trade of an order that the journal held as ended with less is a late fill: written down and alarmed.
3. The first look at a market only notes how far its trades go: what was before is nobody's business here.
4. While an order of the coin is in flight its trades cannot be told apart, so the look waits for its end.
"""

from collections.abc import Callable, Sequence

from bot.exchange.gateway import Gateway
from bot.execution.order_record import OrderEvent, OrderRecord, trigger_of
from bot.execution.order_states import OrderState
from bot.execution.orders import OrderReport, Side
from bot.execution.reconciliation import late_report, split_trades, trade_number
from bot.kernel.clock import Clock
from bot.kernel.errors import ExchangeError, LockHeldError, StateWriteError
from bot.kernel.ids import pair_of
from bot.kernel.market import OwnTrade
from bot.kernel.money import ZERO, text
from bot.lifecycle.documents import ManagedStateContent
from bot.lifecycle.states import IN_THE_BOTS_HANDS
from bot.storage.order_journal import OrderJournal, TradesSeen
from bot.trading.journal_desk import JournalDesk
from bot.trading.report import Step

_ASKED_AGAIN = 3
"""Of the orders that were never found, the newest: one request each."""


class TradesCheck:
    """Remembers whose trades are to be compared; what was found stands in the journal."""

    def __init__(
        self, gateway: Gateway, journal: OrderJournal, desk: JournalDesk, *, clock: Clock, quote: str
    ) -> None:
        self._gateway = gateway
        self._journal = journal
        self._desk = desk
        self._clock = clock
        self._quote = quote
        self._due: set[str] = set()

    def ask_for(self, *assets: str) -> None:
        """Have these coins' trades compared as soon as nothing of them is in flight."""
        self._due.update(assets)

    def look(
        self, managed: ManagedStateContent, on_progress: Callable[[], None] = lambda: None
    ) -> list[Step]:
        """Compare what is due, telling before each coin; a market that does not answer stays due."""
        steps: list[Step] = []
        for asset in sorted(self._due):
            entry = managed.managed_assets.get(asset)
            if entry is not None and entry.exit_intent is not None:
                continue
            was_sold = any(record.birth.asset == asset for record in self._journal.records.values())
            if (entry is None or entry.state not in IN_THE_BOTS_HANDS) and not was_sold:
                self._due.discard(asset)
                continue
            on_progress()
            try:
                steps += self._compare(asset)
            except (ExchangeError, StateWriteError, LockHeldError):
                continue  # asked for again in the next cycle
            self._due.discard(asset)
        return steps

    def _compare(self, asset: str) -> list[Step]:
        symbol = pair_of(asset, self._quote)
        seen = self._journal.trades_seen(symbol)
        trades = self._gateway.own_trades(symbol, since=seen.executed_at if seen is not None else None)
        newest = max(trades, key=lambda trade: trade_number(trade.trade_id), default=None)
        if seen is None:
            self._note(symbol, newest, ())
            return []
        steps: list[Step] = []
        split = split_trades(trades, self._journal.records, after_id=seen.trade_id)
        if split.foreign:
            steps += self._found_again(asset, symbol)
            split = split_trades(trades, self._journal.records, after_id=seen.trade_id)
        for name, own in split.own.items():
            record = self._journal.records[name]
            report = late_report(record, own)
            if report is not None:
                steps += self._late(record, report)
        if newest is not None and trade_number(newest.trade_id) > trade_number(seen.trade_id):
            self._note(symbol, newest, split.foreign)
        return steps + [_foreign(asset, trade) for trade in split.foreign]

    def _found_again(self, asset: str, symbol: str) -> list[Step]:
        """Ask once more for orders that the exchange said it had not: one may have arrived after all."""
        steps: list[Step] = []
        lost = [
            record
            for record in self._journal.records.values()
            if record.birth.asset == asset
            and record.exchange_order_id is None
            and record.state is OrderState.CLOSED
        ]
        for record in lost[-_ASKED_AGAIN:]:
            report = self._gateway.find_order(symbol, record.client_order_id)
            if report is not None:
                steps += self._late(record, report)
        return steps

    def _late(self, record: OrderRecord, report: OrderReport) -> list[Step]:
        asset, more = record.birth.asset, report.filled_quantity - record.filled_quantity
        steps = self._desk.write(
            OrderEvent(
                at=self._clock.now(),
                client_order_id=record.client_order_id,
                asset=asset,
                trigger=trigger_of(report),
                report=report,
            )
        )
        if more > ZERO:
            sentence = (
                f"the order {record.client_order_id} filled {text(more)} {asset} more than was booked when it"
                " ended; the drift watch compares the wallet"
            )
            steps.append(Step(asset=asset, what="late_fill", sentence=sentence, alarm=True))
        return steps

    def _note(self, symbol: str, newest: OwnTrade | None, foreign: Sequence[OwnTrade]) -> None:
        seen = TradesSeen(
            at=self._clock.now(),
            symbol=symbol,
            trade_id="0" if newest is None else newest.trade_id,
            executed_at=None if newest is None else newest.executed_at,
        )
        self._journal.note_trades(seen, foreign)


def _foreign(asset: str, trade: OwnTrade) -> Step:
    done = "sold" if trade.side == Side.SELL else "bought"
    sentence = (
        f"{text(trade.quantity)} {asset} were {done} at {text(trade.price)} by an order that is not the bot's"
    )
    data = {"trade_id": trade.trade_id, "order_id": trade.order_id, "quantity": trade.quantity}
    return Step(asset=asset, what="foreign_trade", sentence=sentence, data=data, alarm=True)
