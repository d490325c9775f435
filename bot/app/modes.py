"""The modes table: which gateway an environment gets. Chosen here, never by an `if` in the core.

`mainnet` has no row: it is refused by construction until its governance gate opens (DR-3).
"""

import functools
from collections.abc import Callable
from typing import NamedTuple

from bot.app.circuit_file import keep_circuit, read_circuit
from bot.app.connection import Connection, connection_of
from bot.app.paper_ledger_file import PaperLedgerFile
from bot.app.settings import Settings
from bot.exchange.ccxt_gateway import open_ccxt_gateway
from bot.exchange.gateway import Gateway
from bot.exchange.guards import CircuitBreaker, RetryingReads
from bot.exchange.hosts import refuse_real_money
from bot.exchange.paper_gateway import PaperGateway
from bot.kernel.clock import Clock
from bot.storage.home import Home


class Mode(NamedTuple):
    """One environment: what people read of it, and how its gateway is built."""

    name: str
    words: str
    build: Callable[[Home, Settings, Clock], Gateway]


def _sandbox(home: Home, settings: Settings, clock: Clock) -> Gateway:
    return _over_ccxt(connection_of(home, settings, "sandbox"), "sandbox", settings, clock)


def _testnet(home: Home, settings: Settings, clock: Clock) -> Gateway:
    return _over_ccxt(connection_of(home, settings, "testnet"), "testnet", settings, clock)


def _paper(home: Home, settings: Settings, clock: Clock) -> Gateway:
    source = str(settings["exchange.data_source"])
    link = connection_of(home, settings, source, public_only=True)
    market = open_ccxt_gateway(
        environment="paper",
        clock=clock,
        rest_url=link.rest_url,
        ws_url=link.ws_url,
        timeout_s=settings.seconds("exchange.timeout_s"),
        data_source=source,
    )
    return PaperGateway(market, PaperLedgerFile(home), clock, opening=dict(settings["paper.opening"]))


def _over_ccxt(link: Connection, environment: str, settings: Settings, clock: Clock) -> Gateway:
    return open_ccxt_gateway(
        environment=environment,
        clock=clock,
        api_key=link.api_key,
        secret=link.secret,
        rest_url=link.rest_url,
        ws_url=link.ws_url,
        timeout_s=settings.seconds("exchange.timeout_s"),
    )


MODES: dict[str, Mode] = {
    "sandbox": Mode("sandbox", "SANDBOX - exchange in a box, no real money", _sandbox),
    "paper": Mode("paper", "PAPER - public prices, own fills, no real money", _paper),
    "testnet": Mode("testnet", "TESTNET - Binance spot testnet, no real money", _testnet),
}


def mode_of(environment: str) -> Mode:
    """Return the row of an environment.

    Raises:
        BotError: `environment_refused` for mainnet by any of its names.
        SettingsError: For a name that is no environment.
    """
    refuse_real_money(environment)
    return MODES[environment]


def build_gateway(home: Home, settings: Settings, clock: Clock) -> CircuitBreaker:
    """Return the gateway of this home: retries for reads, and a breaker whose state can be read."""
    gateway = mode_of(str(settings["environment"])).build(home, settings, clock)
    return CircuitBreaker(
        RetryingReads(gateway, clock),
        clock,
        remembered=read_circuit(home),
        on_change=functools.partial(keep_circuit, home),
    )
