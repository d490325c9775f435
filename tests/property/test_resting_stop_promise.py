"""The quantity promise with stops that rest at the exchange, whatever market, owner and crashes do.

The exchange keeps what it really sold; stops trigger on its price, fill in full, in part or late; answers to
sends and cancels are lost, before or after they were executed; the owner cancels by hand, and pauses.
"""

import tempfile
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.fleet import Fleet, fleet
from bot.exchange.gateway import Capabilities, Gateway
from bot.execution.orders import (
    Accepted,
    OrderReport,
    OrderRequest,
    OrderStatus,
    OrderType,
    Submission,
    Unknown,
)
from bot.holdings.wallet import Balance, WalletSnapshot
from bot.kernel.errors import ExchangeUnavailableError
from bot.kernel.money import ZERO
from bot.lifecycle.commands import CommandType
from bot.lifecycle.drift_kinds import doubts_quantity
from bot.risk.verdict import Approved
from bot.storage.documents import MANAGED_STATE
from bot.trading.cycle import LoopSettings, TradingLoop
from bot.trading.resting_stop import RestingStopSettings
from tests.fakes.fake_clock import FakeClock
from tests.fakes.sequential_ids import SequentialIds
from tests.property.test_quantity_promise import APPROVED, ASSET, SYMBOL, HostileExchange

D = Decimal


class RestingExchange(HostileExchange):
    """Stops rest here; they lock their coins, trigger on the price, and fill as far as it lets them."""

    capabilities = Capabilities(
        name="memory", quote="USDT", timeframes=("1d",), resting_stop=True, real_money=False
    )

    def __init__(self, clock: FakeClock) -> None:
        super().__init__(clock)
        self.stops: dict[str, OrderRequest] = {}
        self.cancel_fate = "done"

    def locked(self) -> Decimal:
        """Return what resting stops hold back."""
        left = (self.orders[name] for name in self.stops if not self.orders[name].status.is_final)
        return sum((order.quantity - order.filled_quantity for order in left), ZERO)

    def wallet(self) -> WalletSnapshot:
        used = min(self.locked(), self.held)
        balance = Balance(free=self.held - used, used=used, total=self.held)
        balances = {ASSET: balance} if self.told else {}
        return WalletSnapshot(balances=balances, observed_at=self.clock.now(), complete=self.told)

    def submit(self, approved: Approved[OrderRequest]) -> Submission:
        order = approved.order
        if order.order_type is not OrderType.STOP_LOSS_LIMIT:
            assert order.quantity <= self.held - self.locked() or self.fate == "rejected", "coins are locked"
            return super().submit(approved)
        assert self.locked() == ZERO, "two stops for one coin"
        return self._rests(order)

    def _rests(self, order: OrderRequest) -> Submission:
        fate, self.fate = self.fate, "late"
        try:
            if fate in {"rejected", "never_arrived"}:
                self.fate = fate
                return super().submit(Approved(order=order, gates=()))
            outcome = super().submit(Approved(order=order, gates=()))
        finally:
            self.fate = fate
        if isinstance(outcome, Accepted):
            self.stops[order.client_order_id] = order
            if fate == "lost_answer":
                return Unknown(client_order_id=order.client_order_id, text="reset")
        return outcome

    def move(self, price: Decimal, share: Decimal) -> None:
        """Let the price go somewhere; a stop that it reaches sells this share of what is left."""
        self.price = price
        for name, stop in self.stops.items():
            order = self.orders[name]
            if order.status.is_final or price > (stop.stop_price or ZERO):
                continue
            left = order.quantity - order.filled_quantity
            part = min((left * share).quantize(D("0.01")), self.held)
            filled = order.filled_quantity + part
            self.held -= part
            self.orders[name] = msgspec.structs.replace(
                order,
                filled_quantity=filled,
                filled_quote=order.filled_quote + part * price,
                status=OrderStatus.FILLED if filled == order.quantity else OrderStatus.PARTIALLY_FILLED,
            )

    def fill(self, order_id: str, share: Decimal) -> None:
        if order_id not in self.stops:
            super().fill(order_id, share)

    def cancel(self, _symbol: str, client_order_id: str) -> OrderReport | None:
        fate, self.cancel_fate = self.cancel_fate, "done"
        if not self.told or fate == "lost_before":
            raise ExchangeUnavailableError("no answer")
        order = self.orders.get(client_order_id)
        if order is not None and not order.status.is_final:
            self.orders[client_order_id] = msgspec.structs.replace(order, status=OrderStatus.CANCELLED)
        if fate == "lost_after":
            raise ExchangeUnavailableError("reset")
        return self.orders.get(client_order_id)

    def open_orders(self, _symbol: str | None = None) -> tuple[OrderReport, ...]:
        if not self.told:
            raise ExchangeUnavailableError("no answer")
        return tuple(order for order in self.orders.values() if not order.status.is_final)

    def cancel_all(self) -> None:
        """Cancel what is open, as the owner may by hand."""
        for order in self.open_or_none():
            ended = msgspec.structs.replace(order, status=OrderStatus.CANCELLED)
            self.orders[order.client_order_id] = ended

    def could_still_sell(self) -> Decimal:
        """Return what orders that the exchange holds open could sell on top."""
        return sum((order.quantity - order.filled_quantity for order in self.open_or_none()), ZERO)

    def open_or_none(self) -> tuple[OrderReport, ...]:
        """Return what is open, told or not."""
        return tuple(order for order in self.orders.values() if not order.status.is_final)


