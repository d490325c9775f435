"""The text of the project speaks of the product alone, and promises nothing that is not there."""

import re

import pytest

from tests.architecture.source_tree import python_files, text_files

# Places of one machine, hosts of one network, and notes to oneself.
NOT_OURS = {
    "a machine's path": re.compile(r"(?<![\w.$~}-])/(root|home/\w|Users/\w|opt|srv|workspace)[/\w]"),
    "a package host": re.compile(r"--(find-links|extra-index-url|index-url)\b"),
    "an open task": re.compile(r"(#|//|<!--).*\b(TODO|FIXME|XXX|HACK)\b"),
}
# The patterns themselves stand here; an interpreter's first line names a path by rule.
EXEMPT = {"tests/architecture/test_project_text.py"}


def foreign_words(text: str) -> list[str]:
    """Return what of a text belongs to one machine or is a note to oneself."""
    return [
        f"{number}: {kind}: {found[0]!r}"
        for number, line in enumerate(text.splitlines(), start=1)
        if not line.startswith("#!")
        for kind, pattern in NOT_OURS.items()
        if (found := pattern.search(line))
    ]


def test_no_file_names_one_machine_or_leaves_a_task_open() -> None:
    found = {
        path: words for path, text in text_files() if path not in EXEMPT and (words := foreign_words(text))
    }
    assert found == {}


def test_every_exception_to_a_rule_gives_its_reason() -> None:
    exception = re.compile(r"#\s*(noqa|type:\s*ignore|pragma:\s*no cover)(?P<rest>.*)")
    silent = [
        f"{source.path}:{number} {line.strip()}"
        for source in python_files("bot", "tests", "benchmarks", "docs")
        for number, line in enumerate(source.text.splitlines(), start=1)
        if (found := exception.search(line)) and not re.search(r"(#|-|:)\s+\S+ \S+", found["rest"])
        if source.path not in EXEMPT
    ]
    assert silent == []


@pytest.mark.parametrize("text", ["see /srv/x", "cd /root/x", "# TODO: later", "pip --index-url x"])
def test_the_rule_finds_a_foreign_word(text: str) -> None:
    assert foreign_words(text)


@pytest.mark.parametrize(
    "text", ["GET /api/v3/order", "a home/user relation", "bot/srv/x", "#!/usr/bin/env bash"]
)
def test_other_text_is_fine(text: str) -> None:
    assert foreign_words(text) == []
