"""Wrappers around a gateway, chosen where the gateway is wired; the core never knows of them.

1. `ReadOnlyGateway` has no method that trades: whoever holds it cannot.
2. What a failure means is a row of `error_taxonomy`, and nothing else.
3. `RetryingReads` repeats reads that found nobody; it never repeats `submit` or `cancel`, and under a
   rate limit it waits as long as it is told or gives up: hammering turns a limit into a ban.
4. `CircuitBreaker` watches and tells; it blocks nothing. Whoever decides reads its state: open means
   no purchases, while exits and the owner's decisions go on.
"""

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import TypeVar

import msgspec

from bot.exchange.error_taxonomy import OnRead, policy_of
from bot.exchange.gateway import Capabilities, Gateway
from bot.exchange.rate_limit import RateLimitedError
from bot.execution.orders import OrderReport, OrderRequest, Submission, Unknown
from bot.holdings.wallet import AccountRights, WalletSnapshot
from bot.kernel.clock import Clock
from bot.kernel.errors import ExchangeError
from bot.kernel.market import Candle, MarketRules, OrderBook, OwnTrade, Ticker
from bot.risk.verdict import Approved

T = TypeVar("T")


class ReadOnlyGateway:
    """`MarketData`, `BalanceProvider` and `TradeHistory` of a gateway, and nothing else."""

    def __init__(self, gateway: Gateway) -> None:
        # The gateway itself is not kept: only its reading methods can be reached from here.
        self._capabilities = gateway.capabilities
        self.server_time = gateway.server_time
        self.markets = gateway.markets
        self.ticker = gateway.ticker
        self.tickers = gateway.tickers
        self.order_book = gateway.order_book
        self.candles = gateway.candles
        self.wallet = gateway.wallet
        self.account_rights = gateway.account_rights
        self.own_trades = gateway.own_trades
        self.close = gateway.close

    @property
    def capabilities(self) -> Capabilities:
        """Return what this exchange can do."""
        return self._capabilities


class EveryCall:
    """A `Gateway` that sends each call of another one through a hook; the guards fill the hooks in."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def _read(self, call: Callable[[], T]) -> T:
        return call()

    def _cancel(self, call: Callable[[], T]) -> T:
        return call()

    def _submit(self, call: Callable[[], Submission]) -> Submission:
        return call()

    @property
    def capabilities(self) -> Capabilities:
        """Return what this exchange can do."""
        return self._gateway.capabilities

    def server_time(self) -> dt.datetime:
        """Return the exchange's wall time."""
        return self._read(self._gateway.server_time)

    def markets(self) -> Mapping[str, MarketRules]:
        """Return every spot market."""
        return self._read(self._gateway.markets)

    def ticker(self, symbol: str) -> Ticker:
        """Return the ticker of one market."""
        return self._read(lambda: self._gateway.ticker(symbol))

    def tickers(self, symbols: Sequence[str]) -> Mapping[str, Ticker]:
        """Return the tickers of several markets."""
        return self._read(lambda: self._gateway.tickers(symbols))

    def order_book(self, symbol: str, *, depth: int = 100) -> OrderBook:
        """Return the best levels of each side."""
        return self._read(lambda: self._gateway.order_book(symbol, depth=depth))

    def candles(self, symbol: str, timeframe: str, *, limit: int) -> tuple[Candle, ...]:
        """Return the newest candles, oldest first."""
        return self._read(lambda: self._gateway.candles(symbol, timeframe, limit=limit))

    def wallet(self) -> WalletSnapshot:
        """Fetch all balances now."""
        return self._read(self._gateway.wallet)

    def account_rights(self) -> AccountRights:
        """As the protocol says."""
        return self._read(self._gateway.account_rights)

    def own_trades(self, symbol: str, *, since: dt.datetime | None = None) -> tuple[OwnTrade, ...]:
        """Return the account's fills in a market."""
        return self._read(lambda: self._gateway.own_trades(symbol, since=since))

    def submit(self, approved: Approved[OrderRequest]) -> Submission:
        """Send an approved order, once."""
        return self._submit(lambda: self._gateway.submit(approved))

    def find_order(self, symbol: str, client_order_id: str) -> OrderReport | None:
        """Return the order under that client id, or None."""
        return self._read(lambda: self._gateway.find_order(symbol, client_order_id))

    def open_orders(self, symbol: str | None = None) -> tuple[OrderReport, ...]:
        """Return resting orders."""
        return self._read(lambda: self._gateway.open_orders(symbol))

    def cancel(self, symbol: str, client_order_id: str) -> OrderReport | None:
        """Cancel an order."""
        return self._cancel(lambda: self._gateway.cancel(symbol, client_order_id))

    def close(self) -> None:
        """Release connections."""
        self._gateway.close()


