"""What the streams told, held in memory for the loop; the streams' side of the wait between two rounds.

1. Nothing is decided here: a price at a level, news of an order, a gap, a change of the state only wake the
   loop, which decides from the committed state and a fresh price.
2. A coin whose price woke the loop is disarmed until the loop has looked at it; whether it is armed again
   is the loop's to say (`arm`), so that a sale that a gate refuses is not asked for with every trade.
3. A stream is trusted only after a whole cycle that began while it was live and ended without a gap: what
   happened while nobody listened is asked for at the exchange first.
4. Late, doubled and swapped events are harmless: of a market only the newest trade counts, and everything
   else only says that there is something to look at.
"""

import threading
from collections.abc import Collection, Mapping
from decimal import Decimal

import msgspec

from bot.exchange.streams import OrderSeen, StreamKind, TradeSeen
from bot.execution.reconciliation import is_own_id
from bot.kernel.clock import Clock

_ORDERS_KEPT = 1_000


class Levels(msgspec.Struct, frozen=True, kw_only=True):
    """Where a coin is to be sold."""

    asset: str
    stop_loss: Decimal
    take_profit: Decimal

    def reached(self, price: Decimal) -> bool:
        """Say whether a price is at a level or beyond."""
        return price <= self.stop_loss or price >= self.take_profit


class Armed(msgspec.Struct, frozen=True, kw_only=True):
    """What is worth waking the loop for."""

    levels: Mapping[str, Levels]
    """By symbol, of every coin whose exit may leave now."""
    orders: Mapping[str, str]
    """Coin by client order id, of every order in flight."""
    symbols: frozenset[str]
    """Markets of all coins in the bot's hands."""


class Wake(msgspec.Struct, frozen=True, kw_only=True):
    """Why the loop was woken; with nothing in it, because its time has come."""

    priced: frozenset[str] = frozenset()
    """Coins whose price reached a level."""
    ordered: frozenset[str] = frozenset()
    """Coins of whose orders there is news."""
    foreign: frozenset[str] = frozenset()
    """Symbols in which somebody else traded with this account."""
    cycle: str = ""
    """Why everything is to be looked at: a stream was lost or is live again, the state has changed."""
    balance: bool = False

    def __bool__(self) -> bool:
        return bool(self.priced or self.ordered or self.foreign or self.cycle or self.balance)


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """The streams at a moment, to tell later whether they went on unbroken since."""

    at_s: float
    lives: Mapping[StreamKind, int]
    """Streams that were live, with the number of their life."""
    balances: int
    """How often the account's balances had changed."""


class SeenPrice(msgspec.Struct, frozen=True, kw_only=True):
    """The newest trade of a market, with the moment at which it came."""

    trade: TradeSeen
    came_at_s: float


