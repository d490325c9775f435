"""What an order would take out of the generated book: the walk from the best price on (rule 1)."""

from collections.abc import Iterable
from decimal import Decimal

from bot.exchange.box import meeting
from bot.exchange.box.liquidity import Level, Liquidity
from bot.exchange.box.orders import Order, Side
from bot.kernel.money import ZERO, floor_to_step


class Taking:
    """Answers for one exchange; nothing is taken yet."""

    def __init__(self, liquidity: Liquidity) -> None:
        self._liquidity = liquidity
        self.share: Decimal | None = None
        """A fault: the book holds no more than this part of what an order wants."""

    def fills(self, order: Order, *, step: Decimal, last: Decimal, at_ms: int) -> list[Level]:
        """Return levels for what is left of an order, none beyond its limit."""
        wanted, fills = self._wanted(order.remaining, step), []
        for level in self._levels(order, last, at_ms):
            if not wanted or (order.kind.has_limit and not meeting.is_within_limit(order, level.price)):
                break
            quantity = min(wanted, level.quantity)
            fills.append(Level(level.price, quantity))
            wanted -= quantity
        return fills

    def fills_by_quote(self, order: Order, *, step: Decimal, last: Decimal, at_ms: int) -> list[Level]:
        """Return levels worth at most the order's quote quantity."""
        return affordable(self._levels(order, last, at_ms), order.quote_quantity, step)

    def take(self, order: Order, level: Level, at_ms: int) -> None:
        """Take a level out of the book."""
        self._liquidity.take(order.symbol, level.price, level.quantity, at_ms)

    def _levels(self, order: Order, last: Decimal, at_ms: int) -> Iterable[Level]:
        other = Side.SELL if order.is_buy else Side.BUY
        return self._liquidity.levels(order.symbol, other, last=last, at_ms=at_ms)

    def _wanted(self, quantity: Decimal, step: Decimal) -> Decimal:
        return quantity if self.share is None else floor_to_step(quantity * self.share, step)


def affordable(levels: Iterable[Level], money: Decimal, step: Decimal) -> list[Level]:
    """Return the levels, cut to what the money reaches for, in whole steps."""
    fills: list[Level] = []
    for level in levels:
        quantity = min(level.quantity, floor_to_step(money / level.price, step))
        if not quantity:
            break
        fills.append(Level(level.price, quantity))
        money -= level.price * quantity
    return fills


def cost(fills: Iterable[Level]) -> Decimal:
    """Return what the levels cost together, in quote."""
    return sum((level.price * level.quantity for level in fills), ZERO)
