"""Candles from files, real and made up, as the unchanged client sees them while market time passes."""

import csv
import datetime as dt
import gzip
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bot.exchange.box.config import BoxConfig
from bot.exchange.box.server import RunningBox, start_box
from tests.fakes.box_client import ccxt_client
from tests.fakes.box_exchange import HOUR_MS, write_candles

SOL = "SOL/USDT"
T0 = 1_620_000_000_000 - 1_620_000_000_000 % (24 * HOUR_MS)


def at(milliseconds: int) -> dt.datetime:
    return dt.datetime.fromtimestamp(milliseconds / 1_000, dt.UTC)


def replay(folder: Path, start_ms: int) -> RunningBox:
    config = BoxConfig(replay_folder=str(folder), symbols=(SOL,), start=at(start_ms), speed=0)
    return start_box(config)


def rows_of(path: Path) -> list[list[float]]:
    with gzip.open(path, "rt") as file:
        return [[float(field) for field in row] for row in list(csv.reader(file))[1:]]


@pytest.mark.real_data
def test_real_candles_come_out_as_they_went_in(ohlcv_folder: Path) -> None:
    hours = [row for row in rows_of(ohlcv_folder / "SOLUSDT-1h.csv.gz") if row[0] < T0][-500:]
    days = {row[0]: row for row in rows_of(ohlcv_folder / "SOLUSDT-1d.csv.gz")}
    with replay(ohlcv_folder, T0) as box, ccxt_client(box) as client:
        client.load_markets()
        assert client.fetch_ohlcv(SOL, "1h", limit=501)[:-1] == hours
        shown = client.fetch_ohlcv(SOL, "1d", limit=201)[:-1]
        assert len(shown) == 200
        for day in shown:
            assert day[:5] == days[day[0]][:5]
            assert day[5] == pytest.approx(days[day[0]][5])


@pytest.mark.real_data
def test_a_real_crash_triggers_the_stop_on_its_way(ohlcv_folder: Path) -> None:
    """19 May 2021: Solana fell by half within a day."""
    start = int(dt.datetime(2021, 5, 19, 6, tzinfo=dt.UTC).timestamp() * 1_000)
    with replay(ohlcv_folder, start) as box, ccxt_client(box) as client:
        client.load_markets()
        before = client.fetch_ticker(SOL)["last"]
        order = client.create_order(SOL, "market", "sell", 10, None, {"stopLossPrice": 40})
        assert before > 40
        assert order["status"] == "open"
        box.control.advance(24 * 3_600)
        sold = client.fetch_order(order["id"], SOL)
        assert sold["status"] == "closed"
        assert sold["average"] == pytest.approx(40, rel=0.01)


def zigzag(count: int) -> list[tuple[int, str, str, str, str, str]]:
    rows = []
    price = Decimal(100)
    for hour in range(count):
        close = price + (3 if hour % 3 else -4)
        high, low = max(price, close) + 1, min(price, close) - 1
        rows.append((T0 + hour * HOUR_MS, str(price), str(high), str(low), str(close), "1000.5"))
        price = close
    return rows


def test_nothing_of_an_hour_is_known_before_it_comes(tmp_path: Path) -> None:
    rows = zigzag(30)
    with replay(write_candles(tmp_path, rows), T0 + 10 * HOUR_MS) as box, ccxt_client(box) as client:
        client.load_markets()
        for hour in range(10, 13):
            opened, high, low = (float(rows[hour][i]) for i in (1, 2, 3))
            running = client.fetch_ohlcv(SOL, "1h")[-1]
            assert running == [T0 + hour * HOUR_MS, opened, opened, opened, opened, 0]
            box.control.advance(1_800)
            half = client.fetch_ohlcv(SOL, "1h")[-1]
            assert low < half[3] or half[2] < high
            box.control.advance(1_800)
            whole = [float(field) for field in rows[hour]]
            assert client.fetch_ohlcv(SOL, "1h")[-2] == whole


def test_a_limit_order_fills_on_the_path(tmp_path: Path) -> None:
    with replay(write_candles(tmp_path, zigzag(30)), T0 + HOUR_MS) as box, ccxt_client(box) as client:
        client.load_markets()
        order = client.create_order(SOL, "limit", "sell", 5, 103)
        box.control.advance(10 * 3_600)
        assert sold_at(client, order["id"]) == [103.0]


def sold_at(client: Any, order_id: str) -> list[float]:
    return sorted({trade["price"] for trade in client.fetch_order_trades(order_id, SOL)})


def test_an_outage_shows_no_candles_and_the_price_stands_still(tmp_path: Path) -> None:
    rows = [row for row in zigzag(30) if not 10 <= (row[0] - T0) // HOUR_MS < 15]
    with replay(write_candles(tmp_path, rows), T0 + 9 * HOUR_MS) as box, ccxt_client(box) as client:
        client.load_markets()
        box.control.advance(3 * 3_600)
        assert client.fetch_ticker(SOL)["last"] == float(rows[9][4])
        assert client.fetch_ohlcv(SOL, "1h")[-1][0] == T0 + 9 * HOUR_MS
        box.control.advance(5 * 3_600)
        opened = [candle[0] for candle in client.fetch_ohlcv(SOL, "1h", limit=4)]
        assert opened == [T0 + hour * HOUR_MS for hour in (9, 15, 16, 17)]


def test_before_its_first_candle_a_market_is_closed(tmp_path: Path) -> None:
    with replay(write_candles(tmp_path, zigzag(30)), T0 - HOUR_MS) as box, ccxt_client(box) as client:
        client.load_markets()
        assert client.market(SOL)["active"] is False
        assert client.fetch_tickers() == {}
        box.control.advance(3_600)
        client.load_markets(True)  # noqa: FBT003  # the client's own signature: reload
        assert client.market(SOL)["active"] is True
