"""What every `Gateway` does alike; `test_gateways.py` runs it on each implementation.

The prices are set by the test and the market stands still, so an order fills when the test says so.
"""

import datetime as dt
from decimal import Decimal
from itertools import pairwise
from typing import Any, Protocol

import msgspec
import pytest

from bot.exchange.gateway import Gateway
from bot.execution.orders import (
    Accepted,
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
from bot.kernel.market import TIMEFRAME_SECONDS
from bot.risk.verdict import Approved

SYMBOL = "SOL/USDT"
OPENING = {"SOL": Decimal(40), "ETH": Decimal(2), "USDT": Decimal(5_000)}
SELL = OrderRequest(
    client_order_id="mh-SOL-contract",
    symbol=SYMBOL,
    side=Side.SELL,
    order_type=OrderType.MARKET,
    quantity=Decimal(2),
)


class World(Protocol):
    """A gateway together with the exchange behind it; SOL stands at 150 when it starts."""

    gateway: Gateway

    def set_price(self, price: str) -> None:
        """Move SOL/USDT to a price."""
        ...

    def kill(self) -> None:
        """Have the exchange answer nobody any more."""
        ...


def send(world: World, **changes: Any) -> Submission:
    order = msgspec.structs.replace(SELL, **changes)
    return world.gateway.submit(Approved(order=order, gates=("test",)))


def accepted(world: World, **changes: Any) -> OrderReport:
    outcome = send(world, **changes)
    assert isinstance(outcome, Accepted), outcome
    return outcome.report


def found(world: World) -> OrderReport:
    report = world.gateway.find_order(SYMBOL, SELL.client_order_id)
    assert report is not None
    return report


def limit(price: str, **changes: Any) -> dict[str, Any]:
    return {"order_type": OrderType.LIMIT, "limit_price": Decimal(price), **changes}


def stop(limit_price: str, stop_price: str) -> dict[str, Any]:
    return {
        "order_type": OrderType.STOP_LOSS_LIMIT,
        "limit_price": Decimal(limit_price),
        "stop_price": Decimal(stop_price),
    }


class MarketDataContract:
    """Public facts."""

    def test_markets_carry_usable_rules(self, world: World) -> None:
        rules = world.gateway.markets()[SYMBOL]
        assert (rules.base, rules.quote, rules.active) == ("SOL", "USDT", True)
        assert rules.tick_size > 0
        assert rules.step_size > 0
        assert rules.min_notional > 0

    def test_the_server_time_is_aware_and_today_s(self, world: World) -> None:
        assert world.gateway.server_time().utcoffset() == dt.timedelta(0)
        assert world.gateway.server_time().year >= 2025

    def test_a_ticker_lies_around_its_price(self, world: World) -> None:
        ticker = world.gateway.ticker(SYMBOL)
        assert ticker.symbol == SYMBOL
        assert 0 < ticker.bid < ticker.ask
        assert ticker.last == 150
        assert abs(ticker.bid - 150) < 2
        assert ticker.observed_at.utcoffset() == dt.timedelta(0)

    def test_tickers_leave_out_unknown_symbols(self, world: World) -> None:
        tickers = world.gateway.tickers([SYMBOL, "ETH/USDT", "NOPE/USDT"])
        assert set(tickers) == {SYMBOL, "ETH/USDT"}
        assert tickers[SYMBOL] == world.gateway.ticker(SYMBOL)
        assert world.gateway.tickers([]) == {}

    def test_the_order_book_is_sorted_and_not_crossed(self, world: World) -> None:
        book = world.gateway.order_book(SYMBOL, depth=5)
        assert 1 <= len(book.bids) <= 5
        assert [level.price for level in book.bids] == sorted(
            (level.price for level in book.bids), reverse=True
        )
        assert [level.price for level in book.asks] == sorted(level.price for level in book.asks)
        assert book.bids[0].price < book.asks[0].price

    @pytest.mark.parametrize("timeframe", TIMEFRAME_SECONDS)
    def test_candles_are_the_newest_oldest_first_on_the_grid(self, world: World, timeframe: str) -> None:
        candles = world.gateway.candles(SYMBOL, timeframe, limit=3)
        seconds = TIMEFRAME_SECONDS[timeframe]
        opened = [candle.opened_at for candle in candles]
        assert opened[2] - opened[0] == dt.timedelta(seconds=2 * seconds)
        assert all(moment.timestamp() % seconds == 0 for moment in opened)
        observed_at = world.gateway.ticker(SYMBOL).observed_at
        assert opened[2] <= observed_at + dt.timedelta(seconds=1)
        assert observed_at <= opened[2] + dt.timedelta(seconds=seconds)

    def test_candles_go_beyond_one_page(self, world: World) -> None:
        candles = world.gateway.candles(SYMBOL, "1d", limit=1_500)
        assert len(candles) == 1_500
        days = {later.opened_at - earlier.opened_at for earlier, later in pairwise(candles)}
        assert days == {dt.timedelta(days=1)}
        assert world.gateway.candles(SYMBOL, "1d", limit=2) == candles[-2:]

    def test_unknown_symbols_and_timeframes_are_refused(self, world: World) -> None:
        with pytest.raises(ExchangeRefusedError):
            world.gateway.ticker("NOPE/USDT")
        with pytest.raises(ExchangeRefusedError):
            world.gateway.candles(SYMBOL, "7m", limit=1)


class AccountContract:
    """Balances and own trades."""

    def test_a_complete_wallet_tells_every_coin(self, world: World) -> None:
        wallet = world.gateway.wallet()
        assert wallet.complete
        assert {asset: wallet.total(asset) for asset in OPENING} == OPENING
        assert wallet.total("NOPE") == 0
        assert all(balance.total == balance.free + balance.used for balance in wallet.balances.values())

    def test_the_account_may_trade_and_never_withdraw(self, world: World) -> None:
        rights = world.gateway.account_rights()
        assert (rights.can_trade, rights.can_withdraw) == (True, False)

    def test_a_sale_moves_exactly_what_its_trades_say(self, world: World) -> None:
        report = accepted(world)
        trades = world.gateway.own_trades(SYMBOL)
        assert sum(trade.quantity for trade in trades) == report.filled_quantity == 2
        assert sum(trade.quantity * trade.price for trade in trades) == report.filled_quote
        assert {trade.order_id for trade in trades} == {report.exchange_order_id}
        fee = sum(trade.fee for trade in trades)
        assert {trade.fee_asset for trade in trades} == {"USDT"}
        wallet = world.gateway.wallet()
        assert wallet.total("SOL") == OPENING["SOL"] - 2
        assert wallet.total("USDT") == OPENING["USDT"] + report.filled_quote - fee

    def test_own_trades_begin_where_asked(self, world: World) -> None:
        accepted(world)
        (last, *_) = reversed(world.gateway.own_trades(SYMBOL))
        assert world.gateway.own_trades(SYMBOL, since=last.executed_at)
        assert world.gateway.own_trades(SYMBOL, since=last.executed_at + dt.timedelta(seconds=1)) == ()
        assert world.gateway.own_trades("ETH/USDT") == ()


class OrderContract:
    """Sending and following orders."""

    def test_a_market_order_is_filled_at_once_with_its_fees(self, world: World) -> None:
        report = accepted(world)
        assert report.client_order_id == SELL.client_order_id
        assert (report.status, report.side, report.symbol) == (OrderStatus.FILLED, Side.SELL, SYMBOL)
        assert report.filled_quantity == report.quantity == 2
        assert report.average_price is not None
        assert abs(report.average_price - 150) < 2
        (fee,) = report.fees
        assert fee.asset == "USDT"
        assert abs(fee.amount / report.filled_quote - Decimal("0.001")) < Decimal("0.000001")

    def test_what_was_sent_is_found_again_the_same(self, world: World) -> None:
        report = accepted(world)
        assert found(world) == report
        assert world.gateway.open_orders() == ()

    def test_a_purchase_pays_its_fee_in_the_coin(self, world: World) -> None:
        report = accepted(world, side=Side.BUY, quantity=Decimal(1))
        (fee,) = report.fees
        assert (fee.asset, fee.amount) == ("SOL", Decimal("0.001"))
        assert world.gateway.wallet().total("SOL") == OPENING["SOL"] + 1 - fee.amount

    def test_a_limit_order_rests_locks_and_fills_when_the_price_comes(self, world: World) -> None:
        report = accepted(world, **limit("160"))
        assert (report.status, report.filled_quantity, report.fees) == (OrderStatus.OPEN, Decimal(0), ())
        assert world.gateway.wallet().free("SOL") == OPENING["SOL"] - 2
        assert [order.client_order_id for order in world.gateway.open_orders(SYMBOL)] == [
            SELL.client_order_id
        ]
        assert world.gateway.open_orders("ETH/USDT") == ()
        world.set_price("165")
        filled = found(world)
        assert (filled.status, filled.average_price) == (OrderStatus.FILLED, Decimal(160))
        assert sum(fee.amount for fee in filled.fees) > 0
        assert world.gateway.open_orders() == ()

    def test_an_immediate_order_takes_what_is_there_within_its_price_and_never_rests(
        self, world: World
    ) -> None:
        ask = world.gateway.ticker(SYMBOL).ask
        dear = ask * Decimal("1.02")
        price = dear - dear % world.gateway.markets()[SYMBOL].tick_size
        report = accepted(world, **limit(str(price), side=Side.BUY, quantity=Decimal(1), immediate=True))
        assert report.status is OrderStatus.FILLED
        assert report.average_price is not None
        assert ask <= report.average_price <= price
        assert world.gateway.open_orders() == ()

    def test_an_immediate_order_that_finds_nothing_at_its_price_is_over(self, world: World) -> None:
        outcome = send(world, **limit("100", side=Side.BUY, quantity=Decimal(1), immediate=True))
        if isinstance(outcome, Accepted):
            assert (outcome.report.status.is_final, outcome.report.filled_quantity) == (True, Decimal(0))
        else:
            assert isinstance(outcome, Rejected)
        assert world.gateway.open_orders() == ()
        assert world.gateway.own_trades(SYMBOL) == ()

    def test_only_a_limit_order_can_be_immediate(self, world: World) -> None:
        outcome = send(world, immediate=True)
        assert isinstance(outcome, Rejected)
        assert outcome.reason == "order_malformed"

    def test_cancelling_releases_the_coins(self, world: World) -> None:
        accepted(world, **limit("160"))
        cancelled = world.gateway.cancel(SYMBOL, SELL.client_order_id)
        assert cancelled is not None
        assert (cancelled.client_order_id, cancelled.status) == (SELL.client_order_id, OrderStatus.CANCELLED)
        assert found(world).status is OrderStatus.CANCELLED
        assert world.gateway.wallet().free("SOL") == OPENING["SOL"]

    def test_cancelling_what_ended_tells_its_end_and_what_never_was_nothing(self, world: World) -> None:
        accepted(world)
        ended = world.gateway.cancel(SYMBOL, SELL.client_order_id)
        assert ended is not None
        assert ended.status is OrderStatus.FILLED
        assert world.gateway.cancel(SYMBOL, "never-sent") is None
        assert world.gateway.find_order(SYMBOL, "never-sent") is None

    @pytest.mark.parametrize(
        ("changes", "reason"),
        [
            ({"quantity": Decimal(41)}, "insufficient_balance"),
            ({"quantity": Decimal("0.02")}, "filter_notional"),
            (limit("150.001"), "filter_price_filter"),
            ({"symbol": "NOPE/USDT"}, "unknown_symbol"),
            ({"limit_price": Decimal(150)}, "order_malformed"),
            ({"client_order_id": "not allowed!"}, "order_malformed"),
        ],
    )
    def test_a_rejected_order_has_a_reason_and_leaves_no_trace(
        self, world: World, changes: dict[str, Any], reason: str
    ) -> None:
        outcome = send(world, **changes)
        assert isinstance(outcome, Rejected)
        assert outcome.reason == reason
        assert outcome.text
        assert world.gateway.open_orders() == ()
        assert world.gateway.own_trades(SYMBOL) == ()
        assert world.gateway.wallet().free("SOL") == OPENING["SOL"]

    def test_a_quantity_off_the_step_is_rejected_and_never_rounded(self, world: World) -> None:
        step = world.gateway.markets()[SYMBOL].step_size
        outcome = send(world, quantity=2 + step / 10)
        assert isinstance(outcome, Rejected)
        assert outcome.reason in {"filter_lot_size", "precision"}
        assert world.gateway.wallet().total("SOL") == OPENING["SOL"]

    def test_a_second_open_order_under_one_id_is_unknown_since_the_first_one_stands(
        self, world: World
    ) -> None:
        accepted(world, **limit("160"))
        outcome = send(world, **limit("160"))
        assert outcome == Unknown(client_order_id=SELL.client_order_id, text=getattr(outcome, "text", ""))
        assert found(world).status is OrderStatus.OPEN
        assert len(world.gateway.open_orders()) == 1


class RestingStopContract:
    """Stop orders, where the capabilities tell that they can rest."""

    def test_a_stop_order_sells_once_the_last_price_reaches_it(self, world: World) -> None:
        assert accepted(world, **stop("130", "140")).status is OrderStatus.OPEN
        world.set_price("141")
        assert found(world).status is OrderStatus.OPEN
        world.set_price("139")
        filled = found(world)
        assert filled.status is OrderStatus.FILLED
        assert filled.average_price is not None
        assert 130 <= filled.average_price < 141

    def test_a_stop_order_that_would_trigger_at_once_is_rejected(self, world: World) -> None:
        assert world.gateway.capabilities.resting_stop
        outcome = send(world, **stop("149", "151"))
        assert isinstance(outcome, Rejected)
        assert outcome.reason == "would_trigger_immediately"
        assert world.gateway.open_orders() == ()
        assert world.gateway.wallet().free("SOL") == OPENING["SOL"]


class NoRestingStopContract:
    """Stop orders, where the capabilities tell that none can rest."""

    def test_a_stop_order_is_rejected_and_leaves_no_trace(self, world: World) -> None:
        assert not world.gateway.capabilities.resting_stop
        outcome = send(world, **stop("130", "140"))
        assert isinstance(outcome, Rejected)
        assert outcome.reason == "order_type_unsupported"
        assert world.gateway.open_orders() == ()
        assert world.gateway.wallet().free("SOL") == OPENING["SOL"]


class DeadExchangeContract:
    """Nobody answers."""

    def test_reads_are_unavailable_and_a_submit_is_unknown(self, world: World) -> None:
        gateway = world.gateway
        gateway.wallet()
        accepted(world, **limit("160"))
        world.kill()
        reads = (
            gateway.server_time,
            gateway.wallet,
            gateway.open_orders,
            lambda: gateway.ticker(SYMBOL),
            lambda: gateway.tickers([SYMBOL]),
            lambda: gateway.order_book(SYMBOL),
            lambda: gateway.candles(SYMBOL, "1h", limit=2),
            lambda: gateway.own_trades(SYMBOL),
            lambda: gateway.find_order(SYMBOL, SELL.client_order_id),
            lambda: gateway.cancel(SYMBOL, SELL.client_order_id),
        )
        for read in reads:
            with pytest.raises(ExchangeUnavailableError):
                read()
        outcome = send(world, client_order_id="mh-SOL-late")
        assert isinstance(outcome, Unknown)
        assert outcome.client_order_id == "mh-SOL-late"
