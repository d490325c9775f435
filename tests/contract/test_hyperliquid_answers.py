"""What Hyperliquid's gateway makes of late, foreign and half answers."""

import datetime as dt
import itertools
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from bot.exchange.hyperliquid_client import wallet_keys
from bot.exchange.hyperliquid_gateway import HyperliquidGateway, open_hyperliquid_gateway
from bot.execution.orders import Accepted, OrderRequest, OrderStatus, OrderType, Side, Unknown
from bot.kernel.errors import ExchangeAnswerError, ExchangeUnavailableError
from bot.kernel.ids import client_order_id
from bot.risk.verdict import Approved
from tests.fakes.fake_clock import FakeClock
from tests.fakes.hyperliquid_exchange import AGENT_KEY, OWNER, Fault, HyperliquidExchange

NOW = dt.datetime(2026, 5, 1, 12, 0, 30, tzinfo=dt.UTC)
SYMBOL = "SOL/USDC"
HELD = {"SOL": Decimal(40), "USDC": Decimal(5_000)}
ID = client_order_id(lineage="l", asset="SOL", opened_by="1")
SELL = Approved(
    order=OrderRequest(
        client_order_id=ID,
        symbol=SYMBOL,
        side=Side.SELL,
        order_type=OrderType.MARKET,
        quantity=Decimal(20),
    ),
    gates=("test",),
)
LIMIT = Approved(
    order=msgspec.structs.replace(SELL.order, order_type=OrderType.LIMIT, limit_price=Decimal(160)),
    gates=("test",),
)


class SlowMachine(FakeClock):
    """Every look at the monotonic clock takes two seconds."""

    def monotonic(self) -> float:
        self.advance(2)
        return super().monotonic()


def open_gateway(exchange: HyperliquidExchange, clock: FakeClock) -> HyperliquidGateway:
    return open_hyperliquid_gateway(
        clock=clock, keys=wallet_keys(OWNER, AGENT_KEY), rest_url=exchange.url, timeout_s=1
    )


def told(answer: Any) -> str:
    return msgspec.json.encode(answer).decode()


@pytest.fixture
def exchange() -> Iterator[HyperliquidExchange]:
    ticks = itertools.count(int(NOW.timestamp() * 1_000), 7)
    with HyperliquidExchange(held=HELD, market_ms=lambda: next(ticks)) as running:
        yield running


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(NOW)


@pytest.fixture
def gateway(exchange: HyperliquidExchange, clock: FakeClock) -> Iterator[HyperliquidGateway]:
    opened = open_gateway(exchange, clock)
    yield opened
    opened.close()


def test_an_order_whose_preparation_took_too_long_is_not_sent(exchange: HyperliquidExchange) -> None:
    slow = open_gateway(exchange, SlowMachine(NOW))
    outcome = slow.submit(SELL)
    assert isinstance(outcome, Unknown)
    assert "nothing was sent" in outcome.text
    assert exchange.actions == []
    slow.close()


def test_an_answer_about_another_order_is_never_taken_for_ours(
    exchange: HyperliquidExchange, gateway: HyperliquidGateway
) -> None:
    assert isinstance(gateway.submit(LIMIT), Accepted)
    row = exchange.ledger.orders[0].row()
    for change in ({"cloid": "0x" + "ab" * 16}, {"coin": "@2"}, {"cloid": None}):
        inner = {"order": {**row, **change}, "status": "open", "statusTimestamp": 1}
        body = told({"status": "order", "order": inner})
        exchange.faults.append(Fault("orderStatus", status=200, body=body))
        with pytest.raises(ExchangeAnswerError):
            gateway.find_order(SYMBOL, ID)


def test_an_order_that_was_answered_under_another_number_is_unknown(
    exchange: HyperliquidExchange, gateway: HyperliquidGateway
) -> None:
    statuses = {"data": {"statuses": [{"resting": {"oid": 1}}]}, "type": "order"}
    body = told({"status": "ok", "response": statuses})
    exchange.faults.append(Fault("order", executed=True, status=200, body=body))
    assert isinstance(gateway.submit(LIMIT), Unknown)
    report = gateway.find_order(SYMBOL, ID)
    assert report is not None
    assert report.status is OrderStatus.OPEN


def test_a_cancellation_under_a_wrong_clock_is_sent_once_more(
    exchange: HyperliquidExchange, gateway: HyperliquidGateway
) -> None:
    assert isinstance(gateway.submit(LIMIT), Accepted)
    exchange.wall_ahead_ms = 60_000
    cancelled = gateway.cancel(SYMBOL, ID)
    assert cancelled is not None
    assert cancelled.status is OrderStatus.CANCELLED
    assert exchange.actions == ["order", "cancelByCloid", "cancelByCloid"]


def test_a_cancellation_whose_answer_is_lost_is_unavailable_and_may_be_sent_again(
    exchange: HyperliquidExchange, gateway: HyperliquidGateway
) -> None:
    assert isinstance(gateway.submit(LIMIT), Accepted)
    exchange.faults.append(Fault("cancelByCloid", executed=True))
    with pytest.raises(ExchangeUnavailableError):
        gateway.cancel(SYMBOL, ID)
    cancelled = gateway.cancel(SYMBOL, ID)
    assert cancelled is not None
    assert cancelled.status is OrderStatus.CANCELLED


def test_fills_that_are_never_told_do_not_hold_an_order_up_for_ever(
    exchange: HyperliquidExchange, gateway: HyperliquidGateway, clock: FakeClock
) -> None:
    exchange.hidden_fills = 1
    assert isinstance(gateway.submit(SELL), Unknown)
    clock.advance(29)
    with pytest.raises(ExchangeUnavailableError):
        gateway.find_order(SYMBOL, ID)
    clock.advance(2)
    report = gateway.find_order(SYMBOL, ID)
    assert report is not None
    assert report.status is OrderStatus.EXPIRED
    assert 0 < report.filled_quantity < report.quantity, "what was told, and not more"
    exchange.hidden_fills = 0
    late = gateway.find_order(SYMBOL, ID)
    assert late is not None
    assert late.status is OrderStatus.FILLED


def test_the_grid_that_markets_tell_follows_the_price(
    exchange: HyperliquidExchange, gateway: HyperliquidGateway
) -> None:
    assert gateway.markets()[SYMBOL].tick_size == Decimal("0.01")
    exchange.set_price("SOL", "1500")
    assert gateway.tickers([SYMBOL])[SYMBOL].last == 1_500
    assert gateway.markets()[SYMBOL].tick_size == Decimal("0.1")
    assert exchange.asked.count("l2Book") == 1, "one book for each coin that was asked for"
