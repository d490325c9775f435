"""The streams over ccxt.pro against a real box: told exactly, back by themselves, gone when closed."""

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from bot.app.clock import SystemClock
from bot.exchange.box.config import BoxConfig
from bot.exchange.box.server import BoxAddress, RunningBox, start_box
from bot.exchange.stream_ccxt import CcxtStreams, open_ccxt_streams
from bot.exchange.streams import StreamKind
from bot.execution.orders import OrderStatus
from bot.kernel.errors import BotError
from tests.fakes.stream_ear import StreamEar

WALLET = {"SOL": Decimal(25), "USDT": Decimal(10_000)}
MARKET, ACCOUNT = StreamKind.MARKET, StreamKind.ACCOUNT


@pytest.fixture
def box() -> Iterator[RunningBox]:
    with start_box(BoxConfig(speed=0, wallet=WALLET)) as running:
        yield running


@contextmanager
def listening(
    box: RunningBox | BoxAddress, *symbols: str, public: bool = False
) -> Iterator[tuple[CcxtStreams, StreamEar]]:
    streams = open_ccxt_streams(
        environment="sandbox",
        clock=SystemClock(),
        api_key="" if public else box.api_key,
        secret="" if public else box.secret,
        rest_url=box.rest_url,
        ws_url=box.ws_url,
        silence_s=0.5,
    )
    ear = StreamEar()
    streams.start(ear)
    try:
        streams.follow(symbols or ["SOL/USDT"])
        ear.until(lambda: MARKET in ear.lives, "the market stream")
        if not public:
            ear.until(lambda: ACCOUNT in ear.lives, "the account's stream")
        yield streams, ear
    finally:
        streams.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "streams"]


def test_a_trade_is_told_with_its_exact_price_and_market_time(box: RunningBox) -> None:
    with listening(box) as (streams, ear):
        box.control.set_price("SOL/USDT", "123.45")
        ear.until(lambda: ear.trades, "the trade")
        health = streams.health()[0]
    seen = ear.trades[0]
    assert (seen.symbol, seen.price) == ("SOL/USDT", Decimal("123.45"))
    assert seen.traded_at.isoformat() == box.control.state()["market_time"].replace("Z", "+00:00")
    assert (health.kind, health.follows, health.gaps, health.trouble) == (MARKET, 1, 0, "")
    assert health.last_event_at is not None


def test_the_accounts_orders_and_balances_are_told_whoever_trades(box: RunningBox) -> None:
    with listening(box) as (_, ear):
        box.control.external_trade("SOL/USDT", "SELL", "1.5")
        ear.until(lambda: ear.balances and any(o.filled_quantity for o in ear.orders), "the sale")
    filled = ear.orders[-1]
    assert (filled.symbol, filled.status, filled.filled_quantity) == (
        "SOL/USDT",
        OrderStatus.FILLED,
        Decimal("1.5"),
    )


def test_without_keys_only_the_market_is_listened_to(box: RunningBox) -> None:
    with listening(box, public=True) as (streams, ear):
        assert not streams.has_account
        box.control.set_price("SOL/USDT", "123.45")
        ear.until(lambda: ear.trades, "the trade")
        assert [row["account_subscriptions"] for row in box.control.streams()] == [[]]
    assert ear.lives == [MARKET]


@pytest.mark.parametrize(("what", "lost"), [("all", {MARKET, ACCOUNT}), ("account_stream", {ACCOUNT})])
def test_what_is_cut_is_told_as_a_gap_and_comes_back(
    box: RunningBox, what: str, lost: set[StreamKind]
) -> None:
    with listening(box) as (streams, ear):
        box.control.cut_streams(what)
        ear.until(lambda: {kind for kind, _ in ear.gaps} == lost, "the gap")
        ear.until(lambda: all(ear.lives.count(kind) == 2 for kind in lost), "the new subscription")
        box.control.set_price("SOL/USDT", "77")
        box.control.external_trade("SOL/USDT", "SELL", "1")
        ear.until(lambda: ear.trades and ear.orders, "events")
        assert {health.kind for health in streams.health() if health.gaps == 1} == lost


