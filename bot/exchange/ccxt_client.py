"""Builds the ccxt client: an unchanged `ccxt.binance` behind a host check, pointed by configuration.

1. The same code serves the box (addresses given) and Binance's testnet (none given).
2. The client's table of addresses keeps only spot entries, its backup too, so that switching the
   sandbox mode off restores nothing.
3. Every request is checked against the allow-list twice: when it is handed to the client, and when
   it is about to leave; no redirect is followed and no proxy is used (DR-3).
4. What the exchange answered is kept per thread: status and code decide what a failure means.
"""

import threading
from collections.abc import Mapping
from typing import Any

import ccxt
import msgspec
import requests
from requests.adapters import HTTPAdapter

from bot.exchange.hosts import HostPolicy, is_loopback
from bot.kernel.errors import BotError, SettingsError

_SPOT_ADDRESSES = ("public", "private", "v1", "ws")
_RECV_WINDOW_MS = 10_000


class HttpAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The raw answer behind the last call of this thread."""

    status: int
    body: str
    retry_after_s: str | None


class AllowListAdapter(HTTPAdapter):
    """Refuses whatever is about to leave for a host that is not allowed, redirects included."""

    def __init__(self, policy: HostPolicy) -> None:
        super().__init__()
        self._policy = policy

    def send(self, request: requests.PreparedRequest, *args: Any, **options: Any) -> requests.Response:
        """Check the address and that no proxy stands between, then send."""
        self._policy.check(request.url or "")
        if options.get("proxies"):
            raise BotError(
                "A request through a proxy was stopped before it was sent.",
                code="host_not_allowed",
                why="a proxy is a host that no allow-list names",
            )
        return super().send(request, *args, **options)


class CheckedClient(ccxt.Exchange):  # type: ignore[misc]  # ccxt carries no types, so its class is Any
    """What every client here does: it reaches the allowed hosts only, and keeps the raw answer."""

    def __init__(self, config: Mapping[str, Any], policy: HostPolicy) -> None:
        self._policy = policy
        self._thread = threading.local()
        super().__init__(dict(config))
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.max_redirects = 0
        for scheme in ("http://", "https://"):
            self.session.mount(scheme, AllowListAdapter(policy))

    @property
    def last_answer(self) -> HttpAnswer | None:
        """Return what the exchange answered to this thread's last call; None if it did not."""
        answer: HttpAnswer | None = getattr(self._thread, "answer", None)
        return answer

    def forget_answer(self) -> None:
        """Forget the last answer, before a call that may end without one."""
        self._thread.answer = None

    def fetch(self, url: str, method: str = "GET", headers: object = None, body: object = None) -> Any:
        """Check the host, then do what ccxt does.

        Raises:
            BotError: `host_not_allowed`; nothing was sent.
        """
        self.forget_answer()
        self._policy.check(url)
        return super().fetch(url, method, headers, body)

    def on_rest_response(
        self,
        code: int,
        reason: str,
        url: str,
        method: str,
        headers: Mapping[str, str],
        body: str,
        *rest: object,
    ) -> Any:
        """Keep the answer for this thread."""
        self._thread.answer = HttpAnswer(status=code, body=body, retry_after_s=headers.get("Retry-After"))
        return super().on_rest_response(code, reason, url, method, headers, body, *rest)


class CheckedBinance(CheckedClient, ccxt.binance):  # type: ignore[misc]  # as above
    """`ccxt.binance` that can reach the allowed hosts only."""


def client_config(
    *, api_key: str, secret: str, rest_url: str | None, ws_url: str | None, timeout_s: float
) -> dict[str, Any]:
    """Return the client's configuration, the same for requests and for streams (see `build_client`).

    Raises:
        SettingsError: When only one of key and secret is given.
    """
    if bool(api_key) != bool(secret):
        raise SettingsError("The exchange's key and secret belong together.", why="only one of them is set")
    config: dict[str, Any] = {
        "apiKey": api_key,
        "secret": secret,
        "timeout": max(1, round(timeout_s * 1_000)),
        "enableRateLimit": rest_url is None or not is_loopback(rest_url),
        "maxRetriesOnFailure": 0,
        "options": {
            "fetchMarkets": {"types": ["spot"]},
            "adjustForTimeDifference": True,
            "recvWindow": _RECV_WINDOW_MS,
            "maxRetriesOnFailure": 0,
            "fetchOpenOrders": {"warnWithoutSymbol": False},
        },
    }
    if rest_url is not None:
        config["urls"] = {"test": _box_addresses(rest_url, ws_url)}
    return config


def build_client(
    *,
    policy: HostPolicy,
    api_key: str = "",
    secret: str = "",
    rest_url: str | None = None,
    ws_url: str | None = None,
    timeout_s: float = 10.0,
) -> CheckedBinance:
    """Build the client; nothing is sent.

    Args:
        policy: The hosts that the client may reach.
        api_key: Empty for public data only.
        secret: Belongs to the key.
        rest_url: The box's REST address, ending in `/api/v3`; None is Binance's spot testnet.
        ws_url: The box's WebSocket origin; streams lie under `/stream/ws`, the API under `/ws-api/v3`.
        timeout_s: How long one request may take.

    Raises:
        BotError: `host_not_allowed`, when an address lies outside of the policy.
        SettingsError: When only one of key and secret is given.
    """
    config = client_config(
        api_key=api_key, secret=secret, rest_url=rest_url, ws_url=ws_url, timeout_s=timeout_s
    )
    client = CheckedBinance(config, policy)
    keep_testnet_only(client)
    # ccxt picks its spot error table by Binance's own hosts; on loopback it would miss some codes.
    client.exceptions["exact"].update(client.exceptions["spot"]["exact"])
    for name in ("public", "private", "v1"):
        policy.check(client.urls["api"][name])
    return client


def _box_addresses(rest_url: str, ws_url: str | None) -> dict[str, Any]:
    addresses: dict[str, Any] = {"public": rest_url, "private": rest_url, "v1": rest_url}
    if ws_url is not None:
        # Without `/stream` in the address ccxt takes spot events for contract markets.
        addresses["ws"] = {"spot": f"{ws_url}/stream/ws", "ws-api": {"spot": f"{ws_url}/ws-api/v3"}}
    return addresses


def keep_testnet_only(client: Any) -> None:
    """Aim at the testnet, or the box in its place, and prune every table of addresses.

    No switch of ccxt's can then bring another host back.
    """
    client.set_sandbox_mode(enable=True)
    spot = {name: value for name, value in client.urls["api"].items() if name in _SPOT_ADDRESSES}
    for table in ("api", "apiBackup", "test"):
        client.urls[table] = dict(spot)
    client.urls.pop("demo", None)
