import datetime as dt
from decimal import Decimal
from typing import Any

import pytest

from bot.exchange.box.config import BoxConfig
from bot.kernel.errors import SettingsError
from tests.fakes.box_exchange import box_exchange


@pytest.mark.parametrize(
    "settings",
    [
        {"start": dt.datetime(2026, 1, 1)},  # noqa: DTZ001  # a time without a zone is the case
        {"speed": -1},
        {"speed": float("nan")},
        {"fee_bps": Decimal(10_000)},
        {"fee_bps": Decimal(-1)},
        {"liquidity": Decimal(0)},
        {"book_levels": 0},
        {"wallet": {"SOL": Decimal(-1)}},
        {"wallet": {"SOL": Decimal("0.000000001")}},
        {"wallet": {"SOL": Decimal("NaN")}},
        {"replay_folder": "x"},
        {"replay_folder": "x", "start": dt.datetime(2022, 1, 1, tzinfo=dt.UTC), "replay_timeframe": "2h"},
    ],
)
def test_an_impossible_setting_stops_the_start(settings: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match="cannot start"):
        BoxConfig(**settings).checked()


def test_a_market_that_is_not_there_stops_the_start() -> None:
    with pytest.raises(SettingsError, match="NOPEUSDT"):
        box_exchange(symbols=("SOL/USDT", "NOPE/USDT"))


def test_symbols_may_be_written_both_ways() -> None:
    exchange = box_exchange(symbols=("SOL/USDT", "ETHUSDT"))
    assert set(exchange.view.coins) == {"SOLUSDT", "ETHUSDT"}
