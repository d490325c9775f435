"""The newest versions are found among any names; a file is read whole."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.storage.files.atomic_file import temp_files, temps_among
from bot.storage.store_context import bytes_of, bytes_or_none, newest_among, serials_among

VERSIONS = st.integers(1, 10**10).map(lambda serial: f"{serial:08d}.json")
NEAR = st.integers(99_999_990, 100_000_010).map(lambda serial: f"{serial:08d}.json")
ODD = st.sampled_from(
    ["1.json", "zzz.json", "00000009.jsonx", ".00000009.json.12.0a1b2c3d.tmp", "x", "!", "/", "00000004.txt"]
)


@given(st.lists(VERSIONS | NEAR | ODD, unique=True))
def test_the_newest_two_are_those_of_a_close_look_at_every_name(names: list[str]) -> None:
    assert newest_among(names) == serials_among(names)[-2:]


def test_a_gap_before_the_newest_is_seen() -> None:
    assert newest_among(["00000001.json", "00000002.json", "00000007.json"]) == [2, 7]
    assert newest_among(["00000007.json"]) == [7]
    assert newest_among([]) == []


@given(st.lists(VERSIONS | ODD, unique=True))
def test_a_temp_file_is_found_among_any_names(names: list[str]) -> None:
    wanted = [name for name in names if name.endswith(".tmp")]
    assert [path.name for path in temps_among(Path("x"), names)] == wanted


def test_a_folder_that_is_not_there_has_no_temp_files(tmp_path: Path) -> None:
    assert temp_files(tmp_path / "none") == ()


@pytest.mark.parametrize("size", [0, 1, 70_000])
def test_a_file_is_read_whole(tmp_path: Path, size: int) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x" * size)
    assert bytes_of(path) == b"x" * size
    assert bytes_or_none(tmp_path / "none") is None


def test_a_file_whose_size_is_not_told_is_read_whole() -> None:
    assert bytes_of(Path("/proc/self/status")).startswith(b"Name:")
