"""What README and docs tell people to type exists: make targets and `bot` commands."""

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from bot.cli.entry import root
from tests.architecture.source_tree import REPOSITORY

PAGES = [
    REPOSITORY / "README.md",
    REPOSITORY / "CONTRIBUTING.md",
    *sorted((REPOSITORY / "docs").rglob("*.md")),
]
# In a fenced block as a line, or in back quotes within a sentence.
_FENCED = re.compile(r"^ *```(?:console|bash|sh|text)?\n(.*?)^ *```", re.DOTALL | re.MULTILINE)
_QUOTED = re.compile(r"`([^`\n]+)`")
_MAKE = re.compile(r"(?:^|\s)make ([a-z]+)\b")
_BOT = re.compile(r"^(?:\$ )?(?:\.venv/bin/)?bot((?: (?:--home \S+|[a-z][a-z-]*))+)")


def pieces(text: str) -> Iterator[str]:
    """Yield every piece of a page that is there to be typed."""
    for block in _FENCED.findall(text):
        yield from (line.strip() for line in block.splitlines())
    yield from _QUOTED.findall(_FENCED.sub("", text))


def make_targets() -> set[str]:
    text = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    return set(re.findall(r"^([a-z]+):", text, re.MULTILINE))


def unknown_word(words: list[str]) -> str | None:
    """Return the first word that is no command where it stands, or None."""
    here: click.Command = root
    context = click.Context(here, info_name="bot")
    for word in words:
        if not isinstance(here, click.Group):
            return None
        found = here.get_command(context, word)
        if found is None:
            return word
        context = click.Context(found, info_name=word, parent=context)
        here = found
    return None


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_every_make_target_that_a_page_names_exists(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    named = {name for piece in pieces(text) for name in _MAKE.findall(piece)}
    assert named - make_targets() == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_every_bot_command_that_a_page_names_exists(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    unknown = {}
    for piece in pieces(text):
        if found := _BOT.match(piece):
            words = re.sub(r"--home \S+", "", found[1]).split()
            if word := unknown_word(words):
                unknown[piece] = word
    assert unknown == {}


def test_the_readme_shows_the_two_commands() -> None:
    text = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    assert {"demo", "test"} <= {name for piece in pieces(text) for name in _MAKE.findall(piece)}


def test_the_rule_finds_a_command_that_does_not_exist() -> None:
    assert unknown_word(["state", "check"]) is None
    assert unknown_word(["state", "nonsense"]) == "nonsense"
    assert unknown_word(["nonsense"]) == "nonsense"
