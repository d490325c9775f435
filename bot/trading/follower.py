"""The loop between its cycles: woken by the market, by news of its orders, by a change of the state.

1. Whole cycles go on at their interval, streams or none: they are the safety net, and the way in which what
   a gap hid is found again. A gateway without streams is followed by them alone.
2. A price at a level wakes a round for these coins alone: the same gates, the same intent before the order.
   It is judged at the newest trade told, if the stream is trusted and the price fresh; else at the
   exchange's own ticker.
3. Balances are used from memory only while the account's stream has told of no change since they were
   fetched; every change is fetched at once. They are never computed from events.
4. A coin whose exit was due and did not leave wakes nobody until the next cycle.
"""

from collections.abc import Callable, Iterable
from decimal import Decimal

import msgspec

from bot.exchange.gateway import BalanceProvider
from bot.exchange.streams import StreamHealth, StreamKind, Streams
from bot.holdings.wallet import WalletSnapshot
from bot.kernel.clock import Clock
from bot.kernel.errors import ExchangeError
from bot.kernel.ids import pair_of
from bot.kernel.market import Ticker
from bot.risk.order_gates import is_sane_price
from bot.trading.cycle import TradingLoop
from bot.trading.market_look import MarketLook, Remembered
from bot.trading.market_watch import Mark, MarketWatch, Wake
from bot.trading.report import CycleReport, Step

_DID_NOT_LEAVE = frozenset(
    {
        "denied",
        "exit_ended",
        "failed",
        "intent_refused",
        "rejected",
        "stop_not_cancelled",
        "unavailable",
        "unknown",
        "waiting",
    }
)
"""Steps after which a price at a level wakes nobody before the next cycle: it would ask with each trade."""
_NEAR_S = 0.001


class MarketFollower:
    """Runs cycles and rounds; all but `wake` and `health` belongs to one thread."""

    def __init__(
        self,
        loop: TradingLoop,
        balances: BalanceProvider,
        clock: Clock,
        *,
        streams: Streams | None,
        quote: str,
        price_max_age_s: Callable[[], Decimal],
    ) -> None:
        self._loop = loop
        self._balances = balances
        self._clock = clock
        self._streams = streams
        self._quote = quote
        self._price_max_age_s = price_max_age_s
        self._watch = MarketWatch(clock)
        self._due_s = clock.monotonic()
        self._tickers: dict[str, tuple[Ticker, float]] = {}
        self._wallet: tuple[WalletSnapshot, Mark] | None = None
        self._held: set[str] = set()

    def start(self) -> None:
        """Begin to listen."""
        if self._streams is not None:
            self._streams.start(self._watch)

    def close(self) -> None:
        """Listen no more; the connections and their thread are gone when it returns."""
        if self._streams is not None:
            self._streams.close()

    def wake(self, why: str = "") -> None:
        """Have the loop look up; with a reason, at everything. From any thread."""
        self._watch.wake(why)

    def health(self) -> tuple[StreamHealth, ...]:
        """Return how the streams are; nothing where the exchange has none."""
        return () if self._streams is None else self._streams.health()

    def wait(self, cycle_s: float) -> Wake:
        """Wait for news, or until the next cycle is due, so many seconds after the last one."""
        return self._watch.wait(max(0.0, self._due_s + cycle_s - self._clock.monotonic()))

    def is_due(self, cycle_s: float) -> bool:
        """Say whether a whole cycle's time has come."""
        return self._clock.monotonic() - self._due_s >= cycle_s - _NEAR_S

    def cycle(self, wake: Wake, *, on_progress: Callable[[], None] = lambda: None) -> CycleReport:
        """Run one whole cycle, and follow from then on what it left."""
        for symbol in wake.foreign:
            self._loop.ask_for_trades(symbol.removesuffix(f"/{self._quote}"))
        mark = self._watch.mark()
        try:
            report = self._loop.run_once(self._clock.now(), on_progress=on_progress)
        finally:
            self._due_s = self._clock.monotonic()
        look = self._loop.last_look
        if look is not None:
            self._remember(look, mark)
            if look.tickers or not report.watched:
                self._watch.trust(mark)
        self._held = set()
        self._arm(mark)
        return report

    def react(self, wake: Wake, *, on_progress: Callable[[], None] = lambda: None) -> CycleReport | None:
        """Do what a wake asks for, short of a whole cycle."""
        mark = self._watch.mark()
        report = None
        assets = wake.priced | wake.ordered
        if assets:
            report = self._loop.run_for(
                assets, self._clock.now(), self._remembered(assets), on_progress=on_progress
            )
            self._hold(wake.priced, report.steps)
            if any(step.what == "exit_sent" for step in report.steps):
                self._wallet = None
        if wake.balance:
            self._read_balances()
        if assets:
            self._arm(mark)
        return report

    # ---- inside -----------------------------------------------------------------------------------

    def _remember(self, look: MarketLook, mark: Mark) -> None:
        self._tickers = {symbol: (ticker, mark.at_s) for symbol, ticker in look.tickers.items()}
        self._wallet = None if look.wallet is None else (look.wallet, mark)

    def _read_balances(self) -> None:
        mark = self._watch.mark()
        self._wallet = None
        if StreamKind.ACCOUNT not in mark.lives:
            return
        try:
            self._wallet = (self._balances.wallet(), mark)
        except ExchangeError:
            return  # the next order asks for them itself, and says so where they are not told

    def _remembered(self, assets: Iterable[str]) -> Remembered:
        """Return what need not be asked for: prices that were just told, balances that did not change."""
        now_s, limit_s = self._clock.monotonic(), float(self._price_max_age_s())
        tickers: dict[str, Ticker] = {}
        oldest_s = now_s
        for asset in assets:
            symbol = pair_of(asset, self._quote)
            seen, known = self._watch.price(symbol), self._tickers.get(symbol)
            if seen is None or known is None or now_s - min(seen.came_at_s, known[1]) > limit_s:
                continue
            ticker = msgspec.structs.replace(
                known[0], last=seen.trade.price, observed_at=max(seen.trade.traded_at, known[0].observed_at)
            )
            if is_sane_price(ticker, symbol):
                tickers[symbol] = ticker
                oldest_s = min(oldest_s, seen.came_at_s)
        wallet = None
        if self._wallet is not None and self._watch.balances_unchanged(self._wallet[1]):
            wallet = self._wallet[0]
        return Remembered(tickers=tickers, came_at_s=oldest_s, wallet=wallet)

    def _hold(self, priced: Iterable[str], steps: Iterable[Step]) -> None:
        stuck = {step.asset for step in steps if step.what in _DID_NOT_LEAVE}
        self._held |= stuck & set(priced)

    def _arm(self, mark: Mark) -> None:
        armed = self._loop.armed()
        if self._streams is not None:
            self._streams.follow(armed.symbols)
        self._watch.arm(armed, mark, but=self._held)
