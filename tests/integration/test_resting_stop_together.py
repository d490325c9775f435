"""The resting stop and what else happens to its coin: late fills, other levels, strays, a full disk."""

import errno
import os
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest

from bot.exchange.gateway import Gateway
from bot.execution.orders import OrderReport, OrderRequest, OrderType, Side, Submission, Unknown
from bot.execution.resting_stop_plan import NoStop, planned_stop
from bot.holdings.wallet import WalletSnapshot
from bot.kernel.errors import StateWriteError
from bot.lifecycle.buy_rules import why_no_buy
from bot.lifecycle.command_payloads import CloseRestingStop, OpenExitIntent
from bot.lifecycle.commands import CommandState, CommandType
from bot.lifecycle.documents import ExitReason, ManagedStateContent
from bot.lifecycle.resting_stop_rules import unsold, why_it_must_go
from bot.lifecycle.states import AssetState
from bot.risk.verdict import Approved
from bot.storage.files.file_ops import FileOps
from bot.storage.process_info import this_process
from bot.storage.state_store import StateStore
from bot.trading.cycle import TradingLoop
from bot.trading.report import Step
from bot.trading.trades_check import ROUND_S
from tests.fakes.bot_world import BotWorld, bot_world, words_of
from tests.fakes.home_checks import assert_home_is_whole
from tests.integration.test_late_fills import LOST_ID, arrives
from tests.integration.test_resting_stop import ON, resting
from tests.integration.test_resting_stop_exits import loop_on, rise_to_target
from tests.unit.execution.test_resting_stop_plan import RESTS, RULES

D = Decimal


@pytest.fixture
def world(tmp_path: Path) -> Iterator[BotWorld]:
    with bot_world(tmp_path / "home", environ=ON) as made:
        made.hand_over("SOL", quantity=D(10))
        made.cycle()
        yield made
        assert_home_is_whole(made.app)


