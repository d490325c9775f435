"""Raw answers become exact values, and nonsense becomes an error instead of a value."""

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.exchange import ccxt_account_mapping as account
from bot.exchange import ccxt_mapping as mapping
from bot.execution.orders import Fee, OrderStatus, Side
from bot.kernel.errors import ExchangeAnswerError
from tests.unit.exchange.scripted_exchange import MARKET, ORDER, TICKER

NOW = dt.datetime(2026, 1, 2, tzinfo=dt.UTC)
BAR = [
    1_700_000_000_000,
    "10.00",
    "12.50",
    "9.10",
    "11.00",
    "1000.5",
    1_700_000_059_999,
    "0",
    1,
    "0",
    "0",
    "0",
]
TRADE = {
    "symbol": "SOLUSDT",
    "id": 28457,
    "orderId": 100234,
    "price": "4.00000100",
    "qty": "12.00000000",
    "commission": "0.01200000",
    "commissionAsset": "SOL",
    "time": 1_499_865_549_590,
    "isBuyer": True,
}
IMPOSSIBLE_NUMBERS: list[object] = [
    "-1",
    "1e100",
    "1E999999999",
    "NaN",
    "Infinity",
    "-Infinity",
    "",
    "abc",
    "1,5",
    None,
    True,
    1.5,
    [],
    {},
]


def order(**changes: Any) -> dict[str, Any]:
    return {**ORDER, **changes}


def test_market_rules_come_from_the_exchange_s_own_filters() -> None:
    market_id, rules = mapping.markets({"symbols": [MARKET]})["SOL/USDT"]
    assert market_id == "SOLUSDT"
    assert rules.active
    assert (rules.tick_size, rules.step_size) == (Decimal("0.01"), Decimal("0.001"))
    assert (rules.min_price, rules.max_price) == (Decimal("0.01"), Decimal(10_000))
    assert (rules.min_quantity, rules.max_quantity) == (Decimal("0.001"), Decimal(9_000))
    assert (rules.max_market_quantity, rules.min_notional) == (Decimal(500), Decimal(5))


def test_a_limit_of_zero_means_no_limit_and_a_halted_market_is_inactive() -> None:
    filters = [
        {"filterType": "PRICE_FILTER", "minPrice": "0", "maxPrice": "0", "tickSize": "0"},
        {"filterType": "LOT_SIZE", "minQty": "0", "maxQty": "0.0", "stepSize": "1"},
        {"filterType": "MIN_NOTIONAL", "minNotional": "10"},
    ]
    _, rules = mapping.markets({"symbols": [{**MARKET, "status": "BREAK", "filters": filters}]})["SOL/USDT"]
    assert not rules.active
    assert (rules.max_price, rules.max_quantity, rules.max_market_quantity) == (None, None, None)
    assert rules.min_notional == 10


def test_a_market_that_cannot_be_read_is_left_out_but_never_all_of_them() -> None:
    odd = {**MARKET, "symbol": "币USDT", "baseAsset": "币"}
    no_lot = {**MARKET, "baseAsset": "XXX", "filters": MARKET["filters"][:1]}  # type: ignore[index]  # a list of filters
    assert set(mapping.markets({"symbols": [odd, no_lot, "?", MARKET]})) == {"SOL/USDT"}
    with pytest.raises(ExchangeAnswerError):
        mapping.markets({"symbols": [odd, no_lot]})


def test_a_ticker_is_exact() -> None:
    ticker = mapping.ticker(
        {**TICKER, "lastPrice": "0.00000001", "bidPrice": "0.00000001"},
        symbol="SOL/USDT",
        market_id="SOLUSDT",
    )
    assert str(ticker.last) in {"1E-8", "0.00000001"}
    assert ticker.quote_volume_24h == Decimal("1234567.89")
    assert ticker.observed_at == dt.datetime(2023, 11, 14, 22, 13, 20, tzinfo=dt.UTC)


@pytest.mark.parametrize("field", ["lastPrice", "bidPrice", "askPrice", "quoteVolume"])
@pytest.mark.parametrize("value", IMPOSSIBLE_NUMBERS)
def test_a_ticker_with_an_impossible_number_is_refused(field: str, value: object) -> None:
    with pytest.raises(ExchangeAnswerError):
        mapping.ticker({**TICKER, field: value}, symbol="SOL/USDT", market_id="SOLUSDT")


@pytest.mark.parametrize(
    "changes",
    [
        {"bidPrice": "146"},
        {"symbol": "ETHUSDT"},
        {"lastPrice": "0"},
        {"closeTime": -5},
        {"closeTime": "9" * 5_000},
        {"closeTime": 10**17},
    ],
)
def test_a_ticker_that_contradicts_itself_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ExchangeAnswerError):
        mapping.ticker({**TICKER, **changes}, symbol="SOL/USDT", market_id="SOLUSDT")


@given(st.decimals(min_value=Decimal("0.00000001"), max_value=Decimal(10) ** 12, places=8))
def test_every_price_text_comes_through_unchanged(price: Decimal) -> None:
    row = {**TICKER, "lastPrice": format(price, "f")}
    assert mapping.ticker(row, symbol="SOL/USDT", market_id="SOLUSDT").last == price


