"""What the box asks of a market, generated or replayed."""

from collections.abc import Mapping
from typing import Protocol

from bot.exchange.box.bars import Bar
from bot.exchange.box.universe import Coin


class MarketSource(Protocol):
    """Finished bars of several lengths that fit into each other exactly.

    `levels_ms` are the lengths that `bar` knows, longest first; each divides the one before it. The
    last is the finest: below it the price follows the path of `bars.corners`. A caller must not ask
    for a bar that has not ended by market time, except the finest one, to walk its path.
    """

    @property
    def coins(self) -> Mapping[str, Coin]:
        """Return the markets by symbol."""
        ...

    @property
    def levels_ms(self) -> tuple[int, ...]:
        """Return the lengths of bars, in milliseconds, longest first."""
        ...

    def bar(self, symbol: str, length_ms: int, opened_ms: int) -> Bar | None:
        """Return the bar that starts at a multiple of `length_ms`, or None where there is none."""
        ...

    def last_bar_before(self, symbol: str, opened_ms: int) -> Bar | None:
        """Return the newest finest bar that starts before this moment, for prices inside gaps."""
        ...

    def first_bar_from(self, symbol: str, at_ms: int) -> Bar | None:
        """Return the oldest finest bar that ends after this moment, to step over gaps."""
        ...