class _Through:
    """Passes all calls on to the gateway; a subclass answers some of them in its own way."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self.is_odd = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._gateway, name)


class _LosesStops(_Through):
    """While it is odd, no answer to a stop arrives, and no look-up finds any order."""

    def submit(self, approved: Approved[Any]) -> Submission:
        answer = self._gateway.submit(approved)
        if self.is_odd and approved.order.order_type is OrderType.STOP_LOSS_LIMIT:
            return Unknown(client_order_id=approved.order.client_order_id, text="lost")
        return answer

    def find_order(self, symbol: str, client_order_id: str) -> OrderReport | None:
        return None if self.is_odd else self._gateway.find_order(symbol, client_order_id)

    def open_orders(self) -> tuple[OrderReport, ...]:
        return () if self.is_odd else tuple(self._gateway.open_orders())


class _ShowsNoCoin(_Through):
    """While it is odd, the balances show nothing of SOL."""

    def wallet(self) -> WalletSnapshot:
        wallet = self._gateway.wallet()
        if not self.is_odd:
            return wallet
        balances = {name: held for name, held in wallet.balances.items() if name != "SOL"}
        return msgspec.structs.replace(wallet, balances=balances)


def cycle(world: BotWorld, loop: TradingLoop, *, wait_s: float = 0) -> tuple[Step, ...]:
    world.wait(wait_s)
    return tuple(loop.run_once(world.clock.now()).steps)


def sold(world: BotWorld) -> Decimal:
    return 25 - world.balances()["SOL"]


# ---- late fills -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("quantity", [D(10), D(4)], ids=["all", "some"])
def test_a_late_fill_takes_what_it_sold_off_the_resting_stop(world: BotWorld, quantity: Decimal) -> None:
    calm, stop = world.box.control.price("SOL/USDT"), world.entry("SOL").resting_stop
    assert stop is not None
    world.app.gateway.cancel("SOL/USDT", stop.client_order_id)
    gone = CloseRestingStop(
        client_order_id=stop.client_order_id, reason_code="cancelled_for_stop_loss", text="cancelled"
    )
    world.app.sender.send(CommandType.CLOSE_RESTING_STOP, "SOL", gone, actor="bot")
    world.fall_to_stop("SOL")
    price = world.box.control.price("SOL/USDT")
    lost = OpenExitIntent(
        client_order_id=LOST_ID, quantity=quantity, reason=ExitReason.STOP_LOSS, trigger_price=price
    )
    world.app.sender.send(CommandType.OPEN_EXIT_INTENT, "SOL", lost, actor="bot")
    world.set_price("SOL", calm)
    world.cycle()
    world.wait(31)
    assert words_of(world.cycle())[:2] == ["never_arrived", "stop_rests"]
    arrives(world, quantity)
    for _ in range(4):
        world.wait(ROUND_S)
        world.cycle()
    assert sum((D(order["origQty"]) for order in resting(world)), D(0)) == 10 - quantity
    world.set_price("SOL", (world.entry("SOL").stop_loss or D(0)) * D("0.998"))
    for _ in range(3):
        world.cycle()
        world.wait(61)
    assert world.entry("SOL").state is AssetState.EXIT_EXECUTED
    assert world.entry("SOL").sold_quantity == sold(world) == 10


def test_of_a_stop_nothing_is_left_to_sell_that_something_else_has_sold() -> None:
    some, most = (msgspec.structs.replace(RESTS, sold_quantity=D(sold)) for sold in ("4", "10.0004"))
    assert (unsold(some), unsold(most)) == (D("6.0004"), D(0))
    assert why_it_must_go(ManagedStateContent(managed_assets={"SOL": most}), "SOL") is not None


def test_a_stop_that_has_begun_to_sell_lets_no_buy() -> None:
    assert RESTS.resting_stop is not None
    stop = msgspec.structs.replace(RESTS.resting_stop, filled_quantity=D(10), filled_quote=D(900))
    dca = {"steps": 3, "step_pct": D(1), "max_additional_usdt": D(600)}
    entry = msgspec.structs.replace(RESTS, approved_quantity=D(10), resting_stop=stop, dca=dca)
    assert why_no_buy(ManagedStateContent(managed_assets={"SOL": entry}), "SOL") == "exit_in_flight"


# ---- other levels ---------------------------------------------------------------------------------------


def test_a_level_below_what_the_exchange_takes_has_no_stop() -> None:
    rules = msgspec.structs.replace(RULES, lowest_sell_share=D("0.8"))
    lowered = msgspec.structs.replace(RESTS, overrides={"stop_loss": D(50)})
    plan = planned_stop(
        lowered,
        stop_loss=D(50),
        take_profit=D(130),
        last=D(100),
        wallet_free=D(25),
        rules=rules,
        buffer_bps=D(100),
    )
    assert isinstance(plan, NoStop)
    assert plan.why == "stop_too_far"


def test_a_stop_above_a_lowered_level_goes_also_where_no_lower_one_can_rest(world: BotWorld) -> None:
    old = world.entry("SOL").stop_loss or D(0)
    outcome = world.ask(CommandType.OVERRIDE_MANAGED_LEVELS, "SOL", reason="lower", stop_loss=D(20))
    assert outcome.state is CommandState.APPLIED
    assert "stop_cancelled" in words_of(world.cycle())
    world.wait(61)
    assert words_of(world.cycle()) == ["no_resting_stop"]
    world.set_price("SOL", old * D("0.998"))
    world.cycle()
    assert sold(world) == 0
    assert resting(world) == []


# ---- strays ---------------------------------------------------------------------------------------------


def test_a_stop_that_was_given_up_and_rests_after_all_is_told_and_cancelled(tmp_path: Path) -> None:
    with bot_world(tmp_path / "home") as world:
        world.hand_over("SOL", quantity=D(10))
        odd = _LosesStops(world.app.gateway)
        odd.is_odd = True
        loop = loop_on(world, cast("Gateway", odd))
        cycle(world, loop)
        assert [step.what for step in cycle(world, loop, wait_s=31)] == ["never_arrived", "unknown"]
        odd.is_odd = False
        cycle(world, loop)
        assert len(resting(world)) == 2
        (step,) = cycle(world, loop, wait_s=61)
        assert (step.what, step.alarm) == ("stray_order", True)
        stop = world.entry("SOL").resting_stop
        assert stop is not None
        assert [order["clientOrderId"] for order in resting(world)] == [stop.client_order_id]
        world.fall_to_stop("SOL")
        cycle(world, loop)
        assert sold(world) == 10


def test_while_a_stray_cannot_be_cancelled_no_further_stop_is_placed(world: BotWorld) -> None:
    loop = loop_on(world, world.app.gateway)
    cycle(world, loop)
    (order,) = resting(world)
    _sell_elsewhere_under_an_own_name(world)
    assert [step.what for step in cycle(world, loop, wait_s=61)] == ["stray_order"]
    assert len(resting(world)) == 2, "this home did not send it"
    world.app.gateway.cancel("SOL/USDT", order["clientOrderId"])
    words = [step.what for step in (*cycle(world, loop), *cycle(world, loop, wait_s=61))]
    assert "stop_rests" not in words
    world.app.gateway.cancel("SOL/USDT", LOST_ID)
    words = [step.what for step in (*cycle(world, loop, wait_s=61), *cycle(world, loop))]
    assert "stop_rests" in words


def _sell_elsewhere_under_an_own_name(world: BotWorld) -> None:
    order = OrderRequest(
        client_order_id=LOST_ID,
        symbol="SOL/USDT",
        side=Side.SELL,
        order_type=OrderType.STOP_LOSS_LIMIT,
        quantity=D(1),
        limit_price=D("120.00"),
        stop_price=D("121.00"),
    )
    world.app.gateway.submit(Approved(order=order, gates=()))


# ---- contradictions -------------------------------------------------------------------------------------


def test_balances_that_contradict_a_stop_are_told_once_after_a_minute(world: BotWorld) -> None:
    odd = _ShowsNoCoin(world.app.gateway)
    loop = loop_on(world, cast("Gateway", odd))
    cycle(world, loop)
    odd.is_odd = True
    assert cycle(world, loop, wait_s=5) == ()
    assert cycle(world, loop, wait_s=50) == ()
    steps = [step for _ in range(10) for step in cycle(world, loop, wait_s=20)]
    assert [step.what for step in steps if step.alarm].count("stop_contradicted") == 1
    assert "drift" in [step.what for step in steps], "the drift watch judges by the balances then"


def test_a_foreign_cancel_is_told_after_a_cancel_of_the_bots_own_failed(world: BotWorld) -> None:
    calm = world.box.control.price("SOL/USDT")
    world.box.control.add_fault("status_before", path="order", method="DELETE", times=50)
    rise_to_target(world)
    assert "stop_not_cancelled" in words_of(world.cycle())
    world.box.control.clear_faults()
    world.set_price("SOL", calm)
    world.cycle()
    (order,) = resting(world)
    world.app.gateway.cancel("SOL/USDT", order["clientOrderId"])
    assert words_of(world.cycle())[0] == "stop_gone"


# ---- a full disk ----------------------------------------------------------------------------------------


class _FullDisk(FileOps):
    """A disk that takes no new file once it is full."""

    is_full = False

    def open_new(self, path: Path, mode: int) -> int:
        if self.is_full:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return super().open_new(path, mode)


def test_a_full_disk_cancels_no_stop_for_an_exit_that_could_not_be_booked(world: BotWorld) -> None:
    disk = _FullDisk()
    world.restart()
    app = world.app
    app.__dict__["store"] = StateStore(
        app.home,
        clock=world.clock,
        ids=app.ids,
        writer=this_process("0.0.0"),
        environment="sandbox",
        file_ops=disk,
    )
    world.cycle()
    rise_to_target(world)
    disk.is_full = True
    for _ in range(3):
        with pytest.raises(StateWriteError):
            world.cycle()
        assert len(resting(world)) == 1
        assert sold(world) == 0
    disk.is_full = False
    assert words_of(world.cycle())[:3] == ["stop_cancelled", "exit_sent", "exit_filled"]
    assert sold(world) == 10
