"""The main job on candles from files: real ones where they are there, generated ones always.

Outcomes of the real periods were found by a scan and are pinned. What must happen is computed a second
time from the file alone: the first hour at whose end the price has passed the agreed level.
"""

import datetime as dt
import gzip
import random
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import pytest

from bot.lifecycle.states import AssetState
from tests.fakes.bot_world import BotWorld, bot_world, words_of
from tests.fakes.box_exchange import HOUR_MS, write_candles
from tests.fakes.home_checks import assert_home_is_whole, audit_types

WALLET = {"SOL": Decimal(40), "USDT": Decimal(5_000)}
HOURS_MOST = 400
FEE = Decimal("0.001")


class Period(NamedTuple):
    start: dt.datetime
    reason: str
    hours: int
    reference: str
    stop: str
    target: str
    approved: str


WATCHED = ("drift", "drift_updated", "drift_gone", "drift_back", "regime_settled")
"""What the drift watch may say on the way; it sells nothing, and holds no agreed exit back (T20)."""


def _utc(year: int, month: int, day: int) -> dt.datetime:
    return dt.datetime(year, month, day, tzinfo=dt.UTC)


REAL = [
    Period(_utc(2021, 6, 20), "stop_loss", 57, "35.195", "25.1054", "47.9398", "6.35"),
    Period(_utc(2021, 3, 28), "take_profit", 54, "16.4516", "13.439", "20.2569", "18.78"),
]


def run_to_the_exit(world: BotWorld) -> int:
    """Hand SOL over, then let hour after hour pass; return how many passed until the exit."""
    world.hand_over("SOL")
    for hour in range(1, HOURS_MOST + 1):
        world.advance(3_600)
        report = world.cycle()
        if told := [word for word in words_of(report) if word not in WATCHED]:
            assert told == ["exit_sent", "exit_filled", "closed"]
            return hour
    raise AssertionError(f"no exit within {HOURS_MOST} hours")


def closes_after(folder: Path, start: dt.datetime) -> list[Decimal]:
    """Return the closing prices of the hours from `start` on, read from the file without the box."""
    (path,) = (*folder.glob("SOLUSDT-1h.csv"), *folder.glob("SOLUSDT-1h.csv.gz"))
    raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    rows = [line.split(",") for line in raw.decode().splitlines()[1:]]
    first_ms = int(start.timestamp() * 1_000)
    return [Decimal(row[4]) for row in rows if int(row[0]) >= first_ms]


def first_hour_past(closes: list[Decimal], stop: Decimal, target: Decimal) -> int:
    return next(hour for hour, price in enumerate(closes, 1) if not stop < price < target)


def play(root: Path, folder: Path, start: dt.datetime, reason: str) -> tuple[BotWorld, int]:
    """Play a period to its exit and check all that holds for any period."""
    with bot_world(
        root,
        start=start,
        wallet=WALLET,
        symbols=("SOLUSDT",),
        replay_folder=str(folder),
        replay_timeframe="1h",
    ) as world:
        hours = run_to_the_exit(world)
        entry, after = world.entry("SOL"), world.balances()
        stop, target = entry.stop_loss or Decimal(0), entry.take_profit or Decimal(0)
        closes = closes_after(folder, start)
        assert hours == first_hour_past(closes, stop, target)
        assert entry.state is AssetState.EXIT_EXECUTED
        assert entry.reason is not None
        assert entry.reason.code == f"exit_{reason}"
        sold, quote = entry.sold_quantity or Decimal(0), entry.sold_quote or Decimal(0)
        assert sold == entry.approved_quantity
        assert after["SOL"] == WALLET["SOL"] - sold if sold < WALLET["SOL"] else "SOL" not in after
        assert abs(after["USDT"] - WALLET["USDT"] - quote * (1 - FEE)) < Decimal("0.000001")
        price = closes[hours - 1]
        assert abs(quote / sold - price) < price / 100, "sold near the market's price of that hour"
        assert audit_types(world.app, "SOL")[-2:] == ["exit_intent_opened", "exit_executed"]
        world.advance(3_600)
        assert world.cycle().watched == ()
        assert world.orders_sent() == 1
        assert_home_is_whole(world.app)
        return world, hours


@pytest.mark.real_data
@pytest.mark.parametrize("period", REAL, ids=[period.reason for period in REAL])
def test_the_main_job_on_real_candles(tmp_path: Path, ohlcv_folder: Path, period: Period) -> None:
    world, hours = play(tmp_path / "home", ohlcv_folder, period.start, period.reason)
    entry = world.entry("SOL")
    assert hours == period.hours
    assert entry.reference_price == Decimal(period.reference)
    assert entry.stop_loss == Decimal(period.stop)
    assert entry.take_profit == Decimal(period.target)
    assert entry.approved_quantity == Decimal(period.approved)


def synthetic_candles(folder: Path, start: dt.datetime, drift: float) -> Path:
    """Write ninety days of a wandering price, then a fortnight of one that goes one way."""
    generator, price = random.Random(11), 40.0
    rows: list[tuple[int, str, str, str, str, str]] = []
    first_ms = int(start.timestamp() * 1_000) - 90 * 24 * HOUR_MS
    for hour in range(104 * 24):
        pull = drift if hour >= 90 * 24 else (40.0 - price) / 4_000
        opened, price = price, max(1.0, price * (1 + pull + generator.gauss(0, 0.006)))
        high, low = max(opened, price) * 1.002, min(opened, price) * 0.998
        o, h, lowest, c = (f"{value:.4f}" for value in (opened, high, low, price))
        volume = f"{generator.uniform(20_000, 60_000):.2f}"
        rows.append((first_ms + hour * HOUR_MS, o, h, lowest, c, volume))
    return write_candles(folder, rows)


@pytest.mark.parametrize(("drift", "reason"), [(-0.004, "stop_loss"), (0.004, "take_profit")])
def test_the_main_job_on_generated_candles(tmp_path: Path, drift: float, reason: str) -> None:
    folder = tmp_path / "candles"
    folder.mkdir()
    start = _utc(2021, 6, 20)
    play(tmp_path / "home", synthetic_candles(folder, start, drift), start, reason)


@pytest.mark.real_data
def test_an_outage_in_the_real_candles_is_no_reason_to_sell(tmp_path: Path, ohlcv_folder: Path) -> None:
    """On 2021-08-13 there is no candle for several hours: the price stands still, nothing happens."""
    start = _utc(2021, 8, 13)
    with bot_world(
        tmp_path / "home",
        start=start,
        wallet=WALLET,
        symbols=("SOLUSDT",),
        replay_folder=str(ohlcv_folder),
        replay_timeframe="1h",
    ) as world:
        world.hand_over("SOL")
        prices = []
        for _ in range(12):
            world.advance(3_600)
            prices.append(world.box.control.price("SOLUSDT"))
            assert words_of(world.cycle()) == []
        assert len(set(prices)) < len(prices), "the outage is in the period"
        assert world.managed.state_of("SOL") is AssetState.MANAGED_ACTIVE
