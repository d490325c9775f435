"""A stop that follows the price in a real loop: it rises, sells, outlives restarts, believes no nonsense."""

import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest

from bot.exchange.gateway import Gateway
from bot.holdings.positions import Position
from bot.kernel.errors import ExchangeUnavailableError
from bot.kernel.market import Ticker
from bot.lifecycle.commands import CommandState, CommandType
from bot.lifecycle.documents import ExitReason
from bot.lifecycle.states import AssetState
from bot.storage.documents import POSITIONS
from bot.trading.cycle import LoopSettings, TradingLoop
from tests.fakes.bot_world import BotWorld, bot_world, words_of
from tests.fakes.home_checks import assert_home_is_whole, audit_of

D = Decimal
CENT = D("0.01")


class TellingGateway:
    """The gateway, with answers about prices that a test has changed; counts how often it was asked."""

    def __init__(self, gateway: Gateway, *answers: Callable[[Ticker], Ticker | None]) -> None:
        self._gateway = gateway
        self._answers = list(answers)
        self.asked = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._gateway, name)

    def tickers(self, symbols: Sequence[str]) -> Mapping[str, Ticker]:
        self.asked += 1
        told = self._gateway.tickers(symbols)
        if not self._answers:
            return told
        change = self._answers.pop(0)
        return {symbol: new for symbol, ticker in told.items() if (new := change(ticker)) is not None}


def as_it_is(ticker: Ticker) -> Ticker:
    return ticker


def nonsense(**prices: Any) -> Callable[[Ticker], Ticker]:
    return lambda ticker: msgspec.structs.replace(ticker, **prices)


def loop_over(world: BotWorld, gateway: TellingGateway, *, market_time_is_ours: bool = False) -> TradingLoop:
    app = world.app
    settings = LoopSettings(quote="USDT", market_time_is_ours=market_time_is_ours)
    return TradingLoop(
        app.store,
        cast("Gateway", gateway),
        app.sender,
        clock=app.clock,
        ids=app.ids,
        settings=settings,
    )


@pytest.fixture
def world(tmp_path: Path) -> Iterator[BotWorld]:
    with bot_world(tmp_path / "home") as made:
        made.hand_over("SOL")
        made.ask(CommandType.OVERRIDE_MANAGED_LEVELS, "SOL", take_profit=D(9_000), reason="far away")
        yield made
        assert_home_is_whole(made.app)


def trail(world: BotWorld, **terms: Any) -> None:
    words = {"trailing": {"enabled": True, **terms}, "reason": "let it run"}
    assert world.ask(CommandType.OVERRIDE_MANAGED_LEVELS, "SOL", **words).state is CommandState.APPLIED
    world.cycle()


def sol(world: BotWorld) -> Position:
    position: Position = world.position("SOL")
    return position


def reference(world: BotWorld) -> Decimal:
    return world.entry("SOL").reference_price or D(0)


def go_to(world: BotWorld, price: Decimal) -> list[str]:
    """Move the market and run one cycle."""
    world.set_price("SOL", price)
    world.wait(5)
    return words_of(world.cycle())


def bid_of(world: BotWorld) -> Decimal:
    return world.app.gateway.ticker("SOL/USDT").bid


def serial(world: BotWorld) -> int:
    return world.app.store.read(POSITIONS).meta.serial


# ---- up, and sold on the way back ---------------------------------------------------------------------


@pytest.mark.smoke
def test_the_stop_follows_the_price_up_and_the_coin_is_sold_there(world: BotWorld) -> None:
    trail(world, distance=D(4))
    agreed, top = world.entry("SOL").stop_loss or D(0), reference(world) + 12
    assert "stop_lifted" in go_to(world, top)
    lifted = sol(world)
    assert lifted.stop_loss == bid_of(world) - 4 > agreed
    assert lifted.highest_price == bid_of(world)
    assert go_to(world, top - 3) == []
    assert sol(world) == lifted
    assert "exit_filled" in go_to(world, lifted.stop_loss - 1)
    entry = world.entry("SOL")
    assert entry.state is AssetState.EXIT_EXECUTED
    assert entry.sold_quantity == entry.approved_quantity
    assert entry.reason is not None
    assert entry.reason.text == "sold at the stop that had followed the price up"
    assert world.orders_sent() == 1
    opened = next(r for r in audit_of(world.app, "SOL") if r["type"] == "managed.exit_intent_opened")
    assert D(str(opened["data"]["stop_loss"])) == lifted.stop_loss
    assert D(str(opened["data"]["agreed_stop_loss"])) == agreed
    intent = opened["after"]["managed"]["exit_intent"]
    assert intent["reason"] == ExitReason.STOP_LOSS
    assert D(str(intent["trail"]["highest_price"])) == lifted.highest_price