def test_a_server_that_falls_silent_without_a_word_is_a_gap(tmp_path: Path) -> None:
    """Its pongs stay away, as behind a router that forgot the connection."""
    words = [sys.executable, "-m", "bot.main", "--home", str(tmp_path), "box", "serve", "--json"]
    server = subprocess.Popen([*words, "--speed", "0"], stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        address = BoxAddress(**json.loads(server.stdout.readline()))
        with listening(address) as (_, ear):
            server.send_signal(signal.SIGSTOP)
            ear.until(lambda: {kind for kind, _ in ear.gaps} == {MARKET, ACCOUNT}, "the gap")
            server.send_signal(signal.SIGCONT)
            ear.until(lambda: ear.lives.count(MARKET) == 2 and ear.lives.count(ACCOUNT) == 2, "the return")
    finally:
        server.kill()
        server.communicate()


def test_an_exchange_that_is_restarted_is_found_again(tmp_path: Path) -> None:
    config = BoxConfig(speed=0, wallet=WALLET, state_file=str(tmp_path / "box.json"))
    with start_box(config) as box:
        port = int(box.rest_url.split(":")[2].split("/")[0])
        with listening(box) as (streams, ear):
            box.stop()
            ear.until(lambda: {kind for kind, _ in ear.gaps} == {MARKET, ACCOUNT}, "the gap")
            assert all(health.trouble for health in streams.health())
            again = msgspec.structs.replace(config, port=port, api_key=box.api_key, secret=box.secret)
            with start_box(again) as second:
                ear.until(
                    lambda: ear.lives.count(MARKET) == 2 and ear.lives.count(ACCOUNT) == 2, "the return"
                )
                second.control.set_price("SOL/USDT", "99")
                ear.until(lambda: ear.trades, "a trade")
                assert [health.trouble for health in streams.health()] == ["", ""]


def test_what_is_followed_changes_without_a_gap_and_unknown_markets_are_left_out(box: RunningBox) -> None:
    with listening(box) as (streams, ear):
        streams.follow(["SOL/USDT", "ETH/USDT", "NOSUCH/USDT"])
        ear.until(lambda: ear.lives.count(MARKET) == 2, "the new subscription")
        box.control.set_price("ETH/USDT", "1000")
        ear.until(lambda: any(trade.symbol == "ETH/USDT" for trade in ear.trades), "ETH")
        streams.follow([])
        ear.until(lambda: not [row for row in box.control.streams() if row["streams"]], "the end")
        assert ear.gaps == []


def test_an_event_that_cannot_be_read_begins_the_stream_anew(box: RunningBox) -> None:
    with listening(box) as (streams, ear):
        heard = streams._heard
        bad = {"e": "trade", "s": "SOLUSDT", "t": 1, "p": "NaN", "T": 1}
        assert streams._loop is not None
        streams._heard = lambda event: heard({**event, **bad})  # type: ignore[method-assign]  # a broken exchange
        streams.follow(["ETH/USDT", "SOL/USDT"])
        ear.until(lambda: ear.lives.count(MARKET) == 2, "a session that hears the broken exchange")
        box.control.set_price("SOL/USDT", "99")
        ear.until(lambda: any("positive" in why or "NaN" in why for _, why in ear.gaps), "the gap")
        assert ear.trades == []


@pytest.mark.parametrize("url", ["ws://stream.binance.com:9443", "wss://example.com"])
def test_a_foreign_stream_address_is_refused_before_anything_is_opened(box: RunningBox, url: str) -> None:
    streams = open_ccxt_streams(
        environment="sandbox", clock=SystemClock(), rest_url=box.rest_url, ws_url=url, silence_s=0.5
    )
    ear = StreamEar()
    streams.start(ear)
    streams.follow(["SOL/USDT"])
    try:
        ear.until(lambda: ear.gaps, "the refusal")
    finally:
        streams.close()
    assert "foreign host" in ear.gaps[0][1]


@pytest.mark.parametrize("environment", ["mainnet", "live"])
def test_mainnet_has_no_streams(environment: str) -> None:
    with pytest.raises(BotError) as refused:
        open_ccxt_streams(environment=environment, clock=SystemClock())
    assert refused.value.code == "environment_refused"
