"""Which exchange a home gets: environment and venue choose it in one table, keys never show."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from bot.app.connection import wallet_of
from bot.app.modes import MODES, build_gateway, mode_of
from bot.app.settings import Settings, resolve
from bot.kernel.errors import BotError, SettingsError
from bot.storage.home import Home
from bot.storage.private_files import write_json
from tests.fakes.fake_clock import FakeClock
from tests.fakes.hyperliquid_exchange import AGENT_KEY, OWNER

KEYS = {"BOT_EXCHANGE_WALLET_ADDRESS": OWNER, "BOT_EXCHANGE_PRIVATE_KEY": AGENT_KEY}
HERE = {"environment": "testnet", "exchange": {"venue": "hyperliquid"}, "quote": "USDC"}


def settings(environ: Mapping[str, str] = KEYS, **file: Any) -> Settings:
    return resolve(flags={}, environ=environ, runtime={}, file={**HERE, **file})


def test_a_venue_is_a_row_of_the_table_and_not_a_case_in_the_core() -> None:
    assert set(MODES) == {
        ("sandbox", "binance"),
        ("paper", "binance"),
        ("testnet", "binance"),
        ("testnet", "hyperliquid"),
    }
    assert "Hyperliquid" in mode_of("testnet", "hyperliquid").words


@pytest.mark.parametrize("name", ["mainnet", "live", "Production"])
def test_mainnet_has_no_row_at_any_venue(name: str) -> None:
    for venue in ("binance", "hyperliquid"):
        with pytest.raises(BotError, match="environment_refused"):
            mode_of(name, venue)


@pytest.mark.parametrize("environment", ["sandbox", "paper"])
def test_an_environment_that_a_venue_has_not_is_named(environment: str) -> None:
    with pytest.raises(SettingsError, match=f"no environment {environment} at hyperliquid"):
        mode_of(environment, "hyperliquid")


def test_a_home_with_this_venue_gets_its_gateway_in_usdc(tmp_path: Path) -> None:
    gateway = build_gateway(Home(tmp_path), settings(), FakeClock())
    capabilities = gateway.capabilities
    assert (capabilities.name, capabilities.quote) == ("Hyperliquid testnet", "USDC")
    assert (capabilities.resting_stop, capabilities.real_money) == (False, False)
    gateway.close()


def test_another_quote_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="not in USDT"):
        build_gateway(Home(tmp_path), settings(quote="USDT"), FakeClock())


@pytest.mark.parametrize("missing", sorted(KEYS))
def test_missing_keys_are_named_by_their_settings(tmp_path: Path, missing: str) -> None:
    rest = {name: value for name, value in KEYS.items() if name != missing}
    with pytest.raises(SettingsError) as caught:
        build_gateway(Home(tmp_path), settings(rest), FakeClock())
    assert caught.value.code == "credentials_missing"
    assert "exchange.wallet_address" in caught.value.fix
    assert AGENT_KEY not in str(caught.value)


def test_a_foreign_address_is_refused_before_anything_is_asked(tmp_path: Path) -> None:
    there = {"venue": "hyperliquid", "rest_url": "https://api.hyperliquid.xyz"}
    with pytest.raises(BotError, match="host_not_allowed"):
        build_gateway(Home(tmp_path), settings(exchange=there), FakeClock())


def test_keys_come_from_a_file_where_the_environment_gives_none(tmp_path: Path) -> None:
    write_json(tmp_path / "keys.json", {"wallet_address": OWNER, "private_key": AGENT_KEY})
    there = {"venue": "hyperliquid", "credentials_file": "keys.json"}
    link = wallet_of(Home(tmp_path), settings({}, exchange=there))
    assert (link.wallet_address, link.private_key) == (OWNER, AGENT_KEY)
    other = settings({"BOT_EXCHANGE_PRIVATE_KEY": "aa" * 32}, exchange=there)
    assert wallet_of(Home(tmp_path), other).private_key == "aa" * 32


def test_the_private_key_is_never_shown_and_never_in_the_settings_file(tmp_path: Path) -> None:
    read = settings()
    shown = {value.setting.name: value.shown for value in read.all()}
    assert shown["exchange.private_key"] == "(set)"
    assert shown["exchange.wallet_address"] == OWNER
    assert AGENT_KEY not in repr(wallet_of(Home(tmp_path), read))
    with pytest.raises(SettingsError) as caught:
        settings({}, exchange={"venue": "hyperliquid", "private_key": AGENT_KEY})
    assert AGENT_KEY not in f"{caught.value} {caught.value.why}"
