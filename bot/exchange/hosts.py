"""Which hosts each environment may reach, and the refusal of everything else.

1. Mainnet has no row here: it stays unreachable until its governance gate opens (DR-3).
2. An address is read by one strict pattern, not by a lenient parser: what does not fit it is
   refused, because two parsers may see two different hosts in the same odd text.
3. Only loopback may be plain text; everything else must be encrypted.
"""

import re
from urllib.parse import urlsplit

import msgspec

from bot.kernel.errors import BotError, SettingsError

SANDBOX = "sandbox"
PAPER = "paper"
TESTNET = "testnet"

LOOPBACK_HOSTS = frozenset({"127.0.0.1", "localhost", "[::1]"})
TESTNET_HOSTS = frozenset(
    {"testnet.binance.vision", "stream.testnet.binance.vision", "ws-api.testnet.binance.vision"}
)

REAL_MONEY_WORDS = frozenset({"mainnet", "live", "production", "prod", "real"})

_ADDRESS = re.compile(
    r"(?P<scheme>https?|wss?)://(?P<host>\[[0-9a-f:]+\]|[a-z0-9.-]+)(?P<port>:[0-9]{1,5})?(?P<rest>[/?][^\s\\@#]*)?",
    re.IGNORECASE,
)
_PLAIN_TEXT = frozenset({"http", "ws"})


class HostPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """The allow-list of one environment."""

    environment: str
    hosts: frozenset[str]

    def check(self, url: str) -> None:
        """Let an address pass, or refuse it.

        Raises:
            BotError: `host_not_allowed`, for any address that is not surely on the list.
        """
        match = _ADDRESS.fullmatch(url)
        if match is None:
            raise self._refusal("an address that cannot be read safely")
        host = match["host"].lower()
        if host not in self.hosts:
            raise self._refusal(host)
        if match["scheme"].lower() in _PLAIN_TEXT and host not in LOOPBACK_HOSTS:
            raise self._refusal(f"{host} without encryption")

    def _refusal(self, found: str) -> BotError:
        allowed = ", ".join(sorted(self.hosts))
        return BotError(
            "A request to a foreign host was stopped before it was sent.",
            code="host_not_allowed",
            why=f"found {found}; {self.environment} may reach only {allowed}",
        )


def refuse_real_money(environment: str) -> None:
    """Let the three environments without real money pass.

    Raises:
        BotError: `environment_refused` for mainnet under any of its names.
        SettingsError: For a name that is no environment.
    """
    name = environment.strip().lower()
    if name in REAL_MONEY_WORDS:
        raise BotError(f"The environment {environment!r} is not opened.", code="environment_refused")
    if environment not in {SANDBOX, PAPER, TESTNET}:
        raise SettingsError(
            f"There is no environment {environment!r}.", why=f"expected {SANDBOX}, {PAPER} or {TESTNET}"
        )


def policy_for(environment: str, *, data_source: str = SANDBOX) -> HostPolicy:
    """Return the allow-list of an environment.

    `sandbox` reaches loopback, `testnet` reaches Binance's spot testnet, and `paper` reaches what its
    `data_source` (`sandbox` or `testnet`) reaches: its fills never leave the process.

    Raises:
        BotError: `environment_refused` for mainnet.
        SettingsError: For an unknown environment or data source.
    """
    refuse_real_money(environment)
    refuse_real_money(data_source)
    source = data_source if environment == PAPER else environment
    if source == PAPER:
        raise SettingsError("Paper cannot be its own data source.", why="expected sandbox or testnet")
    hosts = LOOPBACK_HOSTS if source == SANDBOX else TESTNET_HOSTS
    return HostPolicy(environment=environment, hosts=hosts)


def is_loopback(url: str) -> bool:
    """Say whether an address stays on this machine."""
    host = urlsplit(url).hostname or ""
    return host in {"127.0.0.1", "localhost", "::1"}
