"""Hyperliquid's client sends nothing of its own accord, and signs for the testnet alone (DR-3)."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import ccxt
import pytest

from bot.exchange.ccxt_client import CheckedClient
from bot.exchange.hyperliquid_client import (
    HyperliquidClient,
    build_hyperliquid_client,
    signer_of,
    wallet_keys,
)
from bot.kernel.errors import BotError, SettingsError
from tests.fakes.hyperliquid_exchange import AGENT, AGENT_KEY, OWNER, OWNER_KEY, HyperliquidExchange
from tests.fakes.hyperliquid_signature import MAINNET_SOURCE, TESTNET_SOURCE
from tests.fakes.hyperliquid_signature import signer_of as recovered

KEYS = wallet_keys(OWNER, AGENT_KEY)
ACTION: dict[str, object] = {"type": "order", "orders": [], "grouping": "na"}


@pytest.fixture
def exchange() -> Iterator[HyperliquidExchange]:
    with HyperliquidExchange(held={"SOL": Decimal(40), "USDC": Decimal(1_000)}) as running:
        yield running


@pytest.fixture
def client(exchange: HyperliquidExchange) -> Iterator[HyperliquidClient]:
    built = build_hyperliquid_client(keys=KEYS, rest_url=exchange.url)
    yield built
    built.close()


@pytest.fixture
def testnet_client() -> Iterator[HyperliquidClient]:
    built = build_hyperliquid_client(keys=KEYS)
    yield built
    built.close()


# ---- nothing of its own accord ------------------------------------------------------------------


def sell_as_ccxt_does(client: Any) -> None:
    client.load_markets()
    client.create_order("SOL/USDC", "limit", "sell", 1, 160, {"clientOrderId": "0x" + "ab" * 16})


def test_a_sale_by_ccxt_s_own_method_sends_the_order_and_nothing_else(
    exchange: HyperliquidExchange, client: HyperliquidClient
) -> None:
    sell_as_ccxt_does(client)
    assert exchange.actions == ["order"]
    assert "userAbstraction" not in exchange.asked, "what ccxt does first with a key is not even begun"


def test_ccxt_s_own_client_would_have_approved_a_fee_and_set_a_referrer(
    exchange: HyperliquidExchange,
) -> None:
    """The counterpart does see them: without the switch the test above would fail."""
    addresses = {"public": exchange.url, "private": exchange.url}
    bare = ccxt.hyperliquid(
        {
            "walletAddress": OWNER,
            "privateKey": AGENT_KEY,
            "urls": {"api": addresses, "test": addresses},
            "options": {"fetchMarkets": {"types": ["spot"]}},
            "enableRateLimit": False,
        }
    )
    bare.session.trust_env = False
    bare.set_sandbox_mode(True)
    sell_as_ccxt_does(bare)
    bare.session.close()
    assert exchange.actions == ["approveBuilderFee", "setReferrer", "order"]


class WithoutTheSwitch(HyperliquidClient):
    """The switch taken out: what ccxt does with a key is ccxt's again; the check of actions stays."""

    initialize_client = ccxt.hyperliquid.initialize_client
    handle_builder_fee_approval = ccxt.hyperliquid.handle_builder_fee_approval
    approve_builder_fee = ccxt.hyperliquid.approve_builder_fee
    set_ref = ccxt.hyperliquid.set_ref
    sign_user_signed_action = ccxt.hyperliquid.sign_user_signed_action


class WithoutAnything(WithoutTheSwitch):
    """The check of actions taken out as well."""

    fetch = CheckedClient.fetch


@pytest.mark.parametrize(
    ("kind", "arrives"),
    [(WithoutTheSwitch, ["order"]), (WithoutAnything, ["approveBuilderFee", "setReferrer", "order"])],
)
def test_the_switch_and_the_check_of_actions_hold_each_by_itself(
    exchange: HyperliquidExchange, client: HyperliquidClient, kind: type, arrives: list[str]
) -> None:
    client.__class__ = kind
    client.options["refSet"] = False
    sell_as_ccxt_does(client)
    assert exchange.actions == arrives


