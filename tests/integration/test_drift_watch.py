"""The watch in the loop: it costs few requests, holds no exit up, and believes nothing that is half known."""

import datetime as dt
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest

from benchmarks.fleet import fleet
from bot.exchange.gateway import Gateway
from bot.holdings.wallet import WalletSnapshot
from bot.kernel.errors import ExchangeUnavailableError
from bot.kernel.market import Candle
from bot.lifecycle.commands import CommandType
from bot.lifecycle.documents import ManagedStateContent
from bot.lifecycle.states import AssetState
from bot.storage.documents import MANAGED_STATE
from bot.trading.cycle import LoopSettings, TradingLoop
from tests.fakes.bot_world import WALLET, BotWorld, bot_world, words_of
from tests.fakes.fake_clock import FakeClock
from tests.fakes.home_checks import assert_home_is_whole, audit_types
from tests.fakes.sequential_ids import SequentialIds

D = Decimal


class Odd:
    """The world's gateway with some calls answered otherwise, and all of them counted."""

    def __init__(self, gateway: Gateway, **calls: Any) -> None:
        self._gateway = gateway
        self._calls = calls
        self.counted: Counter[str] = Counter()

    def __getattr__(self, name: str) -> Any:
        found = self._calls.get(name) or getattr(self._gateway, name)
        if not callable(found):
            return found

        def call(*arguments: Any, **named: Any) -> Any:
            self.counted[name] += 1
            return found(*arguments, **named)

        return call


@pytest.fixture
def world(tmp_path: Path) -> Iterator[BotWorld]:
    with bot_world(tmp_path / "home") as made:
        made.hand_over("SOL")
        yield made
        assert_home_is_whole(made.app)


def loop_over(world: BotWorld, gateway: object, **settings: Any) -> TradingLoop:
    app = world.app
    return TradingLoop(
        app.store,
        cast("Gateway", gateway),
        app.sender,
        clock=app.clock,
        ids=app.ids,
        settings=LoopSettings(quote="USDT", **settings),
    )


def gone(*_: Any, **__: Any) -> Any:
    raise ExchangeUnavailableError("no answer")


def state_of(world: BotWorld) -> AssetState:
    return world.managed.state_of("SOL")


