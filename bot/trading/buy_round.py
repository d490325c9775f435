"""The buys of one round: which coins may have a step bought, on which facts, one at a time.

1. `follow` opens a cycle: an open buy is asked for and booked before anything else is decided; also where
   the coin is paused, drifted or on its way back by then.
2. `run` comes behind exits and drift, on the state as they left it: an exit always goes before a buy.
3. It costs nothing where nothing can be bought: no request as long as the hard cap is zero, averaging was
   not agreed, or a gate holds the step up; the balances are read for a step that is due, once a cycle.
4. One buy per coin and cycle. What holds a due step up is told once, not with every cycle; so is a buy that
   the exchange told of too late, and nothing more is bought beside it.
"""

import functools
from collections.abc import Callable

import msgspec

from bot.exchange.gateway import Gateway
from bot.holdings.baseline import spendable_quote
from bot.holdings.positions import Position
from bot.kernel.clock import Clock
from bot.kernel.errors import ExchangeError
from bot.kernel.ids import pair_of
from bot.kernel.money import ZERO
from bot.lifecycle.buy_caps import dca_of
from bot.lifecycle.documents import ManagedAsset, ManagedStateContent
from bot.lifecycle.states import AssetState
from bot.risk.buy_gates import BuyFacts, first_denial, room_of
from bot.risk.buy_size import BuySize, size_buy
from bot.risk.verdict import Denied
from bot.storage.documents import BASELINE_HOLDINGS, MANAGED_STATE, POSITIONS
from bot.storage.state_store import StateStore
from bot.strategies.advice import View
from bot.strategies.registry import advise
from bot.trading.buy_settings import BuySettings
from bot.trading.buys import BuyDesk, denied
from bot.trading.market_look import MarketLook
from bot.trading.regime_watch import RegimeWatch
from bot.trading.report import Step
from bot.trading.round_guard import RoundGuard, no_market, unavailable
from bot.trading.universe import UniverseFacts, why_left_out

_QUIET_GATES = frozenset({"strategy", "buys_allowed", "step_distance"})
"""What holds a step up as a matter of course: a price that is not there yet tells nobody anything."""


