"""One cycle of the trading loop, from one snapshot to its report.

Order within a cycle:
1. one snapshot of the managed state (R5: a pause applied before it simply holds);
2. orders whose outcome is open are asked for before anything is sent, buys first: what they brought is the
   exits' to sell;
3. D1, from files alone: no order leaves on a position that contradicts its agreement;
4. positions are taken over, without buying;
5. prices for all coins in the bot's hands in one request, balances in one;
6. a coin that this process has not verified yet is verified, and gets no order before that (`start_check`);
7. exits by stop and target, each through every gate, intent before order, a resting stop out of the way
   first; after them the stops that follow the price rise, and those at the exchange are kept where they
   belong (`resting_stop`);
8. what is on its way back and sold is released (T14);
9. the look at own trades and the drift watch, last: they hold no exit up, and what fails there is an alarm.
10. buys, behind all of that: one agreed step of averaging per coin, only for what is `managed_active`, and
   only where an investable capital is set. By default it is zero, and then nothing is asked or bought.
No other order exists, and none touches a coin that is not managed.
"""

import datetime as dt
from collections.abc import Callable, Collection
from decimal import Decimal

import msgspec

from bot.commands.sender import CommandSender
from bot.exchange.gateway import Gateway
from bot.holdings.drift import DriftLimits
from bot.kernel.clock import Clock
from bot.kernel.ids import IdSource
from bot.lifecycle.commands import CommandState, CommandType
from bot.lifecycle.documents import ManagedStateContent
from bot.lifecycle.states import IN_THE_BOTS_HANDS
from bot.storage.documents import BASELINE_HOLDINGS, MANAGED_STATE
from bot.storage.order_journal import OrderJournal
from bot.storage.state_store import StateStore
from bot.trading.baseline_bootstrap import check_baseline, take_over
from bot.trading.buy_round import BuyRound
from bot.trading.buy_settings import BuySettings
from bot.trading.buys import BuyDesk
from bot.trading.drift_desk import DriftDesk
from bot.trading.drift_watch import DriftWatch
from bot.trading.exit_round import ExitRound
from bot.trading.exits import ExitDesk
from bot.trading.journal_desk import JournalDesk
from bot.trading.late_fills import LateFills
from bot.trading.market_look import MarketLook, Remembered
from bot.trading.market_watch import Armed
from bot.trading.regime_watch import RegimeWatch
from bot.trading.report import CycleReport, Step
from bot.trading.resting_stop import RestingStopDesk, RestingStopSettings
from bot.trading.resting_stop_orders import RestingStopOrders
from bot.trading.round_guard import RoundGuard
from bot.trading.scheduler import due_release
from bot.trading.start_check import StartCheck
from bot.trading.trades_check import TradesCheck
from bot.trading.trades_watch import TradesWatch
from bot.trading.trailing import TrailingStops
from bot.trading.watchdog import LoopSigns, coins_in_hands


class LoopSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What the loop needs of the settings."""

    quote: str
    lookup_settles_after: dt.timedelta = dt.timedelta(seconds=30)
    """Longer than an order request can live on its way (the exchange's receive window)."""
    drift: Callable[[], DriftLimits] = DriftLimits
    """Q-MH-7, as the settings are at the moment."""
    regime_reads_per_cycle: Callable[[], int] = lambda: 2
    trades_reads_per_cycle: Callable[[], int] = lambda: 2
    """Of coins whose turn it is, how many a cycle asks for the account's own trades."""
    price_max_age_s: Callable[[], Decimal] = lambda: Decimal(60)
    """How old a price may be for an exit by stop or target."""
    buys: Callable[[], BuySettings] = BuySettings
    """What may be bought, as the settings are at the moment; by default nothing."""
    market_time_is_ours: bool = False
    """Whether market time is the world's; in a box it is its own."""
    resting_stop: Callable[[], RestingStopSettings] = RestingStopSettings
    """Whether stops rest at the exchange as well."""


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
        self.signs = LoopSigns(clock)
        """What the watchdog judges this loop by."""
        self.last_look: MarketLook | None = None
        """What the last whole cycle saw of the exchange."""
        self._store = store
        self._gateway = gateway
        self._clock = clock
        self._guard = RoundGuard(store, ids)
        self._sender = sender
        self._settings = settings
        lineage = store.read(MANAGED_STATE).meta.lineage
        self._journal = OrderJournal(store.home.orders_log)
        pen = JournalDesk(self._journal, clock)
        quote = settings.quote
        self._start = StartCheck(store, gateway, self._journal, pen, clock=clock, quote=quote)
        reads = settings.trades_reads_per_cycle
        trades = TradesCheck(gateway, self._journal, pen, clock=clock, quote=quote, reads_per_cycle=reads)
        late = LateFills(gateway, sender, self._journal, pen, store.audit)
        self._trades = TradesWatch(store, trades, late, self._journal)
        regimes = RegimeWatch(
            gateway, clock=clock, quote=settings.quote, reads_per_cycle=settings.regime_reads_per_cycle
        )
        self._drift = DriftWatch(
            store, gateway, DriftDesk(sender, settings.drift), regimes, self._trades, quote=quote
        )
        desk = ExitDesk(
            gateway,
            sender,
            pen,
            clock=clock,
            ids=ids,
            lineage=lineage,
            lookup_settles_after=settings.lookup_settles_after,
        )
        self._stops = self._stop_desk(pen, ids, lineage)
        self._buys = self._buy_round(pen, regimes, ids, lineage)
        self._trailing = TrailingStops(store, gateway, clock=clock, quote=quote, limits=settings.drift)
        self._exits = ExitRound(
            store,
            gateway,
            desk,
            self._start,
            trades,
            self._guard,
            self._stops,
            quote=quote,
            limits=settings.drift,
            price_max_age_s=settings.price_max_age_s,
        )

    def _stop_desk(self, pen: JournalDesk, ids: IdSource, lineage: str) -> RestingStopDesk:
        """Return what keeps stops at the exchange; by the default settings it keeps none."""
        settings = self._settings
        orders = RestingStopOrders(
            self._gateway,
            self._sender,
            pen,
            clock=self._clock,
            ids=ids,
            lineage=lineage,
            settles_after=settings.lookup_settles_after,
        )
        return RestingStopDesk(
            self._store,
            self._gateway,
            orders,
            self._guard,
            clock=self._clock,
            quote=settings.quote,
            settings=settings.resting_stop,
        )

    def _buy_round(self, pen: JournalDesk, regimes: RegimeWatch, ids: IdSource, lineage: str) -> BuyRound:
        """Return what buys; by the default settings it never does anything."""
        desk = BuyDesk(
            self._gateway,
            self._sender,
            pen,
            clock=self._clock,
            ids=ids,
            lineage=lineage,
            lookup_settles_after=self._settings.lookup_settles_after,
        )
        return BuyRound(
            self._store,
            self._gateway,
            desk,
            regimes,
            self._guard,
            clock=self._clock,
            quote=self._settings.quote,
            settings=self._settings.buys,
            is_verified=self._start.is_verified,
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
        self._guard.on_progress = on_progress
        self._journal.refresh()
        serial, managed = self._state()
        bought = self._buys.follow(managed)
        if bought:  # what a buy brought is the exits' to sell
            serial, managed = self._state()
        steps = bought + self._exits.follow(managed) + self._stops.follow(managed)
        steps += self._guard.part(lambda: self._start.settle(managed), what="start_check_failed")
        steps += self._guard.part(lambda: self._trades.book(managed), what="trades_check_failed")
        if steps:  # booked answers changed the state: the exits below look at what is true now
            serial, managed = self._state()
        contradictions = self._guard.part(lambda: self._drift.check_positions(managed))
        if contradictions:
            serial, managed = self._state()
        steps += contradictions
        steps += take_over(self._store, quote=self._settings.quote, now=now)
        watched = self._exits.watched(managed)
        look = MarketLook(self._gateway, self._clock, market_time_is_ours=self._settings.market_time_is_ours)
        has_coins = any(entry.state in IN_THE_BOTS_HANDS for entry in managed.managed_assets.values())
        if has_coins:
            steps += self._exits.run(managed, watched, look)
        self.last_look = look
        self.signs.saw(look, coins_in_hands(managed, self._settings.quote))
        if has_coins:
            steps += self._guard.part(
                lambda: self._trailing.follow(self._state()[1], watched, look), what="trailing_failed"
            )
            steps += self._guard.part(
                lambda: self._stops.keep(self._state()[1], look, is_verified=self._start.is_verified),
                what="resting_stops_failed",
            )
        steps += self._guard.part(lambda: self._trades.look(steps, on_progress), what="trades_check_failed")
        if has_coins:
            steps += self._releases()
            if watched:
                steps += take_over(self._store, quote=self._settings.quote, now=now)
            steps += self._guard.part(lambda: self._drift.check(look))
            steps += self._guard.part(lambda: self._buys.run(look), what="buys_failed")
        self.signs.finished()
        return CycleReport(at=now, serial=serial, watched=tuple(sorted(watched)), steps=tuple(steps))

    def run_for(
        self,
        assets: Collection[str],
        now: dt.datetime,
        known: Remembered,
        *,
        on_progress: Callable[[], None] = lambda: None,
    ) -> CycleReport:
        """Run the part of a cycle that may sell, for these coins alone, between two cycles.

        Args:
            assets: Whose price reached a level, or of whose orders there is news.
            now: As in `run_once`.
            known: What need not be asked for.
            on_progress: As in `run_once`.

        Raises:
            StorageError: As in `run_once`.
        """
        self._guard.on_progress = on_progress
        self._journal.refresh()
        serial, managed = self._state(assets)
        bought = self._buys.follow(managed)
        if bought:
            serial, managed = self._state(assets)
            take_over(self._store, quote=self._settings.quote, now=now)
        steps = bought + self._exits.follow(managed) + self._stops.follow(managed)
        if steps:
            serial, managed = self._state(assets)
        contradictions = self._guard.part(lambda: self._drift.check_positions(managed))
        if contradictions:
            serial, managed = self._state(assets)
        steps += contradictions
        watched = self._exits.watched(managed)
        look = MarketLook(self._gateway, self._clock, market_time_is_ours=self._settings.market_time_is_ours)
        if managed.managed_assets:
            steps += self._exits.run(managed, watched, look, known)
        if steps:
            steps += self._releases()
            steps += take_over(self._store, quote=self._settings.quote, now=now)
        return CycleReport(at=now, serial=serial, watched=tuple(sorted(watched)), steps=tuple(steps))

    def armed(self) -> Armed:
        """Return what the streams are to watch for, by the state as it is committed now."""
        return self._exits.armed(self._state()[1])

    def ask_for_trades(self, *assets: str) -> None:
        """Have the next cycle compare these coins' own trades; from any thread (an account stream's word)."""
        self._trades.ask_for(*assets)

    def _state(self, assets: Collection[str] | None = None) -> tuple[int, ManagedStateContent]:
        """Return the managed state with its serial, all of it or with these coins alone."""
        snapshot = self._store.read(MANAGED_STATE)
        content = snapshot.content
        if assets is not None:
            chosen = {a: entry for a, entry in content.managed_assets.items() if a in assets}
            content = msgspec.structs.replace(content, managed_assets=chosen)
        return snapshot.meta.serial, content

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
