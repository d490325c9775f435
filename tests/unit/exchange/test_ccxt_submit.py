"""Sending an order through ccxt: what leaves, and the three ways in which it ends."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from bot.exchange.ccxt_gateway import CcxtGateway, open_ccxt_gateway
from bot.execution.orders import (
    Accepted,
    Fee,
    OrderRequest,
    OrderStatus,
    OrderType,
    Rejected,
    Side,
    Submission,
    Unknown,
)
from bot.kernel.errors import ExchangeRefusedError, ExchangeUnavailableError
from bot.risk.verdict import Approved
from tests.fakes.fake_clock import FakeClock
from tests.unit.exchange.scripted_exchange import ORDER, Reply, ScriptedExchange

MINUTE_MS = 60_000
SELL = OrderRequest(
    client_order_id="mh-SOL-1",
    symbol="SOL/USDT",
    side=Side.SELL,
    order_type=OrderType.MARKET,
    quantity=Decimal("1.5"),
)


def send(gateway: CcxtGateway, **changes: Any) -> Submission:
    return gateway.submit(Approved(order=msgspec.structs.replace(SELL, **changes), gates=("test",)))


def refusal(code: int, text: str, status: int = 400) -> Reply:
    return Reply({"code": code, "msg": text}, status)


# ---- what is sent -------------------------------------------------------------------------------------


def test_a_market_order_carries_our_id_and_its_exact_quantity_and_never_a_price(
    exchange: ScriptedExchange, gateway: CcxtGateway
) -> None:
    exchange.say("POST order", Reply(ORDER))
    outcome = send(gateway)
    sent = exchange.asked("POST order")[0].values
    assert sent["newClientOrderId"] == "mh-SOL-1"
    assert (sent["type"], sent["side"], sent["quantity"]) == ("MARKET", "SELL", "1.5")
    assert not {"price", "quoteOrderQty", "timeInForce", "stopPrice"} & set(sent)
    assert isinstance(outcome, Accepted)
    assert outcome.report.fees == (Fee(asset="USDT", amount=Decimal("0.21798")),)
    assert outcome.report.average_price == Decimal("145.32")


def test_a_quantity_with_more_digits_than_the_step_is_sent_as_it_is(
    exchange: ScriptedExchange, gateway: CcxtGateway
) -> None:
    exchange.say("POST order", refusal(-1013, "Filter failure: LOT_SIZE"))
    outcome = send(gateway, quantity=Decimal("0.123456789012345678"))
    assert exchange.asked("POST order")[0].values["quantity"] == "0.123456789012345678"
    assert isinstance(outcome, Rejected)
    assert outcome.reason == "filter_lot_size"


def test_a_stop_order_carries_limit_and_stop_price(exchange: ScriptedExchange, gateway: CcxtGateway) -> None:
    resting = {**ORDER, "status": "NEW", "executedQty": "0", "cummulativeQuoteQty": "0", "fills": []}
    exchange.say("POST order", Reply(resting))
    outcome = send(
        gateway, order_type=OrderType.STOP_LOSS_LIMIT, limit_price=Decimal(130), stop_price=Decimal("131.10")
    )
    sent = exchange.asked("POST order")[0].values
    assert (sent["type"], sent["price"], sent["stopPrice"]) == ("STOP_LOSS_LIMIT", "130", "131.1")
    assert sent["timeInForce"] == "GTC"
    assert isinstance(outcome, Accepted)
    assert outcome.report.status is OrderStatus.OPEN


@pytest.mark.parametrize(
    "changes",
    [
        {"limit_price": Decimal(100)},
        {"order_type": OrderType.LIMIT},
        {"order_type": OrderType.STOP_LOSS_LIMIT, "limit_price": Decimal(100)},
        {"quantity": Decimal(0)},
        {"quantity": Decimal("NaN")},
        {"client_order_id": "with space"},
        {"client_order_id": "x" * 37},
    ],
)
def test_a_malformed_order_is_never_sent(
    exchange: ScriptedExchange, gateway: CcxtGateway, changes: dict[str, Any]
) -> None:
    outcome = send(gateway, **changes)
    assert isinstance(outcome, Rejected)
    assert outcome.reason == "order_malformed"
    assert not exchange.asked("POST order")


# ---- how sending ends ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (refusal(-2010, "Account has insufficient balance for requested action."), "insufficient_balance"),
        (refusal(-2010, "Stop price would trigger immediately."), "would_trigger_immediately"),
        (refusal(-2010, "Market is closed."), "market_closed"),
        (refusal(-1013, "Filter failure: NOTIONAL"), "filter_notional"),
        (refusal(-1013, "Filter failure: MIN_NOTIONAL"), "filter_notional"),
        (refusal(-1013, "Filter failure: PERCENT_PRICE_BY_SIDE"), "filter_percent_price_by_side"),
        (refusal(-1111, "Parameter 'quantity' has too much precision."), "precision"),
        (refusal(-1102, "Mandatory parameter 'side' was not sent."), "order_malformed"),
        (refusal(-1121, "Invalid symbol."), "unknown_symbol"),
        (refusal(-1021, "Timestamp for this request is outside of the recvWindow."), "clock_skew"),
        (refusal(-1022, "Signature for this request is not valid."), "auth_failed"),
        (refusal(-2015, "Invalid API-key, IP, or permissions for action.", 401), "auth_failed"),
        (refusal(-1015, "Too many new orders; current limit is 50.", 429), "rate_limited"),
        (
            Reply({**ORDER, "status": "REJECTED", "executedQty": "0", "cummulativeQuoteQty": "0"}),
            "order_rejected",
        ),
    ],
)
def test_a_refusal_that_proves_itself_is_a_rejection_with_its_reason(
    exchange: ScriptedExchange, gateway: CcxtGateway, reply: Reply, reason: str
) -> None:
    exchange.say("POST order", reply)
    outcome = send(gateway)
    assert isinstance(outcome, Rejected)
    assert outcome.reason == reason


@pytest.mark.parametrize(
    "reply",
    [
        Reply(hang_up=True),
        Reply("<html>bad gateway</html>", 502),
        refusal(-1007, "Timeout waiting for response from backend server.", 504),
        refusal(-1006, "An unexpected response was received from the message bus.", 400),
        refusal(-2010, "Account has insufficient balance for requested action.", 503),
        refusal(-9999, "A code that nobody knows."),
        refusal(-2010, "Duplicate order sent."),
        Reply({"code": -2010, "msg": "Order was refused.", "executedQty": "1.5"}, 400),
        Reply({**ORDER, "transactTime": 10**17}),
        Reply({**ORDER, "updateTime": 10**17}),
        Reply('{"a":' * 100_000 + "1" + "}" * 100_000),
        Reply('{"a":' * 100_000 + "1" + "}" * 100_000, 400),
        Reply("too many", 429),
        Reply("banned", 418),
        Reply("{not json"),
        Reply(""),
        Reply([1, 2]),
        Reply({"orderId": 7}),
        Reply({**ORDER, "clientOrderId": "somebody-else"}),
        Reply({**ORDER, "symbol": "ETHUSDT"}),
        Reply({**ORDER, "executedQty": "2.0"}),
        Reply({**ORDER, "side": "BUY"}),
        Reply({**ORDER, "cummulativeQuoteQty": "NaN"}),
    ],
)
def test_whatever_does_not_prove_itself_is_unknown_and_sent_once(
    exchange: ScriptedExchange, gateway: CcxtGateway, reply: Reply
) -> None:
    exchange.say("POST order", reply)
    outcome = send(gateway)
    assert outcome == Unknown(
        client_order_id="mh-SOL-1", text=outcome.text if isinstance(outcome, Unknown) else ""
    )
    assert len(exchange.asked("POST order")) == 1


@pytest.mark.parametrize(("filled", "quote"), [("0.4", "58.128"), ("1.5", "217.98")])
def test_an_answer_that_tells_of_fills_is_never_a_rejection(
    exchange: ScriptedExchange, gateway: CcxtGateway, filled: str, quote: str
) -> None:
    answer = {**ORDER, "status": "REJECTED", "executedQty": filled, "cummulativeQuoteQty": quote}
    exchange.say("POST order", Reply(answer))
    outcome = send(gateway)
    assert isinstance(outcome, Accepted)
    assert outcome.report.status is OrderStatus.REJECTED
    assert (outcome.report.filled_quantity, outcome.report.filled_quote) == (Decimal(filled), Decimal(quote))


def test_an_order_in_an_unknown_market_is_rejected_unsent(
    exchange: ScriptedExchange, gateway: CcxtGateway
) -> None:
    outcome = send(gateway, symbol="NOPE/USDT")
    assert isinstance(outcome, Rejected)
    assert outcome.reason == "unknown_symbol"
    assert not exchange.asked("POST order")


def test_a_dead_exchange_makes_a_submit_unknown_and_a_read_unavailable() -> None:
    gateway = open_ccxt_gateway(
        environment="sandbox", clock=FakeClock(), rest_url="http://127.0.0.1:9/api/v3", timeout_s=1
    )
    assert isinstance(send(gateway), Unknown)
    with pytest.raises(ExchangeUnavailableError):
        gateway.markets()
    gateway.close()


def test_without_keys_nothing_is_signed_and_the_error_says_so(exchange: ScriptedExchange) -> None:
    gateway = open_ccxt_gateway(environment="sandbox", clock=FakeClock(), rest_url=exchange.rest_url)
    with pytest.raises(ExchangeRefusedError) as caught:
        gateway.wallet()
    assert caught.value.code == "credentials_missing"
    assert isinstance(send(gateway), Rejected)
    assert not exchange.asked("POST order")
    gateway.close()
