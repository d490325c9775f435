"""Hyperliquid's rules: client ids of 128 bits, the grid of five figures, the bound of a market order."""

import datetime as dt
import re
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.exchange.hyperliquid_rules import (
    PROTECTION,
    SpotMarket,
    client_order_id_of,
    cloid_of,
    order_action,
    protected_price,
    refusal,
    tick_at,
)
from bot.execution.orders import OrderRequest, OrderType, Rejected, Side
from bot.kernel.ids import CLIENT_ORDER_ID_PATTERN, client_order_id
from bot.kernel.market import BookLevel, OrderBook
from bot.kernel.money import is_on_step, text

MARKET = SpotMarket(
    symbol="SOL/USDC",
    coin="@1",
    number=10_001,
    base="SOL",
    quote="USDC",
    size_decimals=3,
    price=Decimal(150),
)
SELL = OrderRequest(
    client_order_id="mh-SOL-0123456789abcdef01234567",
    symbol="SOL/USDC",
    side=Side.SELL,
    order_type=OrderType.MARKET,
    quantity=Decimal("2.5"),
)
ids = st.from_regex(CLIENT_ORDER_ID_PATTERN, fullmatch=True)
prices = st.decimals(min_value="0.00000001", max_value="10000000", places=8).filter(bool)
size_decimals = st.integers(min_value=0, max_value=8)


def ordered(**changes: Any) -> OrderRequest:
    return msgspec.structs.replace(SELL, **changes)


def book(bid: Decimal | None, ask: Decimal | None) -> OrderBook:
    levels = [() if price is None else (BookLevel(price=price, quantity=Decimal(1)),) for price in (bid, ask)]
    return OrderBook(
        symbol="SOL/USDC", bids=levels[0], asks=levels[1], observed_at=dt.datetime(2026, 5, 1, tzinfo=dt.UTC)
    )


# ---- client ids ---------------------------------------------------------------------------------


@given(ids)
def test_an_id_always_becomes_the_same_128_bits(name: str) -> None:
    assert cloid_of(name) == cloid_of(name)
    assert re.fullmatch(r"0x[0-9a-f]{32}", cloid_of(name))


@given(st.sets(ids, min_size=2, max_size=50))
def test_different_ids_stay_different(names: set[str]) -> None:
    assert len({cloid_of(name) for name in names}) == len(names)


@given(
    asset=st.from_regex(r"[A-Z0-9]{1,20}", fullmatch=True),
    lineage=st.text(max_size=10),
    opened_by=st.text(max_size=10),
)
def test_an_intent_s_id_is_read_back_by_whoever_never_sent_it(
    asset: str, lineage: str, opened_by: str
) -> None:
    name = client_order_id(lineage=lineage, asset=asset, opened_by=opened_by)
    assert client_order_id_of(cloid_of(name), base=asset) == name


@given(st.from_regex(r"0x[0-9a-f]{32}", fullmatch=True))
def test_a_foreign_id_is_nobody_s_own(cloid: str) -> None:
    assert client_order_id_of(cloid, base="SOL") == cloid  # a hit needs luck of one in four thousand million


def test_an_id_of_another_coin_is_not_taken_for_the_bot_s() -> None:
    cloid = cloid_of(client_order_id(lineage="l", asset="SOL", opened_by="1"))
    assert client_order_id_of(cloid, base="ETH") == cloid


# ---- prices and sizes ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("price", "decimals", "tick"),
    [
        ("150", 3, "0.01"),  # five figures
        ("1.5", 3, "0.0001"),
        ("0.012345", 3, "0.00001"),  # eight places less three: five
        ("0.012345", 0, "0.000001"),
        ("99999", 3, "1"),
        ("123456", 3, "1"),  # a whole price is always allowed
        ("2", 8, "1"),
    ],
)
def test_the_grid_of_prices_follows_their_height(price: str, decimals: int, tick: str) -> None:
    assert tick_at(Decimal(price), decimals) == Decimal(tick)


