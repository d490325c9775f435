"""The wrappers: reading only, repeating reads only, and a breaker that tells and never blocks."""

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from typing import NoReturn

import msgspec
import pytest

from bot.exchange.gateway import BalanceProvider, Gateway, MarketData, TradeHistory
from bot.exchange.guards import BreakerState, Circuit, CircuitBreaker, ReadOnlyGateway, RetryingReads
from bot.exchange.paper_gateway import PaperGateway
from bot.exchange.paper_ledger import MemoryLedgerStore
from bot.exchange.rate_limit import RateLimitedError
from bot.execution.orders import Accepted, OrderRequest, OrderType, Side, Submission, Unknown
from bot.holdings.wallet import WalletSnapshot
from bot.kernel.errors import BotError, ExchangeAnswerError, ExchangeRefusedError, ExchangeUnavailableError
from bot.kernel.market import Ticker
from bot.risk.verdict import Approved
from tests.fakes.fake_clock import FakeClock
from tests.unit.exchange.fake_market import FakeMarket

ORDER = Approved(
    order=OrderRequest(
        client_order_id="one",
        symbol="SOL/USDT",
        side=Side.SELL,
        order_type=OrderType.MARKET,
        quantity=Decimal(1),
    ),
    gates=("test",),
)


class Counted(PaperGateway):
    """A paper gateway that counts calls and fails the next few of them."""

    def __init__(self) -> None:
        super().__init__(FakeMarket(), MemoryLedgerStore(), FakeClock(), opening={"SOL": Decimal(5)})
        self.calls = 0
        self.failures: list[BotError] = []

    def _count(self) -> None:
        self.calls += 1
        if self.failures:
            raise self.failures.pop(0)

    def wallet(self) -> WalletSnapshot:
        self._count()
        return super().wallet()

    def ticker(self, symbol: str) -> Ticker:
        self._count()
        return super().ticker(symbol)

    def submit(self, approved: Approved[OrderRequest]) -> Submission:
        try:
            self._count()
        except BotError as error:
            return Unknown(client_order_id=approved.order.client_order_id, text=str(error))
        return super().submit(approved)

    def cancel(self, symbol: str, client_order_id: str) -> NoReturn:
        self.calls += 1
        raise ExchangeUnavailableError(f"cancel {symbol} {client_order_id}")


def gone(times: int = 1) -> list[BotError]:
    return [ExchangeUnavailableError("gone") for _ in range(times)]


def test_who_reads_only_has_no_way_to_trade() -> None:
    inner = Counted()
    reader = ReadOnlyGateway(inner)
    protocols: tuple[MarketData, BalanceProvider, TradeHistory] = (reader, reader, reader)
    assert all(isinstance(each, ReadOnlyGateway) for each in protocols)
    assert reader.wallet() == inner.wallet()
    assert reader.own_trades("SOL/USDT") == ()
    assert reader.candles("SOL/USDT", "1m", limit=2) == inner.candles("SOL/USDT", "1m", limit=2)
    for name in ("submit", "cancel", "find_order", "open_orders", "_gateway"):
        assert not hasattr(reader, name)


def test_a_read_is_repeated_with_growing_pauses() -> None:
    inner, clock = Counted(), FakeClock()
    inner.failures = gone(2)
    reads: Gateway = RetryingReads(inner, clock, attempts=3, first_pause_s=0.5)
    assert reads.ticker("SOL/USDT").last == 100
    assert (inner.calls, clock.slept) == (3, [0.5, 1.0])


def test_the_last_failure_is_raised() -> None:
    inner, clock = Counted(), FakeClock()
    inner.failures = gone(5)
    with pytest.raises(ExchangeUnavailableError):
        RetryingReads(inner, clock, attempts=3).wallet()
    assert (inner.calls, len(clock.slept)) == (3, 2)


@pytest.mark.parametrize("error", [ExchangeRefusedError("keys"), ExchangeAnswerError("nonsense")])
def test_what_trying_again_cannot_help_is_not_repeated(error: BotError) -> None:
    inner = Counted()
    inner.failures = [error]
    with pytest.raises(type(error)):
        RetryingReads(inner, FakeClock()).wallet()
    assert inner.calls == 1


def test_a_rate_limit_is_waited_for_as_long_as_told_or_not_at_all() -> None:
    inner, clock = Counted(), FakeClock()
    inner.failures = [RateLimitedError("slow down", why="429", retry_after_s=3.0)]
    RetryingReads(inner, clock).wallet()
    assert clock.slept == [3.0]
    for retry_after_s in (120.0, None):
        inner.failures = [RateLimitedError("banned", why="418", retry_after_s=retry_after_s)]
        with pytest.raises(RateLimitedError):
            RetryingReads(inner, clock).wallet()
    assert clock.slept == [3.0]


