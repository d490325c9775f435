"""A scripted exchange and a ccxt gateway on it."""

from collections.abc import Iterator

import pytest

from bot.exchange.ccxt_gateway import CcxtGateway, open_ccxt_gateway
from tests.fakes.fake_clock import FakeClock
from tests.unit.exchange.scripted_exchange import ScriptedExchange, scripted_exchange


@pytest.fixture
def exchange() -> Iterator[ScriptedExchange]:
    with scripted_exchange() as script:
        yield script


@pytest.fixture
def gateway(exchange: ScriptedExchange) -> Iterator[CcxtGateway]:
    opened = open_ccxt_gateway(
        environment="sandbox",
        clock=FakeClock(),
        api_key="key",
        secret="secret",  # noqa: S106  # a made-up one for loopback
        rest_url=exchange.rest_url,
        timeout_s=1,
    )
    yield opened
    opened.close()
