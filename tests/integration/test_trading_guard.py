"""No order ever touches a coin that nobody handed over, whatever the files and the market say."""

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from bot.execution.orders import OrderRequest, OrderType, Side
from bot.kernel.errors import StateFileError
from bot.lifecycle.commands import CommandType
from bot.lifecycle.documents import ExitReason, ManagedAsset, ManagedStateContent
from bot.lifecycle.states import AssetState
from bot.risk.order_gates import GateFacts, check_exit
from bot.risk.verdict import Denied
from bot.storage.documents import BASELINE_HOLDINGS, POSITIONS
from bot.storage.order_journal import OrderJournal
from bot.storage.positions_writer import write_positions
from bot.trading.exits import ExitDesk
from bot.trading.journal_desk import JournalDesk
from tests.fakes.bot_world import BotWorld, bot_world
from tests.fakes.home_checks import assert_home_is_whole

EXTREMES = (Decimal("0.5"), Decimal(20_000))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[BotWorld]:
    with bot_world(tmp_path / "home") as made:
        yield made
        assert made.orders_sent() == 0
        assert_home_is_whole(made.app)


def assert_no_order_at_any_price(world: BotWorld, asset: str) -> None:
    for price in EXTREMES:
        world.set_price(asset, price)
        assert world.cycle().watched == ()


def stand_at(world: BotWorld, state: str) -> None:
    if state == "frozen":
        return
    if state == "proposal_pending":
        world.ask(CommandType.REQUEST_MANAGED_PROPOSAL, "ETH")
        return
    if state == "proposal_aborted":
        world.box.control.withdraw("ETH", "2")
    entry = world.propose("ETH")
    if state == "proposal_rejected":
        words = {"proposal_id": entry.current_proposal_id, "reason": "not now"}
        world.ask(CommandType.REJECT_MANAGED_PROPOSAL, "ETH", **words)


@pytest.mark.parametrize(
    "state", ["frozen", "proposal_pending", "risk_proposed", "proposal_rejected", "proposal_aborted"]
)
def test_a_coin_that_is_not_in_the_bots_hands_is_never_ordered(world: BotWorld, state: str) -> None:
    stand_at(world, state)
    assert world.managed.state_of("ETH") is AssetState(state)
    assert_no_order_at_any_price(world, "ETH")


def test_a_position_that_nobody_approved_is_closed_and_never_sold(world: BotWorld) -> None:
    """Even a positions file that claims a coin gives the bot no right to it."""
    sol = world.hand_over("SOL", quantity=Decimal(1))
    position = msgspec.structs.replace(
        world.position("SOL"), asset="ETH", stop_loss=Decimal(10**6), take_profit=Decimal(10**7)
    )
    with world.app.store.transaction() as work:
        content = work.current(POSITIONS).content
        claimed = msgspec.structs.replace(content, positions={**content.positions, "ETH/USDT": position})
        write_positions(work, claimed)
    assert world.cycle().watched == ("SOL",)
    assert_no_order_at_any_price_but(world, sol)


def assert_no_order_at_any_price_but(world: BotWorld, kept: ManagedAsset) -> None:
    for price in EXTREMES:
        world.set_price("ETH", price)
        assert world.cycle().watched == ("SOL",)
    assert world.entry("SOL") == kept


@pytest.mark.parametrize(
    "state", [s for s in AssetState if s.value in {"frozen", "risk_proposed", "exit_executed"}]
)
@pytest.mark.parametrize("side", list(Side))
def test_the_first_gate_denies_every_order_in_a_coin_that_is_not_managed(
    world: BotWorld, state: AssetState, side: Side
) -> None:
    gateway = world.app.gateway
    entry = ManagedAsset(state=state, approved_quantity=Decimal(2))
    facts = GateFacts(
        managed=ManagedStateContent(managed_assets={"ETH": entry}),
        rules=gateway.markets()["ETH/USDT"],
        ticker=gateway.ticker("ETH/USDT"),
        reason=ExitReason.STOP_LOSS,
        wallet_free=Decimal(2),
    )
    order = OrderRequest(
        client_order_id="x", symbol="ETH/USDT", side=side, order_type=OrderType.MARKET, quantity=Decimal(1)
    )
    verdict = check_exit(order, facts)
    assert isinstance(verdict, Denied)
    assert verdict.gate == "managed_coin"
    app = world.app
    desk = ExitDesk(
        gateway,
        app.sender,
        JournalDesk(OrderJournal(app.home.orders_log), app.clock),
        clock=app.clock,
        ids=app.ids,
        lineage="x",
        lookup_settles_after=dt.timedelta(seconds=30),
    )
    steps = desk.exit("ETH", entry, facts, at_most=Decimal(2))
    assert [step.what for step in steps] == ["denied"]


def test_a_buy_of_a_managed_coin_is_denied_too(world: BotWorld) -> None:
    world.hand_over("SOL")
    gateway = world.app.gateway
    facts = GateFacts(
        managed=world.managed,
        rules=gateway.markets()["SOL/USDT"],
        ticker=gateway.ticker("SOL/USDT"),
        reason=ExitReason.STOP_LOSS,
        wallet_free=Decimal(25),
    )
    order = OrderRequest(
        client_order_id="x",
        symbol="SOL/USDT",
        side=Side.BUY,
        order_type=OrderType.MARKET,
        quantity=Decimal(1),
    )
    verdict = check_exit(order, facts)
    assert isinstance(verdict, Denied)
    assert verdict.gate == "managed_coin"


def test_a_baseline_that_says_managed_without_an_agreement_stops_the_start(world: BotWorld) -> None:
    """D4: written past the bus, since the command itself would be refused."""
    app = world.app
    with app.store.transaction() as work:
        content = work.current(BASELINE_HOLDINGS).content
        text = msgspec.json.encode(content).replace(b'"ETH":{"policy":"frozen"', b'"ETH":{"policy":"managed"')
        wrong = msgspec.json.decode(text, type=type(content))
        assert wrong != content
        work.commit(BASELINE_HOLDINGS, wrong, commands=[], events=[])
    with pytest.raises(StateFileError, match="ETH") as caught:
        app.loop.check_start()
    assert caught.value.exit_code == 3