def test_an_order_book_keeps_its_levels_in_order() -> None:
    answer = {"bids": [["9.9", "1"], ["9.8", "2"]], "asks": [["10", "3"], ["10.1", "4"]]}
    book = mapping.order_book(answer, symbol="SOL/USDT", observed_at=NOW)
    assert [level.price for level in book.bids] == [Decimal("9.9"), Decimal("9.8")]
    assert book.asks[0].quantity == 3
    empty = mapping.order_book({"bids": [], "asks": []}, symbol="SOL/USDT", observed_at=NOW)
    assert not empty.bids


@pytest.mark.parametrize(
    "answer",
    [
        {"bids": [["10", "1"]], "asks": [["10", "1"]]},
        {"bids": [["9", "1"], ["9.5", "1"]], "asks": []},
        {"bids": [], "asks": [["11", "1"], ["10", "1"]]},
        {"bids": [["9", "0"]], "asks": []},
        {"bids": [["9"]], "asks": []},
        {"bids": ["9"], "asks": []},
        {"bids": [["9", "-1"]], "asks": []},
        {"asks": []},
        [],
    ],
)
def test_a_book_that_cannot_be_right_is_refused(answer: object) -> None:
    with pytest.raises(ExchangeAnswerError):
        mapping.order_book(answer, symbol="SOL/USDT", observed_at=NOW)


def test_candles_are_exact_and_in_order() -> None:
    later = [1_700_000_060_000, *BAR[1:]]
    first, second = mapping.candles([BAR, later], symbol="SOL/USDT")
    assert (first.open, first.high, first.low, first.close) == (
        Decimal(10),
        Decimal("12.5"),
        Decimal("9.1"),
        Decimal(11),
    )
    assert second.opened_at - first.opened_at == dt.timedelta(minutes=1)
    assert mapping.candles([], symbol="SOL/USDT") == ()


@pytest.mark.parametrize(
    "answer",
    [
        [BAR, BAR],
        [[1_700_000_060_000, *BAR[1:]], BAR],
        [[BAR[0], "10", "9.9", "9", "9.5", "1"]],
        [[BAR[0], "10", "12", "10.5", "11", "1"]],
        [[BAR[0], "10", "12", "9", "NaN", "1"]],
        [[BAR[0], "10", "12", "9", "11", "-1"]],
        [BAR[:5]],
        ["bar"],
        {"code": 0},
    ],
)
def test_candles_that_cannot_be_right_are_refused(answer: object) -> None:
    with pytest.raises(ExchangeAnswerError):
        mapping.candles(answer, symbol="SOL/USDT")


@pytest.mark.parametrize(("told", "read"), [(True, True), (False, False), ("true", None), (None, None)])
def test_a_right_that_is_not_told_plainly_is_unknown(*, told: object, read: bool | None) -> None:
    rights = account.rights({"canTrade": told, "canWithdraw": told})
    assert (rights.can_trade, rights.can_withdraw) == (read, read)


def test_a_complete_wallet_says_zero_for_what_it_does_not_list() -> None:
    rows = [{"asset": "SOL", "free": "1.5", "locked": "0.5"}, {"asset": "ETH", "free": "0", "locked": "0"}]
    wallet = account.wallet({"balances": rows}, observed_at=NOW)
    assert wallet.complete
    assert (wallet.total("SOL"), wallet.free("SOL")) == (Decimal(2), Decimal("1.5"))
    assert set(wallet.balances) == {"SOL"}
    assert wallet.total("DOGE") == 0


@pytest.mark.parametrize("value", IMPOSSIBLE_NUMBERS)
def test_a_balance_that_cannot_be_read_is_unknown_and_makes_the_wallet_incomplete(value: object) -> None:
    rows = [{"asset": "SOL", "free": value, "locked": "0"}, {"asset": "ETH", "free": "0", "locked": "0"}]
    wallet = account.wallet({"balances": rows}, observed_at=NOW)
    assert not wallet.complete
    assert wallet.total("SOL") is None
    assert wallet.total("DOGE") is None
    assert wallet.total("ETH") == 0


def test_a_wallet_without_any_row_is_unknown_and_a_double_row_is_refused() -> None:
    assert account.wallet({"balances": []}, observed_at=NOW).total("SOL") is None
    row = {"asset": "SOL", "free": "1", "locked": "0"}
    with pytest.raises(ExchangeAnswerError):
        account.wallet({"balances": [row, row]}, observed_at=NOW)


