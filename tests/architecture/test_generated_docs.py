"""The committed reference pages are what the code says today."""

import pytest

from bot.kernel.exit_codes import ExitCode
from bot.lifecycle.events import EventType
from docs.events_table import EVENT_MEANING
from docs.generate import DOCS, EXIT_CODE_MEANING, PAGES, table


@pytest.mark.parametrize("name", PAGES)
def test_a_reference_page_is_up_to_date_with_the_code(name: str) -> None:
    assert (DOCS / name).read_text(encoding="utf-8") == PAGES[name](), "run: make docs"


def test_every_exit_code_is_explained() -> None:
    assert set(EXIT_CODE_MEANING) == set(ExitCode)


def test_every_audit_event_is_explained() -> None:
    assert set(EVENT_MEANING) == set(EventType)


def test_a_bar_inside_a_cell_does_not_break_the_table() -> None:
    assert table(["a"], [["x|y"]]).splitlines()[-1] == "| x\\|y |"