@pytest.mark.parametrize("coins", [5, 50])
def test_a_steady_cycle_makes_the_same_few_requests_whatever_the_number_of_coins(
    tmp_path: Path, coins: int
) -> None:
    many = fleet(tmp_path / "home", coins, clock=FakeClock(), ids=SequentialIds())
    assert many.gateway.counted["candles"] == 2, "the first cycle keeps to the budget as well"
    for _ in range(coins // 2 + 2):  # every coin's regime is read after a close, two a cycle
        many.gateway.counted.clear()
        assert many.cycle().steps == ()
        counted = many.gateway.counted
        assert (counted["tickers"], counted["wallet"]) == (1, 1)
        assert counted["candles"] <= 2
        assert set(counted) <= {"tickers", "wallet", "candles"}
    assert many.gateway.counted["candles"] == 0, "all are read; the next close comes tomorrow"


def test_what_fails_in_the_watch_is_an_alarm_and_stops_no_exit(world: BotWorld) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise OverflowError("a candle from the year 99999")

    loop = loop_over(world, Odd(world.app.gateway, candles=broken))
    report = loop.run_once(world.clock.now())
    assert [(step.what, step.alarm) for step in report.steps] == [("drift_watch_failed", True)]
    world.fall_to_stop("SOL")
    assert words_of(loop.run_once(world.clock.now()))[:2] == ["exit_sent", "exit_filled"]


def test_exits_are_sent_before_the_watch_looks(world: BotWorld) -> None:
    """The price falls through the stop and out of the band at once: it is sold, not alarmed."""
    entry = world.entry("SOL")
    world.set_price("SOL", (entry.reference_price or D(0)) - 3 * (entry.atr or D(0)))
    assert words_of(world.cycle()) == ["exit_sent", "exit_filled", "closed"]
    assert "drift_detected" not in audit_types(world.app, "SOL")


@pytest.mark.parametrize("failing", ["wallet", "tickers"])
def test_a_query_that_fails_is_never_drift(world: BotWorld, failing: str) -> None:
    world.box.control.withdraw("SOL", WALLET["SOL"])
    loop = loop_over(world, Odd(world.app.gateway, **{failing: gone}))
    loop.run_once(world.clock.now())
    assert state_of(world) is AssetState.MANAGED_ACTIVE


def test_an_incomplete_answer_is_never_zero(world: BotWorld) -> None:
    def part() -> WalletSnapshot:
        return msgspec.structs.replace(world.app.gateway.wallet(), balances={}, complete=False)

    loop = loop_over(world, Odd(world.app.gateway, wallet=part))
    assert words_of(loop.run_once(world.clock.now())) == ["unverified"], "it is not drift, nor is it proof"
    assert state_of(world) is AssetState.MANAGED_ACTIVE


def test_a_price_from_long_ago_gives_no_verdict(world: BotWorld) -> None:
    """The answer came in time, and its price is an hour old by the world's clock."""
    entry = world.entry("SOL")
    world.set_price("SOL", (entry.reference_price or D(0)) + D("2.1") * (entry.atr or D(0)))
    world.wait(3_600)
    loop = loop_over(world, world.app.gateway, market_time_is_ours=True)
    assert words_of(loop.run_once(world.clock.now())) == []
    assert words_of(loop_over(world, world.app.gateway).run_once(world.clock.now())) == ["drift"]


def test_one_price_from_the_future_makes_no_other_one_old(world: BotWorld) -> None:
    entry = world.entry("SOL")
    world.set_price("SOL", (entry.reference_price or D(0)) + D("2.1") * (entry.atr or D(0)))

    def tickers(symbols: Any) -> Any:
        told = world.app.gateway.tickers(symbols)
        ahead = msgspec.structs.replace(
            told["SOL/USDT"], symbol="ETH/USDT", observed_at=world.clock.now() + dt.timedelta(days=1)
        )
        return {**told, "ETH/USDT": ahead}

    loop = loop_over(world, Odd(world.app.gateway, tickers=tickers), market_time_is_ours=True)
    assert words_of(loop.run_once(world.clock.now())) == ["drift"]


def test_while_the_fate_of_an_order_is_unknown_its_wallet_says_nothing(world: BotWorld) -> None:
    world.fall_to_stop("SOL")
    world.box.control.add_fault("drop_after", path="order", method="POST")
    assert words_of(world.cycle())[:2] == ["exit_sent", "unknown"]
    assert state_of(world) is AssetState.MANAGED_ACTIVE
    assert "exit_filled" in words_of(world.cycle())


def test_an_exit_on_the_way_back_completes_the_release_in_the_same_cycle(world: BotWorld) -> None:
    """T14 does not wait for the system's timed pass."""
    world.pause("SOL", "on")
    assert world.ask(CommandType.RELEASE_MANAGED_ASSET, "SOL", mode="graceful").code == "applied"
    world.fall_to_stop("SOL")
    assert words_of(world.cycle()) == ["exit_sent", "exit_filled", "released", "closed"]
    assert state_of(world) is AssetState.FROZEN
    assert words_of(world.cycle()) == []


def test_coins_that_leave_on_their_way_back_stop_its_exits_until_they_return(world: BotWorld) -> None:
    world.pause("SOL", "on")
    world.ask(CommandType.RELEASE_MANAGED_ASSET, "SOL", mode="graceful")
    approved = world.entry("SOL").approved_quantity or D(0)
    world.box.control.withdraw("SOL", WALLET["SOL"] - approved + 2)
    assert words_of(world.cycle()) == ["drift"]
    assert state_of(world) is AssetState.RELEASE_PENDING
    world.fall_to_stop("SOL")
    assert words_of(world.cycle()) == []
    world.box.control.deposit("SOL", "2")
    assert words_of(world.cycle()) == ["drift_gone"]
    assert words_of(world.cycle())[:2] == ["exit_sent", "exit_filled"]


def test_dust_that_no_exchange_takes_is_told_once(tmp_path: Path) -> None:
    with bot_world(tmp_path / "home") as world:
        world.hand_over("SOL", quantity=D("0.04"))
        world.set_price("SOL", D("100"))
        reports = [world.cycle() for _ in range(4)]
        denied = [step.what for report in reports for step in report.alarms if step.what == "denied"]
        assert denied == ["denied"]
        assert world.orders_sent() == 0


def days(world: BotWorld, *, falling: bool) -> Any:
    """Return a market whose daily bars go one way, whatever is asked."""
    today = world.clock.now().replace(hour=0, minute=0)
    closes = range(300, 180, -1) if falling else range(180, 300)
    bars = tuple(
        Candle(
            opened_at=today - dt.timedelta(days=120 - number),
            **dict.fromkeys(("open", "high", "low", "close", "volume"), D(close)),
        )
        for number, close in enumerate(closes)
    )
    return lambda *_, **__: bars


def test_a_turn_of_the_market_is_drift_and_keeps_the_exits(world: BotWorld) -> None:
    turned = days(world, falling=world.entry("SOL").reference_regime == "BULL")
    loop = loop_over(world, Odd(world.app.gateway, candles=turned))
    assert words_of(loop.run_once(world.clock.now())) == ["drift"]
    drift = world.entry("SOL").drift
    assert drift is not None
    assert (drift.kind, state_of(world)) == ("regime", AssetState.MANAGED_DRIFT_ALERT)
    assert words_of(loop.run_once(world.clock.now())) == []
    world.fall_to_stop("SOL")
    assert words_of(loop.run_once(world.clock.now()))[:2] == ["exit_sent", "exit_filled"]


@pytest.mark.parametrize("falling", [True, False])
def test_a_sideways_reference_becomes_the_first_clear_regime(tmp_path: Path, *, falling: bool) -> None:
    with bot_world(tmp_path / "home") as world:
        world.propose("SOL")
        words = world.approval("SOL")
        still = days(world, falling=falling)
        flat = tuple(
            msgspec.structs.replace(bar, high=D(201), low=D(199), close=D(200 + number % 2))
            for number, bar in enumerate(still())
        )
        assert world.ask(CommandType.APPROVE_MANAGED_PROPOSAL, "SOL", **words).code == "applied"
        entry = msgspec.structs.replace(world.entry("SOL"), reference_regime="SIDEWAYS")
        with world.app.store.transaction() as transaction:
            content = ManagedStateContent(managed_assets={"SOL": entry})
            transaction.commit(MANAGED_STATE, content, commands=[], events=[])
        calm = loop_over(world, Odd(world.app.gateway, candles=lambda *_, **__: flat))
        assert words_of(calm.run_once(world.clock.now())) == ["taken_over"]
        loop = loop_over(world, Odd(world.app.gateway, candles=still))
        assert words_of(loop.run_once(world.clock.now())) == ["regime_settled"]
        assert world.entry("SOL").reference_regime == ("BEAR" if falling else "BULL")
        assert audit_types(world.app, "SOL")[-1] == "reference_regime_set"
        assert words_of(loop.run_once(world.clock.now())) == []
