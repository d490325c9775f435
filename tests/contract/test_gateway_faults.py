"""The ccxt gateway when the box fails it: lost answers, bans, wrong clocks and keys, nonsense."""

import datetime as dt
import threading
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from bot.exchange.box.config import BoxConfig
from bot.exchange.box.server import RunningBox, start_box
from bot.exchange.ccxt_gateway import CcxtGateway, open_ccxt_gateway
from bot.execution.orders import Accepted, OrderRequest, OrderStatus, OrderType, Rejected, Side, Unknown
from bot.kernel.errors import ExchangeAnswerError, ExchangeRefusedError, ExchangeUnavailableError
from bot.risk.verdict import Approved
from tests.fakes.fake_clock import FakeClock

SYMBOL = "SOL/USDT"
ID = "mh-SOL-fault"
SELL = Approved(
    order=OrderRequest(
        client_order_id=ID,
        symbol=SYMBOL,
        side=Side.SELL,
        order_type=OrderType.MARKET,
        quantity=Decimal(2),
    ),
    gates=("test",),
)


@pytest.fixture
def box() -> Iterator[RunningBox]:
    wallet = {"SOL": Decimal(40), "USDT": Decimal(1_000)}
    start = dt.datetime(2024, 5, 1, 12, tzinfo=dt.UTC)
    with start_box(BoxConfig(seed=11, wallet=wallet, start=start, speed=0)) as running:
        yield running


def open_gateway(box: RunningBox, **changes: Any) -> CcxtGateway:
    keys = {"api_key": box.api_key, "secret": box.secret, "timeout_s": 5.0, **changes}
    return open_ccxt_gateway(environment="sandbox", clock=FakeClock(), rest_url=box.rest_url, **keys)


@pytest.fixture
def gateway(box: RunningBox) -> Iterator[CcxtGateway]:
    opened = open_gateway(box)
    opened.wallet()
    yield opened
    opened.close()


def orders_sent(box: RunningBox) -> int:
    return sum(
        entry["method"] == "POST" and entry["path"].endswith("/order") for entry in box.control.requests()
    )


@pytest.mark.parametrize(
    "fault",
    [
        {"action": "drop_after"},
        {"action": "status_after", "status": 504, "code": -1007, "message": "Timeout waiting for response."},
        {"action": "status_after", "status": 502, "body": "<html>bad gateway</html>"},
        {
            "action": "status_after",
            "status": 500,
            "code": -2010,
            "message": "Account has insufficient balance.",
        },
        {"action": "status_after", "status": 200, "body": '{"orderId": '},
        {"action": "status_after", "status": 200, "body": ""},
    ],
)
def test_an_executed_order_whose_answer_was_lost_is_unknown_and_then_found(
    box: RunningBox, gateway: CcxtGateway, fault: dict[str, Any]
) -> None:
    box.control.add_fault(path="order", method="POST", **fault)
    outcome = gateway.submit(SELL)
    assert isinstance(outcome, Unknown), outcome
    report = gateway.find_order(SYMBOL, ID)
    assert report is not None
    assert (report.status, report.filled_quantity) == (OrderStatus.FILLED, Decimal(2))
    assert gateway.wallet().total("SOL") == 38
    assert orders_sent(box) == 1


@pytest.mark.parametrize(
    "fault",
    [
        {"action": "drop_before"},
        {"action": "status_before", "status": 503, "body": "<html>unavailable</html>"},
        {"action": "status_before", "status": 429, "body": "slow down"},
        {"action": "status_before", "status": 403, "body": "<html>firewall</html>"},
    ],
)
def test_an_order_that_never_arrived_is_unknown_and_then_not_there(
    box: RunningBox, gateway: CcxtGateway, fault: dict[str, Any]
) -> None:
    box.control.add_fault(path="order", method="POST", **fault)
    assert isinstance(gateway.submit(SELL), Unknown)
    assert gateway.find_order(SYMBOL, ID) is None
    assert gateway.wallet().total("SOL") == 40
    assert orders_sent(box) == 1


def test_an_answer_that_takes_too_long_is_unknown_and_the_order_is_found_later(
    box: RunningBox, gateway: CcxtGateway
) -> None:
    hasty = open_gateway(box, timeout_s=0.2)
    hasty.wallet()
    box.control.add_fault("delay", path="order", method="POST", seconds=0.5)
    assert isinstance(hasty.submit(SELL), Unknown)
    hasty.close()
    pause, looks = threading.Event(), 0
    while (report := gateway.find_order(SYMBOL, ID)) is None:
        looks += 1
        assert looks < 100
        pause.wait(0.05)
    assert report.status is OrderStatus.FILLED