def test_the_options_that_ccxt_reads_are_off_as_well(testnet_client: HyperliquidClient) -> None:
    options = testnet_client.options
    assert (options["builderFee"], options["approvedBuilderFee"], options["refSet"]) == (False, False, True)


@pytest.mark.parametrize(
    "act",
    [
        lambda c: c.approve_builder_fee("0x" + "00" * 20, "0.01%"),
        lambda c: c.withdraw("USDC", 1, "0x" + "33" * 20),
        lambda c: c.transfer("USDC", 1, "spot", "swap"),
        lambda c: c.set_leverage(2, "SOL/USDC"),
        lambda c: c.create_sub_account("mine"),
        lambda c: c.private_post_exchange({"action": {"type": "usdSend"}, "nonce": 1}),
        lambda c: c.private_post_exchange({"action": {"type": "setReferrer", "code": "X"}, "nonce": 1}),
        lambda c: c.private_post_exchange({"action": {**ACTION, "builder": {"b": "0x0", "f": 1}}}),
        lambda c: c.private_post_exchange({"action": ACTION, "vaultAddress": "0x" + "33" * 20}),
        lambda c: c.fetch(f"{c.urls['api']['private']}/exchange", "POST", None, "no JSON"),
    ],
)
def test_no_action_but_orders_and_cancellations_can_leave(
    exchange: HyperliquidExchange, client: HyperliquidClient, act: Any
) -> None:
    client.load_markets()
    with pytest.raises((BotError, ccxt.BaseError)) as caught:
        act(client)
    if isinstance(caught.value, BotError):
        assert caught.value.code == "action_not_allowed"
    assert exchange.actions == []


def test_a_transfer_cannot_even_be_signed(client: HyperliquidClient) -> None:
    with pytest.raises(BotError, match="action_not_allowed"):
        client.build_withdraw_sig({"destination": "0x", "amount": "1", "time": 1})
    with pytest.raises(BotError, match="action_not_allowed"):
        client.build_approve_builder_fee_sig({})


# ---- the testnet alone --------------------------------------------------------------------------


def addresses_of(table: Any) -> list[str]:
    return [table] if isinstance(table, str) else [a for value in table.values() for a in addresses_of(value)]


def test_the_client_knows_the_testnet_s_address_only(testnet_client: HyperliquidClient) -> None:
    assert set(addresses_of(testnet_client.urls)) == {"https://api.hyperliquid-testnet.xyz"}
    assert set(testnet_client.urls) == {"api", "apiBackup", "test"}


def test_the_sandbox_mode_cannot_be_switched_off(testnet_client: HyperliquidClient) -> None:
    for _ in range(2):
        with pytest.raises(BotError, match="environment_refused"):
            testnet_client.set_sandbox_mode(False)
    assert set(addresses_of(testnet_client.urls)) == {"https://api.hyperliquid-testnet.xyz"}
    ccxt.Exchange.set_sandbox_mode(testnet_client, enabled=False)  # around it: nothing comes back
    assert set(addresses_of(testnet_client.urls)) == {"https://api.hyperliquid-testnet.xyz"}


def test_a_signature_for_mainnet_cannot_be_made(client: HyperliquidClient) -> None:
    signature = client.sign_l1_action(ACTION, 1_700_000_000_000, None, 1_700_000_010_000)
    made_for: dict[str, str] = {
        source: recovered(ACTION, 1_700_000_000_000, signature, 1_700_000_010_000, source=source)
        for source in (TESTNET_SOURCE, MAINNET_SOURCE)
    }
    assert made_for[TESTNET_SOURCE] == AGENT
    assert made_for[MAINNET_SOURCE] != AGENT
    client.options["sandboxMode"] = False  # what ccxt asks before it signs
    with pytest.raises(BotError, match="environment_refused"):
        client.sign_l1_action(ACTION, 1_700_000_000_000)


