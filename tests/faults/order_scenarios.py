"""Random faults around one exit, by seed, against the box over HTTP: the same seed gives the same story.

Each story hands a coin over, makes an exit due, and lets up to four faults fall on it: answers lost before
or after the order was executed, wrong statuses, a look-up that lies, partial fills, foreign sales, pauses,
and the end of the process at any call. What must hold at its end is in `losses`.
"""

import datetime as dt
import random
from collections.abc import Callable
from decimal import ROUND_FLOOR, Decimal
from pathlib import Path
from typing import Any, cast

from bot.app.wiring import resting_stop_settings
from bot.commands.sender import CommandSender
from bot.exchange.gateway import Gateway
from bot.execution.order_record import repeated_trade_ids
from bot.execution.reconciliation import is_own_id
from bot.kernel.money import ZERO
from bot.lifecycle.commands import CommandType
from bot.lifecycle.drift_kinds import doubts_quantity
from bot.lifecycle.states import IN_THE_BOTS_HANDS, AssetState
from bot.storage.order_journal import OrderJournal
from bot.trading.cycle import LoopSettings, TradingLoop
from tests.fakes.bot_world import BotWorld, bot_world
from tests.fakes.home_checks import assert_home_is_whole
from tests.fakes.hooked_gateway import Killed
from tests.faults import courier

COIN, SYMBOL = "SOL", "SOL/USDT"
_CYCLES = 14
_SETTLING_CYCLES = 14
_REQUEST_FAULTS: dict[str, dict[str, Any]] = {
    "order not executed, connection dropped": {"action": "drop_before", "path": "order", "method": "POST"},
    "order executed, connection dropped": {"action": "drop_after", "path": "order", "method": "POST"},
    "order not executed, 503": {"action": "status_before", "path": "order", "method": "POST", "status": 503},
    "order executed, 504": {"action": "status_after", "path": "order", "method": "POST", "status": 504},
    "order executed, timeout code": {
        "action": "status_after",
        "path": "order",
        "method": "POST",
        "status": 408,
        "code": -1007,
        "message": "Timeout waiting for response from backend server.",
    },
    "order executed, answer garbled": {
        "action": "status_after",
        "path": "order",
        "method": "POST",
        "status": 200,
        "body": '{"orderId": 1, "status":',
    },
    "order refused, 429": {
        "action": "status_before",
        "path": "order",
        "method": "POST",
        "status": 429,
        "code": -1003,
        "message": "Too many requests.",
    },
    "order refused, 418": {
        "action": "status_before",
        "path": "order",
        "method": "POST",
        "status": 418,
        "code": -1003,
        "message": "Way too much request weight used; IP banned until 1777809600000.",
    },
    "order refused, filter": {
        "action": "status_before",
        "path": "order",
        "method": "POST",
        "status": 400,
        "code": -1013,
        "message": "Filter failure: MARKET_LOT_SIZE",
    },
    "order filled in part": {"action": "partial_fill", "path": "order", "method": "POST", "share": "0.4"},
    "cancellation executed, connection dropped": {
        "action": "drop_after",
        "path": "order",
        "method": "DELETE",
        "times": 2,
    },
    "cancellation not executed, 503": {
        "action": "status_before",
        "path": "order",
        "method": "DELETE",
        "status": 503,
        "times": 2,
    },
    "look-up drops": {"action": "drop_before", "path": "order", "method": "GET", "times": 4},
    "look-up lies that there is no order": {
        "action": "status_before",
        "path": "order",
        "method": "GET",
        "status": 400,
        "code": -2013,
        "message": "Order does not exist.",
        "times": 2,
    },
    "balances fail": {"action": "status_before", "path": "account", "status": 503, "times": 4},
    "own trades fail": {"action": "drop_before", "path": "myTrades", "times": 4},
    "open orders fail": {"action": "status_before", "path": "openOrders", "status": 500, "times": 4},
    "prices fail": {"action": "drop_before", "path": "ticker/24hr", "times": 4},
}
WIPED = "testnet wiped"
RESTING = "the stop rests at the exchange"
_OWNERS = ("foreign sale", "withdrawal", "pause with exits off", WIPED)
"""What may keep an agreed exit from happening, for good reason."""
KINDS = (
    *_REQUEST_FAULTS,
    *courier.KINDS,
    "process killed",
    *_OWNERS,
    "foreign purchase",
    "clock steps",
    "exchange's clock is off",
    RESTING,
)
_ARRIVES_AT, _CLOCK_IS_OFF = (1, 4, 9, _CYCLES - 1), (1, 5)


