"""The market's trades, those of the account among them, numbered by time.

Between others there is one trade every five seconds, at the price that the path has there, and one
where the price was forced. They are drawn when asked for, so nothing is stored. The account's own
fills join from the ledger. A trade's number is its millisecond times a thousand, plus its place
among the trades of that millisecond.
"""

import hashlib
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import NamedTuple

from bot.exchange.box.ledger import Ledger
from bot.exchange.box.market_view import MarketView
from bot.kernel.money import floor_to_step

EVERY_MS = 5_000
PLACES = 1_000
"""How many numbers a millisecond has."""
_FIRST_FORCED, _FIRST_OWN = 1, 500


class PublicTrade(NamedTuple):
    """One trade of the market."""

    number: int
    executed_ms: int
    price: Decimal
    quantity: Decimal
    is_buyer_maker: bool


class PublicTrades:
    """The trades of one exchange."""

    def __init__(self, view: MarketView, ledger: Ledger) -> None:
        self._view = view
        self._ledger = ledger

    def between(self, symbol: str, from_ms: int, to_ms: int) -> list[PublicTrade]:
        """Return the trades from one moment to another, both included, oldest first."""
        trades = [
            *self._drawn(symbol, from_ms, to_ms),
            *_numbered(self._forced(symbol, from_ms, to_ms), _FIRST_FORCED),
            *_numbered(self._own(symbol, from_ms, to_ms), _FIRST_OWN),
        ]
        return sorted(trades, key=lambda trade: trade.number)

    def newest(self, symbol: str, count: int, until_ms: int) -> list[PublicTrade]:
        """Return the newest trades up to a moment, oldest first."""
        return self.between(symbol, until_ms - count * EVERY_MS + 1, until_ms)[-count:]

    def oldest(self, symbol: str, count: int, from_ms: int, until_ms: int) -> list[PublicTrade]:
        """Return the oldest trades from a moment on, oldest first."""
        return self.between(symbol, from_ms, min(until_ms, from_ms + count * EVERY_MS))[:count]

    def _drawn(self, symbol: str, from_ms: int, to_ms: int) -> Iterator[PublicTrade]:
        for tick in range(max(0, -(-from_ms // EVERY_MS)), to_ms // EVERY_MS + 1):
            at_ms = tick * EVERY_MS
            price = self._view.last_price(symbol, at_ms)
            if price is not None:
                yield self._between_others(symbol, at_ms, price)

    def _forced(self, symbol: str, from_ms: int, to_ms: int) -> Iterator[PublicTrade]:
        for shift in self._view.shifts.get(symbol, []):
            if from_ms <= shift.at_ms <= to_ms:
                price = shift.target * self._view.coins[symbol].tick
                yield self._between_others(symbol, shift.at_ms, price)

    def _own(self, symbol: str, from_ms: int, to_ms: int) -> Iterator[PublicTrade]:
        trades = self._ledger.trades_of(symbol)
        for trade in trades[bisect_left(trades, from_ms, key=lambda trade: trade.executed_ms) :]:
            if trade.executed_ms > to_ms:
                return
            is_buyer_maker = trade.is_buyer == trade.is_maker
            yield PublicTrade(0, trade.executed_ms, trade.price, trade.quantity, is_buyer_maker)

    def _between_others(self, symbol: str, at_ms: int, price: Decimal) -> PublicTrade:
        coin = self._view.coins[symbol]
        noise = hashlib.blake2b(f"{symbol}:{at_ms}".encode(), digest_size=3).digest()
        worth = coin.level_depth_quote * (1 + noise[0]) / 256
        quantity = max(coin.step, floor_to_step(worth / price, coin.step))
        return PublicTrade(at_ms * PLACES, at_ms, price, quantity, is_buyer_maker=noise[1] % 2 == 0)


def _numbered(trades: Iterable[PublicTrade], first: int) -> Iterator[PublicTrade]:
    """Number trades in their order, from a place of their millisecond on."""
    at_ms, place = -1, 0
    for trade in trades:
        at_ms, place = (at_ms, place + 1) if trade.executed_ms == at_ms else (trade.executed_ms, first)
        yield trade._replace(number=at_ms * PLACES + min(place, PLACES - 1))
