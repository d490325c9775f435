"""Mainnet is out of reach of the client object, by every way that ccxt and requests offer (DR-3)."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from bot.exchange.ccxt_client import CheckedBinance, build_client
from bot.exchange.hosts import policy_for
from bot.kernel.errors import BotError, SettingsError
from tests.unit.exchange.scripted_exchange import Reply, ScriptedExchange


@pytest.fixture
def client(exchange: ScriptedExchange) -> Iterator[CheckedBinance]:
    built = build_client(policy=policy_for("sandbox"), api_key="k", secret="s", rest_url=exchange.rest_url)  # noqa: S106  # made up
    yield built
    built.close()


@pytest.fixture
def testnet_client() -> Iterator[CheckedBinance]:
    built = build_client(policy=policy_for("testnet"), api_key="k", secret="s")  # noqa: S106  # made up
    yield built
    built.close()


def _addresses(table: Any) -> list[str]:
    if isinstance(table, str):
        return [table]
    return [address for value in table.values() for address in _addresses(value)]


def test_the_client_knows_spot_test_addresses_only(testnet_client: CheckedBinance) -> None:
    for table in ("api", "apiBackup", "test"):
        addresses = _addresses(testnet_client.urls[table])
        assert addresses
        assert all(".vision/" in address for address in addresses), addresses


def test_every_address_of_the_box_is_loopback() -> None:
    client = build_client(
        policy=policy_for("sandbox"), rest_url="http://127.0.0.1:9/api/v3", ws_url="ws://127.0.0.1:9"
    )
    for table in ("api", "apiBackup", "test"):
        assert all("//127.0.0.1:9/" in address for address in _addresses(client.urls[table]))
    assert "/stream" in client.urls["api"]["ws"]["spot"]
    client.close()


def _switch_off(client: CheckedBinance) -> None:
    client.set_sandbox_mode(False)


def _switch_off_twice(client: CheckedBinance) -> None:
    _switch_off(client)
    _switch_off(client)
    client.set_sandbox_mode(True)
    _switch_off(client)


@pytest.mark.parametrize("switch", [_switch_off, _switch_off_twice])
def test_switching_the_sandbox_mode_off_reaches_nothing_else(
    exchange: ScriptedExchange, client: CheckedBinance, switch: Callable[[CheckedBinance], None]
) -> None:
    switch(client)
    client.public_get_time()
    assert len(exchange.asked("GET time")) == 1
    with pytest.raises(Exception, match="does not have a testnet/sandbox URL"):
        client.sapi_get_capital_config_getall()


@pytest.mark.parametrize("host", ["https://api.binance.com/api/v3", "https://demo-api.binance.com/api/v3"])
def test_a_changed_address_table_is_stopped_before_anything_is_sent(
    client: CheckedBinance, host: str
) -> None:
    client.urls["api"] = {"public": host, "private": host, "sapi": host, "fapiPublic": host}
    for call in (
        client.public_get_time,
        client.private_get_account,
        client.sapi_get_system_status,
        client.fapipublic_get_time,
    ):
        with pytest.raises(BotError) as caught:
            call()
        assert caught.value.code == "host_not_allowed"


def test_demo_trading_is_out_of_reach(client: CheckedBinance) -> None:
    with pytest.raises(Exception, match="demo"):
        client.enable_demo_trading(True)  # noqa: FBT003  # as ccxt's own users write it
    client.options["enableDemoTrading"] = True
    client.urls["api"] = {"private": "https://demo-api.binance.com/api/v3"}
    with pytest.raises(BotError):
        client.private_get_account()


def test_a_direct_fetch_and_the_bare_session_are_checked_as_well(client: CheckedBinance) -> None:
    for url in ("https://api.binance.com/api/v3/time", "http://127.0.0.1@api.binance.com/"):
        with pytest.raises(BotError, match="host_not_allowed"):
            client.fetch(url)
        with pytest.raises(BotError, match="host_not_allowed"):
            client.session.get(url)


def test_another_session_does_not_lift_the_check(client: CheckedBinance) -> None:
    client.session = requests.Session()
    with pytest.raises(BotError, match="host_not_allowed"):
        client.fetch("https://api.binance.com/api/v3/time")


def test_no_redirect_is_followed(exchange: ScriptedExchange, client: CheckedBinance) -> None:
    for place in ("https://api.binance.com/api/v3/account", f"{exchange.rest_url}/time"):
        exchange.say("GET account", Reply("{}", 307, {"Location": place}))
        with pytest.raises(Exception, match="account"):
            client.private_get_account()
        assert len(exchange.asked("GET time")) == 0


def test_a_redirect_of_the_bare_session_is_stopped_at_the_adapter(
    exchange: ScriptedExchange, client: CheckedBinance
) -> None:
    exchange.say("GET account", Reply("{}", 302, {"Location": "https://api.binance.com/"}))
    client.session.max_redirects = 5
    with pytest.raises(BotError, match="host_not_allowed"):
        client.session.get(f"{exchange.rest_url}/account")


def test_no_proxy_stands_between(
    exchange: ScriptedExchange, client: CheckedBinance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    client.public_get_time()
    client.http_proxy = "http://127.0.0.1:9"
    with pytest.raises(BotError, match="host_not_allowed"):
        client.public_get_time()
    assert len(exchange.asked("GET time")) == 1


@pytest.mark.parametrize(
    "rest_url",
    ["https://api.binance.com/api/v3", "https://testnet.binance.vision/api/v3", "http://10.1.2.3/api/v3"],
)
def test_the_sandbox_cannot_be_built_with_a_foreign_address(rest_url: str) -> None:
    with pytest.raises(BotError, match="host_not_allowed"):
        build_client(policy=policy_for("sandbox"), rest_url=rest_url)


def test_a_key_without_a_secret_is_a_settings_error() -> None:
    with pytest.raises(SettingsError):
        build_client(policy=policy_for("testnet"), api_key="k")


def test_requests_are_paced_at_the_testnet_and_not_on_loopback(
    client: CheckedBinance, testnet_client: CheckedBinance
) -> None:
    assert testnet_client.enableRateLimit
    assert not client.enableRateLimit
    assert client.options["maxRetriesOnFailure"] == 0


def test_the_protocols_guards_and_paper_load_no_client_library() -> None:
    modules = "bot.exchange.gateway, bot.exchange.guards, bot.exchange.hosts, bot.exchange.paper_gateway"
    code = f"import sys, {modules}; sys.exit(any(m in sys.modules for m in ('ccxt', 'aiohttp', 'requests')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