def test_before_its_activation_the_agreed_stop_stands(world: BotWorld) -> None:
    agreed, top = world.entry("SOL").stop_loss, reference(world) + 8
    trail(world, activation_price=top, distance=D(4))
    go_to(world, top - 1)
    assert (sol(world).stop_loss, sol(world).highest_price) == (agreed, None)
    go_to(world, top + 1)
    assert sol(world).stop_loss == bid_of(world) - 4
    go_to(world, top - 8)
    assert sol(world).stop_loss > (agreed or D(0))
    assert world.entry("SOL").state is AssetState.EXIT_EXECUTED


def test_a_coin_whose_stop_does_not_follow_keeps_it(world: BotWorld) -> None:
    agreed = sol(world).stop_loss
    go_to(world, reference(world) + 12)
    assert sol(world).stop_loss == agreed


# ---- what is written ----------------------------------------------------------------------------------


def test_nothing_is_written_where_no_stop_rises(world: BotWorld) -> None:
    trail(world, distance=D(4))
    go_to(world, reference(world) + 12)
    before = serial(world)
    for move in (D("0.02"), D(-1), D("0.03"), D(-3)):
        assert go_to(world, reference(world) + 12 + move) == []
    assert serial(world) == before


def test_all_coins_are_written_in_one_commit(world: BotWorld) -> None:
    world.hand_over("ETH")
    for asset in ("SOL", "ETH"):
        distance = (world.entry(asset).reference_price or D(0)) / 20
        terms = {"enabled": True, "distance": distance}
        world.ask(
            CommandType.OVERRIDE_MANAGED_LEVELS, asset, trailing=terms, take_profit=D(90_000), reason="x"
        )
    world.cycle()
    before = serial(world)
    for asset in ("SOL", "ETH"):
        world.set_price(asset, (world.entry(asset).reference_price or D(0)) * D("1.03"))
    assert words_of(world.cycle()) == ["stop_lifted", "stop_lifted"]
    assert serial(world) == before + 1


def test_a_restart_changes_nothing(world: BotWorld) -> None:
    trail(world, distance=D(4))
    go_to(world, reference(world) + 12)
    lifted = sol(world)
    world.restart()
    assert go_to(world, reference(world) + 9) == []
    assert sol(world) == lifted
    world.restart()
    assert "exit_filled" in go_to(world, lifted.stop_loss - 1)


# ---- people -------------------------------------------------------------------------------------------


def test_an_override_counts_from_the_next_cycle_on(world: BotWorld) -> None:
    trail(world, distance=D(4))
    top = reference(world) + 12
    go_to(world, top)
    highest = sol(world).highest_price or D(0)
    trail(world, distance=D(3))
    assert sol(world).stop_loss == highest - 3
    words = {"trailing": {"enabled": False}, "reason": "hold"}
    world.ask(CommandType.OVERRIDE_MANAGED_LEVELS, "SOL", **words)
    assert go_to(world, top - 5) == ["followed"]
    assert (sol(world).stop_loss, sol(world).trail) == (world.entry("SOL").stop_loss, None)


def test_hands_off_lifts_no_stop(world: BotWorld) -> None:
    trail(world, distance=D(4))
    world.pause("SOL", "off")
    before = sol(world)
    assert go_to(world, reference(world) + 12) == []
    assert sol(world) == before


def test_a_pause_with_exits_on_goes_on_following(world: BotWorld) -> None:
    trail(world, distance=D(4))
    world.pause("SOL", "on")
    assert "stop_lifted" in go_to(world, reference(world) + 12)


# ---- nonsense -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer",
    [
        nonsense(last=D(100_000)),  # a lone trade that nobody buys at
        nonsense(last=D(100_000), ask=D(100_001)),
        nonsense(bid=D(0)),
        nonsense(bid=D(100_000)),  # bid above ask
        lambda _: None,
    ],
)
def test_a_price_that_no_market_can_have_lifts_no_stop(
    world: BotWorld, answer: Callable[[Ticker], Ticker | None]
) -> None:
    trail(world, distance=D(4))
    before = sol(world)
    world.set_price("SOL", reference(world) + 12)
    loop_over(world, TellingGateway(world.app.gateway, answer)).run_once(world.clock.now())
    assert sol(world) == before


def test_a_lone_trade_above_the_buyers_lifts_the_stop_by_what_they_pay(world: BotWorld) -> None:
    trail(world, distance=D(4))
    bid = bid_of(world)
    gateway = TellingGateway(world.app.gateway, nonsense(last=bid * D("1.3"), ask=bid * D("1.4")))
    loop_over(world, gateway).run_once(world.clock.now())
    assert sol(world).stop_loss <= bid - 4


def leap(ticker: Ticker) -> Ticker:
    """All of a ticker ten times too high: a shifted decimal point."""
    up = {name: getattr(ticker, name) * 10 for name in ("last", "bid", "ask")}
    return msgspec.structs.replace(ticker, **up)


