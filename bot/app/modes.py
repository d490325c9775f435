"""The modes table: which gateway an environment and a venue get. Chosen here, never by an `if` in the core.

`mainnet` has no row: it is refused by construction until its governance gate opens (DR-3).
"""

import functools
from collections.abc import Callable
from typing import NamedTuple

from bot.app.circuit_file import keep_circuit, read_circuit
from bot.app.connection import Connection, connection_of, wallet_of
from bot.app.paper_ledger_file import PaperLedgerFile
from bot.app.settings import Settings
from bot.exchange.ccxt_gateway import open_ccxt_gateway
from bot.exchange.gateway import Gateway
from bot.exchange.guards import CircuitBreaker, RetryingReads
from bot.exchange.hosts import refuse_real_money
from bot.exchange.hyperliquid_client import wallet_keys
from bot.exchange.hyperliquid_gateway import open_hyperliquid_gateway
from bot.exchange.paper_gateway import PaperGateway
from bot.exchange.patience import Patience
from bot.kernel.clock import Clock
from bot.kernel.errors import SettingsError
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


def _hyperliquid(home: Home, settings: Settings, clock: Clock) -> Gateway:
    quote = str(settings["quote"])
    if quote != HYPERLIQUID_QUOTE:
        raise SettingsError(
            f"Hyperliquid's spot markets are not in {quote}.", why=f"expected quote = {HYPERLIQUID_QUOTE!r}"
        )
    link = wallet_of(home, settings)
    return open_hyperliquid_gateway(
        clock=clock,
        keys=wallet_keys(link.wallet_address, link.private_key),
        rest_url=link.rest_url,
        timeout_s=settings.seconds("exchange.timeout_s"),
        quote=quote,
    )


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


BINANCE, HYPERLIQUID = "binance", "hyperliquid"
HYPERLIQUID_QUOTE = "USDC"

MODES: dict[tuple[str, str], Mode] = {
    ("sandbox", BINANCE): Mode("sandbox", "SANDBOX - exchange in a box, no real money", _sandbox),
    ("paper", BINANCE): Mode("paper", "PAPER - public prices, own fills, no real money", _paper),
    ("testnet", BINANCE): Mode("testnet", "TESTNET - Binance spot testnet, no real money", _testnet),
    ("testnet", HYPERLIQUID): Mode(
        "testnet", "TESTNET - Hyperliquid spot testnet, no real money", _hyperliquid
    ),
}
"""By environment and venue."""


def mode_of(environment: str, venue: str = BINANCE) -> Mode:
    """Return the row of an environment at a venue.

    Raises:
        BotError: `environment_refused` for mainnet by any of its names.
        SettingsError: For a name that is no environment, or a venue that has no such environment.
    """
    refuse_real_money(environment)
    mode = MODES.get((environment, venue))
    if mode is None:
        found = ", ".join(name for name, at in MODES if at == venue) or "nothing"
        raise SettingsError(
            f"There is no environment {environment} at {venue}.",
            why=f"exchange.venue = {venue!r} has {found}",
        )
    return mode


def build_gateway(home: Home, settings: Settings, clock: Clock) -> CircuitBreaker:
    """Return the gateway of this home: retries for reads, and a breaker whose state can be read."""
    mode = mode_of(str(settings["environment"]), str(settings["exchange.venue"]))
    gateway = mode.build(home, settings, clock)
    return CircuitBreaker(
        RetryingReads(Patience(gateway, clock), clock),
        clock,
        remembered=read_circuit(home),
        on_change=functools.partial(keep_circuit, home),
    )
