"""One resting stop from its intent to its end at the exchange: the same discipline as an exit (R4).

1. The stop is committed first, under the lock that a pause takes; refused means that nothing is sent. It is
   sent at most once, within seconds of the commit or not at all.
2. Whether it rests is the exchange's word. An unknown outcome, of the sending or of the cancelling, is looked
   up by its client order id; "no such order" is believed only once the request can no longer arrive, and of
   an order that was told of before, only after ten times as long. Until then nothing else is sent.
3. What it fills is booked by `record_managed_exit`, whoever finds it first: the cycle, a cancel that came too
   late, or the next process. The record counts up, so each fill is booked once.
4. Every stop is written into the order journal before its request leaves, and again with each answer.
"""

import datetime as dt
from decimal import Decimal

from bot.commands.sender import CommandSender
from bot.exchange.gateway import OrderGateway
from bot.execution.order_record import OrderBirth
from bot.execution.order_states import Trigger
from bot.execution.orders import Accepted, OrderReport, OrderRequest, OrderType, Rejected, Side, Unknown
from bot.execution.quantity_promise import is_dust
from bot.execution.resting_stop_plan import StopPlan
from bot.kernel.clock import Clock
from bot.kernel.errors import ExchangeError
from bot.kernel.ids import IdSource, client_order_id
from bot.kernel.market import MarketRules
from bot.kernel.money import ZERO, text
from bot.lifecycle.command_payloads import (
    CloseRestingStop,
    OpenRestingStop,
    PaidFee,
    RecordManagedExit,
)
from bot.lifecycle.commands import CommandState, CommandType
from bot.lifecycle.documents import ExitReason, ManagedAsset, RestingStop
from bot.lifecycle.resting_stop_rules import unsold
from bot.risk.resting_stop_gates import StopFacts, check_resting_stop
from bot.risk.verdict import Denied
from bot.trading.exits import SEND_WITHIN_S
from bot.trading.journal_desk import JournalDesk
from bot.trading.patience import BackOff, Patience
from bot.trading.report import Step