@given(price=prices, decimals=size_decimals)
def test_every_price_on_its_grid_has_five_figures_or_is_whole(price: Decimal, decimals: int) -> None:
    tick = tick_at(price, decimals)
    on_grid = (price // tick) * tick
    figures = len(on_grid.normalize().as_tuple().digits)
    assert on_grid == on_grid.to_integral_value() or figures <= 5
    places = -int(on_grid.normalize().as_tuple().exponent)
    assert places <= 8 - decimals


@given(price=prices, decimals=size_decimals, side=st.sampled_from(Side))
def test_the_bound_of_a_market_order_is_on_the_grid_and_never_beyond_the_protection(
    price: Decimal, decimals: int, side: Side
) -> None:
    market = msgspec.structs.replace(MARKET, size_decimals=decimals)
    bound = protected_price(side, book(price, price), market)
    assert bound is not None
    assert is_on_step(bound, tick_at(bound, decimals)) or not bound
    if side is Side.SELL:
        assert bound >= price * (1 - PROTECTION)
    else:
        assert bound <= price * (1 + PROTECTION)


def test_a_market_order_against_an_empty_side_has_no_bound() -> None:
    assert protected_price(Side.SELL, book(None, Decimal(1)), MARKET) is None
    assert protected_price(Side.BUY, book(Decimal(1), None), MARKET) is None
    assert protected_price(Side.SELL, book(Decimal(100), None), MARKET) == 95


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"quantity": Decimal("2.0001")}, "filter_lot_size"),
        ({"order_type": OrderType.LIMIT, "limit_price": Decimal("150.001")}, "filter_price_filter"),
        ({"order_type": OrderType.LIMIT, "limit_price": Decimal("1000.05")}, "filter_price_filter"),
        (
            {
                "order_type": OrderType.STOP_LOSS_LIMIT,
                "limit_price": Decimal(130),
                "stop_price": Decimal(140),
            },
            "order_type_unsupported",
        ),
    ],
)
def test_what_does_not_fit_is_rejected_and_never_rounded(changes: dict[str, Any], reason: str) -> None:
    refused = refusal(ordered(**changes), MARKET)
    assert isinstance(refused, Rejected)
    assert refused.reason == reason


@pytest.mark.parametrize("price", ["150.01", "1000.1", "99.999", "123456"])
def test_a_price_on_the_grid_of_its_own_height_passes(price: str) -> None:
    assert refusal(ordered(order_type=OrderType.LIMIT, limit_price=Decimal(price)), MARKET) is None


def test_the_grid_in_the_rules_follows_the_last_price() -> None:
    assert MARKET.rules(Decimal(150)).tick_size == Decimal("0.01")
    assert MARKET.rules(Decimal(5)).tick_size == Decimal("0.0001")
    assert MARKET.rules(Decimal("9.5")).tick_size == Decimal("0.001"), "a level just above ten still fits"
    assert MARKET.rules(None).tick_size == Decimal("0.00001")
    assert MARKET.rules(None).min_notional == 10


# ---- actions ------------------------------------------------------------------------------------


def test_a_market_order_is_a_limit_order_that_never_rests() -> None:
    action: Any = order_action(SELL, MARKET, Decimal("142.50"))
    assert action == {
        "type": "order",
        "orders": [
            {
                "a": 10_001,
                "b": False,
                "p": "142.5",
                "s": "2.5",
                "r": False,
                "t": {"limit": {"tif": "Ioc"}},
                "c": cloid_of(SELL.client_order_id),
            }
        ],
        "grouping": "na",
    }
    assert list(action["orders"][0]) == ["a", "b", "p", "s", "r", "t", "c"], "the order that is signed"


@pytest.mark.parametrize(("immediate", "tif"), [(False, "Gtc"), (True, "Ioc")])
def test_a_limit_order_rests_unless_it_is_immediate(immediate: bool, tif: str) -> None:  # noqa: FBT001  # a case
    order = ordered(order_type=OrderType.LIMIT, limit_price=Decimal(160), immediate=immediate)
    action: Any = order_action(order, MARKET, Decimal(160))
    assert action["orders"][0]["t"] == {"limit": {"tif": tif}}


@given(st.decimals(min_value="0.000001", max_value="1000000", places=6).filter(bool))
def test_numbers_travel_without_trailing_zeros_or_exponents(quantity: Decimal) -> None:
    action: Any = order_action(ordered(quantity=quantity), MARKET, Decimal(150))
    size = action["orders"][0]["s"]
    assert size == text(quantity)
    assert "E" not in size
    assert not ("." in size and size.endswith("0"))