def test_one_answer_that_leaps_is_asked_for_again_and_lifts_no_stop(world: BotWorld) -> None:
    trail(world, distance=D(4))
    world.ask(CommandType.OVERRIDE_MANAGED_LEVELS, "SOL", take_profit=D(90_000), reason="far away")
    world.cycle()
    before = sol(world)
    gateway = TellingGateway(world.app.gateway, leap)
    loop_over(world, gateway).run_once(world.clock.now())
    assert gateway.asked == 2
    assert sol(world).stop_loss == before.stop_loss


def test_a_leap_that_is_told_twice_counts_with_the_lower_answer(world: BotWorld) -> None:
    trail(world, distance=D(4))
    top = reference(world) + 14
    world.set_price("SOL", top)
    higher = nonsense(last=top + 5, bid=top + 5, ask=top + 6)
    gateway = TellingGateway(world.app.gateway, higher)
    loop_over(world, gateway).run_once(world.clock.now())
    assert gateway.asked == 2
    assert sol(world).stop_loss == bid_of(world) - 4


def test_a_small_rise_is_asked_for_once(world: BotWorld) -> None:
    trail(world, distance=D(4))
    world.set_price("SOL", bid_of(world) + 3)
    gateway = TellingGateway(world.app.gateway)
    loop_over(world, gateway).run_once(world.clock.now())
    assert gateway.asked == 1


def test_a_second_answer_that_does_not_come_lifts_no_stop_and_ends_no_cycle(world: BotWorld) -> None:
    trail(world, distance=D(4))
    before = sol(world)
    world.set_price("SOL", reference(world) + 14)

    def silent(_: Ticker) -> Ticker:
        raise ExchangeUnavailableError("The market does not answer.")

    gateway = TellingGateway(world.app.gateway, as_it_is, silent)
    assert loop_over(world, gateway).run_once(world.clock.now()).alarms == ()
    assert sol(world) == before


def test_an_old_price_lifts_no_stop(world: BotWorld) -> None:
    trail(world, distance=D(4))
    before = sol(world)
    world.set_price("SOL", reference(world) + 12)
    old = nonsense(observed_at=world.clock.now() - dt.timedelta(hours=2))
    gateway = TellingGateway(world.app.gateway, old)
    loop_over(world, gateway, market_time_is_ours=True).run_once(world.clock.now())
    assert sol(world) == before


# ---- what else moves ----------------------------------------------------------------------------------


def test_a_price_far_above_its_band_alerts_and_the_stop_goes_on_following_and_sells(world: BotWorld) -> None:
    """T10, T20: the alert stops new trades, never the guard."""
    trail(world, distance=D(4))
    go_to(world, reference(world) + 20)
    assert world.entry("SOL").state is AssetState.MANAGED_DRIFT_ALERT
    assert "stop_lifted" in go_to(world, reference(world) + 23)
    stop = sol(world).stop_loss
    assert stop == bid_of(world) - 4
    assert "exit_filled" in go_to(world, stop - 1)
    assert world.entry("SOL").state is AssetState.EXIT_EXECUTED


def test_a_graceful_release_sells_at_the_stop_that_followed(world: BotWorld) -> None:
    trail(world, distance=D(4))
    go_to(world, reference(world) + 12)
    world.pause("SOL", "on")
    world.ask(CommandType.RELEASE_MANAGED_ASSET, "SOL", mode="graceful")
    assert "stop_lifted" in go_to(world, reference(world) + 14)
    assert {"exit_filled", "released"} <= set(go_to(world, sol(world).stop_loss - 1))
    assert world.managed.state_of("SOL") is AssetState.FROZEN


def test_a_new_promotion_begins_with_its_own_stop(world: BotWorld) -> None:
    trail(world, distance=D(4))
    go_to(world, reference(world) + 12)
    go_to(world, sol(world).stop_loss - 1)
    world.ask(CommandType.RELEASE_MANAGED_ASSET, "SOL", mode="graceful")
    world.hand_over("SOL")
    assert (sol(world).stop_loss, sol(world).trail) == (world.entry("SOL").stop_loss, None)


def test_a_pause_between_the_look_and_the_record_leaves_the_stop_where_it_is(world: BotWorld) -> None:
    """The record is made under the lock, by what is committed then."""
    trail(world, distance=D(4))
    before = sol(world)
    world.set_price("SOL", reference(world) + 12)

    def pausing(ticker: Ticker) -> Ticker:
        world.pause("SOL", "off")
        return ticker

    loop = loop_over(world, TellingGateway(world.app.gateway, as_it_is, pausing))
    assert "stop_lifted" not in words_of(loop.run_once(world.clock.now()))
    assert sol(world) == before


def test_between_two_cycles_the_streams_watch_the_lifted_stop(world: BotWorld) -> None:
    trail(world, distance=D(4))
    go_to(world, reference(world) + 12)
    watched = world.app.loop.armed().levels["SOL/USDT"]
    assert watched.stop_loss == sol(world).stop_loss > (world.entry("SOL").stop_loss or D(0))
