"""Builds the ccxt client for Hyperliquid's spot testnet: it can sign orders and cancellations only.

1. ccxt's own client, given a key, signs and sends an approval of a builder's fee and a referrer before
   its first order. Here both are switched off in the class, before any key is given, and twice more: no
   action that is signed like a transfer can be signed, and no other action than the three of the
   allow-list leaves.
2. A signature is made for the testnet alone: one for mainnet cannot be made with this client, so that
   nobody who sees a request can use it there (DR-3).
3. The table of addresses holds one host, its backup too; the sandbox mode cannot be switched off. Hosts
   are checked before every request, as `ccxt_client` says.
4. Keys are looked at before anything is built from them; no message, text or error shows a private key.
"""

import re
from collections.abc import Mapping
from typing import Any

import ccxt
import msgspec

from bot.exchange.ccxt_client import CheckedClient
from bot.exchange.hosts import LOOPBACK_HOSTS, TESTNET, HostPolicy, is_loopback
from bot.kernel.errors import BotError, SettingsError

TESTNET_URL = "https://api.hyperliquid-testnet.xyz"
TESTNET_HOSTS = frozenset({"api.hyperliquid-testnet.xyz"})
ALLOWED_ACTIONS = frozenset({"order", "cancel", "cancelByCloid"})

_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")
_PRIVATE_KEY = re.compile(r"(?:0x)?([0-9a-fA-F]{64})")
_CURVE_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
_ERROR_STATUS = 400


class WalletKeys(msgspec.Struct, frozen=True, kw_only=True):
    """Whose account it is, and the key that signs for it; checked by `wallet_keys`."""

    wallet_address: str
    """The account that holds the coins, in lower case."""
    private_key: str
    """Of an API wallet ("agent") of that account, or of the account itself; 64 hex digits."""

    def __repr__(self) -> str:
        """Never show the key."""
        return f"WalletKeys(wallet_address={self.wallet_address!r}, private_key=(set))"


def wallet_keys(wallet_address: str, private_key: str) -> WalletKeys:
    """Return checked keys, in the one spelling that is used.

    Raises:
        SettingsError: One of them is missing or malformed; the message shows no part of the key.
    """
    if not wallet_address or not private_key:
        raise SettingsError(
            "Hyperliquid needs the wallet's address and a private key that signs for it.",
            code="credentials_missing",
            fix="Set exchange.wallet_address, and BOT_EXCHANGE_PRIVATE_KEY to the key of an API wallet.",
        )
    if _ADDRESS.fullmatch(wallet_address) is None:
        raise SettingsError(
            "The wallet's address is malformed.",
            why=f"expected 0x and 40 hex digits, found {len(wallet_address)} characters",
        )
    match = _PRIVATE_KEY.fullmatch(private_key)
    if match is None or not 0 < int(match[1], 16) < _CURVE_ORDER:
        raise SettingsError(
            "The private key is malformed.", why="expected 64 hex digits that make a key; it is not shown"
        )
    return WalletKeys(wallet_address=wallet_address.lower(), private_key=match[1].lower())


