"""One exit from trigger to booking: gates, intent, order, answer (R4).

1. The intent is committed first, under the lock that a pause takes; refused means that nothing is sent.
2. The order leaves at most once per intent, by the process that opened it, right after the commit.
3. An unknown outcome is looked up by its client order id until the exchange tells; it is never sent
   again. "No such order" is believed only once the request can no longer arrive (its receive window is
   over), measured on a clock that never steps, from when this process first asked; then the intent is
   closed and the next cycle decides anew. Of an order that the exchange has told of before, it is believed
   only after ten times as long.
4. An order leaves within seconds of its intent or not at all: a process that was held up in between
   finds its intent closed by another one, and must not sell a second time.
5. A refused order closes the intent, alarms, and is tried again with growing pauses.
6. Every order is written into the order journal before its request leaves, and again with each answer.
"""

import datetime as dt
from decimal import Decimal

from bot.commands.sender import CommandSender
from bot.exchange.gateway import OrderGateway
from bot.execution.order_record import OrderBirth
from bot.execution.order_states import Trigger
from bot.execution.orders import Accepted, OrderReport, OrderRequest, OrderType, Rejected, Side, Unknown
from bot.execution.quantity_promise import is_dust, sellable_quantity
from bot.kernel.clock import Clock
from bot.kernel.errors import ExchangeError
from bot.kernel.ids import IdSource, client_order_id
from bot.kernel.market import MarketRules
from bot.kernel.money import ZERO, text
from bot.lifecycle.command_payloads import (
    CloseExitIntent,
    OpenExitIntent,
    PaidFee,
    Payload,
    RecordManagedExit,
)
from bot.lifecycle.commands import CommandOutcome, CommandState, CommandType
from bot.lifecycle.documents import ExitIntent, ManagedAsset
from bot.risk.order_gates import GateFacts, check_exit
from bot.risk.verdict import Approved, Denied
from bot.trading.journal_desk import JournalDesk
from bot.trading.patience import BackOff, Patience
from bot.trading.report import Step

DUST_GATES = ("lot_size", "minimum_notional")
SEND_WITHIN_S = 5.0
"""Far shorter than what `lookup_settles_after` waits before an intent counts as never sent."""


