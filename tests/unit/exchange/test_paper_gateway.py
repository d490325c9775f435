"""The paper exchange: fills from the book, stops, refusals, and a ledger that always adds up."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.exchange.paper_gateway import PaperGateway
from bot.exchange.paper_ledger import MemoryLedgerStore, PaperLedger
from bot.execution.orders import (
    Accepted,
    Fee,
    OrderReport,
    OrderRequest,
    OrderStatus,
    OrderType,
    Rejected,
    Side,
    Submission,
    Unknown,
)
from bot.kernel.errors import ExchangeRefusedError, ExchangeUnavailableError
from bot.risk.verdict import Approved
from tests.fakes.fake_clock import FakeClock
from tests.unit.exchange.fake_market import FakeMarket, levels

OPENING = {"SOL": Decimal(10), "USDT": Decimal(1_000)}
SELL = OrderRequest(
    client_order_id="one",
    symbol="SOL/USDT",
    side=Side.SELL,
    order_type=OrderType.MARKET,
    quantity=Decimal(2),
)
STOP: dict[str, Any] = {
    "order_type": OrderType.STOP_LOSS_LIMIT,
    "limit_price": Decimal(94),
    "stop_price": Decimal(95),
}


class World:
    """A paper gateway with the parts that a test turns."""

    def __init__(self) -> None:
        self.market = FakeMarket()
        self.clock = FakeClock()
        self.store = MemoryLedgerStore()
        self.gateway = self.reopen()

    def reopen(self) -> PaperGateway:
        return PaperGateway(self.market, self.store, self.clock, opening=OPENING)

    def send(self, **changes: Any) -> Submission:
        order = msgspec.structs.replace(SELL, **changes)
        return self.gateway.submit(Approved(order=order, gates=("test",)))

    def accepted(self, **changes: Any) -> OrderReport:
        outcome = self.send(**changes)
        assert isinstance(outcome, Accepted), outcome
        return outcome.report

    def found(self) -> OrderReport:
        report = self.gateway.find_order("SOL/USDT", "one")
        assert report is not None
        return report


@pytest.fixture
def world() -> World:
    return World()


def test_a_market_order_walks_the_book_and_pays_its_fee_from_what_it_gets(world: World) -> None:
    report = world.accepted()
    assert (report.status, report.filled_quantity, report.filled_quote) == (
        OrderStatus.FILLED,
        Decimal(2),
        Decimal(197),
    )
    assert report.fees == (Fee(asset="USDT", amount=Decimal("0.197")),)
    wallet = world.gateway.wallet()
    assert (wallet.total("SOL"), wallet.total("USDT")) == (Decimal(8), Decimal("1196.803"))
    trades = world.gateway.own_trades("SOL/USDT")
    assert [(trade.price, trade.quantity) for trade in trades] == [
        (Decimal(99), Decimal(1)),
        (Decimal(98), Decimal(1)),
    ]
    assert {trade.client_order_id for trade in trades} == {"one"}


def test_a_purchase_pays_its_fee_in_the_coin(world: World) -> None:
    report = world.accepted(side=Side.BUY, quantity=Decimal(1))
    assert report.fees == (Fee(asset="SOL", amount=Decimal("0.001")),)
    assert world.gateway.wallet().total("SOL") == Decimal("10.999")
    assert world.gateway.wallet().total("USDT") == 899


def test_what_the_book_cannot_serve_of_a_market_order_expires(world: World) -> None:
    report = world.accepted(quantity=Decimal(5))
    assert (report.status, report.filled_quantity) == (OrderStatus.EXPIRED, Decimal(3))
    world.market.bids = ()
    empty = world.accepted(quantity=Decimal(1))
    assert (empty.status, empty.filled_quantity) == (OrderStatus.EXPIRED, Decimal(0))
    assert world.gateway.wallet().total("SOL") == 7


def test_a_limit_order_takes_what_it_can_rests_and_fills_when_the_market_comes(world: World) -> None:
    report = world.accepted(order_type=OrderType.LIMIT, limit_price=Decimal(99))
    assert (report.status, report.filled_quantity) == (OrderStatus.PARTIALLY_FILLED, Decimal(1))
    world.market.quote("98", "98.5", "99")
    wallet = world.gateway.wallet()
    assert (wallet.free("SOL"), wallet.total("SOL")) == (Decimal(8), Decimal(9))
    world.market.quote("103", "103", "104")
    assert (world.found().status, world.found().filled_quote) == (OrderStatus.FILLED, Decimal(198))
    assert world.gateway.open_orders() == ()


def test_a_resting_purchase_locks_its_cost_and_cancelling_releases_it(world: World) -> None:
    world.accepted(side=Side.BUY, order_type=OrderType.LIMIT, limit_price=Decimal(90), quantity=Decimal(3))
    assert world.gateway.wallet().free("USDT") == 730
    assert [report.client_order_id for report in world.gateway.open_orders("SOL/USDT")] == ["one"]
    cancelled = world.gateway.cancel("SOL/USDT", "one")
    assert cancelled is not None
    assert cancelled.status is OrderStatus.CANCELLED
    assert world.gateway.wallet().free("USDT") == 1_000
    assert world.gateway.cancel("SOL/USDT", "one") == cancelled
    assert world.gateway.cancel("SOL/USDT", "never sent") is None


def test_a_stop_waits_for_the_last_price_and_then_takes_from_the_book(world: World) -> None:
    world.accepted(**STOP)
    world.market.quote("96", "95.01", "97")
    assert world.found().status is OrderStatus.OPEN
    world.market.quote("94.5", "95", "95.5")
    assert (world.found().status, world.found().filled_quote) == (OrderStatus.FILLED, Decimal(189))


def test_a_stop_that_the_market_fell_through_rests_at_its_limit(world: World) -> None:
    world.accepted(**STOP)
    world.market.quote("80", "81", "82")
    assert world.found().status is OrderStatus.OPEN
    world.market.quote("94", "94", "95")
    assert (world.found().status, world.found().average_price) == (OrderStatus.FILLED, Decimal(94))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"quantity": Decimal("0.0001")}, "filter_lot_size"),
        ({"quantity": Decimal("1.00005")}, "filter_lot_size"),
        ({"quantity": Decimal(9_001)}, "filter_lot_size"),
        ({"quantity": Decimal(501)}, "filter_market_lot_size"),
        ({"quantity": Decimal("0.049")}, "filter_notional"),
        ({"quantity": Decimal(11)}, "insufficient_balance"),
        (
            {
                "side": Side.BUY,
                "quantity": Decimal(11),
                "order_type": OrderType.LIMIT,
                "limit_price": Decimal(100),
            },
            "insufficient_balance",
        ),
        ({"order_type": OrderType.LIMIT, "limit_price": Decimal("99.999")}, "filter_price_filter"),
        ({"order_type": OrderType.LIMIT, "limit_price": Decimal(10_001)}, "filter_price_filter"),
        ({**STOP, "stop_price": Decimal(100)}, "would_trigger_immediately"),
        ({**STOP, "side": Side.BUY}, "would_trigger_immediately"),
        ({"symbol": "NOPE/USDT"}, "unknown_symbol"),
        ({"limit_price": Decimal(100)}, "order_malformed"),
    ],
)
def test_a_refused_order_leaves_no_trace(world: World, changes: dict[str, Any], reason: str) -> None:
    before = world.store.load()
    outcome = world.send(**changes)
    assert isinstance(outcome, Rejected)
    assert outcome.reason == reason
    assert world.store.load() is before


def test_a_closed_market_takes_no_order(world: World) -> None:
    world.market.rules = msgspec.structs.replace(world.market.rules, active=False)
    outcome = world.send()
    assert isinstance(outcome, Rejected)
    assert outcome.reason == "market_closed"


def test_a_client_id_is_unique_among_open_orders_only(world: World) -> None:
    resting = {"order_type": OrderType.LIMIT, "limit_price": Decimal(110)}
    first = world.accepted(**resting)
    # Neither, while the first stands, would a refusal by a filter prove that nothing is there.
    for again in (resting, {**resting, "quantity": Decimal("0.0001")}):
        outcome = world.send(**again)
        assert isinstance(outcome, Unknown)
        assert outcome.text == "Duplicate order sent."
    world.gateway.cancel("SOL/USDT", "one")
    assert world.accepted(**resting).exchange_order_id != first.exchange_order_id


def test_a_dead_data_source_makes_submits_unknown_and_reads_unavailable(world: World) -> None:
    world.accepted(order_type=OrderType.LIMIT, limit_price=Decimal(110))
    world.market.dead = True
    assert isinstance(world.send(client_order_id="two"), Unknown)
    for read in (world.gateway.wallet, world.gateway.open_orders, world.found, world.gateway.server_time):
        with pytest.raises(ExchangeUnavailableError):
            read()
    world.market.dead = False
    assert world.gateway.find_order("SOL/USDT", "two") is None


def test_an_unknown_market_is_refused(world: World) -> None:
    for call in (world.gateway.own_trades, world.gateway.open_orders):
        with pytest.raises(ExchangeRefusedError):
            call("NOPE/USDT")


def test_the_account_goes_on_where_it_was_kept(world: World) -> None:
    world.accepted()
    world.accepted(order_type=OrderType.LIMIT, limit_price=Decimal(110), client_order_id="two")
    kept = world.store.load()
    assert kept is not None
    assert msgspec.json.decode(msgspec.json.encode(kept), type=PaperLedger) == kept
    again = world.reopen()
    assert again.wallet() == world.gateway.wallet()
    assert [order.client_order_id for order in again.open_orders()] == ["two"]


def test_what_could_not_be_kept_is_not_used(world: World) -> None:
    class FullDisk(MemoryLedgerStore):
        def save(self, ledger: PaperLedger) -> None:
            if ledger.orders:
                raise OSError("disk full")

    gateway = PaperGateway(world.market, FullDisk(), world.clock, opening=OPENING)
    with pytest.raises(OSError, match="disk full"):
        gateway.submit(Approved(order=SELL, gates=("test",)))
    assert gateway.wallet().total("SOL") == 10
    assert gateway.find_order("SOL/USDT", "one") is None


def test_paper_money_is_not_real_and_closing_closes_the_source(world: World) -> None:
    assert not world.gateway.capabilities.real_money
    assert world.gateway.capabilities.name == "Paper on Fake"
    world.gateway.close()
    assert world.market.closed


_SENDS = st.tuples(
    st.sampled_from(Side), st.sampled_from([None, "97", "99", "101", "103"]), st.integers(1, 4_000)
)
_MOVES = st.integers(90, 110)


def _send(world: World, number: int, side: Side, limit: str | None, thousandths: int) -> None:
    world.send(
        client_order_id=f"n{number}",
        side=side,
        order_type=OrderType.MARKET if limit is None else OrderType.LIMIT,
        quantity=Decimal(thousandths) / 1_000,
        limit_price=None if limit is None else Decimal(limit),
    )


def _move(world: World, price: int) -> None:
    world.market.bids = levels((str(price - 1), "1.5"), (str(price - 2), "1"))
    world.market.asks = levels((str(price + 1), "1.5"), (str(price + 2), "1"))
    world.market.last = Decimal(price)


def _cancel_all(world: World) -> None:
    for order in world.gateway.open_orders():
        world.gateway.cancel("SOL/USDT", order.client_order_id)


def _told_by_trades(world: World) -> dict[str, Decimal]:
    told = dict(OPENING)
    for trade in world.gateway.own_trades("SOL/USDT"):
        sign = 1 if trade.side == "buy" else -1
        told["SOL"] += sign * trade.quantity
        told["USDT"] -= sign * trade.quantity * trade.price
        told[trade.fee_asset] -= trade.fee
    return told


@given(st.lists(st.one_of(_SENDS, _MOVES, st.none()), min_size=4, max_size=25))
def test_no_coin_appears_or_vanishes(
    steps: list[tuple[Side, str | None, int] | int | None],
) -> None:
    world = World()
    for number, step in enumerate(steps):
        if step is None:
            _cancel_all(world)
        elif isinstance(step, int):
            _move(world, step)
        else:
            _send(world, number, *step)
        wallet = world.gateway.wallet()
        assert {asset: balance.total for asset, balance in wallet.balances.items()} == _told_by_trades(world)
        assert all(min(balance.free, balance.used) >= 0 for balance in wallet.balances.values())
    _cancel_all(world)
    assert all(balance.used == 0 for balance in world.gateway.wallet().balances.values())
