"""Screens that were looked at and are kept: a command's output at three widths and without a terminal."""

import os
import re
from collections.abc import Iterable
from pathlib import Path

RENEWS = bool(os.environ.get("BOT_TEST_RENEW"))
WIDTHS = (60, 100, 160, None)
"""Columns of the terminal; None for no terminal at all."""
_NUMBERS = re.compile(r"\d[\d,]*\.?\d*")


def width_name(columns: int | None) -> str:
    """Return what a width is called in file names and test ids."""
    return str(columns or "plain")


class KeptScreens:
    """A folder with one file per screen and width."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def assert_as_kept(self, name: str, columns: int | None, shown: str) -> None:
        """Compare with the kept file, or write it where `BOT_TEST_RENEW` is set."""
        if RENEWS:
            self._folder.mkdir(exist_ok=True)
            self._file(name, columns).write_text(shown, encoding="utf-8")
        assert shown == self._read(name, columns)

    def assert_fits_and_cuts_no_number(self, name: str) -> None:
        """Check the kept files of one screen against each other."""
        plain = self._read(name, None)
        for columns in (width for width in WIDTHS if width):
            shown = self._read(name, columns)
            assert max(len(line) for line in shown.splitlines()) <= columns
            assert set(_NUMBERS.findall(plain)) - set(_NUMBERS.findall(shown)) == set()
            assert [line for line in shown.splitlines() if line != line.rstrip()] == []
            assert "\x1b" not in shown
            assert "…" not in shown

    def assert_none_left_over(self, names: Iterable[str]) -> None:
        """Check that the folder holds these screens and nothing else."""
        wanted = {self._file(name, columns).name for name in names for columns in WIDTHS}
        assert {path.name for path in self._folder.iterdir()} == wanted

    def _file(self, name: str, columns: int | None) -> Path:
        return self._folder / f"{name}.{width_name(columns)}.txt"

    def _read(self, name: str, columns: int | None) -> str:
        return self._file(name, columns).read_text(encoding="utf-8")
