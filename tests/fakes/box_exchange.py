"""An exchange in a box without HTTP, whose time stands still until a test moves it."""

import datetime as dt
from decimal import Decimal
from pathlib import Path
from typing import Any

from bot.exchange.box.config import BoxConfig
from bot.exchange.box.exchange import Exchange, new_snapshot
from bot.exchange.box.orders import Kind, NewOrder, Order, OrderList, Side, Status

START = dt.datetime(2026, 5, 3, 12, 34, 56, tzinfo=dt.UTC)
HOUR_MS = 3_600_000
AMOUNTS = {"price", "stop_price", "quote_quantity"}


def stopped_time() -> int:
    """Return the same nanosecond for ever."""
    return 1_800_000_000_000_000_000


def box_exchange(**settings: Any) -> Exchange:
    """Return an exchange that starts at START and moves by steps only."""
    settings = {"start": START, "speed": 0, **settings}
    snapshot = new_snapshot(BoxConfig(**settings).checked(), time_source=stopped_time)
    return Exchange(snapshot, time_source=stopped_time)


def place(exchange: Exchange, side: str, kind: str, quantity: str = "0", **fields: Any) -> Order:
    """Place an order, on SOL/USDT by default; prices and quantities as text."""
    symbol = fields.pop("symbol", "SOLUSDT")
    client_order_id = fields.pop("client_order_id", None) or exchange.new_client_order_id()
    amounts: dict[str, Any] = {name: Decimal(value) for name, value in fields.items() if name in AMOUNTS}
    words = {name: value for name, value in fields.items() if name not in AMOUNTS}
    new = NewOrder(
        symbol=symbol,
        side=Side(side),
        kind=Kind(kind),
        client_order_id=client_order_id,
        quantity=Decimal(quantity),
        **amounts,
        **words,
    )
    return exchange.matching.place(new, exchange.sync())


def place_oco(
    exchange: Exchange, side: str, quantity: str, above: dict[str, Any], below: dict[str, Any]
) -> tuple[OrderList, Order, Order]:
    """Place two orders of which one cancels the other, on SOL/USDT; return the list and both orders."""
    legs: list[NewOrder] = []
    for leg in (above, below):
        fields: dict[str, Any] = {n: Decimal(v) if n in AMOUNTS else v for n, v in leg.items()}
        client_id = exchange.new_client_order_id()
        common: dict[str, Any] = {"symbol": "SOLUSDT", "client_order_id": client_id}
        legs.append(NewOrder(side=Side(side), quantity=Decimal(quantity), **common, **fields))
    order_list = exchange.lists.place((legs[0], legs[1]), exchange.new_client_order_id(), exchange.sync())
    first, second = exchange.ledger.orders_in(order_list)
    return order_list, first, second


def status_of(order: Order) -> Status:
    """Return where an order stands now (the engine changes orders in place)."""
    return order.status


def force(exchange: Exchange, price: str) -> None:
    """Force the price of SOL/USDT."""
    exchange.force_price("SOLUSDT", int(Decimal(price) / exchange.view.coins["SOLUSDT"].tick))


def last(exchange: Exchange) -> Decimal:
    """Return the last price of SOL/USDT."""
    price = exchange.view.last_price("SOLUSDT", exchange.now_ms)
    assert price is not None
    return price


def advance(exchange: Exchange, seconds: int) -> None:
    """Move market time and let everything happen."""
    exchange.market_clock.advance(seconds * 1_000)
    exchange.sync()


def free(exchange: Exchange, asset: str) -> Decimal:
    """Return the free balance of an asset."""
    return exchange.accounts.of(asset).free


def locked(exchange: Exchange, asset: str) -> Decimal:
    """Return the locked balance of an asset."""
    return exchange.accounts.of(asset).locked


def write_candles(
    folder: Path, rows: list[tuple[int, str, str, str, str, str]], name: str = "SOLUSDT-1h.csv"
) -> Path:
    """Write a file of candles for a replay and return its folder."""
    lines = ["timestamp_ms,open,high,low,close,volume", *(",".join(map(str, row)) for row in rows)]
    (folder / name).write_text("\n".join(lines) + "\n")
    return folder
