"""All that works on one home. The only place that picks adapters.

Parts are built when first asked for, once, and shared by threads.
"""

import datetime as dt
import os
import threading
from functools import cached_property
from typing import TYPE_CHECKING

from bot.app.core import HomeContext
from bot.commands.apply import CommandApplier
from bot.commands.approval_facts import ExchangeApprovalFacts
from bot.commands.bus import CommandMaker
from bot.commands.command_worker import CommandWorker
from bot.commands.proposal_facts import FactLimits
from bot.commands.proposal_maker import ProposalMaker
from bot.commands.sender import CommandSender
from bot.holdings.drift import DriftLimits
from bot.lifecycle.approval_rules import ApprovalFacts
from bot.lifecycle.command_payloads import ApproveManagedProposal
from bot.lifecycle.documents import Exits
from bot.proposals.policy import ProposalPolicy, VariantName
from bot.storage.documents import MANAGED_STATE
from bot.storage.schema_check import product_schemas
from bot.storage.sql.home_queue import HomeQueue
from bot.storage.sql.waking import Wakeup, open_wakeup
from bot.storage.unbooked import UnbookedSpool
from bot.trading.buy_settings import BuySettings
from bot.trading.cycle import LoopSettings, TradingLoop
from bot.trading.exits import SEND_WITHIN_S
from bot.trading.follower import MarketFollower
from bot.trading.resting_stop import RestingStopSettings
from bot.trading.scheduler import Scheduler
from bot.trading.watchdog import Watchdog, WatchLimits

if TYPE_CHECKING:
    from bot.exchange.guards import CircuitBreaker

_RECEIVE_WINDOW_S = 11
"""The exchange's receive window (10 s) with a second for its clock."""


class App(HomeContext):
    """One home with its bus, its engine, its exchange and its loop."""

    @cached_property
    def _building(self) -> threading.RLock:
        return threading.RLock()

    @cached_property
    def queue(self) -> HomeQueue:
        """Return the commands of this home's lineage; a database that is gone fails the calls, not this."""
        return HomeQueue(
            self.home,
            clock=self.clock,
            lineage=self.store.read(MANAGED_STATE).meta.lineage,
            database_url=self.settings["database.url"] or None,
        )

    def new_wakeup(self) -> Wakeup:
        """Return what wakes a worker when a command was put on the bus."""
        return open_wakeup(self.home.sql, database_url=self.settings["database.url"] or None)

    @cached_property
    def maker(self) -> CommandMaker:
        """Return what checks and attributes commands."""
        return CommandMaker(
            clock=self.clock,
            ids=self.ids,
            schemas=product_schemas(),
            users=lambda: self.settings.users,
            on_denied=self.tell_denied,
        )

    @cached_property
    def applier(self) -> CommandApplier:
        """Return the one path by which commands reach the state, under the settings of the moment."""
        return CommandApplier(
            self.store,
            clock=self.clock,
            policy=lambda: self.settings.lifecycle_policy(),  # noqa: PLW0108 - settings may be reloaded
            users=lambda: self.settings.users,
            facts=_LazyFacts(self),
            review=self.review_settings,
        )

    @cached_property
    def sender(self) -> CommandSender:
        """Return how the bot and the system send their own commands."""
        spool = UnbookedSpool(self.home)
        return CommandSender(self.maker, self.applier, self.queue, spool=spool, on_alarm=self._alarm)

    @cached_property
    def worker(self) -> CommandWorker:
        """Return the worker that drains the bus."""
        return CommandWorker(self.queue, self.applier, name=str(os.getpid()))

    @property
    def gateway(self) -> "CircuitBreaker":
        """Return the exchange of this home's environment.

        Raises:
            BotError: Mainnet, missing keys, or no box was started.
        """
        with self._building:
            return self._gateway

    @cached_property
    def _gateway(self) -> "CircuitBreaker":
        from bot.app.modes import build_gateway  # the client takes long to load, few commands need it

        return build_gateway(self.home, self.settings, self.clock)

    @cached_property
    def engine(self) -> ProposalMaker:
        """Return the engine's shell over the read-only side of the gateway."""
        return ProposalMaker(
            self.store,
            self.gateway,
            sender=self.sender,
            clock=self.clock,
            ids=self.ids,
            policy=lambda: self.settings.lifecycle_policy(),  # noqa: PLW0108 - settings may be reloaded
            proposal_policy=lambda: proposal_policy(self),
            limits=lambda: fact_limits(self),
            language=lambda: str(self.settings["proposals.language"]),
            breaker_state=lambda: self.gateway.state.circuit.value,
        )

    @cached_property
    def loop(self) -> TradingLoop:
        """Return the trading loop."""
        # A request is signed within the sending time and one clock measurement, and lives 10 s from then.
        lives_s = SEND_WITHIN_S + self.settings.seconds("exchange.timeout_s") + _RECEIVE_WINDOW_S
        settles = max(lives_s, self.settings.seconds("exchange.lookup_settles_after_s"))
        return TradingLoop(
            self.store,
            self.gateway,
            self.sender,
            clock=self.clock,
            ids=self.ids,
            settings=LoopSettings(
                quote=self.settings["quote"],
                lookup_settles_after=dt.timedelta(seconds=settles),
                drift=lambda: drift_limits(self),
                regime_reads_per_cycle=lambda: self.settings["trading.regime_reads_per_cycle"],
                trades_reads_per_cycle=lambda: self.settings["trading.own_trades_reads_per_cycle"],
                price_max_age_s=lambda: self.settings["trading.price_max_age_s"],
                buys=lambda: buy_settings(self),
                market_time_is_ours=self.market_time_is_ours,
                resting_stop=lambda: resting_stop_settings(self),
            ),
        )

    @cached_property
    def follower(self) -> MarketFollower:
        """Return what runs the loop as the market asks for it; nothing is listened to yet."""
        from bot.app.stream_modes import build_streams

        return MarketFollower(
            self.loop,
            self.gateway,
            self.clock,
            streams=build_streams(self.home, self.settings, self.clock, self.gateway.capabilities),
            quote=self.settings["quote"],
            price_max_age_s=lambda: self.settings["trading.price_max_age_s"],
        )

    def new_watchdog(self) -> Watchdog:
        """Return what watches the loop, from now on; under the settings of the moment."""
        return Watchdog(
            self.store, self.sender, self.loop.signs, clock=self.clock, limits=lambda: watch_limits(self)
        )

    @property
    def market_time_is_ours(self) -> bool:
        """Say whether the exchange's market time is the world's; a box has its own."""
        environment, source = (str(self.settings[name]) for name in ("environment", "exchange.data_source"))
        return environment == "testnet" or (environment == "paper" and source == "testnet")

    @cached_property
    def scheduler(self) -> Scheduler:
        """Return the system's timed pass."""
        return Scheduler(self.store, self.sender)

    def close(self) -> None:
        """Release what was opened."""
        for name in ("_gateway", "queue"):
            part = self.__dict__.pop(name, None)
            if part is not None:
                part.close()


