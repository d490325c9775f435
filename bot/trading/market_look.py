"""What one cycle sees of the exchange: one request for all prices, one for all balances.

The same look serves the exits and, after them, the drift watch; balances are asked for again only where
something was sold in between.
"""

import contextlib
import datetime as dt
from collections.abc import Mapping, Sequence
from decimal import Decimal

import msgspec

from bot.exchange.gateway import Gateway
from bot.holdings.drift import PriceSeen
from bot.holdings.wallet import WalletSnapshot
from bot.kernel.clock import Clock
from bot.kernel.errors import ExchangeAnswerError, ExchangeRefusedError
from bot.kernel.market import MarketRules, Ticker
from bot.kernel.money import ZERO


class Remembered(msgspec.Struct, frozen=True, kw_only=True):
    """What a round need not ask for, because the streams keep it up to date."""

    tickers: Mapping[str, Ticker]
    came_at_s: float
    """When the oldest of them came, on the monotonic clock."""
    wallet: WalletSnapshot | None = None


class MarketLook:
    """One cycle's answers; each is fetched when first asked for."""

    def __init__(self, gateway: Gateway, clock: Clock, *, market_time_is_ours: bool = False) -> None:
        """Begin a look.

        Args:
            gateway: The exchange.
            clock: Measures how long ago the prices came.
            market_time_is_ours: Whether the exchange's market time is the world's (not so in a box), so
                that an old price shows by the clock.
        """
        self._gateway = gateway
        self._clock = clock
        self._market_time_is_ours = market_time_is_ours
        self._fetched_at_s = clock.monotonic()
        self._present: dt.datetime | None = None
        self.tickers: Mapping[str, Ticker] = {}
        self.wallet: WalletSnapshot | None = None
        self.unsure: set[str] = set()
        """Coins whose balances contradict what the exchange says of their resting stops at this moment."""

    @property
    def markets(self) -> Mapping[str, MarketRules]:
        """Return every market (kept by the gateway)."""
        return self._gateway.markets()

    def fetch_tickers(self, symbols: Sequence[str]) -> Mapping[str, Ticker]:
        """Fetch the prices in one request, or one by one where one market spoils the request for all.

        Raises:
            ExchangeError: The exchange does not answer.
        """
        self._fetched_at_s = self._clock.monotonic()
        try:
            self.tickers = self._gateway.tickers(symbols)
        except (ExchangeRefusedError, ExchangeAnswerError):
            found: dict[str, Ticker] = {}
            for symbol in symbols:
                with contextlib.suppress(ExchangeRefusedError, ExchangeAnswerError):
                    found[symbol] = self._gateway.ticker(symbol)
            self.tickers = found
        self._present = max((ticker.observed_at for ticker in self.tickers.values()), default=None)
        if self._present is not None and self._market_time_is_ours:
            self._present = self._clock.now()  # one price from the future makes no other one old
        return self.tickers

    def remember(self, known: Remembered, symbols: Sequence[str]) -> None:
        """Take what is known instead of asking; prices only where all of these are known."""
        self.wallet = known.wallet
        if all(symbol in known.tickers for symbol in symbols):
            self.tickers = {symbol: known.tickers[symbol] for symbol in symbols}
            self._fetched_at_s = known.came_at_s
            self._present = max((ticker.observed_at for ticker in self.tickers.values()), default=None)
            if self._present is not None and self._market_time_is_ours:
                self._present = self._clock.now()

    def fetch_wallet(self) -> WalletSnapshot:
        """Return the balances, fetched once.

        Raises:
            ExchangeError: The exchange does not answer.
        """
        if self.wallet is None:
            self.wallet = self._gateway.wallet()
        return self.wallet

    def forget_wallet(self) -> None:
        """Something was sold: the balances are other ones now."""
        self.wallet = None

    def price_age_s(self, symbol: str) -> Decimal | None:
        """Return how old a price is now, in seconds; None where there is none.

        It is the time since it came. Where market time is the world's, an older time that the exchange
        itself puts on it counts instead; in a market with a time of its own that tells nothing.
        """
        ticker = self.tickers.get(symbol)
        if ticker is None:
            return None
        here_s = Decimal(str(round(self._clock.monotonic() - self._fetched_at_s, 3)))
        if not self._market_time_is_ours:
            return here_s
        return max(here_s, _seconds(self._clock.now() - ticker.observed_at))

    def ahead_s(self, symbol: str) -> Decimal:
        """Return how far a price's own time lies ahead of this machine's clock, in seconds; mostly zero."""
        ticker = self.tickers.get(symbol)
        if ticker is None or not self._market_time_is_ours:
            return ZERO
        return _seconds(ticker.observed_at - self._clock.now())

    def price(self, symbol: str) -> PriceSeen | None:
        """Return the price with its age: since it came, and how far it lies behind the present.

        The present is the clock's, or in a market with a time of its own that of the newest price.
        """
        ticker = self.tickers.get(symbol)
        if ticker is None or self._present is None:
            return None
        here_s = Decimal(str(round(self._clock.monotonic() - self._fetched_at_s, 3)))
        age_s = max(here_s, _seconds(self._present - ticker.observed_at))
        return PriceSeen(last=ticker.last, observed_at=ticker.observed_at, age_s=age_s)


def _seconds(span: dt.timedelta) -> Decimal:
    return max(ZERO, Decimal(str(span.total_seconds())))
