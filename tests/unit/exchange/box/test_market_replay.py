import gzip
from decimal import Decimal
from pathlib import Path

import pytest

from bot.exchange.box.bars import Bar
from bot.exchange.box.candles import Wanted, find_candles
from bot.exchange.box.market_replay import ReplayMarket
from bot.exchange.box.market_view import MarketView
from bot.kernel.errors import SettingsError
from tests.fakes.box_exchange import HOUR_MS, write_candles

T0 = 1_597_104_000_000
ROWS = [
    (T0, "2.85", "3.47", "2.84", "2.9515", "20032.26"),
    (T0 + HOUR_MS, "2.9515", "3.1355", "2.88", "2.9224", "42069.37"),
    (T0 + 4 * HOUR_MS, "3", "3.2", "2.9", "3.1", "10"),
]


def replay(folder: Path) -> ReplayMarket:
    return ReplayMarket(folder=write_candles(folder, ROWS), timeframe="1h")


def test_a_file_becomes_a_market_with_its_own_grid(tmp_path: Path) -> None:
    source = replay(tmp_path)
    coin = source.coins["SOLUSDT"]
    assert (coin.tick, coin.step) == (Decimal("0.0001"), Decimal("0.001"))
    assert coin.min_notional == 5
    volume = 2_003_226_000_000
    assert source.bar("SOLUSDT", HOUR_MS, T0) == Bar(T0, 28_500, 34_700, 28_400, 29_515, volume)


def test_a_compressed_file_is_the_same_market(tmp_path: Path) -> None:
    plain = write_candles(tmp_path, ROWS) / "SOLUSDT-1h.csv"
    packed = tmp_path / "packed"
    packed.mkdir()
    (packed / "SOLUSDT-1h.csv.gz").write_bytes(gzip.compress(plain.read_bytes()))
    source = ReplayMarket(folder=packed, timeframe="1h")
    assert source.bar("SOLUSDT", HOUR_MS, T0) == replay(tmp_path).bar("SOLUSDT", HOUR_MS, T0)


def test_before_its_first_bar_a_market_is_closed(tmp_path: Path) -> None:
    view = MarketView(replay(tmp_path))
    assert view.last("SOLUSDT", T0 - 1) is None
    assert view.day("SOLUSDT", T0 - 1) is None
    assert view.last("SOLUSDT", T0) == 28_500


def test_in_an_outage_the_price_stands_still_and_there_is_no_candle(tmp_path: Path) -> None:
    view = MarketView(replay(tmp_path))
    now = T0 + 3 * HOUR_MS + 1_000
    assert view.last("SOLUSDT", now) == 29_224
    hours = find_candles(view, Wanted("SOLUSDT", "1h", None, None, 10), now)
    assert [candle.bar.opened_ms for candle in hours] == [T0, T0 + HOUR_MS]
    later = find_candles(view, Wanted("SOLUSDT", "1h", T0 + 2 * HOUR_MS, None, 10), T0 + 9 * HOUR_MS)
    assert [candle.bar.opened_ms for candle in later] == [T0 + 4 * HOUR_MS]


def test_after_the_last_bar_the_price_stands_still(tmp_path: Path) -> None:
    view = MarketView(replay(tmp_path))
    assert view.last("SOLUSDT", T0 + 10_000 * HOUR_MS) == 31_000
    minutes = find_candles(view, Wanted("SOLUSDT", "1m", None, None, 3), T0 + 10_000 * HOUR_MS)
    assert [candle.bar.opened_ms for candle in minutes] == [T0 + 5 * HOUR_MS - i * 60_000 for i in (3, 2, 1)]


def test_a_running_bar_shows_only_what_has_been(tmp_path: Path) -> None:
    view = MarketView(replay(tmp_path))
    bar = view.candle("SOLUSDT", T0, T0 + HOUR_MS, T0 + HOUR_MS // 2)
    assert bar is not None
    assert (bar.open, bar.low, bar.volume) == (28_500, 28_400, 1_001_613_000_000)
    assert bar.high == bar.close < 34_700


def test_longer_candles_are_joined_from_the_files_own(tmp_path: Path) -> None:
    view = MarketView(replay(tmp_path))
    (day,) = find_candles(view, Wanted("SOLUSDT", "1d", None, None, 5), T0 + 24 * HOUR_MS - 1)
    assert (day.bar.open, day.bar.high, day.bar.low, day.bar.close) == (28_500, 34_700, 28_400, 31_000)
    assert day.bar.volume == 2_003_226_000_000 + 4_206_937_000_000 + 1_000_000_000


def test_shorter_candles_follow_the_path_and_join_to_the_bar(tmp_path: Path) -> None:
    view = MarketView(replay(tmp_path))
    minutes = find_candles(view, Wanted("SOLUSDT", "1m", T0, T0 + HOUR_MS - 1, 60), T0 + HOUR_MS)
    assert len(minutes) == 60
    assert max(candle.bar.high for candle in minutes) == 34_700
    assert min(candle.bar.low for candle in minutes) == 28_400
    assert sum(candle.bar.volume for candle in minutes) == 2_003_226_000_000


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "it needs rows"),
        ("x,1,1,1,1,1", "does not start with a time"),
        (f"{T0},1,1,1,1", "5 columns"),
        (f"{T0},1,1,1,1,1\n{T0},1,1,1,1,1", "each time once"),
        (f"{T0 + 1},1,1,1,1,1", "not the start of a bar"),
    ],
)
def test_a_broken_file_stops_the_start(tmp_path: Path, text: str, why: str) -> None:
    (tmp_path / "SOLUSDT-1h.csv").write_text(text)
    with pytest.raises(SettingsError, match=why):
        ReplayMarket(folder=tmp_path, timeframe="1h")


@pytest.mark.parametrize(
    "row",
    ["1,2,1.5,1.7,1", "1,inf,1,1,1", "1,2,1,1,inf", "1,1,2,1,1", "nan,1,1,1,1", "1,1,1,1,-1", "a,1,1,1,1"],
)
def test_an_impossible_candle_stops_the_start(tmp_path: Path, row: str) -> None:
    (tmp_path / "SOLUSDT-1h.csv").write_text(f"{T0},{row}")
    with pytest.raises(SettingsError, match="candle"):
        ReplayMarket(folder=tmp_path, timeframe="1h")


def test_a_folder_without_the_wanted_market_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="BTCUSDT"):
        ReplayMarket(folder=write_candles(tmp_path, ROWS), timeframe="1h", symbols=["BTCUSDT"])
    with pytest.raises(SettingsError, match="not a folder"):
        ReplayMarket(folder=tmp_path / "none", timeframe="1h")
