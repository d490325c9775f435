"""The glossary has each word once, in order, and the pages keep to it."""

import re
from pathlib import Path

import pytest

from bot.lifecycle.roles import Role
from docs.rules_table import RULES
from tests.architecture.source_tree import REPOSITORY

TEXT = (REPOSITORY / "docs/glossary.md").read_text(encoding="utf-8")
PAGES = [
    REPOSITORY / "README.md",
    REPOSITORY / "CONTRIBUTING.md",
    *sorted((REPOSITORY / "docs").rglob("*.md")),
]
_NOT_USED = re.compile(r"\b(kill switch|rollback|roll back|whitelist|tokens?|trading pair)\b", re.IGNORECASE)
_SERIES = re.compile(r"\b(?:DR-\d+|SR-\d+|Q-MH-\d+|T\d\d|[RDCM]\d)\b")


def rows(heading: str) -> list[tuple[str, str]]:
    """Return the rows of the first table below a heading."""
    part = TEXT.partition(heading)[2].partition("\n## ")[0]
    cells = [line.strip("| ").split(" | ") for line in part.splitlines() if line.startswith("| ")]
    return [(row[0], row[1]) for row in cells[1:]]


def wrong_words(text: str) -> list[str]:
    """Return the words of a page that the glossary does not want; code is not read."""
    return _NOT_USED.findall(re.sub(r"```.*?```|`[^`\n]*`", "", text, flags=re.DOTALL))


def test_each_word_stands_once_and_in_order() -> None:
    words = [word for word, _ in rows("# Glossary")]
    assert words == sorted(set(words), key=str.lower)
    assert all(meaning for _, meaning in rows("# Glossary"))


def test_the_words_of_the_command_line_are_explained() -> None:
    explained = " ".join(f"{word} {meaning}" for word, meaning in rows("# Glossary"))
    for word in ("baseline", "proposal", "variant", "override", "release", "drift", *Role):
        assert word in explained


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_a_page_uses_the_words_of_the_glossary(page: Path) -> None:
    text = TEXT.partition("## Words that are not used")[0] if page.name == "glossary.md" else ""
    is_decision = page.parent.name == "adr"  # not edited once accepted
    assert is_decision or wrong_words(text or page.read_text(encoding="utf-8")) == []


def test_every_rule_number_that_a_page_cites_is_explained() -> None:
    known = {rule.number for rule in RULES}
    cited = {
        f"{page.name}: {number}"
        for page in PAGES
        if "reference" not in page.parts
        for number in _SERIES.findall(page.read_text(encoding="utf-8"))
        if number not in known
    }
    assert cited == set()


def test_a_word_that_is_not_wanted_is_found() -> None:
    assert wrong_words("a rollback of `rollback`") == ["rollback"]
