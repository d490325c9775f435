"""The stop that rests at the exchange while a coin is in the bot's hands: kept where it was agreed.

1. `follow` opens a cycle: a stop that this process has not seen resting yet (a restart, a lost answer) is
   asked for, and what it filled meanwhile is booked. So is one of which nothing is left.
2. `make_way` comes before an exit: the stop is cancelled, and only once the exchange has confirmed that, the
   exit may sell what is left. Nothing is cancelled for an exit that its own gates would not let leave.
3. `keep` comes after the exits: it places what is missing, moves what has another level or size, and cancels
   what may not rest any more (exits off, quantity in doubt, an ordered sale, a halt, the setting off).
4. A steady cycle costs no request of its own: while the cycle's own balances show that the stop's coins are
   locked, it rests. Else, and where the price has reached it, the order itself is asked for; and once a
   minute one request lists all open orders, for stops that another lock of the same coin would hide, and
   for sales of the bot's own that were given up and rest after all.
5. Nothing is cancelled for an exit or a move before a commit has shown that the state can be written: a full
   disk would else leave the coin without its stop and without an exit.
5. A stop that ended at the exchange without the bot's doing is alarmed and placed again, once for each
   agreement and process; after that it is the owner's wish.
"""

import functools
from collections.abc import Callable, Mapping
from decimal import Decimal

import msgspec

from bot.exchange.gateway import Gateway
from bot.execution.orders import OrderRequest, OrderType, Side
from bot.execution.quantity_promise import sellable_quantity
from bot.execution.resting_stop_plan import NoStop, StopPlan, is_right, planned_stop
from bot.holdings.positions import Position
from bot.kernel.clock import Clock
from bot.kernel.errors import ExchangeError
from bot.kernel.ids import base_of, pair_of
from bot.kernel.market import MarketRules
from bot.kernel.money import ZERO
from bot.lifecycle.documents import ManagedAsset, ManagedStateContent, RestingStop
from bot.lifecycle.events import Event, EventType
from bot.lifecycle.resting_stop_rules import why_it_must_go
from bot.lifecycle.states import IN_THE_BOTS_HANDS
from bot.risk.order_gates import GateFacts, check_exit
from bot.risk.resting_stop_gates import StopFacts
from bot.risk.verdict import Denied
from bot.storage.documents import MANAGED_STATE, POSITIONS
from bot.storage.state_store import StateStore
from bot.trading.exits import DUST_GATES
from bot.trading.market_look import MarketLook
from bot.trading.report import Step
from bot.trading.resting_stop_doubts import Contradictions, OpenOrdersLook, locked
from bot.trading.resting_stop_orders import RestingStopOrders
from bot.trading.round_guard import RoundGuard

_PLACED_AGAIN = 1
_SWITCHED_OFF = "setting_off"


class RestingStopSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Whether stops rest at the exchange, and how far below their level they may sell."""

    is_on: bool = False
    buffer_bps: Decimal = Decimal(100)


class RestingStopDesk:
    """Keeps the stops of all coins; what it remembers, a restart asks the exchange for again."""

    def __init__(
        self,
        store: StateStore,
        gateway: Gateway,
        orders: RestingStopOrders,
        guard: RoundGuard,
        *,
        clock: Clock,
        quote: str,
        settings: Callable[[], RestingStopSettings],
    ) -> None:
        self._store = store
        self._gateway = gateway
        self._orders = orders
        self._guard = guard
        self._quote = quote
        self._settings = settings
        self._gone: dict[tuple[str, str | None], int] = {}
        self._told: dict[str, str] = {}
        self._open_orders = OpenOrdersLook(gateway, clock)
        self._contradictions = Contradictions(clock)

    def follow(self, managed: ManagedStateContent) -> list[Step]:
        """Ask for stops that this process has not seen resting, one request for each."""
        steps: list[Step] = []
        for asset, entry in managed.managed_assets.items():
            stop = entry.resting_stop
            if stop is None or (self._orders.is_seen(stop) and stop.remaining > ZERO):
                continue
            steps += self._guard.coin(asset, functools.partial(self._found, asset, entry))
        return steps

    def make_way(self, entry: ManagedAsset, facts: GateFacts, *, at_most: Decimal) -> list[Step]:
        """Cancel the stop of a coin that is to be sold now; the state tells whether it is gone.

        Raises:
            StopRuleBrokenError: SR-15: the coin drifted, and no agreed exit is due.
            StorageError: The state cannot be written; the stop rests on.
        """
        asset, stop = facts.rules.base, entry.resting_stop
        if stop is None:
            return []
        denied = _denied_exit(asset, entry, stop, facts, at_most=at_most)
        if denied is not None:
            if self._told.get(asset) == denied.limit:
                return []
            if denied.gate in DUST_GATES:
                self._told[asset] = denied.limit
            data = {"gate": denied.gate, "limit": denied.limit, "actual": denied.actual}
            return [Step(asset=asset, what="denied", sentence=denied.sentence, data=data, alarm=True)]
        self._prove_that_the_state_takes_a_commit()
        return self._orders.cancel(asset, entry, facts.rules, f"cancelled_for_{facts.reason}")

    def keep(
        self,
        managed: ManagedStateContent,
        look: MarketLook,
        *,
        is_verified: Callable[[str, ManagedAsset], bool],
    ) -> list[Step]:
        """Place, move and cancel stops as the agreements of now ask for it."""
        settings = self._settings()
        able = self._gateway.capabilities.resting_stop
        hands = {a: e for a, e in managed.managed_assets.items() if e.state in IN_THE_BOTS_HANDS}
        if not settings.is_on:
            self._gone.clear()
        if not any(entry.resting_stop for entry in hands.values()) and not (settings.is_on and able):
            return []
        steps: list[Step] = []
        try:
            coins = self._coins(hands, look, settings)
            for coin in coins:  # what lowers risk first, and without asking for balances
                steps += self._guard.coin(coin.asset, functools.partial(self._taken_away, coin, managed))
            look.fetch_wallet()
        except ExchangeError:
            look.unsure.update(a for a, entry in hands.items() if entry.resting_stop is not None)
            return steps
        listed = self._listed(steps)
        for coin in coins:
            may_place = settings.is_on and able and is_verified(coin.asset, hands[coin.asset])
            may_place = may_place and not self._open_orders.has_stray(coin.rules.symbol)
            work = functools.partial(self._kept, coin, listed, may_place=may_place)
            steps += self._guard.coin(coin.asset, work)
        return steps

    def _coins(
        self, hands: Mapping[str, ManagedAsset], look: MarketLook, settings: RestingStopSettings
    ) -> list["_Coin"]:
        markets, positions = look.markets, self._store.read(POSITIONS).content.positions
        pairs = {asset: pair_of(asset, self._quote) for asset in hands}
        return [
            _Coin(
                asset=asset,
                rules=markets[symbol],
                position=positions.get(symbol),
                look=look,
                settings=settings,
            )
            for asset, symbol in pairs.items()
            if symbol in markets
        ]

    def _taken_away(self, coin: "_Coin", managed: ManagedStateContent) -> list[Step]:
        why = _why_not(managed, coin)
        if why is None:
            return []
        return self._cancelled(coin, managed.managed_assets[coin.asset], f"cancelled_{why}")

    def _kept(self, coin: "_Coin", listed: frozenset[str] | None, *, may_place: bool) -> list[Step]:
        managed, entry = self._now(coin.asset)
        if not _may_rest(managed, coin):
            return []
        steps = self._looked_after(coin, entry, listed)
        managed, entry = self._now(coin.asset)
        if coin.asset in coin.look.unsure or not _may_rest(managed, coin):
            return steps
        plan = self._plan(coin, entry)
        if _is_above(coin, entry) and (not may_place or isinstance(plan, NoStop)):
            return steps + self._cancelled(coin, entry, "cancelled_above_the_level")
        if isinstance(plan, NoStop):
            return steps + self._no_stop(coin.asset, entry, plan, may_place=may_place)
        self._told.pop(coin.asset, None)
        if not may_place or is_right(entry, plan, coin.rules):
            return steps
        return steps + self._as_planned(coin, managed, entry, plan)

    def _looked_after(self, coin: "_Coin", entry: ManagedAsset, listed: frozenset[str] | None) -> list[Step]:
        """Ask for the stop where anything speaks against its resting untouched."""
        stop = entry.resting_stop
        if stop is None or not self._in_doubt(coin, stop, listed):
            self._contradictions.end(coin.asset)
            return []
        try:
            steps = self._settled(coin.asset, entry, coin.rules)
        except ExchangeError as error:
            coin.look.unsure.add(coin.asset)
            return [Step(asset=coin.asset, what="unavailable", sentence=str(error), alarm=True)]
        return steps + self._weigh_balances(coin, self._now(coin.asset)[1], steps)

    def _as_planned(
        self, coin: "_Coin", managed: ManagedStateContent, entry: ManagedAsset, plan: StopPlan
    ) -> list[Step]:
        """Place the stop; one that rests elsewhere is cancelled first, and confirmed."""
        if entry.resting_stop is None:
            return self._placed(coin, managed, entry, plan)
        self._prove_that_the_state_takes_a_commit()
        steps = self._cancelled(coin, entry, "cancelled_to_be_moved")
        managed, entry = self._now(coin.asset)
        again = self._plan(coin, entry)  # by the balances of after the cancel
        if entry.resting_stop is not None or isinstance(again, NoStop):
            return steps
        return steps + self._placed(coin, managed, entry, again)

    def _placed(
        self, coin: "_Coin", managed: ManagedStateContent, entry: ManagedAsset, plan: StopPlan
    ) -> list[Step]:
        key = (coin.asset, entry.current_proposal_id)
        ticker = coin.look.tickers.get(coin.rules.symbol)
        if self._orders.waits(coin.asset) or self._gone.get(key, 0) > _PLACED_AGAIN or ticker is None:
            return []
        facts = StopFacts(
            managed=managed,
            rules=coin.rules,
            ticker=ticker,
            wallet_free=coin.look.fetch_wallet().free(coin.asset) or ZERO,
            trail=coin.position.trail if coin.position is not None else None,
        )
        return self._orders.place(coin.asset, entry, plan, facts)

    def _weigh_balances(self, coin: "_Coin", entry: ManagedAsset, steps: list[Step]) -> list[Step]:
        """Let the drift watch wait, a while, where the balances and the exchange's word on the stop differ.

        A stop that the exchange does not know at all is no reason to wait: then the balances are the word.
        """
        stop, asset = entry.resting_stop, coin.asset
        if stop is None:
            coin.look.forget_wallet()  # older than what has just been booked
        is_unknown = any(step.what == "unknown" for step in steps)
        if stop is None or is_unknown or locked(coin.look.fetch_wallet(), asset) >= stop.remaining:
            self._contradictions.end(asset)
            return []
        if not self._contradictions.is_fresh(asset):
            return self._contradictions.tell(asset)
        coin.look.unsure.add(asset)
        return []

    def _prove_that_the_state_takes_a_commit(self) -> None:
        """Commit a line that changes nothing (rule 5).

        Raises:
            StorageError: Nothing can be written now.
        """
        event = Event(type=EventType.STATE_COMMITTED, asset="*", actor="bot", command_id="")
        with self._store.transaction(what="resting stop") as transaction:
            transaction.record([event])

    def _plan(self, coin: "_Coin", entry: ManagedAsset) -> StopPlan | NoStop:
        ticker, position = coin.look.tickers.get(coin.rules.symbol), coin.position
        if ticker is None or position is None or not position.is_open:
            return NoStop(why="no_price", sentence="there is no price, or nothing is tracked yet")
        return planned_stop(
            entry,
            stop_loss=position.stop_loss,
            take_profit=position.take_profit,
            last=ticker.last,
            wallet_free=coin.look.fetch_wallet().free(coin.asset) or ZERO,
            rules=coin.rules,
            buffer_bps=coin.settings.buffer_bps,
        )

    def _no_stop(self, asset: str, entry: ManagedAsset, no: NoStop, *, may_place: bool) -> list[Step]:
        """Tell once why none can rest; what rests already stays."""
        if entry.resting_stop is not None or not may_place or no.why in {"exit_due", "no_price"}:
            return []
        if self._told.get(asset) == no.why:
            return []
        self._told[asset] = no.why
        sentence = f"its stop cannot rest at the exchange: {no.sentence}"
        return [Step(asset=asset, what="no_resting_stop", sentence=sentence, alarm=True)]

    def _cancelled(self, coin: "_Coin", entry: ManagedAsset, why: str) -> list[Step]:
        if entry.resting_stop is None:
            return []
        steps = self._orders.cancel(coin.asset, entry, coin.rules, why)
        coin.look.forget_wallet()
        return steps

    def _found(self, asset: str, entry: ManagedAsset) -> list[Step]:
        try:
            rules = self._gateway.markets().get(pair_of(asset, self._quote))
            return [] if rules is None else self._settled(asset, entry, rules)
        except ExchangeError as error:
            return [Step(asset=asset, what="unavailable", sentence=str(error), alarm=True)]

    def _settled(self, asset: str, entry: ManagedAsset, rules: MarketRules) -> list[Step]:
        """Ask for the stop, book what it filled, and count what ended without the bot's doing."""
        steps = self._orders.find(asset, entry, rules)
        if any(step.what == "stop_gone" for step in steps):
            key = (asset, entry.current_proposal_id)
            self._gone[key] = self._gone.get(key, 0) + 1
            if self._gone[key] > _PLACED_AGAIN:
                sentence = "it is not placed again before trading.resting_stop was switched off and on"
                steps.append(Step(asset=asset, what="stop_not_placed", sentence=sentence, alarm=True))
        return steps

    def _in_doubt(self, coin: "_Coin", stop: RestingStop, listed: frozenset[str] | None) -> bool:
        """Say whether anything speaks against the stop's resting untouched."""
        if not self._orders.is_seen(stop):
            return True
        if listed is not None and stop.client_order_id not in listed:
            return True
        ticker = coin.look.tickers.get(coin.rules.symbol)
        if ticker is not None and ticker.last <= stop.stop_price:
            return True
        return locked(coin.look.fetch_wallet(), coin.asset) < stop.remaining

    def _listed(self, steps: list[Step]) -> frozenset[str] | None:
        """Return the names of all open orders once a minute, else None; stray sales among them must go."""
        names = self._open_orders.take(self._store.read(MANAGED_STATE).content)
        for report in self._open_orders.strays if names is not None else ():
            asset = base_of(report.symbol)
            steps += self._guard.coin(asset, functools.partial(self._orders.withdraw, asset, report))
        return names

    def _now(self, asset: str) -> tuple[ManagedStateContent, ManagedAsset]:
        managed = self._store.read(MANAGED_STATE).content
        return managed, managed.managed_assets[asset]


