"""A sale that cannot leave is not asked for with every trade: patience guards the other coins."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bot.exchange.streams import TradeSeen
from bot.kernel.errors import ExchangeUnavailableError
from bot.trading.follower import MarketFollower
from bot.trading.market_watch import Wake
from tests.fakes.bot_world import bot_world
from tests.integration.test_resting_stop import ON
from tests.integration.test_resting_stop_exits import loop_on

TRADES = 100
ROUNDS_AT_MOST = 2


class _Stuck:
    """A gateway of which one kind of call fails."""

    def __init__(self, gateway: Any) -> None:
        self._gateway = gateway
        self.fails = ""
        self.is_absent = False

    def __getattr__(self, name: str) -> Any:
        if name != self.fails:
            return getattr(self._gateway, name)

        def call(*_: object, **__: object) -> None:
            if not self.is_absent:
                raise ExchangeUnavailableError("no answer", why="the test keeps it back")

        return call


@pytest.mark.parametrize(
    ("fails", "answer"), [("cancel", "none"), ("cancel", "absent"), ("wallet", "none")], ids=str
)
def test_an_exit_that_cannot_leave_is_not_tried_with_every_trade(
    tmp_path: Path, fails: str, answer: str
) -> None:
    with bot_world(tmp_path / "home", environ=ON) as world:
        world.hand_over("SOL", quantity=Decimal(10))
        world.cycle()
        world.cycle()
        gateway = _Stuck(world.app.gateway)
        follower = MarketFollower(
            loop_on(world, gateway),
            gateway,
            world.clock,
            streams=None,
            quote="USDT",
            price_max_age_s=lambda: Decimal(60),
        )
        follower.cycle(Wake())
        follower.cycle(Wake())
        gateway.fails, gateway.is_absent = fails, answer == "absent"
        target = (world.entry("SOL").take_profit or Decimal(0)) * Decimal("1.01")
        world.set_price("SOL", target)
        rounds = 0
        for number in range(TRADES):
            world.wait(0.1)
            now = world.clock.now()
            trade = TradeSeen(symbol="SOL/USDT", trade_id=10_000 + number, price=target, traded_at=now)
            follower._watch.on_trade(trade)
            wake = follower.wait(0)
            if wake.priced:
                rounds += 1
                follower.react(wake)
        assert 1 <= rounds <= ROUNDS_AT_MOST
        assert world.orders_sent() == 1, "the stop alone"