@pytest.mark.parametrize(
    "host", ["https://api.hyperliquid.xyz", "https://api.hyperliquid-testnet.xyz.evil.org"]
)
def test_a_changed_address_is_stopped_before_anything_is_sent(
    testnet_client: HyperliquidClient, host: str
) -> None:
    testnet_client.urls["api"] = {"public": host, "private": host}
    for call in (
        lambda: testnet_client.public_post_info({"type": "allMids"}),
        lambda: testnet_client.private_post_exchange({"action": ACTION}),
        lambda: testnet_client.fetch(f"{host}/info", "POST", None, "{}"),
        lambda: testnet_client.session.post(f"{host}/info"),
    ):
        with pytest.raises(BotError, match="host_not_allowed"):
            call()


@pytest.mark.parametrize(
    "address", ["https://api.hyperliquid.xyz", "https://api.hyperliquid-testnet.xyz", "http://192.168.0.1:8"]
)
def test_an_address_that_is_given_must_be_loopback(address: str) -> None:
    with pytest.raises(BotError, match="host_not_allowed"):
        build_hyperliquid_client(rest_url=address)


def test_a_client_on_loopback_does_not_reach_the_testnet(client: HyperliquidClient) -> None:
    with pytest.raises(BotError, match="host_not_allowed"):
        client.session.post("https://api.hyperliquid-testnet.xyz/info")


# ---- keys ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "key", "code"),
    [
        ("", AGENT_KEY, "credentials_missing"),
        (OWNER, "", "credentials_missing"),
        (OWNER[2:], AGENT_KEY, "setting_invalid"),
        (OWNER + "0", AGENT_KEY, "setting_invalid"),
        ("0x" + "zz" * 20, AGENT_KEY, "setting_invalid"),
        (OWNER, AGENT_KEY[:-1], "setting_invalid"),
        (OWNER, AGENT_KEY + "aa", "setting_invalid"),
        (OWNER, AGENT_KEY + "\n", "setting_invalid"),
        (OWNER, "0x" + "g" * 64, "setting_invalid"),
        (OWNER, "0x" + "0" * 64, "setting_invalid"),
        (OWNER, "f" * 64, "setting_invalid"),  # beyond the curve's order
    ],
)
def test_a_malformed_key_is_refused_before_anything_is_built(address: str, key: str, code: str) -> None:
    with pytest.raises(SettingsError) as caught:
        wallet_keys(address, key)
    error = caught.value
    assert error.code == code
    shown = f"{error} {error.what} {error.why} {error.fix} {error.__cause__}"
    assert not key or key not in shown


def test_a_private_key_is_shown_nowhere(
    client: HyperliquidClient, capsys: pytest.CaptureFixture[str]
) -> None:
    digits = AGENT_KEY.removeprefix("0x")
    assert digits not in repr(KEYS)
    assert digits not in str(KEYS)
    assert digits not in repr(client)
    nonce = 1_700_000_000_000
    signature = client.sign_l1_action(ACTION, nonce)
    client.private_post_exchange({"action": ACTION, "nonce": nonce, "signature": signature})
    said = capsys.readouterr()
    assert digits not in said.out + said.err
    assert digits not in str(client.last_answer)


def test_keys_are_kept_in_one_spelling() -> None:
    upper = wallet_keys(OWNER.upper().replace("0X", "0x"), AGENT_KEY.removeprefix("0x").upper())
    assert (upper.wallet_address, upper.private_key) == (KEYS.wallet_address, KEYS.private_key)


@pytest.mark.parametrize(("key", "address"), [(AGENT_KEY, AGENT), (OWNER_KEY, OWNER)])
def test_the_address_of_a_key_is_derived_as_the_exchange_does(key: str, address: str) -> None:
    client = build_hyperliquid_client(keys=wallet_keys(OWNER, key))
    assert signer_of(client) == address
    client.close()


def test_a_client_without_keys_can_read_and_cannot_sign(exchange: HyperliquidExchange) -> None:
    client = build_hyperliquid_client(rest_url=exchange.url)
    assert client.public_post_info({"type": "exchangeStatus"})["time"] > 0
    client.load_markets()
    with pytest.raises(ccxt.AuthenticationError):
        client.create_order("SOL/USDC", "limit", "sell", 1, 160)
    assert exchange.actions == []
    client.close()
