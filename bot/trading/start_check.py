"""Nothing is sold on memory: each coin is verified once per process, before its first order.

1. State, position, open orders, intent and quantity must agree, and each must have been told. A coin for
   which they do not, or for which the exchange gave no answer, gets no order: it is shown as not protected,
   alarmed once per reason, and looked at again in every cycle.
2. An order under an id of the bot's own making that rests at the exchange and that nobody remembers (orphan)
   could sell what is sold again: no order leaves until it is gone. The bot cancels nothing that it does not
   know.
3. An order that the journal holds as live while no intent stands for it is asked for, and its end written
   down; one that the exchange does not know either (ghost) is alarmed once.
4. The look costs one request for all open orders and the cycle's own one for the balances, however many
   coins there are; a coin that is verified costs nothing more.
"""

from collections.abc import Collection, Mapping, Sequence

from bot.exchange.gateway import Gateway
from bot.execution.order_record import OrderEvent, OrderRecord, trigger_of
from bot.execution.order_states import OrderState, Trigger
from bot.execution.orders import OrderReport
from bot.execution.reconciliation import orphans, unsettled
from bot.holdings.drift import CoinFacts, DriftLimits, Finding, Verdict, compare_position, compare_wallet
from bot.holdings.drift_reset import RESET
from bot.holdings.positions import Position
from bot.kernel.clock import Clock
from bot.kernel.errors import ExchangeError
from bot.kernel.ids import pair_of
from bot.kernel.money import ZERO, text
from bot.lifecycle.documents import ManagedAsset, ManagedStateContent
from bot.lifecycle.drift_kinds import doubts_quantity, drifts_of
from bot.lifecycle.exit_rules import orders_in_flight
from bot.lifecycle.states import IN_THE_BOTS_HANDS
from bot.storage.order_journal import OrderJournal
from bot.storage.state_store import StateStore
from bot.storage.unverified import write_unverified
from bot.trading.booked_orders import Booked, booked_of
from bot.trading.journal_desk import JournalDesk
from bot.trading.market_look import MarketLook
from bot.trading.report import Step

_TOLD_OF = frozenset({OrderState.ACKNOWLEDGED, OrderState.PARTIALLY_FILLED})


