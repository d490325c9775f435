"""A cycle with many coins at a slow exchange is long and healthy: it says so before each coin."""

import itertools
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from bot.trading.cycle import LoopSettings, TradingLoop
from tests.fakes.bot_world import BotWorld, bot_world, words_of

COINS = ("ETH", "SOL")
SLOW_S = 90
"""Less than what the watchdog lets one piece of work take, and more than that for all coins together."""


@pytest.fixture
def world(tmp_path: Path) -> Iterator[BotWorld]:
    with bot_world(tmp_path / "home") as made:
        for asset in COINS:
            made.hand_over(asset)
        yield made


class SlowSales:
    """The world's exchange, where each sale takes a while to be answered."""

    def __init__(self, world: BotWorld) -> None:
        self._world = world

    def __getattr__(self, name: str) -> object:
        return getattr(self._world.app.gateway, name)

    def submit(self, approved: object) -> object:
        answer = self._world.app.gateway.submit(approved)  # type: ignore[arg-type]  # passed on as it came
        self._world.wait(SLOW_S)
        return answer


def test_a_long_cycle_says_before_each_coin_that_it_goes_on(world: BotWorld) -> None:
    app = world.app
    loop = TradingLoop(
        app.store,
        SlowSales(world),  # type: ignore[arg-type]  # stands for the gateway by passing all else on
        app.sender,
        clock=app.clock,
        ids=app.ids,
        settings=LoopSettings(quote="USDT"),
    )
    for asset in COINS:
        world.fall_to_stop(asset)
    heard = [app.clock.monotonic()]
    report = loop.run_once(app.clock.now(), on_progress=lambda: heard.append(app.clock.monotonic()))
    heard.append(app.clock.monotonic())
    assert words_of(report).count("exit_sent") == len(COINS)
    silences = [Decimal(after - before) for before, after in itertools.pairwise(heard)]
    assert heard[-1] - heard[0] >= SLOW_S * len(COINS)
    assert max(silences) < SLOW_S + 5
