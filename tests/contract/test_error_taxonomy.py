"""Every category of failure by a real answer of the box; reads are repeated, an order is sent once.

The box answers as Binance does, the real client reads it, and the guards stand as in the product.
"""

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from bot.exchange.box.config import BoxConfig
from bot.exchange.box.server import RunningBox, start_box
from bot.exchange.ccxt_calls import CallFailedError
from bot.exchange.ccxt_errors import CODES, Failure, categorised, failure_of, read_error, submit_outcome
from bot.exchange.ccxt_gateway import CcxtGateway, open_ccxt_gateway
from bot.exchange.error_taxonomy import POLICIES, TABLE, Category, Ending, OnRead, OnSubmit, policy_of
from bot.exchange.gateway import Gateway
from bot.exchange.guards import Circuit, CircuitBreaker, RetryingReads
from bot.exchange.patience import Patience
from bot.exchange.rate_limit import RateLimitedError
from bot.execution.orders import OrderRequest, OrderType, Rejected, Side, Unknown
from bot.kernel.errors import (
    ExchangeAnswerError,
    ExchangeError,
    ExchangeRefusedError,
    ExchangeUnavailableError,
)
from bot.risk.verdict import Approved
from tests.fakes.bot_process import until
from tests.fakes.fake_clock import FakeClock

SYMBOL = "SOL/USDT"
C = Category


def answered(status: int, code: int | None = None, message: str = "x", **more: Any) -> dict[str, Any]:
    return {"action": "status_before", "status": status, "code": code, "message": message, **more}


# A fault of the box for a request of any kind, and what it is. `timeout`, `no_keys` are set up apart.
FAULTS: dict[str, tuple[dict[str, Any], Category]] = {
    "cut": ({"action": "drop_before"}, C.NETWORK),
    "too slow": ({"action": "delay", "seconds": 1.0}, C.TIMEOUT),
    "504": (answered(504, -1007, "Timeout waiting for response from backend server."), C.OUTCOME_UNKNOWN),
    "-1006": (answered(400, -1006, "An unexpected response was received."), C.OUTCOME_UNKNOWN),
    "503": (answered(503, body="<html>unavailable</html>"), C.MAINTENANCE),
    "-1016": (answered(410, -1016, "This service is no longer available."), C.MAINTENANCE),
    "500 with a familiar text": (
        answered(500, -2010, "Account has insufficient balance for requested action."),
        C.MAINTENANCE,
    ),
    "firewall": (answered(403, body="<html>forbidden</html>"), C.BLOCKED),
    "429": (answered(429, -1003, "Too many requests.", headers={"Retry-After": "7"}), C.RATE_LIMIT),
    "-1015": (answered(400, -1015, "Too many new orders."), C.RATE_LIMIT),
    "418": (answered(418, -1003, "Way too many requests.", headers={"Retry-After": "120"}), C.BANNED),
    "-1021": (answered(400, -1021, "Timestamp for this request was 1000ms ahead."), C.CLOCK_SKEW),
    "-2015": (answered(401, -2015, "Invalid API-key, IP, or permissions for action."), C.AUTH),
    "401": (answered(401, body=""), C.AUTH),
    "no funds": (
        answered(400, -2010, "Account has insufficient balance for requested action."),
        C.INSUFFICIENT_FUNDS,
    ),
    "filter": (answered(400, -1013, "Filter failure: LOT_SIZE"), C.FILTER),
    "precision": (answered(400, -1111, "Parameter 'quantity' has too much precision."), C.FILTER),
    "malformed": (answered(400, -1102, "Mandatory parameter 'side' was not sent."), C.MALFORMED),
    "no such market": (answered(400, -1121, "Invalid symbol."), C.MARKET),
    "closed": (answered(400, -1013, "Market is closed."), C.MARKET),
    "would trigger": (answered(400, -2010, "Stop price would trigger immediately."), C.ORDER_REJECTED),
    "duplicate": (answered(400, -2010, "Duplicate order sent."), C.DUPLICATE_ID),
    "no such order": (answered(400, -2013, "Order does not exist."), C.NOT_FOUND),
    "nonsense": (answered(200, body="{broken"), C.ANSWER_INVALID),
    "a new code": (answered(400, -7777, "Something new."), C.UNRECOGNISED),
}
SELL = OrderRequest(
    client_order_id="mh-SOL-tax",
    symbol=SYMBOL,
    side=Side.SELL,
    order_type=OrderType.MARKET,
    quantity=Decimal(2),
)
APPROVED = Approved(order=SELL, gates=("test",))
ENDINGS: dict[Ending, type[ExchangeError]] = {
    Ending.UNAVAILABLE: ExchangeUnavailableError,
    Ending.REFUSED: ExchangeRefusedError,
    Ending.ANSWER: ExchangeAnswerError,
    Ending.NO_KEYS: ExchangeRefusedError,
}


