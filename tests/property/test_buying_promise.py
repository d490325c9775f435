"""The quantity promise and the caps with own buys, whatever market, exchange, owner and restarts do.

A whole bot on real files over an exchange that lies in wait. It keeps what it really sold and bought, and
what the buys really cost. At every moment: sells, with open and unknown ones at full size, are at most what
was approved and what own buys brought; and buys cost at most what was agreed and may be invested.
"""

import datetime as dt
import tempfile
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.fleet import fleet
from bot.app.wiring import App
from bot.exchange.gateway import Gateway
from bot.execution.orders import (
    Accepted,
    Fee,
    OrderReport,
    OrderRequest,
    OrderStatus,
    Rejected,
    Side,
    Submission,
    Unknown,
)
from bot.holdings.baseline import capture
from bot.holdings.wallet import Balance, WalletSnapshot
from bot.kernel.money import ZERO
from bot.lifecycle.commands import CommandType
from bot.lifecycle.documents import ManagedAsset
from bot.risk.verdict import Approved
from bot.storage.documents import BASELINE_HOLDINGS, MANAGED_STATE
from bot.trading.buy_settings import BuySettings
from bot.trading.cycle import LoopSettings, TradingLoop
from tests.fakes.fake_clock import FakeClock
from tests.fakes.sequential_ids import SequentialIds
from tests.property.test_quantity_promise import ASSET, HostileExchange

D = Decimal
APPROVED, MOST, INVESTABLE = D(5), D(300), D(250)
FEE = D("0.001")


