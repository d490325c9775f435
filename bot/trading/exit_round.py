"""The exits of one round: which coins are watched, which are due, and each sale through every gate.

1. A coin is watched while it has an open position and nothing forbids its exit (`why_no_exit_now`).
2. A coin that this process has not verified yet is verified first, and gets no order before (`start_check`).
3. An exit is due by its stop, its target or by force, judged at the price of this round.
4. The balances are read only when something is due; each coin's trouble is its own.
5. A stop that rests at the exchange is cancelled first. Only when that is confirmed the exit leaves, for what
   is left then, by balances that were read after it.
"""

import functools
from collections.abc import Callable, Mapping
from decimal import Decimal

from bot.exchange.gateway import Gateway
from bot.holdings.drift import DriftLimits
from bot.holdings.positions import Position
from bot.kernel.errors import ExchangeError
from bot.kernel.ids import pair_of
from bot.kernel.market import MarketRules
from bot.lifecycle.documents import ExitReason, ManagedStateContent
from bot.lifecycle.exit_rules import orders_in_flight, why_no_exit_now
from bot.lifecycle.exit_triggers import due_exit
from bot.lifecycle.states import IN_THE_BOTS_HANDS
from bot.risk.order_gates import GateFacts
from bot.storage.documents import MANAGED_STATE, POSITIONS
from bot.storage.state_store import StateStore
from bot.trading.exits import ExitDesk
from bot.trading.market_look import MarketLook, Remembered
from bot.trading.market_watch import Armed, Levels
from bot.trading.report import Step
from bot.trading.resting_stop import RestingStopDesk
from bot.trading.round_guard import RoundGuard, no_market, unavailable
from bot.trading.start_check import StartCheck
from bot.trading.trades_check import TradesCheck


