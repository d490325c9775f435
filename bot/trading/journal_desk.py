"""The loop's pen for the order journal: what it cannot write down is an alarm, and holds no exit up.

The journal is evidence; the intent that allows an order is committed in the managed state before. A disk
that refuses a line must not switch a stop off, so the order goes on and the gap is closed by the next start
check. A flush that failed is another matter: then nobody knows what is kept, and the process stops.
"""

from decimal import Decimal

from bot.execution.order_record import OrderBirth, OrderEvent, OrderRecord, trigger_of
from bot.execution.order_states import OrderState, OrderTransitionError, Trigger
from bot.execution.orders import OrderReport, Side
from bot.kernel.clock import Clock
from bot.kernel.errors import LockHeldError, StateWriteError
from bot.kernel.money import ZERO
from bot.storage.order_journal import OrderJournal
from bot.trading.report import Step

_TEXT_KEPT = 2_000


class JournalDesk:
    """Writes events of orders down."""

    def __init__(self, journal: OrderJournal, clock: Clock) -> None:
        self._journal = journal
        self._clock = clock

    def knows(self, client_order_id: str) -> bool:
        """Say whether the order is written down, as far as this process has read."""
        return client_order_id in self._journal.records

    def unbooked_buy(self, asset: str, proposal_id: str) -> OrderRecord | None:
        """Return an ended buy under this agreement that filled more than was booked of it, or None."""
        for record in self._journal.records.values():
            birth = record.birth
            is_its_own = (birth.asset, birth.side, birth.proposal_id) == (asset, Side.BUY, proposal_id)
            if is_its_own and record.state is OrderState.CLOSED and record.unbooked_quantity > ZERO:
                return record
        return None

    def remember(self, client_order_id: str, birth: OrderBirth) -> list[Step]:
        """Write down an order whose intent stands and whose line is missing: a process ended in between."""
        return (
            []
            if self.knows(client_order_id)
            else self.write(self._event(client_order_id, birth.asset, birth=birth))
        )

    def begin(self, client_order_id: str, birth: OrderBirth) -> list[Step]:
        """Write an order down before its request leaves."""
        return self.write(
            self._event(client_order_id, birth.asset, birth=birth),
            self._event(client_order_id, birth.asset, trigger=Trigger.SUBMIT),
        )

    def say(self, client_order_id: str, asset: str, trigger: Trigger, text: str = "") -> list[Step]:
        """Write down what happened without a report."""
        if not self.knows(client_order_id):
            return []
        return self.write(self._event(client_order_id, asset, trigger=trigger, text=text))

    def end(
        self,
        client_order_id: str,
        asset: str,
        trigger: Trigger,
        text: str = "",
    ) -> list[Step]:
        """Write down how an order ended without a report; what it filled before stays booked."""
        record = self._journal.records.get(client_order_id)
        if record is None:
            return []
        booked = self._event(
            client_order_id, asset, trigger=Trigger.BOOKED, booked_quantity=record.filled_quantity
        )
        return self.write(self._event(client_order_id, asset, trigger=trigger, text=text), booked)

    def booked(self, client_order_id: str, asset: str, quantity: Decimal) -> list[Step]:
        """Write down how much of an ended order the managed state has booked by now."""
        return self.write(
            self._event(client_order_id, asset, trigger=Trigger.BOOKED, booked_quantity=quantity)
        )

    def report(self, asset: str, report: OrderReport, *, booked: bool) -> list[Step]:
        """Write down what the exchange told, if it is new, and that its end is booked."""
        name = report.client_order_id
        record = self._journal.records.get(name)
        if record is None:
            return []
        events = []
        is_new = (
            report.status.is_final
            or record.exchange_order_id is None
            or report.filled_quantity > record.filled_quantity
        )
        if is_new:
            events.append(self._event(name, asset, trigger=trigger_of(report), report=report))
        if booked and report.status.is_final:
            events.append(
                self._event(name, asset, trigger=Trigger.BOOKED, booked_quantity=report.filled_quantity)
            )
        return self.write(*events) if events else []

    def write(self, *events: OrderEvent) -> list[Step]:
        """Append events; returns an alarm where the disk or another process refused.

        Raises:
            StateUnsureError: A flush failed; nobody may go on.
        """
        try:
            self._journal.append(*events)
        except (StateWriteError, LockHeldError, OrderTransitionError) as error:
            sentence = f"the order journal lacks a line: {error}"
            return [Step(asset=events[0].asset, what="journal_failed", sentence=sentence, alarm=True)]
        return []

    def _event(
        self,
        client_order_id: str,
        asset: str,
        *,
        trigger: Trigger | None = None,
        birth: OrderBirth | None = None,
        report: OrderReport | None = None,
        booked_quantity: Decimal | None = None,
        text: str = "",
    ) -> OrderEvent:
        return OrderEvent(
            at=self._clock.now(),
            client_order_id=client_order_id,
            asset=asset,
            trigger=trigger,
            birth=birth,
            report=report,
            booked_quantity=booked_quantity,
            text=text[:_TEXT_KEPT],
        )