class ExitDesk:
    """Sends exits and follows them; remembers only when a refused one may be tried again."""

    def __init__(
        self,
        orders: OrderGateway,
        sender: CommandSender,
        journal: JournalDesk,
        *,
        clock: Clock,
        ids: IdSource,
        lineage: str,
        lookup_settles_after: dt.timedelta,
    ) -> None:
        self._orders = orders
        self._sender = sender
        self._journal = journal
        self._clock = clock
        self._ids = ids
        self._lineage = lineage
        self._patience = Patience(clock, lookup_settles_after)
        self._back_off = BackOff(clock)
        self._told_dust: dict[str, str] = {}

    def exit(self, asset: str, entry: ManagedAsset, facts: GateFacts, *, at_most: Decimal) -> list[Step]:
        """Sell what was handed over and is left, once; never more than `at_most`, the tracked position.

        Raises:
            StopRuleBrokenError: SR-15: the coin drifted, and no agreed exit is due.
        """
        reason = facts.reason
        if self.waits(asset):
            return [
                Step(asset=asset, what="waiting", sentence="the last try was refused; waiting", alarm=True)
            ]
        command_id, began = self._ids.new_id(), self._clock.monotonic()
        order = OrderRequest(
            client_order_id=client_order_id(lineage=self._lineage, asset=asset, opened_by=command_id),
            symbol=facts.rules.symbol,
            side=Side.SELL,
            order_type=OrderType.MARKET,
            quantity=sellable_quantity(
                entry, wallet_free=min(facts.wallet_free or ZERO, at_most), rules=facts.rules
            ),
        )
        verdict = check_exit(order, facts)
        if isinstance(verdict, Denied):
            return self._denied(asset, verdict)
        self._told_dust.pop(asset, None)
        intent = OpenExitIntent(
            client_order_id=order.client_order_id,
            quantity=order.quantity,
            reason=reason,
            trigger_price=facts.ticker.last,
            trail=facts.trail,
        )
        opened = self._sender.send(
            CommandType.OPEN_EXIT_INTENT, asset, intent, actor="bot", uid=command_id, book=False
        )
        if opened.state is not CommandState.APPLIED:
            return [Step(asset=asset, what="intent_refused", sentence=opened.reason)]
        trouble = self._journal.begin(order.client_order_id, _birth(order, entry, facts))
        if self._clock.monotonic() - began > SEND_WITHIN_S:
            sentence = "the intent took too long to commit, so its order was not sent"
            closed = self._close(asset, order.client_order_id, "not_sent", sentence)
            return [Step(asset=asset, what="held_up", sentence=sentence, alarm=True), *trouble, *closed]
        sent = Step(
            asset=asset,
            what="exit_sent",
            sentence=f"{reason} at {text(facts.ticker.last)}: selling {text(order.quantity)} {asset}",
            data={"client_order_id": order.client_order_id, "intent_serial": opened.applied_serial},
        )
        return [sent, *trouble, *self._submit(asset, entry, verdict, facts)]

    def waits(self, asset: str) -> bool:
        """Say whether the coin's last exit was refused a moment ago."""
        return self._back_off.waits(asset)

    def _denied(self, asset: str, verdict: Denied) -> list[Step]:
        """Alarm each time; but of a rest that no exchange takes, once: nobody can do anything about it."""
        if verdict.gate in DUST_GATES:
            if self._told_dust.get(asset) == verdict.limit:
                return []
            self._told_dust[asset] = verdict.limit
        data = {"gate": verdict.gate, "limit": verdict.limit, "actual": verdict.actual}
        return [Step(asset=asset, what="denied", sentence=verdict.sentence, data=data, alarm=True)]

    def _submit(
        self, asset: str, entry: ManagedAsset, approved: Approved[OrderRequest], facts: GateFacts
    ) -> list[Step]:
        """Send the order once, and book the answer."""
        order_id = approved.order.client_order_id
        match self._orders.submit(approved):
            case Accepted(report=report):
                self._back_off.went_well(asset)
                return self.book(asset, entry, report, facts.rules, trigger_price=facts.ticker.last)
            case Rejected(reason=code, text=words):
                self._back_off.refused(asset)
                closed = self._close(
                    asset, order_id, f"rejected_{code}", words, trigger=Trigger.TOLD_REJECTED
                )
                return [Step(asset=asset, what="rejected", sentence=words, alarm=True), *closed]
            case Unknown(text=words):
                self._patience.begin(order_id)
                trouble = self._journal.say(order_id, asset, Trigger.ANSWER_LOST, words)
                return [Step(asset=asset, what="unknown", sentence=words, alarm=True), *trouble]

    def follow(self, asset: str, entry: ManagedAsset, rules: MarketRules) -> list[Step]:
        """Ask the exchange what became of the open intent, and book it."""
        intent = entry.exit_intent
        if intent is None:
            return []
        trouble = self._journal.remember(intent.client_order_id, _birth_of(intent, asset, entry, rules))
        try:
            report = self._orders.find_order(rules.symbol, intent.client_order_id)
        except ExchangeError as error:
            return [Step(asset=asset, what="unavailable", sentence=str(error), alarm=True), *trouble]
        if report is not None:
            self._patience.end(intent.client_order_id)
            return trouble + self.book(asset, entry, report, rules, trigger_price=intent.trigger_price)
        was_there = intent.exchange_order_id is not None or intent.filled_quantity > ZERO
        if not self._patience.is_over(intent.client_order_id, was_there=was_there):
            sentence = "the exchange has no such order yet; asking again, nothing else is sent"
            return [Step(asset=asset, what="unknown", sentence=sentence, alarm=True), *trouble]
        self._patience.end(intent.client_order_id)
        ended_as = "vanished" if was_there else "never_arrived"
        sentence = "the exchange has no such exit order"
        closed = self._close(asset, intent.client_order_id, ended_as, "the exchange has no such order")
        return [Step(asset=asset, what=ended_as, sentence=sentence, alarm=True), *trouble, *closed]

    def book(
        self,
        asset: str,
        entry: ManagedAsset,
        report: OrderReport,
        rules: MarketRules,
        *,
        trigger_price: Decimal,
    ) -> list[Step]:
        """Record what the exit order has filled so far.

        What is dust is judged at the price that triggered, or a better one: a nonsense price in one
        answer must not declare the rest of a coin to be dust.
        """
        rest = entry.promised_quantity - (entry.sold_quantity or ZERO) - report.filled_quantity
        price = max(report.average_price or ZERO, trigger_price)
        payload = RecordManagedExit(
            client_order_id=report.client_order_id,
            exchange_order_id=report.exchange_order_id,
            order_status=report.status.value,
            is_final=report.status.is_final,
            filled_quantity=report.filled_quantity,
            filled_quote=report.filled_quote,
            fees=tuple(PaidFee(asset=fee.asset, amount=fee.amount) for fee in report.fees),
            rest_is_dust=is_dust(rest, price, rules),
        )
        outcome = self._send(CommandType.RECORD_MANAGED_EXIT, asset, payload)
        applied = outcome.state is CommandState.APPLIED
        is_complete = payload.rest_is_dust or rest <= ZERO
        if applied and is_complete and report.status.is_final and entry.buy_intent is not None:
            sentence = (
                "all that had arrived is sold; the exit ends when the exchange tells of a buy in flight"
            )
            waits = Step(asset=asset, what="exit_awaits_buy", sentence=sentence, alarm=True)
            return [waits, *self._journal.report(asset, report, booked=False)]
        trouble = self._journal.report(asset, report, booked=applied)
        step = _booked_step(asset, report, outcome, is_complete=is_complete)
        return [step, *trouble]

    def _close(
        self, asset: str, order_id: str, code: str, words: str, *, trigger: Trigger = Trigger.TOLD_ABSENT
    ) -> list[Step]:
        """Close the intent, and write the order's end down once that is committed."""
        payload = CloseExitIntent(client_order_id=order_id, reason_code=code, text=words[:2000])
        outcome = self._send(CommandType.CLOSE_EXIT_INTENT, asset, payload)
        if outcome.state is not CommandState.APPLIED:
            return []
        return self._journal.end(order_id, asset, trigger, words)

    def _send(self, command_type: CommandType, asset: str, payload: Payload) -> CommandOutcome:
        """Apply to the state now; the row follows later, so that no other exit waits for a database."""
        return self._sender.send(command_type, asset, payload, actor="bot", book=False)


