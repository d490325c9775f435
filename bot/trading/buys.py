"""One buy from its gates to its booking: the same discipline as an exit (R4).

1. The intent is committed first, under the lock that a pause and a halt take; refused means that nothing is
   sent. The order leaves at most once per intent, within seconds of the commit or not at all.
2. It is a limit order that never rests, so it costs at most what its gates saw. Where an exchange lets it
   rest all the same, it is cancelled before anything else.
3. An unknown outcome is looked up by its client order id, never sent again. "No such order" is believed only
   once the request can no longer arrive; then the intent is closed and the step is free again.
4. What a buy brought is booked once it has ended, less the fees taken from the coin: what has not arrived is
   no part of the position, and no exit sells it. Fees that are not told yet are asked for a while.
5. A refused buy closes the intent and waits with growing pauses; a buy that nobody makes hurts nobody.
6. Every order is written into the order journal before its request leaves, and again with each answer.
7. A buy that the exchange told of after it was given up is in no cap's sum, so nothing more is bought of the
   coin under its agreement.
"""

import datetime as dt

from bot.commands.sender import CommandSender
from bot.exchange.gateway import OrderGateway
from bot.execution.order_record import OrderBirth
from bot.execution.order_states import Trigger
from bot.execution.orders import Accepted, OrderReport, OrderRequest, OrderType, Rejected, Side, Unknown
from bot.kernel.clock import Clock
from bot.kernel.errors import ExchangeError
from bot.kernel.ids import IdSource, client_order_id
from bot.kernel.market import MarketRules
from bot.kernel.money import ZERO, text
from bot.lifecycle.buy_payloads import CloseBuyIntent, OpenBuyIntent, RecordManagedBuy
from bot.lifecycle.commands import CommandOutcome, CommandState, CommandType
from bot.lifecycle.documents import BuyIntent, ManagedAsset
from bot.lifecycle.payload import PaidFee, Payload
from bot.risk.buy_gates import BuyFacts, check_buy
from bot.risk.buy_size import BuySize
from bot.risk.verdict import Approved, Denied
from bot.trading.exits import SEND_WITHIN_S
from bot.trading.journal_desk import JournalDesk
from bot.trading.patience import BackOff, Patience
from bot.trading.report import Step