def test_a_limit_on_orders_is_a_rejection_with_its_reason(box: RunningBox, gateway: CcxtGateway) -> None:
    words = "Too many new orders; current limit is 50 orders per 10 SECOND."
    box.control.add_fault("status_before", path="order", method="POST", status=429, code=-1015, message=words)
    outcome = gateway.submit(SELL)
    assert isinstance(outcome, Rejected)
    assert (outcome.reason, outcome.text) == ("rate_limited", words)


@pytest.mark.parametrize(("status", "wait"), [(429, "7"), (418, "120")])
def test_a_rate_limit_says_when_to_come_back(
    box: RunningBox, gateway: CcxtGateway, status: int, wait: str
) -> None:
    box.control.add_fault(
        "status_before", path="account", status=status, code=-1003, headers={"Retry-After": wait}
    )
    with pytest.raises(ExchangeUnavailableError, match=f"HTTP {status}.*retry after {wait} s"):
        gateway.wallet()
    assert gateway.wallet().total("SOL") == 40


def test_a_clock_that_drifts_apart_is_measured_again(box: RunningBox, gateway: CcxtGateway) -> None:
    for skew_ms in (3_600_000, -3_600_000):
        box.control.set_auth_skew(skew_ms)
        assert gateway.wallet().total("SOL") == 40
    box.control.set_auth_skew(3_600_000)
    outcome = gateway.submit(SELL)
    assert isinstance(outcome, Rejected)
    assert outcome.reason == "clock_skew"
    assert isinstance(gateway.submit(SELL), Accepted)
    assert orders_sent(box) == 2


@pytest.mark.parametrize("keys", [{"api_key": "wrong"}, {"secret": "wrong"}])
def test_wrong_keys_are_a_refusal_and_never_unknown(box: RunningBox, keys: dict[str, str]) -> None:
    gateway = open_gateway(box, **keys)
    with pytest.raises(ExchangeRefusedError):
        gateway.wallet()
    outcome = gateway.submit(SELL)
    assert isinstance(outcome, Rejected)
    assert outcome.reason == "auth_failed"
    assert gateway.ticker(SYMBOL).last > 0
    gateway.close()


@pytest.mark.parametrize("body", ["{broken", "[]", "null", "{}", "", "12", '"text"', "<html>"])
def test_nonsense_is_never_a_value(box: RunningBox, gateway: CcxtGateway, body: str) -> None:
    for path, read in (
        ("account", gateway.wallet),
        ("ticker/24hr", lambda: gateway.ticker(SYMBOL)),
        ("depth", lambda: gateway.order_book(SYMBOL)),
        ("time", gateway.server_time),
        ("order", lambda: gateway.find_order(SYMBOL, ID)),
    ):
        box.control.add_fault("status_before", path=path, status=200, body=body)
        with pytest.raises(ExchangeAnswerError):
            read()


def test_a_cancellation_whose_answer_was_lost_can_be_sent_again(
    box: RunningBox, gateway: CcxtGateway
) -> None:
    resting = OrderRequest(
        client_order_id=ID,
        symbol=SYMBOL,
        side=Side.BUY,
        order_type=OrderType.LIMIT,
        quantity=Decimal(2),
        limit_price=(gateway.ticker(SYMBOL).bid * Decimal("0.9")).quantize(Decimal("0.01")),
    )
    assert isinstance(gateway.submit(Approved(order=resting, gates=("test",))), Accepted)
    box.control.add_fault("drop_after", path="order", method="DELETE")
    with pytest.raises(ExchangeUnavailableError):
        gateway.cancel(SYMBOL, ID)
    again = gateway.cancel(SYMBOL, ID)
    assert again is not None
    assert again.status is OrderStatus.CANCELLED


def test_the_owner_s_own_trades_are_seen(box: RunningBox, gateway: CcxtGateway) -> None:
    box.control.external_trade(SYMBOL, "sell", "3")
    box.control.withdraw("SOL", "7")
    assert gateway.wallet().total("SOL") == 30
    assert sum(trade.quantity for trade in gateway.own_trades(SYMBOL)) == 3


def test_a_box_that_comes_back_is_used_again_without_a_new_gateway(box: RunningBox) -> None:
    gateway = open_gateway(box)
    assert gateway.wallet().complete
    port = int(box.rest_url.split(":")[2].split("/")[0])
    box.stop()
    with pytest.raises(ExchangeUnavailableError):
        gateway.wallet()
    config = BoxConfig(
        seed=11, wallet={"SOL": Decimal(1)}, speed=0, port=port, api_key=box.api_key, secret=box.secret
    )
    with start_box(config):
        assert gateway.wallet().total("SOL") == 1
    gateway.close()


def test_a_closed_gateway_answers_nobody(gateway: CcxtGateway) -> None:
    gateway.close()
    with pytest.raises(ExchangeUnavailableError, match="closed"):
        gateway.wallet()
    assert isinstance(gateway.submit(SELL), Unknown)
