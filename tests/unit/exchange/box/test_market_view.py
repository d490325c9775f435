from decimal import Decimal

import pytest

from bot.exchange.box.bars import join
from bot.exchange.box.candles import Wanted, find_candles
from bot.exchange.box.intervals import LENGTH_MS, following, opening, preceding
from bot.exchange.box.orders import Side
from bot.exchange.box.public_trades import EVERY_MS
from tests.fakes.box_exchange import HOUR_MS, advance, box_exchange, force, last, place


def test_the_running_candle_closes_at_the_last_price() -> None:
    exchange = box_exchange()
    for interval in ("1s", "1m", "5m", "1h", "1d", "1w", "1M"):
        (candle,) = find_candles(exchange.view, Wanted("SOLUSDT", interval, None, None, 1), exchange.now_ms)
        assert candle.bar.close == exchange.view.last("SOLUSDT", exchange.now_ms)
        assert candle.bar.opened_ms <= exchange.now_ms < candle.closed_ms


def test_candles_of_all_lengths_agree() -> None:
    exchange = box_exchange()
    now = exchange.now_ms
    start = opening("4h", now) - 8 * HOUR_MS
    for interval in ("1m", "5m", "15m", "30m", "1h", "2h"):
        count = 4 * HOUR_MS // LENGTH_MS[interval]
        small = find_candles(exchange.view, Wanted("SOLUSDT", interval, start, None, count), now)
        (large,) = find_candles(exchange.view, Wanted("SOLUSDT", "4h", start, None, 1), now)
        assert join(candle.bar for candle in small) == large.bar


def test_the_day_closes_at_the_last_price_and_contains_it() -> None:
    exchange = box_exchange()
    day = exchange.view.day("SOLUSDT", exchange.now_ms)
    assert day is not None
    assert day.close == exchange.view.last("SOLUSDT", exchange.now_ms)
    assert day.low <= day.close <= day.high


def test_the_day_is_the_last_twenty_four_hours() -> None:
    exchange = box_exchange()
    now = exchange.now_ms
    day = exchange.view.day("SOLUSDT", now)
    assert day is not None
    assert day.opened_ms == now - 24 * HOUR_MS
    assert day.open == exchange.view.last("SOLUSDT", now - 24 * HOUR_MS)
    assert day.volume == sum(
        hour.volume
        for start in range(now - 24 * HOUR_MS, now, HOUR_MS)
        if (hour := exchange.view.window("SOLUSDT", start, start + HOUR_MS)) is not None
    )


def test_a_forced_price_is_the_last_price_and_the_past_stays() -> None:
    exchange = box_exchange()
    wanted = Wanted("SOLUSDT", "1m", None, exchange.now_ms - 60_000, 100)
    before = find_candles(exchange.view, wanted, exchange.now_ms)
    source_close = close_after(3_600)
    force(exchange, "100")
    assert last(exchange) == 100
    (running,) = find_candles(exchange.view, Wanted("SOLUSDT", "1m", None, None, 1), exchange.now_ms)
    assert (running.bar.close, running.bar.low) == (10_000, 10_000)
    assert find_candles(exchange.view, wanted, exchange.now_ms) == before
    old = exchange.view.shifts["SOLUSDT"][0].source
    advance(exchange, 3_600)
    assert abs(last(exchange) - source_close * 10_000 / old) <= Decimal("0.01")


def close_after(seconds: int) -> Decimal:
    other = box_exchange()
    advance(other, seconds)
    return last(other)


def test_a_window_over_a_forced_price_shows_both_sides_of_the_jump() -> None:
    exchange = box_exchange()
    force(exchange, "100")
    advance(exchange, 60)
    (hour,) = find_candles(exchange.view, Wanted("SOLUSDT", "1h", None, None, 1), exchange.now_ms)
    assert hour.bar.low <= 10_010
    assert hour.bar.high > 14_000


def test_the_path_ends_at_the_last_price_without_holes() -> None:
    exchange = box_exchange()
    start, end = exchange.now_ms, exchange.now_ms + 5 * HOUR_MS + 1_234
    at = exchange.view.last("SOLUSDT", start)
    for segment in exchange.view.path("SOLUSDT", start, end):
        assert segment.start == at
        at = segment.end
    assert at == exchange.view.last("SOLUSDT", end)


@pytest.mark.parametrize("interval", [*LENGTH_MS, "1M"])
def test_candles_start_where_the_one_before_ends(interval: str) -> None:
    opened = opening(interval, 1_777_811_696_123)
    assert opened <= 1_777_811_696_123 < following(interval, opened)
    assert following(interval, preceding(interval, opened)) == opened


def test_weeks_start_on_monday_and_months_on_the_first() -> None:
    assert opening("1w", 1_777_811_696_000) == 1_777_248_000_000
    assert opening("1M", 1_777_811_696_000) == 1_777_593_600_000


def test_the_book_lies_around_the_last_price_and_gets_worse_outwards() -> None:
    exchange = box_exchange()
    price = last(exchange)
    asks = list(exchange.liquidity.levels("SOLUSDT", Side.SELL, last=price, at_ms=exchange.now_ms))
    bids = list(exchange.liquidity.levels("SOLUSDT", Side.BUY, last=price, at_ms=exchange.now_ms))
    assert bids[0].price < price < asks[0].price
    assert asks[0].price - bids[0].price < price * Decimal("0.002")
    assert [level.price for level in asks] == sorted({level.price for level in asks})
    assert [level.price for level in bids] == sorted({level.price for level in bids}, reverse=True)
    assert all(level.quantity > 0 for level in asks + bids)


def test_the_book_thins_and_widens_in_stress() -> None:
    exchange = box_exchange()

    def shape() -> tuple[Decimal, Decimal]:
        price = last(exchange)
        asks = list(exchange.liquidity.levels("SOLUSDT", Side.SELL, last=price, at_ms=exchange.now_ms))
        return asks[0].price - price, sum((level.quantity * level.price for level in asks), Decimal(0))

    calm = shape()
    force(exchange, "110")
    advance(exchange, 90)
    stressed = shape()
    assert stressed[0] > calm[0]
    assert stressed[1] < calm[1] / 2


def test_public_trades_lie_on_the_path() -> None:
    exchange = box_exchange()
    trades = exchange.trades.newest("SOLUSDT", 100, exchange.now_ms)
    newest_ms = exchange.now_ms // EVERY_MS * EVERY_MS
    assert [trade.executed_ms for trade in trades] == [
        newest_ms - EVERY_MS * back for back in reversed(range(100))
    ]
    for trade in trades:
        assert trade.price == exchange.view.last_price("SOLUSDT", trade.executed_ms)
        assert trade.quantity > 0


def test_the_accounts_own_trades_say_which_side_was_resting() -> None:
    exchange = box_exchange()
    place(exchange, "SELL", "MARKET", "1")
    place(exchange, "BUY", "MARKET", "1")
    resting = [
        place(exchange, "BUY", "LIMIT", "1", price="140"),
        place(exchange, "SELL", "LIMIT", "1", price="160"),
    ]
    advance(exchange, 1)
    for order in resting:
        exchange.matching.fill_resting(order, order.quantity, exchange.now_ms)
    own = [
        trade
        for trade in exchange.trades.newest("SOLUSDT", 10, exchange.now_ms)
        if trade.number % 1_000 >= 500
    ]
    assert [trade.is_buyer_maker for trade in own] == [True, False, True, False]
    assert [trade.price for trade in own[2:]] == [140, 160]