class ExitRound:
    """Follows the open exits, and sends those that are due."""

    def __init__(
        self,
        store: StateStore,
        gateway: Gateway,
        desk: ExitDesk,
        start: StartCheck,
        trades: TradesCheck,
        guard: RoundGuard,
        stops: RestingStopDesk,
        *,
        quote: str,
        limits: Callable[[], DriftLimits],
        price_max_age_s: Callable[[], Decimal],
    ) -> None:
        self._store = store
        self._gateway = gateway
        self._desk = desk
        self._start = start
        self._trades = trades
        self._guard = guard
        self._stops = stops
        self._quote = quote
        self._limits = limits
        self._price_max_age_s = price_max_age_s

    def follow(self, managed: ManagedStateContent) -> list[Step]:
        """Ask what became of the orders whose outcome is open."""
        open_entries = {a: e for a, e in managed.managed_assets.items() if e.exit_intent is not None}
        if not open_entries:
            return []
        try:
            markets = self._gateway.markets()
        except ExchangeError as error:
            return [unavailable("*", error)]
        steps: list[Step] = []
        for asset, entry in open_entries.items():
            rules = markets.get(pair_of(asset, self._quote))
            if rules is None:
                steps.append(no_market(asset))
            else:
                steps += self._guard.coin(asset, functools.partial(self._desk.follow, asset, entry, rules))
        return steps

    def watched(self, managed: ManagedStateContent) -> dict[str, Position]:
        """Return the position of each coin whose exits are evaluated."""
        positions = self._store.read(POSITIONS).content.positions
        found: dict[str, Position] = {}
        for asset in managed.managed_assets:
            position = positions.get(pair_of(asset, self._quote))
            tracked = position is not None and position.is_open
            if position is not None and tracked and why_no_exit_now(managed, asset) is None:
                found[asset] = position
        return found

    def armed(self, managed: ManagedStateContent) -> Armed:
        """Return what the streams are to watch for: levels, orders in flight, and all coins in hand."""
        entries = {a: e for a, e in managed.managed_assets.items() if e.state in IN_THE_BOTS_HANDS}
        return Armed(
            levels={
                pair_of(asset, self._quote): Levels(
                    asset=asset, stop_loss=position.stop_loss, take_profit=position.take_profit
                )
                for asset, position in self.watched(managed).items()
                if self._start.is_verified(asset, managed.managed_assets[asset])
            },
            orders={o.client_order_id: a for a, entry in entries.items() for o in orders_in_flight(entry)},
            symbols=frozenset(pair_of(asset, self._quote) for asset in entries),
        )

    def run(
        self,
        managed: ManagedStateContent,
        watched: Mapping[str, Position],
        look: MarketLook,
        known: Remembered | None = None,
    ) -> list[Step]:
        """Fetch the prices, verify what is new, and sell what is due.

        With what is known already, between two cycles, nothing is verified: what is not, waits for the cycle.
        """
        in_hands = (a for a, entry in managed.managed_assets.items() if entry.state in IN_THE_BOTS_HANDS)
        steps: list[Step] = []
        try:
            symbols = sorted(pair_of(asset, self._quote) for asset in in_hands)
            if known is not None:
                look.remember(known, symbols)
            tickers = look.tickers or look.fetch_tickers(symbols)
            if known is None:
                steps = self._verify(managed, look)
            due = self._due(managed, watched, look)
            steps += [
                Step(asset=a, what="no_price", sentence="the exchange told no price", alarm=True)
                for a in watched
                if pair_of(a, self._quote) not in tickers
            ]
            if not due:
                return steps
            look.fetch_wallet()
            markets = look.markets
            in_the_way = [asset for asset in due if managed.managed_assets[asset].resting_stop is not None]
            for asset in in_the_way:
                steps += self._make_way(watched[asset], due[asset], managed, look)
            if in_the_way:
                look.forget_wallet()
                look.fetch_wallet()
                managed = self._store.read(MANAGED_STATE).content
                due = {asset: due[asset] for asset in due if _is_free(managed, asset)}
        except ExchangeError as error:
            return [*steps, *(unavailable(asset, error) for asset in watched)]
        for asset, reason in due.items():
            sell = functools.partial(self._sell, watched[asset], reason, managed, look, markets)
            steps += self._guard.coin(asset, sell)
        if any(step.what == "exit_sent" for step in steps):
            look.forget_wallet()
        return steps

    def _sell(
        self,
        position: Position,
        reason: ExitReason,
        managed: ManagedStateContent,
        look: MarketLook,
        markets: Mapping[str, MarketRules],
    ) -> list[Step]:
        """Send one exit; where the sales before it took long, at prices that are asked for once more."""
        asset = position.asset
        age_s = look.price_age_s(pair_of(asset, self._quote))
        if age_s is not None and age_s > self._price_max_age_s():
            look.fetch_tickers(sorted(look.tickers))
        facts = self._facts(position, reason, managed, look, markets)
        if facts is None:
            return [no_market(asset)]
        return self._desk.exit(asset, managed.managed_assets[asset], facts, at_most=position.quantity)

    def _make_way(
        self, position: Position, reason: ExitReason, managed: ManagedStateContent, look: MarketLook
    ) -> list[Step]:
        """Have the coin's resting stop cancelled and confirmed before its exit (rule 5)."""
        asset = position.asset
        facts = self._facts(position, reason, managed, look, look.markets)
        if facts is None:
            return [no_market(asset)]
        if self._desk.waits(asset):
            return []  # its last exit was refused a moment ago: the stop stays until the next try
        entry = managed.managed_assets[asset]
        work = functools.partial(self._stops.make_way, entry, facts, at_most=position.quantity)
        return self._guard.coin(asset, work)

    def _due(
        self, managed: ManagedStateContent, watched: Mapping[str, Position], look: MarketLook
    ) -> dict[str, ExitReason]:
        """Return why each coin is to be sold now; only coins that this process has verified."""
        found: dict[str, ExitReason] = {}
        for asset, position in watched.items():
            ticker = look.tickers.get(pair_of(asset, self._quote))
            entry = managed.managed_assets[asset]
            if ticker is None or not self._start.is_verified(asset, entry):
                continue
            reason = due_exit(
                last=ticker.last,
                stop_loss=position.stop_loss,
                take_profit=position.take_profit,
                forced=bool(entry.force_exit),
            )
            if reason is not None:
                found[asset] = reason
        return found

    def _verify(self, managed: ManagedStateContent, look: MarketLook) -> list[Step]:
        """Verify what this process has not verified yet; where that fails, no order leaves."""

        def verify() -> list[Step]:
            positions = self._store.read(POSITIONS).content.positions
            steps, fresh = self._start.look(managed, positions, look, self._limits())
            self._trades.ask_for(*fresh)
            return steps

        return self._guard.part(verify, what="start_check_failed")

    def _facts(
        self,
        position: Position,
        reason: ExitReason,
        managed: ManagedStateContent,
        look: MarketLook,
        markets: Mapping[str, MarketRules],
    ) -> GateFacts | None:
        asset = position.asset
        symbol = pair_of(asset, self._quote)
        rules = markets.get(symbol)
        if rules is None or look.wallet is None or symbol not in look.tickers:
            return None
        return GateFacts(
            managed=managed,
            rules=rules,
            ticker=look.tickers[symbol],
            reason=reason,
            wallet_free=look.wallet.free(asset),
            price_age_s=look.price_age_s(symbol),
            price_max_age_s=self._price_max_age_s(),
            trail=position.trail,
        )


def _is_free(managed: ManagedStateContent, asset: str) -> bool:
    """Say whether the coin is still the bot's to sell, and no stop stands in the way."""
    entry = managed.managed_assets.get(asset)
    return entry is not None and entry.state in IN_THE_BOTS_HANDS and entry.resting_stop is None
