"""The protocols of an exchange's streams: what is told as it happens, beside what `gateway` is asked.

Contract, for every implementation:

1. Money is `Decimal`, exact; times are aware UTC; no client library's type crosses.
2. An event may come late, twice, out of order, or never: it tells that there is something to look at, and
   whoever decides on money asks the gateway, or can bear that the event is wrong.
3. `on_gap` is called when events may have been lost from now on, `on_live` when a subscription has been
   confirmed, the first one too. Between them, and before the first, nothing is promised. What happened in
   between is told by nobody: the listener asks the gateway after each `on_live`.
4. A listener is called from a thread of the stream, one call at a time; it must not wait for anything.
5. Lost connections come back by themselves, with growing pauses; `follow` replaces what is followed
   without a gap for what is followed on.
"""

import datetime as dt
from collections.abc import Collection
from decimal import Decimal
from typing import Protocol

import msgspec

from bot.execution.orders import OrderStatus
from bot.lifecycle.stream_figures import StreamHealth, StreamKind

__all__ = [
    "AccountStream",
    "MarketStream",
    "OrderSeen",
    "StreamHealth",
    "StreamKind",
    "StreamListener",
    "Streams",
    "TradeSeen",
]


class TradeSeen(msgspec.Struct, frozen=True, kw_only=True):
    """One public trade of a market."""

    symbol: str
    trade_id: int
    """Rises within a market, so that of two trades the newer one is known."""
    price: Decimal
    traded_at: dt.datetime
    """Market time."""


class OrderSeen(msgspec.Struct, frozen=True, kw_only=True):
    """What became of an order of this account, whoever sent it."""

    symbol: str
    client_order_id: str
    status: OrderStatus
    filled_quantity: Decimal
    """All that it has filled so far, base units."""


class StreamListener(Protocol):
    """Who is told; see rule 4."""

    def on_trade(self, trade: TradeSeen) -> None:
        """Somebody traded in a market that is followed."""
        ...

    def on_order(self, order: OrderSeen) -> None:
        """An order of this account changed, or a part of it was filled."""
        ...

    def on_balance(self) -> None:
        """The account's balances changed: they are to be asked for, the event's own figures are not used."""
        ...

    def on_live(self, kind: StreamKind) -> None:
        """A stream was subscribed, for the first time, anew, or to other markets."""
        ...

    def on_gap(self, kind: StreamKind, why: str) -> None:
        """A stream was lost; or, of one that goes on, an event could not be read."""
        ...


class MarketStream(Protocol):
    """Tells public trades as they happen."""

    def follow(self, symbols: Collection[str]) -> None:
        """Follow exactly these markets from soon on; names that the exchange does not list are left out."""
        ...


class AccountStream(Protocol):
    """Tells what happens to the account's orders and balances."""

    @property
    def has_account(self) -> bool:
        """Say whether this exchange tells of the account at all; paper trading's does not."""
        ...


class Streams(MarketStream, AccountStream, Protocol):
    """Both streams of one exchange account."""

    def start(self, listener: StreamListener) -> None:
        """Begin; returns at once."""
        ...

    def health(self) -> tuple[StreamHealth, ...]:
        """Return how each stream is, market first."""
        ...

    def close(self) -> None:
        """End the connections and the thread; the listener hears nothing any more."""
        ...
