from decimal import Decimal

import pytest

from bot.exchange.box.errors import ApiError
from bot.exchange.box.orders import Lifetime, Side, Status
from tests.fakes.box_exchange import advance, box_exchange, force, free, last, locked, place, status_of

SOL, BNB = "SOLUSDT", "BNBUSDT"


def test_a_market_sale_takes_the_bids_and_pays_the_fee_in_quote() -> None:
    exchange = box_exchange()
    order = place(exchange, "SELL", "MARKET", "2")
    assert status_of(order) is Status.FILLED
    fills = exchange.ledger.fills_of(order)
    assert all(fill.price < last(exchange) and fill.fee_asset == "USDT" for fill in fills)
    proceeds = sum(fill.quote_quantity for fill in fills)
    assert order.executed_quote == proceeds
    assert free(exchange, "SOL") == 118
    assert free(exchange, "USDT") == 10_000 + proceeds - sum(fill.fee for fill in fills)
    assert sum(fill.fee for fill in fills) == proceeds / 1_000


def test_a_market_purchase_pays_the_fee_in_base() -> None:
    exchange = box_exchange()
    order = place(exchange, "BUY", "MARKET", "2")
    assert [fill.fee_asset for fill in exchange.ledger.fills_of(order)] == ["SOL"]
    assert free(exchange, "SOL") == Decimal("121.998")
    assert free(exchange, "USDT") == 10_000 - order.executed_quote


def test_the_fee_is_rounded_down_to_eight_decimals() -> None:
    exchange = box_exchange(fee_bps=Decimal("7.77"))
    order = place(exchange, "BUY", "MARKET", "0.123")
    (fill,) = exchange.ledger.fills_of(order)
    assert fill.fee == Decimal("0.00009557"), "0.123 * 0.000777 = 0.000095571"
    sale = place(exchange, "SELL", "MARKET", "0.123")
    (fill,) = exchange.ledger.fills_of(sale)
    assert 0 < fill.quote_quantity * Decimal("0.000777") - fill.fee < Decimal("0.00000001")


def test_a_part_filled_purchase_below_its_limit_locks_only_what_it_still_needs() -> None:
    exchange = box_exchange(book_levels=1, liquidity=Decimal("0.01"))
    order = place(exchange, "BUY", "LIMIT", "10", price="160")
    assert 0 < order.executed < 10
    assert locked(exchange, "USDT") == 160 * order.remaining
    assert free(exchange, "USDT") == 10_000 - order.executed_quote - 160 * order.remaining


def test_a_purchase_by_quote_spends_at_most_that() -> None:
    exchange = box_exchange()
    order = place(exchange, "BUY", "MARKET", quote_quantity="50")
    assert 50 - last(exchange) * Decimal("0.0011") < order.executed_quote <= 50
    assert order.quantity == order.executed


def test_the_remainder_of_a_market_order_expires_when_the_book_is_empty() -> None:
    exchange = box_exchange(book_levels=1, liquidity=Decimal("0.01"))
    order = place(exchange, "SELL", "MARKET", "100")
    assert status_of(order) is Status.EXPIRED
    assert 0 < order.executed < 100
    assert free(exchange, "SOL") == 120 - order.executed
    assert locked(exchange, "SOL") == 0


def test_two_orders_in_one_moment_cannot_take_the_same_coins() -> None:
    exchange = box_exchange(book_levels=1, wallet={"SOL": Decimal(1_000)})
    first, second = (place(exchange, "SELL", "MARKET", "300") for _ in range(2))
    depth = first.executed + second.executed
    third = place(exchange, "SELL", "MARKET", "0.05")
    assert 0 < depth < 600
    assert third.executed == 0
    advance(exchange, 1)
    assert place(exchange, "SELL", "MARKET", "0.05").executed


def test_more_than_is_free_is_refused_and_changes_nothing() -> None:
    exchange = box_exchange()
    for side, kind, quantity, fields in (
        ("SELL", "MARKET", "120.001", {}),
        ("BUY", "MARKET", "100", {}),
        ("SELL", "LIMIT", "120.001", {"price": "200"}),
        ("BUY", "LIMIT", "100", {"price": "100.01"}),
        ("SELL", "STOP_LOSS", "120.001", {"stop_price": "100"}),
    ):
        with pytest.raises(ApiError, match="Account has insufficient balance for requested action"):
            place(exchange, side, kind, quantity, **fields)
    assert free(exchange, "SOL") == 120
    assert free(exchange, "USDT") == 10_000
    assert not exchange.ledger.orders


