"""Late fills booked: what the journal knows of an ended order beyond what the managed state has of it.

1. The journal says which orders (`unbooked_quantity`), the audit what was booked of them: both are durable,
   so that a process which ends anywhere in between is followed by one that books the same, once.
2. Every late fill is an alarm, once. One that exceeds what was promised is booked all the same.
3. An order of an agreement that is over is left as it is: its page tells what was not booked.
"""

from collections.abc import Mapping
from decimal import Decimal

from bot.commands.sender import CommandSender
from bot.exchange.gateway import MarketData
from bot.execution.order_record import OrderRecord
from bot.execution.order_states import OrderState
from bot.execution.orders import Side
from bot.execution.quantity_promise import is_dust
from bot.kernel.errors import ExchangeError
from bot.kernel.market import MarketRules
from bot.kernel.money import ZERO, text
from bot.lifecycle.command_payloads import LateBasis, PaidFee, RecordManagedExit
from bot.lifecycle.commands import CommandState, CommandType
from bot.lifecycle.documents import ExitReason, ManagedAsset, ManagedStateContent
from bot.lifecycle.late_fills import awaits_its_end, is_bookable
from bot.storage.audit_log import AuditLog
from bot.storage.order_journal import OrderJournal
from bot.trading.booked_orders import Booked, booked_of
from bot.trading.journal_desk import JournalDesk
from bot.trading.report import Step

_KNOWN = "late_fill_known"
_EXIT_REASONS = frozenset(ExitReason)


class LateFills:
    """Looks through the journal for what is not booked; costs no request where nothing is late."""

    def __init__(
        self,
        market_data: MarketData,
        sender: CommandSender,
        journal: OrderJournal,
        desk: JournalDesk,
        audit: AuditLog,
    ) -> None:
        self._market_data = market_data
        self._sender = sender
        self._journal = journal
        self._desk = desk
        self._audit = audit

    def book(self, managed: ManagedStateContent) -> list[Step]:
        """Book what was told late of orders that had ended."""
        steps: list[Step] = []
        for record in tuple(self._journal.records.values()):
            entry = managed.managed_assets.get(record.birth.asset)
            if entry is None or not _is_due(record, entry):
                continue
            steps += self._book(record, entry)
        return steps

    def _book(self, record: OrderRecord, entry: ManagedAsset) -> list[Step]:
        asset, name = record.birth.asset, record.client_order_id
        before = booked_of(self._audit, record)
        if record.filled_quantity <= before.quantity and not awaits_its_end(entry):
            return self._desk.booked(name, asset, before.quantity)  # only the journal's line was missing
        payload = RecordManagedExit(
            client_order_id=name,
            exchange_order_id=record.exchange_order_id or "",
            order_status="filled" if record.filled_quantity >= record.birth.quantity else "cancelled",
            is_final=True,
            filled_quantity=record.filled_quantity,
            filled_quote=record.filled_quote,
            fees=tuple(PaidFee(asset=fee.asset, amount=fee.amount) for fee in record.fees),
            rest_is_dust=self._rest_is_dust(record, entry, before),
            late=LateBasis(
                proposal_id=record.birth.proposal_id,
                reason=ExitReason(record.birth.reason),
                booked_quantity=before.quantity,
                booked_quote=before.quote,
                booked_fee=before.fee_in(asset),
            ),
        )
        outcome = self._sender.send(CommandType.RECORD_MANAGED_EXIT, asset, payload, actor="bot", book=False)
        if outcome.code == _KNOWN:
            return self._desk.booked(name, asset, record.filled_quantity)
        if outcome.state is not CommandState.APPLIED:
            return [Step(asset=asset, what="booking_refused", sentence=outcome.reason, alarm=True)]
        trouble = self._desk.booked(name, asset, record.filled_quantity)
        more = record.filled_quantity - before.quantity
        return [_told(record, entry, more, outcome.detail), *trouble]

    def _rest_is_dust(self, record: OrderRecord, entry: ManagedAsset, before: Booked) -> bool:
        rest = entry.promised_quantity - (entry.sold_quantity or ZERO)
        rest -= record.filled_quantity - before.quantity
        if rest <= ZERO:
            return True
        rules = self._rules(record.birth.symbol)
        price = max(record.average_price or ZERO, record.birth.trigger_price or ZERO)
        return rules is not None and is_dust(rest, price, rules)

    def _rules(self, symbol: str) -> MarketRules | None:
        try:
            return self._market_data.markets().get(symbol)
        except ExchangeError:
            return None  # then the next exit decides what is dust


def _is_due(record: OrderRecord, entry: ManagedAsset) -> bool:
    is_own_exit = record.birth.side is Side.SELL and record.birth.reason in _EXIT_REASONS
    if record.state is not OrderState.CLOSED or not is_own_exit:
        return False
    if not is_bookable(entry, record.birth.proposal_id):
        return False
    is_last = record.client_order_id in (entry.late_fills or {}) and awaits_its_end(entry)
    return record.unbooked_quantity > ZERO or is_last


def _told(record: OrderRecord, entry: ManagedAsset, more: Decimal, detail: Mapping[str, object]) -> Step:
    asset = record.birth.asset
    sold = (entry.sold_quantity or ZERO) + more
    promised = entry.promised_quantity
    sentence = f"{text(more)} {asset} that the order {record.client_order_id} sold late are booked"
    if sold > promised:
        sentence += f"; that is {text(sold - promised)} more than was handed over"
    data = {
        "client_order_id": record.client_order_id,
        "late_quantity": more,
        "exceeds_promise": sold > promised,
        "from": detail.get("from"),
        "to": detail.get("to"),
    }
    return Step(asset=asset, what="late_fill_booked", sentence=sentence, data=data, alarm=True)