def _birth(order: OrderRequest, entry: ManagedAsset, facts: GateFacts) -> OrderBirth:
    return OrderBirth(
        asset=facts.rules.base,
        symbol=order.symbol,
        side=order.side,
        order_type=order.order_type,
        quantity=order.quantity,
        reason=facts.reason.value,
        proposal_id=entry.current_proposal_id or "",
        trigger_price=facts.ticker.last,
        entry_price=(entry.overrides or {}).get("synthetic_entry", entry.synthetic_entry),
        reference_price=entry.reference_price,
    )


def _birth_of(intent: ExitIntent, asset: str, entry: ManagedAsset, rules: MarketRules) -> OrderBirth:
    """Return the same from the intent alone: what a process that ended could not write down any more."""
    return OrderBirth(
        asset=asset,
        symbol=rules.symbol,
        side=Side.SELL,
        order_type=OrderType.MARKET,
        quantity=intent.quantity,
        reason=intent.reason.value,
        proposal_id=entry.current_proposal_id or "",
        trigger_price=intent.trigger_price,
        entry_price=(entry.overrides or {}).get("synthetic_entry", entry.synthetic_entry),
        reference_price=entry.reference_price,
    )


def _booked_step(asset: str, report: OrderReport, outcome: CommandOutcome, *, is_complete: bool) -> Step:
    if outcome.state is not CommandState.APPLIED:
        return Step(asset=asset, what="booking_refused", sentence=outcome.reason, alarm=True)
    price = report.average_price
    data = {
        "from": outcome.detail.get("from"),
        "to": outcome.detail.get("to"),
        "serial": outcome.applied_serial,
        "filled_quantity": report.filled_quantity,
        "filled_quote": report.filled_quote,
    }
    if report.status.is_final and report.filled_quantity > ZERO and price is not None:
        sentence = f"sold {text(report.filled_quantity)} {asset} at {price:.8g} on average"
        if not is_complete:
            rest = f"{sentence}; the rest follows"
            return Step(asset=asset, what="exit_partly_filled", sentence=rest, data=data, alarm=True)
        return Step(asset=asset, what="exit_filled", sentence=sentence, data=data)
    if report.status.is_final:
        sentence = f"the exit order ended as {report.status} without a fill"
        return Step(asset=asset, what="exit_ended", sentence=sentence, data=data, alarm=True)
    sentence = f"the exit order is {report.status}, {text(report.filled_quantity)} filled"
    return Step(asset=asset, what="exit_open", sentence=sentence, data=data)
