"""The gateway contract on the paper gateway over the market that long runs live in."""

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal

import pytest

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
from tests.fakes.step_market import StepMarket

NOW = dt.datetime(2026, 5, 1, 12, 0, 30, tzinfo=dt.UTC)


class StepWorld:
    """The gateway, and the market behind it."""

    def __init__(self) -> None:
        clock = FakeClock(NOW)
        self._market = StepMarket(["SOL", "ETH"], clock, seed=11, history_days=1_510, days=1)
        self.gateway = PaperGateway(self._market, MemoryLedgerStore(), clock, opening=OPENING)

    def set_price(self, price: str) -> None:
        self._market.set_price(SYMBOL, Decimal(price))

    def kill(self) -> None:
        self._market.dead = True


@pytest.fixture
def world() -> Iterator[StepWorld]:
    made = StepWorld()
    made.set_price("150")
    yield made
    made.gateway.close()


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
