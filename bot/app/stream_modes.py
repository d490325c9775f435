"""The streams table: what each environment listens to. A row that is missing is polled.

`mainnet` has no row, as in the modes table (DR-3).
"""

from collections.abc import Callable

from bot.app.connection import Connection, connection_of
from bot.app.settings import Settings
from bot.exchange.gateway import Capabilities
from bot.exchange.stream_ccxt import open_ccxt_streams
from bot.exchange.streams import Streams
from bot.kernel.clock import Clock
from bot.storage.home import Home


def _sandbox(home: Home, settings: Settings, clock: Clock) -> Streams | None:
    return _over_ccxt(connection_of(home, settings, "sandbox"), "sandbox", settings, clock)


def _testnet(home: Home, settings: Settings, clock: Clock) -> Streams | None:
    return _over_ccxt(connection_of(home, settings, "testnet"), "testnet", settings, clock)


def _paper(home: Home, settings: Settings, clock: Clock) -> Streams | None:
    """Return the public stream of its data source: the account is this process's own."""
    source = str(settings["exchange.data_source"])
    link = connection_of(home, settings, source, public_only=True)
    return _over_ccxt(link, "paper", settings, clock, data_source=source)


def _over_ccxt(
    link: Connection, environment: str, settings: Settings, clock: Clock, *, data_source: str = "sandbox"
) -> Streams | None:
    if link.rest_url is not None and link.ws_url is None:
        return None  # a box of which only the REST address is known
    return open_ccxt_streams(
        environment=environment,
        clock=clock,
        api_key=link.api_key,
        secret=link.secret,
        rest_url=link.rest_url,
        ws_url=link.ws_url,
        timeout_s=settings.seconds("exchange.timeout_s"),
        silence_s=settings.seconds("exchange.stream_silence_s"),
        data_source=data_source,
    )


STREAMS: dict[str, Callable[[Home, Settings, Clock], Streams | None]] = {
    "sandbox": _sandbox,
    "paper": _paper,
    "testnet": _testnet,
}


def build_streams(home: Home, settings: Settings, clock: Clock, able: Capabilities) -> Streams | None:
    """Return what this home listens to; nothing is opened yet. None: it is polled alone.

    Args:
        home: Whose exchange it is.
        settings: Of the home.
        clock: Dates what comes.
        able: What the gateway in use can do.
    """
    build = STREAMS.get(str(settings["environment"]))
    if build is None or not able.streams or settings["exchange.streams"] == "off":
        return None
    return build(home, settings, clock)