class BuyDesk:
    """Sends buys and follows them; remembers only how long it has waited."""

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
        self._fees = Patience(clock, lookup_settles_after)
        self._back_off = BackOff(clock)

    def late_buy(self, asset: str, entry: ManagedAsset) -> Denied | None:
        """Return the no to every further buy while one of this agreement is not booked (rule 7)."""
        late = self._journal.unbooked_buy(asset, entry.current_proposal_id or "")
        if late is None:
            return None
        more = text(late.unbooked_quantity)
        sentence = (
            f"{more} {asset} that the order {late.client_order_id} bought late are in no cap: no more is"
            " bought until the coin is handed over anew"
        )
        return Denied(gate="late_buy", limit="0", actual=more, sentence=sentence)

    def waits(self, asset: str) -> bool:
        """Say whether the coin's last buy was refused a moment ago."""
        return self._back_off.waits(asset)

    def database_answers(self, asset: str) -> bool:
        """Say whether the buy's row could be written; where not, the coin's next try waits."""
        answers = self._sender.database_answers()
        if not answers:
            self._back_off.refused(asset)
        return answers

    def buy(self, asset: str, entry: ManagedAsset, facts: BuyFacts, size: BuySize) -> list[Step]:
        """Buy the next agreed step, once."""
        command_id, began = self._ids.new_id(), self._clock.monotonic()
        order = OrderRequest(
            client_order_id=client_order_id(lineage=self._lineage, asset=asset, opened_by=command_id),
            symbol=facts.rules.symbol,
            side=Side.BUY,
            order_type=OrderType.LIMIT,
            quantity=size.quantity,
            limit_price=size.limit_price,
            immediate=True,
        )
        verdict = check_buy(order, facts)
        if isinstance(verdict, Denied):
            return [denied(asset, verdict)]
        intent = OpenBuyIntent(
            client_order_id=order.client_order_id,
            quantity=size.quantity,
            limit_price=size.limit_price,
            step=(entry.bought_steps or 0) + 1,
            trigger_price=facts.ticker.last,
            capped_by=size.capped_by,
        )
        opened = self._sender.send(
            CommandType.OPEN_BUY_INTENT, asset, intent, actor="bot", uid=command_id, book=False
        )
        if opened.state is not CommandState.APPLIED:
            return [Step(asset=asset, what="buy_refused", sentence=opened.reason)]
        written = BuyIntent(
            client_order_id=order.client_order_id,
            quantity=size.quantity,
            limit_price=size.limit_price,
            step=intent.step,
            trigger_price=intent.trigger_price,
            opened_at=self._clock.now(),
        )
        trouble = self._journal.begin(order.client_order_id, _birth(written, asset, entry, facts.rules))
        if self._clock.monotonic() - began > SEND_WITHIN_S:
            sentence = "the intent took too long to commit, so its order was not sent"
            closed = self._close(asset, order.client_order_id, "not_sent", sentence)
            return [Step(asset=asset, what="held_up", sentence=sentence, alarm=True), *trouble, *closed]
        capped = "" if size.capped_by is None else f", less than agreed: {size.capped_by.replace('_', ' ')}"
        sent = Step(
            asset=asset,
            what="buy_sent",
            sentence=f"step {intent.step} at {text(facts.ticker.last)}: buying {text(size.quantity)} {asset}"
            f" for at most {text(size.cost_at_most)}{capped}",
            data={"client_order_id": order.client_order_id, "intent_serial": opened.applied_serial},
        )
        return [sent, *trouble, *self._submit(asset, verdict)]

    def follow(self, asset: str, entry: ManagedAsset, rules: MarketRules) -> list[Step]:
        """Ask the exchange what became of the open buy, and book it."""
        intent = entry.buy_intent
        if intent is None:
            return []
        name = intent.client_order_id
        trouble = self._journal.remember(name, _birth(intent, asset, entry, rules))
        try:
            report = self._orders.find_order(rules.symbol, name)
        except ExchangeError as error:
            return [Step(asset=asset, what="unavailable", sentence=str(error), alarm=True), *trouble]
        if report is not None:
            self._patience.end(name)
            return trouble + self._told(asset, report)
        was_there = intent.exchange_order_id is not None or intent.filled_quantity > ZERO
        if not self._patience.is_over(name, was_there=was_there):
            sentence = "the exchange has no such buy order yet; asking again, nothing else is bought"
            return [Step(asset=asset, what="buy_unknown", sentence=sentence, alarm=True), *trouble]
        self._patience.end(name)
        ended_as = "vanished" if was_there else "never_arrived"
        closed = self._close(asset, name, ended_as, "the exchange has no such order")
        sentence = "the exchange has no such buy order; its step is free again"
        return [Step(asset=asset, what=f"buy_{ended_as}", sentence=sentence, alarm=True), *trouble, *closed]

    def _submit(self, asset: str, approved: Approved[OrderRequest]) -> list[Step]:
        """Send the order once, and book the answer."""
        order = approved.order
        match self._orders.submit(approved):
            case Accepted(report=report):
                self._back_off.went_well(asset)
                return self._told(asset, report)
            case Rejected(reason=code, text=words):
                self._back_off.refused(asset)
                closed = self._close(
                    asset, order.client_order_id, f"rejected_{code}", words, trigger=Trigger.TOLD_REJECTED
                )
                sentence = f"the exchange refused the buy: {words}"
                return [Step(asset=asset, what="buy_rejected", sentence=sentence, alarm=True), *closed]
            case Unknown(text=words):
                self._patience.begin(order.client_order_id)
                trouble = self._journal.say(order.client_order_id, asset, Trigger.ANSWER_LOST, words)
                return [Step(asset=asset, what="buy_unknown", sentence=words, alarm=True), *trouble]

    def _told(self, asset: str, report: OrderReport) -> list[Step]:
        """Book what the exchange told; an order that rests against its terms is cancelled first."""
        if report.status.is_final:
            return self._book(asset, report)
        try:
            ended = self._orders.cancel(report.symbol, report.client_order_id)
        except ExchangeError as error:
            failed = Step(asset=asset, what="unavailable", sentence=str(error), alarm=True)
            return [failed, *self._book(asset, report)]
        return self._book(asset, report if ended is None else ended)

    def _book(self, asset: str, report: OrderReport) -> list[Step]:
        """Book the report; an order that ended stays open until its fees are told, or patience is over."""
        name = report.client_order_id
        is_told = bool(report.fees or report.fills) or not report.filled_quantity
        no_fees = report.status.is_final and not is_told
        awaits_fees = no_fees and not self._fees.is_over(name, was_there=False)
        payload = RecordManagedBuy(
            client_order_id=report.client_order_id,
            exchange_order_id=report.exchange_order_id,
            order_status=report.status.value,
            is_final=report.status.is_final and not awaits_fees,
            filled_quantity=report.filled_quantity,
            filled_quote=report.filled_quote,
            fees=tuple(PaidFee(asset=fee.asset, amount=fee.amount) for fee in report.fees),
        )
        outcome = self._send(CommandType.RECORD_MANAGED_BUY, asset, payload)
        applied = outcome.state is CommandState.APPLIED
        if awaits_fees and applied:
            sentence = "the buy order has ended, and the exchange has not told its fees yet; asking again"
            return [Step(asset=asset, what="buy_fees_awaited", sentence=sentence)]
        trouble = self._journal.report(asset, report, booked=applied)
        self._fees.end(name)
        if no_fees and applied:
            sentence = "the exchange told no fees of the buy, so it is booked whole: compare the balance"
            trouble.append(Step(asset=asset, what="buy_without_fees", sentence=sentence, alarm=True))
        if report.status.is_final and not report.filled_quantity:
            self._back_off.refused(asset)  # nothing was for sale at this price: not again with every cycle
        return [_booked_step(asset, report, outcome), *trouble]

    def _close(
        self, asset: str, order_id: str, code: str, words: str, *, trigger: Trigger = Trigger.TOLD_ABSENT
    ) -> list[Step]:
        """Close the intent, and write the order's end down once that is committed."""
        payload = CloseBuyIntent(client_order_id=order_id, reason_code=code, text=words[:2000])
        outcome = self._send(CommandType.CLOSE_BUY_INTENT, asset, payload)
        if outcome.state is not CommandState.APPLIED:
            return []
        return self._journal.end(order_id, asset, trigger, words)

    def _send(self, command_type: CommandType, asset: str, payload: Payload) -> CommandOutcome:
        return self._sender.send(command_type, asset, payload, actor="bot", book=False)


