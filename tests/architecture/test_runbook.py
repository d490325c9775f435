"""The runbook has an entry for every reason code and every kind of drift."""

import re
from typing import get_args

import pytest

from bot.kernel.reasons import REASONS
from bot.lifecycle.command_payloads import DriftKind
from docs.runbook import NOTES, missing_and_strange, parts_of, runbook_parts
from tests.architecture.source_tree import REPOSITORY

TEXT = NOTES.read_text(encoding="utf-8")


def test_every_reason_code_has_one_note_in_the_runbook() -> None:
    missing, strange = missing_and_strange(TEXT)
    assert missing == [], "write `## CODE` with what to do into docs/runbook_notes.md"
    assert strange == []


@pytest.mark.parametrize("code", REASONS)
def test_an_entry_says_what_it_means_what_helps_and_more(code: str) -> None:
    (entry,) = (part for part in runbook_parts() if part.startswith(f"### `{code}`\n"))
    assert REASONS[code].sentence in entry
    assert REASONS[code].help.rstrip(".") in entry
    (note,) = (part.body for part in parts_of(TEXT) if part.title == code)
    assert re.match(r"[A-Z0-9`*].*[.!*]$", note, re.DOTALL), note
    assert note.strip(".") not in {REASONS[code].sentence.strip("."), REASONS[code].help.strip(".")}


def test_every_kind_of_drift_stands_in_the_runbook_and_has_its_procedure() -> None:
    (drift,) = (part.body for part in parts_of(TEXT) if part.title == "Drift alerts")
    procedure = (REPOSITORY / "docs/how-to/read-a-drift-alert.md").read_text(encoding="utf-8")
    for kind in get_args(DriftKind):
        assert f"[`{kind}`](how-to/read-a-drift-alert.md#{kind})" in drift
        assert f"\n## `{kind}`\n" in procedure


def test_the_rule_finds_a_missing_a_strange_and_a_second_note() -> None:
    text = "<!-- x -->\n# Group\n\n## usage\n\nText.\n\n## no_such_code\n\nText.\n\n## usage\n\nAgain.\n"
    missing, strange = missing_and_strange(text)
    assert strange == ["no_such_code", "usage"]
    assert set(missing) == set(REASONS) - {"usage"}
