"""Lifts the stops that follow the price: once per round, from the prices that the round has seen anyway.

1. Only coins whose exits are watched; an open exit order moves nothing.
2. A price counts as far as somebody both traded and still buys there: the lower one of last and bid. A
   lone nonsense trade lifts no stop.
3. A price that is older than a price may be, or that no market can have (`price_sanity`), counts not at all.
4. A price that would lift the stop by more than its whole distance at once is asked for a second time, all
   such coins in one request; the lower answer counts.
5. What is due to be recorded (`bot/lifecycle/trailing.py`, rule 4) is written in one commit for all coins;
   in a round in which no stop rises nothing is written and nothing is asked.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal

import msgspec

from bot.exchange.gateway import Gateway
from bot.holdings.drift import DriftLimits
from bot.holdings.positions import Position, PositionsContent
from bot.kernel.clock import Clock
from bot.kernel.errors import ExchangeError
from bot.kernel.ids import pair_of
from bot.kernel.market import Ticker
from bot.kernel.money import text
from bot.lifecycle.documents import ManagedStateContent
from bot.lifecycle.exit_rules import why_no_exit_now
from bot.lifecycle.trailing import Plan, observed, plan_of, stop_at
from bot.lifecycle.trailing_terms import Trail
from bot.risk.order_gates import is_sane_price
from bot.storage.documents import MANAGED_STATE, POSITIONS
from bot.storage.positions_writer import write_positions
from bot.storage.state_store import StateStore
from bot.trading.market_look import MarketLook
from bot.trading.report import Step


class TrailingStops:
    """Lifts stops; remembers nothing, so a restart changes nothing."""

    def __init__(
        self,
        store: StateStore,
        gateway: Gateway,
        *,
        clock: Clock,
        quote: str,
        limits: Callable[[], DriftLimits],
    ) -> None:
        self._store = store
        self._gateway = gateway
        self._clock = clock
        self._quote = quote
        self._limits = limits

    def follow(
        self, managed: ManagedStateContent, watched: Mapping[str, Position], look: MarketLook
    ) -> list[Step]:
        """Record the new highest prices of this round, where they lift a stop.

        Raises:
            ExchangeError: The exchange does not tell its markets.
            StorageError: The positions cannot be written.
        """
        seen = {
            pair_of(asset, self._quote): price
            for asset in watched
            if plan_of(managed.managed_assets[asset]) is not None
            and (price := self._price(pair_of(asset, self._quote), look)) is not None
        }
        if not seen:
            return []
        ticks = {symbol: rules.tick_size for symbol, rules in look.markets.items() if symbol in seen}
        positions = self._store.read(POSITIONS).content
        rising = self._rising(managed, positions, seen, ticks)
        seen |= self._asked_again(managed, positions, rising)
        if not self._rising(managed, positions, {symbol: seen[symbol] for symbol in rising}, ticks):
            return []
        with self._store.transaction(what="trailing stop") as transaction:
            managed = transaction.current(MANAGED_STATE).content
            before = transaction.current(POSITIONS).content
            lifted = self._rising(managed, before, {symbol: seen[symbol] for symbol in rising}, ticks)
            after = {symbol: _with_trail(managed, before, symbol, trail) for symbol, trail in lifted.items()}
            if after:
                write_positions(transaction, PositionsContent(positions={**before.positions, **after}))
        return [_step(before.positions[symbol], position) for symbol, position in after.items()]

    def _price(self, symbol: str, look: MarketLook) -> Decimal | None:
        """Return the price that counts, or None where none does (rules 2 and 3)."""
        ticker, price = look.tickers.get(symbol), look.price(symbol)
        if ticker is None or price is None or price.age_s > self._limits().price_max_age_s:
            return None
        return _counted(ticker, symbol)

    def _rising(
        self,
        managed: ManagedStateContent,
        positions: PositionsContent,
        seen: Mapping[str, Decimal],
        ticks: Mapping[str, Decimal],
    ) -> dict[str, Trail]:
        """Return what is to be recorded, by symbol."""
        found: dict[str, Trail] = {}
        for symbol, price in seen.items():
            position, tick = positions.positions.get(symbol), ticks.get(symbol)
            plan = _plan(managed, position)
            if position is None or plan is None or tick is None:
                continue
            trail = observed(plan, position.trail, price, tick_size=tick, now=self._clock.now())
            if trail is not None:
                found[symbol] = trail
        return found

    def _asked_again(
        self, managed: ManagedStateContent, positions: PositionsContent, rising: Mapping[str, Trail]
    ) -> dict[str, Decimal]:
        """Return the lower one of two answers for each price that leaps (rule 4); none: it does not count."""
        leaping = {
            symbol: trail.highest_price
            for symbol, trail in rising.items()
            if _leaps(managed, positions.positions[symbol], trail)
        }
        if not leaping:
            return {}
        try:
            tickers = self._gateway.tickers(sorted(leaping))
        except ExchangeError:
            tickers = {}
        again = {symbol: _counted(ticker, symbol) for symbol, ticker in tickers.items()}
        return {symbol: min(price, again.get(symbol) or _NOTHING) for symbol, price in leaping.items()}


_NOTHING = Decimal(0)


def _plan(managed: ManagedStateContent, position: Position | None) -> Plan | None:
    """Return how the position's stop follows the price, or None where it may not rise now (rule 1)."""
    entry = managed.managed_assets.get(position.asset) if position is not None else None
    if position is None or entry is None or not position.is_open:
        return None
    agreed = position.proposal_id == entry.current_proposal_id
    return plan_of(entry) if agreed and why_no_exit_now(managed, position.asset) is None else None


def _counted(ticker: Ticker, symbol: str) -> Decimal | None:
    return min(ticker.last, ticker.bid) if is_sane_price(ticker, symbol) else None


def _leaps(managed: ManagedStateContent, position: Position, trail: Trail) -> bool:
    plan = _plan(managed, position)
    if plan is None:
        return False
    return stop_at(plan, trail.highest_price, trail.tick_size) - position.stop_loss > plan.distance


def _with_trail(
    managed: ManagedStateContent, before: PositionsContent, symbol: str, trail: Trail
) -> Position:
    position = before.positions[symbol]
    plan = _plan(managed, position)
    stop = position.stop_loss if plan is None else stop_at(plan, trail.highest_price, trail.tick_size)
    return msgspec.structs.replace(
        position,
        stop_loss=stop,
        highest_price=trail.highest_price,
        trailing_from=trail.trailing_from,
        tick_size=trail.tick_size,
    )


def _step(before: Position, after: Position) -> Step:
    return Step(
        asset=after.asset,
        what="stop_lifted",
        sentence=f"the stop follows the price: from {text(before.stop_loss)} to {text(after.stop_loss)}",
        data={
            "from": before.stop_loss,
            "to": after.stop_loss,
            "highest_price": after.highest_price,
            "trailing_from": after.trailing_from,
        },
    )
