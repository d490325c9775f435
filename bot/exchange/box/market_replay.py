"""A market from files of real candles, told again as market time passes.

Files are named `SOLUSDT-1h.csv` or `.csv.gz` with the columns
`timestamp_ms,open,high,low,close,volume`, oldest first. Nothing of a bar is known before market
time reaches it, and inside a bar only what its path has visited (`bars.corners`). A missing bar is
an outage: no candle, and the price stands still. Before its first bar a market is closed.
"""

import gzip
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import msgspec

from bot.exchange.box.bars import Bar, join
from bot.exchange.box.universe import COIN_BY_SYMBOL, QUOTE, VOLUME_UNIT, Coin
from bot.kernel.errors import SettingsError
from bot.kernel.market import TIMEFRAME_SECONDS

HEADER = "timestamp_ms,open,high,low,close,volume"
_COLUMNS = 6
_LONGER_LEVELS_MS = (86_400_000, 3_600_000)
_MOST_DECIMALS = 8
_SUFFIXES = (".csv", ".csv.gz")
_ANY_COIN = Coin(
    base="ANY",
    start_price=Decimal(1),
    tick=VOLUME_UNIT,
    step=Decimal("0.01"),
    max_quantity=Decimal(9_000_000),
    max_market_quantity=Decimal(1_000_000),
)
"""The limits of a market that a file has and `universe` does not know."""


class _Series(NamedTuple):
    coin: Coin
    opened_ms: list[int]
    bars: list[Bar]


class ReplayMarket:
    """A `MarketSource` over a folder of candle files of one timeframe."""

    def __init__(self, *, folder: Path, timeframe: str, symbols: Iterable[str] = ()) -> None:
        self._base_ms = TIMEFRAME_SECONDS[timeframe] * 1_000
        self._levels = (*(ms for ms in _LONGER_LEVELS_MS if ms > self._base_ms), self._base_ms)
        wanted = set(symbols)
        self._series = {
            symbol: _read_series(symbol, path, self._base_ms)
            for symbol, path in sorted(_files(folder, timeframe).items())
            if not wanted or symbol in wanted
        }
        missing = wanted - set(self._series)
        if missing or not self._series:
            raise _unusable(
                folder, f"found no {timeframe} file of {', '.join(sorted(missing)) or 'any market'}"
            )
        self._joined: dict[tuple[str, int, int], Bar | None] = {}

    @property
    def coins(self) -> Mapping[str, Coin]:
        """Return the markets by symbol."""
        return {symbol: series.coin for symbol, series in self._series.items()}

    @property
    def levels_ms(self) -> tuple[int, ...]:
        """Return days, hours and the files' own length, as far as they are not finer."""
        return self._levels

    def bar(self, symbol: str, length_ms: int, opened_ms: int) -> Bar | None:
        """Return the bar that starts here; longer ones are joined from the files' own."""
        series = self._series[symbol]
        if length_ms == self._base_ms:
            place = bisect_left(series.opened_ms, opened_ms)
            found = place < len(series.opened_ms) and series.opened_ms[place] == opened_ms
            return series.bars[place] if found else None
        key = (symbol, length_ms, opened_ms)
        if key not in self._joined:
            first = bisect_left(series.opened_ms, opened_ms)
            last = bisect_left(series.opened_ms, opened_ms + length_ms)
            bar = join(series.bars[first:last])
            self._joined[key] = bar._replace(opened_ms=opened_ms) if bar else None
        return self._joined[key]

    def last_bar_before(self, symbol: str, opened_ms: int) -> Bar | None:
        """Return the newest bar that starts before this moment, None before the first."""
        series = self._series[symbol]
        place = bisect_left(series.opened_ms, opened_ms) - 1
        return series.bars[place] if place >= 0 else None

    def first_bar_from(self, symbol: str, at_ms: int) -> Bar | None:
        """Return the oldest bar that ends after this moment, None after the last."""
        series = self._series[symbol]
        place = bisect_right(series.opened_ms, at_ms - self._base_ms)
        return series.bars[place] if place < len(series.opened_ms) else None


def _files(folder: Path, timeframe: str) -> dict[str, Path]:
    if not folder.is_dir():
        raise _unusable(folder, "it is not a folder")
    found: dict[str, Path] = {}
    for suffix in _SUFFIXES:
        ending = f"-{timeframe}{suffix}"
        for path in folder.glob(f"*{ending}"):
            found[path.name.removesuffix(ending)] = path
    return {symbol: path for symbol, path in found.items() if symbol.endswith(QUOTE) and symbol != QUOTE}


def _read_series(symbol: str, path: Path, base_ms: int) -> _Series:
    try:
        raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        lines = raw.decode("ascii").split()
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise _unusable(path, f"it cannot be read: {error}") from error
    rows = [line.split(",") for line in lines if line != HEADER]
    try:
        opened_ms = [int(row[0]) for row in rows]
    except ValueError as error:
        raise _unusable(path, f"a row does not start with a time in milliseconds: {error}") from error
    if not rows or any(b <= a for a, b in pairwise(opened_ms)):
        raise _unusable(path, "it needs rows, oldest first, each time once")
    if any(ms % base_ms for ms in opened_ms):
        raise _unusable(path, "a row's time is not the start of a bar of the file's timeframe")
    coin = _coin_of(symbol, rows, path)
    return _Series(coin, opened_ms, [_parse(row, coin, path) for row in rows])


def _coin_of(symbol: str, rows: list[list[str]], path: Path) -> Coin:
    """Return the market with a tick as fine as the file's finest price.

    Old prices have more decimals than today's filters allow; the step is made coarser where tick
    and step together would need more decimals than an account keeps.
    """
    decimals = 0
    for row in rows:
        if len(row) != _COLUMNS:
            raise _unusable(path, f"a row has {len(row)} columns, expected {_COLUMNS}: {','.join(row)[:80]}")
        for price in row[1:5]:
            decimals = max(decimals, len(price.partition(".")[2].rstrip("0")))
    known = COIN_BY_SYMBOL.get(symbol)
    if known is None:
        base = symbol.removesuffix(QUOTE)
        known = msgspec.structs.replace(_ANY_COIN, base=base)
    decimals = min(decimals, _MOST_DECIMALS)
    step = max(known.step, Decimal(10) ** (decimals - _MOST_DECIMALS))
    return msgspec.structs.replace(known, tick=Decimal(10) ** -decimals, step=step)


def _parse(row: list[str], coin: Coin, path: Path) -> Bar:
    opened_ms, *texts = row
    try:
        opened, high, low, close, volume = map(Decimal, texts)
        is_possible = 0 < low <= min(opened, close) <= max(opened, close) <= high and volume >= 0
    except InvalidOperation as error:
        raise _unusable(path, f"a row is no candle: {texts}") from error
    if not is_possible or not (high + volume).is_finite():
        raise _unusable(path, f"a row is an impossible candle: {texts}")
    return Bar(
        opened_ms=int(opened_ms),
        open=int(opened / coin.tick),
        high=int(high / coin.tick),
        low=int(low / coin.tick),
        close=int(close / coin.tick),
        volume=int(volume / coin.lot),
    )


def _unusable(path: Path, why: str) -> SettingsError:
    return SettingsError(
        f"The candles at {path.name} cannot be replayed",
        why=why,
        unchanged="No exchange was started.",
        fix=f"Give a folder of files such as SOLUSDT-1h.csv.gz with the columns {HEADER}.",
    )