class _LazyFacts:
    """Approval facts over a gateway that is only opened when an approval asks for it."""

    def __init__(self, app: App) -> None:
        self._app = app

    def facts_for(self, asset: str, payload: ApproveManagedProposal) -> ApprovalFacts:
        app = self._app
        source = ExchangeApprovalFacts(
            app.home, market=app.gateway, balances=app.gateway, clock=app.clock, quote=app.settings["quote"]
        )
        return source.facts_for(asset, payload)


def proposal_policy(app: App) -> ProposalPolicy:
    """Return the risk model under this home's settings."""
    return ProposalPolicy(
        allowed_variants=tuple(VariantName(name) for name in app.settings["lifecycle.variants"]),
        min_stop_distance_pct=app.settings["lifecycle.min_entry_stop_pct"],
    )


def resting_stop_settings(app: App) -> RestingStopSettings:
    """Return whether stops rest at the exchange, and how."""
    return RestingStopSettings(
        is_on=app.settings["trading.resting_stop"] == "on",
        buffer_bps=app.settings["trading.resting_stop_buffer_bps"],
    )


def drift_limits(app: App) -> DriftLimits:
    """Return how far reality and record may differ (Q-MH-7)."""
    return DriftLimits(
        quantity_pct=app.settings["lifecycle.quantity_drift_pct"],
        price_atr=app.settings["lifecycle.price_drift_atr"],
        regime=app.settings["lifecycle.regime_drift"] != "off",
        price_max_age_s=app.settings["lifecycle.drift_price_max_age_s"],
    )


def watch_limits(app: App) -> WatchLimits:
    """Return when the watchdog halts trading."""
    return WatchLimits(
        stale_data_s=app.settings.seconds("watchdog.stale_data_s"),
        stale_loop_s=app.settings.seconds("watchdog.stale_loop_s"),
        cycle_s=app.settings.seconds("trading.cycle_s"),
        exits=Exits(app.settings["watchdog.exits"]),
    )


def buy_settings(app: App) -> BuySettings:
    """Return what the loop may buy now, and whether the exchange answers (CAP-1, B-OUTAGE)."""
    return BuySettings(
        investable_capital_usdt=app.settings["risk.investable_capital_usdt"],
        min_entry_stop_pct=app.settings["lifecycle.min_entry_stop_pct"],
        price_max_age_s=app.settings["trading.price_max_age_s"],
        circuit_closed=app.gateway.state.circuit.value == "closed",
        blacklist=app.settings["risk.blacklist"],
    )


def fact_limits(app: App) -> FactLimits:
    """Return the settings that enter a proposal's facts."""
    return FactLimits(
        environment=app.settings["environment"],
        quote=app.settings["quote"],
        investable_capital_usdt=app.settings["risk.investable_capital_usdt"],
        blacklist=app.settings["risk.blacklist"],
    )