class Mortal:
    """Counts the calls that pass, and ends the process before or after the n-th one, once."""

    def __init__(self) -> None:
        self.at: int | None = None
        self.after = False
        self._count = 0

    def kill_at(self, call: int, *, after: bool) -> None:
        """End the process at a call, counted from now."""
        self.at, self.after, self._count = call, after, 0

    def wrap(self, inner: object) -> Any:
        """Return the thing with its calls counted."""
        return _Wrapped(inner, self)

    def passing(self, call: Callable[[], Any]) -> Any:
        """Let a call through, or die."""
        self._count += 1
        due = self._count == self.at
        if due:
            self.at = None
        if due and not self.after:
            raise Killed
        answer = call()
        if due:
            raise Killed
        return answer


class _Wrapped:
    def __init__(self, inner: object, mortal: Mortal) -> None:
        self._inner = inner
        self._mortal = mortal

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if not callable(found):
            return found
        return lambda *words, **named: self._mortal.passing(lambda: found(*words, **named))


def mortal_loop(world: BotWorld, mortal: Mortal, messenger: courier.Courier | None = None) -> TradingLoop:
    """Return a loop whose every call to the exchange and to the state counts."""
    app = world.app
    gateway = messenger.between(app.gateway) if messenger is not None else app.gateway
    return TradingLoop(
        app.store,
        cast("Gateway", mortal.wrap(gateway)),
        cast("CommandSender", mortal.wrap(app.sender)),
        clock=app.clock,
        ids=app.ids,
        settings=LoopSettings(quote="USDT", resting_stop=lambda: resting_stop_settings(app)),
    )


