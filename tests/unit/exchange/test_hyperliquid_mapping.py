"""Hyperliquid's answers become our values exactly, or an error; what is odd is left out, never guessed."""

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.exchange import hyperliquid_account_mapping as account
from bot.exchange import hyperliquid_mapping as mapping
from bot.execution.orders import OrderStatus
from bot.holdings.wallet import AccountRights
from bot.kernel.errors import ExchangeAnswerError

AT = dt.datetime(2026, 5, 1, tzinfo=dt.UTC)
MS = 1_777_593_600_000
TOKENS: list[Any] = [
    {"name": "USDC", "index": 0, "szDecimals": 8},
    {"name": "SOL", "index": 7, "szDecimals": 3},
    {"name": "kBONK", "index": 2, "szDecimals": 0},
    {"name": "SOL", "index": 3, "szDecimals": 2},
    "nonsense",
]
SOL = {"name": "@5", "tokens": [7, 0], "index": 5}
PRICE = {"coin": "@5", "markPx": "150.0", "midPx": "150.005", "dayNtlVlm": "12.5"}
ORDER: dict[str, Any] = {
    "coin": "@5",
    "side": "A",
    "limitPx": "142.5",
    "sz": "0.0",
    "oid": 77,
    "timestamp": MS,
    "origSz": "2.0",
    "tif": "Ioc",
    "cloid": "0x" + "AB" * 16,
}
FILL: dict[str, Any] = {
    "coin": "@5",
    "px": "150.0",
    "sz": "2.0",
    "side": "A",
    "time": MS,
    "oid": 77,
    "tid": 12,
    "fee": "0.3",
    "feeToken": "USDC",
}
MARKET = mapping.spot_markets([{"tokens": TOKENS, "universe": [SOL]}, [PRICE]])["SOL/USDC"]
junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.floats(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def status(word: str, **changes: Any) -> Any:
    return {
        "status": "order",
        "order": {"order": {**ORDER, **changes}, "status": word, "statusTimestamp": MS},
    }


def report_of(word: str, fills: list[dict[str, Any]], **changes: Any) -> Any:
    facts = account.order_status(status(word, **changes))
    assert facts is not None
    return account.order_report(facts, account.in_market(account.fills(fills), MARKET), MARKET)


# ---- markets ------------------------------------------------------------------------------------


def test_a_market_is_read_by_the_numbers_of_its_coins_and_not_by_their_places() -> None:
    assert (MARKET.symbol, MARKET.coin, MARKET.number) == ("SOL/USDC", "@5", 10_005)
    assert (MARKET.size_decimals, MARKET.price) == (3, Decimal("150.005"))


@pytest.mark.parametrize(
    "other",
    [
        {"name": "@6", "tokens": [2, 0], "index": 6},  # a coin without a plain name
        {"name": "@6", "tokens": [99, 0], "index": 6},
        {"name": "@6", "tokens": [7], "index": 6},
        {"name": "@6", "tokens": [7, 0]},
        None,
    ],
)
def test_a_market_that_cannot_be_read_is_left_out(other: Any) -> None:
    found = mapping.spot_markets([{"tokens": TOKENS, "universe": [SOL, other]}, [PRICE]])
    assert list(found) == ["SOL/USDC"]


def test_two_markets_of_one_name_are_both_left_out() -> None:
    twin = {"name": "@6", "tokens": [3, 0], "index": 6}
    assert mapping.spot_markets([{"tokens": TOKENS, "universe": [SOL, twin]}, [PRICE]]) == {}


def test_prices_without_a_name_count_by_their_place() -> None:
    nameless = {name: value for name, value in PRICE.items() if name != "coin"}
    rows = [None, None, None, None, None, nameless]
    meta = {"tokens": TOKENS, "universe": [SOL]}
    assert mapping.quotes([meta, rows])["@5"].last == 150
    assert mapping.quotes([meta, [PRICE]])["@5"].quote_volume_24h == Decimal("12.5")
    assert mapping.quotes([meta, [{**PRICE, "markPx": None}]]) == {}


def test_a_market_without_a_price_has_the_finest_grid() -> None:
    found = mapping.spot_markets([{"tokens": TOKENS, "universe": [SOL]}, [{**PRICE, "midPx": None}]])
    assert found["SOL/USDC"].rules(found["SOL/USDC"].price).tick_size == Decimal("0.00001")


@pytest.mark.parametrize("answer", [None, [], [{}], [{"tokens": [], "universe": [SOL]}, []], "x"])
def test_a_list_of_markets_that_cannot_be_right_is_an_error(answer: Any) -> None:
    with pytest.raises(ExchangeAnswerError):
        mapping.spot_markets(answer)


@pytest.mark.parametrize(
    "change", [{"h": "1"}, {"s": "@6"}, {"i": "1d"}, {"t": -1}, {"o": "0"}, {"v": "-1"}, {"c": 1.5}]
)
def test_a_candle_that_cannot_be_right_is_an_error(change: dict[str, Any]) -> None:
    row = {"t": MS, "T": MS + 1, "s": "@5", "i": "1h", "o": "2", "h": "3", "l": "1", "c": "2", "v": "4"}
    (bar,) = mapping.candles([row], symbol="SOL/USDC", coin="@5", timeframe="1h")
    assert [str(x) for x in (bar.open, bar.high, bar.low, bar.close, bar.volume)] == list("23124")
    with pytest.raises(ExchangeAnswerError):
        mapping.candles([{**row, **change}], symbol="SOL/USDC", coin="@5", timeframe="1h")


# ---- orders -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "changes", "sold", "expected"),
    [
        ("filled", {}, "2.0", OrderStatus.FILLED),
        ("open", {"sz": "2.0", "tif": "Gtc"}, None, OrderStatus.OPEN),
        ("open", {"sz": "2.0", "tif": "Gtc"}, "0.5", OrderStatus.PARTIALLY_FILLED),  # fills are newer
        ("open", {"sz": "2.0", "tif": "Gtc"}, "2.0", OrderStatus.FILLED),
        ("canceled", {"sz": "1.5", "tif": "Gtc"}, "0.5", OrderStatus.CANCELLED),
        ("scheduledCancel", {"sz": "2.0", "tif": "Gtc"}, None, OrderStatus.CANCELLED),
        ("canceled", {"sz": "1.5"}, "0.5", OrderStatus.EXPIRED),  # the rest of a market order
        ("filled", {"sz": "1.5"}, "0.5", OrderStatus.EXPIRED),
        ("iocCancelRejected", {"sz": "2.0"}, None, OrderStatus.REJECTED),
        ("minTradeNtlRejected", {"sz": "2.0"}, None, OrderStatus.REJECTED),
        ("rejected", {"sz": "2.0"}, "0.5", OrderStatus.EXPIRED),  # its coins are gone, whatever the word
    ],
)
def test_what_an_order_did_is_what_its_fills_say(
    word: str, changes: dict[str, Any], sold: str | None, expected: OrderStatus
) -> None:
    fills = [] if sold is None else [{**FILL, "sz": sold}, {**FILL, "oid": 78, "tid": 13}]
    report = report_of(word, fills, **changes)
    assert report.status is expected
    assert report.filled_quantity == Decimal(sold or 0)
    assert report.filled_quote == 150 * Decimal(sold or 0)
    assert (report.exchange_order_id, report.client_order_id) == ("77", "0x" + "ab" * 16)