@pytest.fixture(scope="module")
def box() -> Iterator[RunningBox]:
    wallet = {"SOL": Decimal(400), "USDT": Decimal(1_000)}
    start = dt.datetime(2024, 5, 1, 12, tzinfo=dt.UTC)
    with start_box(BoxConfig(seed=11, wallet=wallet, start=start, speed=0)) as running:
        yield running


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def bare(box: RunningBox) -> Iterator[CcxtGateway]:
    box.control.clear_faults()
    opened = open_ccxt_gateway(
        environment="sandbox",
        clock=FakeClock(),
        rest_url=box.rest_url,
        api_key=box.api_key,
        secret=box.secret,
        timeout_s=0.7,
    )
    opened.wallet()  # after the first private success ccxt calls -2015 something that passes
    yield opened
    opened.close()
    box.control.clear_faults()


@pytest.fixture
def guarded(bare: CcxtGateway, clock: FakeClock) -> Gateway:
    return RetryingReads(Patience(bare, clock), clock)


def asked(box: RunningBox, method: str, path: str) -> int:
    return sum((r["method"], r["path"]) == (method, f"/api/v3/{path}") for r in box.control.requests())


def struck(box: RunningBox, name: str, path: str, method: str = "GET", *, times: int = 1) -> Category:
    words, category = FAULTS[name]
    box.control.add_fault(path=path, method=method, times=times, **words)
    return category


def test_the_table_has_one_row_for_each_category_and_the_box_can_cause_every_one() -> None:
    assert [row.category for row in TABLE] == list(Category)
    assert {category for _, category in FAULTS.values()} | {C.NO_KEYS} == set(Category)
    assert {category for category, _ in CODES.values()} <= set(Category)


@pytest.mark.parametrize("name", FAULTS)
def test_a_read_ends_as_its_row_says(box: RunningBox, bare: CcxtGateway, name: str) -> None:
    before = asked(box, "GET", "account")
    category = struck(box, name, "account", times=2)  # a wrong clock is measured again, and asked again
    with pytest.raises(ENDINGS[POLICIES[category].ends_as]) as failure:
        bare.wallet()
    assert policy_of(failure.value) is POLICIES[category]
    until(lambda: asked(box, "GET", "account") > before, "the request that came late")


def test_without_keys_nothing_is_sent(box: RunningBox) -> None:
    keyless = open_ccxt_gateway(environment="sandbox", clock=FakeClock(), rest_url=box.rest_url)
    before = [asked(box, *words) for words in (("GET", "myTrades"), ("POST", "order"))]
    with pytest.raises(ExchangeRefusedError) as failure:
        keyless.own_trades(SYMBOL)
    assert (failure.value.category, failure.value.code) == (C.NO_KEYS, "credentials_missing")
    outcome = keyless.submit(APPROVED)
    assert isinstance(outcome, Rejected)
    assert [asked(box, *words) for words in (("GET", "myTrades"), ("POST", "order"))] == before
    keyless.close()


@pytest.mark.parametrize("name", FAULTS)
def test_an_order_is_sent_once_and_ends_as_its_row_says(box: RunningBox, guarded: Gateway, name: str) -> None:
    guarded.ticker(SYMBOL)
    before = asked(box, "POST", "order")
    category = struck(box, name, "order", "POST")
    outcome = guarded.submit(APPROVED)
    until(lambda: asked(box, "POST", "order") > before, "the order that came late")
    assert asked(box, "POST", "order") == before + 1
    row = POLICIES[category]
    if row.submit is OnSubmit.UNKNOWN:
        assert isinstance(outcome, Unknown)
    else:
        is_proven = name != "401"  # without the exchange's own words it proves nothing
        assert isinstance(outcome, Rejected) is is_proven


@pytest.mark.parametrize("name", FAULTS)
def test_a_read_is_repeated_where_its_row_says_so_and_nowhere_else(
    box: RunningBox, guarded: Gateway, clock: FakeClock, name: str
) -> None:
    before = asked(box, "GET", "account")
    category = struck(box, name, "account")
    row = POLICIES[category]
    if row.read in {OnRead.RETRY, OnRead.REMEASURE}:
        assert guarded.wallet().complete
        until(lambda: asked(box, "GET", "account") == before + 2, "both requests, the late one too")
    else:
        with pytest.raises(ExchangeError):
            guarded.wallet()
        assert asked(box, "GET", "account") == before + 1
        assert clock.slept == []


@pytest.mark.parametrize("name", ["cut", "504", "503", "firewall"])
def test_a_cancel_is_never_repeated_by_a_guard(box: RunningBox, guarded: Gateway, name: str) -> None:
    guarded.ticker(SYMBOL)
    before = asked(box, "DELETE", "order")
    struck(box, name, "order", "DELETE", times=5)
    with pytest.raises(ExchangeUnavailableError):
        guarded.cancel(SYMBOL, "mh-SOL-none")
    assert asked(box, "DELETE", "order") == before + 1


