"""The gateway contract on each implementation: ccxt on the box, and paper over the box's public data."""

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal

import pytest

from bot.exchange.box.config import BoxConfig
from bot.exchange.box.server import RunningBox, start_box
from bot.exchange.ccxt_gateway import CcxtGateway, open_ccxt_gateway
from bot.exchange.gateway import Gateway
from bot.exchange.guards import CircuitBreaker, RetryingReads
from bot.exchange.paper_gateway import PaperGateway
from bot.exchange.paper_ledger import MemoryLedgerStore
from tests.contract.gateway_contract import (
    OPENING,
    SYMBOL,
    AccountContract,
    DeadExchangeContract,
    MarketDataContract,
    OrderContract,
    RestingStopContract,
)
from tests.fakes.fake_clock import FakeClock


class BoxWorld:
    """A gateway and the box behind it."""

    def __init__(self, box: RunningBox, gateway: Gateway) -> None:
        self.gateway = gateway
        self._box = box

    def set_price(self, price: str) -> None:
        self._box.control.set_price(SYMBOL, price)

    def kill(self) -> None:
        self._box.stop()


def ccxt_gateway(box: RunningBox) -> CcxtGateway:
    return open_ccxt_gateway(
        environment="sandbox",
        clock=FakeClock(),
        api_key=box.api_key,
        secret=box.secret,
        rest_url=box.rest_url,
        ws_url=box.ws_url,
        timeout_s=5,
    )


def paper_gateway(box: RunningBox) -> PaperGateway:
    data = open_ccxt_gateway(environment="paper", clock=FakeClock(), rest_url=box.rest_url, timeout_s=5)
    return PaperGateway(data, MemoryLedgerStore(), FakeClock(), opening=OPENING, fee_bps=Decimal(10))


def guarded_gateway(box: RunningBox) -> Gateway:
    return CircuitBreaker(RetryingReads(ccxt_gateway(box), FakeClock()), FakeClock())


@pytest.fixture
def box() -> Iterator[RunningBox]:
    start = dt.datetime(2024, 5, 1, 12, 0, 30, tzinfo=dt.UTC)
    with start_box(BoxConfig(seed=11, wallet=OPENING, start=start, speed=0)) as running:
        running.control.set_price(SYMBOL, "150")
        yield running


@pytest.fixture(params=[ccxt_gateway, paper_gateway, guarded_gateway])
def world(request: pytest.FixtureRequest, box: RunningBox) -> Iterator[BoxWorld]:
    gateway = request.param(box)
    yield BoxWorld(box, gateway)
    gateway.close()


class TestMarketData(MarketDataContract):
    pass


class TestAccount(AccountContract):
    pass


class TestOrders(OrderContract):
    pass


class TestRestingStops(RestingStopContract):
    pass


class TestDeadExchange(DeadExchangeContract):
    pass