class _Coin(msgspec.Struct, frozen=True, kw_only=True):
    """One coin with what this cycle knows of it."""

    asset: str
    rules: MarketRules
    position: Position | None
    look: MarketLook
    settings: RestingStopSettings


def _why_not(managed: ManagedStateContent, coin: _Coin) -> str | None:
    """Return the code of what lets no stop rest for the coin, or None."""
    return why_it_must_go(managed, coin.asset) or (None if coin.settings.is_on else _SWITCHED_OFF)


def _may_rest(managed: ManagedStateContent, coin: _Coin) -> bool:
    return managed.state_of(coin.asset) in IN_THE_BOTS_HANDS and _why_not(managed, coin) is None


def _denied_exit(
    asset: str, entry: ManagedAsset, stop: RestingStop, facts: GateFacts, *, at_most: Decimal
) -> Denied | None:
    """Let the exit's own gates say whether it could leave, were the stop out of its way."""
    freed = msgspec.structs.replace(
        entry,
        resting_stop=None,
        sold_quantity=(entry.sold_quantity or ZERO) + stop.filled_quantity,
    )
    managed = msgspec.structs.replace(
        facts.managed, managed_assets={**facts.managed.managed_assets, asset: freed}
    )
    free = (facts.wallet_free or ZERO) + stop.remaining
    order = OrderRequest(
        client_order_id=stop.client_order_id,  # never sent: it is only weighed
        symbol=facts.rules.symbol,
        side=Side.SELL,
        order_type=OrderType.MARKET,
        quantity=sellable_quantity(freed, wallet_free=min(free, at_most), rules=facts.rules),
    )
    verdict = check_exit(order, msgspec.structs.replace(facts, managed=managed, wallet_free=free))
    return verdict if isinstance(verdict, Denied) else None


def _is_above(coin: _Coin, entry: ManagedAsset) -> bool:
    """Say whether the stop on record rests above the level that counts now."""
    stop, position = entry.resting_stop, coin.position
    return stop is not None and position is not None and stop.stop_price > position.stop_loss
