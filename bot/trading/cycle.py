"""One cycle of the trading loop, from one snapshot to its report.

Order within a cycle:
1. one snapshot of the managed state (R5: a pause applied before it simply holds);
2. orders whose outcome is open are asked for before anything is sent;
3. positions are taken over, without buying;
4. prices for all watched coins in one request, balances in one;
5. exits by stop and target, each through every gate, intent before order.
No other order exists: this loop never buys, and never touches a coin that is not managed.
"""

import contextlib
import datetime as dt
import functools
from collections.abc import Callable, Mapping

import msgspec

from bot.commands.sender import CommandSender
from bot.exchange.gateway import Gateway
from bot.holdings.positions import Position
from bot.holdings.wallet import WalletSnapshot
from bot.kernel.clock import Clock
from bot.kernel.errors import ExchangeAnswerError, ExchangeError, ExchangeRefusedError, StorageError
from bot.kernel.ids import IdSource, pair_of
from bot.kernel.market import MarketRules, Ticker
from bot.lifecycle.documents import ManagedAsset, ManagedStateContent
from bot.lifecycle.exit_rules import why_no_exit
from bot.lifecycle.exit_triggers import due_exit
from bot.risk.order_gates import GateFacts
from bot.storage.documents import BASELINE_HOLDINGS, MANAGED_STATE, POSITIONS
from bot.storage.state_store import StateStore
from bot.trading.baseline_bootstrap import check_baseline, take_over
from bot.trading.exits import ExitDesk
from bot.trading.report import CycleReport, Step


class LoopSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What the loop needs of the settings."""

    quote: str
    lookup_settles_after: dt.timedelta = dt.timedelta(seconds=30)
    """Longer than an order request can live on its way (the exchange's receive window)."""


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
        self._settings = settings
        lineage = store.read(MANAGED_STATE).meta.lineage
        self._desk = ExitDesk(
            gateway,
            sender,
            clock=clock,
            ids=ids,
            lineage=lineage,
            lookup_settles_after=settings.lookup_settles_after,
        )

    def check_start(self) -> None:
        """Refuse to start on documents that contradict each other (D4)."""
        check_baseline(self._store.read(BASELINE_HOLDINGS).content, self._store.read(MANAGED_STATE).content)

    def run_once(self, now: dt.datetime) -> CycleReport:
        """Run one cycle.

        An exchange that does not answer ends the cycle's exchange part with an alarm in the report;
        storage trouble raises `StorageError`, because nothing may be decided without the state.
        """
        snapshot = self._store.read(MANAGED_STATE)
        managed = snapshot.content
        steps = self._follow_open_orders(managed)
        if steps:  # booked answers changed the state: the exits below look at what is true now
            snapshot = self._store.read(MANAGED_STATE)
            managed = snapshot.content
        steps += take_over(self._store, quote=self._settings.quote, now=now)
        watched = self._watched(managed)
        if watched:
            steps += self._exits(managed, watched)
            steps += take_over(self._store, quote=self._settings.quote, now=now)
        return CycleReport(
            at=now, serial=snapshot.meta.serial, watched=tuple(sorted(watched)), steps=tuple(steps)
        )

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

    def _exits(self, managed: ManagedStateContent, watched: Mapping[str, Position]) -> list[Step]:
        symbols = sorted(pair_of(asset, self._settings.quote) for asset in watched)
        try:
            tickers = self._tickers(symbols)
            due = {
                asset: reason
                for asset, position in watched.items()
                if (ticker := tickers.get(pair_of(asset, self._settings.quote))) is not None
                and (
                    reason := due_exit(
                        last=ticker.last,
                        stop_loss=position.stop_loss,
                        take_profit=position.take_profit,
                        forced=bool(managed.managed_assets[asset].force_exit),
                    )
                )
            }
            missing = [
                Step(asset=a, what="no_price", sentence="the exchange told no price", alarm=True)
                for a in watched
                if pair_of(a, self._settings.quote) not in tickers
            ]
            if not due:
                return missing
            wallet, markets = self._gateway.wallet(), self._gateway.markets()
        except ExchangeError as error:
            return [_unavailable(asset, error) for asset in watched]
        steps = missing
        for asset, reason in due.items():
            facts = self._facts(asset, managed, wallet, markets, tickers)
            if facts is None:
                steps.append(_no_market(asset))
                continue
            entry = managed.managed_assets[asset]
            steps += self._one_alone(asset, functools.partial(self._desk.exit, asset, reason, entry, facts))
        return steps

    def _followed(self, asset: str, entry: ManagedAsset, rules: MarketRules) -> list[Step]:
        step = self._desk.follow(asset, entry, rules)
        return [step] if step is not None else []

    def _one_alone(self, asset: str, work: Callable[[], list[Step]]) -> list[Step]:
        """Let one coin's trouble be that coin's alarm: the others keep their guard.

        Storage trouble is everybody's and goes on.
        """
        try:
            return work()
        except StorageError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, the other coins are guarded on
            return [Step(asset=asset, what="failed", sentence=f"{type(error).__name__}: {error}", alarm=True)]

    def _tickers(self, symbols: list[str]) -> Mapping[str, Ticker]:
        """Return the prices in one request, or one by one where one market spoils the request for all."""
        try:
            return self._gateway.tickers(symbols)
        except (ExchangeRefusedError, ExchangeAnswerError):
            found: dict[str, Ticker] = {}
            for symbol in symbols:
                with contextlib.suppress(ExchangeRefusedError, ExchangeAnswerError):
                    found[symbol] = self._gateway.ticker(symbol)
            return found

    def _facts(
        self,
        asset: str,
        managed: ManagedStateContent,
        wallet: WalletSnapshot,
        markets: Mapping[str, MarketRules],
        tickers: Mapping[str, Ticker],
    ) -> GateFacts | None:
        symbol = pair_of(asset, self._settings.quote)
        rules = markets.get(symbol)
        if rules is None:
            return None
        return GateFacts(managed=managed, rules=rules, ticker=tickers[symbol], wallet_free=wallet.free(asset))


def _no_market(asset: str) -> Step:
    return Step(asset=asset, what="no_market", sentence="the market is gone", alarm=True)


def _unavailable(asset: str, error: ExchangeError) -> Step:
    return Step(asset=asset, what="unavailable", sentence=str(error), alarm=True)