def test_an_order_is_read_with_its_fees_summed_per_coin_that_has_a_plain_name() -> None:
    fills = [
        {"commission": "0.1", "commissionAsset": "USDT"},
        {"commission": "0.0002", "commissionAsset": "BNB"},
        {"commission": "0.2", "commissionAsset": "USDT"},
        {"commission": "0", "commissionAsset": "XRP"},
        {"commission": "7", "commissionAsset": "币安人生"},
    ]
    report = account.order_report(order(fills=fills), symbol="SOL/USDT", market_id="SOLUSDT")
    assert report.fees == (
        Fee(asset="BNB", amount=Decimal("0.0002")),
        Fee(asset="USDT", amount=Decimal("0.3")),
    )
    assert (report.side, report.status, report.exchange_order_id) == (Side.SELL, OrderStatus.FILLED, "7")


@pytest.mark.parametrize(
    ("status", "filled", "expected"),
    [
        ("NEW", "0", OrderStatus.OPEN),
        ("PENDING_NEW", "0", OrderStatus.OPEN),
        ("PENDING_CANCEL", "0", OrderStatus.OPEN),
        ("PARTIALLY_FILLED", "1", OrderStatus.PARTIALLY_FILLED),
        ("CANCELED", "1", OrderStatus.CANCELLED),
        ("EXPIRED", "0", OrderStatus.EXPIRED),
        ("EXPIRED_IN_MATCH", "0", OrderStatus.EXPIRED),
        ("REJECTED", "0", OrderStatus.REJECTED),
    ],
)
def test_every_status_of_the_exchange_has_one_word_here(
    status: str, filled: str, expected: OrderStatus
) -> None:
    answer = order(status=status, executedQty=filled, cummulativeQuoteQty=filled, fills=[])
    assert account.order_report(answer, symbol="SOL/USDT", market_id="SOLUSDT").status is expected


@pytest.mark.parametrize(
    "changes",
    [
        {"status": "SURPRISE"},
        {"side": "SHORT"},
        {"executedQty": "1.0"},
        {"executedQty": "9"},
        {"cummulativeQuoteQty": "0"},
        {"cummulativeQuoteQty": "-1"},
        {"origQty": "0"},
        {"symbol": "ETHUSDT"},
        {"orderId": "x"},
        {"clientOrderId": None},
        {"transactTime": None},
        {"transactTime": 10**17},
        {"updateTime": 10**17},
        {"fills": [{"commission": "-1", "commissionAsset": "USDT"}]},
        {"fills": "none"},
    ],
)
def test_an_order_that_cannot_be_right_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ExchangeAnswerError):
        account.order_report(order(**changes), symbol="SOL/USDT", market_id="SOLUSDT")


def test_an_order_without_any_time_is_refused() -> None:
    timeless = {name: value for name, value in ORDER.items() if name != "transactTime"}
    with pytest.raises(ExchangeAnswerError):
        account.order_report(timeless, symbol="SOL/USDT", market_id="SOLUSDT")


def test_own_trades_are_exact() -> None:
    (trade,) = account.own_trades([TRADE], symbol="SOL/USDT", market_id="SOLUSDT")
    assert (trade.side, trade.price, trade.fee, trade.fee_asset) == (
        "buy",
        Decimal("4.000001"),
        Decimal("0.012"),
        "SOL",
    )
    assert (trade.trade_id, trade.order_id) == ("28457", "100234")


@pytest.mark.parametrize(
    "answer",
    [
        [TRADE, TRADE],
        [{**TRADE, "isBuyer": "yes"}],
        [{**TRADE, "qty": "0"}],
        [{**TRADE, "symbol": "X"}],
        {},
        ["t"],
    ],
)
def test_own_trades_that_cannot_be_right_are_refused(answer: object) -> None:
    with pytest.raises(ExchangeAnswerError):
        account.own_trades(answer, symbol="SOL/USDT", market_id="SOLUSDT")


class Trap(dict[str, Any]):
    """An object of an answer that breaks in an unforeseen way as soon as a field is read."""

    def get(self, *_: object) -> Any:
        raise RuntimeError("nobody foresaw this")


READERS: tuple[Callable[[Any], object], ...] = (
    mapping.server_time,
    mapping.markets,
    lambda value: mapping.ticker(value, symbol="A/B", market_id="AB"),
    lambda value: mapping.tickers(value, symbols_by_id={"AB": "A/B"}),
    lambda value: mapping.order_book(value, symbol="A/B", observed_at=NOW),
    lambda value: mapping.candles(value, symbol="A/B"),
    lambda value: account.wallet(value, observed_at=NOW),
    lambda value: account.own_trades(value, symbol="A/B", market_id="AB"),
    lambda value: account.open_orders(value, symbols_by_id={"AB": "A/B"}),
    lambda value: account.order_report(value, symbol="A/B", market_id="AB"),
)


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize("answer", [Trap(), [Trap()]])
def test_whatever_reading_an_answer_runs_into_ends_in_our_error(
    read: Callable[[Any], object], answer: object
) -> None:
    with pytest.raises(ExchangeAnswerError):
        read(answer)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["symbols", "balances", "bids", "asks", "symbol"]), inner, max_size=3
            )
        ),
        max_leaves=6,
    )
)
def test_arbitrary_answers_end_in_a_value_or_in_our_error_only(answer: object) -> None:
    for read in READERS:
        try:
            read(answer)
        except ExchangeAnswerError:
            continue