def test_orders_and_cancellations_are_never_repeated() -> None:
    inner, clock = Counted(), FakeClock()
    inner.failures = gone(1)
    reads = RetryingReads(inner, clock)
    assert isinstance(reads.submit(ORDER), Unknown)
    with pytest.raises(ExchangeUnavailableError):
        reads.cancel("SOL/USDT", "one")
    assert (inner.calls, clock.slept) == (2, [])


def test_a_read_needs_an_attempt() -> None:
    with pytest.raises(ValueError, match="at least one"):
        RetryingReads(Counted(), FakeClock(), attempts=0)


def circuit(breaker: CircuitBreaker) -> Circuit:
    return breaker.state.circuit


def fail(breaker: CircuitBreaker, inner: Counted, times: int) -> None:
    for _ in range(times):
        inner.failures = gone()
        with pytest.raises(ExchangeUnavailableError):
            breaker.wallet()


def test_the_breaker_opens_after_its_limit_and_still_lets_calls_through() -> None:
    inner, clock = Counted(), FakeClock()
    breaker = CircuitBreaker(inner, clock, failures=3, window_s=60)
    fail(breaker, inner, 2)
    assert circuit(breaker) is Circuit.CLOSED
    clock.advance(5)
    fail(breaker, inner, 1)
    assert circuit(breaker) is Circuit.OPEN
    assert breaker.state.since == clock.now()
    assert isinstance(breaker.submit(ORDER), Accepted)
    assert breaker.wallet().total("SOL") == 4
    assert circuit(breaker) is Circuit.OPEN


def test_old_failures_do_not_count() -> None:
    inner, clock = Counted(), FakeClock()
    breaker = CircuitBreaker(inner, clock, failures=3, window_s=60)
    fail(breaker, inner, 2)
    clock.advance(60)
    fail(breaker, inner, 2)
    assert circuit(breaker) is Circuit.CLOSED


def test_after_its_rest_one_success_closes_it_and_one_failure_opens_it_again() -> None:
    inner, clock = Counted(), FakeClock()
    breaker = CircuitBreaker(inner, clock, failures=1, rest_s=30)
    fail(breaker, inner, 1)
    clock.advance(29)
    assert circuit(breaker) is Circuit.OPEN
    clock.advance(1)
    assert circuit(breaker) is Circuit.HALF_OPEN
    fail(breaker, inner, 1)
    assert circuit(breaker) is Circuit.OPEN
    clock.advance(30)
    breaker.wallet()
    assert breaker.state == BreakerState(circuit=Circuit.CLOSED, since=clock.now())


def test_an_unknown_outcome_and_nonsense_count_and_a_refusal_does_not() -> None:
    inner, clock = Counted(), FakeClock()
    breaker = CircuitBreaker(inner, clock, failures=2)
    inner.failures = [ExchangeRefusedError("keys"), ExchangeAnswerError("nonsense"), *gone()]
    calls: tuple[tuple[Callable[[], object], type[BotError]], ...] = (
        (breaker.wallet, ExchangeRefusedError),
        (breaker.wallet, ExchangeAnswerError),
    )
    for call, error in calls:
        with pytest.raises(error):
            call()
    assert circuit(breaker) is Circuit.CLOSED
    breaker.submit(ORDER)
    assert circuit(breaker) is Circuit.OPEN


def test_a_cancellation_that_found_nobody_counts() -> None:
    breaker = CircuitBreaker(Counted(), FakeClock(), failures=1)
    with pytest.raises(ExchangeUnavailableError):
        breaker.cancel("SOL/USDT", "one")
    assert circuit(breaker) is Circuit.OPEN


def test_the_state_is_plain_data_that_a_new_breaker_goes_on_from() -> None:
    inner, clock = Counted(), FakeClock()
    breaker = CircuitBreaker(inner, clock, failures=1)
    fail(breaker, inner, 1)
    kept = msgspec.json.decode(msgspec.json.encode(breaker.state), type=BreakerState)
    assert circuit(CircuitBreaker(inner, clock, remembered=kept)) is Circuit.OPEN


def test_a_clock_that_was_set_back_does_not_keep_the_circuit_open() -> None:
    inner, clock = Counted(), FakeClock()
    breaker = CircuitBreaker(inner, clock, failures=1)
    fail(breaker, inner, 1)
    clock.set_wall(clock.now() - dt.timedelta(days=365))
    assert circuit(breaker) is Circuit.HALF_OPEN


def test_the_wrappers_close_what_they_wrap() -> None:
    market = FakeMarket()
    inner = PaperGateway(market, MemoryLedgerStore(), FakeClock(), opening={})
    CircuitBreaker(RetryingReads(inner, FakeClock()), FakeClock()).close()
    assert market.closed
