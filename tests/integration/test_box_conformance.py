"""The tests that ship inside the ccxt package, called unchanged against the box: blocking calls.

The asynchronous ones and the streams are in `test_box_conformance_async.py`; which are left out, and why,
stands in `test_box_conformance_whole.py`. ccxt's validators are called on our own orders below, all but
expired ones, a status of the client's own that its validator does not list.
"""

import importlib
from collections.abc import Iterator
from typing import Any

import pytest
from ccxt.test.exchange.base.test_balance import test_balance as check_balance
from ccxt.test.exchange.base.test_order import test_order as check_order
from ccxt.test.exchange.base.test_trade import test_trade as check_trade

from bot.exchange.box.config import BoxConfig
from bot.exchange.box.server import start_box
from tests.fakes.box_client import ccxt_client

SYMBOL = "SOL/USDT"
WITH_SYMBOL = (
    "fetch_ticker", "fetch_tickers", "fetch_ohlcv", "fetch_trades", "fetch_order_book", "fetch_l2_order_book",
    "fetch_last_prices", "fetch_orders", "fetch_open_orders", "fetch_closed_orders", "fetch_my_trades",
)  # fmt: skip
WITHOUT_SYMBOL = ("load_markets", "fetch_balance", "features", "sign_in", "after_construct")
SKIPPED: dict[str, bool] = {}
BOOK_SKIPPED = {"timestamp": True, "datetime": True}
"""Spot books carry no time, neither here nor at the real exchange."""
SPOT_ONLY = {"swap": False, "future": False, "option": False, "margin": False}
"""What the client is told about the exchange, so that its tests do not look for futures."""

ORDERS: dict[str, tuple[Any, ...]] = {
    "market": ("market", "sell", 1, None, {}),
    "market by cost": ("market", "buy", None, None, {"cost": 50}),
    "limit that rests": ("limit", "sell", 1, 200, {}),
    "limit that fills": ("limit", "buy", 1, 170, {}),
    "immediate or cancel": ("limit", "buy", 1, 170, {"timeInForce": "IOC"}),
    "fill or kill": ("limit", "buy", 1, 170, {"timeInForce": "FOK"}),
    "post only": ("limit", "sell", 1, 201, {"postOnly": True}),
    "stop": ("market", "sell", 1, None, {"stopLossPrice": 100}),
    "stop with limit": ("limit", "sell", 1, 99, {"stopLossPrice": 100}),
    "target": ("market", "sell", 1, None, {"takeProfitPrice": 190}),
    "target with limit": ("limit", "sell", 1, 189, {"takeProfitPrice": 190}),
    "trailing stop": ("market", "sell", 1, None, {"trailingPercent": 5, "stopLossOrTakeProfit": "stopLoss"}),
    "trailing target": (
        "limit", "sell", 1, 160,
        {"trailingPercent": 2.5, "stopLossOrTakeProfit": "takeProfit", "trailingTriggerPrice": 180},
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    with start_box(BoxConfig()) as box, ccxt_client(box, has=SPOT_ONLY) as exchange:
        exchange.load_markets()
        for side in ("sell", "buy"):
            exchange.create_order(SYMBOL, "market", side, 1)
        exchange.create_order(SYMBOL, "limit", "sell", 1, 180)
        yield exchange


def shipped_test(name: str) -> Any:
    return getattr(importlib.import_module(f"ccxt.test.exchange.sync.test_{name}"), f"test_{name}")


@pytest.mark.parametrize("name", WITH_SYMBOL)
def test_the_clients_own_test_passes(client: Any, name: str) -> None:
    skipped = BOOK_SKIPPED if name.endswith("order_book") else SKIPPED
    shipped_test(name)(client, skipped, SYMBOL)


@pytest.mark.parametrize("name", WITHOUT_SYMBOL)
def test_the_clients_own_test_of_the_whole_passes(client: Any, name: str) -> None:
    shipped_test(name)(client, SKIPPED)


@pytest.mark.parametrize("name", list(ORDERS))
def test_the_clients_own_validators_accept_our_orders(client: Any, name: str) -> None:
    kind, side, amount, price, params = ORDERS[name]
    order = client.create_order(SYMBOL, kind, side, amount, price, dict(params))
    now = client.milliseconds()
    check_order(client, SKIPPED, "createOrder", order, SYMBOL, now)
    fetched = client.fetch_order(order["id"], SYMBOL)
    check_order(client, SKIPPED, "fetchOrder", fetched, SYMBOL, now)
    for trade in client.fetch_order_trades(order["id"], SYMBOL):
        check_trade(client, SKIPPED, "fetchOrderTrades", trade, SYMBOL, now, is_public_trade=False)
    check_balance(client, SKIPPED, "fetchBalance", client.fetch_balance())
    if fetched["status"] == "open":
        check_order(client, SKIPPED, "cancelOrder", client.cancel_order(order["id"], SYMBOL), SYMBOL, now)


def test_the_clients_own_validators_accept_an_order_list(client: Any) -> None:
    request = {
        "symbol": "SOLUSDT", "side": "SELL", "quantity": "1", "aboveType": "LIMIT_MAKER", "abovePrice": "190",
        "belowType": "STOP_LOSS_LIMIT", "belowStopPrice": "100", "belowPrice": "99",
        "belowTimeInForce": "GTC",
    }  # fmt: skip
    answer = client.private_post_orderlist_oco(request)
    now = client.milliseconds()
    assert len(answer["orderReports"]) == 2
    for report in answer["orderReports"]:
        order = client.parse_order(report)
        check_order(client, SKIPPED, "createOrder", order, SYMBOL, now)
        check_order(client, SKIPPED, "fetchOrder", client.fetch_order(order["id"], SYMBOL), SYMBOL, now)
    check_balance(client, SKIPPED, "fetchBalance", client.fetch_balance())
    cancelled = client.private_delete_orderlist({"symbol": "SOLUSDT", "orderListId": answer["orderListId"]})
    for report in cancelled["orderReports"]:
        order = client.parse_order(report)
        assert order["status"] == "canceled"
        check_order(client, SKIPPED, "cancelOrder", order, SYMBOL, now)
