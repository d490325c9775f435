"""The gateway contract on Hyperliquid's gateway, over its counterpart on loopback."""

import datetime as dt
from collections.abc import Iterator

import pytest

from bot.exchange.hyperliquid_client import wallet_keys
from bot.exchange.hyperliquid_gateway import open_hyperliquid_gateway
from tests.contract.gateway_contract import (
    OPENING,
    AccountContract,
    DeadExchangeContract,
    MarketDataContract,
    NoRestingStopContract,
    OrderContract,
)
from tests.fakes.fake_clock import FakeClock
from tests.fakes.hyperliquid_exchange import AGENT_KEY, OWNER, HyperliquidExchange

NOW = dt.datetime(2026, 5, 1, 12, 0, 30, tzinfo=dt.UTC)


class HyperliquidWorld:
    """The gateway with an API wallet's key, and the counterpart behind it; its market stands still.

    The contract's prices are in USDT, so the counterpart lists a coin of that name.
    """

    def __init__(self, exchange: HyperliquidExchange) -> None:
        self._exchange = exchange
        self.gateway = open_hyperliquid_gateway(
            clock=FakeClock(NOW),
            keys=wallet_keys(OWNER, AGENT_KEY),
            rest_url=exchange.url,
            timeout_s=5,
            quote="USDT",
        )

    def set_price(self, price: str) -> None:
        self._exchange.set_price("SOL", price)

    def kill(self) -> None:
        self._exchange.stop()


@pytest.fixture
def world() -> Iterator[HyperliquidWorld]:
    market_ms = int(NOW.timestamp() * 1_000)
    with HyperliquidExchange(held=OPENING, quote="USDT", market_ms=lambda: market_ms) as exchange:
        made = HyperliquidWorld(exchange)
        yield made
        made.gateway.close()


class TestMarketData(MarketDataContract):
    pass


class TestAccount(AccountContract):
    pass


class TestOrders(OrderContract):
    pass


class TestRestingStops(NoRestingStopContract):
    pass


class TestDeadExchange(DeadExchangeContract):
    pass
