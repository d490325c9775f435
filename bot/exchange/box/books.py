"""Order books as clients see them: the generated levels with the account's own orders among them.

A book that somebody follows is numbered: every level that changes takes one number, so a snapshot and
the changes after it fit together without a gap, however often either is asked for.
"""

from collections.abc import Hashable
from decimal import Decimal
from typing import Any

from bot.exchange.box.liquidity import Liquidity
from bot.exchange.box.market_view import MarketView
from bot.exchange.box.matching import Matching
from bot.exchange.box.orders import Side
from bot.exchange.box.wire import ZERO_TEXT, amount
from bot.kernel.money import ZERO

Json = dict[str, Any]
Levels = dict[Decimal, Decimal]

_BUCKET_MS = 1_000
_SIDES = (Side.BUY, Side.SELL)


class _Followed:
    """One book with its changes since they were told last, for each reader."""

    def __init__(self, update_id: int) -> None:
        self.update_id = update_id
        self.levels: dict[Side, Levels] = {side: {} for side in _SIDES}
        self.drawn_for: Hashable = None
        self.told: dict[str, int] = {}
        """The last number that each reader was told."""
        self.pending: dict[str, dict[tuple[Side, Decimal], Decimal]] = {}


class Books:
    """The books of one exchange."""

    def __init__(self, view: MarketView, liquidity: Liquidity, matching: Matching) -> None:
        self._view = view
        self._liquidity = liquidity
        self._matching = matching
        self._followed: dict[str, _Followed] = {}
        self._highest: dict[str, int] = {}

    def side(self, symbol: str, side: Side, limit: int, now_ms: int) -> list[tuple[Decimal, Decimal]]:
        """Return (price, quantity) of one side, best first; nothing before the market's first bar."""
        last = self._view.last_price(symbol, now_ms)
        if last is None:
            return []
        levels = self._liquidity.levels(symbol, side, last=last, at_ms=now_ms, limit=limit)
        quantities: Levels = dict(levels)
        own = self._matching.book.resting(symbol, side)
        if not own:
            return list(quantities.items())
        for order in own:
            quantities[order.price] = quantities.get(order.price, ZERO) + order.remaining
        return sorted(quantities.items(), reverse=side is Side.BUY)[:limit]

    def snapshot(self, symbol: str, limit: int, now_ms: int) -> Json:
        """Return a book with its number, as `depth` tells it."""
        bids, asks = (
            [[amount(price), amount(quantity)] for price, quantity in self.side(symbol, side, limit, now_ms)]
            for side in _SIDES
        )
        return {"lastUpdateId": self.number(symbol, now_ms), "bids": bids, "asks": asks}

    def number(self, symbol: str, now_ms: int) -> int:
        """Return the number of a book's last change."""
        book = self._followed.get(symbol)
        if book is not None:
            self._observe(symbol, book, now_ms)
            return book.update_id
        number = max(self._highest.get(symbol, 0), now_ms + self._matching.changes)
        self._highest[symbol] = number
        return number

    def follow(self, symbol: str, reader: str, now_ms: int) -> None:
        """Begin to gather changes for a reader, from now on."""
        book = self._followed.get(symbol)
        if book is None:
            book = self._followed[symbol] = _Followed(self.number(symbol, now_ms))
        self._observe(symbol, book, now_ms)
        book.told[reader], book.pending[reader] = book.update_id, {}

    def unfollow(self, symbol: str, reader: str) -> None:
        """Forget a reader; a book without readers is not followed any more."""
        book = self._followed[symbol]
        del book.told[reader], book.pending[reader]
        if not book.told:
            self._highest[symbol] = book.update_id
            del self._followed[symbol]

    def changes(self, symbol: str, reader: str, now_ms: int) -> Json | None:
        """Return what has changed since a reader was told last, as `depthUpdate`; None for nothing."""
        book = self._followed[symbol]
        self._observe(symbol, book, now_ms)
        pending = book.pending[reader]
        if not pending:
            return None
        rows: dict[Side, list[list[str]]] = {side: [] for side in _SIDES}
        for (side, price), quantity in pending.items():
            rows[side].append([amount(price), amount(quantity) if quantity else ZERO_TEXT])
        first, book.told[reader] = book.told[reader] + 1, book.update_id
        book.pending[reader] = {}
        shape = {"e": "depthUpdate", "E": now_ms, "s": symbol, "U": first, "u": book.update_id}
        return {**shape, "b": rows[Side.BUY], "a": rows[Side.SELL]}

    def _observe(self, symbol: str, book: _Followed, now_ms: int) -> None:
        drawn_for = (self._view.last(symbol, now_ms), now_ms // _BUCKET_MS, self._matching.changes)
        if drawn_for == book.drawn_for:
            return
        book.drawn_for = drawn_for
        for side in _SIDES:
            old, new = book.levels[side], dict(self.side(symbol, side, 10**6, now_ms))
            changed = {price: quantity for price, quantity in new.items() if old.get(price) != quantity}
            changed.update({price: ZERO for price in old if price not in new})
            book.levels[side] = new
            book.update_id += len(changed)
            for pending in book.pending.values():
                pending.update({(side, price): quantity for price, quantity in changed.items()})
