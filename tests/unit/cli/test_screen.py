"""Tables and values, as they are laid out."""

import datetime as dt
import io
from decimal import Decimal

import pytest
from rich.console import Console

from bot.cli.moments import zone_named
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


@pytest.mark.parametrize(
    ("width", "below"),
    [
        (20, ["  quantity", "    123456.78901234", "  note a note with"]),
        (30, ["  quantity 123456.78901234", "  note a note with several"]),
        (40, ["  quantity 123456.78901234", "  note a note with several words that"]),
    ],
)
def test_where_that_is_too_narrow_each_row_is_a_few_lines_without_its_empty_cells(
    width: int, below: list[str]
) -> None:
    lines = printed(width)
    assert lines[0] == "SOL"
    assert lines[1 : 1 + len(below)] == below
    assert lines[-2:] == ["", "ETH"]


def test_what_leads_stands_on_the_first_line_and_the_rest_is_packed() -> None:
    columns = (Column("asset", leads=True), Column("quantity", number=True, leads=True), Column("x" * 40))
    lines = printed(40, columns)
    assert lines[0] == "SOL  123456.78901234"


def test_a_last_column_of_numbers_is_never_wrapped() -> None:
    columns = (Column("asset"), Column("quantity", number=True), Column("note", number=True))
    assert printed(52, columns)[0] == "SOL"


@pytest.mark.parametrize("width", [30, 60])
def test_a_long_line_goes_on_below_indented(width: int) -> None:
    screen, out = Screen(as_json=False), io.StringIO()
    screen.out = Console(file=out, width=width, force_terminal=True, color_system=None, highlight=False)
    screen.line("  some words that are too long for a narrow terminal, and end at 123456.78901234")
    lines = out.getvalue().splitlines()
    assert all(line.startswith("    ") for line in lines[1:])
    assert max(map(len, lines)) <= width
    assert "123456.78901234" in out.getvalue()


@pytest.mark.parametrize("unit", ["%", "ATR", "USDT", "bps", "s"])
def test_a_number_is_not_parted_from_its_unit(unit: str) -> None:
    screen, out = Screen(as_json=False), io.StringIO()
    screen.out = Console(file=out, width=30, force_terminal=True, color_system=None, highlight=False)
    screen.line(f"the price is this far away 2.45 {unit} and more")
    assert out.getvalue().splitlines()[1].lstrip().startswith(f"2.45 {unit}")


def test_local_time_stands_behind_utc() -> None:
    moment = dt.datetime(2026, 5, 1, 12, 0, 0, 5, tzinfo=dt.UTC)
    assert Screen(as_json=False).when(moment) == "2026-05-01T12:00:00Z"
    berlin = Screen(as_json=False, zone=zone_named("Europe/Berlin"))
    assert berlin.when(moment) == "2026-05-01T12:00:00Z (2026-05-01 14:00:00 CEST)"


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
