"""One cycle of the trading loop, from one snapshot to its report.

Order within a cycle:
1. one snapshot of the managed state (R5: a pause applied before it simply holds);
2. orders whose outcome is open are asked for before anything is sent;
3. D1, from files alone: no order leaves on a position that contradicts its agreement;
4. positions are taken over, without buying;
5. prices for all coins in the bot's hands in one request, balances in one;
6. a coin that this process has not verified yet is verified, and gets no order before that (`start_check`);
7. exits by stop and target, each through every gate, intent before order;
8. what is on its way back and sold is released (T14);
9. the drift watch and the look at own trades, last: they hold no exit up, and what fails there is an alarm.
No other order exists: this loop never buys, and never touches a coin that is not managed.
"""

import datetime as dt
import functools
from collections.abc import Callable, Mapping

import msgspec

from bot.commands.sender import CommandSender
from bot.exchange.gateway import Gateway
from bot.holdings.drift import DriftLimits
from bot.holdings.positions import Position
from bot.kernel.clock import Clock
from bot.kernel.errors import ExchangeError, StopRuleBrokenError, StorageError
from bot.kernel.ids import IdSource, pair_of
from bot.kernel.market import MarketRules
from bot.lifecycle.commands import CommandState, CommandType
from bot.lifecycle.documents import ExitReason, ManagedAsset, ManagedStateContent
from bot.lifecycle.events import Event, EventType
from bot.lifecycle.exit_rules import why_no_exit
from bot.lifecycle.exit_triggers import due_exit
from bot.lifecycle.states import IN_THE_BOTS_HANDS
from bot.risk.order_gates import GateFacts
from bot.storage.documents import BASELINE_HOLDINGS, MANAGED_STATE, POSITIONS
from bot.storage.order_journal import OrderJournal
from bot.storage.state_store import StateStore
from bot.trading.baseline_bootstrap import check_baseline, take_over
from bot.trading.drift_desk import DriftDesk
from bot.trading.drift_watch import DriftWatch
from bot.trading.exits import ExitDesk
from bot.trading.journal_desk import JournalDesk
from bot.trading.market_look import MarketLook
from bot.trading.regime_watch import RegimeWatch
from bot.trading.report import CycleReport, Step
from bot.trading.scheduler import due_release
from bot.trading.start_check import StartCheck
from bot.trading.trades_check import TradesCheck


class LoopSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What the loop needs of the settings."""

    quote: str
    lookup_settles_after: dt.timedelta = dt.timedelta(seconds=30)
    """Longer than an order request can live on its way (the exchange's receive window)."""
    drift: Callable[[], DriftLimits] = DriftLimits
    """Q-MH-7, as the settings are at the moment."""
    regime_reads_per_cycle: Callable[[], int] = lambda: 2
    market_time_is_ours: bool = False
    """Whether market time is the world's; in a box it is its own."""


class TradingLoop:
    """Follows the market for what was handed over."""

    def __init__(
        self,
        store: StateStore,
        gateway: Gateway,
        sender: CommandSender,
        *,
        clock: Clock,
        ids: IdSource,
        settings: LoopSettings,
    ) -> None:
        self._store = store
        self._gateway = gateway
        self._clock = clock
        self._ids = ids
        self._sender = sender
        self._settings = settings
        self._on_progress: Callable[[], None] = lambda: None
        self._drift = DriftWatch(
            store,
            gateway,
            DriftDesk(sender, settings.drift),
            RegimeWatch(
                gateway, clock=clock, quote=settings.quote, reads_per_cycle=settings.regime_reads_per_cycle
            ),
            quote=settings.quote,
        )
        lineage = store.read(MANAGED_STATE).meta.lineage
        self._journal = OrderJournal(store.home.orders_log)
        pen = JournalDesk(self._journal, clock)
        quote = settings.quote
        self._start = StartCheck(store, gateway, self._journal, pen, clock=clock, quote=quote)
        self._trades = TradesCheck(gateway, self._journal, pen, clock=clock, quote=quote)
        self._desk = ExitDesk(
            gateway,
            sender,
            pen,
            clock=clock,
            ids=ids,
            lineage=lineage,
            lookup_settles_after=settings.lookup_settles_after,
        )

    def check_start(self) -> None:
        """Refuse to start on documents that contradict each other (D4), or on a damaged order journal."""
        self._journal.refresh()
        check_baseline(self._store.read(BASELINE_HOLDINGS).content, self._store.read(MANAGED_STATE).content)

    def run_once(self, now: dt.datetime, *, on_progress: Callable[[], None] = lambda: None) -> CycleReport:
        """Run one cycle.

        Args:
            now: The time that its report and its positions carry.
            on_progress: Called before each coin that the exchange is asked about by itself: with many coins
                and a slow exchange a cycle is long, and works all the same.

        An exchange that does not answer ends the cycle's exchange part with an alarm in the report;
        storage trouble raises `StorageError`, because nothing may be decided without the state.
        """
        self._on_progress = on_progress
        self._journal.refresh()
        serial, managed = self._state()
        steps = self._follow_open_orders(managed)
        steps += self._guarded(lambda: self._start.settle(managed), what="start_check_failed")
        if steps:  # booked answers changed the state: the exits below look at what is true now
            serial, managed = self._state()
        contradictions = self._guarded(lambda: self._drift.check_positions(managed))
        if contradictions:
            serial, managed = self._state()
        steps += contradictions
        steps += take_over(self._store, quote=self._settings.quote, now=now)
        watched = self._watched(managed)
        look = MarketLook(self._gateway, self._clock, market_time_is_ours=self._settings.market_time_is_ours)
        if any(entry.state in IN_THE_BOTS_HANDS for entry in managed.managed_assets.values()):
            steps += self._exits(managed, watched, look)
            steps += self._releases()
            if watched:
                steps += take_over(self._store, quote=self._settings.quote, now=now)
            steps += self._guarded(lambda: self._drift.check(look))
        lost = {step.asset for step in steps if step.what in _LOST}
        self._trades.ask_for(*lost)
        steps += self._guarded(
            lambda: self._trades.look(self._state()[1], on_progress), what="trades_check_failed"
        )
        return CycleReport(at=now, serial=serial, watched=tuple(sorted(watched)), steps=tuple(steps))

    def _state(self) -> tuple[int, ManagedStateContent]:
        snapshot = self._store.read(MANAGED_STATE)
        return snapshot.meta.serial, snapshot.content

    # ---- orders -----------------------------------------------------------------------------------

    def _follow_open_orders(self, managed: ManagedStateContent) -> list[Step]:
        open_entries = {a: e for a, e in managed.managed_assets.items() if e.exit_intent is not None}
        if not open_entries:
            return []
        try:
            markets = self._gateway.markets()
        except ExchangeError as error:
            return [_unavailable("*", error)]
        steps: list[Step] = []
        for asset, entry in open_entries.items():
            rules = markets.get(pair_of(asset, self._settings.quote))
            if rules is None:
                steps.append(_no_market(asset))
            else:
                steps += self._one_alone(asset, functools.partial(self._followed, asset, entry, rules))
        return steps

    def _watched(self, managed: ManagedStateContent) -> dict[str, Position]:
        positions = self._store.read(POSITIONS).content.positions
        found: dict[str, Position] = {}
        for asset, entry in managed.managed_assets.items():
            position = positions.get(pair_of(asset, self._settings.quote))
            tracked = position is not None and position.is_open
            if position is not None and tracked and why_no_exit(entry) is None:
                found[asset] = position
        return found

    def _exits(
        self, managed: ManagedStateContent, watched: Mapping[str, Position], look: MarketLook
    ) -> list[Step]:
        in_hands = (a for a, entry in managed.managed_assets.items() if entry.state in IN_THE_BOTS_HANDS)
        try:
            tickers = look.fetch_tickers(sorted(pair_of(asset, self._settings.quote) for asset in in_hands))
            steps = self._verify(managed, look)
            due = {
                asset: reason
                for asset, reason in self._due(managed, watched, look).items()
                if self._start.is_verified(asset, managed.managed_assets[asset])
            }
            steps += [
                Step(asset=a, what="no_price", sentence="the exchange told no price", alarm=True)
                for a in watched
                if pair_of(a, self._settings.quote) not in tickers
            ]
            if not due:
                return steps
            look.fetch_wallet()
            markets = look.markets
        except ExchangeError as error:
            return [_unavailable(asset, error) for asset in watched]
        for asset, reason in due.items():
            facts = self._facts(asset, reason, managed, look, markets)
            if facts is None:
                steps.append(_no_market(asset))
                continue
            sell = functools.partial(
                self._desk.exit,
                asset,
                managed.managed_assets[asset],
                facts,
                at_most=watched[asset].quantity,
            )
            steps += self._one_alone(asset, sell)
        if any(step.what == "exit_sent" for step in steps):
            look.forget_wallet()
        return steps

    def _due(
        self, managed: ManagedStateContent, watched: Mapping[str, Position], look: MarketLook
    ) -> dict[str, ExitReason]:
        found: dict[str, ExitReason] = {}
        for asset, position in watched.items():
            ticker = look.tickers.get(pair_of(asset, self._settings.quote))
            if ticker is None:
                continue
            reason = due_exit(
                last=ticker.last,
                stop_loss=position.stop_loss,
                take_profit=position.take_profit,
                forced=bool(managed.managed_assets[asset].force_exit),
            )
            if reason is not None:
                found[asset] = reason
        return found

    def _releases(self) -> list[Step]:
        """T14 for what was sold on its way back: the same words that the system's timed pass would say."""
        steps: list[Step] = []
        for asset, entry in self._state()[1].managed_assets.items():
            payload = due_release(entry)
            if payload is None:
                continue
            outcome = self._sender.send(
                CommandType.COMPLETE_MANAGED_RELEASE, asset, payload, actor="system", book=False
            )
            if outcome.state is CommandState.APPLIED:
                steps.append(Step(asset=asset, what="released", sentence=f"{asset} is the owner's again"))
        return steps

    # ---- one part, one coin -------------------------------------------------------------------------

    def _verify(self, managed: ManagedStateContent, look: MarketLook) -> list[Step]:
        """Verify what this process has not verified yet; where that fails, no order leaves."""

        def verify() -> list[Step]:
            positions = self._store.read(POSITIONS).content.positions
            steps, fresh = self._start.look(managed, positions, look, self._settings.drift())
            self._trades.ask_for(*fresh)
            return steps

        return self._guarded(verify, what="start_check_failed")

    def _guarded(self, work: Callable[[], list[Step]], *, what: str = "drift_watch_failed") -> list[Step]:
        """Let what fails here be an alarm: the exits of this cycle and of the next go on."""
        try:
            return work()
        except StorageError:
            raise
        except Exception as error:  # noqa: BLE001 - the watch never stops what it watches over
            sentence = f"{type(error).__name__}: {error}"
            return [Step(asset="*", what=what, sentence=sentence, alarm=True)]

    def _followed(self, asset: str, entry: ManagedAsset, rules: MarketRules) -> list[Step]:
        return self._desk.follow(asset, entry, rules)

    def _one_alone(self, asset: str, work: Callable[[], list[Step]]) -> list[Step]:
        """Let one coin's trouble be that coin's alarm: the others keep their guard.

        Storage trouble is everybody's and goes on.
        """
        self._on_progress()
        try:
            return work()
        except StorageError:
            raise
        except StopRuleBrokenError as error:
            return [self._stop_rule_broken(asset, error)]
        except Exception as error:  # noqa: BLE001 - whatever it is, the other coins are guarded on
            return [Step(asset=asset, what="failed", sentence=f"{type(error).__name__}: {error}", alarm=True)]

    def _stop_rule_broken(self, asset: str, error: StopRuleBrokenError) -> Step:
        """Audit and alarm: the act ended, the loop goes on."""
        data = {"rule": error.rule, "what": error.what, "why": error.why}
        event = Event(
            type=EventType.STOP_RULE_BROKEN,
            asset=asset,
            actor="bot",
            command_id=self._ids.new_id(),
            data=data,
        )
        with self._store.transaction(what="stop rule") as transaction:
            transaction.record([event])
        return Step(asset=asset, what="stop_rule_broken", sentence=str(error), data=data, alarm=True)

    def _facts(
        self,
        asset: str,
        reason: ExitReason,
        managed: ManagedStateContent,
        look: MarketLook,
        markets: Mapping[str, MarketRules],
    ) -> GateFacts | None:
        symbol = pair_of(asset, self._settings.quote)
        rules = markets.get(symbol)
        if rules is None or look.wallet is None:
            return None
        return GateFacts(
            managed=managed,
            rules=rules,
            ticker=look.tickers[symbol],
            reason=reason,
            wallet_free=look.wallet.free(asset),
        )


_LOST = ("unknown", "never_arrived", "vanished")
"""Steps after which a coin's trades are compared: the answer to an order was lost."""


def _no_market(asset: str) -> Step:
    return Step(asset=asset, what="no_market", sentence="the market is gone", alarm=True)


def _unavailable(asset: str, error: ExchangeError) -> Step:
    return Step(asset=asset, what="unavailable", sentence=str(error), alarm=True)