class BuyRound:
    """Follows the open buys, and sends the one step that is due for each coin."""

    def __init__(
        self,
        store: StateStore,
        gateway: Gateway,
        desk: BuyDesk,
        regimes: RegimeWatch,
        guard: RoundGuard,
        *,
        clock: Clock,
        quote: str,
        settings: Callable[[], BuySettings],
        is_verified: Callable[[str, ManagedAsset], bool],
    ) -> None:
        self._store = store
        self._gateway = gateway
        self._desk = desk
        self._regimes = regimes
        self._guard = guard
        self._clock = clock
        self._quote = quote
        self._settings = settings
        self._is_verified = is_verified
        self._told: dict[str, tuple[str, str]] = {}

    def follow(self, managed: ManagedStateContent) -> list[Step]:
        """Ask what became of the buys whose outcome is open."""
        waiting = {asset: e for asset, e in managed.managed_assets.items() if e.buy_intent is not None}
        if not waiting:
            return []
        try:
            markets = self._gateway.markets()
        except ExchangeError as error:
            return [unavailable("*", error)]
        steps: list[Step] = []
        for asset, entry in waiting.items():
            rules = markets.get(pair_of(asset, self._quote))
            if rules is None:
                steps.append(no_market(asset))
            else:
                steps += self._guard.coin(asset, functools.partial(self._desk.follow, asset, entry, rules))
        return steps

    def run(self, look: MarketLook) -> list[Step]:
        """Buy what is due."""
        settings = self._settings()
        if settings.investable_capital_usdt <= ZERO or not look.tickers:
            return []
        managed = self._managed()
        steps: list[Step] = []
        for asset, entry in managed.managed_assets.items():
            if entry.state is AssetState.MANAGED_ACTIVE and dca_of(entry) is not None:
                work = functools.partial(self._one, asset, look, settings)
                steps += self._guard.coin(asset, work)
        if any(step.what == "buy_sent" for step in steps):
            look.forget_wallet()
        return steps

    def _one(self, asset: str, look: MarketLook, settings: BuySettings) -> list[Step]:
        """Buy one coin's next step, if everything says so; on the state of this moment."""
        managed = self._managed()
        entry = managed.managed_assets[asset]
        try:
            facts = self._facts(asset, managed, look, settings)
            if facts is None or self._desk.waits(asset):
                return []
            late = self._desk.late_buy(asset, entry)
            if late is not None:
                return [denied(asset, late, alarm=True)] if self._is_news(asset, (late.gate, "")) else []
            held_up = first_denial(facts)
            if held_up is not None:
                return self._told_once(asset, held_up)
            facts = self._with_money(asset, facts, look)
        except ExchangeError as error:
            return [unavailable(asset, error)]
        size = self._size(asset, facts)
        steps = self._desk.buy(asset, entry, facts, size)
        if [step.what for step in steps] == ["buy_denied"]:
            return self._too_small(asset, steps[0], size)
        self._told.pop(asset, None)
        look.forget_wallet()
        return steps

    def _size(self, asset: str, facts: BuyFacts) -> BuySize:
        return size_buy(
            room_of(facts, asset),
            spendable=facts.spendable or ZERO,
            ask=facts.ticker.ask,
            rules=facts.rules,
        )

    def _with_money(self, asset: str, facts: BuyFacts, look: MarketLook) -> BuyFacts:
        """Return the facts with what may be spent, and whether the database is there to hold the order's row.

        The balances are read once a cycle, and after each buy.
        """
        if not self._desk.database_answers(asset):
            return msgspec.structs.replace(facts, database_answers=False)
        free = look.fetch_wallet().free(self._quote)
        if free is None:
            return facts
        baseline = self._store.read(BASELINE_HOLDINGS).content
        spendable = spendable_quote(
            baseline, quote=self._quote, free=free, investable_capital_usdt=facts.investable
        )
        return msgspec.structs.replace(facts, spendable=spendable)

    def _facts(
        self,
        asset: str,
        managed: ManagedStateContent,
        look: MarketLook,
        settings: BuySettings,
    ) -> BuyFacts | None:
        symbol, entry = pair_of(asset, self._quote), managed.managed_assets[asset]
        position = self._store.read(POSITIONS).content.positions.get(symbol)
        ticker, seen = look.tickers.get(symbol), look.price(symbol)
        rules = look.markets.get(symbol)
        if position is None or not position.is_open or ticker is None or rules is None:
            return None
        left_out = why_left_out(
            asset,
            UniverseFacts(
                managed=managed,
                baseline=self._store.read(BASELINE_HOLDINGS).content,
                quote=self._quote,
                markets=look.markets,
                blacklist=settings.blacklist,
            ),
        )
        return BuyFacts(
            managed=managed,
            rules=rules,
            ticker=ticker,
            advice=advise(self._view(asset, entry, position, look, settings)),
            investable=settings.investable_capital_usdt,
            spendable=None,
            circuit_closed=settings.circuit_closed,
            is_verified=self._is_verified(asset, entry),
            left_out=None if left_out is None else left_out.reason,
            price_age_s=None if seen is None else seen.age_s,
            price_max_age_s=settings.price_max_age_s,
            trail=position.trail,
        )

    def _view(
        self,
        asset: str,
        entry: ManagedAsset,
        position: Position,
        look: MarketLook,
        settings: BuySettings,
    ) -> View:
        terms, regime = dca_of(entry), self._regimes.seen(asset)
        return View(
            asset=asset,
            strategy_group=entry.strategy_group or "",
            entry=entry,
            last=look.tickers[pair_of(asset, self._quote)].last,
            stop_loss=position.stop_loss,
            regime=None if regime is None else regime.name,
            steps=0 if terms is None else terms.steps,
            step_pct=ZERO if terms is None else terms.step_pct,
            steps_bought=entry.bought_steps or 0,
            min_distance_pct=settings.min_entry_stop_pct,
            now=self._clock.now(),
        )

    def _told_once(self, asset: str, verdict: Denied) -> list[Step]:
        if verdict.gate in _QUIET_GATES:
            self._told.pop(asset, None)
            return []
        return [denied(asset, verdict)] if self._is_news(asset, (verdict.gate, "")) else []

    def _too_small(self, asset: str, step: Step, size: BuySize) -> list[Step]:
        """Tell once that a due step was not bought because too little was left for it, and by which cap."""
        cut = "" if size.capped_by is None else f" It was cut by the {size.capped_by.replace('_', ' ')}."
        told = msgspec.structs.replace(step, sentence=f"a step is due and not bought: {step.sentence}{cut}")
        return [told] if self._is_news(asset, (str(step.data.get("gate")), size.capped_by or "")) else []

    def _is_news(self, asset: str, what: tuple[str, str]) -> bool:
        if self._told.get(asset) == what:
            return False
        self._told[asset] = what
        return True

    def _managed(self) -> ManagedStateContent:
        return self._store.read(MANAGED_STATE).content
