"""Every link in README, docs and changelog leads somewhere: the file is there, and so is the heading."""

import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.source_tree import REPOSITORY

PAGES = [
    *sorted(REPOSITORY.glob("*.md")),
    *sorted((REPOSITORY / "docs").rglob("*.md")),
    *(REPOSITORY / folder / "README.md" for folder in ("state", "risk_proposals", "backups")),
]
_FENCE = re.compile(r"^ *(```|~~~).*?^ *\1", re.DOTALL | re.MULTILINE)
_CODE = re.compile(r"`[^`\n]*`")
_LINK = re.compile(r"!?\[(?:[^\[\]]|\[[^\]]*\])*\]\(<?([^)\s>]+)>?(?: \"[^\"]*\")?\)")
_HEADING = re.compile(r"^#{1,6} +(.+?)(?: +#+)?$", re.MULTILINE)
_ELSEWHERE = ("http://", "https://", "mailto:")


def links_in(text: str) -> Iterator[str]:
    """Yield the targets of a page's links; what stands in code is no link."""
    yield from _LINK.findall(_CODE.sub("`", _FENCE.sub("", text)))


def anchors_in(text: str) -> set[str]:
    """Return the anchors of a page's headings, as the site and the usual hosts make them."""
    found: dict[str, int] = {}
    for heading in _HEADING.findall(_FENCE.sub("", text)):
        words = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        plain = unicodedata.normalize("NFKD", words).encode("ascii", "ignore").decode()
        slug = re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", plain).strip().lower())
        found[slug] = found.get(slug, 0) + 1
    return {slug if number == 0 else f"{slug}_{number}" for slug, n in found.items() for number in range(n)}


def broken_links(page: Path, text: str) -> list[str]:
    """Return the links of a page that lead nowhere."""
    return [
        link for link in links_in(text) if not link.startswith(_ELSEWHERE) and not leads(page, text, link)
    ]


def leads(page: Path, text: str, link: str) -> bool:
    """Say whether a relative link leads to a file of the project, and to a heading if it names one."""
    name, _, anchor = link.partition("#")
    target = (page.parent / name).resolve() if name else page
    if not target.is_relative_to(REPOSITORY) or not target.exists():
        return False
    if not anchor:
        return True
    return target.suffix == ".md" and anchor in anchors_in(
        target.read_text(encoding="utf-8") if name else text
    )


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    assert broken_links(page, page.read_text(encoding="utf-8")) == []


def test_no_page_of_the_documentation_is_left_out_of_the_navigation() -> None:
    navigation = (REPOSITORY / "mkdocs.yml").read_text(encoding="utf-8")
    docs = REPOSITORY / "docs"
    pages = {path.relative_to(docs).as_posix() for path in docs.rglob("*.md")}
    assert {page for page in pages if f" {page}\n" not in navigation} == {"runbook_notes.md"}


def test_every_page_can_be_reached_from_the_front_page() -> None:
    docs = REPOSITORY / "docs"
    waiting, seen = [docs / "index.md"], set[Path]()
    while waiting:
        page = waiting.pop()
        if page in seen:
            continue
        seen.add(page)
        names = (link.partition("#")[0] for link in links_in(page.read_text(encoding="utf-8")))
        waiting += [
            (page.parent / name).resolve()
            for name in names
            if name.endswith(".md") and not name.startswith(_ELSEWHERE)
        ]
    lonely = set(docs.rglob("*.md")) - seen
    assert {path.relative_to(docs).as_posix() for path in lonely} == {"runbook_notes.md"}


@pytest.mark.parametrize(
    ("text", "broken"),
    [
        ("[x](README.md)", []),
        ("[x](nowhere.md)", ["nowhere.md"]),
        ("# A b\n[x](#a-b) [y](#a-c)", ["#a-c"]),
        ("[x](docs/glossary.md#glossary) [`y`](docs/glossary.md#no)", ["docs/glossary.md#no"]),
        ("`[x](nowhere.md)`\n```\n[x](nowhere.md)\n```\n", []),
        ("[x](https://example.org/a#b)", []),
        ("[x](../elsewhere.md)", ["../elsewhere.md"]),
    ],
)
def test_the_rule_finds_a_link_that_leads_nowhere(text: str, broken: list[str]) -> None:
    assert broken_links(REPOSITORY / "README.md", text) == broken