class RetryingReads(EveryCall):
    """Repeats a read that ended as unavailable, a few times, with growing pauses."""

    def __init__(
        self,
        gateway: Gateway,
        clock: Clock,
        *,
        attempts: int = 3,
        first_pause_s: float = 0.5,
        growth: float = 2.0,
        longest_pause_s: float = 5.0,
    ) -> None:
        super().__init__(gateway)
        if attempts < 1:
            raise ValueError(f"a read needs at least one attempt, got {attempts}")
        self._clock = clock
        self._attempts = attempts
        self._first_pause_s = first_pause_s
        self._growth = growth
        self._longest_pause_s = longest_pause_s

    def _read(self, call: Callable[[], T]) -> T:
        pause_s = self._first_pause_s
        for _ in range(self._attempts - 1):
            try:
                return call()
            except ExchangeError as error:
                policy = policy_of(error)
                if policy.read is OnRead.RETRY:
                    self._clock.sleep(min(pause_s, self._longest_pause_s))
                    pause_s *= self._growth
                elif policy.read is OnRead.WAIT and (wait_s := self._short_wait_s(error)) is not None:
                    self._clock.sleep(wait_s)
                else:
                    raise
        return call()

    def _short_wait_s(self, error: ExchangeError) -> float | None:
        """Return how long the exchange asks to wait, if it says so and that is short."""
        told_s = error.retry_after_s if isinstance(error, RateLimitedError) else None
        return told_s if told_s is not None and told_s <= self._longest_pause_s else None


class Circuit(StrEnum):
    """Whether the exchange can be relied on."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class BreakerState(msgspec.Struct, frozen=True, kw_only=True):
    """All that a breaker remembers, as plain data that may outlive the process."""

    circuit: Circuit
    since: dt.datetime
    failures: tuple[dt.datetime, ...] = ()
    """The failures that still count, oldest first."""


class CircuitBreaker(EveryCall):
    """Opens after several failures in a window, tries half-open after a rest, closes on a success.

    A failure is a call that found nobody, an answer that cannot be right, or a submit without a known
    outcome. A refusal is an answer, so it counts as a success.
    """

    def __init__(
        self,
        gateway: Gateway,
        clock: Clock,
        *,
        failures: int = 5,
        window_s: float = 60.0,
        rest_s: float = 30.0,
        remembered: BreakerState | None = None,
        on_change: Callable[[BreakerState], None] | None = None,
    ) -> None:
        """Begin closed, or where an earlier process stopped.

        Args:
            gateway: What is watched.
            clock: Measures window and rest; wall time, because the state outlives the process.
            failures: So many within the window open the circuit.
            window_s: How long a failure counts.
            rest_s: How long an open circuit rests before one success may close it.
            remembered: The state that an earlier process left.
            on_change: Is given the state whenever the circuit changes, to keep it.
        """
        super().__init__(gateway)
        self._clock = clock
        self._on_change = on_change
        self._limit = failures
        self._window = dt.timedelta(seconds=window_s)
        self._rest = dt.timedelta(seconds=rest_s)
        self._state = remembered or BreakerState(circuit=Circuit.CLOSED, since=clock.now())

    @property
    def state(self) -> BreakerState:
        """Return the state now; an open circuit turns half-open when its rest is over."""
        now = self._clock.now()
        # A wall clock that was set back must not keep the circuit open for ever.
        resting = dt.timedelta(0) <= now - self._state.since < self._rest
        if self._state.circuit is Circuit.OPEN and not resting:
            self._turn(BreakerState(circuit=Circuit.HALF_OPEN, since=now))
        return self._state

    def _read(self, call: Callable[[], T]) -> T:
        try:
            answer = call()
        except ExchangeError as error:
            if policy_of(error).fails:
                self._failed()
            else:
                self._succeeded()
            raise
        self._succeeded()
        return answer

    def _cancel(self, call: Callable[[], T]) -> T:
        return self._read(call)

    def _submit(self, call: Callable[[], Submission]) -> Submission:
        outcome = call()
        if isinstance(outcome, Unknown):
            self._failed()
        else:
            self._succeeded()
        return outcome

    def _failed(self) -> None:
        now, state = self._clock.now(), self.state
        recent = (*(moment for moment in state.failures if now - moment < self._window), now)
        breaks = state.circuit is Circuit.HALF_OPEN or len(recent) >= self._limit
        if state.circuit is Circuit.OPEN or not breaks:
            self._state = msgspec.structs.replace(state, failures=recent[-self._limit :])
        else:
            self._turn(BreakerState(circuit=Circuit.OPEN, since=now, failures=recent[-self._limit :]))

    def _succeeded(self) -> None:
        if self.state.circuit is Circuit.HALF_OPEN:
            self._turn(BreakerState(circuit=Circuit.CLOSED, since=self._clock.now()))

    def _turn(self, state: BreakerState) -> None:
        self._state = state
        if self._on_change is not None:
            self._on_change(state)