@pytest.mark.parametrize(
    ("word", "changes", "fills"),
    [
        ("triumphed", {"sz": "2.0", "tif": "Gtc"}, []),
        ("filled", {"sz": "2.5"}, []),
        ("filled", {}, [{**FILL, "sz": "3"}]),
        ("filled", {"side": "X"}, []),
        ("filled", {"origSz": "0"}, []),
        ("filled", {}, [{**FILL, "fee": None}]),
    ],
)
def test_an_order_that_cannot_be_right_is_an_error(word: str, changes: Any, fills: Any) -> None:
    with pytest.raises(ExchangeAnswerError):
        report_of(word, fills, **changes)


def test_an_unknown_order_is_none_and_nonsense_is_not() -> None:
    assert account.order_status({"status": "unknownOid"}) is None
    for answer in (None, {}, {"status": "order"}, {"status": "order", "order": {}}):
        with pytest.raises(ExchangeAnswerError):
            account.order_status(answer)


@pytest.mark.parametrize(
    ("answer", "own", "expected"),
    [
        ({"role": "user"}, True, AccountRights(can_trade=True, can_withdraw=True)),
        ({"role": "missing"}, True, AccountRights(can_trade=None, can_withdraw=True)),
        (
            {"role": "agent", "data": {"user": "0xA"}},
            False,
            AccountRights(can_trade=True, can_withdraw=False),
        ),
        (
            {"role": "agent", "data": {"user": "0xb"}},
            False,
            AccountRights(can_trade=False, can_withdraw=False),
        ),
        ({"role": "agent"}, False, AccountRights(can_trade=None, can_withdraw=False)),
        ({"role": "missing"}, False, AccountRights(can_trade=False, can_withdraw=None)),
        ({"role": 5}, False, AccountRights(can_trade=None, can_withdraw=None)),
    ],
)
def test_what_is_not_told_of_the_rights_is_unknown(answer: Any, own: bool, expected: AccountRights) -> None:  # noqa: FBT001  # a case
    assert account.rights(answer, wallet_address="0xa", signer="0xa" if own else "0xc") == expected


@given(junk)
def test_no_answer_surprises_a_reader(answer: Any) -> None:
    readers: list[Any] = [
        mapping.server_time,
        mapping.spot_markets,
        mapping.quotes,
        lambda a: mapping.order_book(a, symbol="SOL/USDC", coin="@5"),
        lambda a: mapping.candles(a, symbol="SOL/USDC", coin="@5", timeframe="1h"),
        lambda a: account.wallet(a, observed_at=AT),
        lambda a: account.rights(a, wallet_address="0xa", signer="0xb"),
        account.fills,
        account.order_status,
        account.open_orders,
        account.told_order_id,
    ]
    for read in readers:
        try:
            read(answer)
        except ExchangeAnswerError:
            continue
