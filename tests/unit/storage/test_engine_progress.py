"""Progress files say what living engines do; whatever else lies there counts for nothing."""

import os
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bot.storage.engine_progress import EngineProgress, read_progress, remove_progress, write_progress
from bot.storage.home import Home, create_home
from bot.storage.process_info import host_name, start_token
from tests.fakes.fake_clock import START


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return create_home(tmp_path / "home")


def progress(asset: str = "SOL", **changes: Any) -> EngineProgress:
    usual = EngineProgress(
        asset=asset,
        proposal_id="p-1",
        step="candles",
        number=3,
        of=5,
        began_at=START,
        at=START,
        pid=os.getpid(),
        host=host_name(),
        start_token=start_token(os.getpid()),
    )
    return msgspec.structs.replace(usual, **changes)


def test_what_is_written_is_read_by_coin_until_it_is_removed(home: Home) -> None:
    write_progress(home, progress("SOL"))
    write_progress(home, progress("ETH", step="writing", number=5))
    write_progress(home, progress("SOL", step="computing", number=4))
    assert {asset: one.step for asset, one in read_progress(home).items()} == {
        "ETH": "writing",
        "SOL": "computing",
    }
    remove_progress(home, "SOL")
    remove_progress(home, "SOL")
    assert set(read_progress(home)) == {"ETH"}


@pytest.mark.parametrize(
    "changes",
    [{"host": "elsewhere"}, {"start_token": "another life"}, {"pid": 2**22 - 1, "start_token": None}],
)
def test_what_a_process_left_that_is_gone_counts_for_nothing(home: Home, changes: dict[str, Any]) -> None:
    write_progress(home, progress(**changes))
    assert read_progress(home) == {}


@pytest.mark.parametrize("text", ["", "{", '{"asset": "SOL"}', "[]"])
def test_a_file_that_cannot_be_read_counts_for_nothing(home: Home, text: str) -> None:
    (home.run / "engine-SOL.json").write_text(text, encoding="utf-8")
    assert read_progress(home) == {}


def test_a_file_under_another_coins_name_counts_for_nothing(home: Home) -> None:
    write_progress(home, progress("SOL"))
    (home.run / "engine-SOL.json").rename(home.run / "engine-ETH.json")
    assert read_progress(home) == {}


def test_a_disk_that_takes_nothing_stops_no_engine(home: Home) -> None:
    home.run.rename(home.run.with_name("gone"))
    write_progress(home, progress())
    assert read_progress(home) == {}