class RestingStopOrders:
    """Sends, finds and cancels stops; remembers what this process saw of them."""

    def __init__(
        self,
        orders: OrderGateway,
        sender: CommandSender,
        journal: JournalDesk,
        *,
        clock: Clock,
        ids: IdSource,
        lineage: str,
        settles_after: dt.timedelta,
    ) -> None:
        self._orders = orders
        self._sender = sender
        self._journal = journal
        self._clock = clock
        self._ids = ids
        self._lineage = lineage
        self._seen: set[str] = set()
        self._asked_to_go: dict[str, str] = {}
        self._patience = Patience(clock, settles_after)
        self._back_off = BackOff(clock)

    def is_seen(self, stop: RestingStop) -> bool:
        """Say whether the exchange has told this process that the stop rests."""
        return stop.client_order_id in self._seen

    def waits(self, asset: str) -> bool:
        """Say whether the coin's last stop was refused a moment ago."""
        return self._back_off.waits(asset)

    def place(self, asset: str, entry: ManagedAsset, plan: StopPlan, facts: StopFacts) -> list[Step]:
        """Commit a stop and send it, once."""
        command_id, began = self._ids.new_id(), self._clock.monotonic()
        order = OrderRequest(
            client_order_id=client_order_id(lineage=self._lineage, asset=asset, opened_by=command_id),
            symbol=facts.rules.symbol,
            side=Side.SELL,
            order_type=OrderType.STOP_LOSS_LIMIT,
            quantity=plan.quantity,
            limit_price=plan.limit_price,
            stop_price=plan.stop_price,
        )
        verdict = check_resting_stop(order, facts)
        if isinstance(verdict, Denied):
            data = {"gate": verdict.gate, "limit": verdict.limit, "actual": verdict.actual}
            self._back_off.refused(asset)
            return [Step(asset=asset, what="stop_denied", sentence=verdict.sentence, data=data, alarm=True)]
        intent = OpenRestingStop(
            client_order_id=order.client_order_id,
            quantity=plan.quantity,
            stop_price=plan.stop_price,
            limit_price=plan.limit_price,
            trail=facts.trail,
        )
        opened = self._sender.send(
            CommandType.OPEN_RESTING_STOP, asset, intent, actor="bot", uid=command_id, book=False
        )
        if opened.state is not CommandState.APPLIED:
            return [Step(asset=asset, what="stop_refused", sentence=opened.reason)]
        stop = RestingStop(
            client_order_id=order.client_order_id,
            quantity=plan.quantity,
            stop_price=plan.stop_price,
            limit_price=plan.limit_price,
            opened_at=self._clock.now(),
        )
        trouble = self._journal.begin(order.client_order_id, _birth(stop, asset, entry, facts.rules))
        if self._clock.monotonic() - began > SEND_WITHIN_S:
            sentence = "the stop took too long to commit, so it was not sent"
            closed = self._close(asset, stop, "not_sent", sentence)
            return [Step(asset=asset, what="held_up", sentence=sentence, alarm=True), *trouble, *closed]
        match self._orders.submit(verdict):
            case Accepted(report=report):
                self._back_off.went_well(asset)
                return trouble + self.told(asset, entry, stop, report, facts.rules)
            case Rejected(reason=code, text=words):
                self._back_off.refused(asset)
                closed = self._close(asset, stop, f"rejected_{code}", words, trigger=Trigger.TOLD_REJECTED)
                sentence = f"the exchange refused the resting stop: {words}"
                return [Step(asset=asset, what="stop_rejected", sentence=sentence, alarm=True), *closed]
            case Unknown(text=words):
                self._patience.begin(stop.client_order_id)
                more = self._journal.say(stop.client_order_id, asset, Trigger.ANSWER_LOST, words)
                return [Step(asset=asset, what="unknown", sentence=words, alarm=True), *trouble, *more]

    def find(self, asset: str, entry: ManagedAsset, rules: MarketRules) -> list[Step]:
        """Ask the exchange what became of the stop on record, and book it.

        Raises:
            ExchangeError: The exchange does not answer.
        """
        stop = entry.resting_stop
        if stop is None:
            return []
        trouble = self._journal.remember(stop.client_order_id, _birth(stop, asset, entry, rules))
        report = self._orders.find_order(rules.symbol, stop.client_order_id)
        if report is None:
            return trouble + self._absent(asset, stop)
        if not report.status.is_final:
            self._asked_to_go.pop(stop.client_order_id, None)  # it stayed: a later end is somebody else's
        return trouble + self.told(asset, entry, stop, report, rules)

    def cancel(self, asset: str, entry: ManagedAsset, rules: MarketRules, why: str) -> list[Step]:
        """Cancel the stop on record; it leaves the record only if the exchange says that it has ended."""
        stop = entry.resting_stop
        if stop is None:
            return []
        trouble = self._journal.remember(stop.client_order_id, _birth(stop, asset, entry, rules))
        self._asked_to_go[stop.client_order_id] = why
        try:
            report = self._orders.cancel(rules.symbol, stop.client_order_id)
        except ExchangeError as error:
            self._seen.discard(stop.client_order_id)  # the next cycle asks what became of it
            sentence = (
                f"its stop still counts as resting at the exchange ({error.what}); nothing else is sent"
            )
            return [Step(asset=asset, what="stop_not_cancelled", sentence=sentence, alarm=True), *trouble]
        if report is None:
            return trouble + self._absent(asset, stop)
        return trouble + self.told(asset, entry, stop, report, rules)

    def withdraw(self, asset: str, report: OrderReport) -> list[Step]:
        """Cancel a sale that rests although it was given up; one that this home did not send is only told.

        What it sold is found by its trades, and booked as a late fill.
        """
        name, is_ours = report.client_order_id, self._journal.knows(report.client_order_id)
        sentence = f"the order {name} rests at the exchange, and nothing on record answers for it"
        try:
            ended = self._orders.cancel(report.symbol, name) if is_ours else report
        except ExchangeError as error:
            ended, sentence = report, f"{sentence}; it could not be cancelled ({error.what})"
        is_gone = ended is None or ended.status.is_final
        sentence += "; it was cancelled" if is_gone else f"; no further stop is placed for {asset} meanwhile"
        return [Step(asset=asset, what="stray_order", sentence=sentence, data={"order": name}, alarm=True)]

    def told(
        self,
        asset: str,
        entry: ManagedAsset,
        stop: RestingStop,
        report: OrderReport,
        rules: MarketRules,
    ) -> list[Step]:
        """Book what the exchange says of the stop."""
        self._patience.end(stop.client_order_id)
        if report.status.is_final and report.filled_quantity <= ZERO:
            return self._ended_empty(asset, stop, report)
        is_new = stop.exchange_order_id is None or report.filled_quantity > stop.filled_quantity
        if not report.status.is_final:
            self._seen.add(stop.client_order_id)
            if not is_new:
                return []
        return self._booked(asset, entry, stop, report, rules)

    def _booked(
        self, asset: str, entry: ManagedAsset, stop: RestingStop, report: OrderReport, rules: MarketRules
    ) -> list[Step]:
        """Book a fill, or that the exchange has the stop; dust is judged at the stop or a better price."""
        left = unsold(entry) - (report.filled_quantity - stop.filled_quantity)
        price = max(report.average_price or ZERO, stop.stop_price)
        complete = left <= ZERO or is_dust(left, price, rules)
        payload = RecordManagedExit(
            client_order_id=stop.client_order_id,
            exchange_order_id=report.exchange_order_id,
            order_status=report.status.value,
            is_final=report.status.is_final,
            filled_quantity=report.filled_quantity,
            filled_quote=report.filled_quote,
            fees=tuple(PaidFee(asset=fee.asset, amount=fee.amount) for fee in report.fees),
            rest_is_dust=left > ZERO and complete,
        )
        outcome = self._sender.send(CommandType.RECORD_MANAGED_EXIT, asset, payload, actor="bot", book=False)
        applied = outcome.state is CommandState.APPLIED
        trouble = self._journal.report(asset, report, booked=applied)
        if not applied:
            return [Step(asset=asset, what="booking_refused", sentence=outcome.reason, alarm=True), *trouble]
        return [_booked_step(asset, stop, report, complete=complete), *trouble]

    def _ended_empty(self, asset: str, stop: RestingStop, report: OrderReport) -> list[Step]:
        why = self._asked_to_go.pop(stop.client_order_id, None)
        elsewhere = why is None
        code = why or f"{report.status}_elsewhere"
        words = f"the resting stop at {text(stop.stop_price)} "
        if elsewhere:
            words += f"ended as {report.status} without the bot's doing"
        else:
            words += f"was cancelled: {code.removeprefix('cancelled_').replace('_', ' ')}"
        payload = CloseRestingStop(client_order_id=stop.client_order_id, reason_code=code, text=words)
        outcome = self._sender.send(CommandType.CLOSE_RESTING_STOP, asset, payload, actor="bot", book=False)
        if outcome.state is not CommandState.APPLIED:
            return [Step(asset=asset, what="booking_refused", sentence=outcome.reason, alarm=True)]
        what = "stop_gone" if elsewhere else "stop_cancelled"
        step = Step(asset=asset, what=what, sentence=words, data={"reason": code}, alarm=elsewhere)
        return [step, *self._journal.report(asset, report, booked=True)]

    def _absent(self, asset: str, stop: RestingStop) -> list[Step]:
        """The exchange has no such order: believed once no request can arrive any more (rule 2)."""
        was_there = stop.exchange_order_id is not None or stop.filled_quantity > ZERO
        if not self._patience.is_over(stop.client_order_id, was_there=was_there):
            sentence = "the exchange does not show its resting stop; asking again, nothing else is sent"
            return [Step(asset=asset, what="unknown", sentence=sentence, alarm=True)]
        self._patience.end(stop.client_order_id)
        ended_as = "vanished" if was_there else "never_arrived"
        sentence = "the exchange has no such resting stop"
        closed = self._close(asset, stop, ended_as, sentence)
        return [Step(asset=asset, what=ended_as, sentence=sentence, alarm=True), *closed]

    def _close(
        self,
        asset: str,
        stop: RestingStop,
        code: str,
        words: str,
        *,
        trigger: Trigger = Trigger.TOLD_ABSENT,
    ) -> list[Step]:
        payload = CloseRestingStop(client_order_id=stop.client_order_id, reason_code=code, text=words[:2000])
        outcome = self._sender.send(CommandType.CLOSE_RESTING_STOP, asset, payload, actor="bot", book=False)
        if outcome.state is not CommandState.APPLIED:
            return []
        return self._journal.end(stop.client_order_id, asset, trigger, words)


