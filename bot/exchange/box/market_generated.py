"""A market from a seed: regimes, volatility in clusters, coins that move together.

Days come first: one random path for the whole market, one per coin that follows it, pulled gently
back so that prices stay plausible for decades. A day is then split into 24 hours and an hour into
60 minutes, each split drawn from a key of (seed, symbol, length, start). Children stay inside
their parent's range, touch both ends of it, and add up to its volume, so candles of all lengths
agree to the last tick, and a thousand days cost nothing but their own numbers.
"""

import hashlib
import math
from collections.abc import Mapping
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from bot.exchange.box.bars import Bar
from bot.exchange.box.universe import Coin

DAY_MS, HOUR_MS, MINUTE_MS = 86_400_000, 3_600_000, 60_000
FIRST_DAY = 16_071
"""2014-01-01, in days since 1970: the market's first day."""
DAYS = 9_497
"""The market ends with 2039."""

_CHILDREN = {HOUR_MS: 24, MINUTE_MS: 60}
_PARENT = {HOUR_MS: DAY_MS, MINUTE_MS: HOUR_MS}
_KEPT_SPLITS = 4_096
_PULL_BACK = 0.004
_VOLATILITY_MEMORY, _VOLATILITY_SHOCK = 0.94, 0.16
_REGIMES = ((0.0012, 0.8), (0.0, 0.55), (-0.0016, 1.1), (-0.004, 2.2))
"""Daily drift of the whole market, and factor on its volatility: rising, calm, falling, stress."""
_REGIME_DAYS = (70, 45, 50, 9)

Floats = npt.NDArray[np.float64]
Days = tuple[list[int], list[int], list[int], list[int], list[int]]