class TradingFloor(HostileExchange):
    """The hostile exchange, which sells coins, too, and takes its fee in them."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__(clock)
        self.money = D(10_000)
        self.sides: dict[str, Side] = {}
        self.limits: dict[str, Decimal] = {}

    def done(self, side: Side) -> list[OrderReport]:
        """Return the orders of one side."""
        return [order for name, order in self.orders.items() if self.sides[name] is side]

    @property
    def arrived(self) -> Decimal:
        """Return what buys really brought, less fees."""
        return sum((order.filled_quantity * (1 - FEE) for order in self.done(Side.BUY)), ZERO)

    def wallet(self) -> WalletSnapshot:
        told = super().wallet()
        money = Balance(free=self.money, used=ZERO, total=self.money)
        return msgspec.structs.replace(told, balances={**told.balances, "USDT": money})

    def submit(self, approved: Approved[OrderRequest]) -> Submission:
        order = approved.order
        self.sides[order.client_order_id] = order.side
        if order.side is Side.SELL:
            return super().submit(approved)
        assert order.limit_price is not None
        assert order.immediate
        assert order.client_order_id not in self.orders, "sent twice"
        self.limits[order.client_order_id] = order.limit_price
        if self.fate == "rejected":
            return Rejected(client_order_id=order.client_order_id, reason="odd", text="no")
        if self.fate == "never_arrived":
            return Unknown(client_order_id=order.client_order_id, text="reset")
        report = OrderReport(
            client_order_id=order.client_order_id,
            exchange_order_id=str(len(self.orders)),
            symbol=order.symbol,
            side=Side.BUY,
            status=OrderStatus.OPEN,
            quantity=order.quantity,
            updated_at=self.clock.now(),
        )
        self.orders[order.client_order_id] = report
        if self.fate != "late":
            self.fill(order.client_order_id, self.share)
        lost = self.fate == "lost_answer"
        if lost:
            return Unknown(client_order_id=order.client_order_id, text="reset")
        return Accepted(report=self.orders[order.client_order_id])

    def fill(self, order_id: str, share: Decimal) -> None:
        order = self.orders[order_id]
        if self.sides[order_id] is Side.SELL:
            super().fill(order_id, share)
            return
        if order.status.is_final:
            return
        part = (order.quantity * share).quantize(D("0.01"))
        status = OrderStatus.FILLED if part == order.quantity else OrderStatus.EXPIRED
        cost = part * min(self.price * D("1.004"), self.limits[order_id])
        self.held += part * (1 - FEE)
        self.money -= cost
        fees = (Fee(asset=ASSET, amount=part * FEE),) if part else ()
        self.orders[order_id] = msgspec.structs.replace(
            order, filled_quantity=part, filled_quote=cost, status=status, fees=fees
        )

    def cancel(self, _symbol: str, client_order_id: str) -> OrderReport | None:
        """End an order that rests against its terms, filled as far as it is."""
        self.fill(client_order_id, ZERO)
        return self.orders.get(client_order_id)


class Bot:
    """One bot on the floor; `again` is a restart."""

    app: App
    loop: TradingLoop

    def __init__(self, root: Path) -> None:
        self.clock, self.root = FakeClock(), root
        fleet(root, 1, clock=self.clock, ids=SequentialIds()).app.close()
        self.floor = TradingFloor(self.clock)
        self.lives = 0
        self.again()
        baseline = capture(self.floor.wallet(), quote="USDT", source="test")
        with self.app.store.transaction() as work:
            work.commit(BASELINE_HOLDINGS, baseline, commands=[], events=[])
        terms = {"steps": 3, "step_pct": 2, "max_additional_usdt": MOST}
        self.ask(CommandType.OVERRIDE_MANAGED_LEVELS, reason="x", dca=terms, max_allocation_usdt=D(900))
        for _ in range(2):
            self.loop.run_once(self.clock.now())

    def again(self) -> None:
        if self.lives:
            self.app.close()
        self.lives += 1
        environ = {"BOT_RISK_INVESTABLE_CAPITAL_USDT": str(INVESTABLE)}
        ids = SequentialIds(first=self.lives * 1_000_000)
        self.app = App(self.root, environ=environ, clock=self.clock, ids=ids)
        settings = LoopSettings(
            quote="USDT",
            lookup_settles_after=dt.timedelta(seconds=30),
            buys=lambda: BuySettings(investable_capital_usdt=INVESTABLE),
        )
        gateway = cast("Gateway", cast("Any", self.floor))
        self.loop = TradingLoop(
            self.app.store, gateway, self.app.sender, clock=self.clock, ids=self.app.ids, settings=settings
        )

    def ask(self, command: CommandType, **words: Any) -> None:
        app = self.app
        app.applier.apply(app.maker.make(command, ASSET, words, actor=app.actor))

    def entry(self) -> ManagedAsset:
        return self.app.store.read(MANAGED_STATE).content.managed_assets[ASSET]

    def play(self, step: str, value: Any) -> None:
        floor = self.floor
        match step:
            case "price":
                floor.price = D(value)
            case "deposit" | "withdraw":
                floor.held = max(ZERO, floor.held + (value if step == "deposit" else -value))
            case "fate":
                floor.fate = value
            case "share":
                floor.share = D(value) / 10 if value > 1 else D(value)
            case "late_fill":
                for order_id in tuple(floor.orders):
                    floor.fill(order_id, D(value) / 5)
            case "silence":
                floor.told = not value
            case "wait":
                self.clock.advance(value)
            case "accept":
                more = {"accept": "current"} if value else {}
                self.ask(CommandType.RESUME_MANAGED_ASSET, reason="x", override=True, **more)
            case _:
                self.again()

    def check(self) -> None:
        """Hold what really happened against the promises."""
        floor = self.floor
        sold = sum((order.filled_quantity for order in floor.done(Side.SELL)), ZERO)
        intent = self.entry().exit_intent
        if intent is not None:
            told = floor.orders.get(intent.client_order_id)
            sold += intent.quantity - (told.filled_quantity if told is not None else ZERO)
        assert sold <= APPROVED + floor.arrived, "more was sold than was handed over and arrived"
        spent = sum((order.filled_quote for order in floor.done(Side.BUY)), ZERO)
        assert spent <= min(MOST, INVESTABLE)
        open_or_lost = self.entry().buy_intent
        booked = self.entry().bought_quantity or ZERO
        assert booked <= floor.arrived
        if open_or_lost is None and not any(not order.status.is_final for order in floor.orders.values()):
            known = {order.client_order_id for order in floor.done(Side.BUY)}
            assert len(known) >= (self.entry().bought_steps or 0)


STEP = st.one_of(
    st.tuples(st.just("price"), st.sampled_from([98, 97, 96, 95, 94, 92, 100, 89, 107, 131])),
    st.tuples(st.just("price"), st.sampled_from([98, 96, 94])),
    st.tuples(
        st.just("fate"), st.sampled_from(["filled", "rejected", "never_arrived", "late", "lost_answer"])
    ),
    st.tuples(st.just("share"), st.sampled_from([1, 0, 3, 7])),
    st.tuples(st.just("late_fill"), st.sampled_from([1, 5])),
    st.tuples(st.just("silence"), st.booleans()),
    st.tuples(st.just("wait"), st.sampled_from([1, 6, 31, 400])),
    st.tuples(st.just("restart"), st.just(0)),
    st.tuples(st.just("deposit"), st.integers(1, 5)),
    st.tuples(st.just("withdraw"), st.integers(1, 3)),
    st.tuples(st.just("accept"), st.booleans()),
)


@settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow])
@given(steps=st.lists(STEP, min_size=6, max_size=20))
def test_never_more_is_sold_than_was_approved_and_arrived_nor_spent_than_may_be(
    steps: list[tuple[str, Any]],
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        bot = Bot(Path(folder) / "home")
        for step, value in [("price", 98), *steps]:
            bot.play(step, value)
            bot.loop.run_once(bot.clock.now())
            bot.clock.advance(5)
            bot.check()
        bot.app.close()


def test_the_floor_does_sell_coins_and_takes_them_back() -> None:
    """What the property is about happens: otherwise it would say nothing."""
    with tempfile.TemporaryDirectory() as folder:
        bot = Bot(Path(folder) / "home")
        for price in (98, 96, 94, 89):
            bot.floor.price = D(price)
            bot.loop.run_once(bot.clock.now())
            bot.clock.advance(5)
        assert bot.entry().bought_steps == 3
        assert len(bot.floor.done(Side.BUY)) == 3
        assert D(0) < bot.floor.arrived < 3
        sold = sum((order.filled_quantity for order in bot.floor.done(Side.SELL)), ZERO)
        assert sold == (APPROVED + bot.floor.arrived).quantize(D("0.01"), rounding="ROUND_DOWN")
        bot.app.close()
