"""A `StreamListener` that keeps everything it is told, in order."""

from collections.abc import Callable

from bot.exchange.streams import OrderSeen, StreamKind, TradeSeen
from tests.fakes.bot_process import until


class StreamEar:
    """Filled from the streams' thread, read from the test's."""

    def __init__(self) -> None:
        self.trades: list[TradeSeen] = []
        self.orders: list[OrderSeen] = []
        self.lives: list[StreamKind] = []
        self.gaps: list[tuple[StreamKind, str]] = []
        self.balances = 0

    def on_trade(self, trade: TradeSeen) -> None:
        self.trades.append(trade)

    def on_order(self, order: OrderSeen) -> None:
        self.orders.append(order)

    def on_balance(self) -> None:
        self.balances += 1

    def on_live(self, kind: StreamKind) -> None:
        self.lives.append(kind)

    def on_gap(self, kind: StreamKind, why: str) -> None:
        self.gaps.append((kind, why))

    def until(self, done: Callable[[], object], what: str) -> None:
        """Wait until something was told."""
        until(done, what)
