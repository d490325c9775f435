"""The other traders: a book around the last price, from the seed.

Spread and depth belong to the coin; in stress (an hour that moves more than usual) the spread
widens and the depth thins. The book is drawn anew every market second. What an order takes out of
it stays taken until then, so two orders in one second cannot eat the same coins.
"""

import hashlib
from collections.abc import Iterator
from decimal import Decimal
from typing import NamedTuple

import msgspec

from bot.exchange.box.market_view import MarketView
from bot.exchange.box.orders import Side
from bot.exchange.box.universe import Coin

_BUCKET_MS = 1_000
_HOUR_MS, _MINUTE_MS = 3_600_000, 60_000
_CALM_PCT, _PANIC_PCT = 100, 600
_MASK = 2**64 - 1
_STRIDE, _MIX = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9


class Level(NamedTuple):
    """One price with the quantity that others offer there."""

    price: Decimal
    quantity: Decimal


class Taken(msgspec.Struct, kw_only=True):
    """What was taken out of one market's book in one market second."""

    bucket: int
    quantities: dict[str, Decimal]
    """Base units by price text."""


class Liquidity:
    """The generated side of every book."""

    def __init__(self, view: MarketView, *, seed: int, factor: Decimal, levels: int) -> None:
        self._view = view
        self._seed = seed
        self._factor_pct = max(1, int(factor * 100))
        self._levels = levels
        self._stress: dict[str, tuple[int, int]] = {}
        self.taken: dict[str, Taken] = {}

    def levels(
        self, symbol: str, side: Side, *, last: Decimal, at_ms: int, limit: int | None = None
    ) -> Iterator[Level]:
        """Yield resting levels from the best price on: asks for `SELL`, bids for `BUY`.

        Args:
            symbol: The market.
            side: Whose orders: `SELL` are the asks that a purchase takes.
            last: The last price that the book lies around.
            at_ms: Market time.
            limit: How many levels at most.
        """
        coin = self._view.coins[symbol]
        ticks, bucket = int(last / coin.tick), at_ms // _BUCKET_MS
        stress = self._stress_pct(coin, at_ms)
        half = max(1, int(ticks * coin.spread_bps * stress) // 2_000_000)
        spacing = max(1, ticks // 8_000)
        noise = self._noise(symbol, side, bucket)
        depth_ticks = int(coin.level_depth_quote / coin.tick / coin.step) * self._factor_pct // stress
        taken = self.taken.get(symbol)
        gone = taken.quantities if taken and taken.bucket == bucket else {}
        for place in range(min(self._levels, limit or self._levels)):
            away = half + spacing * (place + place * place // 64)
            price_ticks = ticks + away if side is Side.SELL else ticks - away
            if price_ticks < 1:
                return
            share_pct = 30 + (_mixed(noise, place) * 140 >> 20) + 12 * place
            steps = max(1, depth_ticks * share_pct // 100 // price_ticks)
            price, quantity = price_ticks * coin.tick, steps * coin.step
            if gone:
                quantity -= gone.get(str(price), 0)
            if quantity > 0:
                yield Level(price, quantity)

    def take(self, symbol: str, price: Decimal, quantity: Decimal, at_ms: int) -> None:
        """Remember that this much of a level is gone for this market second."""
        bucket = at_ms // _BUCKET_MS
        taken = self.taken.get(symbol)
        if taken is None or taken.bucket != bucket:
            taken = self.taken[symbol] = Taken(bucket=bucket, quantities={})
        key = str(price)
        taken.quantities[key] = taken.quantities.get(key, Decimal(0)) + quantity

    def _noise(self, symbol: str, side: Side, bucket: int) -> int:
        key = f"{self._seed}:{symbol}:{side}:{bucket}".encode()
        return int.from_bytes(hashlib.blake2b(key, digest_size=8).digest(), "big")

    def _stress_pct(self, coin: Coin, at_ms: int) -> int:
        """Return how wild the last hour was: 100 for an ordinary one, at most 600."""
        minute = at_ms // _MINUTE_MS
        known = self._stress.get(coin.symbol)
        if known and known[0] == minute:
            return known[1]
        end = minute * _MINUTE_MS
        hour = self._view.window(coin.symbol, end - _HOUR_MS, end)
        stress = _CALM_PCT
        if hour is not None:
            range_bps = (hour.high - hour.low) * 10_000 // hour.close
            usual_bps = max(1, coin.daily_volatility_bps * 2 // 5)
            stress = min(_PANIC_PCT, max(_CALM_PCT, 100 * range_bps // usual_bps))
        self._stress[coin.symbol] = (minute, stress)
        return stress


def _mixed(noise: int, place: int) -> int:
    """Return 20 random bits for a place in the book."""
    value = (noise + place * _STRIDE) & _MASK
    value = ((value ^ (value >> 30)) * _MIX) & _MASK
    return (value ^ (value >> 27)) >> 44