def test_a_limit_order_rests_locks_and_is_released_by_its_cancellation() -> None:
    exchange = box_exchange()
    order = place(exchange, "BUY", "LIMIT", "10", price="100")
    assert status_of(order) is Status.NEW
    assert locked(exchange, "USDT") == 1_000
    assert free(exchange, "USDT") == 9_000
    exchange.matching.cancel(order, exchange.now_ms)
    assert status_of(order) is Status.CANCELED
    assert locked(exchange, "USDT") == 0
    assert free(exchange, "USDT") == 10_000


def test_a_purchase_above_the_market_pays_the_market_and_gets_the_rest_back() -> None:
    exchange = box_exchange()
    order = place(exchange, "BUY", "LIMIT", "10", price="160")
    assert status_of(order) is Status.FILLED
    assert order.executed_quote < 1_480
    assert free(exchange, "USDT") == 10_000 - order.executed_quote
    assert locked(exchange, "USDT") == 0


def test_a_limit_order_larger_than_the_book_rests_with_its_remainder() -> None:
    exchange = box_exchange(book_levels=1, liquidity=Decimal("0.01"))
    order = place(exchange, "SELL", "LIMIT", "100", price="147")
    assert status_of(order) is Status.PARTIALLY_FILLED
    assert locked(exchange, "SOL") == order.remaining == 100 - order.executed


@pytest.mark.parametrize(("lifetime", "executes"), [(Lifetime.IOC, True), (Lifetime.FOK, False)])
def test_what_may_not_rest_expires(lifetime: Lifetime, *, executes: bool) -> None:
    exchange = box_exchange(book_levels=1, liquidity=Decimal("0.01"))
    order = place(exchange, "SELL", "LIMIT", "100", price="140", lifetime=lifetime)
    assert status_of(order) is Status.EXPIRED
    assert bool(order.executed) is executes
    assert locked(exchange, "SOL") == 0


def test_a_post_only_order_that_would_take_is_refused() -> None:
    exchange = box_exchange()
    with pytest.raises(ApiError, match="Order would immediately match and take"):
        place(exchange, "SELL", "LIMIT_MAKER", "1", price="140")
    assert place(exchange, "SELL", "LIMIT_MAKER", "1", price="200").status is Status.NEW


def test_a_resting_order_fills_at_its_own_price_when_the_market_goes_beyond() -> None:
    exchange = box_exchange()
    order = place(exchange, "SELL", "LIMIT", "10", price="150")
    force(exchange, "149.99")
    assert status_of(order) is Status.NEW
    force(exchange, "155")
    (fill,) = exchange.ledger.fills_of(order)
    assert status_of(order) is Status.FILLED
    assert fill.price == 150
    assert fill.is_maker
    assert free(exchange, "USDT") == 10_000 + Decimal("1498.5")


def test_better_prices_fill_first_and_at_one_price_the_older_order() -> None:
    exchange = box_exchange()
    prices = ["152", "151", "150", "151"]
    orders = [place(exchange, "SELL", "LIMIT", "1", price=price) for price in prices]
    force(exchange, "153")
    filled = [trade.order_id for trade in exchange.ledger.trades]
    assert filled == [orders[i].order_id for i in (2, 1, 3, 0)]


@pytest.mark.parametrize(
    ("side", "kind", "stop", "before", "after"),
    [
        ("SELL", "STOP_LOSS", "140", "140.01", "140"),
        ("SELL", "TAKE_PROFIT", "150", "149.99", "150"),
        ("BUY", "STOP_LOSS", "150", "149.99", "150"),
        ("BUY", "TAKE_PROFIT", "140", "140.01", "140"),
    ],
)
def test_a_stop_triggers_on_the_last_price(side: str, kind: str, stop: str, before: str, after: str) -> None:
    exchange = box_exchange()
    order = place(exchange, side, kind, "1", stop_price=stop)
    force(exchange, before)
    assert status_of(order) is Status.NEW
    force(exchange, after)
    assert status_of(order) is Status.FILLED
    assert not order.is_waiting
    assert locked(exchange, "SOL") == locked(exchange, "USDT") == 0