class HyperliquidClient(CheckedClient, ccxt.hyperliquid):  # type: ignore[misc]  # ccxt carries no types
    """`ccxt.hyperliquid` that signs for the testnet, orders and cancellations alone."""

    # ---- what ccxt would send on its own ----------------------------------------------------------

    def initialize_client(self) -> bool:
        """Do nothing: ccxt would approve a builder's fee and set a referrer here."""
        return True

    def handle_builder_fee_approval(self) -> bool:
        """Approve nothing."""
        return True

    def approve_builder_fee(self, builder: str, maxFeeRate: str) -> Any:  # noqa: N803  # ccxt's own name
        """Refuse; the fee of nobody is approved here."""
        raise _not_allowed(f"the approval of {maxFeeRate} for the builder {builder}")

    def set_ref(self) -> bool:
        """Set no referrer."""
        return True

    def sign_user_signed_action(self, messageTypes: Mapping[str, object], message: object) -> Any:  # noqa: N803  # ccxt's own name
        """Refuse: transfers, withdrawals and approvals are signed in this way, orders are not."""
        raise _not_allowed(f"a signature of {', '.join(messageTypes)} over {type(message).__name__}")

    # ---- testnet alone ----------------------------------------------------------------------------

    def set_sandbox_mode(self, enabled: bool) -> None:  # noqa: FBT001  # ccxt's own signature
        """Switch the sandbox mode on; off is refused.

        Raises:
            BotError: `environment_refused`.
        """
        if not enabled:
            raise BotError("The testnet mode cannot be switched off.", code="environment_refused")
        super().set_sandbox_mode(enabled)

    def construct_phantom_agent(self, hash: object, isTestnet: bool = True) -> Any:  # noqa: A002, FBT001, FBT002, N803  # ccxt's own signature
        """Return what is signed, for the testnet.

        Raises:
            BotError: `environment_refused`, when it is asked for mainnet.
        """
        if not isTestnet:
            raise BotError("A signature for mainnet is refused.", code="environment_refused")
        return super().construct_phantom_agent(hash, isTestnet)

    # ---- every request ----------------------------------------------------------------------------

    def fetch(self, url: str, method: str = "GET", headers: object = None, body: object = None) -> Any:
        """Check the host and the action, then do what ccxt does.

        Raises:
            BotError: `host_not_allowed` or `action_not_allowed`; nothing was sent.
        """
        if not url.endswith("/info"):
            _check_action(body)
        return super().fetch(url, method, headers, body)

    def handle_errors(self, code: int, *rest: object) -> Any:
        """Leave answers that say no to whoever asked; failed requests stay errors."""
        return None if code < _ERROR_STATUS else super().handle_errors(code, *rest)


def _check_action(body: object) -> None:
    try:
        request: Any = msgspec.json.decode(body if isinstance(body, str | bytes) else b"")
    except msgspec.DecodeError as error:
        raise _not_allowed("a request that cannot be read") from error
    request = request if isinstance(request, dict) else {}
    action = request.get("action")
    action = action if isinstance(action, dict) else {}
    kind = action.get("type")
    if kind not in ALLOWED_ACTIONS:
        raise _not_allowed(f"an action of the kind {kind!r}")
    if "builder" in action or request.get("vaultAddress") is not None:
        raise _not_allowed("an order with a builder's fee, or for another account")


def _not_allowed(found: str) -> BotError:
    return BotError(
        "An action was stopped before it was sent.",
        code="action_not_allowed",
        why=f"found {found}; only {', '.join(sorted(ALLOWED_ACTIONS))} may leave",
    )


def policy_of(rest_url: str | None) -> HostPolicy:
    """Return the allow-list: the testnet's one host, or loopback where an address is given."""
    hosts = TESTNET_HOSTS if rest_url is None else LOOPBACK_HOSTS
    return HostPolicy(environment=TESTNET, hosts=hosts)


def build_hyperliquid_client(
    *, keys: WalletKeys | None = None, rest_url: str | None = None, timeout_s: float = 10.0
) -> HyperliquidClient:
    """Build the client; nothing is sent.

    Args:
        keys: None for public data only.
        rest_url: A counterpart on loopback; None is Hyperliquid's testnet.
        timeout_s: How long one request may take.

    Raises:
        BotError: `host_not_allowed`, when the address lies outside of loopback.
    """
    policy = policy_of(rest_url)
    address = (rest_url or TESTNET_URL).rstrip("/")
    policy.check(address)
    addresses = {"public": address, "private": address}
    config: dict[str, Any] = {
        "timeout": max(1, round(timeout_s * 1_000)),
        "enableRateLimit": rest_url is None or not is_loopback(rest_url),
        "maxRetriesOnFailure": 0,
        "urls": {"api": dict(addresses), "test": dict(addresses)},
        "options": {
            "builderFee": False,
            "approvedBuilderFee": False,
            "refSet": True,
            "defaultType": "spot",
            "fetchMarkets": {"types": ["spot"]},
            "maxRetriesOnFailure": 0,
        },
    }
    client = HyperliquidClient(config, policy)
    client.set_sandbox_mode(enabled=True)
    client.urls = {table: dict(addresses) for table in ("api", "apiBackup", "test")}
    if keys is not None:  # the last step: whatever ccxt does with a key is switched off by now
        client.walletAddress = keys.wallet_address
        client.privateKey = keys.private_key
    return client


def signer_of(client: HyperliquidClient) -> str:
    """Return the address whose key signs, in lower case."""
    return str(client.eth_get_address_from_private_key(client.privateKey)).lower()