def denied(asset: str, verdict: Denied, *, alarm: bool = False) -> Step:
    """Return what is told of a buy that a gate held up; mostly no alarm: nothing is at risk without it."""
    data = {"gate": verdict.gate, "limit": verdict.limit, "actual": verdict.actual}
    return Step(asset=asset, what="buy_denied", sentence=verdict.sentence, data=data, alarm=alarm)


def _birth(intent: BuyIntent, asset: str, entry: ManagedAsset, rules: MarketRules) -> OrderBirth:
    """Return what the journal keeps of the order; from the intent alone, so that another process can, too."""
    return OrderBirth(
        asset=asset,
        symbol=rules.symbol,
        side=Side.BUY,
        order_type=OrderType.LIMIT,
        quantity=intent.quantity,
        reason=f"dca_step_{intent.step}",
        proposal_id=entry.current_proposal_id or "",
        trigger_price=intent.trigger_price,
        entry_price=(entry.overrides or {}).get("synthetic_entry", entry.synthetic_entry),
        reference_price=entry.reference_price,
    )


def _booked_step(asset: str, report: OrderReport, outcome: CommandOutcome) -> Step:
    if outcome.state is not CommandState.APPLIED:
        return Step(asset=asset, what="booking_refused", sentence=outcome.reason, alarm=True)
    price = report.average_price
    data = {
        "serial": outcome.applied_serial,
        "filled_quantity": report.filled_quantity,
        "filled_quote": report.filled_quote,
    }
    if not report.status.is_final:
        sentence = f"the buy order is {report.status}, {text(report.filled_quantity)} filled"
        return Step(asset=asset, what="buy_open", sentence=sentence, data=data, alarm=True)
    if price is None:
        sentence = f"the buy order ended as {report.status} without a fill; its step is free again"
        return Step(asset=asset, what="buy_ended", sentence=sentence, data=data)
    part = "" if report.filled_quantity == report.quantity else f" of {text(report.quantity)}"
    sentence = f"bought {text(report.filled_quantity)}{part} {asset} at {price:.8g} on average"
    return Step(asset=asset, what="buy_filled", sentence=sentence, data=data)