def _birth(stop: RestingStop, asset: str, entry: ManagedAsset, rules: MarketRules) -> OrderBirth:
    return OrderBirth(
        asset=asset,
        symbol=rules.symbol,
        side=Side.SELL,
        order_type=OrderType.STOP_LOSS_LIMIT,
        quantity=stop.quantity,
        reason=ExitReason.STOP_LOSS.value,
        proposal_id=entry.current_proposal_id or "",
        trigger_price=stop.stop_price,
        entry_price=(entry.overrides or {}).get("synthetic_entry", entry.synthetic_entry),
        reference_price=entry.reference_price,
    )


def _booked_step(asset: str, stop: RestingStop, report: OrderReport, *, complete: bool) -> Step:
    sold: Decimal = report.filled_quantity
    data = {"filled_quantity": sold, "filled_quote": report.filled_quote, "stop_price": stop.stop_price}
    if sold <= ZERO:
        sentence = (
            f"the stop rests at the exchange: {text(stop.quantity)} {asset} at {text(stop.stop_price)},"
            f" down to {text(stop.limit_price)}"
        )
        return Step(asset=asset, what="stop_rests", sentence=sentence, data=data)
    sentence = f"the resting stop sold {text(sold)} {asset} at {report.average_price:.8g} on average"
    if report.status.is_final and complete:
        return Step(asset=asset, what="stop_filled", sentence=sentence, data=data)
    sentence += "; the rest follows" if report.status.is_final else "; it rests on"
    return Step(asset=asset, what="stop_partly_filled", sentence=sentence, data=data, alarm=True)