@pytest.mark.parametrize(
    ("side", "kind", "stop"),
    [
        ("SELL", "STOP_LOSS", "180"),
        ("SELL", "TAKE_PROFIT", "100"),
        ("BUY", "STOP_LOSS", "100"),
        ("BUY", "TAKE_PROFIT", "180"),
    ],
)
def test_a_stop_on_the_wrong_side_is_refused(side: str, kind: str, stop: str) -> None:
    with pytest.raises(ApiError, match="Stop price would trigger immediately"):
        place(box_exchange(), side, kind, "1", stop_price=stop)


def test_a_jump_over_a_stop_sells_where_the_market_is_then() -> None:
    exchange = box_exchange()
    order = place(exchange, "SELL", "STOP_LOSS", "1", stop_price="140")
    force(exchange, "120")
    assert 119 < order.executed_quote < 120


def test_a_stop_limit_that_was_jumped_over_rests_at_its_limit() -> None:
    exchange = box_exchange()
    order = place(exchange, "SELL", "STOP_LOSS_LIMIT", "1", stop_price="140", price="139")
    force(exchange, "120")
    assert status_of(order) is Status.NEW
    assert not order.is_waiting
    assert locked(exchange, "SOL") == 1
    force(exchange, "139.5")
    assert status_of(order) is Status.FILLED
    assert order.executed_quote == 139


def test_a_triggered_purchase_buys_no_more_than_the_money_reaches() -> None:
    exchange = box_exchange(wallet={"USDT": Decimal(1_000)})
    order = place(exchange, "BUY", "STOP_LOSS", "6", stop_price="160")
    force(exchange, "200")
    assert status_of(order) is Status.EXPIRED
    assert 4 < order.executed < 5
    assert 0 <= free(exchange, "USDT") < 1


def test_the_account_never_trades_with_itself() -> None:
    exchange = box_exchange()
    resting = place(exchange, "SELL", "LIMIT", "1", price="147.31")
    force(exchange, "147.3")
    taker = place(exchange, "BUY", "LIMIT", "30", price="148")
    assert resting.status is Status.EXPIRED_IN_MATCH
    assert taker.status is Status.FILLED
    assert locked(exchange, "SOL") == 0


def test_a_client_id_is_unique_among_open_orders_only() -> None:
    exchange = box_exchange()
    first = place(exchange, "SELL", "LIMIT", "1", price="200", client_order_id=None)
    again = {"client_order_id": first.client_order_id}
    book = exchange.matching.book
    assert book.has_client_id("SOLUSDT", first.client_order_id)
    exchange.matching.cancel(first, exchange.now_ms)
    assert not book.has_client_id("SOLUSDT", again["client_order_id"])


def test_the_book_never_crosses_the_accounts_own_orders() -> None:
    exchange = box_exchange()
    for i in range(40):
        place(exchange, "SELL", "LIMIT", "0.5", price=str(Decimal("147.2") + i * Decimal("0.05")))
        place(exchange, "BUY", "LIMIT", "0.5", price=str(Decimal(147) - i * Decimal("0.05")))
    for _ in range(200):
        advance(exchange, 7)
        price, now = last(exchange), exchange.now_ms
        bid = next(exchange.liquidity.levels("SOLUSDT", Side.BUY, last=price, at_ms=now))
        ask = next(exchange.liquidity.levels("SOLUSDT", Side.SELL, last=price, at_ms=now))
        own_asks = exchange.matching.book.resting("SOLUSDT", Side.SELL)
        own_bids = exchange.matching.book.resting("SOLUSDT", Side.BUY)
        assert all(order.price > bid.price for order in own_asks)
        assert all(order.price < ask.price for order in own_bids)
    assert exchange.ledger.trades


def test_a_touched_order_fills_in_parts() -> None:
    """The path's turning points touch a price without going beyond it."""
    exchange = box_exchange(wallet={"SOL": Decimal(60_000)})
    hour = exchange.view.window("SOLUSDT", exchange.now_ms, exchange.now_ms + 3_600_000)
    assert hour is not None
    top = hour.high * exchange.view.coins["SOLUSDT"].tick
    order = place(exchange, "SELL", "LIMIT", "60000", price=str(top))
    advance(exchange, 3_600)
    assert status_of(order) is Status.PARTIALLY_FILLED
    assert 0 < order.executed < 60_000


def test_open_orders_of_all_markets_are_listed_oldest_first() -> None:
    exchange = box_exchange(wallet={"SOL": Decimal(5), "BNB": Decimal(5)})
    placed = [place(exchange, "SELL", "LIMIT", "1", price="700", symbol=s) for s in (SOL, BNB, SOL)]
    assert exchange.matching.book.open_orders() == placed
