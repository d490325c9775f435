"""Tables and values, as they are laid out."""

import datetime as dt
import io
from decimal import Decimal

import pytest
from rich.console import Console

from bot.cli.screen import Column, Screen, show, worker_words

COLUMNS = (Column("asset"), Column("quantity", number=True), Column("note"))
ROWS: list[list[object]] = [
    ["SOL", Decimal("123456.78901234"), "a note with several words that may wrap"],
    ["ETH", None, ""],
]


def printed(width: int | None, columns: tuple[Column, ...] = COLUMNS) -> list[str]:
    """Return the lines of the table on a terminal of that width, or without one."""
    screen, out = Screen(as_json=False), io.StringIO()
    terminal = width is not None
    screen.out = Console(
        file=out, width=width or 10_000, force_terminal=terminal, color_system=None, highlight=False
    )
    screen.table(columns, ROWS)
    return out.getvalue().splitlines()


def test_without_a_terminal_rows_are_plain_lines_without_trailing_space() -> None:
    assert printed(None) == [
        "asset         quantity  note",
        "SOL    123456.78901234  a note with several words that may wrap",
        "ETH                  -",
    ]


def test_a_narrow_terminal_wraps_the_last_column_of_words_only() -> None:
    lines = printed(52)
    assert lines[1:3] == [
        "SOL    123456.78901234  a note with several words",
        "                        that may wrap",
    ]


@pytest.mark.parametrize("width", [20, 30, 40])
def test_where_that_is_too_narrow_each_row_is_a_block_without_its_empty_cells(width: int) -> None:
    lines = printed(width)
    assert lines[0] == "asset     SOL"
    assert "quantity  123456.78901234" in " ".join(lines) or "123456.78901234" in lines
    assert lines[-1] == "asset     ETH"


def test_a_last_column_of_numbers_is_never_wrapped() -> None:
    columns = (Column("asset"), Column("quantity", number=True), Column("note", number=True))
    assert printed(52, columns)[0] == "asset     SOL"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "-"),
        (Decimal("1E-8"), "0.00000001"),
        (Decimal("10.500"), "10.5"),
        (True, "yes"),
        (dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC), "2026-01-02T03:04:05Z"),
        ("words", "words"),
    ],
)
def test_values_read_as_people_read_them(value: object, shown: str) -> None:
    assert show(value) == shown


def test_an_old_heartbeat_is_marked_with_its_age() -> None:
    worker = {"what": "run", "pid": 7, "age_s": 3.2, "loop_age_s": None}
    assert worker_words(worker) == "run 7, heartbeat 3 s ago"
    assert worker_words({**worker, "age_s": 65.0}) == "run 7, heartbeat 65 s ago STALE"
    assert worker_words(None) == "no worker running"