def test_an_order_that_is_not_there_is_an_answer_to_a_look_up_and_to_a_cancel(bare: CcxtGateway) -> None:
    assert bare.find_order(SYMBOL, "mh-SOL-none") is None
    assert bare.cancel(SYMBOL, "mh-SOL-none") is None


def test_a_short_retry_after_is_waited_for_and_a_long_one_silences_all_reads(
    box: RunningBox, guarded: Gateway, clock: FakeClock
) -> None:
    box.control.add_fault(path="account", **answered(429, -1003, headers={"Retry-After": "3"}))
    assert guarded.wallet().complete
    assert clock.slept == [3.0]
    struck(box, "429", "account")
    before = len(box.control.requests())
    for read in (guarded.wallet, guarded.wallet, lambda: guarded.ticker(SYMBOL), guarded.server_time):
        with pytest.raises(RateLimitedError):
            read()
    assert len(box.control.requests()) == before + 1
    assert not isinstance(guarded.submit(APPROVED), Rejected), "a limit on reads holds up no exit"
    clock.advance(7)
    assert guarded.wallet().complete


def test_a_ban_is_never_hammered_not_even_by_an_exit(
    box: RunningBox, guarded: Gateway, clock: FakeClock
) -> None:
    struck(box, "418", "account")
    with pytest.raises(RateLimitedError) as failure:
        guarded.wallet()
    assert failure.value.category == C.BANNED
    before = len(box.control.requests())
    for _ in range(20):
        with pytest.raises(RateLimitedError, match="patience"):
            guarded.wallet()
        with pytest.raises(RateLimitedError):
            guarded.cancel(SYMBOL, "mh-SOL-none")
        outcome = guarded.submit(APPROVED)
        assert isinstance(outcome, Rejected)
        assert outcome.reason == "rate_limited"
        clock.advance(5)
    assert len(box.control.requests()) == before
    clock.advance(21)
    assert guarded.wallet().complete


def test_a_ban_without_a_time_is_one_of_a_minute(box: RunningBox, guarded: Gateway, clock: FakeClock) -> None:
    box.control.add_fault(path="account", **answered(418, body=""))
    with pytest.raises(RateLimitedError):
        guarded.wallet()
    clock.advance(59)
    with pytest.raises(RateLimitedError, match="ban"):
        guarded.wallet()
    clock.advance(2)
    assert guarded.wallet().complete


@pytest.mark.parametrize("row", TABLE, ids=[row.category.value for row in TABLE])
def test_the_circuit_counts_what_its_row_says(row: Any, bare: CcxtGateway, clock: FakeClock) -> None:
    error: ExchangeError = ENDINGS[row.ends_as]("no")
    error.category = row.category.value

    class Failing(CircuitBreaker):
        def fail(self) -> None:
            def raise_it() -> None:
                raise error

            self._read(raise_it)

    breaker = Failing(bare, clock, failures=1)
    with pytest.raises(ExchangeError):
        breaker.fail()
    assert (breaker.state.circuit is Circuit.OPEN) is row.fails


def test_2015_stays_a_refusal_whatever_the_client_library_makes_of_it(
    box: RunningBox, bare: CcxtGateway
) -> None:
    for _ in range(2):
        struck(box, "-2015", "account")
        with pytest.raises(ExchangeRefusedError) as failure:
            bare.wallet()
        assert failure.value.category == C.AUTH
        assert "permissions" in failure.value.fix


def test_a_duplicate_is_never_a_rejection_under_any_code() -> None:
    for code in (-2010, -1013, -2021, -4444):
        failure = Failure(status=400, code=code, text="Duplicate order sent.")
        assert categorised(failure) == (C.DUPLICATE_ID, "")
        assert isinstance(submit_outcome("one", failure), Unknown)


def test_an_answer_with_an_orders_fields_proves_no_rejection() -> None:
    failure = Failure(status=400, code=-2010, text="insufficient balance", carries_order=True)
    assert isinstance(submit_outcome("one", failure), Unknown)


@pytest.mark.parametrize(
    ("error", "category"),
    [
        (ExchangeUnavailableError("x"), C.NETWORK),
        (ExchangeRefusedError("x"), C.UNRECOGNISED),
        (ExchangeAnswerError("x"), C.ANSWER_INVALID),
        (RateLimitedError("x", why="y", retry_after_s=None), C.RATE_LIMIT),
    ],
)
def test_an_error_that_no_gateway_categorised_has_the_row_of_its_class(
    error: ExchangeError, category: Category
) -> None:
    assert policy_of(error) is POLICIES[category]


def test_a_failure_that_is_no_answer_is_described_by_its_exception() -> None:
    for error, category in (
        (TimeoutError("slow"), C.TIMEOUT),
        (OSError("cut"), C.NETWORK),
        (ValueError("?"), C.ANSWER_INVALID),
    ):
        failure = failure_of(error, None)
        assert CallFailedError(failure).failure.category is category
        assert read_error("It failed.", failure).category == category