class StartCheck:
    """Remembers which coins this process has verified, by their agreement."""

    def __init__(
        self,
        store: StateStore,
        gateway: Gateway,
        journal: OrderJournal,
        desk: JournalDesk,
        *,
        clock: Clock,
        quote: str,
    ) -> None:
        self._home = store.home
        self._audit = store.audit
        self._gateway = gateway
        self._journal = journal
        self._desk = desk
        self._clock = clock
        self._quote = quote
        self._verified: set[tuple[str, str | None]] = set()
        self._reasons: dict[str, str] = {}
        self._loose: dict[str, str] = {}
        write_unverified(store.home, {})

    def is_verified(self, asset: str, entry: ManagedAsset) -> bool:
        """Say whether an order for the coin may leave this process."""
        return (asset, entry.current_proposal_id) in self._verified and asset not in self._loose

    def settle(self, managed: ManagedStateContent) -> list[Step]:
        """Ask for what the journal holds as live without an intent, also of coins that were sold meanwhile.

        It is there after a process ended between a booking and its line; else this costs nothing.
        """
        self._loose = {}
        steps: list[Step] = []
        entries = managed.managed_assets.values()
        in_flight = {name for entry in entries for name in _intents(entry)}
        for record in unsettled(self._journal.records.values(), in_flight=in_flight):
            asset, name = record.birth.asset, record.client_order_id
            if not record.may_be_live:
                steps += self._desk.write(self._booked(record, booked_of(self._audit, record)))
                continue
            try:
                report = self._gateway.find_order(record.birth.symbol, name)
            except ExchangeError as error:
                self._loose[asset] = f"what became of its order {name} is not told ({error.what})"
                continue
            if report is not None and not report.status.is_final:
                self._loose[asset] = f"its order {name} is live at the exchange without an intent"
            else:
                steps += self._ended(asset, record, report)
        return steps

    def look(
        self,
        managed: ManagedStateContent,
        positions: Mapping[str, Position],
        look: MarketLook,
        limits: DriftLimits,
    ) -> tuple[list[Step], tuple[str, ...]]:
        """Verify what is not verified yet.

        Returns:
            What is to be told, and the coins that were verified just now.
        """
        waiting = {
            asset: entry
            for asset, entry in managed.managed_assets.items()
            if entry.state in IN_THE_BOTS_HANDS and not self.is_verified(asset, entry)
        }
        if not waiting:
            return self._told({}), ()
        reasons: dict[str, str] = {}
        fresh: list[str] = []
        try:
            resting = self._gateway.open_orders()
            look.fetch_wallet()
        except ExchangeError as error:
            return self._told(dict.fromkeys(waiting, f"the exchange did not tell ({error.what})")), ()
        intents = {name for entry in managed.managed_assets.values() for name in _intents(entry)}
        shown = {report.client_order_id for report in resting}
        live = {name for name, record in self._journal.records.items() if record.may_be_live}
        strays = orphans(resting, live | intents)
        for asset, entry in waiting.items():
            if entry.exit_intent is not None or doubts_quantity(entry):
                continue  # no order can leave as long as that is so; the coin is looked at when it is over
            symbol = pair_of(asset, self._quote)
            reason = _orphaned(symbol, strays) or self._loose.get(asset) or _not_shown(entry, shown)
            if reason is None:
                reason = self._quantity(asset, entry, positions.get(symbol), look, limits)
            if reason is None:
                self._verified.add((asset, entry.current_proposal_id))
                fresh.append(asset)
            else:
                reasons[asset] = reason
        return self._told(reasons), tuple(fresh)

    def _ended(self, asset: str, record: OrderRecord, report: OrderReport | None) -> list[Step]:
        """Write the end of an order down; nothing of it is booked here, the managed state has done so.

        What is booked was told once, also where the exchange says now that there is no such order.
        """
        name, now = record.client_order_id, self._clock.now()
        booked = booked_of(self._audit, record)
        trigger = Trigger.TOLD_ABSENT if report is None else trigger_of(report)
        told = booked.report(record, now) if report is None else report
        if report is None and told is not None and booked.final_status is not None:
            trigger = trigger_of(told)
        event = OrderEvent(at=now, client_order_id=name, asset=asset, trigger=trigger, report=told)
        steps = self._desk.write(event, self._booked(record, booked))
        if trigger is Trigger.TOLD_ABSENT and record.state in _TOLD_OF:
            sentence = f"the exchange does not know the order {name} any more"
            steps.append(Step(asset=asset, what="ghost_order", sentence=sentence, alarm=True))
        late = (told.filled_quantity if told is not None else ZERO) - booked.quantity
        if late > ZERO:
            sentence = f"the order {name} filled {text(late)} {asset} that nobody has booked yet"
            steps.append(Step(asset=asset, what="late_fill", sentence=sentence, alarm=True))
        return steps

    def _booked(self, record: OrderRecord, booked: Booked) -> OrderEvent:
        """Return the order's last line: what the managed state has booked of it."""
        return OrderEvent(
            at=self._clock.now(),
            client_order_id=record.client_order_id,
            asset=record.birth.asset,
            trigger=Trigger.BOOKED,
            booked_quantity=booked.quantity,
        )

    def _quantity(
        self,
        asset: str,
        entry: ManagedAsset,
        position: Position | None,
        look: MarketLook,
        limits: DriftLimits,
    ) -> str | None:
        """Return why the quantity is not certain, or None."""
        symbol = pair_of(asset, self._quote)
        wallet = look.wallet
        facts = CoinFacts(
            asset=asset,
            entry=entry,
            position=position,
            rules=look.markets.get(symbol),
            wallet_total=None if wallet is None else wallet.total(asset),
            wallet_at=None if wallet is None else wallet.observed_at,
            price=look.price(symbol),
        )
        for finding in (compare_position(facts, limits), compare_wallet(facts, limits)):
            if finding.verdict in {Verdict.DRIFT, Verdict.UNKNOWN} and not _was_accepted(entry, finding):
                return finding.sentence
        return None

    def _told(self, reasons: dict[str, str]) -> list[Step]:
        """Alarm what is new among the reasons, tell what is over, and say it to other processes."""
        if reasons == self._reasons:
            return []
        steps = [
            Step(
                asset=asset,
                what="unverified",
                sentence=f"{asset} is NOT PROTECTED, no order leaves for it: {reason}",
                alarm=True,
            )
            for asset, reason in reasons.items()
            if self._reasons.get(asset) != reason
        ]
        steps += [
            Step(asset=asset, what="verified", sentence=f"{asset} is verified: its exits are armed again")
            for asset in self._reasons
            if asset not in reasons
        ]
        self._reasons = reasons
        write_unverified(self._home, reasons)
        return steps


def _intents(entry: ManagedAsset) -> tuple[str, ...]:
    """Return the orders that the managed state answers for."""
    names = tuple(order.client_order_id for order in orders_in_flight(entry))
    return names if entry.buy_intent is None else (*names, entry.buy_intent.client_order_id)


def _was_accepted(entry: ManagedAsset, finding: Finding) -> bool:
    """Say whether a person lets the coin go on with this difference, as large as it is (T11)."""
    kinds = {finding.kind, *((RESET,) if finding.kind == "wallet_external" else ())}
    accepted = [drift for drift in drifts_of(entry) if drift.accepted and drift.kind in kinds]
    return finding.verdict is Verdict.DRIFT and any(
        finding.severity <= drift.evidence.get("severity", 0) for drift in accepted
    )


def _not_shown(entry: ManagedAsset, shown: Collection[str]) -> str | None:
    """Return why the coin's resting stop is not certain, or None where it rests or there is none."""
    stop = entry.resting_stop
    if stop is None or stop.client_order_id in shown:
        return None
    return f"its resting stop {stop.client_order_id} is on record, and the exchange does not show it"


def _orphaned(symbol: str, strays: Sequence[OrderReport]) -> str | None:
    mine = [report.client_order_id for report in strays if report.symbol == symbol]
    if not mine:
        return None
    return f"the order {mine[0]} rests at the exchange, and nobody here remembers it: cancel it there"