class GeneratedMarket:
    """A `MarketSource` whose bars depend on seed, symbol and time alone.

    A coin's price is its `start_price` at the beginning of the day of `start_ms`.
    """

    def __init__(self, *, seed: int, coins: Mapping[str, Coin], start_ms: int) -> None:
        self._seed = seed
        self._coins = dict(coins)
        self._anchor = min(max(start_ms // DAY_MS - FIRST_DAY, 1), DAYS - 1)
        self._days: dict[str, Days] = {}
        self._splits: dict[tuple[str, int, int], list[Bar]] = {}
        self._whole_market: Floats | None = None

    @property
    def coins(self) -> Mapping[str, Coin]:
        """Return the markets by symbol."""
        return self._coins

    @property
    def levels_ms(self) -> tuple[int, ...]:
        """Return days, hours, minutes."""
        return (DAY_MS, HOUR_MS, MINUTE_MS)

    def bar(self, symbol: str, length_ms: int, opened_ms: int) -> Bar | None:
        """Return a day, an hour or a minute; None before the first and after the last day."""
        if length_ms == DAY_MS:
            return self._day(symbol, opened_ms)
        parent_ms = _PARENT[length_ms]
        parent_opened = opened_ms - opened_ms % parent_ms
        children = self._children(symbol, length_ms, parent_opened)
        return children[(opened_ms - parent_opened) // length_ms] if children else None

    def last_bar_before(self, symbol: str, opened_ms: int) -> Bar | None:
        """Return the minute before; after the last day the last minute of all."""
        end_ms = (FIRST_DAY + DAYS) * DAY_MS
        return self.bar(symbol, MINUTE_MS, min(opened_ms - 1, end_ms - 1) // MINUTE_MS * MINUTE_MS)

    def first_bar_from(self, symbol: str, at_ms: int) -> Bar | None:
        """Return the minute of this moment; before the first day the first minute of all."""
        return self.bar(symbol, MINUTE_MS, max(at_ms, FIRST_DAY * DAY_MS) // MINUTE_MS * MINUTE_MS)

    def _day(self, symbol: str, opened_ms: int) -> Bar | None:
        index = opened_ms // DAY_MS - FIRST_DAY
        if not 0 <= index < DAYS:
            return None
        days = self._days.get(symbol)
        if days is None:
            days = self._days[symbol] = self._draw_days(self._coins[symbol])
        opens, highs, lows, closes, volumes = days
        return Bar(opened_ms, opens[index], highs[index], lows[index], closes[index], volumes[index])

    def _children(self, symbol: str, length_ms: int, parent_opened: int) -> list[Bar]:
        key = (symbol, length_ms, parent_opened)
        found = self._splits.get(key)
        if found is None:
            parent = self.bar(symbol, _PARENT[length_ms], parent_opened)
            if parent is None:
                return []
            if len(self._splits) >= _KEPT_SPLITS:
                del self._splits[next(iter(self._splits))]
            draw = _Draw(f"{self._seed}:{symbol}:{length_ms}:{parent_opened}")
            found = self._splits[key] = _split(parent, length_ms, _CHILDREN[length_ms], draw)
        return found

    def _draw_days(self, coin: Coin) -> Days:
        draw = _Draw(f"{self._seed}:{coin.symbol}:days")
        volatility = coin.daily_volatility_bps / 10_000
        own_share = 0.6 if coin.beta_pct else 1.0
        own = volatility * own_share * _clustered(draw) * draw.normals(DAYS)
        moves = own + coin.beta_pct / 100 * self._market_moves()
        logs = _pulled_back(moves)
        closes_at = np.exp(logs - logs[self._anchor - 1]) * float(coin.start_price / coin.tick)
        closes = np.maximum(np.rint(closes_at), 1)
        opens = np.concatenate(([closes[0]], closes[:-1]))
        reach = volatility * 0.6 * np.abs(draw.normals(2 * DAYS)).reshape(2, DAYS)
        highs = np.rint(np.maximum(opens, closes) * np.exp(reach[0]))
        lows = np.maximum(np.rint(np.minimum(opens, closes) * np.exp(-reach[1])), 1)
        unit = float(coin.daily_volume_quote / coin.tick / coin.lot)
        busy = np.exp(0.35 * draw.normals(DAYS) + np.minimum(6 * np.abs(moves), 1.5))
        volumes = np.rint(unit / closes * busy)
        return _whole(opens), _whole(highs), _whole(lows), _whole(closes), _whole(volumes)

    def _market_moves(self) -> Floats:
        if self._whole_market is None:
            draw = _Draw(f"{self._seed}:market:days")
            drift, factor = _regimes(draw)
            self._whole_market = drift + 0.022 * factor * _clustered(draw) * draw.normals(DAYS)
        return self._whole_market


class _Draw:
    """Random numbers from a text key; the bit generator and the normal transform are fixed here."""

    def __init__(self, key: str) -> None:
        digest = hashlib.sha256(key.encode()).digest()
        self._generator = np.random.Generator(np.random.Philox(key=int.from_bytes(digest[:16], "big")))

    def uniforms(self, count: int) -> Floats:
        return self._generator.random(count)

    def normals(self, count: int) -> Floats:
        """Return normals by Box and Muller: unlike a library's own, they never change with it."""
        half = (count + 1) // 2
        u = self._generator.random(2 * half).reshape(2, half)
        radius = np.sqrt(-2.0 * np.log1p(-u[0]))
        angle = 2.0 * math.pi * u[1]
        return np.concatenate((radius * np.cos(angle), radius * np.sin(angle)))[:count]


def _whole(numbers: Floats) -> list[int]:
    return [int(number) for number in numbers.astype(np.int64).tolist()]


def _clustered(draw: _Draw) -> Floats:
    """Return a factor on volatility per day: quiet and wild days come in clusters, mean about 1."""
    level, levels = 0.0, []
    for shock in draw.normals(DAYS).tolist():
        level = _VOLATILITY_MEMORY * level + _VOLATILITY_SHOCK * shock
        levels.append(level)
    return np.exp(np.array(levels) - 0.11)


def _regimes(draw: _Draw) -> tuple[Floats, Floats]:
    """Return drift and volatility factor per day; a regime lasts for weeks, stress for days."""
    drift, factor = np.empty(DAYS), np.empty(DAYS)
    at, regime = 0, 0
    while at < DAYS:
        length_draw, next_draw = draw.uniforms(2).tolist()
        end = at + max(2, round(_REGIME_DAYS[regime] * (0.4 + 1.2 * length_draw)))
        drift[at:end], factor[at:end] = _REGIMES[regime]
        at, regime = end, (regime + 1 + int(next_draw * (len(_REGIMES) - 1))) % len(_REGIMES)
    return drift, factor


def _pulled_back(moves: Floats) -> Floats:
    """Return the path of log prices, drawn back a little every day."""
    level, levels = 0.0, []
    for move in moves.tolist():
        level = (1 - _PULL_BACK) * level + move
        levels.append(level)
    return np.array(levels)


def _split(parent: Bar, length_ms: int, count: int, draw: _Draw) -> list[Bar]:
    """Return the children of a bar: same range, same ends, same volume in sum."""
    low, high = parent.low, parent.high
    normals = draw.normals(3 * count)
    uniforms = draw.uniforms(count)
    part = np.arange(1, count + 1) / count
    walk = np.cumsum(normals[:count])
    width = (high - low) / (2.4 * math.sqrt(count))
    line = parent.open + (parent.close - parent.open) * part + (walk - walk[-1] * part) * width
    closes = np.clip(np.rint(line), low, high)
    closes[-1] = parent.close
    opens = np.concatenate(([float(parent.open)], closes[:-1]))
    reach = np.rint(np.abs(normals[count:]) * width * 0.6).reshape(2, count)
    highs = np.minimum(np.maximum(opens, closes) + reach[0], high)
    lows = np.maximum(np.minimum(opens, closes) - reach[1], low)
    highs[int(np.argmax(highs))] = high
    lows[int(np.argmin(lows))] = low
    shares = 0.4 + uniforms + np.abs(closes - opens) / max(high - low, 1)
    edges = [int(edge) for edge in np.rint(np.cumsum(shares) / shares.sum() * parent.volume).tolist()]
    edges[-1] = parent.volume
    volumes = [end - start for start, end in pairwise([0, *edges])]
    rows = zip(_whole(opens), _whole(highs), _whole(lows), _whole(closes), volumes, strict=True)
    return [Bar(parent.opened_ms + i * length_ms, *row) for i, row in enumerate(rows)]
