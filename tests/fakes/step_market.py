"""Public data of made-up coins whose prices move at each full hour of the test's clock.

Implements `MarketDataSource`; with the paper gateway over it it passes the gateway contract.
"""

import datetime as dt
import random
from collections.abc import Mapping, Sequence
from decimal import Decimal

from bot.exchange.gateway import Capabilities
from bot.kernel.clock import Clock
from bot.kernel.errors import ExchangeRefusedError, ExchangeUnavailableError
from bot.kernel.market import TIMEFRAME_SECONDS, BookLevel, Candle, MarketRules, OrderBook, Ticker
from bot.kernel.money import floor_to_step

HOUR_S = 3_600
TICK, STEP = Decimal("0.01"), Decimal("0.001")
_START_TICKS = 15_000
_LEAST_TICKS, _MOST_TICKS = 200, 500_000
_HOURLY_MOVE = 0.012
_LEVELS, _LEVEL_QUOTE = 20, Decimal(20_000)
_VOLUME = Decimal(40_000)
_KEPT_CANDLES = 1_500


class StepMarket:
    """One market per coin, all alike but for their walks; the same seed gives the same month."""

    def __init__(
        self, assets: Sequence[str], clock: Clock, *, seed: int, history_days: int, days: int = 40
    ) -> None:
        """Draw every price from the first day of history on.

        Args:
            assets: The coins.
            clock: Whose time is market time.
            seed: What the walks follow from.
            history_days: Days of candles before now.
            days: How far the walks reach beyond now.
        """
        self._clock = clock
        self._first = int(clock.now().timestamp()) // HOUR_S - history_days * 24
        self._first -= self._first % 24
        hours = (history_days + days + 2) * 24
        self._ticks = {f"{asset}/USDT": _walk(f"{seed}:{asset}", hours) for asset in assets}
        self._shift: dict[str, int] = {}
        self._candles: dict[tuple[str, str], list[Candle]] = {}
        self._rules = {f"{asset}/USDT": _rules(asset) for asset in assets}
        self.dead = False

    def set_price(self, symbol: str, price: Decimal) -> None:
        """Move a market to a price; its walk goes on from there."""
        self._shift[symbol] = int(price / TICK) - self._ticks[symbol][self._hour()]

    # ---- MarketDataSource -------------------------------------------------------------------------

    @property
    def capabilities(self) -> Capabilities:
        timeframes = tuple(TIMEFRAME_SECONDS)
        return Capabilities(
            name="Steps", quote="USDT", timeframes=timeframes, resting_stop=True, real_money=False
        )

    def server_time(self) -> dt.datetime:
        self._answer()
        return self._clock.now()

    def markets(self) -> Mapping[str, MarketRules]:
        self._answer()
        return self._rules

    def ticker(self, symbol: str) -> Ticker:
        self._answer(symbol)
        last = self._last(symbol)
        return Ticker(
            symbol=symbol,
            last=last,
            bid=last - TICK,
            ask=last + TICK,
            quote_volume_24h=_VOLUME * 24 * last,
            observed_at=self._clock.now(),
        )

    def tickers(self, symbols: Sequence[str]) -> Mapping[str, Ticker]:
        self._answer()
        return {symbol: self.ticker(symbol) for symbol in symbols if symbol in self._rules}

    def order_book(self, symbol: str, *, depth: int = 100) -> OrderBook:
        self._answer(symbol)
        last = self._last(symbol)
        quantity = floor_to_step(_LEVEL_QUOTE / last, STEP)
        away = [TICK * number for number in range(1, min(depth, _LEVELS) + 1)]
        return OrderBook(
            symbol=symbol,
            bids=tuple(BookLevel(price=last - step, quantity=quantity) for step in away),
            asks=tuple(BookLevel(price=last + step, quantity=quantity) for step in away),
            observed_at=self._clock.now(),
        )

    def candles(self, symbol: str, timeframe: str, *, limit: int) -> tuple[Candle, ...]:
        self._answer(symbol)
        if timeframe not in TIMEFRAME_SECONDS:
            raise ExchangeRefusedError(f"There is no timeframe {timeframe}.")
        seconds = TIMEFRAME_SECONDS[timeframe]
        now_s = int(self._clock.now().timestamp())
        current_s = now_s - now_s % seconds
        if seconds < HOUR_S:
            opened = range(current_s - seconds * (limit - 1), current_s + 1, seconds)
            return tuple(self._candle(symbol, start, seconds) for start in opened)
        closed = self._candles.setdefault((symbol, timeframe), [])
        oldest_s = max(self._first * HOUR_S + seconds, current_s - _KEPT_CANDLES * seconds)
        next_s = int(closed[-1].opened_at.timestamp()) + seconds if closed else oldest_s
        for start in range(next_s, current_s, seconds):
            closed.append(self._candle(symbol, start, seconds))
        return (*closed[max(0, len(closed) - limit + 1) :], self._candle(symbol, current_s, seconds))[-limit:]

    def close(self) -> None:
        """There is nothing to release."""

    # ---- inside -----------------------------------------------------------------------------------

    def _candle(self, symbol: str, start_s: int, seconds: int) -> Candle:
        first = start_s // HOUR_S - self._first
        current = self._hour()
        end = min((start_s + seconds - 1) // HOUR_S - self._first, current)
        ticks = self._ticks[symbol][first - 1 : end + 1]
        if end == current:
            ticks = [*ticks, int(self._last(symbol) / TICK)]
        return Candle(
            opened_at=dt.datetime.fromtimestamp(start_s, dt.UTC),
            open=ticks[0] * TICK,
            high=max(ticks) * TICK,
            low=min(ticks) * TICK,
            close=ticks[-1] * TICK,
            volume=_VOLUME * (end - first + 1),
        )

    def _hour(self) -> int:
        return int(self._clock.now().timestamp()) // HOUR_S - self._first

    def _last(self, symbol: str) -> Decimal:
        ticks = self._ticks[symbol][self._hour()] + self._shift.get(symbol, 0)
        return max(ticks, _LEAST_TICKS) * TICK

    def _answer(self, symbol: str | None = None) -> None:
        if self.dead:
            raise ExchangeUnavailableError("The market does not answer.")
        if symbol is not None and symbol not in self._rules:
            raise ExchangeRefusedError(f"There is no market {symbol}.", code="market_unavailable")


def _walk(seed: str, hours: int) -> list[int]:
    """Return a price in ticks for every hour: a walk that is drawn back to where it began."""
    chance = random.Random(seed)
    ticks, price = [], float(_START_TICKS)
    for _ in range(hours):
        pull = 0.0004 * (_START_TICKS - price) / _START_TICKS
        price *= 1 + chance.gauss(pull, _HOURLY_MOVE)
        price = min(max(price, _LEAST_TICKS), _MOST_TICKS)
        ticks.append(int(price))
    return ticks


def _rules(asset: str) -> MarketRules:
    return MarketRules(
        symbol=f"{asset}/USDT",
        base=asset,
        quote="USDT",
        active=True,
        tick_size=TICK,
        min_price=TICK,
        step_size=STEP,
        min_quantity=STEP,
        max_quantity=Decimal(90_000),
        max_market_quantity=Decimal(20_000),
        min_notional=Decimal(5),
    )
