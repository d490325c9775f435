"""Which hosts may be reached: the allow-lists, and addresses written to fool a parser."""

import pytest

from bot.exchange.hosts import policy_for, refuse_real_money
from bot.kernel.errors import BotError, SettingsError


@pytest.mark.parametrize("name", ["mainnet", "live", "LIVE", " production ", "Mainnet", "real"])
def test_mainnet_is_refused_under_any_of_its_names(name: str) -> None:
    with pytest.raises(BotError) as caught:
        policy_for(name)
    assert caught.value.code == "environment_refused"
    with pytest.raises(BotError, match="environment_refused"):
        policy_for("paper", data_source=name)


@pytest.mark.parametrize("name", ["", "Sandbox", "test", "sandbox2"])
def test_an_unknown_environment_is_a_settings_error(name: str) -> None:
    with pytest.raises(SettingsError):
        refuse_real_money(name)


def test_paper_is_no_data_source() -> None:
    with pytest.raises(SettingsError):
        policy_for("paper", data_source="paper")


@pytest.mark.parametrize(
    ("environment", "data_source", "url"),
    [
        ("sandbox", "sandbox", "http://127.0.0.1:8080/api/v3/time"),
        ("sandbox", "sandbox", "http://localhost:1/api"),
        ("sandbox", "sandbox", "http://[::1]:9/api"),
        ("sandbox", "sandbox", "ws://127.0.0.1:9/stream/ws"),
        ("testnet", "sandbox", "https://testnet.binance.vision/api/v3/order"),
        ("testnet", "sandbox", "wss://stream.testnet.binance.vision/ws"),
        ("testnet", "sandbox", "wss://ws-api.testnet.binance.vision/ws-api/v3"),
        ("paper", "testnet", "https://testnet.binance.vision/api/v3/klines?symbol=SOLUSDT&limit=5"),
        ("paper", "sandbox", "http://127.0.0.1:8080/api/v3/klines"),
    ],
)
def test_an_environment_reaches_its_own_hosts(environment: str, data_source: str, url: str) -> None:
    policy_for(environment, data_source=data_source).check(url)


@pytest.mark.parametrize(
    "url",
    [
        "https://api.binance.com/api/v3/order",
        "https://api.binance.com:443/api/v3/order",
        "https://testnet.binance.vision/api/v3/order",
        "https://testnet.binancefuture.com/fapi/v1/order",
        "http://127.0.0.1.evil.example/api",
        "http://127.0.0.1@evil.example/api",
        "http://user:word@127.0.0.1/api",
        "http://evil.example\\@127.0.0.1/api",
        "http://evil.example#@127.0.0.1/api",
        "http://127.0.0.1:80#@evil.example/",
        "http://127.0.0.1 .evil.example/",
        "http://127.0.0.1\n.evil.example/",
        "http://2130706433/api",
        "http://0/api",
        "http://0.0.0.0/api",
        "http://10.0.0.1/api",
        "//127.0.0.1/api",
        "127.0.0.1/api",
        "file:///etc/passwd",
        "ftp://127.0.0.1/api",
        "http:///api",
        "",
    ],
)
def test_the_sandbox_reaches_loopback_only(url: str) -> None:
    with pytest.raises(BotError) as caught:
        policy_for("sandbox").check(url)
    assert caught.value.code == "host_not_allowed"


@pytest.mark.parametrize(
    "url",
    [
        "http://testnet.binance.vision/api/v3/order",
        "ws://stream.testnet.binance.vision/ws",
        "https://binance.vision/api",
        "https://api.testnet.binance.vision.evil.example/api",
        "https://evil-testnet.binance.vision/api",
        "http://127.0.0.1:8080/api",
    ],
)
def test_the_testnet_is_reached_encrypted_and_by_its_exact_names(url: str) -> None:
    with pytest.raises(BotError) as caught:
        policy_for("testnet").check(url)
    assert caught.value.code == "host_not_allowed"
