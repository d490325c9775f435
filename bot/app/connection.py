"""How to reach the exchange of this home, and with which keys."""

from pathlib import Path
from typing import Any, TypeVar

import msgspec

from bot.app.settings import Settings
from bot.kernel.errors import ExchangeUnavailableError, SettingsError, StateFileError
from bot.storage.home import Home
from bot.storage.private_files import read_json, write_json

T = TypeVar("T")


class Connection(msgspec.Struct, frozen=True, kw_only=True):
    """Addresses and keys; without addresses the client's own testnet ones are used."""

    rest_url: str | None = None
    ws_url: str | None = None
    api_key: str = ""
    secret: str = ""

    def __repr__(self) -> str:
        """Never show a key."""
        return f"Connection(rest_url={self.rest_url!r}, keys={'set' if self.secret else 'not set'})"


class WalletConnection(msgspec.Struct, frozen=True, kw_only=True):
    """Address and keys of an exchange whose accounts are wallets."""

    rest_url: str | None = None
    wallet_address: str = ""
    private_key: str = ""

    def __repr__(self) -> str:
        """Never show the key."""
        keys = "set" if self.private_key else "not set"
        return f"WalletConnection(rest_url={self.rest_url!r}, wallet={self.wallet_address!r}, key={keys})"


class BoxConnection(msgspec.Struct, frozen=True, kw_only=True):
    """What a running box tells: the line that `bot box serve` prints first."""

    rest_url: str
    ws_url: str
    api_key: str
    secret: str
    control_url: str
    control_token: str
    pid: int


def connection_of(home: Home, settings: Settings, source: str, *, public_only: bool = False) -> Connection:
    """Return the connection to the box (`sandbox`) or to Binance's testnet (`testnet`).

    Raises:
        ExchangeUnavailableError: No box was ever started for this home.
        SettingsError: Keys are missing, or only half given.
    """
    api_key, secret = _keys(home, settings)
    rest_url, ws_url = settings["exchange.rest_url"] or None, settings["exchange.ws_url"] or None
    if source == "sandbox" and rest_url is None:
        box = read_box(home)
        if box is None:
            raise ExchangeUnavailableError(
                "No exchange in a box runs for this home.",
                why=f"{home.box} is not there, and exchange.rest_url is not set.",
                fix=f"bot --home {home.root} box serve",
            )
        rest_url, ws_url = box.rest_url, box.ws_url
        api_key, secret = api_key or box.api_key, secret or box.secret
    if public_only:
        return Connection(rest_url=rest_url, ws_url=ws_url)
    if not (api_key and secret):
        raise SettingsError(f"The {source} needs an API key and its secret.", code="credentials_missing")
    return Connection(rest_url=rest_url, ws_url=ws_url, api_key=api_key, secret=secret)


def wallet_of(home: Home, settings: Settings) -> WalletConnection:
    """Return the connection to Hyperliquid's testnet, or to a counterpart on loopback, with its keys.

    Raises:
        SettingsError: Keys are missing or only half given; whether they can be keys is the exchange
            folder's to say.
    """
    address, key = settings["exchange.wallet_address"], settings["exchange.private_key"]
    if settings["exchange.credentials_file"] and not key:
        kept = _kept_keys(home, settings, _WalletKeys)
        address, key = address or kept.wallet_address, kept.private_key
    return WalletConnection(
        rest_url=settings["exchange.rest_url"] or None, wallet_address=address, private_key=key
    )


def read_box(home: Home) -> BoxConnection | None:
    """Return how to reach the box that was last started for this home, or None."""
    return _typed(home.box, read_json(home.box), BoxConnection)


def write_box(home: Home, box: BoxConnection) -> None:
    """Remember a running box for the other commands of this home."""
    write_json(home.box, msgspec.to_builtins(box))


class _Keys(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    api_key: str
    secret: str


class _WalletKeys(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    wallet_address: str = ""
    private_key: str


def _keys(home: Home, settings: Settings) -> tuple[str, str]:
    api_key, secret = settings["exchange.api_key"], settings["exchange.secret"]
    if api_key or secret or not settings["exchange.credentials_file"]:
        return api_key, secret
    keys = _kept_keys(home, settings, _Keys)
    return keys.api_key, keys.secret


def _kept_keys(home: Home, settings: Settings, kind: type[T]) -> T:
    path = home.root / Path(settings["exchange.credentials_file"]).expanduser()
    keys = _typed(path, read_json(path), kind)
    if keys is None:
        raise SettingsError(f"{path} is not there.", code="credentials_missing")
    return keys


def _typed(path: Path, data: Any, kind: type[T]) -> T | None:
    if data is None:
        return None
    try:
        return msgspec.convert(data, kind)
    except msgspec.ValidationError as error:
        raise StateFileError(f"{path} does not say what it should.", why=f"{error}.") from error
