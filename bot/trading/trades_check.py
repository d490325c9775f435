"""The account's own trades against the journal: at the start, after lost answers, and coin by coin all along.

1. A trade that no order of the bot's made is foreign: the owner's own, or another program's. It is alarmed
   and written down once, for good. A sale is the drift watch's to judge, and its evidence names the trade;
   a purchase is the owner's and changes nothing.
2. A trade of an order that the journal held as ended with less is a late fill: written down and alarmed;
   `late_fills` books it.
3. The first look at a market only notes how far its trades go: what was before is nobody's business here.
4. While an order of the coin is in flight its trades cannot be told apart, so the look waits for its end.
5. Bounded cost: what is due by an event is read at once; beside it every coin's turn comes once a minute,
   a few coins per cycle, the one that waited longest first.
"""

from collections.abc import Callable, Sequence

from bot.exchange.gateway import Gateway
from bot.execution.order_record import OrderEvent, OrderRecord, trigger_of
from bot.execution.order_states import OrderState
from bot.execution.orders import OrderReport, Side
from bot.execution.reconciliation import late_report, split_trades, trade_number
from bot.kernel.clock import Clock, iso_z
from bot.kernel.errors import ExchangeError, LockHeldError, StateWriteError
from bot.kernel.ids import pair_of
from bot.kernel.market import OwnTrade
from bot.kernel.money import ZERO, text
from bot.lifecycle.documents import ManagedAsset, ManagedStateContent
from bot.lifecycle.states import IN_THE_BOTS_HANDS, AssetState
from bot.storage.order_journal import OrderJournal, TradesSeen
from bot.trading.journal_desk import JournalDesk
from bot.trading.report import Step

_ASKED_AGAIN = 3
"""Of the orders that were never found, the newest: one request each."""
ROUND_S = 60.0
"""How long a coin that was compared is left alone, unless something asks for it."""


class TradesCheck:
    """Remembers whose trades are to be compared; what was found stands in the journal."""

    def __init__(
        self,
        gateway: Gateway,
        journal: OrderJournal,
        desk: JournalDesk,
        *,
        clock: Clock,
        quote: str,
        reads_per_cycle: Callable[[], int] = lambda: 2,
    ) -> None:
        self._gateway = gateway
        self._journal = journal
        self._desk = desk
        self._clock = clock
        self._quote = quote
        self._reads_per_cycle = reads_per_cycle
        self._due: set[str] = set()
        self._compared_at: dict[str, float] = {}

    def ask_for(self, *assets: str) -> None:
        """Have these coins' trades compared as soon as nothing of them is in flight; from any thread."""
        self._due.update(assets)

    def take_turns(self, managed: ManagedStateContent) -> None:
        """Make the coins due whose turn it is (rule 5)."""
        now, reads = self._clock.monotonic(), self._reads_per_cycle()
        waiting = sorted(
            (self._compared_at.get(asset, -ROUND_S), asset)
            for asset, entry in managed.managed_assets.items()
            if asset not in self._due and not _awaits_exit_or_buy(entry) and self._has_turns(asset, entry)
        )
        self.ask_for(*(asset for at, asset in waiting[:reads] if now - at >= ROUND_S))

    def _has_turns(self, asset: str, entry: ManagedAsset) -> bool:
        """Coins in the bot's hands, and sold ones of which an order was given up: it may still arrive."""
        if entry.state in IN_THE_BOTS_HANDS:
            return True
        return entry.state is AssetState.EXIT_EXECUTED and bool(self._given_up(asset))

    def _given_up(self, asset: str) -> list[OrderRecord]:
        """Return the coin's ended orders that the exchange never told of, the newest last."""
        return [
            record
            for record in self._journal.records.values()
            if record.birth.asset == asset
            and record.exchange_order_id is None
            and record.state is OrderState.CLOSED
        ]

    def look(
        self, managed: ManagedStateContent, on_progress: Callable[[], None] = lambda: None
    ) -> list[Step]:
        """Compare what is due, telling before each coin; a market that does not answer stays due."""
        steps: list[Step] = []
        for asset in sorted(self._due):
            entry = managed.managed_assets.get(asset)
            if entry is not None and _awaits_an_answer(entry):
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
            self._compared_at[asset] = self._clock.monotonic()
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
            if record.may_be_live:
                continue  # whoever follows the order books it; nothing of it is late
            report = self._told_of(record, own)
            if report is not None:
                steps += self._late(record, report)
        if newest is not None and trade_number(newest.trade_id) > trade_number(seen.trade_id):
            self._note(symbol, newest, split.foreign)
        return steps + [_foreign(asset, trade) for trade in split.foreign]

    def _told_of(self, record: OrderRecord, own: Sequence[OwnTrade]) -> OrderReport | None:
        """Return what these trades tell; where the record's own do not add up, the exchange is asked."""
        if sum((fill.quantity for fill in record.fills), ZERO) == record.filled_quantity:
            return late_report(record, own)
        report = self._gateway.find_order(record.birth.symbol, record.client_order_id)
        return report if report is not None and report.filled_quantity > record.filled_quantity else None

    def _found_again(self, asset: str, symbol: str) -> list[Step]:
        """Ask once more for orders that the exchange said it had not: one may have arrived after all."""
        steps: list[Step] = []
        for record in self._given_up(asset)[-_ASKED_AGAIN:]:
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
                f"the order {record.client_order_id} filled {text(more)} {asset} more than was known when it"
                " ended"
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


def _awaits_an_answer(entry: ManagedAsset) -> bool:
    """Say whether trades of the coin could be an order's whose number at the exchange is not known yet."""
    stop = entry.resting_stop
    return _awaits_exit_or_buy(entry) or (stop is not None and stop.exchange_order_id is None)


def _awaits_exit_or_buy(entry: ManagedAsset) -> bool:
    return entry.exit_intent is not None or entry.buy_intent is not None


def _foreign(asset: str, trade: OwnTrade) -> Step:
    done = "sold" if trade.side == Side.SELL else "bought"
    sentence = (
        f"{text(trade.quantity)} {asset} were {done} at {text(trade.price)} by an order that is not the bot's"
    )
    data = {
        "trade_id": trade.trade_id,
        "order_id": trade.order_id,
        "quantity": trade.quantity,
        "price": trade.price,
        "executed_at": iso_z(trade.executed_at),
    }
    return Step(asset=asset, what="foreign_trade", sentence=sentence, data=data, alarm=True)
