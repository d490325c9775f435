"""Writing the figures of a full run into `docs/performance.md`, between its two marks."""

import os
import platform
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.measure import Result
from bot.storage.home import file_system_of
from bot.storage.sql.engine import sqlite_module

PAGE = Path(__file__).resolve().parents[1] / "docs" / "performance.md"
BEGIN, END = "<!-- bench: begin -->", "<!-- bench: end -->"


def write_page(results: Sequence[Result], page: Path = PAGE) -> None:
    """Put the figures into the page in the place of those before.

    Raises:
        ValueError: The page has no marks.
    """
    text = page.read_text(encoding="utf-8")
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"{page} has no {BEGIN} with an {END} after it")
    page.write_text(f"{before}{BEGIN}\n\n{as_markdown(results)}\n{END}{after}", encoding="utf-8")


def as_markdown(results: Sequence[Result]) -> str:
    """Return two tables: what was promised, and what is there for the reader to judge."""
    promised = [
        f"| {r.name} | {figure(r.value)} {r.unit} | {r.against} | {_ratio(r)} | {r.bar} |"
        f" {'holds' if r.holds else '**missed**'} |"
        for r in results
        if r.bar
    ]
    others = [f"| {r.name} | {figure(r.value)} {r.unit} |" for r in results if not r.bar]
    head = ["| What | Measured | Beside | Ratio | Bar | |", "| --- | ---: | --- | ---: | --- | --- |"]
    more = ["", "Without a bar:", "", "| What | Measured |", "| --- | ---: |", *others] if others else []
    return "\n".join([f"Measured on: {machine()}.", "", *head, *promised, *more, ""])


def figure(value: float) -> str:
    """Return a figure with as many digits as mean something."""
    if value == int(value):
        return f"{int(value):,}"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"  # noqa: PLR2004 - three digits are enough


def machine() -> str:
    """Return what the figures depend on, without a name of anybody's machine."""
    return ", ".join(
        (
            f"{os.cpu_count()} cores ({platform.machine()})",
            platform.system(),
            file_system_of(Path(tempfile.gettempdir())) or "unknown file system",
            f"Python {platform.python_version()}",
            f"SQLite {sqlite_module().sqlite_version}",
        )
    )


def _ratio(result: Result) -> str:
    return "" if result.ratio is None else f"{result.ratio:.2f}"