class Story:
    """One seed's faults and what came of them."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.kinds = self.kinds_of(seed)
        self.losses: list[str] = []
        self._draw = random.Random(seed)
        self._mortal = Mortal()
        self._courier = courier.Courier(self.kinds, random.Random(seed))
        self._foreign: set[str] = set()
        self._late = ZERO

    @staticmethod
    def kinds_of(seed: int) -> list[str]:
        """Return the faults of a seed."""
        draw = random.Random(f"kinds of {seed}")
        return draw.sample(KINDS, draw.randint(1, 4))

    def run(self, root: Path) -> "Story":
        """Live through it in a home of its own."""
        environ = {"BOT_TRADING_RESTING_STOP": "on"} if RESTING in self.kinds else {}
        with bot_world(root, environ=environ, seed=self.seed % 7) as world:
            world.hand_over(COIN)
            self._make_due(world)
            for kind in self.kinds:
                if kind in _REQUEST_FAULTS:
                    world.box.control.add_fault(**_REQUEST_FAULTS[kind])
            loop = self._loop(world)
            for number in range(_CYCLES):
                self._interfere(world, number)
                loop = self._cycle(world, loop)
                world.wait(self._draw.choice([0.2, 1, 3, 8]))
            world.box.control.clear_faults()
            self._deliver(world)
            for _ in range(_SETTLING_CYCLES):
                loop = self._cycle(world, loop)
                world.wait(20)
            self._judge(world)
        return self

    def _make_due(self, world: BotWorld) -> None:
        entry = world.entry(COIN)
        match self._draw.choice(["stop", "target", "force"]):
            case "stop":
                world.fall_to_stop(COIN)
            case "target":
                world.set_price(COIN, (entry.take_profit or ZERO) * Decimal("1.01"))
            case _:
                words = {"confirm": f"{COIN}:exit", "reason": "out"}
                world.ask(CommandType.FORCE_MANAGED_EXIT, COIN, **words)

    def _interfere(self, world: BotWorld, number: int) -> None:
        if "process killed" in self.kinds and self._draw.random() < 0.4:
            self._mortal.kill_at(self._draw.randint(1, 9), after=self._draw.random() < 0.5)
        if number == _ARRIVES_AT[self.seed % len(_ARRIVES_AT)]:
            self._deliver(world)
        self._owner_acts(world, number)
        if "clock steps" in self.kinds and number == 4:
            shift = self._draw.choice([-3_600, 3_600])
            clock = cast("Any", world.clock)
            clock.set_wall(clock.now() + dt.timedelta(seconds=shift))
        if "exchange's clock is off" in self.kinds and number in _CLOCK_IS_OFF:
            world.box.control.set_auth_skew(-20_000 if number == _CLOCK_IS_OFF[0] else 0)

    def _owner_acts(self, world: BotWorld, number: int) -> None:
        control = world.box.control
        if "foreign sale" in self.kinds and number == 2:
            share = self._draw.choice([Decimal(1), Decimal(16), Decimal(20)])
            amount = min(share, world.balances()[COIN].quantize(Decimal(1), ROUND_FLOOR))
            if amount > ZERO:
                order = control.external_trade(SYMBOL, "SELL", amount)
                self._foreign.add(str(order["orderId"]))
        if "foreign purchase" in self.kinds and number == 2:
            order = control.external_trade(SYMBOL, "BUY", Decimal(3))
            self._foreign.add(str(order["orderId"]))
        if "withdrawal" in self.kinds and number == 3:
            share = self._draw.choice([Decimal(2), Decimal(20)])
            free = Decimal(control.state()["balances"][COIN]["free"]).quantize(Decimal(1), ROUND_FLOOR)
            if min(share, free) > ZERO:
                control.withdraw(COIN, min(share, free))
        if "pause with exits off" in self.kinds and number == 3:
            world.pause(COIN, "off")
        if WIPED in self.kinds and number == 6:
            control.wipe()

    def _deliver(self, world: BotWorld) -> None:
        held = self._courier.held
        if held is not None:
            entry = world.entry(COIN)
            intent = entry.exit_intent
            if intent is None or intent.client_order_id != held.order.client_order_id:
                self._late = held.order.quantity  # it was given up: nobody can take it back now
        self._courier.deliver(world.app.gateway)

    def _loop(self, world: BotWorld) -> TradingLoop:
        return mortal_loop(world, self._mortal, self._courier)

    def _cycle(self, world: BotWorld, loop: TradingLoop) -> TradingLoop:
        try:
            loop.run_once(world.clock.now())
        except Killed:
            world.restart()
            return self._loop(world)
        return loop

    def _judge(self, world: BotWorld) -> None:
        """Say what was lost: each line is a broken promise."""
        entry = world.entry(COIN)
        approved, said = entry.approved_quantity or ZERO, entry.sold_quantity or ZERO
        journal = OrderJournal(world.app.home.orders_log)
        journal.refresh()
        records = journal.records.values()
        written = sum((record.filled_quantity for record in records), ZERO)
        # What arrives after it was given up, outside its receive window, nobody can take back: it is booked.
        self._must(written <= approved + self._late, f"{written} was sold, {approved} was approved")
        self._must(said == written, f"the state says {said}, the journal {written}")
        if WIPED not in self.kinds:  # the exchange has forgotten everything then
            self._judge_trades(world, written, journal)
        self._must(not repeated_trade_ids(records), "a trade stands in the journal twice")
        self._must(not any(r.may_be_live for r in records), "an order's end is not known")
        self._must(not any(r.unbooked_quantity for r in records), "a late fill is not booked")
        self._must(all(is_own_id(name) for name in journal.records), "an order under a foreign id")
        if entry.state is AssetState.MANAGED_ACTIVE:
            self._must(said > ZERO or world.position(COIN).is_open, "managed, and no position is tracked")
            self._must(entry.exit_intent is None, "an intent is open for ever")
        self._must(
            entry.state in {*IN_THE_BOTS_HANDS, AssetState.EXIT_EXECUTED}, f"it ended as {entry.state}"
        )
        if set(_OWNERS).isdisjoint(self.kinds):  # nothing stood in the way at the end
            self._must(entry.state is AssetState.EXIT_EXECUTED, f"the exit was due, it is {entry.state}")
            self._must(
                not doubts_quantity(entry), f"nobody took a coin, and drift is recorded: {entry.drift}"
            )
        try:
            assert_home_is_whole(world.app)
        except AssertionError as error:
            self.losses.append(f"seed {self.seed}: {error}")

    def _judge_trades(self, world: BotWorld, written: Decimal, journal: OrderJournal) -> None:
        """Compare with what the exchange itself says."""
        trades = world.app.gateway.own_trades(SYMBOL)
        own = [trade for trade in trades if trade.order_id not in self._foreign]
        sold = sum((trade.quantity for trade in own), ZERO)
        self._must(sold == written, f"the exchange sold {sold}, the journal says {written}")
        executed = {trade.order_id for trade in own}
        known = {r.exchange_order_id for r in journal.records.values() if r.filled_quantity}
        self._must(executed == known, f"orders {executed} at the exchange, {known} in the journal")
        told = {trade.order_id for trade in journal.foreign_trades}
        self._must(told <= self._foreign, f"orders {told - self._foreign} are taken for somebody else's")

    def _must(self, holds: bool, otherwise: str) -> None:  # noqa: FBT001 - a condition reads best in place
        if not holds:
            self.losses.append(f"seed {self.seed} ({', '.join(self.kinds)}): {otherwise}")