class MarketWatch:
    """A `StreamListener`; its own methods belong to the loop's thread, `wake` to any."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._news = threading.Condition()
        self._levels: dict[str, Levels] = {}
        self._armed = Armed(levels={}, orders={}, symbols=frozenset())
        self._prices: dict[str, SeenPrice] = {}
        self._orders: dict[str, float] = {}
        self._lives: dict[StreamKind, int] = {}
        self._life = 0
        self._trusted: set[StreamKind] = set()
        self._balances = 0
        self._wake = Wake()
        self._nudged = False

    # ---- from the streams -------------------------------------------------------------------------

    def on_trade(self, trade: TradeSeen) -> None:
        """Keep the newest price of a market, and wake the loop where it reached a level."""
        with self._news:
            known = self._prices.get(trade.symbol)
            if known is not None and trade.trade_id <= known.trade.trade_id:
                return
            self._prices[trade.symbol] = SeenPrice(trade=trade, came_at_s=self._clock.monotonic())
            levels = self._levels.get(trade.symbol)
            if levels is not None and levels.reached(trade.price):
                del self._levels[trade.symbol]
                self._tell(priced=self._wake.priced | {levels.asset})

    def on_order(self, order: OrderSeen) -> None:
        """Wake the loop for an order that it waits for, or for one that is not the bot's."""
        with self._news:
            self._balances += 1
            if not is_own_id(order.client_order_id):
                if order.filled_quantity:
                    self._tell(foreign=self._wake.foreign | {order.symbol})
                return
            self._orders[order.client_order_id] = self._clock.monotonic()
            while len(self._orders) > _ORDERS_KEPT:
                del self._orders[next(iter(self._orders))]
            asset = self._armed.orders.get(order.client_order_id)
            if asset is not None:
                self._tell(ordered=self._wake.ordered | {asset})

    def on_balance(self) -> None:
        """Have the balances asked for."""
        with self._news:
            self._balances += 1
            self._tell(balance=True)

    def on_live(self, kind: StreamKind) -> None:
        """Have everything looked at: what happened before was told by nobody."""
        with self._news:
            self._life += 1
            self._lives[kind] = self._life
            self._tell(cycle=f"the {kind} stream is live")

    def on_gap(self, kind: StreamKind, why: str) -> None:
        """Trust the stream no more, and have everything looked at."""
        with self._news:
            self._lives.pop(kind, None)
            self._trusted.discard(kind)
            if kind is StreamKind.MARKET:
                self._prices = {}
            self._tell(cycle=f"the {kind} stream was lost: {why}")

    # ---- from the loop ----------------------------------------------------------------------------

    def wake(self, why: str = "") -> None:
        """Wake the loop; with a reason it looks at everything."""
        with self._news:
            self._nudged = True  # also for a loop that is on its way to waiting
            if why:
                self._tell(cycle=why)
            self._news.notify_all()

    def wait(self, timeout_s: float) -> Wake:
        """Wait for news, for `wake`, or until the time is up; what was told is handed out once."""
        with self._news:
            self._news.wait_for(lambda: self._nudged or self._wake, timeout_s)
            wake, self._wake, self._nudged = self._wake, Wake(), False
            return wake

    def mark(self) -> Mark:
        """Return the streams as they are, before a look at the exchange begins."""
        with self._news:
            return Mark(at_s=self._clock.monotonic(), lives=dict(self._lives), balances=self._balances)

    def trust(self, mark: Mark) -> None:
        """A whole cycle that began at the mark is over: trust what has been live since then."""
        with self._news:
            self._trusted = {kind for kind, life in mark.lives.items() if self._lives.get(kind) == life}

    def arm(self, armed: Armed, mark: Mark, *, but: Collection[str] = ()) -> None:
        """Watch for this from now on; prices and orders that came since the mark count at once.

        Args:
            armed: What is worth waking for.
            mark: When the look began that it comes from.
            but: Coins whose price wakes nobody until the next whole cycle.
        """
        with self._news:
            self._armed = armed
            self._levels = {s: levels for s, levels in armed.levels.items() if levels.asset not in but}
            for symbol, levels in list(self._levels.items()):
                seen = self._prices.get(symbol)
                if seen is not None and seen.came_at_s >= mark.at_s and levels.reached(seen.trade.price):
                    del self._levels[symbol]
                    self._tell(priced=self._wake.priced | {levels.asset})
            late = {a for name, a in armed.orders.items() if self._orders.get(name, -1.0) >= mark.at_s}
            if late:
                self._tell(ordered=self._wake.ordered | late)

    def price(self, symbol: str) -> SeenPrice | None:
        """Return the newest trade of a market, if its stream is trusted."""
        with self._news:
            return self._prices.get(symbol) if StreamKind.MARKET in self._trusted else None

    def balances_unchanged(self, mark: Mark) -> bool:
        """Say whether balances that were asked for after the mark are still what the account holds."""
        with self._news:
            return StreamKind.ACCOUNT in self._trusted and self._balances == mark.balances

    def _tell(self, **news: object) -> None:
        if self._wake.cycle and "cycle" in news and news["cycle"] != self._wake.cycle:
            news["cycle"] = f"{self._wake.cycle}; {news['cycle']}"
        self._wake = msgspec.structs.replace(self._wake, **news)
        self._news.notify_all()