def started(root: Path) -> tuple[Fleet, RestingExchange, FakeClock]:
    clock = FakeClock()
    made = fleet(root, 1, clock=clock, ids=SequentialIds())
    return made, RestingExchange(clock), clock


def loop_of(made: Fleet, exchange: RestingExchange, *, is_on: bool = True) -> TradingLoop:
    """Return a loop without memory, as after a restart."""
    limits = LoopSettings(quote="USDT", resting_stop=lambda: RestingStopSettings(is_on=is_on))
    gateway = cast("Gateway", cast("Any", exchange))
    app = made.app
    return TradingLoop(app.store, gateway, app.sender, clock=app.clock, ids=app.ids, settings=limits)


STEP = st.one_of(
    st.tuples(st.just("move"), st.sampled_from([89, 90, 85, 95, 100, 131])),
    st.tuples(st.just("move"), st.sampled_from([89, 131])),
    st.tuples(st.just("share"), st.sampled_from([10, 0, 3, 7])),
    st.tuples(
        st.just("fate"), st.sampled_from(["filled", "rejected", "never_arrived", "late", "lost_answer"])
    ),
    st.tuples(st.just("cancel_fate"), st.sampled_from(["lost_before", "lost_after"])),
    st.tuples(st.just("by_hand"), st.just(0)),
    st.tuples(st.just("deposit"), st.integers(1, 20)),
    st.tuples(st.just("late_fill"), st.sampled_from([1, 5])),
    st.tuples(st.just("silence"), st.booleans()),
    st.tuples(st.just("wait"), st.sampled_from([1, 31, 61, 400])),
    st.tuples(st.just("restart"), st.booleans()),
    st.tuples(st.just("pause"), st.sampled_from(["on", "off"])),
    st.tuples(st.just("resume"), st.just(0)),
    st.tuples(st.just("override"), st.sampled_from([91, 95, 98])),
)


def ask(made: Fleet, command: CommandType, words: Mapping[str, Any]) -> None:
    app = made.app
    app.applier.apply(app.maker.make(command, ASSET, words, actor=app.actor))


def play(step: str, value: Any, made: Fleet, exchange: RestingExchange, clock: FakeClock) -> None:
    match step:
        case "wait":
            clock.advance(value)
        case "pause":
            ask(made, CommandType.PAUSE_MANAGED_ASSET, {"exits": value})
        case "resume":
            words = {"reason": "x", "override": True, "accept": "current"}
            ask(made, CommandType.RESUME_MANAGED_ASSET, words)
        case "override":
            ask(made, CommandType.OVERRIDE_MANAGED_LEVELS, {"stop_loss": value, "reason": "x"})
        case _:
            happen(step, value, exchange)


def happen(step: str, value: Any, exchange: RestingExchange) -> None:
    """Let something happen at the exchange."""
    match step:
        case "move":
            exchange.move(D(value), exchange.share)
        case "share":
            exchange.share = D(value) / 10
        case "fate":
            exchange.fate = value
        case "cancel_fate":
            exchange.cancel_fate = value
        case "deposit":
            exchange.held += value
        case "silence":
            exchange.told = not value
        case "by_hand":
            exchange.cancel_all()
        case "late_fill":
            for name in tuple(exchange.orders):
                exchange.fill(name, D(value) / 5)
        case _:
            pass


def assert_kept(made: Fleet, exchange: RestingExchange) -> None:
    """What was sold, and all that could still be, is at most what was approved; and the record knows it."""
    assert exchange.sold + exchange.could_still_sell() <= APPROVED
    entry = made.app.store.read(MANAGED_STATE).content.managed_assets[ASSET]
    assert entry.exit_intent is None or entry.resting_stop is None
    booked = (entry.sold_quantity or ZERO) + sum(
        order.filled_quantity for order in (entry.exit_intent, entry.resting_stop) if order is not None
    )
    assert booked <= exchange.sold, "nothing is booked that was not sold"
    on_record = {o.client_order_id for o in (entry.exit_intent, entry.resting_stop) if o is not None}
    assert {order.client_order_id for order in exchange.open_or_none()} <= on_record, (
        "no order without record"
    )


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(steps=st.lists(STEP, min_size=4, max_size=22))
def test_stops_at_the_exchange_never_sell_more_than_was_approved(steps: list[tuple[str, Any]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        made, exchange, clock = started(Path(folder) / "home")
        loop = loop_of(made, exchange)
        for step, value in [("wait", 1), *steps]:
            if step == "restart":
                loop = loop_of(made, exchange, is_on=bool(value))
            play(step, value, made, exchange, clock)
            sent = len(exchange.sizes)
            entry = made.app.store.read(MANAGED_STATE).content.managed_assets[ASSET]
            loop.run_once(clock.now())
            clock.advance(5)
            assert_kept(made, exchange)
            if doubts_quantity(entry):
                assert len(exchange.sizes) == sent, "no order at all while the quantity is in doubt"
        made.app.close()


def test_the_exchange_does_let_stops_rest_and_fill() -> None:
    """What the property is about happens: otherwise it would say nothing."""
    with tempfile.TemporaryDirectory() as folder:
        made, exchange, clock = started(Path(folder) / "home")
        loop = loop_of(made, exchange)
        loop.run_once(clock.now())
        assert exchange.locked() == APPROVED
        exchange.move(D(89), D(1))
        loop.run_once(clock.now())
        assert exchange.sold == APPROVED
        assert exchange.orders.keys() == exchange.stops.keys(), "the stop sold it, the loop nothing more"
        assert next(iter(exchange.orders.values())).symbol == SYMBOL
        made.app.close()
