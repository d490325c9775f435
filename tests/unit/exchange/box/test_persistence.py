from pathlib import Path

import msgspec
import pytest

from bot.exchange.box import persistence
from bot.kernel.errors import StateFileError
from tests.fakes.box_exchange import box_exchange, place


def test_no_file_is_no_state(tmp_path: Path) -> None:
    assert persistence.load(tmp_path / "box.json") is None


def test_what_was_saved_is_loaded(tmp_path: Path) -> None:
    exchange = box_exchange()
    place(exchange, "SELL", "LIMIT", "1", price="200")
    persistence.save(tmp_path / "box.json", exchange.snapshot())
    assert persistence.load(tmp_path / "box.json") == exchange.snapshot()
    assert [path.name for path in tmp_path.iterdir()] == ["box.json"]


def test_the_keys_in_the_file_are_for_its_owner_only(tmp_path: Path) -> None:
    persistence.save(tmp_path / "box.json", box_exchange().snapshot())
    assert (tmp_path / "box.json").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("text", ["", "{", "[]", '{"version": 1}'])
def test_a_damaged_file_is_refused_and_left_alone(tmp_path: Path, text: str) -> None:
    path = tmp_path / "box.json"
    path.write_text(text)
    with pytest.raises(StateFileError):
        persistence.load(path)
    assert path.read_text() == text


def test_a_file_of_another_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "box.json"
    persistence.save(path, box_exchange().snapshot())
    path.write_bytes(path.read_bytes().replace(b'"version":1', b'"version":2', 1))
    with pytest.raises(StateFileError, match="found version 2"):
        persistence.load(path)


def test_a_file_from_before_order_lists_and_trailing_stops_is_still_read(tmp_path: Path) -> None:
    exchange = box_exchange()
    place(exchange, "SELL", "LIMIT", "1", price="200")
    kept = msgspec.to_builtins(exchange.snapshot())
    for name in ("lists", "gone"):
        del kept["ledger"][name]
    for name in ("trailing_bps", "trailing_ms", "extreme", "list_id"):
        del kept["ledger"]["orders"][0][name]
    for name in ("limits", "extra_coins", "ping_every_s", "connection_life_s"):
        del kept["config"][name]
    path = tmp_path / "box.json"
    path.write_bytes(msgspec.json.encode(kept))
    assert persistence.load(path) == exchange.snapshot()
